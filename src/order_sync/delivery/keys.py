"""Our own keys on rows that were made before the board kept them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from order_sync.delivery.cargo import RowlessCargo
from order_sync.delivery.context import Delivery
from order_sync.delivery.sender import Sender
from order_sync.monday.columns import KEY_TITLE, BoardMap
from order_sync.monday.documents import update_items
from order_sync.monday.lookup import FoundRow
from order_sync.rules.sync_key import order_of, size_of, subitem_key


@dataclass(frozen=True)
class Keyed:
    """A matched item and its subitems, as read from the board."""

    item: FoundRow
    order_key: str
    below: dict[str, list[FoundRow]]  # size_key -> its one subitem


async def write_keys(delivery: Delivery, rows: Sequence[Keyed]) -> int:
    """Write the keys that are missing or wrong; returns how many monday.com has acknowledged.

    Writing one twice does no harm, so a lost answer leaves it to the next time.
    """
    d = delivery
    sender = Sender(d)
    size = d.settings.monday.batch_size
    written = 0
    for board_id, column_id, wanted in _wishes(d.board, rows):
        d.progress.total(len(wanted))
        for start in range(0, len(wanted), size):
            if d.stopping is not None:
                return written
            some = [(item_id, {column_id: key}) for item_id, key in wanted[start : start + size]]
            cargo = RowlessCargo(update_items(some, board_id))
            await sender.send(cargo)
            written += cargo.done
            d.progress.done(len(some))
    return written


def _wishes(
    board: BoardMap, rows: Sequence[Keyed]
) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """(board id, column id, [(row id, its key)]) of each board that keeps keys."""
    if board.sync_key is not None:
        items = [
            (row.item.id, row.order_key)
            for row in rows
            if order_of(row.item.values.get(KEY_TITLE, "")) != row.order_key
        ]
        yield board.board_id, board.sync_key.id, items
    if board.subitem_sync_key is not None:
        lines = [
            (hits[0].id, subitem_key(row.order_key, size))
            for row in rows
            for size, hits in row.below.items()
            if size and size_of(hits[0].values.get(KEY_TITLE, "")) != (row.order_key, size)
        ]
        yield board.subitem_board_id, board.subitem_sync_key.id, lines
