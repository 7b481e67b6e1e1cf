"""Before and after: what an action changes of what the board is known to hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from order_sync.rules.comparing import (
    GROUP,
    NAME,
    KnownOrder,
    LineAction,
    OrderAction,
    compare,
)
from order_sync.rules.mapping import Mapping
from order_sync.rules.order import OrderLine, Value
from order_sync.rules.states import Operation
from order_sync.rules.values import number_text


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that is to change, with its values as texts."""

    field: str  # title on the board; Name and Group for those
    size: str | None  # label of the size line it belongs to; None: the order line's own
    before: str | None  # None: an empty cell, or a size line the board does not have
    after: str | None
    is_certain: bool  # the board is known to show `before`


def differences(action: OrderAction, mapping: Mapping) -> tuple[Difference, ...]:
    """What an action on a known order changes, in the order of the board's columns.

    An order the board does not have changes nothing: it is made whole.
    """
    if action.known is None:
        return ()
    return (
        *_of_item(action.order, action.known, action.columns),
        *(found for line in action.lines for found in _of_line(line, action.known, mapping)),
    )


def from_board(order: OrderLine, known: KnownOrder, mapping: Mapping) -> tuple[Difference, ...]:
    """Where the source and the board's known values differ, whatever is acknowledged.

    An optional column that the board is not known to fill may not be on it, and is left out.
    """
    action = compare(order, "", known, mapping, trusted=True).action
    if action is None:
        return ()
    optional = {c.title for c in mapping.columns if not c.required}
    return tuple(
        found
        for found in differences(action, mapping)
        if found.before != found.after and not (found.field in optional and found.before is None)
    )


def _of_item(order: OrderLine, known: KnownOrder, columns: tuple[str, ...]) -> Iterator[Difference]:
    is_certain = known.payload_hash is not None
    own: dict[str, tuple[Value, Value]] = {
        NAME: (known.title, order.name),
        GROUP: (known.moving_to or known.group, order.group_title),
    }
    for title in columns:
        before, after = own.get(title, (known.values.get(title), order.values.get(title)))
        yield Difference(title, None, shown(before), shown(after), is_certain)


def _of_line(action: LineAction, known: KnownOrder, mapping: Mapping) -> Iterator[Difference]:
    line, there = action.line, known.lines.get(action.line.size_key)
    if action.operation is Operation.CREATE or there is None:
        yield Difference(mapping.sizes.quantity_title, line.label, None, str(line.quantity), True)
        return
    own = {
        NAME: (there.name, line.name),
        mapping.sizes.label_title: (there.label, line.label),
        mapping.sizes.quantity_title: (str(there.quantity), str(line.quantity)),
    }
    is_certain = there.payload_hash is not None
    for title in action.columns:
        yield Difference(title, line.label, *own[title], is_certain)


def shown(value: Value) -> str | None:
    """A value as a text that people recognise: 12.5000 is 12.5, a date is 2025-11-23."""
    if isinstance(value, Decimal):
        return number_text(value)
    return value.isoformat() if isinstance(value, date) else value
