"""Sorts out order lines that cannot be sent, whatever the board holds of them."""

from __future__ import annotations

from collections.abc import Sequence

from order_sync.monday.columns import BoardMap
from order_sync.monday.labels import room_for_labels
from order_sync.rules import columns
from order_sync.rules.changes import resolve_duplicates
from order_sync.rules.mapping import Mapping
from order_sync.rules.order import OrderLine, Refusal, RefusedRow

JudgedRow = tuple[OrderLine | RefusedRow, str]  # with its source hash


def labels_by_title(board: BoardMap, mapping: Mapping) -> dict[str, frozenset[str]]:
    """Labels each status or dropdown column offers now, the Size column included."""
    by_title = {
        title: frozenset(label.text for label in column.labels if label.active)
        for title, column in board.columns.items()
        if column.type in columns.LABEL_TYPES
    }
    size = board.subitem_label
    if size.type in columns.LABEL_TYPES:
        by_title[mapping.sizes.label_title] = frozenset(
            label.text for label in size.labels if label.active
        )
    return by_title


class Judge:
    """One look at the source: a label that one order takes is not there for the next."""

    def __init__(self, board: BoardMap, mapping: Mapping) -> None:
        self._board = board
        self._mapping = mapping
        self._types = {title: column.type for title, column in board.columns.items()}
        self._labels = labels_by_title(board, mapping)
        self._room = self._label_room()

    def judge(
        self, rows: Sequence[JudgedRow]
    ) -> tuple[list[tuple[OrderLine, str]], list[RefusedRow]]:
        """Orders that may be sent, with their source hashes; and rows that may not.

        Args:
            rows: all rows of their keys.
        """
        hashes = {row.order_key: source_hash for row, source_hash in reversed(rows)}
        unique, refused = resolve_duplicates(row for row, _ in rows)
        good: list[tuple[OrderLine, str]] = []
        for order in unique:
            refusals = columns.length_refusals(order, self._types)
            refusals += columns.label_refusals(order, self._mapping, self._labels)
            if not refusals:
                refusals = self._over_cap(order)
            if refusals:
                refused.append(_refuse(order, refusals))
            else:
                good.append((order, hashes[order.order_key]))
        return good, refused

    def _label_room(self) -> dict[str, int]:
        room = {
            title: room_for_labels(column)
            for title, column in self._board.columns.items()
            if column.type in columns.LABEL_TYPES
        }
        size = self._board.subitem_label
        if size.type in columns.LABEL_TYPES:
            room[self._mapping.sizes.label_title] = room_for_labels(size)
        return room

    def _over_cap(self, order: OrderLine) -> list[Refusal]:
        """Refuse an order whose new labels no longer fit; else take their places."""
        labels, room = self._labels, self._room
        wanted = columns.missing_labels([order], self._mapping, labels)
        size_title = self._mapping.sizes.label_title
        if size_title in labels:
            sizes = columns.missing_size_labels([order], self._mapping, labels[size_title])
            if sizes:
                wanted[size_title] = sizes
        over = [title for title, new in wanted.items() if len(new) > room[title]]
        if over:
            return [columns.label_limit(title, sorted(wanted[title])[0]) for title in over]
        for title, new in wanted.items():
            room[title] -= len(new)
            labels[title] = labels[title] | new
        return []


def _refuse(order: OrderLine, refusals: list[Refusal]) -> RefusedRow:
    return RefusedRow(
        order.order_key, order.customer, tuple(refusals), order.original, order.payload_hash
    )
