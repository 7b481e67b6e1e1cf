"""What others do to the board just before a document runs, and writes without effect."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from order_sync.sandbox.boards import Account, Board
from order_sync.sandbox.faults.fault import Fault


@dataclass(kw_only=True)
class ItemDeleted(Fault):
    """alias: position of the root field whose item (or parent item) goes, from 0."""

    name = "item-deleted"
    says = "somebody deletes the item a root field names, just before it is executed"
    alias: int = 0

    def before_field(self, position: int, account: Account, arguments: Mapping[str, Any]) -> None:
        item = account.items.get(arguments.get("item_id") or arguments.get("parent_item_id") or "")
        if position == self.alias and item is not None and item.state == "active":
            account.close_item(item, "deleted")


@dataclass(kw_only=True)
class LabelRemoved(Fault):
    """label: its text; every column that has it loses it."""

    name = "label-removed"
    says = "somebody removes a label from its column, just before the document is executed"
    label: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.label:
            raise ValueError("label-removed needs a label")

    def before_field(self, position: int, account: Account, arguments: Mapping[str, Any]) -> None:  # noqa: ARG002
        if position == 0:
            for board in account.boards.values():
                self._remove_from(board)

    def _remove_from(self, board: Board) -> None:
        for column in board.columns.values():
            if column.labels is not None and column.labels.find(self.label) is not None:
                column.labels.remove(self.label)
                column.revision += 1


@dataclass(kw_only=True)
class IgnoredWrite(Fault):
    """column: id or title of the column whose cells stay as they are; "" means all columns."""

    name = "ignored-write"
    says = "a change of cells is answered as done, and the cells stay as they were"
    column: str = ""

    def keeps_cell(self, board: Board, column_id: str) -> bool:
        return self.column in ("", column_id, board.columns[column_id].title)
