"""How well the rules understand what callers say, on the labelled utterances beside the dialogue's
tests: `python -m tests.labelled` prints it for the development sets, with what was understood
wrongly; `--held-out` for the sets that no rule was written from, without.

An utterance is right if everything that it tells was understood and nothing else was. Of the
social words (a greeting, thanks) nothing is asked."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.dialogue.profile import Choice, Choices, Profile, Topic
from engine.dialogue.understand import Understood, understand
from engine.dialogue.wish import When
from engine.profile import shipped_profile

LABELLED = Path(__file__).parent / "dialogue" / "labelled"
LANGUAGES = ("he", "en")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FLAGS = ("human", "goodbye", "repeat", "wait", "no_matter", "abuse", "correction")
PARTS = frozenset({"morning", "noon", "afternoon", "evening"})
NOTHING: frozenset[str] = frozenset()
CHOICES = ("area", "kind", "street", "deal")

Told = dict[str, str]
"""What an utterance tells, by label; a flag is "yes"."""


@dataclass(frozen=True, slots=True)
class Utterance:
    asked: str
    words: str
    labels: dict[str, frozenset[str]]
    """What is right; with "" among it, so is nothing."""


@dataclass(slots=True)
class Score:
    utterances: int = 0
    right: int = 0
    wrong: list[tuple[Utterance, Told]] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    """By label: utterances of which the rules tell this; of those, rightly; and that should."""
    told_rightly: Counter[str] = field(default_factory=Counter)
    to_tell: Counter[str] = field(default_factory=Counter)

    def add(self, utterance: Utterance, found: Told) -> None:
        labels = utterance.labels
        rightly = {label for label in found if found[label] in labels.get(label, NOTHING)}
        missed = {label for label in labels if found.get(label, "") not in labels[label]}
        self.utterances += 1
        self.told.update(found.keys())
        self.told_rightly.update(rightly)
        self.to_tell.update(rightly | missed)
        if missed or rightly != found.keys():
            self.wrong.append((utterance, found))
        else:
            self.right += 1

    @property
    def accuracy(self) -> float:
        return self.right / self.utterances


# The streets that the labels name: which ones an office knows is its own affair.
STREETS = tuple(
    Choice(key, he=hebrew, en=english)
    for key, hebrew, english in (
        ("rothschild", "רוטשילד", "Rothschild"),
        ("dizengoff", "דיזנגוף", "Dizengoff"),
        ("allenby", "אלנבי", "Allenby"),
        ("ben_yehuda", "בן יהודה", "Ben Yehuda"),
        ("ibn_gabirol", "אבן גבירול", "Ibn Gabirol"),
        ("king_george", "המלך ג׳ורג׳", "King George"),
        ("bialik", "ביאליק", "Bialik"),
    )
)


def office() -> Profile:
    """The shipped one, and these streets."""
    shai = shipped_profile("shai")
    topics = tuple(topic for topic in shai.topics if topic.key != "street")
    street = Topic("street", required=False, answers=Choices(STREETS))
    return replace(shai, topics=(*topics, street))


def utterances(language: str, kind: str) -> list[Utterance]:
    lines = (LABELLED / f"{language}_{kind}.tsv").read_text("utf-8").splitlines()
    return [_utterance(line) for line in lines]


def _utterance(line: str) -> Utterance:
    asked, words, *labels = line.split("\t")
    return Utterance(asked, words, dict(_label(label) for label in " ".join(labels).split()))


def _label(label: str) -> tuple[str, frozenset[str]]:
    name, _, values = label.rstrip("?").partition("=")
    right = {_plain(name, value) for value in (values or "yes").split("|")}
    return name, frozenset(right | {""} if label.endswith("?") else right)


def _plain(name: str, value: str) -> str:
    if name == "time":
        return _time(set(value.split(",")))
    if name in CHOICES:
        return ",".join(sorted(value.split(",")))
    return value.replace("_", " ").casefold()


def _time(parts: set[str]) -> str:
    """“Four in the afternoon” and 16:00 are the same."""
    clocks = {part for part in parts if ":" in part}
    if not clocks:
        return ",".join(sorted(parts))
    halves = parts & PARTS
    hours, minutes = (int(number) for number in clocks.pop().split(":"))
    late = bool(halves & {"afternoon", "evening"}) or (halves == {"noon"} and hours < 6)
    hours += 12 if late and hours < 12 else 0
    rest = {part for part in parts - halves if ":" not in part}
    return ",".join(sorted({*rest, f"{hours}:{minutes:02}"}))


def told(meaning: Understood, asked: str) -> Told:
    """By label; a bare number is an answer to what was asked, as the policy reads it."""
    found = {slot: ",".join(sorted(meaning.chosen(slot))) for slot in CHOICES}
    found |= {flag: "yes" for flag in FLAGS if getattr(meaning, flag)}
    found |= {
        "budget": _budget(meaning, asked),
        "rooms": "".join(f"{count:g}" for _, count in meaning.counts),
        "time": _when(meaning, asked),
        "name": (meaning.name or (meaning.maybe_name if asked == "name" else "") or "").casefold(),
        "phone": meaning.phone or "",
        "answer": meaning.answer or "",
    }
    if asked == "offer":
        found["choice"] = ",".join(str(place) for place in meaning.ordinals)
    if found["time"] == "any":
        found |= {"time": "", "no_matter": "yes"}
    return {label: value for label, value in found.items() if value}


def _budget(meaning: Understood, asked: str) -> str:
    if meaning.unclear_budget or (asked == "budget" and meaning.number and not meaning.budget):
        return "unclear"
    return str(meaning.budget or "")


def _when(meaning: Understood, asked: str) -> str:
    when, number = meaning.when, meaning.number
    if when is None and asked in ("time", "offer") and number and number < 24:
        when = When(clock=int(number * 60))
    if when is None:
        return ""
    parts = {
        DAYS[when.weekday] if when.weekday is not None else "",
        f"+{when.days_ahead}" if when.days_ahead is not None else "",
        "next_week" if when.next_week else "",
        when.part or "",
        _date(when),
        f"{when.clock // 60}:{when.clock % 60:02}" if when.clock is not None else "",
    }
    return _time(parts - {""}) or "any"


def _date(when: When) -> str:
    if when.day is None:
        return ""
    return f"d{when.day}" if when.month is None else f"{when.day}.{when.month}"


def score(profile: Profile, spoken: list[Utterance]) -> Score:
    result = Score()
    for utterance in spoken:
        found = told(understand(utterance.words, profile), utterance.asked)
        if "correction" in utterance.labels:
            found.pop("answer", None)
        result.add(utterance, found)
    return result


def report(profile: Profile, kind: str, *, with_wrong: bool) -> Iterator[str]:
    for language in LANGUAGES:
        result = score(profile, utterances(language, kind))
        yield f"{language} {kind}: {result.right} of {result.utterances} ({result.accuracy:.1%})"
        for label in sorted(result.to_tell | result.told):
            right, all_told = result.told_rightly[label], result.told[label]
            precision = f"{right} of {all_told} told"
            yield f"  {label:10} {precision:16} {right} of {result.to_tell[label]} understood"
        for utterance, found in result.wrong if with_wrong else ():
            labels = {name: "|".join(sorted(right)) for name, right in utterance.labels.items()}
            yield f"  {utterance.asked}: {utterance.words}\n    is {labels}, not {found}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.labelled", description=__doc__)
    parser.add_argument("--held-out", action="store_true")
    held_out = parser.parse_args().held_out
    kind = "held_out" if held_out else "development"
    lines = report(office(), kind, with_wrong=not held_out)
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main()
