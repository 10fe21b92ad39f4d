"""What callers and judge know of the office that is called: the areas, the property types, and the
amounts on its keypad menu. The one place here that knows how a profile keeps them."""

from engine.dialogue.profile import Choice, Profile


def areas(profile: Profile) -> tuple[Choice, ...]:
    return profile.areas


def kinds(profile: Profile) -> tuple[Choice, ...]:
    return profile.kinds


def amounts(profile: Profile) -> tuple[int, ...]:
    return profile.budgets


def is_area(key: str, profile: Profile) -> bool:
    return any(area.key == key for area in areas(profile))
