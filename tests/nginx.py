"""A real nginx in front of a bridge, with `deploy/nginx.conf` as it is shipped but for names."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bridge.commands.serve import listening
from bridge.gate import Gate
from bridge.lab import free_port
from bridge.settings import Settings
from bridge.switchboard import Switchboard
from bridge.tracefiles import TraceFiles
from tests.bench.bridge_process import instant
from tests.certificates import CERTIFICATE, KEY

ROOT = Path(__file__).parents[1]
START_SECONDS = 10.0
TOKEN = "a token for tests"
"""Twilio's, of the bridge behind it."""
_AROUND = """\
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def fetch() -> str:
    """The program. The first time it is downloaded."""
    told = subprocess.run([ROOT / "tools" / "nginx"], stdout=subprocess.PIPE, text=True, check=True)
    return told.stdout.strip()


@asynccontextmanager
async def bridge_behind_nginx(
    program: str, folder: Path, public_url: str | None = None
) -> AsyncIterator[tuple[str, Gate]]:
    """A bridge that answers at once; nginx's address, which is the public one unless it is named.
    Its certificate is in `folder` (`tests.certificates`)."""
    port = free_port(socket.SOCK_STREAM)
    at = f"https://localhost:{port}"
    settings = Settings(
        kav_audiosocket_port=0,
        kav_http_port=0,
        kav_data=folder,
        kav_public_url=public_url or at,
        twilio_auth_token=TOKEN,
    )
    traces = TraceFiles(folder / "traces")
    gate = Gate(Switchboard(instant(settings), traces, most=5, trace_text=False))
    async with (
        listening(settings, gate) as addresses,
        _nginx(program, folder, port=port, bridge=addresses.http[1]),
    ):
        yield at, gate
    traces.close()


@asynccontextmanager
async def _nginx(program: str, folder: Path, *, port: int, bridge: int) -> AsyncIterator[None]:
    _configure(folder, bridge, port)
    process = await asyncio.create_subprocess_exec(
        program, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"
    )
    try:
        await _until_it_listens(port, process, folder)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _configure(folder: Path, bridge: int, port: int) -> None:
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    for shipped, ours in {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{bridge};",
        "/etc/letsencrypt/live/kav.example.com/fullchain.pem": str(folder / CERTIFICATE),
        "/etc/letsencrypt/live/kav.example.com/privkey.pem": str(folder / KEY),
    }.items():
        assert site.count(shipped) == 1, shipped
        site = site.replace(shipped, ours)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder))


async def _until_it_listens(port: int, process: asyncio.subprocess.Process, folder: Path) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not await _listens(port):
            assert process.returncode is None, (folder / "error.log").read_text()
            await asyncio.sleep(0.02)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True
