"""Speech that was rendered before: in memory, and in a folder for the next start.

Both are bounded; what was used longest ago goes first."""

import contextlib
import hashlib
import logging
import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

_DIGEST = 32


class Shelf:
    """`folder` `None`: in memory only."""

    def __init__(
        self, folder: Path | None, *, memory_bytes: int = 16 << 20, disk_bytes: int = 64 << 20
    ) -> None:
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._disk_bytes = disk_bytes
        self._at_hand: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._on_disk = 0
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            self._tidy()

    def at_hand(self, key: str) -> bytes | None:
        """Never touches the disk."""
        pcm = self._at_hand.get(key)
        if pcm is not None:
            self._at_hand.move_to_end(key)
        return pcm

    def take(self, key: str) -> bytes | None:
        """Reads the disk: not for the event loop. What does not fit its digest is thrown away."""
        if self._folder is None:
            return None
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        digest, pcm = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(pcm).digest() != digest:
            log.warning("the cached speech %s is damaged, making it anew", path.name)
            path.unlink(missing_ok=True)
            return None
        os.utime(path)
        return pcm

    def keep(self, key: str, pcm: bytes) -> None:
        """In memory."""
        self._size += len(pcm) - len(self._at_hand.pop(key, b""))
        self._at_hand[key] = pcm
        while self._size > self._memory_bytes:
            _, oldest = self._at_hand.popitem(last=False)
            self._size -= len(oldest)

    def store(self, key: str, pcm: bytes) -> None:
        """Writes the disk: not for the event loop. A full disk costs the cache, not the call."""
        if self._folder is None:
            return
        try:
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as unfinished:
                unfinished.write(hashlib.sha256(pcm).digest() + pcm)
            Path(unfinished.name).rename(self._path(key))
        except OSError as why:
            log.warning("speech was not kept in %s: %s", self._folder, why)
            return
        self._on_disk += len(pcm)
        if self._on_disk > self._disk_bytes:
            self._tidy()

    def _path(self, key: str) -> Path:
        assert self._folder
        return self._folder / f"{key}.pcm"

    def _tidy(self) -> None:
        """Leaves three quarters of what may be there, the most recently used."""
        assert self._folder
        kept = 0
        for _, size, file in sorted(self._files(), reverse=True):
            if file.suffix != ".pcm" or kept + size > self._disk_bytes * 3 // 4:
                file.unlink(missing_ok=True)
            else:
                kept += size
        self._on_disk = kept

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        assert self._folder
        for file in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another bridge has tidied up
                found = file.stat()
                yield found.st_mtime, found.st_size, file
