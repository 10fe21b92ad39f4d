import os
from pathlib import Path

from engine.providers.shelf import Shelf


def test_what_is_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    Shelf(tmp_path).store("greeting", b"sound")
    assert Shelf(tmp_path).take("greeting") == b"sound"


def test_memory_forgets_what_was_used_longest_ago() -> None:
    shelf = Shelf(None, memory_bytes=10)
    shelf.keep("a", bytes(4))
    shelf.keep("b", bytes(4))
    shelf.at_hand("a")
    shelf.keep("c", bytes(4))
    assert shelf.at_hand("a") is not None
    assert shelf.at_hand("b") is None


def test_the_same_key_counts_once() -> None:
    shelf = Shelf(None, memory_bytes=10)
    for _ in range(5):
        shelf.keep("a", bytes(6))
    assert shelf.at_hand("a") is not None


def test_the_folder_is_bounded_and_keeps_what_is_in_use(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, disk_bytes=1000)
    for number, key in enumerate("abcdefgh"):
        shelf.store(key, bytes(200))
        if (tmp_path / f"{key}.pcm").exists():
            os.utime(tmp_path / f"{key}.pcm", (number, number))
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 1000 + 5 * 32
    assert shelf.take("h") is not None
    assert shelf.take("a") is None


def test_damaged_speech_is_made_anew(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.store("greeting", b"sound")
    (tmp_path / "greeting.pcm").write_bytes(b"cut short")
    assert shelf.take("greeting") is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_never_finished_is_removed_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "tmpabc").write_bytes(b"half")
    Shelf(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "speech")
    (tmp_path / "speech").rmdir()
    shelf.store("greeting", b"sound")
    assert shelf.take("greeting") is None
