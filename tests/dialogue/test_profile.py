import argparse
import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.commands import profile as command
from bridge.settings import BadSettings
from engine.dialogue.phrases import greeting_in
from engine.profile import SHIPPED, ProfileBroken, load_profile, shipped_profile


def shai() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((SHIPPED / "shai.yaml").read_text("utf-8"))
    return content


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "office.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return path


def why_refused(tmp_path: Path, content: Any) -> str:
    """What is told after the file and the line."""
    path = written(tmp_path, content)
    with pytest.raises(ProfileBroken) as broken:
        load_profile(path)
    place = re.match(re.escape(str(path)) + r":\d+: ", str(broken.value))
    assert place
    return str(broken.value)[place.end() :]


def test_the_shipped_office_is_shai() -> None:
    profile = shipped_profile("shai")
    assert profile.languages == ("he", "en")
    assert profile.agent == {"he": "לֵאָה", "en": "Leah"}
    assert profile.choice("area", "florentin").en == "Florentin"
    assert len(profile.hours) == 6


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("languages", ["fr"], "languages.0: "),
        ("languages", ["he", "he"], "languages: the same one stands there twice"),
        ("agent", {"he": "לאה", "en": "Leah"}, "agent.he: every spoken Hebrew word needs its"),
        ("agent", {"he": "לֵאָה", "en": "לאה"}, "agent.en: expected English"),
        ("agent", {"he": "Leah", "en": "Leah"}, "agent.he: expected Hebrew"),
        ("agent", {"he": "לֵאָה"}, "agent.en: Field required"),
        ("hours", {"sunday": ["9-18"]}, "hours.sunday.0: "),
        ("hours", {"sunday": ["18:00-09:00"]}, "hours.sunday: 18:00-09:00 has no room"),
        ("hours", {"sunday": ["19:00-22:00"]}, "hours.sunday: 19:00-22:00 has no room"),
        ("hours", {"sunday": ["09:10-09:50"]}, "hours.sunday: 09:10-09:50 has no room"),
        ("hours", {"someday": ["09:00-18:00"]}, "hours.someday"),
        ("timezone", "Mars/Olympus", "timezone: Mars/Olympus is not a known time zone"),
        ("color", "blue", "color: Extra inputs are not permitted"),
        ("greeting", {"he": "שָׁלוֹם " * 20, "en": "Hello"}, "greeting: it is over 20 words"),
    ],
)
def test_a_broken_file_is_one_sentence_that_names_the_field(
    tmp_path: Path, field: str, value: Any, complaint: str
) -> None:
    told = why_refused(tmp_path, shai() | {field: value})
    assert told.startswith(complaint)
    assert "\n" not in told


def test_names_that_make_a_menu_too_long_are_refused(tmp_path: Path) -> None:
    content = shai()
    content["topics"][0]["choices"][0]["en"] = (
        "the quiet part of Florentin near the old market hall"
    )
    with pytest.raises(ProfileBroken, match="over 20 words"):
        load_profile(written(tmp_path, content))


@pytest.mark.parametrize("content", ["a: b: c", "- a list", ""])
def test_what_is_no_profile_at_all_is_told_in_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "office.yaml"
    path.write_text(content, "utf-8")
    with pytest.raises(ProfileBroken, match=r"office\.yaml: ") as broken:
        load_profile(path)
    assert "\n" not in str(broken.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProfileBroken, match="No such file"):
        load_profile(tmp_path / "none.yaml")


@pytest.mark.parametrize(("languages", "question"), [(["he"], "לַעֲזוֹר?"), (["en"], "help?")])
def test_an_office_of_one_language_greets_in_that_one(
    tmp_path: Path, languages: list[str], question: str
) -> None:
    profile = load_profile(written(tmp_path, shai() | {"languages": languages}))
    greeting = greeting_in(profile, keypad=False)
    assert len(greeting) == 2
    assert greeting[-1].endswith(question)


def test_an_english_office_may_greet_in_english_first(tmp_path: Path) -> None:
    profile = load_profile(written(tmp_path, shai() | {"languages": ["en", "he"]}))
    assert greeting_in(profile, keypad=False)[0].startswith("Hello, this is Leah")


