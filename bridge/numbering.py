"""The numbering plans of the world: who can be called at a number, and what time zones it is in.

A file of its own because the plans take long to import: only who calls out needs them."""

from collections.abc import Sequence

from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    format_number,
    is_valid_number,
    number_type,
    parse,
    region_code_for_number,
)
from phonenumbers.timezone import time_zones_for_number

_PEOPLE = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
}
"""Not premium, shared-cost, toll-free or personal numbers: their owner may be paid by the call."""
_NO_COUNTRY = "001"
"""Satellites and international networks (+870, +881, +882, +883, +979 …)."""


def read_number(written: str) -> PhoneNumber | None:
    """From E.164."""
    try:
        return parse(written)
    except NumberParseException:
        return None


def nobody_there(written: str, number: PhoneNumber) -> str:
    """Why it is no number of a person; empty: it may be one."""
    if region_code_for_number(number) == _NO_COUNTRY:
        return "satellite and international networks are never called"
    if not is_valid_number(number) or format_number(number, PhoneNumberFormat.E164) != written:
        return "there is no such number in its country's numbering plan"
    if number_type(number) not in _PEOPLE:
        return "premium, shared-cost, toll-free and personal numbers are never called"
    return ""


def time_zones(number: PhoneNumber) -> Sequence[str]:
    zones: Sequence[str] = time_zones_for_number(number)
    return zones
