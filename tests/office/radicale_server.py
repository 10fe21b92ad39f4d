"""A real CalDAV server, Radicale, on a port of its own in this process, and the office's people who
write to it with another client than ours."""

import logging
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Thread
from urllib.request import Request, urlopen
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from radicale import config
from radicale.app import Application

USER, PASSWORD = "leah", "t0p-secret"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@dataclass(frozen=True)
class Radicale:
    url: str
    """Of the calendar."""

    def put(self, name: str, *lines: str) -> None:
        """An event, by its lines."""
        event = ["BEGIN:VEVENT", f"UID:{name}", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT"]
        calendar = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *event, "END:VCALENDAR", ""]
        self.put_file(f"{name}.ics", "\r\n".join(calendar).encode())

    def put_file(self, name: str, calendar: bytes) -> None:
        self._ask("PUT", name, calendar)

    def content(self) -> str:
        return self._ask("GET", "").decode().replace("\r\n ", "")

    def make(self) -> None:
        self._ask("MKCALENDAR", "")

    def _ask(self, method: str, name: str, body: bytes | None = None) -> bytes:
        request = Request(self.url + name, body, method=method)
        request.add_header("Authorization", _login())
        request.add_header("Content-Type", "text/calendar; charset=utf-8")
        with urlopen(request) as answer:
            content: bytes = answer.read()
            return content


@contextmanager
def serving_radicale(folder: Path) -> Iterator[str]:
    """Its address."""
    users = folder / "users"
    users.write_text(f"{USER}:{PASSWORD}\n")
    configuration = config.load()
    configuration.update(
        {
            "auth": {
                "type": "htpasswd",
                "htpasswd_filename": str(users),
                "htpasswd_encryption": "plain",
                "delay": "0",
            },
            "storage": {
                "filesystem_folder": str(folder / "collections"),
                "_filesystem_fsync": "False",
            },
        },
        "the tests",
        privileged=True,
    )
    logging.getLogger("radicale").setLevel(logging.CRITICAL)
    application = Application(configuration)
    server = make_server("127.0.0.1", 0, application, _Server, _Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _login() -> str:
    return "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
