"""Before the first create on a board that is not empty: is the order there already?

After a restored database, or where people made rows by hand, it is. Then it is taken over
instead of created, with unknown values, and written whole afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from order_sync.db import events, known
from order_sync.db.events import OrderEvent
from order_sync.db.known import FoundItem, FoundLine
from order_sync.db.staging import Unit
from order_sync.delivery.context import Delivery
from order_sync.delivery.lookup import Looks, items_by_key, lookup_text, subitems_by_key
from order_sync.detection import Detection
from order_sync.monday.lookup import FoundRow
from order_sync.rules.comparing import NAME, KnownLine, KnownOrder, LineAction, OrderAction
from order_sync.rules.mapping import Mapping
from order_sync.rules.order import Refusal, RefusedRow, SizeLine
from order_sync.rules.states import Biography, Operation

TakenIds = Callable[[set[str]], Awaitable[set[str]]]


@dataclass(frozen=True)
class Stranger:
    """A new order that stands on the board already, and what stands there."""

    action: OrderAction
    item: FoundItem

    def as_known(self) -> KnownOrder:
        """What is known of it once it is taken over: its ids, and none of its values."""
        item = self.item
        lines = {
            line.size_key: KnownLine(line.size_key, line.subitem_id, line.label, 0, None, line.name)
            for line in item.lines
        }
        return KnownOrder(
            order_key=item.order_key,
            item_id=item.item_id,
            customer=item.customer,
            title=item.name,
            group=item.group_title,
            payload_hash=None,
            source_hash=None,
            lines=lines,
        )


@dataclass(frozen=True)
class _Hits:
    action: OrderAction
    rows: tuple[FoundRow, ...]


async def find_strangers(looks: Looks, found: Detection, taken: TakenIds) -> list[Stranger]:
    """Look every new order up; take those the board holds out of `found.actions`.

    Only reads. Orders found more than once are refused: a person decides which item is right.

    Args:
        taken: which of these item ids are known under whatever order key.
    """
    new = [action for action in found.actions if action.is_new]
    if not new:
        return []
    customers = {a.order.order_key: a.order.customer for a in new}
    by_key = await items_by_key(looks, (lookup_text(looks, a.order) for a in new), customers)
    if not by_key:
        return []
    hits = [_Hits(a, tuple(by_key[a.order.order_key])) for a in new if a.order.order_key in by_key]
    single = {h.rows[0].id: h.action.order.order_key for h in hits if len(h.rows) == 1}
    lines = await subitems_by_key(looks, single)
    known_ids = await taken({row.id for h in hits for row in h.rows})
    strangers: list[Stranger] = []
    for hit in hits:
        below = lines.get(hit.rows[0].id, {})
        doubled = [rows for rows in below.values() if len(rows) > 1]
        if len(hit.rows) > 1 or doubled or hit.rows[0].id in known_ids:
            found.refused.append(_refuse(hit, doubled))
        else:
            strangers.append(Stranger(hit.action, _item(looks, hit, below)))
    gone = {h.action.order.order_key for h in hits}
    found.actions = [a for a in found.actions if a.order.order_key not in gone]
    return strangers


@dataclass(frozen=True)
class StrangeLine:
    """A size line to be created that stands below its known item already."""

    action: OrderAction  # of its order line
    wanted: SizeLine
    line: FoundLine

    @property
    def order_key(self) -> str:
        return self.action.order.order_key

    def follow_up(self, mapping: Mapping) -> LineAction:
        """What it needs once it is taken over: all of it is written."""
        columns = (NAME, mapping.sizes.label_title, mapping.sizes.quantity_title)
        return LineAction(Operation.UPDATE, self.wanted, self.line.subitem_id, columns, 0)


async def find_strange_lines(
    looks: Looks, found: Detection, seen: Collection[str] = ()
) -> list[StrangeLine]:
    """Look up the size lines that would be created below known items; take those out that stand.

    After a restored database, or where people made subitems by hand, they do. Only reads.
    Orders with a size that stands twice are refused.

    Args:
        seen: order keys whose subitems were read when they were taken over.
    """
    growing = {
        a.item_id: a
        for a in found.actions
        if a.item_id is not None
        and a.order.order_key not in seen
        and any(_creates(line) for line in a.lines)
    }
    parents = {item_id: action.order.order_key for item_id, action in growing.items()}
    below = await subitems_by_key(looks, parents) if parents else {}
    strange: list[StrangeLine] = []
    changed: dict[str, OrderAction | None] = {}
    for item_id, action in growing.items():
        hits = below.get(item_id, {})
        new = [line for line in action.lines if _creates(line) and line.line.size_key in hits]
        doubled = [rows for line in new if len(rows := hits[line.line.size_key]) > 1]
        key = action.order.order_key
        if doubled:
            found.refused.append(_refuse(_Hits(action, tuple(doubled[0])), doubled))
            changed[key] = None
        elif new:
            strange += [
                StrangeLine(
                    action, line.line, _line(looks, line.line.size_key, hits[line.line.size_key][0])
                )
                for line in new
            ]
            rest = tuple(line for line in action.lines if line not in new)
            is_empty = action.operation is None and not rest
            changed[key] = None if is_empty else replace(action, lines=rest)
    found.actions = [
        kept for a in found.actions if (kept := changed.get(a.order.order_key, a)) is not None
    ]
    return strange


def _creates(line: LineAction) -> bool:
    return line.operation is Operation.CREATE


async def adopt(
    delivery: Delivery, strangers: Sequence[Stranger], lines: Sequence[StrangeLine]
) -> None:
    """Take strangers into MON_* and touch them, so that the next round writes them."""
    d = delivery
    items = [stranger.item for stranger in strangers]
    await d.write(_store, d, items, lines)
    d.touched.update(item.order_key for item in items)
    d.touched.update(line.order_key for line in lines)
    d.tally.adopted += len(items)


def _item(looks: Looks, hits: _Hits, below: dict[str, list[FoundRow]]) -> FoundItem:
    order, hit = hits.action.order, hits.rows[0]
    titles = {group.id: group.title for group in looks.board.groups}
    return FoundItem(
        order_key=order.order_key,
        item_id=hit.id,
        name=hit.name,
        group_title=titles.get(hit.group_id, ""),
        group_id=hit.group_id,
        customer=order.customer,
        lines=tuple(_line(looks, key, rows[0]) for key, rows in below.items() if key),
    )


def _line(looks: Looks, size_key: str, row: FoundRow) -> FoundLine:
    return FoundLine(size_key, row.id, row.name, row.values[looks.board.subitem_label.title])


def _store(
    conn: Connection, d: Delivery, items: Sequence[FoundItem], lines: Sequence[StrangeLine]
) -> None:
    known.adopt(conn, d.tables, d.run, d.board.subitem_board_id, items)
    for line in lines:
        known.adopt_line(
            conn, d.tables, d.run, d.board.subitem_board_id, line.order_key,
            line.action.item_id or "", line.line,
        )  # fmt: skip
    keys = [(line.order_key, line.line.size_key) for line in lines]
    known.withdraw(conn, d.tables, d.run.board_id, Unit.SUBITEM, keys)
    notes = [
        OrderEvent(item.order_key, Biography.ADOPTED, f"item {item.item_id}") for item in items
    ]
    notes += [
        OrderEvent(
            line.order_key, Biography.ADOPTED, f"subitem {line.line.subitem_id}", line.line.size_key
        )
        for line in lines
    ]
    events.add_events(conn, d.tables, d.run, notes)


def _refuse(found: _Hits, doubled: Sequence[Sequence[FoundRow]]) -> RefusedRow:
    order = found.action.order
    ids = [found.action.item_id or row.id for row in found.rows]
    what = f"the board holds this order line more than once (items {', '.join(ids)})"
    if doubled:
        twice = ", ".join(hit.name for hits in doubled for hit in hits[:1])
        what = f"item {ids[0]} holds a size more than once ({twice})"
    elif len(ids) == 1:
        what = f"item {ids[0]} is known under another order key"
    refusal = Refusal(
        "duplicate_on_board",
        f"{what}: remove all but one on the board, then resolve this as retry",
        value=", ".join(dict.fromkeys(ids)),
        error_class="board",
    )
    return RefusedRow(
        order.order_key, order.customer, (refusal,), order.original, order.payload_hash
    )
