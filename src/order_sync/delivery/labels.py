"""Labels that a policy lets us create: made before use, by one writer at a time per column."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import replace

from order_sync.delivery.cargo import RowlessCargo
from order_sync.delivery.context import Delivery
from order_sync.delivery.sender import Sender
from order_sync.errors import SyncError
from order_sync.monday import documents
from order_sync.monday.board import BoardColumn, read_board, read_revisions
from order_sync.monday.columns import match_columns
from order_sync.monday.documents import Document
from order_sync.monday.labels import dropdown_labels_with, missing_labels, status_labels_with

TRIES = 3  # another writer may change the column between our reading and our writing


async def make_labels(delivery: Delivery, sender: Sender, wanted: Dict[str, set[str]]) -> None:
    """Create missing labels: title -> texts; the Size column goes by its title, too.

    What is there is read from the board again, never believed from an answer. Where a column
    mutation is closed to us, the rows carry `create_labels_if_missing` instead.
    """
    before: Dict[str, tuple[str, ...]] = {}
    for _ in range(TRIES):
        missing = {
            title: missing_labels(_column(delivery, title), sorted(texts))
            for title, texts in wanted.items()
        }
        missing = {title: texts for title, texts in missing.items() if texts}
        if before:
            delivery.tally.labels_created += sum(
                len(texts) - len(missing.get(title, ())) for title, texts in before.items()
            )
        if not missing or delivery.stopping is not None:
            return
        before = missing
        wishes = await _documents(delivery, missing)
        if not wishes:
            break
        for document in wishes:
            await sender.send(RowlessCargo(document))
        await _read_again(delivery)
    delivery.create_labels = True


def _column(delivery: Delivery, title: str) -> BoardColumn:
    sizes = delivery.mapping.sizes
    return delivery.board.subitem_label if title == sizes.label_title else (
        delivery.board.columns[title]
    )  # fmt: skip


async def _documents(delivery: Delivery, missing: Dict[str, tuple[str, ...]]) -> list[Document]:
    """One document per column whose labels can be written; others are left to the rows."""
    by_board: dict[str, list[tuple[BoardColumn, tuple[str, ...]]]] = {}
    for title, texts in missing.items():
        column = _column(delivery, title)
        board = delivery.board
        is_size = column is board.subitem_label
        board_id = board.subitem_board_id if is_size else board.board_id
        by_board.setdefault(board_id, []).append((column, texts))
    found = []
    for board_id, wishes in by_board.items():
        ids = [column.id for column, _ in wishes]
        revisions = await read_revisions(delivery.client, board_id, ids)
        for column, texts in wishes:
            document = _document(board_id, column, texts, revisions.get(column.id))
            if document is not None:
                found.append(document)
    return found


def _document(
    board_id: str, column: BoardColumn, texts: tuple[str, ...], revision: str | None
) -> Document | None:
    if revision is None:
        return None
    if column.type == "dropdown":
        listed = dropdown_labels_with(column, texts)
        return documents.set_dropdown_labels(board_id, column.id, revision, listed)
    status = status_labels_with(column, texts)
    if status is None:
        return None
    return documents.set_status_labels(board_id, column.id, revision, status)


async def _read_again(delivery: Delivery) -> None:
    try:
        board = await read_board(delivery.client, delivery.board.board_id)
        fresh = match_columns(delivery.mapping, board)
    except SyncError as error:
        delivery.stop(error)
        return
    delivery.board = replace(
        delivery.board,
        columns=fresh.columns,
        subitem_label=fresh.subitem_label,
        subitem_quantity=fresh.subitem_quantity,
    )
