"""What the source wants against what the board is known to hold: one order, one decision."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from typing import Any

from order_sync.rules.changes import size_payload_hash
from order_sync.rules.mapping import Mapping
from order_sync.rules.order import OrderLine, SizeLine
from order_sync.rules.states import ChangeType, Operation
from order_sync.rules.values import key_part


@dataclass(frozen=True)
class KnownLine:
    """A size line the board holds; hash None: the board may show something else."""

    size_key: str
    subitem_id: str
    label: str
    quantity: int
    payload_hash: str | None


@dataclass(frozen=True)
class KnownOrder:
    """An order line the board holds; hash None: the board may show something else."""

    order_key: str
    item_id: str
    customer: str
    title: str
    group: str
    payload_hash: str | None
    source_hash: str | None
    values: Dict[str, Any] = field(default_factory=dict)  # board title -> value
    lines: Dict[str, KnownLine] = field(default_factory=dict)  # size_key -> line


@dataclass(frozen=True)
class LineAction:
    """What a size line needs."""

    operation: Operation  # CREATE or UPDATE
    line: SizeLine
    subitem_id: str | None = None


@dataclass(frozen=True)
class OrderAction:
    """What an order line needs; `operation` None: only its size lines need something."""

    order: OrderLine
    source_hash: str
    operation: Operation | None
    item_id: str | None
    lines: tuple[LineAction, ...]

    @property
    def is_new(self) -> bool:
        return self.operation is Operation.CREATE


@dataclass(frozen=True)
class Comparison:
    """The change of an order line, what to send for it, and which columns differ."""

    change: ChangeType
    action: OrderAction | None = None
    columns: tuple[str, ...] = ()


def compare(
    order: OrderLine, source_hash: str, known: KnownOrder | None, mapping: Mapping
) -> Comparison:
    """Decide about one order line.

    A known order whose values are not acknowledged is completed: moved if it stands in another
    group, else written whole. Size lines the board lacks are created in any case; those whose
    order itself differs wait for it.
    """
    if known is None:
        lines = tuple(LineAction(Operation.CREATE, line) for line in order.sizes)
        action = OrderAction(order, source_hash, Operation.CREATE, None, lines)
        return Comparison(ChangeType.NEW, action)
    columns = _differences(order, known, mapping)
    if columns:
        was_cancelled = _was_cancelled(known, mapping)
        cancelled = order.cancelled and not was_cancelled
        return Comparison(
            ChangeType.CANCELLED if cancelled else ChangeType.CHANGED, columns=columns
        )
    operation = None
    if known.payload_hash is None:
        moved = key_part(known.group) != key_part(order.group_title)
        operation = Operation.MOVE if moved else Operation.UPDATE
    lines = _line_actions(order, known, mapping)
    if operation is None and not lines:
        return Comparison(ChangeType.UNCHANGED)
    action = OrderAction(order, source_hash, operation, known.item_id, lines)
    return Comparison(ChangeType.UNCHANGED, action)


def _line_actions(order: OrderLine, known: KnownOrder, mapping: Mapping) -> tuple[LineAction, ...]:
    actions = []
    for line in order.sizes:
        there = known.lines.get(line.size_key)
        if there is None:
            actions.append(LineAction(Operation.CREATE, line))
        elif there.payload_hash is None:
            actions.append(LineAction(Operation.UPDATE, line, there.subitem_id))
    wanted = {line.size_key for line in order.sizes}
    for size_key, there in known.lines.items():
        if size_key not in wanted and there.payload_hash is None:
            actions.append(LineAction(Operation.UPDATE, _emptied(there, mapping), there.subitem_id))
    return tuple(actions)


def _emptied(there: KnownLine, mapping: Mapping) -> SizeLine:
    """A size nobody ordered, on an item that was found on the board: it stays, with no pieces."""
    name = mapping.sizes.name_format.format(size=there.label)
    digest = size_payload_hash(name, there.label, 0)
    return SizeLine(there.size_key, there.label, name, 0, digest)


def _differences(order: OrderLine, known: KnownOrder, mapping: Mapping) -> tuple[str, ...]:
    """Titles that differ from what was acknowledged; empty while nothing was acknowledged."""
    found: list[str] = []
    if known.payload_hash is not None and known.payload_hash != order.payload_hash:
        if known.title != order.name:
            found.append("Name")
        if key_part(known.group) != key_part(order.group_title):
            found.append("Group")
        found += [
            title for title, value in order.values.items() if known.values.get(title) != value
        ]
        found = found or ["(columns the board did not have before)"]
    wanted = {line.size_key: line for line in order.sizes}
    for size_key, there in known.lines.items():
        line = wanted.get(size_key)
        gone = line is None and there.quantity != 0
        differs = (
            line is not None
            and there.payload_hash is not None
            and there.payload_hash != line.payload_hash
        )
        if gone or differs:
            found.append(mapping.sizes.name_format.format(size=there.label))
    return tuple(found)


def _was_cancelled(known: KnownOrder, mapping: Mapping) -> bool:
    title = mapping.column_of(mapping.order_type).title
    return known.values.get(title) == mapping.cancelled


def is_acknowledged(order: OrderLine, known: KnownOrder) -> bool:
    """Whether monday.com has acknowledged every part of the order as it is now."""
    if any(there.payload_hash is None for there in known.lines.values()):
        return False
    return known.payload_hash == order.payload_hash and all(
        (there := known.lines.get(line.size_key)) is not None
        and there.payload_hash == line.payload_hash
        for line in order.sizes
    )
