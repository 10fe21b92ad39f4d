"""What callers and judge know of the office that is called: the areas, the property types, and the
amounts on its keypad menu. The one place here that knows how a profile keeps them."""

from engine.dialogue.profile import Choice, Profile


def areas(profile: Profile) -> tuple[Choice, ...]:
    return profile.choices["area"]


def kinds(profile: Profile) -> tuple[Choice, ...]:
    return profile.choices["kind"]


def amounts(profile: Profile) -> tuple[int, ...]:
    return profile.money.amounts if profile.money else ()


def is_area(key: str, profile: Profile) -> bool:
    return any(area.key == key for area in areas(profile))
