"""What is to be done for each row of a file, decided before the first one is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from order_sync.sandbox.boards import NAME_LENGTH, Column, Item
from order_sync.sandbox.errors import ApiError
from order_sync.sandbox.imports.cells import CLEAR, read_cell
from order_sync.sandbox.imports.files import Layout
from order_sync.sandbox.imports.states import Outcome

MATCHABLE_TYPES = frozenset(
    {"date", "email", "link", "long_text", "name", "numbers", "phone", "status", "text"}
)
_KEY_PARTS = {"email": "email", "link": "url", "phone": "phone"}


@dataclass(frozen=True, slots=True)
class Match:
    """How rows are recognised that are on the board already."""

    column: Column
    behaviour: Literal["UPSERT", "SKIP"]


@dataclass(slots=True, eq=False)
class Row:
    """`number` counts the rows of the file from 1. Without an outcome, the row is to be written.

    `cells` maps column ids to what the cells will hold (None: cleared); empty cells of the file
    are not in it.
    """

    number: int
    values: Sequence[str]
    name: str = ""
    is_subitem: bool = False
    parent: "Row | None" = None
    cells: dict[str, Any] = field(default_factory=dict)
    matched: Item | None = None
    outcome: Outcome | None = None
    error: str = ""
    item: Item | None = None  # what it became

    def end(self, outcome: Outcome, error: str = "") -> None:
        self.outcome, self.error = outcome, error


def plan_rows(
    values: Iterable[Sequence[str]],
    layout: Layout,
    match: Match | None,
    items: Iterable[Item],
    most_bytes: int,
) -> list[Row]:
    """`items` are those of the board that can be matched; a row may have `most_bytes` of cells."""
    rows = [Row(number, given) for number, given in enumerate(values, start=1)]
    _read_rows(rows, layout, most_bytes)
    if match is not None:
        _skip_earlier(rows, match)
        _find_matches(rows, match, items)
    for row in rows:
        if row.outcome is None and not row.name and row.matched is None:
            row.end(Outcome.INVALID, "A new item needs a name")
    return rows


# Reading ----------------------------------------------------------------------------------------


def _read_rows(rows: Iterable[Row], layout: Layout, most_bytes: int) -> None:
    of_subitems = layout.of_subitems()
    item: Row | None = None
    for row in rows:
        if of_subitems:
            item = _assign(row, layout, item)
        if row.outcome is None:
            _read(row, layout, most_bytes)
            _check_other_half(row, of_subitems)


def _assign(row: Row, layout: Layout, item: Row | None) -> Row | None:
    """Tell item rows from subitem rows; returns the item row that the next rows belong to."""
    assert layout.subitem_name is not None
    names_item, names_subitem = bool(row.values[0]), bool(row.values[layout.subitem_name])
    if names_item and names_subitem:
        row.end(Outcome.INVALID, "The row names both an item and a subitem")
    elif names_subitem:
        row.is_subitem, row.parent = True, item
        if item is None:
            row.end(Outcome.INVALID, "There is no item above this subitem")
    elif not names_item:
        row.end(Outcome.SKIPPED, "The row names neither an item nor a subitem")
    return row if names_item else item


def _read(row: Row, layout: Layout, most_bytes: int) -> None:
    columns = layout.subitem_columns if row.is_subitem else layout.item_columns
    name_at = (layout.subitem_name if row.is_subitem else 0) or 0
    row.name = row.values[name_at]
    _read_cells(row, columns)
    if row.name == CLEAR or (row.name and not row.name.strip()):
        row.end(Outcome.INVALID, "An item cannot be without a name")
    elif len(row.name) > NAME_LENGTH:
        row.end(Outcome.INVALID, f"An item name has {NAME_LENGTH} characters at most")
    elif sum(len(row.values[at].encode()) for at in columns) > most_bytes:
        row.end(Outcome.INVALID, f"The cells of an item may have {most_bytes} bytes at most")


def _read_cells(row: Row, columns: Mapping[int, Column]) -> None:
    """All cells, also when one is bad: the key of a refused row still counts."""
    for position, column in columns.items():
        text = row.values[position]
        if not text:
            continue
        try:
            row.cells[column.id] = None if text == CLEAR else read_cell(column, text)
        except ApiError as error:
            row.end(Outcome.INVALID, error.message)


def _check_other_half(row: Row, of_subitems: set[int]) -> None:
    foreign = set(range(len(row.values))) - of_subitems if row.is_subitem else of_subitems
    if any(row.values[position] for position in foreign):
        row.end(Outcome.INVALID, "The row has cells of an item and of a subitem")


# Matching ---------------------------------------------------------------------------------------


def _key(content: Any, column: Column) -> Any:
    part = _KEY_PARTS.get(column.type)
    return content[part] if part is not None and content is not None else content


def _row_key(row: Row, column: Column) -> Any:
    """None: the row matches nothing."""
    content = (row.name or None) if column.type == "name" else row.cells.get(column.id)
    return _key(content, column)


def _skip_earlier(rows: Sequence[Row], match: Match) -> None:
    """Of several rows with one key only the last counts, even if it is refused."""
    later: set[Any] = set()
    for row in reversed(rows):
        key = _row_key(row, match.column)
        if key is None:
            continue
        if key in later and row.outcome is None:
            row.end(Outcome.SKIPPED, "A row below has the same key")
        later.add(key)


def _find_matches(rows: Iterable[Row], match: Match, items: Iterable[Item]) -> None:
    """Of several items with one key the one that was made last is taken."""
    column = match.column
    known: dict[Any, Item] = {}
    for item in sorted(items, key=lambda item: int(item.id)):
        content = item.name if column.type == "name" else item.cells.get(column.id)
        known[_key(content, column)] = item
    for row in rows:
        key = _row_key(row, column)
        row.matched = known.get(key) if key is not None else None
