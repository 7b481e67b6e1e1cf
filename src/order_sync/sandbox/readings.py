"""What the API shows of a cell: `text`, `value`, and the fields of its own type.

`text` of an empty cell is "" for most types and null for status and dropdown; it is always null
for columns that show other items. `value` is JSON in a string, or null for an empty cell.
"""

from collections.abc import Callable
from typing import Any

import orjson

from order_sync.sandbox.boards import Column, Item
from order_sync.sandbox.clock import iso_time
from order_sync.sandbox.labels import Label
from order_sync.sandbox.user import USER_ID

VALUE_TYPES = {
    "text": "TextValue",
    "long_text": "LongTextValue",
    "numbers": "NumbersValue",
    "status": "StatusValue",
    "dropdown": "DropdownValue",
    "date": "DateValue",
    "checkbox": "CheckboxValue",
    "link": "LinkValue",
    "people": "PeopleValue",
    "timeline": "TimelineValue",
    "phone": "PhoneValue",
    "email": "EmailValue",
    "country": "CountryValue",
    "rating": "RatingValue",
    "hour": "HourValue",
    "tags": "TagsValue",
    "board_relation": "BoardRelationValue",
    "subtasks": "SubtasksValue",
    "mirror": "MirrorValue",
    "dependency": "DependencyValue",
    "formula": "FormulaValue",
    "item_id": "ItemIdValue",
    "last_updated": "LastUpdatedValue",
    "location": "LocationValue",
    "creation_log": "CreationLogValue",
    "progress": "ProgressValue",
    "button": "ButtonValue",
    "integration": "IntegrationValue",
    "time_tracking": "TimeTrackingValue",
    "vote": "VoteValue",
}


class Cell:
    """One cell of one item, as the `ColumnValue` types show it."""

    __slots__ = ("column", "content", "item")

    def __init__(self, item: Item, column: Column) -> None:
        self.item = item
        self.column = column
        self.content: Any = item.cells.get(column.id)

    @property
    def text(self) -> str | None:
        return cell_text(self.item, self.column)

    @property
    def value(self) -> str | None:
        if self.content is None:
            return None
        read = _VALUES.get(self.column.type)
        return None if read is None else orjson.dumps(read(self)).decode()

    def chosen_labels(self) -> list[Label]:
        """The labels of a status or dropdown cell; a label that was removed is left out."""
        labels = self.column.labels
        if labels is None or self.content is None:
            return []
        ids = self.content if isinstance(self.content, list) else [self.content]
        return [label for label_id in ids if (label := labels.by_id(label_id)) is not None]


def cell_text(item: Item, column: Column) -> str | None:
    """The `text` of a cell, without building a `Cell` (pages and searches read many)."""
    read = _TEXTS.get(column.type)
    if read is not None:
        return read(Cell(item, column))
    content = item.cells.get(column.id)
    return "" if content is None else str(content)


def _chosen_text(cell: Cell) -> str | None:
    return ", ".join(label.text for label in cell.chosen_labels()) or None


def _joined(separator: str) -> Callable[[Cell], str]:
    def read(cell: Cell) -> str:
        return separator.join(part for part in cell.content or () if part)

    return read


def _hour_text(cell: Cell) -> str:
    if cell.content is None:
        return ""
    hour, minute = cell.content
    return f"{hour % 12 or 12:02}:{minute:02} {'AM' if hour < 12 else 'PM'}"


def _link_text(cell: Cell) -> str:
    if cell.content is None:
        return ""
    url, text = cell.content["url"], cell.content["text"]
    return url if text == url else f"{text} - {url}"


def _part(key: str) -> Callable[[Cell], str]:
    return lambda cell: cell.content[key] if cell.content else ""


def _numbers_list(cell: Cell) -> str:
    return ", ".join(str(number) for number in cell.content or ())


def _nothing(_cell: Cell) -> None:
    return None


_TEXTS: dict[str, Callable[[Cell], str | None]] = {
    "status": _chosen_text,
    "dropdown": _chosen_text,
    "date": _joined(" "),
    "timeline": _joined(" - "),
    "checkbox": lambda cell: "v" if cell.content else "",
    "hour": _hour_text,
    "link": _link_text,
    "email": _part("text"),
    "phone": _part("phone"),
    "country": _part("countryName"),
    "people": lambda cell: ", ".join(str(person["id"]) for person in cell.content or ()),
    "tags": _numbers_list,
    "board_relation": _nothing,
    "mirror": _nothing,
    "dependency": _nothing,
    "formula": _nothing,
    "auto_number": _nothing,
    "location": _part("address"),
    "creation_log": lambda cell: iso_time(cell.item.created_at),
    "subtasks": lambda cell: ", ".join(item.name for item in cell.item.active_subitems),
    "name": lambda cell: cell.item.name,
    "item_id": lambda cell: cell.item.id,
    "last_updated": lambda cell: iso_time(cell.item.updated_at),
}


