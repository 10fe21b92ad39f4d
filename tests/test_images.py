"""The images and the compose file, as far as a machine without a docker engine can try them."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from bridge.gate import LAST_WORDS
from bridge.settings import Settings

ROOT = Path(__file__).parents[1]
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())


def instructions(dockerfile: Path, kind: str) -> list[str]:
    """Those of a kind, each on one line."""
    joined = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE).replace("\\\n", "")
    return re.findall(rf"^{kind} +(.*)$", joined, flags=re.MULTILINE)


def tool(*command: str) -> None:
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_a_dockerfile_has_nothing_to_complain_of(dockerfile: Path) -> None:
    tool(str(Path(sys.executable).parent / "hadolint"), str(dockerfile))


def test_the_compose_file_is_one() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    tool(sys.executable, "-m", "check_jsonschema", *schema, "docker/compose.yaml")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_what_is_copied_is_there_and_is_sent_to_the_builder(dockerfile: Path) -> None:
    sent = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    for copied in instructions(dockerfile, "COPY"):
        *sources, _ = shlex.split(copied)
        for source in sources if not sources[0].startswith("--from") else ():
            assert (ROOT / source).exists()
            assert any(fnmatch.fnmatch(f"{source}/", f"{name}/*") for name in sent), source


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_nothing_runs_as_root_or_through_a_shell(dockerfile: Path) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", instructions(dockerfile, "USER")[-1])
    for kind in ("ENTRYPOINT", "CMD"):
        for command in instructions(dockerfile, kind):
            assert json.loads(command)


@pytest.mark.parametrize("service", COMPOSE["services"].values(), ids=list(COMPOSE["services"]))
def test_a_service_may_do_nothing_that_it_need_not(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"]
    assert service["pids_limit"]


def test_the_bridge_and_the_asterisk_of_the_compose_file_know_each_other() -> None:
    bridge, asterisk = (COMPOSE["services"][name]["environment"] for name in ("bridge", "asterisk"))
    assert bridge["KAV_AMI_HOST"] == "${KAV_AMI_HOST-127.0.0.1}"
    assert "AMI_SECRET" in bridge["KAV_AMI_SECRET"]
    assert asterisk["RETRY"] == "yes"  # a bridge that comes back is told who is back


def test_what_asterisk_says_itself_is_in_its_image() -> None:
    dockerfile = ROOT / "docker" / "asterisk.Dockerfile"
    (sounds,) = re.findall(r"SOUNDS=(\S+)", " ".join(instructions(dockerfile, "ENV")))
    copied = [shlex.split(one) for one in instructions(dockerfile, "COPY")]
    assert ["--from=prompts", sounds, sounds] in copied


def test_the_bridge_is_asked_for_its_health_where_the_settings_have_put_it() -> None:
    asked: list[str] = []

    class Bridge(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    (check,) = instructions(ROOT / "docker" / "bridge.Dockerfile", "HEALTHCHECK")
    _, *command = json.loads(check.partition("CMD ")[2])
    with ThreadingHTTPServer(("127.0.0.1", 0), Bridge) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        port = {"KAV_HTTP_PORT": str(server.server_port)}
        subprocess.run([sys.executable, *command], env=os.environ | port, check=True)
        server.shutdown()
    assert asked == ["/version"]


def test_what_asterisk_records_is_kept_and_what_it_logs_is_the_containers() -> None:
    dockerfile = ROOT / "docker" / "asterisk.Dockerfile"
    env = dict(re.findall(r"([A-Z_]+)=(\S+)", " ".join(instructions(dockerfile, "ENV"))))
    assert env["LOG_TO"] == "console"
    assert instructions(dockerfile, "VOLUME") == [env["SPOOL"]]
    assert COMPOSE["services"]["asterisk"]["volumes"] == [f"recordings:{env['SPOOL']}"]
    assert "recordings" in COMPOSE["volumes"]


def test_whatever_the_compose_file_tells_asterisk_is_a_setting_of_it() -> None:
    script = (ROOT / "asterisk" / "run").read_text()
    settings = set(re.findall(r"\b[A-Z][A-Z_]+\b", script.partition("set -euo")[0]))
    told = set(COMPOSE["services"]["asterisk"]["environment"])
    assert told <= settings
    assert {name for name in settings if name.startswith("TRUNK")} <= told


def test_a_container_that_is_stopped_has_the_time_to_drain() -> None:
    grace = COMPOSE["services"]["bridge"]["stop_grace_period"]
    assert (
        int(grace.removesuffix("s")) > Settings.model_fields["kav_drain_sec"].default + LAST_WORDS
    )


# What the RUN lines do, with uv for pip: it tries them without installing.


def uv() -> str:
    return shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")


@pytest.mark.e2e
def test_the_requirement_files_of_the_image_agree_and_have_their_hashes(tmp_path: Path) -> None:
    (run, *_) = instructions(ROOT / "docker" / "bridge.Dockerfile", "RUN")
    for command in run.split("&&")[1:]:
        program, verb, *options = shlex.split(command)
        assert (program, verb) == ("/opt/kav/bin/pip", "install")
        options.remove("--no-cache-dir")
        tried = ("--dry-run", "--python-version", "3.11", "--target", str(tmp_path))
        tool(uv(), "pip", "install", *tried, *options)


@pytest.mark.e2e
def test_the_wheel_of_the_image_has_everything_and_runs(tmp_path: Path) -> None:
    source, there = tmp_path / "src", tmp_path / "there"
    for copied in instructions(ROOT / "docker" / "bridge.Dockerfile", "COPY"):
        copy(copied, source)
    build = ("build", "--wheel", "--build-constraints", "requirements/build.txt")
    tool(uv(), *build, "--out-dir", str(tmp_path), str(source))
    with ZipFile(next(tmp_path.glob("kav-*.whl"))) as wheel:
        wheel.extractall(there)
    ours = (path for room in ("engine", "bridge") for path in (ROOT / room).rglob("*.*"))
    wanted = [path.relative_to(ROOT) for path in ours if path.suffix != ".pyc"]
    assert [path for path in wanted if not (there / path).exists()] == []
    told = subprocess.run(
        [sys.executable, "-m", "bridge", "serve", "--help"],
        cwd=there,
        env=os.environ | {"PYTHONPATH": str(there)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "--workers" in told.stdout


def copy(copied: str, source: Path) -> None:
    *names, target = shlex.split(copied)
    for name in names if not names[0].startswith("--from") else ():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / target)
        else:
            (source / target).mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / target)
