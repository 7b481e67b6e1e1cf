"""The uploaded CSV file: its rows, and what the columns of its header mean on the board."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from order_sync.sandbox.boards import Board, Column
from order_sync.sandbox.imports.cells import IMPORTABLE_TYPES
from order_sync.sandbox.imports.states import invalid_upload

SUBITEM_SUFFIX = ".subitem"
RELATION_COLUMNS = 5

_LEVEL = re.compile(r"name\.l\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """Where a row has what; positions count from 0, and the item's name stands at 0."""

    item_columns: Mapping[int, Column]
    subitem_columns: Mapping[int, Column] = field(default_factory=dict)
    subitem_name: int | None = None

    def of_subitems(self) -> set[int]:
        """Positions that belong to subitem rows."""
        names = set() if self.subitem_name is None else {self.subitem_name}
        return names | set(self.subitem_columns)


@dataclass(frozen=True)
class Upload:
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def read_upload(content: bytes, most_rows: int) -> Upload:
    """Raises Rejected: not UTF-8, not CSV, an uneven row, no rows, or more than `most_rows`."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise invalid_upload("The file is not UTF-8") from None
    try:
        return _upload(csv.reader(io.StringIO(text, newline=""), strict=True), most_rows)
    except csv.Error as error:
        raise invalid_upload(f"The file is not CSV: {error}") from None


def _upload(lines: Iterator[list[str]], most_rows: int) -> Upload:
    header = next(lines, [])
    rows: list[list[str]] = []
    for row in lines:
        if len(row) != len(header):
            raise invalid_upload(
                f"Row {len(rows) + 1} has {len(row)} cells, the header has {len(header)}"
            )
        rows.append(row)
        if len(rows) > most_rows:
            raise invalid_upload(f"The file has more than {most_rows} rows")
    if not rows:
        raise invalid_upload("The file has no rows")
    return Upload(header, rows)


def read_header(header: Sequence[str], board: Board) -> Layout:
    """Raises Rejected: no name first, levels, or a column that is unknown, doubled or unfit."""
    if any(_LEVEL.fullmatch(title) for title in header):
        raise invalid_upload("Levels can be imported to multi-level boards only")
    if list(header[:1]) != ["name"]:
        raise invalid_upload("The first header has to be: name")
    item_columns: dict[int, Column] = {}
    subitem_columns: dict[int, Column] = {}
    subitem_name = None
    for position, title in enumerate(header[1:], start=1):
        if not title.lower().endswith(SUBITEM_SUFFIX):
            item_columns[position] = _column(board, title)
            continue
        own_title = title[: -len(SUBITEM_SUFFIX)].lower()
        if own_title != "name":
            subitem_columns[position] = _subitem_column(board, own_title)
        elif subitem_name is None:
            subitem_name = position
        else:
            raise invalid_upload(f"{title} stands twice in the header")
    _check_columns(item_columns)
    _check_columns(subitem_columns)
    layout = Layout(item_columns, subitem_columns, subitem_name)
    if layout.of_subitems():
        _check_subitems(board, layout)
    return layout


def _column(board: Board, column_id: str) -> Column:
    column = board.columns.get(column_id)
    if column is None or column.archived:
        raise invalid_upload(f"The board has no column {column_id!r}")
    return column


def _subitem_column(board: Board, lowered_id: str) -> Column:
    """Ids of subitem columns are compared without regard to case."""
    columns = board.subitem_board.columns.values() if board.subitem_board else ()
    for column in columns:
        if column.id.lower() == lowered_id and not column.archived:
            return column
    raise invalid_upload(f"The subitems of the board have no column {lowered_id!r}")


def _check_columns(columns: Mapping[int, Column]) -> None:
    seen: set[str] = set()
    for column in columns.values():
        if column.id in seen or column.type == "name":
            raise invalid_upload(f"The column {column.id} stands twice in the header")
        if column.type not in IMPORTABLE_TYPES:
            raise invalid_upload(f"Columns of type {column.type} cannot be imported: {column.id}")
        seen.add(column.id)
    if sum(column.type == "board_relation" for column in columns.values()) > RELATION_COLUMNS:
        raise invalid_upload(f"At most {RELATION_COLUMNS} columns may connect boards")


def _check_subitems(board: Board, layout: Layout) -> None:
    if board.subitem_board is None:
        raise invalid_upload("The board has no column of subitems")
    if layout.subitem_name is None:
        raise invalid_upload(f"Subitems need the header name{SUBITEM_SUFFIX}")
