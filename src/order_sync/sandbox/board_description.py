"""What a description of a board may say; every mistake in it is found at once, with its place.

{
  "name": "Orders",
  "groups": ["2025 FALL", {"title": "Old", "id": "group_mk1", "archived": true}],
  "columns": [
    {"title": "Name", "type": "name"},
    {"title": "Customer", "type": "dropdown", "id": "dropdown_mk2", "labels": [
      "ACME", {"label": "Gone", "id": 7, "is_deactivated": true}]}
  ],
  "subitem_columns": [{"title": "Name", "type": "name"}]
}

Ids are made up where none is given, and so are the colours of status labels. Labels come in the
order of their ids.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from order_sync.sandbox.boards import NAME_LENGTH
from order_sync.sandbox.graphql import load_schema
from order_sync.sandbox.labels import STATUS_COLORS, STATUS_LABEL_LENGTH

WITH_LABELS = ("status", "dropdown")
_MADE_FIRST = ("New orders",)  # the groups of a board that names none


@dataclass(frozen=True)
class DescribedLabel:
    """id, color: None where the sandbox chooses; color: of a status label, by its name."""

    text: str
    id: int | None = None
    color: str | None = None
    is_done: bool = False
    is_deactivated: bool = False


@dataclass(frozen=True)
class DescribedColumn:
    """type: as the API names it; id: None where the sandbox chooses."""

    title: str
    type: str
    id: str | None = None
    labels: tuple[DescribedLabel, ...] = ()


@dataclass(frozen=True)
class DescribedGroup:
    title: str
    id: str | None = None
    color: str | None = None
    archived: bool = False


@dataclass(frozen=True)
class DescribedBoard:
    """groups: top first; subitem_columns: None for a board without subitems."""

    name: str
    groups: tuple[DescribedGroup, ...]
    columns: tuple[DescribedColumn, ...]
    subitem_columns: tuple[DescribedColumn, ...] | None


class BoardFileError(ValueError):
    """A description that cannot be used; `problems` has one line for each mistake."""

    def __init__(self, origin: str, problems: Sequence[str]) -> None:
        count = f"{len(problems)} mistakes" if len(problems) > 1 else "a mistake"
        super().__init__("\n".join([f"{origin}: {count} in the description of a board", *problems]))
        self.origin = origin
        self.problems = tuple(problems)


def parse_description(content: object, caps: Mapping[str, int], origin: str) -> DescribedBoard:
    """`content` as a board.

    Args:
        caps: how many labels a column may have, by its type.
        origin: where it comes from, for people.

    Raises:
        BoardFileError: with all mistakes.
    """
    reader = _Reader(caps)
    board = reader.board(content)
    if reader.problems:
        raise BoardFileError(origin, reader.problems)
    return board


@dataclass
class _Reader:
    """Reads on after a mistake, with anything in place of what is wrong."""

    caps: Mapping[str, int]
    problems: list[str] = field(default_factory=list)

    def board(self, content: object) -> DescribedBoard:
        given = self._object("", content, ("name", "columns"), ("groups", "subitem_columns"))
        groups = [
            self._group(f"groups[{at}]", entry)
            for at, entry in self._entries("groups", given.get("groups"))
        ]
        self._once("groups", "id", [group.id for group in groups])
        if groups and all(group.archived for group in groups):
            self._wrong("groups", "one group at least has to be active")
        columns = self._columns("columns", given.get("columns"))
        below = given.get("subitem_columns")
        lines = None if below is None else self._columns("subitem_columns", below)
        if lines is not None and not any(column.type == "subtasks" for column in columns):
            self._wrong("columns", "subitem_columns need a column of type subtasks here")
        return DescribedBoard(
            self._text("name", given.get("name"), NAME_LENGTH) if "name" in given else "",
            tuple(groups) or tuple(map(DescribedGroup, _MADE_FIRST)),
            columns,
            lines,
        )

    def _group(self, place: str, entry: object) -> DescribedGroup:
        given = {"title": entry} if isinstance(entry, str) else entry
        given = self._object(place, given, ("title",), ("id", "color", "archived"))
        return DescribedGroup(
            self._text(f"{place}.title", given["title"], NAME_LENGTH) if "title" in given else "",
            self._optional_text(f"{place}.id", given.get("id")),
            self._optional_text(f"{place}.color", given.get("color")),
            self._truth(f"{place}.archived", given.get("archived")),
        )

    # Columns ----------------------------------------------------------------------------------

    def _columns(self, place: str, content: object) -> tuple[DescribedColumn, ...]:
        columns = tuple(
            self._column(f"{place}[{at}]", entry) for at, entry in self._entries(place, content)
        )
        self._once(place, "id", [column.id for column in columns])
        names = [at for at, column in enumerate(columns) if column.type == "name"]
        if isinstance(content, list) and len(names) != 1:
            self._wrong(place, f"one column of type name is needed, there are {len(names)}")
        for at in names:
            if columns[at].id not in (None, "name"):
                self._wrong(f"{place}[{at}].id", 'the column of type name has the id "name"')
        return columns

    def _column(self, place: str, entry: object) -> DescribedColumn:
        given = self._object(place, entry, ("title", "type"), ("id", "labels"))
        title, kind = given.get("title", ""), given.get("type", "")
        if not isinstance(title, str):
            self._wrong(f"{place}.title", "has to be a text")
        if not isinstance(kind, str):
            self._wrong(f"{place}.type", "has to be a text")
            kind = ""
        elif "type" in given and kind not in _column_types():
            near = _did_you_mean(kind, _column_types())
            self._wrong(f"{place}.type", f"there is no type {kind!r}{near}")
        labels = self._labels(f"{place}.labels", given.get("labels"), kind)
        column_id = self._optional_text(f"{place}.id", given.get("id"))
        return DescribedColumn(str(title), kind, column_id, labels)

    def _labels(self, place: str, content: object, kind: str) -> tuple[DescribedLabel, ...]:
        if content is None:
            return ()
        if kind in _column_types() and kind not in WITH_LABELS:
            self._wrong(place, f"a column of type {kind} has no labels")
            return ()
        labels = [
            self._label(f"{place}[{at}]", entry, kind)
            for at, entry in self._entries(place, content)
        ]
        usable = [label.text for label in labels if not label.is_deactivated]
        self._once(place, "label", usable)
        self._once(place, "id", [label.id for label in labels])
        self._once(place, "color", [label.color for label in labels])
        if len(labels) > self.caps.get(kind, len(labels)):
            self._wrong(place, f"{len(labels)} labels, {self.caps[kind]} at most")
        return tuple(labels)

    def _label(self, place: str, entry: object, kind: str) -> DescribedLabel:
        given = {"label": entry} if isinstance(entry, str) else entry
        optional = ("id", "is_deactivated", *(("color", "is_done") if kind == "status" else ()))
        given = self._object(place, given, ("label",), optional)
        most = STATUS_LABEL_LENGTH if kind == "status" else None
        number, color = given.get("id"), given.get("color")
        if number is not None and (type(number) is not int or number < 0):
            self._wrong(f"{place}.id", "has to be a whole number from 0")
            number = None
        if color is not None and color not in STATUS_COLORS:
            near = _did_you_mean(color, STATUS_COLORS)
            self._wrong(f"{place}.color", f"there is no colour {color!r}{near}")
            color = None
        return DescribedLabel(
            self._text(f"{place}.label", given["label"], most) if "label" in given else "",
            number,
            color,
            self._truth(f"{place}.is_done", given.get("is_done")),
            self._truth(f"{place}.is_deactivated", given.get("is_deactivated")),
        )

    # Pieces -----------------------------------------------------------------------------------

    def _wrong(self, place: str, why: str) -> None:
        self.problems.append(f"{place}: {why}" if place else why)

    def _object(
        self, place: str, content: object, needed: Sequence[str], optional: Sequence[str]
    ) -> Mapping[str, Any]:
        if not isinstance(content, Mapping):
            self._wrong(place or "the whole", "has to be an object")
            return {}
        for key in content:
            if key not in needed and key not in optional:
                near = _did_you_mean(key, [*needed, *optional])
                self._wrong(place, f"unknown key {key!r}{near}")
        for key in needed:
            if key not in content:
                self._wrong(place, f"{key} is missing")
        return content

    def _entries(self, place: str, content: object) -> Iterator[tuple[int, object]]:
        if isinstance(content, Sequence) and not isinstance(content, str):
            yield from enumerate(content)
        elif content is not None:
            self._wrong(place, "has to be a list")

    def _text(self, place: str, value: object, most: int | None) -> str:
        """A text that is not blank; `most` characters, None: any number."""
        if not isinstance(value, str) or not value.strip():
            self._wrong(place, "has to be a text that is not blank")
            return ""
        if most is not None and len(value) > most:
            self._wrong(place, f"{len(value)} characters, {most} at most")
        return value

    def _optional_text(self, place: str, value: object) -> str | None:
        return None if value is None else self._text(place, value, None)

    def _truth(self, place: str, value: object) -> bool:
        if value is not None and not isinstance(value, bool):
            self._wrong(place, "has to be true or false")
        return value is True

    def _once(self, place: str, what: str, values: Sequence[object]) -> None:
        first: dict[object, int] = {}
        for at, value in enumerate(values):
            if value in (None, ""):
                continue
            if value in first:
                same = f"{place}[{first[value]}]"
                self._wrong(f"{place}[{at}]", f"has the {what} {value!r}, as {same} does")
            first.setdefault(value, at)


def _column_types() -> Mapping[str, Any]:
    kinds: Any = load_schema().type_map["ColumnType"]
    values: Mapping[str, Any] = kinds.values
    return values


def _did_you_mean(word: object, known: Any) -> str:
    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""
