"""What the source wants against what the board is known to hold: one order, one decision."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from order_sync.rules.changes import payload_hash, size_payload_hash
from order_sync.rules.mapping import Mapping
from order_sync.rules.order import OrderLine, SizeLine, Value
from order_sync.rules.states import ChangeType, Operation
from order_sync.rules.values import key_part
from order_sync.rules.values import size_key as key_of_size

NAME = "Name"  # how changes of the item's (or subitem's) name are listed beside board titles
GROUP = "Group"


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A size line the board holds; hash None: the board may show something else."""

    size_key: str
    subitem_id: str
    label: str
    quantity: int  # pieces
    payload_hash: str | None
    name: str


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order line the board holds; hash None: the board may show something else."""

    order_key: str
    item_id: str
    customer: str
    title: str
    group: str
    payload_hash: str | None
    source_hash: str | None  # None: not all of it is acknowledged
    moving_to: str | None = None  # group of a move without a certain answer
    values: Dict[str, Value] = field(default_factory=dict)  # board title -> value
    lines: Dict[str, KnownLine] = field(default_factory=dict)  # size_key -> line


class LineAction(NamedTuple):
    """What a size line needs."""

    operation: Operation  # CREATE or UPDATE
    line: SizeLine
    subitem_id: str | None = None
    columns: tuple[str, ...] = ()  # of an update: the titles to write, and `NAME` to rename
    before: int | None = None  # pieces the board is known to show


@dataclass(frozen=True, slots=True)
class OrderAction:
    """What an order line needs; `operation` None: only its size lines need something."""

    order: OrderLine
    change: ChangeType  # UNCHANGED: an earlier run left it unfinished
    source_hash: str
    operation: Operation | None
    item_id: str | None
    lines: tuple[LineAction, ...]
    # What a known order needs in all: titles, `NAME`, `GROUP`. A MOVE carries the group alone;
    # the rest follows when it is done.
    columns: tuple[str, ...] = ()
    known: KnownOrder | None = None

    @property
    def is_new(self) -> bool:
        return self.operation is Operation.CREATE

    @property
    def steps(self) -> tuple[Operation, ...]:
        """Every operation on the item, in their order."""
        if self.operation is None:
            return ()
        if self.operation is Operation.MOVE and set(self.columns) != {GROUP}:
            return (Operation.MOVE, _write_operation(self.change))
        return (self.operation,)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The change of an order line and what to do about it."""

    change: ChangeType
    action: OrderAction | None = None
    # The board shows all the order wants, under another fingerprint: a notation or the set of
    # columns has changed, and there is nothing to send.
    same_under_another_hash: bool = False


def compare(
    order: OrderLine, source_hash: str, known: KnownOrder | None, mapping: Mapping, *,
    trusted: bool = False,
) -> Comparison:  # fmt: skip
    """Decide about one order line.

    Only what differs is sent. An order whose values are not acknowledged is written whole.
    Whatever the order line needs, its size lines are compared one by one.

    Args:
        trusted: the known values are true although their hash is withdrawn, because nothing but
            a move was sent since.
    """
    if known is None:
        create = Operation.CREATE  # to look a member up takes long, until Python 3.12
        created = tuple([LineAction(create, line) for line in order.sizes])
        action = OrderAction(order, ChangeType.NEW, source_hash, create, None, created)
        return Comparison(ChangeType.NEW, action)
    columns = tuple(_columns(order, known, trusted=trusted))
    lines = tuple(_line_actions(order, known, mapping))
    is_true = known.payload_hash is not None or trusted
    same = is_true and not columns and known.payload_hash != order.payload_hash
    if not columns and not lines:
        return Comparison(ChangeType.UNCHANGED, same_under_another_hash=same)
    change = ChangeType.UNCHANGED
    if order.cancelled and not is_cancelled(known, mapping):
        change = ChangeType.CANCELLED
    elif (columns and is_true) or known.source_hash is not None or _differ(lines, known):
        change = ChangeType.CHANGED
    action = OrderAction(
        order, change, source_hash, _operation(columns, change), known.item_id, lines, columns,
        known,
    )  # fmt: skip
    return Comparison(change, action, same)


def compare_vanished(
    known: KnownOrder, titles: Collection[str], mapping: Mapping
) -> OrderAction | None:
    """Cancel on the board an order that has left the source; None when it shows that already.

    Args:
        titles: the mapped titles that are written to this board.
    """
    values = {title: value for title, value in known.values.items() if title in titles}
    values[mapping.column_of(mapping.order_type).title] = mapping.cancelled
    order = _as_known(known, values)
    action = compare(order, VANISHED, known, mapping).action
    if action is None:
        return None
    # Nobody knows what stands in a cell that was never acknowledged: it is not ours to clear.
    columns = tuple(c for c in action.columns if values.get(c, "") is not None)
    return replace(action, change=ChangeType.DELETED, columns=columns)


