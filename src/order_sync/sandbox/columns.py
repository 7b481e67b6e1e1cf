"""What may be written to a cell, by column type.

A parser takes what the caller sent and returns what the cell will hold, or None to clear it:

    text, long_text   str                     rating        int
    numbers           str, plain decimal      hour          (hour, minute)
    status            label id                checkbox      True
    dropdown          list of label ids       board_relation, tags   list of ids
    date              (date, time or None)    timeline      (from, to)
    link, phone, email, country, people, location   the dict that was sent, checked

A value is either structured or, where the type has one, a simple string.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

import orjson

from order_sync.sandbox.boards import Board, Column
from order_sync.sandbox.errors import ApiError, column_value_error, invalid_argument
from order_sync.sandbox.labels import EMPTY_STATUS_ID, Label, LabelError, Labels

LONG_TEXT_LENGTH = 2_000
RATING_SCALE = 5

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
_PHONE = re.compile(r"\+?[0-9 ()./-]{5,25}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_COUNTRY = re.compile(r"[A-Z]{2}")

Parser = Callable[[Column, Any, bool], Any]  # column, value, may labels be created


def parse_column_values(
    board: Board, column_values: object, create_labels: bool, most_bytes: int
) -> dict[str, Any]:
    """Check the `column_values` argument; nothing is written yet.

    Returns column id -> what the cell will hold (None: cleared). The key `name` is passed on.

    Raises:
        ApiError: not a JSON object in a string, too long, an unknown column, a bad value.
    """
    if column_values is None:
        return {}
    if isinstance(column_values, str) and len(column_values.encode()) > most_bytes:
        raise invalid_argument(f"column_values may have {most_bytes} bytes at most")
    cells: dict[str, Any] = {}
    for column_id, value in json_object(column_values).items():
        if column_id == "name":
            cells["name"] = _name(value)
        else:
            cells[column_id] = parse_value(board.column(column_id), value, create_labels)
    return cells


def json_object(argument: object) -> dict[str, Any]:
    """The object inside a JSON argument."""
    decoded = decode_json(argument)
    if not isinstance(decoded, dict):
        raise invalid_argument("Expected a JSON object")
    return decoded


def decode_json(argument: object) -> Any:
    """A JSON argument has to be a string, even as a variable; an object is refused."""
    if not isinstance(argument, str):
        raise invalid_argument("A JSON argument has to be encoded as a string")
    try:
        return orjson.loads(argument)
    except orjson.JSONDecodeError as error:
        raise invalid_argument(f"Invalid JSON: {error}") from None


def parse_value(column: Column, value: Any, create_labels: bool) -> Any:
    """Check one value of one column; None clears the cell, and so do "" and {} in some types.

    Raises:
        ApiError: `ColumnValueException`, or `CorrectedValueException` for a type that is never
            right for this column.
    """
    parser = _PARSERS.get(column.type)
    if parser is None:
        raise column_value_error(
            column.id, column.type, f"A column of type {column.type} cannot be written"
        )
    if value is None or (value == "" and column.type in _CLEARED_BY_TEXT):
        return None
    if value == {} and column.type in _CLEARED_BY_OBJECT:
        return None
    return parser(column, value, create_labels)


def parse_simple_value(column: Column, value: str | None, create_labels: bool) -> Any:
    """The same for `change_simple_column_value`, which takes simple strings only."""
    if value and column.type in _WITHOUT_SIMPLE_FORM:
        raise _bad(column, "needs the structured form")
    return parse_value(column, value, create_labels)


def _bad(column: Column, why: str) -> ApiError:
    return column_value_error(
        column.id, column.type, f"Invalid value for column {column.title!r}: {why}"
    )


def _wrong_type(column: Column, value: Any) -> ApiError:
    return ApiError(
        "CorrectedValueException",
        f"A column of type {column.type} does not take a value of type {type(value).__name__}",
        error_data={"column_id": column.id, "column_type": column.type},
    )


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise invalid_argument("An item name has to be a string")
    return value


def _object(column: Column, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong_type(column, value)
    return value


# Text and numbers ---------------------------------------------------------------------------


def _text(column: Column, value: Any, _create: bool) -> str:
    if not isinstance(value, str):
        raise _wrong_type(column, value)
    return value


def _long_text(column: Column, value: Any, _create: bool) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("text")
    text = _text(column, value, False)
    if len(text) > LONG_TEXT_LENGTH:
        raise _bad(column, f"{len(text)} characters, at most {LONG_TEXT_LENGTH} are allowed")
    return text or None


def _numbers(column: Column, value: Any, _create: bool) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong_type(column, value)
    text = str(value)
    if not _NUMBER.fullmatch(text):
        raise _bad(column, f"{text!r} is not a number")
    plain = format(Decimal(text), "f")  # normalize() would round long numbers
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain


def _rating(column: Column, value: Any, _create: bool) -> int:
    whole = _whole_number(column, _object(column, value).get("rating"))
    if not 1 <= whole <= RATING_SCALE:
        raise _bad(column, f"a rating is 1 to {RATING_SCALE}")
    return whole


def _whole_number(column: Column, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _wrong_type(column, value)
    if isinstance(value, str) and not re.fullmatch(r"\d{1,100}", value, re.ASCII):
        raise _bad(column, f"{value!r} is not a whole number")
    return int(value)


# Labels -------------------------------------------------------------------------------------


def labels_of(column: Column) -> Labels:
    if column.labels is None:
        raise invalid_argument(f"The column {column.title!r} has no labels", column_id=column.id)
    return column.labels


def _status(column: Column, value: Any, create_labels: bool) -> int | None:
    if isinstance(value, Mapping):
        chosen = value.get("index") if value.get("index") is not None else value.get("label")
    else:
        chosen = value
    if chosen is None or chosen == "":
        return None
    if isinstance(chosen, int) or (isinstance(chosen, str) and chosen.isdecimal()):
        label_id = _whole_number(column, chosen)
        if label_id == EMPTY_STATUS_ID and labels_of(column).by_id(label_id) is None:
            return None
        return _label_with_id(column, label_id).id
    return _label_named(column, chosen, create_labels).id


def _dropdown(column: Column, value: Any, create_labels: bool) -> list[int] | None:
    if isinstance(value, Mapping):
        names, ids = value.get("labels"), value.get("ids")
        if names is not None and ids is not None:
            raise _bad(column, "give labels or ids, not both")
        chosen = names if names is not None else ids
        if not isinstance(chosen, list):
            raise _bad(column, "expected a list of labels or of ids")
        by_name = names is not None
    else:
        chosen = [part.strip() for part in _text(column, value, False).split(",")]
        by_name = not all(part.isdecimal() for part in chosen)
    found = [
        _label_named(column, choice, create_labels)
        if by_name
        else _label_with_id(column, _whole_number(column, choice))
        for choice in chosen
    ]
    return list(dict.fromkeys(label.id for label in found)) or None


def _label_with_id(column: Column, label_id: int) -> Label:
    label = labels_of(column).by_id(label_id)
    if label is None or label.is_deactivated:
        raise _unknown_label(column, label_id)
    return label


def _label_named(column: Column, text: Any, create_labels: bool) -> Label:
    if not isinstance(text, str):
        raise _wrong_type(column, text)
    labels = labels_of(column)
    label = labels.find(text)
    if label is not None:
        return label
    if not create_labels:
        raise _unknown_label(column, text)
    try:
        label = labels.add(text)
    except LabelError as error:
        raise _bad(column, str(error)) from None
    column.revision += 1
    return label


def _unknown_label(column: Column, wanted: object) -> ApiError:
    return _bad(
        column,
        f"the label {wanted!r} does not exist, possible labels are: "
        f"{labels_of(column).described()}",
    )


# Dates and times ------------------------------------------------------------------------------


def _date(column: Column, value: Any, _create: bool) -> tuple[str, str | None]:
    if isinstance(value, Mapping):
        day, clock = value.get("date"), value.get("time")
    else:
        day, _, clock = _text(column, value, False).partition(" ")
    return _day(column, day), _clock_time(column, clock) if clock else None


def _day(column: Column, value: Any) -> str:
    # fromisoformat also takes 20261122 and week dates, which the API does not
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise _bad(column, f"{value!r} is not a date of the form YYYY-MM-DD")
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise _bad(column, f"{value!r} is not a day of the calendar") from None


def _clock_time(column: Column, value: Any) -> str:
    # fromisoformat also takes 140500, fractions and time zones
    if not isinstance(value, str) or not re.fullmatch(r"\d{2}:\d{2}:\d{2}", value, re.ASCII):
        raise _bad(column, f"{value!r} is not a time of the form HH:MM:SS")
    try:
        return time.fromisoformat(value).isoformat()
    except ValueError:
        raise _bad(column, f"{value!r} is not a time of the day") from None


def _timeline(column: Column, value: Any, _create: bool) -> tuple[str | None, str | None]:
    """{} empties the timeline and remembers when, which null does not."""
    period = _object(column, value)
    if not period:
        return None, None
    start, end = _day(column, period.get("from")), _day(column, period.get("to"))
    if start > end:
        raise _bad(column, "the timeline ends before it starts")
    return start, end


def _hour(column: Column, value: Any, _create: bool) -> tuple[int, int]:
    given = _object(column, value)
    hour, minute = given.get("hour"), given.get("minute", 0)
    if any(isinstance(part, str) and re.match(r"0\d", part) for part in (hour, minute)):
        raise _bad(column, "hour and minute have no leading zeros")
    hour, minute = _whole_number(column, hour), _whole_number(column, minute)
    if hour > 23 or minute > 59:
        raise _bad(column, "no such time of day")
    return hour, minute


# The rest --------------------------------------------------------------------------------------


def _checkbox(column: Column, value: Any, _create: bool) -> bool | None:
    checked = _object(column, value).get("checked")
    if not isinstance(checked, bool) and checked not in ("true", "false"):
        raise _bad(column, 'expected {"checked": "true"}')
    return True if checked in (True, "true") else None


def _link(column: Column, value: Any, _create: bool) -> dict[str, str]:
    url: Any
    text: Any
    if isinstance(value, str):
        url, _, text = value.partition(" ")
    else:
        url, text = _object(column, value).get("url"), value.get("text")
    if not isinstance(url, str) or not re.match(r"https?://\S+$", url):
        raise _bad(column, "a link starts with http:// or https://")
    return {"url": url, "text": str(text or url)}


def _email(column: Column, value: Any, _create: bool) -> dict[str, str]:
    address: Any
    text: Any
    if isinstance(value, str):
        address, _, text = value.partition(" ")
    else:
        address, text = _object(column, value).get("email"), value.get("text")
        if text is None:
            raise _bad(column, "both email and text are needed")
    if not isinstance(address, str) or not _EMAIL.fullmatch(address):
        raise _bad(column, f"{address!r} is not an e-mail address")
    return {"email": address, "text": str(text or address)}


def _phone(column: Column, value: Any, _create: bool) -> dict[str, str]:
    number: Any
    if isinstance(value, str):
        number, _, country = value.rpartition(" ")
        if not _COUNTRY.fullmatch(country):
            number, country = value, ""
    else:
        number = _object(column, value).get("phone", "")
        country = value.get("countryShortName") or ""
    if not isinstance(number, str) or not _PHONE.fullmatch(number):
        raise _bad(column, f"{number!r} is not a phone number")
    return {"phone": number, "countryShortName": str(country)}


def _country(column: Column, value: Any, _create: bool) -> dict[str, str]:
    code, name = _object(column, value).get("countryCode"), value.get("countryName")
    if not isinstance(code, str) or not _COUNTRY.fullmatch(code) or not isinstance(name, str):
        raise _bad(column, "expected countryCode (two capitals) and countryName")
    return {"countryCode": code, "countryName": name}


def _location(column: Column, value: Any, _create: bool) -> dict[str, str]:
    if isinstance(value, str):
        parts = [*value.split(" ", 2), "", ""]
        place: Mapping[str, Any] = dict(zip(("lat", "lng", "address"), parts, strict=False))
    else:
        place = _object(column, value)
    address = place.get("address")
    if not isinstance(address, str) or not address.strip():
        raise _bad(column, "a location needs lat, lng and address")
    lat = _degrees(column, place.get("lat"), 90)
    return {"lat": lat, "lng": _degrees(column, place.get("lng"), 180), "address": address}


def _degrees(column: Column, value: Any, limit: int) -> str:
    degrees = _numbers(column, value, False)
    if abs(Decimal(degrees)) >= limit:
        raise _bad(column, f"{degrees} is not between -{limit} and {limit} degrees")
    return degrees


def _people(column: Column, value: Any, _create: bool) -> list[dict[str, Any]] | None:
    if isinstance(value, str):
        entries: Any = [{"id": part.strip(), "kind": "person"} for part in value.split(",")]
    else:
        entries = _object(column, value).get("personsAndTeams")
    if not isinstance(entries, list):
        raise _bad(column, "expected a list under personsAndTeams")
    people = []
    for entry in entries:
        person = _object(column, entry)
        if person.get("kind") not in ("person", "team", "agent"):
            raise _bad(column, "kind is person, team or agent")
        people.append({"id": _whole_number(column, person.get("id")), "kind": person["kind"]})
    return people or None


def _ids_under(key: str) -> Parser:
    def parse(column: Column, value: Any, _create: bool) -> list[int] | None:
        ids = _object(column, value).get(key)
        if not isinstance(ids, list):
            raise _bad(column, f"expected a list under {key}")
        return [_whole_number(column, one) for one in ids] or None

    return parse


_PARSERS: dict[str, Parser] = {
    "text": _text,
    "long_text": _long_text,
    "numbers": _numbers,
    "status": _status,
    "dropdown": _dropdown,
    "date": _date,
    "checkbox": _checkbox,
    "link": _link,
    "people": _people,
    "timeline": _timeline,
    "phone": _phone,
    "email": _email,
    "country": _country,
    "rating": _rating,
    "hour": _hour,
    "location": _location,
    "board_relation": _ids_under("item_ids"),
    "tags": _ids_under("tag_ids"),
}
_WITHOUT_SIMPLE_FORM = frozenset(
    {"checkbox", "timeline", "country", "rating", "hour", "board_relation", "tags"}
)
# null clears every type; what else does, differs.
_CLEARED_BY_TEXT = frozenset(
    {
        "text",
        "long_text",
        "numbers",
        "status",
        "dropdown",
        "date",
        "link",
        "people",
        "phone",
        "email",
    }
)
_CLEARED_BY_OBJECT = frozenset(
    {
        "status",
        "link",
        "people",
        "phone",
        "email",
        "country",
        "rating",
        "hour",
        "board_relation",
    }
)
