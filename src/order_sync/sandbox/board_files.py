"""Boards described in JSON, and how one becomes a board of the account.

A description has `name`, `groups` (titles, top first), `columns` and `subitem_columns`; a column
has `title`, `type` and, where it chooses from labels, `labels` (texts, in the order of their ids).
A board with `subitem_columns` gets its hidden subitem board.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import orjson

from order_sync.sandbox.boards import Account, Board, Column
from order_sync.sandbox.clock import Clock
from order_sync.sandbox.labels import Labels
from order_sync.sandbox.options import SandboxOptions

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


def read_description(board: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """A description given as such, as the path of a JSON file, or as the name of a template.

    Raises:
        FileNotFoundError: neither a template nor a file.
        ValueError: the file is not JSON.
    """
    if isinstance(board, Mapping):
        return dict(board)
    if str(board) in template_names():
        template = files("order_sync.sandbox").joinpath("boards", f"{board}.json")
        return dict(orjson.loads(template.read_bytes()))
    return dict(orjson.loads(Path(board).read_bytes()))


def add_described_board(
    account: Account,
    options: SandboxOptions,
    clock: Clock,
    description: Mapping[str, Any],
    customers: Sequence[str] = (),
) -> Board:
    """`customers` are added to the labels of the column CUSTOMER."""
    maker = _Maker(account, options, clock)
    board = maker.board(description["name"], "board", description["columns"])
    for title in reversed(description.get("groups") or ["New orders"]):
        account.add_group(board, title, None, 0)
    if "subitem_columns" in description:
        subitem_board = maker.board(
            f"Subitems of {board.name}", "sub_items_board", description["subitem_columns"]
        )
        account.add_group(subitem_board, "Subitems", None, 0)
        board.subitem_board, subitem_board.parent_board = subitem_board, board
        for column in board.columns.values():
            if column.type == "subtasks":
                column.subitem_board_id = subitem_board.id
    _add_customers(board, customers)
    return board


def _add_customers(board: Board, customers: Sequence[str]) -> None:
    if not customers:
        return
    labels = board.column_titled("CUSTOMER").labels
    if labels is None:
        raise ValueError("the column CUSTOMER has no labels")
    for customer in dict.fromkeys(customers):
        if labels.find(customer) is None:
            labels.add(customer)


class _Maker:
    def __init__(self, account: Account, options: SandboxOptions, clock: Clock) -> None:
        self._account = account
        self._options = options
        self._clock = clock

    def board(
        self,
        name: str,
        board_type: Literal["board", "sub_items_board"],
        columns: Sequence[Mapping[str, Any]],
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

    def _column(self, description: Mapping[str, Any]) -> Column:
        kind = description["type"]
        column_id = description.get("id")
        if column_id is None:
            column_id = (
                "name" if kind == "name" else self._account.new_text_id(ID_PREFIXES.get(kind, kind))
            )
        return Column(column_id, description["title"], kind, labels=self._labels(description))

    def _labels(self, description: Mapping[str, Any]) -> Labels | None:
        kind = description["type"]
        if kind == "status":
            labels = Labels("status", self._options.status_labels_limit)
        elif kind == "dropdown":
            labels = Labels("dropdown", self._options.dropdown_labels_limit)
        else:
            return None
        for text in description.get("labels", ()):
            labels.add(text)
        return labels
