"""What becomes of a cell: its text, and the value its column's type makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import partial

from order_sync.rules.values import (
    SIGNIFICANT_DIGITS,
    clean_date,
    clean_quantity,
    number_text,
)

Cell = str | int | None

_WHOLE = 2**53  # up to here every whole number has a float of its own
_LOCAL_DATE = re.compile(r"([0-9]{1,2})([-/. ])([0-9]{1,2})\2((?:20)?[0-9]{2})")


class DateOrder(StrEnum):
    """How a file writes dates such as 03/02/2026, which nobody can tell from the dates alone."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


def cell_text(value: object) -> str:
    """A cell of a typed file as the text a CSV file would hold; blank for no value.

    Whole numbers have no decimal point (`4755`), others no noise of binary fractions (`28.86`):
    15 digits count, which is what a float and a spreadsheet keep. Dates are ISO, with the time
    only where there is one, in the time zone they carry; durations `30:00:00`; truth is `TRUE`
    or `FALSE`; a number that is none (NaN) is blank.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, Decimal):
        return "" if value.is_nan() else number_text(value)
    if isinstance(value, datetime):
        is_day = value.time() == time.min
        return value.date().isoformat() if is_day else value.isoformat(" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration_text(value)
    return str(value)


def _float_text(value: float) -> str:
    if value.is_integer() and abs(value) <= _WHOLE:
        return str(int(value))
    return cell_text(Decimal(f"{value:.{SIGNIFICANT_DIGITS}g}"))


def _duration_text(value: timedelta) -> str:
    sign = "-" if value < timedelta(0) else ""
    minutes, seconds = divmod(round(abs(value).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02}:{seconds:02}"


def _quantity(text: str) -> Cell:
    pieces, refusal = clean_quantity(text)
    if refusal is None:
        return pieces
    digits = text.strip().removeprefix("-")
    plain = refusal.code == "negative_quantity" and digits.isdecimal() and len(digits) < 10
    return -int(digits) if plain else text


def _iso_date(text: str, order: DateOrder | None) -> Cell:
    day, finding = clean_date(text)
    if finding is not None:
        return _local_date(text.strip(), order) or text
    return day.isoformat() if day is not None else None


def _local_date(text: str, order: DateOrder | None) -> str | None:
    """An ISO date, or None when `text` is no date of that order."""
    found = _LOCAL_DATE.fullmatch(text)
    if order is None or found is None:
        return None
    day, month = int(found[1]), int(found[3])
    if order is DateOrder.MONTH_FIRST:
        day, month = month, day
    try:
        return date(2000 + int(found[4][-2:]), month, day).isoformat()
    except ValueError:
        return None


def _text(text: str) -> Cell:
    return text


def converters(dates: DateOrder | None) -> dict[str, Callable[[str], Cell]]:
    """SQL type -> what makes a value of a cell's text; None: only ISO dates are dates."""
    return {"INTEGER": _quantity, "DATE": partial(_iso_date, order=dates), "TEXT": _text}
