"""Notes about calls, one of a kind for each, kept as long as they are good: in memory, or, for
several processes on one machine, as files in a folder that is theirs alone. The kernel sees to it
that what several take at once is one's.

A note is what JSON holds; its `until` says how long it is good. Times are of the event loop's
clock, which is the machine's: the same in every process.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self

Note = Mapping[str, Any]


class Notes(Protocol):
    def put(self, call: str, note: Note) -> None: ...

    def put_new(self, call: str, note: Note) -> bool:
        """Whether there was none."""
        ...

    def look(self, call: str) -> Note | None: ...

    def move(self, call: str, to: Self) -> bool:
        """Whether it was still there, for the one who asks."""
        ...

    def forget(self, call: str) -> None: ...

    def tidy(self, now: float) -> None:
        """Without those that are good no longer."""
        ...


class NotesInMemory:
    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}

    def put(self, call: str, note: Note) -> None:
        self._notes[call] = note

    def put_new(self, call: str, note: Note) -> bool:
        return self._notes.setdefault(call, note) is note

    def look(self, call: str) -> Note | None:
        return self._notes.get(call)

    def move(self, call: str, to: "NotesInMemory") -> bool:
        note = self._notes.pop(call, None)
        if note is not None:
            to.put(call, note)
        return note is not None

    def forget(self, call: str) -> None:
        self._notes.pop(call, None)

    def tidy(self, now: float) -> None:
        self._notes = {call: note for call, note in self._notes.items() if now < note["until"]}


class NotesInFiles:
    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._kind = kind

    def put(self, call: str, note: Note) -> None:
        self._written(note).replace(self._path(call))

    def put_new(self, call: str, note: Note) -> bool:
        written = self._written(note)
        try:
            os.link(written, self._path(call))
        except FileExistsError:
            return False
        finally:
            written.unlink()
        return True

    def look(self, call: str) -> Note | None:
        return _read(self._path(call))

    def move(self, call: str, to: "NotesInFiles") -> bool:
        try:
            self._path(call).rename(to._path(call))
        except FileNotFoundError:
            return False
        return True

    def forget(self, call: str) -> None:
        self._path(call).unlink(missing_ok=True)

    def tidy(self, now: float) -> None:
        for path in self._folder.glob(f"{self._kind}-*"):
            note = _read(path)
            if note is not None and note["until"] <= now:
                path.unlink(missing_ok=True)

    def _path(self, call: str) -> Path:
        # Hashed: until a token has proved it, anybody may have written the call's id.
        hashed = hashlib.sha256(call.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{self._kind}-{hashed}"

    def _written(self, note: Note) -> Path:
        descriptor, name = tempfile.mkstemp(prefix="new-", dir=self._folder)
        with os.fdopen(descriptor, "w") as file:
            json.dump(note, file)
        return Path(name)


def _read(path: Path) -> Note | None:
    with contextlib.suppress(FileNotFoundError):
        note: Note = json.loads(path.read_text())
        return note
    return None
