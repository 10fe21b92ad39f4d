import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.dialogue.phrases import greeting_in
from engine.profile import SHIPPED, ProfileBroken, load_profile, shipped_profile


def shai() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((SHIPPED / "shai.yaml").read_text("utf-8"))
    return content


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "office.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return path


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
        ("hours", {"someday": ["09:00-18:00"]}, "hours.someday"),
        ("timezone", "Mars/Olympus", "timezone: Mars/Olympus is not a known time zone"),
        ("color", "blue", "color: Extra inputs are not permitted"),
        ("greeting", {"he": "שָׁלוֹם " * 20, "en": "Hello"}, "greeting: it is over 20 words"),
    ],
)
def test_a_broken_file_is_one_sentence_that_names_the_field(
    tmp_path: Path, field: str, value: Any, complaint: str
) -> None:
    path = written(tmp_path, shai() | {field: value})
    with pytest.raises(ProfileBroken) as broken:
        load_profile(path)
    assert re.match(re.escape(str(path)) + r":\d+: " + re.escape(complaint), str(broken.value))
    assert "\n" not in str(broken.value)


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
