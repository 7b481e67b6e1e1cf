"""Fingerprints of what the board should show, and what happens to rows that share a key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Dict
from datetime import date
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any

from order_sync.rules.order import OrderLine, Refusal, RefusedRow, Value
from order_sync.rules.values import number_text

# They grow when equal payloads would get another hash. Order lines are then compared value by
# value and need not be sent; size lines are sent again.
ORDER_VERSION = 2
SIZE_VERSION = 1

_UNIT = "\x1f"  # the unit separator


def payload_hash(name: str, group: str, values: Dict[str, Value]) -> str:
    """SHA-256 (64 hex digits) of an order as the board would get it.

    Independent of the order of the columns; 1, 1.0 and 1.00 are one number; an empty cell
    differs from an empty text and from a column that is not filled at all.
    """
    return _hash_of(tuple(values)).of(name, group, [*map(canonical, values.values())])


class PayloadHash:
    """`payload_hash` of orders that have the same columns."""

    def __init__(self, titles: Sequence[str]) -> None:
        ranked = sorted(range(len(titles)), key=titles.__getitem__)
        self._titles = [titles[at] for at in ranked]
        self._sorted = picking(ranked)

    def of(self, name: str, group: str, cells: Sequence[str]) -> str:
        """Its hash; `cells` are the values as `canonical` writes them, in the order of titles."""
        parts = [f"order {ORDER_VERSION}", name, group, *self._titles, *self._sorted(cells)]
        content = _UNIT.join(parts)
        if content.count(_UNIT) != len(parts) - 1:
            # Cleaned texts have no such character. With its length before it, no part runs into
            # the next.
            content = "".join([f"{len(part)}:{part}" for part in parts])
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def picking(wanted: Iterable[Any]) -> Callable[[Any], Sequence[Any]]:
    """What stands at the places (or under the names) `wanted`, in their order."""
    listed = tuple(wanted)
    if len(listed) > 1:
        return itemgetter(*listed)
    return lambda cells: [cells[at] for at in listed]


_hash_of = lru_cache(maxsize=64)(PayloadHash)


def canonical(value: Value) -> str:
    """`value` with its kind: the number 1 is not the text "1", nor is either an empty cell."""
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        return f"n{number_text(value)}"
    if isinstance(value, date):
        return f"d{value.isoformat()}"
    return f"t{value}"


def size_payload_hash(name: str, label: str, quantity: int) -> str:
    """SHA-256 (64 hex digits) of a size line as the board would get it."""
    content = json.dumps([SIZE_VERSION, "size", name, label, quantity], separators=(",", ":"))
    return hashlib.sha256(content.encode("ascii")).hexdigest()


def resolve_duplicates(
    rows: Iterable[OrderLine | RefusedRow],
) -> tuple[list[OrderLine], list[RefusedRow]]:
    """Rows that may be sent, one per key, and rows that may not; both in the order they came.

    Rows of one key whose payloads are equal, sizes included, are the same order written twice:
    the first stands for all. If they differ nobody can say which is right, so every row of the
    key is refused as `duplicate_key`. A refused row counts as one that differs.
    """
    by_key: dict[str, list[OrderLine | RefusedRow]] = {}
    for row in rows:
        by_key.setdefault(row.order_key, []).append(row)
    unique: list[OrderLine] = []
    refused: list[RefusedRow] = []
    for same_key in by_key.values():
        orders = [row for row in same_key if isinstance(row, OrderLine)]
        if not orders:
            # Keys of refused rows may lack parts, so they prove nothing about each other.
            refused += [row for row in same_key if isinstance(row, RefusedRow)]
        elif len(same_key) == len(orders) and len({_whole_payload(o) for o in orders}) == 1:
            unique.append(orders[0])
        else:
            conflict = _conflict(same_key, orders)
            refused += [_refuse(row, conflict) for row in same_key]
    return unique, refused


def differing(orders: Sequence[OrderLine]) -> list[str]:
    """Titles in which order lines of one key differ; sizes by their label, in reading order."""
    first = orders[0]
    found: dict[str, None] = {}
    for other in orders[1:]:
        if other.name != first.name:
            found["Name"] = None
        if other.group_title != first.group_title:
            found["group"] = None
        for title in {**first.values, **other.values}:
            if first.values.get(title) != other.values.get(title):
                found[title] = None
        ours, theirs = ({size.label: size.quantity for size in o.sizes} for o in (first, other))
        for label in {**ours, **theirs}:
            if ours.get(label) != theirs.get(label):
                found[f"size {label}"] = None
    return list(found)


def _conflict(same_key: Sequence[OrderLine | RefusedRow], orders: Sequence[OrderLine]) -> Refusal:
    columns = differing(orders)
    shown = ", ".join(columns[:8]) + (", …" if len(columns) > 8 else "")
    where = f" and differ in {shown}" if columns else ", and some of them are refused"
    message = (
        f"{len(same_key)} rows have the key {same_key[0].order_key}{where}: "
        "keep one of them in the source, or name more key columns for this customer in the profile"
    )
    return Refusal("duplicate_key", message, value=same_key[0].order_key)


def _refuse(row: OrderLine | RefusedRow, conflict: Refusal) -> RefusedRow:
    own = row.refusals if isinstance(row, RefusedRow) else ()
    return RefusedRow(
        order_key=row.order_key,
        customer=row.customer,
        refusals=(*own, conflict),
        original=row.original,
        payload_hash=row.payload_hash,
    )


def _whole_payload(order: OrderLine) -> tuple[object, ...]:
    sizes = frozenset((size.size_key, size.payload_hash) for size in order.sizes)
    return order.payload_hash, order.cancelled, sizes
