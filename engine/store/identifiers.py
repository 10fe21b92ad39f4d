"""Takes out of what was said those numbers and addresses that nobody needs to keep: payment
cards, Israeli identity numbers, e-mail addresses. Pure."""

import re

_DIGITS = re.compile(r"(?<![\d.,])\d(?:[ -]?\d){8,18}(?![.,]?\d)")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def without_identifiers(text: str) -> str:
    return _DIGITS.sub(_masked, _EMAIL.sub("[e-mail]", text))


def _masked(found: re.Match[str]) -> str:
    digits = [int(digit) for digit in found[0] if digit.isdecimal()]
    if len(digits) >= 13 and _luhn(digits):
        return "[card]"
    # Both have the same check digit.
    if len(digits) == 9 and _luhn(digits):
        return "[id]"
    return found[0]


def _luhn(digits: list[int]) -> bool:
    """Every second digit from the right counts twice, its digits added up."""
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
