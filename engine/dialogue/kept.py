"""What of a talk is kept while its call lives, as plain data, and the talk that is made of it again
when the caller comes back. The caller's very words are not kept here. What cannot be read, or does
not fit the business any more, is no talk: the call begins anew."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum, EnumType
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from engine.dialogue import menu
from engine.dialogue.acts import (
    Act,
    Ask,
    ConfirmBudget,
    HandOver,
    Menu,
    Narrow,
    Offer,
    WhichOne,
    WindowMenu,
)
from engine.dialogue.hours import Window, window_at
from engine.dialogue.profile import Choices, Count, Money, Name, Phone, Profile, Slot, Time
from engine.dialogue.talk import Talk
from engine.dialogue.wish import Value, When

VERSION = 1
"""Of what is kept: another one is not read."""

_NOT_KEPT = ("profile", "lead", "words", "before")
"""What is found anew; and the caller's words."""
_TYPES = {name: kind for name, kind in get_type_hints(Talk).items() if name not in _NOT_KEPT}


class _Unreadable(Exception):
    """It was written by another version, or not by us."""


def keep(talk: Talk) -> dict[str, object]:
    """As JSON takes it."""
    return {"version": VERSION} | {name: _plain(getattr(talk, name)) for name in _TYPES}


def again(profile: Profile, kept: Mapping[str, object], now: datetime) -> Talk | None:
    """`now`: the office's local time, with its zone."""
    try:
        if kept["version"] != VERSION:
            return None
        read = {name: _read(kind, kept[name], now) for name, kind in _TYPES.items()}
    except (_Unreadable, KeyError, ValueError, OverflowError):
        return None
    talk = Talk(profile, **read)
    return talk if _fits(profile, talk) else None


def _plain(value: Any) -> object:
    match value:
        case Enum():
            return value.name
        case datetime():
            return value.isoformat()
        case tuple():
            return [_plain(one) for one in value]
        case frozenset():
            return sorted(str(_plain(one)) for one in value)
    if is_dataclass(value):
        told = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {"is": type(value).__name__, **told}
    return value


def _read(kind: Any, kept: Any, now: datetime) -> Any:
    """A value of that type. Raises `_Unreadable`, and what its parts raise."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _one_of(get_args(kind), kept, now)
    if origin is Literal and kept in get_args(kind):
        return kept
    if origin in (tuple, frozenset) and isinstance(kept, list):
        return origin(_parts(get_args(kind), kept, now))
    if isinstance(kept, dict) and is_dataclass(kind):
        return _whole(kind, kept, now)
    if kind is datetime and isinstance(kept, str):
        return datetime.fromisoformat(kept).astimezone(now.tzinfo)
    if isinstance(kind, EnumType) and isinstance(kept, str):
        return kind[kept]
    if type(kept) is kind:
        return kept
    raise _Unreadable


def _one_of(kinds: tuple[Any, ...], kept: Any, now: datetime) -> Any:
    for kind in kinds:
        with suppress(_Unreadable):
            return _read(kind, kept, now)
    raise _Unreadable


def _parts(kinds: tuple[Any, ...], kept: list[Any], now: datetime) -> list[Any]:
    if kinds[-1] is Ellipsis or len(kinds) == 1:
        kinds = (kinds[0],) * len(kept)
    if len(kinds) != len(kept):
        raise _Unreadable
    return [_read(kind, one, now) for kind, one in zip(kinds, kept, strict=True)]


def _whole(kind: Any, kept: Mapping[str, Any], now: datetime) -> Any:
    if kept["is"] != kind.__name__:
        raise _Unreadable
    types = get_type_hints(kind)
    whole = kind(**{one.name: _read(types[one.name], kept[one.name], now) for one in fields(kind)})
    # It may be another day by now.
    return window_at(whole.start, whole.minutes, now) if isinstance(whole, Window) else whole


def _fits(profile: Profile, talk: Talk) -> bool:
    """The business still asks what was asked, and knows what was answered."""
    known = {topic.key for topic in profile.topics}
    wish = talk.wish
    return (
        {talk.language, *talk.announced} <= set(profile.languages)
        and {*wish.open, *talk.learned, *(slot for slot, _ in wish.values)} <= known
        and all(_is_answer(profile, slot, value) for slot, value in wish.values)
        and all(_can_be_said(profile, act) for act in (talk.act, talk.question))
    )


def _is_answer(profile: Profile, slot: Slot, value: Value) -> bool:
    match profile.topic(slot).answers:
        case Choices(choices):
            return value in {choice.key for choice in choices}
        case Money():
            return isinstance(value, int)
        case Count():
            return isinstance(value, int | float)
        case Time():
            return isinstance(value, When)
        case Name() | Phone():
            return isinstance(value, str)


def _can_be_said(profile: Profile, act: Act) -> bool:
    match act:
        case Menu(slot, page):
            return _is_asked(profile, slot) and 0 <= page < menu.pages(profile, slot)
        case Ask(slot) | Narrow(slot):
            return _is_asked(profile, slot)
        case Offer(windows) | WhichOne(windows) | WindowMenu(windows):
            return bool(windows)
        case ConfirmBudget():
            return profile.money is not None
        case HandOver(key):
            return key in profile.people
    return True


def _is_asked(profile: Profile, slot: Slot) -> bool:
    return slot in {topic.key for topic in profile.topics}
