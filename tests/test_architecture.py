"""Who may import whom, and what the pure rooms must not touch (design: the house)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("engine/**/*.py"), *ROOT.glob("bridge/**/*.py")])
IMPURE = {
    *("asyncio", "logging", "os", "pathlib", "queue", "random", "socket", "subprocess"),
    *("threading", "time", "uvloop", "aiohttp"),
}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _is_pure(path: Path) -> bool:
    name = _name(path)
    return name.startswith(("engine/core/", "engine/dialogue/")) or path.name in {
        "codec.py",
        "playout.py",
    }


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(path)}: imports are absolute here"
            yield node.module or ""


@pytest.mark.parametrize("path", [path for path in SOURCES if _is_pure(path)], ids=_name)
def test_a_pure_room_has_no_clock_no_io_and_no_async(path: Path) -> None:
    assert {name.partition(".")[0] for name in _imports(path)} & IMPURE == set()
    kinds = {type(node) for node in ast.walk(ast.parse(path.read_text()))}
    assert kinds & {ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith} == set()


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_imports_point_inwards(path: Path) -> None:
    name = _name(path)
    ours = {module for module in _imports(path) if module.startswith(("engine", "bridge"))}
    allowed: tuple[str, ...] = ("engine", "bridge")
    if name.startswith("engine/core/"):
        allowed = ("engine.core",)
    elif name.startswith("engine/dialogue/"):
        allowed = ("engine.core", "engine.dialogue")
    elif name.startswith("engine/"):
        allowed = ("engine",)
    assert {module for module in ours if not module.startswith(allowed)} == set()


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_only_the_settings_read_the_environment(path: Path) -> None:
    if _name(path) == "bridge/settings.py":
        return
    named = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert named & {"environ", "getenv"} == set()


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_every_file_says_why_it_exists(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not tree.body or ast.get_docstring(tree)