AREA, KIND, BUDGET, TIME, ROOMS = range(5)


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        ((AREA, "key"), "clock", "topics.0.key: clock has a meaning of its own"),
        ((AREA, "key"), "kind", "topics: the same one stands there twice"),
        ((AREA, "type"), "color", "topics.0: "),
        ((AREA, "ask"), {"en": "Where?"}, "topics.0.ask.he: Field required"),
        ((AREA, "ask", "en"), "Where in {town}?", "topics.0.ask.en: there is nothing to put for"),
        ((AREA, "ask", "en"), "Where {", "topics.0.ask.en: "),
        ((AREA, "ask", "en"), "Where? When?", "topics"),
        ((AREA, "ask", "en"), "Where " * 15 + "?", "topics.0: a question of over 14 words"),
        ((AREA, "choices", 1, "he"), "יפו", "topics.0.choices.1.he: every spoken Hebrew word"),
        ((AREA, "choices", 1, "he_in"), "יָ֫פוֹ", "topics.0.choices.1.he_in: "),
        ((AREA, "choices", 1, "en"), None, "topics.0.choices.1.en: Field required"),
        ((AREA, "choices", 1, "key"), "florentin", "topics.0.choices: the same one"),
        ((BUDGET, "back", "en"), "up to {number}", "topics.2.back.en: there is nothing to put for"),
        ((BUDGET, "back", "en"), "up to {amount:d}", "topics.2.back.en: {amount} is expected"),
        ((BUDGET, "confirm", "en"), "Is it {amount!x}?", "topics.2.confirm.en: "),
        ((ROOMS, "back"), {"en": "{name} rooms"}, "topics.4.back.en: there is nothing to put for"),
        ((BUDGET, "amounts"), [7_000, 0], "topics.2.amounts.1: "),
        ((BUDGET, "amounts"), [7_000, 10**9], "topics.2.amounts: 1000000000 is not between"),
        ((TIME, "required"), False, "topics.3.required: the time must be asked for"),
        ((TIME, "type"), "name", "topics.3.another_day: "),
        ((ROOMS, "type"), "phone", "topics.4."),
    ],
)
def test_a_broken_topic_is_told_by_its_line_and_field(
    tmp_path: Path, place: tuple[int | str, ...], value: Any, complaint: str
) -> None:
    content = shai()
    within = content["topics"]
    for part in place[:-1]:
        within = within[part]
    within[place[-1]] = value
    path = written(tmp_path, content)
    with pytest.raises(ProfileBroken) as broken:
        load_profile(path)
    assert re.match(re.escape(str(path)) + r":\d+: " + re.escape(complaint), str(broken.value))


def test_the_line_is_that_of_the_field(tmp_path: Path) -> None:
    text = (SHIPPED / "shai.yaml").read_text("utf-8")
    path = tmp_path / "office.yaml"
    path.write_text(text.replace("        en: Jaffa\n", "        en: יפו\n"), "utf-8")
    line = text[: text.index("        en: Jaffa\n")].count("\n") + 1
    with pytest.raises(ProfileBroken) as broken:
        load_profile(path)
    assert str(broken.value).startswith(f"{path}:{line}: topics.0.choices.1.en: expected English")


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("summary", [["kind", "color"]], "summary.0: there is no topic color"),
        ("callers_say", ["{budget}"], "callers_say.0: there is nothing to put for {budget}"),
        ("hints", [{"boost": 99, "phrases": ["Agent Locator"]}], "hints.0.boost: "),
        ("people", ["sales", "sales"], "people: the same one stands there twice"),
        ("people", ["+972501234567"], "people.0: "),
    ],
)
def test_what_refers_to_topics_and_people_is_checked(
    tmp_path: Path, field: str, value: Any, complaint: str
) -> None:
    assert why_refused(tmp_path, shai() | {field: value}).startswith(complaint)


def run_check(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return asyncio.run(command.run(parser.parse_args(["check", *arguments])))


@pytest.mark.parametrize("name", ["shai", "spokes"])
def test_the_shipped_profiles_are_sound(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check(str(SHIPPED / f"{name}.yaml")) == 0
    assert "the profile is sound" in capsys.readouterr().out


def test_the_check_of_a_broken_profile_names_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, shai() | {"timezone": "Mars/Olympus"})
    with pytest.raises(BadSettings, match=r"office\.yaml:\d+: timezone: Mars/Olympus is not"):
        run_check(str(path))
