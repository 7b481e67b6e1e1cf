"""An action in words: what stands on the board, and what would stand there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from order_sync.outcome import PlannedColumn, PlannedLine, PlannedOrder
from order_sync.rules.comparing import GROUP, NAME, KnownOrder, OrderAction
from order_sync.rules.order import OrderLine, Value
from order_sync.rules.states import Operation
from order_sync.rules.values import number_text


def planned_order(action: OrderAction, *, taken_over: bool) -> PlannedOrder:
    """What a plan says about one action."""
    order, there = action.order, action.known
    whole = there is not None and there.payload_hash is None and bool(action.columns)
    shows_columns = there is not None and not whole and action.operation is not Operation.REMOVE
    return PlannedOrder(
        order_key=order.order_key,
        customer=order.customer,
        name=order.name,
        group=order.group_title,
        change=action.change,
        operations=tuple(step.value for step in action.steps),
        payload_hash=order.payload_hash,
        item_id=action.item_id,
        whole=whole,
        taken_over=taken_over,
        columns=tuple(_columns(order, there, action)) if there and shows_columns else (),
        lines=tuple(
            PlannedLine(
                line.line.size_key, line.line.label, line.operation.value, line.before,
                line.line.quantity, line.line.payload_hash,
            )
            for line in action.lines
        ),
    )  # fmt: skip


def _columns(order: OrderLine, there: KnownOrder, action: OrderAction) -> Iterator[PlannedColumn]:
    for title in action.columns:
        if title == NAME:
            yield PlannedColumn(title, there.title, order.name)
        elif title == GROUP:
            yield PlannedColumn(title, there.group, order.group_title)
        else:
            before, after = there.values.get(title), order.values.get(title)
            yield PlannedColumn(title, in_words(before), in_words(after))


def in_words(value: Value) -> str | None:
    """A value as people write it; None for an empty cell."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        return number_text(value)
    return value.isoformat() if isinstance(value, date) else str(value)
