"""What streams of recognition heard, sorted into the caller's utterances. Values in, values out:
no network and no clock.

The service tells words with times from the start of its stream; a call has several streams, one
after the other, whose sound overlaps. Here all of it stands on one scale: samples since the call's
hearing began."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import groupby, pairwise

from engine.core.audio import FRAME_SAMPLES, RATE
from engine.core.cues.words import words_of
from engine.core.events import Final, Partial
from engine.dialogue.numerals import number_at
from engine.ports import HearingResult

COVERED = 0.35
"""Seconds at the end of an utterance that ended in silence, in which no word ends: its hangover,
and what words are cut shorter by."""
HALF_WORD = 0.25
"""Seconds after an utterance that was cut in a voice, in which its last word may end."""
TRAILING = 1.5
"""Seconds of noise at the end of an utterance that may follow its last word."""
_HANGOVER = round(0.2 * RATE)
"""Silence that an utterance ends in."""
_SILENCE = round(0.1 * RATE)
"""What tells of so much of it, tells of all the words before it."""
_A_WORD_OR_MORE = round(0.5 * RATE)
"""Less may be a cough, of which the service says nothing."""
KEPT_UTTERANCES = 6
_NEAR = round(1.2 * RATE)
"""Further apart, two words of two streams are not the same one ..."""
_RUN = 3
"""... unless so many in a row are the same."""
_WORD = round(0.3 * RATE)
"""A word takes so long, if nothing else is known."""
_NEVER = 1 << 62
CLEAN = 1.0
"""Seconds from the start of a stream in which a word may be heard torn."""


@dataclass(frozen=True, slots=True)
class Span:
    """A word; seconds from the start of its stream."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Result:
    """One result, as the service tells it."""

    text: str
    end: float
    """Seconds from the start of its stream; 0: not told."""
    final: bool
    stability: float = 0.0
    confidence: float = 0.0
    spans: tuple[Span, ...] = ()
    """Empty: the service gives no times of words."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for what."""

    final: float = 1.2
    """Seconds after the end of an utterance, until it is answered with what there is ..."""
    mute: float = 4.0
    """... or until then, if the service has told nothing at all since it began: longer than a
    ladder waits, so that what was said is heard again by the next recognizer, not taken for
    nothing."""
    repair: float = 3.0
    """Seconds after an answer, in which the service may still change it."""
    stability: float = 0.8
    """From this on an interim result is believed ..."""
    steady: float = 0.15
    """... or after so many seconds in which it did not change, if it tells of some of the silence
    too ..."""
    settle: float = 0.65
    """... or, if nothing more is told in the silence, so long after the last voice."""


class Tape:
    """The last seconds of sound, by position: samples since the call's hearing began."""

    def __init__(self, kept: float) -> None:
        self.position = 0
        """The end."""
        self._kept = 2 * round(kept * RATE)
        self._pcm = bytearray()

    @property
    def start(self) -> int:
        return self.position - len(self._pcm) // 2

    def append(self, pcm: bytes) -> None:
        self._pcm += pcm
        self.position += len(pcm) // 2
        if len(self._pcm) > self._kept + 2 * RATE:  # not at each piece: it copies
            del self._pcm[: -self._kept]

    def since(self, position: int) -> bytes:
        return bytes(self._pcm[2 * (max(position, self.start) - self.start) :])


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    middle: int
    stability: float
    confidence: float


@dataclass(slots=True)
class _Utterance:
    number: int
    start: int
    noticed: int = 0
    """The end of the pre-roll."""
    end: int | None = None
    """`None`: it is being said."""
    covered: int = 0
    """What is final up to here has all of its words ..."""
    silent_from: int = 0
    """... and so has what is told up to here, final or not."""
    settled_at: float = 0.0
    """When the last word would have been told."""
    stopped: float = 0.0
    answered: float | None = None
    """When; `None`: not yet."""
    told: str = ""
    """The last words that were sent of it."""
    settled: bool = False
    """Nothing will be told of it any more."""
    ended_by_service: bool = False
    """A final result came after all of it had been sent."""


