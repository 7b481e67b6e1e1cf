"""What a person can do about refused rows: see what they have in common, and decide."""

from __future__ import annotations

from enum import StrEnum

from order_sync.rules.refusals import OWN_CODES, Again
from order_sync.rules.retry import ERROR_TABLE


class GroupBy(StrEnum):
    """What refused rows are counted by."""

    CODE = "code"
    CUSTOMER = "customer"
    COLUMN = "column"  # source column or board title


class Resolution(StrEnum):
    """A person's decision about a refusal."""

    RETRY = "retry"  # the cause is repaired: try it again, whatever attempts are used up
    IGNORE = "ignore"  # leave it as it is and stop counting it, until its data changes
    RECREATE = "recreate"  # what is known of the item is forgotten; the order is made anew
    FORGET = "forget"  # the board does not hold it and shall not, whatever its data becomes


STANDING = (Resolution.IGNORE, Resolution.FORGET)  # in force until a person decides otherwise

_OWN = {code.code: code for code in OWN_CODES}
_MONDAY = {rule.code: rule for rule in ERROR_TABLE}


def what_to_do(code: str) -> str:
    """One sentence of advice for a code; "" for a code nobody knows."""
    if code in _OWN:
        return _OWN[code].to_do
    return _MONDAY[code].advice if code in _MONDAY else ""


def helps_to_recreate(code: str, *, from_monday: bool) -> bool:
    """Whether making the order anew can heal a refusal.

    It cannot when the row was refused before anything was sent: the row is as bad afterwards.
    """
    again = _OWN[code].again if code in _OWN else None
    return again is Again.PERSON or (from_monday and again is not Again.WITH_ITS_ORDER)


def fitting(code: str, *, from_monday: bool) -> tuple[Resolution, ...]:
    """The decisions to offer for an open refusal, the most likely first."""
    again = _OWN[code].again if code in _OWN else None
    if again is Again.PERSON:
        return tuple(Resolution)
    if from_monday and again is not Again.WITH_ITS_ORDER:
        return (Resolution.RETRY, Resolution.IGNORE)
    return (Resolution.IGNORE,)