def archive_vanished(known: KnownOrder) -> OrderAction:
    """Take an order that has left the source off the board."""
    order = _as_known(known, known.values)
    return OrderAction(
        order, ChangeType.DELETED, VANISHED, Operation.REMOVE, known.item_id, (), (), known
    )


VANISHED = ""  # the source hash of an order that has none; no row of a source ever has it


def _as_known(known: KnownOrder, values: Dict[str, Value]) -> OrderLine:
    return OrderLine(
        order_key=known.order_key,
        customer=known.customer,
        group_title=known.group,
        name=known.title,
        values=values,
        sizes=(),
        cancelled=True,
        payload_hash=payload_hash(known.title, known.group, values),
        original={},
    )


def _columns(order: OrderLine, known: KnownOrder, *, trusted: bool) -> Iterator[str]:
    """What to write to the item; everything while nothing is acknowledged."""
    whole = known.payload_hash is None and not trusted
    if known.payload_hash == order.payload_hash:
        return
    if whole or known.title != order.name:
        yield NAME
    if known.moving_to is not None or key_part(known.group) != key_part(order.group_title):
        yield GROUP
    for title, value in order.values.items():
        if whole or known.values.get(title) != value:
            yield title


def _operation(columns: tuple[str, ...], change: ChangeType) -> Operation | None:
    if not columns:
        return None
    # The move goes first: where it cannot be made, nothing of the order changes.
    return Operation.MOVE if GROUP in columns else _write_operation(change)


def _write_operation(change: ChangeType) -> Operation:
    return Operation.CANCEL if change is ChangeType.CANCELLED else Operation.UPDATE


def _line_actions(order: OrderLine, known: KnownOrder, mapping: Mapping) -> Iterator[LineAction]:
    for line in order.sizes:
        there = known.lines.get(line.size_key)
        if there is None:
            yield LineAction(Operation.CREATE, line)
        elif there.payload_hash != line.payload_hash:
            columns = tuple(_line_columns(line, there, mapping))
            yield LineAction(
                Operation.UPDATE, line, there.subitem_id, columns, there.quantity
            )  # fmt: skip
    wanted = {line.size_key for line in order.sizes}
    for size_key, there in sorted(known.lines.items(), key=lambda line: _rank(mapping, line[0])):
        if size_key not in wanted and (there.quantity != 0 or there.payload_hash is None):
            quantity = (mapping.sizes.quantity_title,)
            yield LineAction(
                Operation.UPDATE, emptied(there), there.subitem_id, quantity, there.quantity
            )


def _rank(mapping: Mapping, size_key: str) -> int:
    """Where people look for a size: in the order of the profile, others last."""
    return _ranks(mapping.sizes.names).get(size_key, len(mapping.sizes.names))


@lru_cache(maxsize=8)
def _ranks(names: tuple[str, ...]) -> dict[str, int]:
    return {key_of_size(name): rank for rank, name in enumerate(names)}


def _line_columns(line: SizeLine, there: KnownLine, mapping: Mapping) -> Iterator[str]:
    whole = there.payload_hash is None
    if whole or there.name != line.name:
        yield NAME
    if whole or there.label != line.label:
        yield mapping.sizes.label_title
    # A line that differs in notation alone still gets its pieces: an update writes something.
    if whole or there.quantity != line.quantity or (there.name, there.label) == (
        line.name, line.label,
    ):  # fmt: skip
        yield mapping.sizes.quantity_title


def emptied(there: KnownLine) -> SizeLine:
    """A size nobody orders any more: it keeps its subitem and history, with no pieces."""
    digest = size_payload_hash(there.name, there.label, 0)
    return SizeLine(there.size_key, there.label, there.name, 0, digest)


def _differ(lines: tuple[LineAction, ...], known: KnownOrder) -> bool:
    """Whether a size line differs from what is acknowledged, not only lacks its acknowledgement."""
    return any(
        line.operation is Operation.UPDATE
        and known.lines[line.line.size_key].payload_hash is not None
        for line in lines
    )


def is_cancelled(known: KnownOrder, mapping: Mapping) -> bool:
    """Whether the board is known to show the order as cancelled."""
    title = mapping.column_of(mapping.order_type).title
    return known.values.get(title) == mapping.cancelled


def is_acknowledged(order: OrderLine, known: KnownOrder) -> bool:
    """Whether monday.com has acknowledged every part of the order as it is now."""
    wanted = {line.size_key: line.payload_hash for line in order.sizes}
    if known.payload_hash != order.payload_hash or not wanted.keys() <= known.lines.keys():
        return False
    return all(
        there.payload_hash is not None
        and (there.payload_hash == wanted[size_key] if size_key in wanted else there.quantity == 0)
        for size_key, there in known.lines.items()
    )