@dataclass(slots=True)
class _Stream:
    base: int
    """Where its sound starts."""
    since: int
    """What was said before is told by an older stream."""
    settled_to: int
    """All before this is final, here or there."""
    heard_to: int
    """The end of its last final result."""
    until: int | None = None
    """Where its sound ends; `None`: it is the one that is believed."""
    finals: list[_Word] = field(default_factory=list)
    tail: tuple[_Word, ...] = ()
    """What is not final yet."""
    tail_to: int = 0
    told_to: int = 0
    """The end of the sound of which it has told anything, if only that there are no words."""
    changed: float = 0.0
    """When the words of the tail were last told otherwise."""
    segment: int | None = None
    """Where that which is not final yet begins, if its words have no times."""

    @property
    def words(self) -> list[_Word]:
        return [*self.finals, *self.tail]


class Ledger:
    """One call's. Streams are told by their numbers; what one that is not known says is dropped."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._utterances: list[_Utterance] = []
        self._streams: dict[int, _Stream] = {}
        """Those that were believed, each after the one before it; the last is the present one."""
        self._opened: dict[int, _Stream] = {}
        """They are not believed yet."""

    # What the caller does.

    def begin(self, number: int, position: int, preroll: int = 0) -> None:
        """`preroll`: samples from `position` on."""
        if (last := self._last) and last.end is None:
            last.end = position
        self._utterances.append(_Utterance(number, position, position + preroll))
        self._forget()

    def end(self, number: int, frames: int, position: int, now: float) -> bool:
        """It is `frames` long; `position` of the sound that was sent. Whether it ended in silence.

        One that never began is answered as well: with nothing."""
        utterance = self._last
        if utterance is None or utterance.number != number or utterance.end is not None:
            nothing = _Utterance(number, start=-1, settled=True)
            self._utterances.insert(0, nothing)
            utterance = nothing
        utterance.end = utterance.start + frames * FRAME_SAMPLES
        utterance.stopped = now
        silent = utterance.end < position  # else it was cut, as long as it was
        margin = -COVERED if silent else HALF_WORD
        utterance.covered = utterance.end + round(margin * RATE)
        voice_end = utterance.end - (_HANGOVER if silent else 0)
        utterance.silent_from = max(utterance.covered, voice_end + _SILENCE if silent else 0)
        utterance.settled_at = now + self._patience.settle - (position - voice_end) / RATE
        return silent

    @property
    def speaking(self) -> int | None:
        """The number of the utterance that is being said."""
        last = self._last
        return last.number if last and last.end is None else None

    @property
    def quiet(self) -> bool:
        """Nothing is being said, and nothing is awaited."""
        idle = all(u.end is not None and u.answered is not None for u in self._utterances)
        return idle and not (self._current and self._current.tail)

    @property
    def awaiting(self) -> bool:
        """An answer is due."""
        return any(u.end is not None and u.answered is None for u in self._utterances)

    # What the service says.

    def resume_at(self, tape: Tape) -> tuple[int, int]:
        """From where a new stream must be given the sound, and from where it is believed."""
        known = self._current.settled_to if self._current else 0
        base = max(tape.start, known - round(CLEAN * RATE))
        torn = base > 0 and base + round(CLEAN * RATE) > known
        since = base + round(CLEAN * RATE) if torn else known
        return base, min(since, tape.position)

    def opened(self, stream: int, base: int) -> None:
        """A stream begins, with the sound from here on."""
        self._opened[stream] = _Stream(base, base, base, base)

    def believe(self, stream: int, since: int, position: int) -> None:
        """What was said after `since` is told by this stream now; the one before it hears nothing
        after `position`."""
        new = self._opened.pop(stream)
        new.since = since
        if old := self._current:
            old.until = position
            new.since = max(since, old.settled_to)
            new.settled_to = max(old.settled_to, new.heard_to)
        self._streams[stream] = new
        self._keep_places(new)

    def forget(self, stream: int) -> None:
        """It was opened, and will never be believed."""
        self._opened.pop(stream, None)

    def heard(self, stream: int, results: Sequence[Result], position: int, now: float) -> None:
        """`position`: of the sound that was sent so far."""
        source = self._streams.get(stream) or self._opened.get(stream)
        if source is None:
            return
        fresh: list[Result] = []
        for result in results:
            end = source.base + round(result.end * RATE) if result.end else position
            source.told_to = max(source.told_to, end)
            if end <= source.heard_to or not result.text:
                continue  # late, twice, or junk
            if result.final:
                self._make_final(source, self._words(source, [result], end), end, position)
                fresh.clear()
            else:
                fresh.append(result)
                fresh_to = end
        if fresh and fresh_to >= source.tail_to:
            words = tuple(self._words(source, fresh, fresh_to))
            if _text(words) != _text(source.tail):
                source.changed = now
            source.tail, source.tail_to = words, fresh_to
        if stream in self._streams:
            self._keep_places(source)

    def _make_final(self, source: _Stream, words: list[_Word], end: int, position: int) -> None:
        source.finals += words
        source.heard_to = source.tail_to = end
        source.tail, source.segment = (), None
        if source.until is not None:
            self._settle_the_next(source)
            return
        source.settled_to = max(source.settled_to, end)
        if source is not self._current:
            return
        for utterance in self._utterances:
            if utterance.end is not None and utterance.end <= position:
                near = end >= utterance.covered - round(TRAILING * RATE)
                utterance.ended_by_service = utterance.ended_by_service or near

    def _settle_the_next(self, source: _Stream) -> None:
        """What an old stream says of its time is final, but for its torn end."""
        streams = list(self._streams.values())
        assert source.until is not None
        settled = min(source.heard_to, source.until - round(CLEAN * RATE / 2))
        if source in streams:
            following = streams[streams.index(source) + 1]
            following.since = max(following.since, settled)
            following.settled_to = max(following.settled_to, settled)

    # What is to be told.

    def partial(self) -> list[HearingResult]:
        """Of the utterance that is being said, if it sounds otherwise than before."""
        utterance = self._last
        if utterance is None or utterance.end is not None:
            return []
        text = _text(self._said(utterance))
        if not text or text == utterance.told:
            return []
        utterance.told = text
        return [Partial(utterance.number, text)]

    def answers(self, now: float) -> list[HearingResult]:
        told: list[HearingResult] = []
        for utterance in self._utterances:
            if utterance.end is None:
                continue
            if utterance.answered is None:
                told += self._answer(utterance, now)
            elif not utterance.settled:
                told += self._repair(utterance, now)
        return told

    def wait_anew(self, now: float) -> None:
        """The sound is heard again from a new stream: that takes its time."""
        for utterance in self._utterances:
            if utterance.answered is None:
                utterance.stopped = now

    def _answer(self, utterance: _Utterance, now: float) -> list[HearingResult]:
        complete = self._is_complete(utterance)
        late = now >= utterance.stopped + self._longest(utterance)
        if not (complete or late or utterance.settled or self._is_stable(utterance, now)):
            return []
        words = self._said(utterance)
        utterance.told, utterance.answered = _text(words), now
        # A final result that came after its end may be that of its first words only; and what an
        # older stream has settled, the present one may still tell better.
        current = self._current
        if current and complete and current.heard_to >= utterance.covered:
            utterance.settled = True
        # What is not final has no confidence yet; the service gives 0 for that.
        return [Final(utterance.number, utterance.told, _confidence(words) if complete else 0.0)]

    def _longest(self, utterance: _Utterance) -> float:
        """Seconds to wait for the service."""
        assert utterance.end is not None
        current = self._current
        heard = current is not None and current.told_to > utterance.start
        voice = utterance.end - _HANGOVER - utterance.noticed
        return self._patience.final if heard or voice < _A_WORD_OR_MORE else self._patience.mute

    def _repair(self, utterance: _Utterance, now: float) -> list[HearingResult]:
        assert utterance.answered is not None
        if now > utterance.answered + self._patience.repair:
            utterance.settled = True
        if utterance.settled or not self._is_complete(utterance):
            return []
        utterance.settled = True
        words = self._said(utterance)
        text = _text(words)
        if meaning(text) == meaning(utterance.told):
            return []
        return [Final(utterance.number, text, _confidence(words))]

    def _is_complete(self, utterance: _Utterance) -> bool:
        """All of it is final."""
        current = self._current
        if current is None or utterance.end is None or self._within(utterance, current.tail):
            return False
        if current.tail and current.tail_to < utterance.end:
            return False  # it lags, and may be in the middle of a word
        return utterance.ended_by_service or current.settled_to >= utterance.covered

    def _is_stable(self, utterance: _Utterance, now: float) -> bool:
        """What is not final yet will not change, as it seems."""
        current = self._current
        if current is None or utterance.end is None or current.tail_to < utterance.covered:
            return False
        fresh = self._within(utterance, current.tail)
        if all(word.stability >= self._patience.stability for word in fresh):
            return bool(fresh)
        steady = now >= current.changed + self._patience.steady
        return steady and (current.tail_to >= utterance.silent_from or now >= utterance.settled_at)

    # Words and where they stand.

    @property
    def _last(self) -> _Utterance | None:
        return self._utterances[-1] if self._utterances else None

    @property
    def _current(self) -> _Stream | None:
        return next(reversed(self._streams.values()), None)

    def _words(self, source: _Stream, results: Sequence[Result], end: int) -> list[_Word]:
        """A word without times was said shortly before it was first told; that stays its place,
        so that none moves from one utterance to another when its times are told at last."""
        told = [(text, result) for result in results for text in result.text.split()]
        old = _as_before(source.tail, [text for text, _ in told])
        spans = [span for result in results for span in result.spans]
        if source.segment is None:
            at_latest = end - len(told) * _WORD
            source.segment = max(source.heard_to, min(at_latest, self._start_before(end)))
        places = [word.middle if word else None for word in old]
        if len(spans) == len(told):
            exact = [source.base + round((s.start + s.end) / 2 * RATE) for s in spans]
            middles = [
                e if place is None else place for e, place in zip(exact, places, strict=True)
            ]
        else:
            middles = _spread(places, source.segment, max(source.segment, source.tail_to), end)
        return [_as_told(*one, at, was) for one, at, was in zip(told, middles, old, strict=True)]

    def _start_before(self, position: int) -> int:
        return max((u.start for u in self._utterances if u.start <= position), default=0)

    def _said(self, utterance: _Utterance) -> list[_Word]:
        return self._within(utterance, self._all_words())

    def _within(self, utterance: _Utterance, words: Iterable[_Word]) -> list[_Word]:
        """Words in the silence after an utterance are of it: times are not exact."""
        start = utterance.start
        until = min((u.start for u in self._utterances if u.start > start), default=_NEVER)
        return [word for word in words if 0 <= start <= word.middle < until]

    def _all_words(self) -> list[_Word]:
        return _told_by(list(self._streams.values()))

    def _keep_places(self, source: _Stream) -> None:
        """What an older stream has told as well stays where it was, for good."""
        streams = list(self._streams.values())
        older = streams[: streams.index(source)]
        if not older or (until := older[-1].until) is None:
            return
        words, kept = _told_by(older), source.words
        for old, new in _agreed(words, source, until):
            kept[new] = replace(kept[new], middle=words[old].middle)
        source.finals, source.tail = kept[: len(source.finals)], tuple(kept[len(source.finals) :])

    def _forget(self) -> None:
        while len(self._utterances) > KEPT_UTTERANCES and self._utterances[0].answered is not None:
            del self._utterances[0]
        first = self._utterances[0].start
        for number, following in list(pairwise(self._streams)):
            if self._streams[following].since < first:
                del self._streams[number]
        for stream in self._streams.values():
            stream.finals = [word for word in stream.finals if word.middle >= first]


def _told_by(streams: Sequence[_Stream]) -> list[_Word]:
    words: list[_Word] = []
    until: int | None = None
    for stream in streams:
        words = stream.words if until is None else _joined(words, stream, until)
        until = stream.until
    return words


def _as_before(before: Sequence[_Word], texts: Sequence[str]) -> list[_Word | None]:
    """What each word was told as before: the service may also put one in or leave one out."""
    same = 0
    while same < min(len(before), len(texts)) and before[same].text == texts[same]:
        same += 1
    old: list[_Word | None] = [*before[:same], *[None] * (len(texts) - same)]
    if same == len(before):
        return old  # mostly: the same words, and more
    were = [word.text for word in before[same:]]
    changes = SequenceMatcher(None, were, texts[same:], autojunk=False).get_opcodes()
    for _, start, end, now_start, now_end in changes:
        for n in range(min(end - start, now_end - now_start)):
            old[same + now_start + n] = before[same + start + n]
    return old


def _spread(places: Sequence[int | None], start: int, new_start: int, end: int) -> list[int]:
    """A place for each word: those that have none stand evenly between the others, the first
    ones after `start`, the last ones after `new_start`."""
    middles: list[int] = []
    for known, group in groupby(places, key=lambda place: place is not None):
        if known:
            middles += [place for place in group if place is not None]
            continue
        new = len(list(group))
        last = len(middles) + new == len(places)
        until = end if last else places[len(middles) + new] or 0
        since = new_start if last else middles[-1] if middles else start
        middles += [round(since + (n + 0.5) * (until - since) / new) for n in range(new)]
    return middles


def _as_told(text: str, result: Result, middle: int, old: _Word | None) -> _Word:
    """The same object as before if it did not change: most did not."""
    word = _Word(text, middle, result.stability, result.confidence)
    return old if old is not None and old == word else word


def _joined(words: list[_Word], stream: _Stream, until: int) -> list[_Word]:
    """From the first word on which both streams agree, the newer one tells."""
    newer = stream.words
    agreed = _agreed(words, stream, until)
    if not agreed:
        return _joined_by_time(words, stream)
    first, last = agreed[0], agreed[-1]
    return words[: first[0]] + newer[first[1] :] + _beyond(words[last[0] + 1 :], stream)


def _agreed(old: list[_Word], stream: _Stream, until: int) -> list[tuple[int, int]]:
    """Where each of the words stands that both have told, of the sound up to `until`."""
    before = sum(word.middle <= stream.base - _NEAR for word in old)
    new = [word for word in stream.words if word.middle <= until + _NEAR]
    texts = [word.text for word in old[before:]]
    same = SequenceMatcher(None, texts, [word.text for word in new], autojunk=False)
    return [
        (before + block.a + n, block.b + n)
        for block in same.get_matching_blocks()
        for n in range(block.size)
        if block.size >= _RUN
        or abs(old[before + block.a + n].middle - new[block.b + n].middle) < _NEAR
    ]


def _joined_by_time(words: list[_Word], stream: _Stream) -> list[_Word]:
    older = [word for word in words if word.middle <= stream.since]
    newer = [word for word in stream.words if word.middle > stream.since]
    return older + newer + _beyond(words[len(older) :], stream)


def _beyond(words: list[_Word], stream: _Stream) -> list[_Word]:
    """What the older stream heard stands until the newer one has heard as far."""
    return [word for word in words if word.middle > stream.tail_to]


def meaning(text: str) -> tuple[str, ...]:
    """The words of a text, however they are punctuated and numbers are spelled."""
    words = [word.replace(",", "") for word in words_of(text)]
    meant: list[str] = []
    at = 0
    while at < len(words):
        number = number_at(words, at)
        meant.append(f"{number.prefix}{number.value:g}" if number else words[at])
        at = number.end if number else at + 1
    return tuple(meant)


def _text(words: Iterable[_Word]) -> str:
    return " ".join(word.text for word in words)


def _confidence(words: Sequence[_Word]) -> float:
    """0: the service gave none."""
    if not words or min(word.confidence for word in words) <= 0:
        return 0.0
    return sum(word.confidence for word in words) / len(words)
