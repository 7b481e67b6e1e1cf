"""The one set of rules that turns raw cells into values: text, numbers, dates, quantities and keys.

A raw cell is whatever a database or a CSV delivers. Nothing here raises on bad data: a cleaner
returns the value and, where something is odd, a `Warn` (the value becomes empty) or a `Refusal`
(the order cannot be sent). The caller adds the name of the column.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from order_sync.rules.order import Refusal, Warn

BLANK_WORDS = frozenset({"", "null", "none", "nan", "n/a"})  # casefolded
MAX_QUANTITY = 2_147_483_647  # pieces: quantities are 32-bit in the source
MAX_KEY = 500  # characters of an order key: what every database can index
DECIMAL_PLACES = 4
INTEGER_PLACES = 14  # DECIMAL(18,4) leaves 14 places before the point
SIGNIFICANT_DIGITS = 15  # what survives a system that keeps numbers as 64-bit floats

REMEMBERED = 16_384  # cells of a kind whose cleaned value is remembered: columns repeat themselves
SHORT = 64  # characters of a cell that is remembered

_STEP = Decimal(1).scaleb(-DECIMAL_PLACES)
_EXCEL_DAY_ZERO = date(1899, 12, 30)
_EXCEL_SERIALS = range(20_000, 80_001)  # 1954 to 2119: no year number or quantity of ours
_PLACEHOLDER_DATE = date(1900, 1, 1)  # what some systems write for "no date"

_LONGEST_BLANK_WORD = max(map(len, BLANK_WORDS))
_LINE_BREAKS = re.compile("\r\n|\r|\u2028|\u2029|\x85")
_BLANKS = re.compile("[\t\u00a0\u2007\u202f]")
# Control characters except the line break, halves of surrogate pairs, and blanks without width:
# they cannot be stored, or make two texts differ that look the same.
_REMOVED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\u200b\u2060]")

_COMMAS_FOR_POINTS = str.maketrans(",.", ".,")
_GROUPED = r"(?:[0-9]{1,3}(?:[, ][0-9]{3})+|[0-9]+)"
_NUMBER = re.compile(rf"(?P<digits>(?:{_GROUPED}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{{1,6}})?)")
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,11}(?:\.[0-9]{1,4})?")  # within all limits
_QUANTITY = re.compile(rf"[-+]?{_GROUPED}(?:\.0*)?")
_DATE = re.compile(
    r"(?P<year>[0-9]{4})(?P<sep>[-/]?)(?P<month>[0-9]{1,2})(?P=sep)(?P<day>[0-9]{1,2})"
    r"(?:[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?\s*(?:Z|[-+][0-9]{2}:?[0-9]{2})?)?"
)
_DAY_OR_MONTH_FIRST = re.compile(r"[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ](?:[0-9]{2}|[0-9]{4})(?:\s.*)?")
_SERIAL = re.compile(r"([0-9]{5})(?:\.[0-9]*)?")


def clean_text(raw: object) -> str | None:
    """`raw` as trimmed text, or None when it is blank or one of the blank words.

    Line breaks inside become a line feed, tabs and no-break blanks a plain blank, other control
    characters vanish. Blanks inside stay as they are.
    """
    if raw is None:
        return None
    text = raw if type(raw) is str else _as_text(raw)
    return _clean_short(text) if len(text) <= SHORT else _clean(text)


def _clean(text: str) -> str | None:
    if not (text.isascii() and text.isprintable()):
        text = _storable(text)
    text = text.strip()
    if len(text) <= _LONGEST_BLANK_WORD and text.casefold() in BLANK_WORDS:
        return None
    return text


def clean_number(raw: object) -> tuple[Decimal | None, Warn | None]:
    """`raw` as a Decimal with at most 4 places (half up), or None with a warning why not.

    Currency and percent signs, thousands separators and blanks fall away: `$ 1,234.50` is
    1234.50 and `7.5%` is 7.5. Parentheses mean negative. A comma that is no thousands
    separator (`12,50`) is not guessed at.
    """
    if type(raw) is float or (type(raw) is str and len(raw) <= SHORT):
        return _number_of_cell(raw)
    return _number(raw)


def _number(raw: object) -> tuple[Decimal | None, Warn | None]:
    if isinstance(raw, bool):
        return None, _unreadable_number(raw)
    if isinstance(raw, (int, Decimal)):
        number = Decimal(raw)
    else:
        text = clean_text(raw if not isinstance(raw, float) else repr(raw))
        if text is None:
            # A float that is no number is a broken cell, the word NaN in a text an empty one.
            return None, _unreadable_number(raw) if isinstance(raw, float) else None
        if PLAIN_NUMBER.fullmatch(text):
            return Decimal(text) or Decimal(0), None
        parsed = _parse_number(text)
        if parsed is None:
            return None, _unreadable_number(raw)
        number = parsed
    if not number.is_finite():
        return None, _unreadable_number(raw)
    if not number:
        return Decimal(0), None
    return _within_limits(number, raw)


def has_decimal_comma(text: str) -> bool:
    """Whether a text that is no number is one where commas and points change places.

    Such as `12,50`, `1.234,50` and `-0,5 €`.
    """
    cleaned = clean_text(text) if "," in text and len(text) <= SHORT else None
    return cleaned is not None and _parse_number(cleaned.translate(_COMMAS_FOR_POINTS)) is not None


def clean_quantity(raw: object) -> tuple[int | None, Refusal | None]:
    """`raw` as whole pieces, None when blank; a fraction, text or a negative number is refused."""
    if type(raw) is int:
        pieces = raw
    else:
        text = clean_text(raw)
        if text is None:
            return None, None
        if isinstance(raw, bool) or not _QUANTITY.fullmatch(text):
            return None, _invalid_quantity(raw, "is not a whole number of pieces")
        # Ten digits are over the limit already; Python refuses to read thousands of them.
        sign, digits = text[:1] == "-", text.lstrip("+-").partition(".")[0]
        digits = digits.replace(",", "").replace(" ", "").lstrip("0")[:11]
        pieces = -int(digits or 0) if sign else int(digits or 0)
    if pieces < 0:
        message = f'"{_shown(raw)}" is negative: correct the quantity in the source'
        return None, Refusal("negative_quantity", message, value=_shown(raw))
    if pieces > MAX_QUANTITY:
        return None, _invalid_quantity(raw, f"is more than {MAX_QUANTITY:,} pieces")
    return pieces, None


def clean_date(raw: object) -> tuple[date | None, Refusal | Warn | None]:
    """`raw` as a date: dates, ISO text (also with slashes or a time), Excel serial numbers.

    Day-first and month-first texts cannot be told apart and are refused. 1900-01-01 is what
    other systems write for "no date": it becomes empty, with a warning.
    """
    if isinstance(raw, datetime):
        return _real_date(raw.date())
    if isinstance(raw, date):
        return _real_date(raw)
    text = clean_text(raw)
    if text is None:
        return None, None
    return _date_of_text(text)


@lru_cache(REMEMBERED)
def _date_of_text(text: str) -> tuple[date | None, Refusal | Warn | None]:
    serial = _SERIAL.fullmatch(text)
    if serial and int(serial[1]) in _EXCEL_SERIALS:
        return _EXCEL_DAY_ZERO + timedelta(days=int(serial[1])), None
    iso = _DATE.fullmatch(text)
    if iso and (iso["sep"] or len(iso["month"]) == len(iso["day"]) == 2):
        try:
            return _real_date(date(int(iso["year"]), int(iso["month"]), int(iso["day"])))
        except ValueError:
            return None, _refused_date("unreadable_date", text, "is not a day of the calendar")
    if _DAY_OR_MONTH_FIRST.fullmatch(text):
        return None, _refused_date("ambiguous_date", text, "may mean day/month or month/day")
    return None, _refused_date("unreadable_date", text, "is not a date")


@lru_cache(REMEMBERED)
def number_text(number: Decimal) -> str:
    """`number` without exponent and trailing zeros: equal numbers have equal texts."""
    text = str(number)
    if "E" in text:
        text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def key_part(text: str) -> str:
    """`text` as keys compare it: trimmed, no control characters, single blanks, casefolded."""
    return _short_key_part(text) if len(text) <= SHORT else _key_part(text)


def _key_part(text: str) -> str:
    if text.isascii() and text.isprintable():
        return " ".join(text.split()).casefold()
    text = _storable(text)
    # Letters with accents exist in two spellings that look the same; a key knows only one.
    folded = unicodedata.normalize("NFD", text).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def order_key(parts: Iterable[str]) -> str:
    """The key of an order line: its parts as `key_part`, joined by "|" (escaped inside a part).

    One that is longer than `MAX_KEY` is cut, and ends with a digest that keeps it apart.
    """
    key = "|".join([_escaped(key_part(part)) for part in parts])
    return key if len(key) <= MAX_KEY else _shortened(key)


def size_key(label: str) -> str:
    """The key of a size within its order line."""
    return _escaped(key_part(label))


def parse_key(text: str) -> str:
    """A key as a person types it (any case, loose blanks), in the form `order_key` gives it."""
    return order_key(key_parts(text))


def key_parts(key: str) -> list[str]:
    """The parts a key was made of, unescaped."""
    parts, part = [], ""
    characters = iter(key)
    for character in characters:
        if character == "|":
            parts.append(part)
            part = ""
        elif character == "\\":
            escaped = next(characters, "")
            # A lone backslash, typed by someone who does not know that it escapes, is itself.
            part += escaped if escaped in ("|", "\\") and escaped else "\\" + escaped
        else:
            part += character
    return [*parts, part]


def _storable(text: str) -> str:
    return _REMOVED.sub("", _BLANKS.sub(" ", _LINE_BREAKS.sub("\n", text)))


def _shortened(key: str) -> str:
    digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32]
    # No half of an escaped pair and no blank at the cut: a short key reads back as itself.
    return f"{key[: MAX_KEY - len(digest) - 1].rstrip(' |' + chr(92))}…{digest}"


def _escaped(part: str) -> str:
    if "|" in part or "\\" in part:
        return part.replace("\\", "\\\\").replace("|", "\\|")
    return part


def _as_text(raw: object) -> str:
    if isinstance(raw, str):
        return str(raw)
    if isinstance(raw, bool):
        return "TRUE" if raw else "FALSE"
    if isinstance(raw, Decimal):
        return number_text(raw) if raw.is_finite() else str(raw)
    if isinstance(raw, float):
        return str(int(raw)) if raw.is_integer() else repr(raw)
    if isinstance(raw, datetime):
        midnight = raw.time() == datetime.min.time()
        return raw.date().isoformat() if midnight else raw.isoformat(" ")
    if isinstance(raw, (bytes, bytearray)):
        return raw.decode("utf-8", errors="replace")
    return str(raw)


def _parse_number(text: str) -> Decimal | None:
    """The number in `text`, whatever signs stand around it; None when there is none."""
    bare = "".join(
        [c for c in text.replace("\N{MINUS SIGN}", "-") if unicodedata.category(c) != "Sc"]
    ).strip()
    bare = bare.removesuffix("%").rstrip()
    negative = bare.startswith("(") and bare.endswith(")")
    if negative:
        bare = bare[1:-1].strip().removesuffix("%").rstrip()
    if bare[:1] in ("-", "+"):
        negative ^= bare[0] == "-"
        bare = bare[1:].lstrip()
    match = _NUMBER.fullmatch(bare)
    if not match:
        return None
    number = Decimal(match["digits"].replace(",", "").replace(" ", ""))
    return -number if negative else number


def _within_limits(number: Decimal, raw: object) -> tuple[Decimal | None, Warn | None]:
    too_large = number.adjusted() >= INTEGER_PLACES
    exponent = number.as_tuple().exponent
    if not too_large and isinstance(exponent, int) and exponent < -DECIMAL_PLACES:
        number = number.quantize(_STEP, rounding=ROUND_HALF_UP)
        too_large = number.adjusted() >= INTEGER_PLACES
    if too_large or len(number.normalize().as_tuple().digits) > SIGNIFICANT_DIGITS:
        message = (
            f'"{_shown(raw)}" has more than {INTEGER_PLACES} places before the point or '
            f"{SIGNIFICANT_DIGITS} digits: the cell stays empty"
        )
        return None, Warn("number_out_of_range", message, value=_shown(raw))
    return (number or Decimal(0)), None


def _real_date(day: date) -> tuple[date | None, Warn | None]:
    if day == _PLACEHOLDER_DATE:
        message = "1900-01-01 stands for no date: the cell stays empty"
        return None, Warn("placeholder_date", message, value=day.isoformat())
    return day, None


def _refused_date(code: str, text: str, why: str) -> Refusal:
    return Refusal(
        code, f'"{_shown(text)}" {why}: write it as YYYY-MM-DD in the source', value=_shown(text)
    )


def _invalid_quantity(raw: object, why: str) -> Refusal:
    message = f'"{_shown(raw)}" {why}: correct the quantity in the source'
    return Refusal("invalid_quantity", message, value=_shown(raw))


def _unreadable_number(raw: object) -> Warn:
    message = f'"{_shown(raw)}" is not a number: the cell stays empty'
    return Warn("unreadable_number", message, value=_shown(raw))


def _shown(raw: object) -> str:
    """`raw` short enough for a message."""
    text = one_line(str(raw))
    return text if len(text) <= 80 else text[:79] + "…"


def one_line(text: str) -> str:
    """`text` on one line: storable characters only, each line break a blank."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return _storable(text).replace("\n", " ").strip()


_clean_short = lru_cache(REMEMBERED)(_clean)
_short_key_part = lru_cache(REMEMBERED)(_key_part)
# Equal numbers and texts of different types are different cells.
_number_of_cell = lru_cache(REMEMBERED, typed=True)(_number)
