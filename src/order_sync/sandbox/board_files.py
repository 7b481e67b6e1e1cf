"""Boards described in JSON, and how one becomes a board of the account.

board_description.py says what a description may hold. A board with `subitem_columns` gets its
hidden subitem board.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import orjson

from order_sync.sandbox.board_description import (
    BoardFileError,
    DescribedBoard,
    DescribedColumn,
    parse_description,
)
from order_sync.sandbox.boards import GROUP_COLORS, Account, Board, Column, Group
from order_sync.sandbox.clock import Clock
from order_sync.sandbox.labels import STATUS_COLORS, LabelError, Labels
from order_sync.sandbox.options import SandboxOptions

BoardSource = str | Path | Mapping[str, Any] | DescribedBoard
LabelKind = Literal["status", "dropdown"]

ID_PREFIXES = {
    "numbers": "numeric",
    "status": "color",
    "mirror": "lookup",
    "item_id": "pulse_id",
    "last_updated": "pulse_updated",
}


def template_names() -> list[str]:
    found = files("order_sync.sandbox").joinpath("boards").iterdir()
    return sorted(Path(one.name).stem for one in found if one.name.endswith(".json"))


def read_board(
    board: BoardSource, options: SandboxOptions, name: str | None = None
) -> DescribedBoard:
    """A description given as such, as the path of a JSON file, or as the name of a template.

    name: what the board is called instead.

    Raises:
        BoardFileError: it is not JSON, or has mistakes; all of them are named.
        OSError: neither a template nor a file that can be read.
    """
    if isinstance(board, DescribedBoard):
        return board if name is None else replace(board, name=name)
    if isinstance(board, Mapping):
        origin, content = "the description", board
    elif str(board) in template_names():
        template = files("order_sync.sandbox").joinpath("boards", f"{board}.json")
        origin, content = str(board), orjson.loads(template.read_bytes())
    else:
        origin, content = str(board), _json_in(Path(board))
    if name is not None and isinstance(content, Mapping):
        content = {**content, "name": name}
    return parse_description(content, label_caps(options), origin)


def _json_in(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BoardFileError(str(path), [f"{where}: not valid JSON: {error.msg}"]) from None


def label_caps(options: SandboxOptions) -> dict[str, int]:
    """The most labels of a column, by its type."""
    return {"status": options.status_labels_limit, "dropdown": options.dropdown_labels_limit}


def add_described_board(
    account: Account,
    options: SandboxOptions,
    clock: Clock,
    described: DescribedBoard,
    customers: Sequence[str] = (),
) -> Board:
    """`customers` are added to the labels of the column CUSTOMER."""
    maker = _Maker(account, options, clock)
    board = maker.board(described.name, "board", described.columns)
    for at, group in enumerate(described.groups):
        board.groups.append(
            Group(
                group.id or account.new_text_id("group"),
                group.title,
                board,
                group.color or GROUP_COLORS[at % len(GROUP_COLORS)],
                "archived" if group.archived else "active",
            )
        )
    if described.subitem_columns is not None:
        subitem_board = maker.board(
            f"Subitems of {board.name}", "sub_items_board", described.subitem_columns
        )
        with account.acting_as(None):  # the logs of a new board are empty
            account.add_group(subitem_board, "Subitems", None, 0)
        board.subitem_board, subitem_board.parent_board = subitem_board, board
        for column in board.columns.values():
            if column.type == "subtasks":
                column.subitem_board_id = subitem_board.id
    if customers:
        add_customers(board, customers)
    return board


def add_customers(board: Board, customers: Sequence[str]) -> None:
    """Raises ValueError: the board has no column CUSTOMER with labels, or a label does not fit."""
    offered = (column for column in board.columns.values() if column.title.strip() == "CUSTOMER")
    labels = next((column.labels for column in offered if column.labels is not None), None)
    if labels is None:
        raise ValueError(f"{board.name} has no column CUSTOMER with labels")
    known = {label.text for label in labels}
    for customer in dict.fromkeys(customers):
        if customer in known:
            continue
        try:
            labels.add(customer)
        except LabelError as error:
            raise ValueError(f"{customer!r}: {error}") from None


class _Maker:
    def __init__(self, account: Account, options: SandboxOptions, clock: Clock) -> None:
        self._account = account
        self._options = options
        self._clock = clock

    def board(
        self,
        name: str,
        board_type: Literal["board", "sub_items_board"],
        columns: Sequence[DescribedColumn],
    ) -> Board:
        made = [self._column(column) for column in columns]
        board = Board(
            self._account.new_number(),
            name,
            board_type,
            {column.id: column for column in made},
            self._clock.now(),
        )
        self._account.add_board(board)
        return board

    def _column(self, described: DescribedColumn) -> Column:
        kind, column_id = described.type, described.id
        if kind == "name":
            column_id = "name"
        if column_id is None:
            column_id = self._account.new_text_id(ID_PREFIXES.get(kind, kind))
        return Column(column_id, described.title, kind, labels=self._labels(described))

    def _labels(self, described: DescribedColumn) -> Labels | None:
        kind: LabelKind
        if described.type == "status":
            kind = "status"
        elif described.type == "dropdown":
            kind = "dropdown"
        else:
            return None
        labels = Labels(kind, label_caps(self._options)[kind])
        taken = {label.color for label in described.labels}
        free = iter([color for color in STATUS_COLORS if color not in taken])
        # Those with an id come first, so that the others get ids that are free.
        for label in sorted(described.labels, key=lambda one: one.id is None):
            color = None if kind == "dropdown" else label.color or next(free, STATUS_COLORS[0])
            labels.take_in(
                label.text,
                label.id,
                color=color,
                is_done=label.is_done,
                is_deactivated=label.is_deactivated,
            )
        return labels