def _changed(cell: Cell, **content: Any) -> dict[str, Any]:
    return {**content, "changed_at": iso_time(cell.item.updated_at)}


_VALUES: dict[str, Callable[[Cell], Any]] = {
    "text": lambda cell: cell.content,
    "numbers": lambda cell: cell.content,
    "long_text": lambda cell: _changed(cell, text=cell.content),
    "status": lambda cell: _changed(cell, index=cell.content, post_id=None),
    "dropdown": lambda cell: _changed(cell, ids=cell.content),
    "date": lambda cell: _changed(cell, date=cell.content[0], time=cell.content[1], icon=None),
    "timeline": lambda cell: _changed(
        cell, **{"from": cell.content[0], "to": cell.content[1]} if any(cell.content) else {}
    ),
    "hour": lambda cell: _changed(cell, hour=cell.content[0], minute=cell.content[1]),
    "checkbox": lambda cell: _changed(cell, checked=True),
    "rating": lambda cell: _changed(cell, rating=cell.content),
    "link": lambda cell: _changed(cell, **cell.content),
    "email": lambda cell: _changed(cell, **cell.content),
    "phone": lambda cell: _changed(cell, **cell.content),
    "country": lambda cell: _changed(cell, **cell.content),
    "location": lambda cell: _changed(cell, **cell.content),
    "people": lambda cell: _changed(cell, personsAndTeams=cell.content),
    "tags": lambda cell: {"tag_ids": cell.content},
}


def _key(name: str) -> Callable[[Cell], Any]:
    return lambda cell: cell.content[name] if cell.content else None


def _place(index: int) -> Callable[[Cell], Any]:
    return lambda cell: cell.content[index] if cell.content else None


def _first_label(attribute: str) -> Callable[[Cell], Any]:
    def read(cell: Cell) -> Any:
        chosen = cell.chosen_labels()
        return getattr(chosen[0], attribute) if chosen else None

    return read


# Type name -> field -> how it is read; the fields every type has are not repeated here.
TYPED_FIELDS: dict[str, dict[str, Callable[[Cell], Any]]] = {
    "NumbersValue": {"number": lambda cell: float(cell.content) if cell.content else None},
    "StatusValue": {
        "index": _first_label("id"),
        "label": _first_label("text"),
        "is_done": _first_label("is_done"),
    },
    "DropdownValue": {
        "values": lambda cell: [
            {"id": label.id, "label": label.text} for label in cell.chosen_labels()
        ]
    },
    "DateValue": {"date": _place(0), "time": _place(1)},
    "TimelineValue": {"from": _place(0), "to": _place(1)},
    "HourValue": {"hour": _place(0), "minute": _place(1)},
    "CheckboxValue": {"checked": lambda cell: bool(cell.content)},
    "RatingValue": {"rating": lambda cell: cell.content},
    "LinkValue": {"url": _key("url"), "url_text": _key("text")},
    "EmailValue": {"email": _key("email"), "label": _key("text")},
    "PhoneValue": {"phone": _key("phone"), "country_short_name": _key("countryShortName")},
    "CountryValue": {
        "country": lambda cell: (
            cell.content
            and {"code": cell.content["countryCode"], "name": cell.content["countryName"]}
        )
    },
    "PeopleValue": {"persons_and_teams": lambda cell: cell.content or []},
    "TagsValue": {"tag_ids": lambda cell: cell.content or []},
    "BoardRelationValue": {
        "display_value": _numbers_list,
        "linked_item_ids": lambda cell: cell.content or [],
    },
    "MirrorValue": {"display_value": lambda _cell: "", "mirrored_items": lambda _cell: []},
    "DependencyValue": {"display_value": lambda _cell: "", "linked_item_ids": lambda _cell: []},
    "ItemIdValue": {"item_id": lambda cell: cell.item.id},
    "LastUpdatedValue": {"updated_at": lambda cell: iso_time(cell.item.updated_at)},
    "LocationValue": {
        "address": _key("address"),
        "lat": lambda cell: float(cell.content["lat"]) if cell.content else None,
        "lng": lambda cell: float(cell.content["lng"]) if cell.content else None,
    },
    "CreationLogValue": {
        "created_at": lambda cell: iso_time(cell.item.created_at),
        "creator_id": lambda _cell: USER_ID,
    },
    "ButtonValue": {"label": lambda _cell: None},
    "TimeTrackingValue": {"duration": lambda _cell: None, "running": lambda _cell: False},
    "VoteValue": {"vote_count": lambda _cell: 0, "voter_ids": lambda _cell: []},
    "SubtasksValue": {
        "display_value": lambda cell: ", ".join(item.name for item in cell.item.active_subitems),
        "subitems": lambda cell: cell.item.active_subitems,
        "subitems_ids": lambda cell: [item.id for item in cell.item.active_subitems],
    },
}
