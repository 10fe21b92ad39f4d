"""The labelled set: which lines are made of which sounds. It has two halves with other people,
other words and other noises: constants are chosen on one, figures are told of the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from tests.vad import speech
from tests.vad.lines import Line, line, noises, walks_into
from tests.vad.sounds import (
    SPEECH_DB,
    Sound,
    at,
    babble,
    click,
    comfort_noise,
    cough,
    hum,
    keys,
    pink,
    quiet,
    street,
)
from tests.vad.speech import Spoken

Half = Literal["tuning", "held-out"]
_PROMPTS = 20
_TALKERS = 8


@dataclass(frozen=True)
class Conditions:
    """What lines there are, under the names of their conditions."""

    half: Half

    def speaking(self) -> Iterator[tuple[str, Line]]:
        """Somebody speaks, with or without noise."""
        yield "clean", line(self._said, db=SPEECH_DB, noise=self._line_noise)
        yield "weak, -40 dBFS", line(self._said, db=-40, noise=self._line_noise)
        for below in (20, 10, 5):
            for name, noise in self._noises(60).items():
                yield (
                    f"{name}, {below} dB below",
                    line(self._said, db=SPEECH_DB, noise=_under(noise, below)),
                )
        for db in (-20, -30, -40):
            yield f"short words, {db} dBFS", line(self._short, db=db, noise=self._line_noise)

    def walking(self) -> Iterator[tuple[str, Line]]:
        """A minute of noise begins in the call; somebody speaks at its end."""
        for below in (20, 10):
            for name, noise in self._noises(65).items():
                yield f"{name}, {below} dB below", walks_into(_under(noise, below), self._said[0])

    def voiceless(self) -> Iterator[tuple[str, Line]]:
        """Nobody speaks."""
        seed = self._seed
        yield "quiet line, 5 min", noises(at(-65, pink(300, seed)))
        yield "comfort noise", noises(comfort_noise(60, seed))
        yield "hum", noises(np.concatenate([quiet(2), at(-34, hum(30))]))
        yield "keys", noises(_apart([keys("159D", 0.1), keys("2580", 0.3)]))
        yield "clicks", noises(_apart([at(db, click(seed + db)) for db in range(-40, -10)]))
        yield "coughs (made)", noises(_apart([at(-db, cough(seed + db)) for db in range(20, 40)]))
        for name, kind in (("coughs", "PoisonCough"), ("laughs", "Laugh")):
            if people := self._mine(speech.recorded_noises(kind)):
                yield (
                    f"{name} (recorded)",
                    noises(_apart([at(db, one.sound) for one in people for db in (-20, -30)])),
                )
        for piece in self._mine(speech.music()):
            yield f"music: {piece.words}", noises(piece.sound)

    @property
    def _seed(self) -> int:
        return 1000 if self.half == "tuning" else 2000

    def _mine(self, everything: Sequence[Spoken]) -> Sequence[Spoken]:
        return everything[self.half == "held-out" :: 2]

    @cached_property
    def _said(self) -> list[Sound]:
        people = speech.voices(speech.SENTENCES, speech.HEBREW)
        both = [*self._mine(speech.prompts())[:_PROMPTS], *self._mine(people)]
        return [one.sound for one in both]

    @cached_property
    def _short(self) -> list[Sound]:
        words = [*speech.short_words(), *speech.voices(speech.SHORT, speech.SHORT_HEBREW)]
        return [one.sound for one in self._mine(words)]

    @cached_property
    def _line_noise(self) -> Sound:
        return at(-65, pink(10, self._seed))

    def _noises(self, seconds: float) -> dict[str, Sound]:
        talkers = [one.sound for one in self._mine(speech.prompts())[-_TALKERS:]]
        made = {"pink": pink(seconds, self._seed), "street": street(seconds, self._seed)}
        return made | ({"babble": babble(talkers, seconds, self._seed)} if talkers else {})


def _under(noise: Sound, below: float) -> Sound:
    return at(SPEECH_DB - below, noise)


def _apart(sounds: Sequence[Sound]) -> Sound:
    """One after the other, on a quiet line."""
    return np.concatenate([quiet(1.0), *(part for sound in sounds for part in (sound, quiet(1.0)))])
