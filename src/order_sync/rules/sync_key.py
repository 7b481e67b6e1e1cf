"""The texts of the ORDER SYNC KEY columns: our own identity of a row, where a board keeps it."""

from __future__ import annotations

from order_sync.rules.values import key_parts, order_key, parse_key, size_key


def subitem_key(order: str, size: str) -> str:
    """The key of a size line: its order line's key and its own, joined like the parts of a key."""
    return f"{order}|{size}"


def order_of(cell: str) -> str:
    """The order key in the key cell of an item; "" for a blank cell, which says nothing."""
    return parse_key(cell) if cell.strip() else ""


def size_of(cell: str) -> tuple[str, str]:
    """(order_key, size_key) in the key cell of a subitem; ("", "") for a blank cell."""
    if not cell.strip():
        return "", ""
    *order, size = key_parts(cell)
    return order_key(order), size_key(size)
