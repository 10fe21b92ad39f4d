import asyncio
from collections.abc import Iterator

import pytest

from engine.providers.local import Local, LocalRecognizer, LocalVoice, check, load

LEXICON = {"חיפה": "חֵיפָה"}


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """Everything of local speech that is installed here, loaded once."""
    loaded = asyncio.run(load(cache=tmp_path_factory.mktemp("cache"), lexicon=LEXICON))
    yield loaded
    loaded.close()


@pytest.fixture
def voice(local: Local) -> LocalVoice:
    """Joe."""
    if any("Piper" in sentence or "espeak" in sentence for sentence in check()):
        pytest.skip(" ".join(check()))
    assert local.voice, local.missing
    return local.voice


@pytest.fixture
def recognizer(local: Local) -> LocalRecognizer:
    if any("Whisper" in sentence for sentence in check()):
        pytest.skip(" ".join(check()))
    assert local.recognizer, local.missing
    return local.recognizer
