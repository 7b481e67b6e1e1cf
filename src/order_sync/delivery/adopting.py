"""Before the first create on a board that is not empty: is the order there already?

After a restored database, or where people made rows by hand, it is. Then it is taken over
instead of created, with unknown values, and written whole afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from order_sync.db import events, known
from order_sync.db.events import OrderEvent
from order_sync.db.known import FoundItem, FoundLine
from order_sync.delivery.context import Delivery
from order_sync.delivery.lookup import items_by_key, lookup_text, subitems_by_key
from order_sync.detection import Detection
from order_sync.monday.lookup import FoundRow
from order_sync.rules.comparing import OrderAction
from order_sync.rules.order import Refusal, RefusedRow


@dataclass(frozen=True)
class _Stranger:
    action: OrderAction
    hits: tuple[FoundRow, ...]


async def adopt_strangers(delivery: Delivery, found: Detection) -> None:
    """Look every new order up; take those the board holds out of `found.actions`.

    Orders found once go to MON_* and are touched, so that the next round writes them. Orders
    found more than once are refused: a person decides which item is right.
    """
    d = delivery
    new = [action for action in found.actions if action.is_new]
    if not new:
        return
    customers = {a.order.order_key: a.order.customer for a in new}
    by_key = await items_by_key(d, (lookup_text(d, a.order) for a in new), customers)
    if not by_key:
        return
    strangers = [
        _Stranger(a, tuple(by_key[a.order.order_key])) for a in new if a.order.order_key in by_key
    ]
    lines = await subitems_by_key(d, [s.hits[0].id for s in strangers if len(s.hits) == 1])
    ids = {hit.id for s in strangers for hit in s.hits}
    taken = await d.read(known.item_ids_taken, d.tables, d.run.board_id, ids)
    items: list[FoundItem] = []
    for stranger in strangers:
        below = lines.get(stranger.hits[0].id, {})
        doubled = [hits for hits in below.values() if len(hits) > 1]
        if len(stranger.hits) > 1 or doubled or stranger.hits[0].id in taken:
            found.refused.append(_refuse(stranger, doubled))
        else:
            items.append(_item(d, stranger, below))
    gone = {s.action.order.order_key for s in strangers}
    found.actions = [a for a in found.actions if a.order.order_key not in gone]
    await d.write(_store, d, items)
    d.touched.update(item.order_key for item in items)
    d.tally.adopted += len(items)


def _item(d: Delivery, stranger: _Stranger, below: dict[str, list[FoundRow]]) -> FoundItem:
    order, hit = stranger.action.order, stranger.hits[0]
    titles = {group.id: group.title for group in d.board.groups}
    return FoundItem(
        order_key=order.order_key,
        item_id=hit.id,
        name=hit.name,
        group_title=titles.get(hit.group_id, ""),
        group_id=hit.group_id,
        customer=order.customer,
        lines=tuple(
            FoundLine(key, hits[0].id, hits[0].name, next(iter(hits[0].values.values())))
            for key, hits in below.items()
            if key
        ),
    )


def _store(conn: Connection, d: Delivery, items: Sequence[FoundItem]) -> None:
    known.adopt(conn, d.tables, d.run, d.board.subitem_board_id, items)
    events.add_events(
        conn, d.tables, d.run,
        (OrderEvent(item.order_key, "ADOPTED", f"item {item.item_id}") for item in items),
    )  # fmt: skip


def _refuse(stranger: _Stranger, doubled: Sequence[Sequence[FoundRow]]) -> RefusedRow:
    order = stranger.action.order
    ids = [hit.id for hit in stranger.hits]
    what = f"the board holds this order line more than once (items {', '.join(ids)})"
    if doubled:
        twice = ", ".join(hit.name for hits in doubled for hit in hits[:1])
        what = f"item {ids[0]} holds a size more than once ({twice})"
    elif len(ids) == 1:
        what = f"item {ids[0]} is known under another order key"
    refusal = Refusal(
        "duplicate_on_board",
        f"{what}: remove all but one on the board, then let it be sent again",
        value=", ".join(ids),
        error_class="board",
    )
    return RefusedRow(
        order.order_key, order.customer, (refusal,), order.original, order.payload_hash
    )
