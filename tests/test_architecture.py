"""Who may import whom, and what the pure rooms must not touch (design: the house)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from engine.store import migrate

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


@pytest.fixture(scope="module")
def loaded() -> list[set[str]]:
    """What a fresh interpreter has imported: in a process with a model, at the beginning of
    `kav serve`, and when it serves."""
    stages = (
        "bridge.__main__, engine.providers.jobs, engine.providers.worker",
        "bridge.commands.serve",
        "bridge.equipment, bridge.office, bridge.gate, bridge.twilio_media, bridge.asterisk, "
        "engine.store.opening",
    )
    code = "\n".join(f"import sys, {stage}\nprint(*sys.modules)" for stage in stages)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_a_process_with_a_model_imports_no_settings(loaded: list[set[str]]) -> None:
    # It imports the main module once more, before it loads its model.
    assert loaded[0] & {"bridge.settings", "pydantic", "yaml", "aiohttp", "sqlalchemy"} == set()


def test_the_processes_with_models_begin_before_the_slow_imports(loaded: list[set[str]]) -> None:
    assert loaded[1] & {"sqlalchemy", "aiohttp", "onnxruntime", "bridge.equipment"} == set()


def test_a_bridge_imports_only_what_it_serves_with(loaded: list[set[str]]) -> None:
    """Each of these takes 50 to 200 ms, and after a crash callers wait for the start."""
    slow = {"alembic", "asyncpg", "icalendar", "recurring_ical_events", "phonenumbers"}
    others = {"twilio.rest", "bidi", "bridge.evaluation", "bridge.rehearsal"}
    assert loaded[2] & (slow | others | {"sqlalchemy.dialects.postgresql"}) == set()


def test_the_newest_schema_is_the_last_step() -> None:
    # A start asks Alembic for steps only when the database has another one.
    head = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations")).get_current_head()
    assert head == migrate.NEWEST
