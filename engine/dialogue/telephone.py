"""A telephone number in what was heard, written or read out in any groups. Whether somebody can be
called there, only the telephone network knows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.dialogue.numerals import digits_at

PLUS = "plus"
_PLUSES = frozenset({PLUS, "פלוס"})
_LEAST_DIGITS = 8
_MANY_WORDS = 6
"""So many groups in a row are no amount and no hour."""

_ISRAELI = re.compile(r"(?:972|0)([23489]\d{7}|[57]\d{8})")
_NORTH_AMERICAN = re.compile(r"1?([2-9]\d\d[2-9]\d{6})")


@dataclass(frozen=True, slots=True)
class Telephone:
    """A number found in tokens[start:end]."""

    number: str | None
    """As E.164; None: digits that are read out, and no whole number."""
    start: int
    end: int
    corrected: bool = False


def telephone(tokens: Sequence[str]) -> Telephone | None:
    """The last number that is whole; its last digits may be corrected after it."""
    found: Telephone | None = None
    position = 0
    while position < len(tokens):
        plus = tokens[position] in _PLUSES
        digits, end = digits_at(tokens, position + plus)
        number = _e164(digits, plus)
        if number is not None:
            corrected = found is not None and found.number is not None
            found = Telephone(number, position, end, corrected)
        elif found is None and end - position >= _MANY_WORDS:
            found = Telephone(None, position, end)
        elif (
            found is not None
            and found.number is not None
            and 2 <= len(digits) <= 7
            and end == len(tokens)
        ):
            number = found.number[: -len(digits)] + digits
            found = Telephone(number, found.start, end, corrected=True)
        position = max(end, position + 1)
    return found


def _e164(digits: str, plus: bool) -> str | None:
    if len(digits) < _LEAST_DIGITS:
        return None
    israeli = _ISRAELI.fullmatch(digits)
    if israeli and not (plus and digits[0] == "0"):
        return f"+972{israeli[1]}"
    american = _NORTH_AMERICAN.fullmatch(digits)
    if american and (digits[0] == "1" or not plus):
        return f"+1{american[1]}"
    return f"+{digits}" if plus and digits[0] != "0" and len(digits) <= 15 else None
