"""What the calls of a set say together: figures for each language, the bars, the worst calls."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.evaluation.callers import LANGUAGES
from bridge.evaluation.conversation import Conversation
from bridge.evaluation.judge import KINDS
from engine.dialogue.profile import Language

BAR = 0.9
"""Of the callers who want a meeting, those who have the right one. Of flaws the bar is none."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one language."""

    language: Language
    callers: int
    want_meeting: int
    booked_right: int
    others_right: int
    """Callers who want no meeting, and have none."""
    turns: float
    questions_per_reply: float
    words_per_reply: float
    asked_again: int
    want_person: int
    got_person: int
    flaws: dict[str, int]

    @property
    def share(self) -> float:
        return self.booked_right / self.want_meeting if self.want_meeting else 1.0

    @property
    def meets_the_bars(self) -> bool:
        others = self.callers - self.want_meeting
        return self.share >= BAR and self.others_right == others and not any(self.flaws.values())


def figures(calls: Sequence[Conversation]) -> list[Figures]:
    by_language = (
        (language, [one for one in calls if one.caller.words.language == language])
        for language in LANGUAGES
    )
    return [_of(language, some) for language, some in by_language if some]


def _of(language: Language, calls: Sequence[Conversation]) -> Figures:
    wanting = [one for one in calls if one.caller.purpose == "meeting"]
    persons = [one for one in calls if one.caller.purpose == "human"]
    replies = sum(one.turns for one in calls)
    flaws = Counter(what for one in calls for what, _ in one.flaws)
    return Figures(
        language=language,
        callers=len(calls),
        want_meeting=len(wanting),
        booked_right=sum(one.right for one in wanting),
        others_right=sum(one.right for one in calls) - sum(one.right for one in wanting),
        turns=replies / len(calls),
        questions_per_reply=sum(one.questions for one in calls) / replies,
        words_per_reply=sum(one.words for one in calls) / replies,
        asked_again=sum(one.asked_again for one in calls),
        want_person=len(persons),
        got_person=sum(one.transferred for one in persons),
        flaws={what: flaws[what] for what in KINDS},
    )


def text(calls: Sequence[Conversation], worst: int) -> str:
    parts = ["\n".join(_lines(one)) for one in figures(calls)]
    bad = sorted((one for one in calls if _badness(one)), key=_badness, reverse=True)
    parts += ["\n".join(_told(one)) for one in bad[:worst]]
    return "\n\n".join(parts)


def _lines(one: Figures) -> Iterator[str]:
    others = one.callers - one.want_meeting
    yield f"{one.language}: {one.callers} callers"
    yield f"  {one.booked_right} of {one.want_meeting} have the right meeting ({one.share:.1%})"
    yield f"  {one.others_right} of {others} who want none have none"
    yield f"  {one.got_person} of {one.want_person} who ask for a person get one"
    yield f"  {one.turns:.1f} replies a call"
    yield f"  {one.words_per_reply:.1f} words, {one.questions_per_reply:.2f} questions a reply"
    yield f"  {one.asked_again} questions for what was told, and not understood"
    for what, number in one.flaws.items():
        yield f"  {number} {KINDS[what]}"


def _badness(one: Conversation) -> int:
    return 10 * len(one.flaws) + len(one.wrong)


def _told(one: Conversation) -> Iterator[str]:
    wrong = [*one.wrong, *(f"{what}: {where}" for what, where in one.flaws)]
    yield f"{one.caller.id}: {'; '.join(wrong) or 'as it should be'}"
    for line in one.lines:
        yield f"    {'> ' if line.caller else ''}{line.text}"


def transcript(one: Conversation) -> str:
    return "\n".join(_told(one))


def as_json(calls: Sequence[Conversation]) -> dict[str, Any]:
    return {
        "languages": [_record(one) for one in figures(calls)],
        "calls": [
            {
                "caller": one.caller.id,
                "purpose": one.caller.purpose,
                "right": one.right,
                "wrong": list(one.wrong),
                "flaws": [{"what": what, "where": where} for what, where in one.flaws],
                "replies": one.turns,
                "transcript": [
                    {"who": "caller" if line.caller else "agent", "text": line.text}
                    for line in one.lines
                ],
            }
            for one in calls
        ],
    }


def _record(one: Figures) -> dict[str, Any]:
    return {
        "language": one.language,
        "callers": one.callers,
        "want_meeting": one.want_meeting,
        "booked_right": one.booked_right,
        "share": round(one.share, 4),
        "others_right": one.others_right,
        "replies_per_call": round(one.turns, 2),
        "questions_per_reply": round(one.questions_per_reply, 3),
        "words_per_reply": round(one.words_per_reply, 2),
        "asked_again": one.asked_again,
        "want_person": one.want_person,
        "got_person": one.got_person,
        "flaws": one.flaws,
        "meets_the_bars": one.meets_the_bars,
    }
