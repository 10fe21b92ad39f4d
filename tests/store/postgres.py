"""A real PostgreSQL, made for a test and gone after it: in a folder of its own, over a socket in
it, no TCP."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it has none

_QUICK = "-c fsync=off -c listen_addresses= -c max_connections=400"


def _programs() -> Path:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: one.parent.name)
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).resolve().parent)
    if not folders:
        raise RuntimeError("PostgreSQL is missing: sudo apt-get install postgresql")
    return folders[-1]


@contextmanager
def postgres() -> Generator[str]:
    """Its address, as `open_store` wants it."""
    # It refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="kav-pg-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, user)

        def do(program: str, *arguments: str) -> None:
            told = subprocess.run(
                [_programs() / program, *arguments],
                user=user if os.geteuid() == 0 else None,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                check=False,
            )
            assert told.returncode == 0, f"{program}: {(folder / 'log').read_text()}"

        (folder / "log").touch()
        if os.geteuid() == 0:
            shutil.chown(folder / "log", user)
        data = str(folder / "data")
        do("initdb", "-D", data, "-U", "kav", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"{_QUICK} -k {folder}"
        do("pg_ctl", "-D", data, "-l", str(folder / "log"), "-o", options, "-w", "start")
        try:
            yield f"postgresql://kav@/postgres?host={folder}"
        finally:
            do("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


async def sql(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    await connection.execute(statement)
    await connection.close()
