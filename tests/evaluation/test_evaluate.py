"""`kav evaluate`, with a few of its callers; the whole sets are for the command."""

import argparse
import asyncio
import json
from dataclasses import replace

import pytest

from bridge.commands import evaluate
from bridge.evaluation.callers import LANGUAGES, read_set
from bridge.evaluation.conversation import converse
from bridge.evaluation.report import figures, text
from engine.dialogue.profile import Language
from engine.profile import shipped_profile

SHAI = shipped_profile("shai")
SOME = 8


def evaluated(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    code = asyncio.run(evaluate.run(parser.parse_args(options)))
    return code, capsys.readouterr().out


@pytest.mark.parametrize("language", LANGUAGES)
def test_callers_get_their_meetings_and_hear_nothing_false(language: Language) -> None:
    """By rules alone."""
    callers = read_set("tuning", language)[-SOME:]
    calls = [asyncio.run(converse(SHAI, one)) for one in callers]
    (told,) = figures(calls)
    assert not any(told.flaws.values())
    assert told.booked_right >= told.want_meeting - 1
    assert told.others_right == told.callers - told.want_meeting


def test_the_same_caller_calls_the_same_way_again() -> None:
    one = read_set("tuning", "he")[0]
    first, again = (asyncio.run(converse(SHAI, one)) for _ in range(2))
    assert first.lines == again.lines
    other = asyncio.run(converse(SHAI, replace(one, id="another")))
    assert other.lines != first.lines


def test_one_call_is_shown_word_by_word(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = evaluated(capsys, "--set", "tuning", "--caller", "tuning-en-01")
    assert code == 0
    assert shown.startswith("tuning-en-01: as it should be\n    שלום, כאן לאה")


def test_everything_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    _, shown = evaluated(capsys, "--set", "tuning", "--caller", "tuning-he-01", "--json")
    told = json.loads(shown)
    assert told["languages"][0]["booked_right"] == 1
    assert told["calls"][0]["transcript"][0]["who"] == "agent"


def test_an_unknown_caller_is_asked_wrongly(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluated(capsys, "--caller", "nobody")[0] == 2


def test_the_worst_calls_are_shown_and_no_others() -> None:
    callers = read_set("tuning", "he")[:2]
    good, bad = (asyncio.run(converse(SHAI, one)) for one in callers)
    good = replace(good, wrong=(), flaws=(), right=True)
    bad = replace(bad, wrong=("no meeting",), right=False)
    shown = text([good, bad], worst=3)
    assert "tuning-he-02: no meeting" in shown
    assert "tuning-he-01" not in shown
