"""One cell of the file, by column type: its text becomes what columns.py would have parsed."""

import re
from collections.abc import Callable
from typing import Any

from order_sync.sandbox.boards import Column
from order_sync.sandbox.columns import labels_of, parse_value
from order_sync.sandbox.errors import ApiError, column_value_error
from order_sync.sandbox.labels import Label
from order_sync.sandbox.user import USER_EMAIL, USER_ID, USER_NAME

CLEAR = "<NULL>"  # a cell that is to be emptied; an empty cell is left alone
LINKED_ITEMS = 50

_NAMED_MAIL = re.compile(r"(?P<text>[^<>]*\S)\s*<(?P<email>[^<>]+)>")
_NAMED_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<url>[^)]*)\)")
_ID = re.compile(r"\d{1,20}", re.ASCII)
_PERSON_ID = re.compile(r"(?P<kind>user|team):(?P<id>\d{1,20})", re.ASCII)


def read_cell(column: Column, text: str) -> Any:
    """What the cell will hold. `text` is neither empty nor `<NULL>`.

    Raises:
        ApiError: the text is not what the type of this column takes.
    """
    return _READERS[column.type](column, text)


def _bad(column: Column, why: str) -> ApiError:
    return column_value_error(column.id, column.type, f"Invalid value for {column.id}: {why}")


def _as_it_is(column: Column, text: str) -> Any:
    return parse_value(column, text, create_labels=False)


# Labels are never created here, and never chosen by number.


def _status(column: Column, text: str) -> int:
    return _label(column, text).id


def _dropdown(column: Column, text: str) -> list[int]:
    chosen = (_label(column, part.strip()) for part in text.split(","))
    return list(dict.fromkeys(label.id for label in chosen))


def _label(column: Column, text: str) -> Label:
    labels = labels_of(column)
    label = labels.find(text)
    if label is None:
        raise _bad(column, f"the label {text!r} is not one of {labels.described()}")
    return label


# Dates and words -------------------------------------------------------------------------------


def _date(column: Column, text: str) -> Any:
    return parse_value(column, {"date": text}, create_labels=False)


def _timeline(column: Column, text: str) -> Any:
    start, slash, end = text.partition("/")
    period = {"from": start, "to": end if slash else start}
    return parse_value(column, period, create_labels=False)


def _checkbox(column: Column, text: str) -> Any:
    return parse_value(column, {"checked": text.lower()}, create_labels=False)


# Addresses and people --------------------------------------------------------------------------


def _email(column: Column, text: str) -> Any:
    named = _NAMED_MAIL.fullmatch(text)
    mail = named.groupdict() if named else {"email": text, "text": text}
    return parse_value(column, mail, create_labels=False)


def _link(column: Column, text: str) -> Any:
    named = _NAMED_LINK.fullmatch(text)
    if named is None:
        raise _bad(column, "expected [Text](https://...)")
    return parse_value(column, named.groupdict(), create_labels=False)


def _phone(column: Column, text: str) -> Any:
    if not text.startswith("+"):
        raise _bad(column, "expected the international form, beginning with +")
    return parse_value(column, {"phone": text}, create_labels=False)


def _people(column: Column, text: str) -> Any:
    people = [_person(column, part.strip()) for part in text.split(",")]
    return parse_value(column, {"personsAndTeams": people}, create_labels=False)


def _person(column: Column, text: str) -> dict[str, str]:
    by_id = _PERSON_ID.fullmatch(text)
    if by_id is not None:
        return {"id": by_id["id"], "kind": "person" if by_id["kind"] == "user" else "team"}
    if text not in (USER_EMAIL, USER_NAME):
        raise _bad(column, f"nobody here is called {text!r}")
    return {"id": USER_ID, "kind": "person"}


def _board_relation(column: Column, text: str) -> Any:
    ids = [part.strip() for part in text.split(",")]
    if len(ids) > LINKED_ITEMS:
        raise _bad(column, f"{len(ids)} items, at most {LINKED_ITEMS} are allowed")
    if not all(_ID.fullmatch(one) for one in ids):
        raise _bad(column, "expected the ids of items")
    return parse_value(column, {"item_ids": ids}, create_labels=False)


def _location(column: Column, text: str) -> Any:
    lat, lng, address = [*text.split("|", 2), "", ""][:3]
    if not address:
        raise _bad(column, "expected lat|lng|address")
    place = {"lat": lat, "lng": lng, "address": address}
    return parse_value(column, place, create_labels=False)


_READERS: dict[str, Callable[[Column, str], Any]] = {
    "board_relation": _board_relation,
    "checkbox": _checkbox,
    "date": _date,
    "dropdown": _dropdown,
    "email": _email,
    "link": _link,
    "location": _location,
    "long_text": _as_it_is,
    "numbers": _as_it_is,
    "people": _people,
    "phone": _phone,
    "status": _status,
    "text": _as_it_is,
    "timeline": _timeline,
}
IMPORTABLE_TYPES = frozenset(_READERS)
