"""Writing what an existing board holds into MON_*."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select, update

from order_sync.db import engine, events, known, refused
from order_sync.db.events import OrderEvent
from order_sync.db.runs import RunRef
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit, chunks
from order_sync.rules.mapping import Mapping
from order_sync.rules.reading_back import HeldLine, HeldOrder
from order_sync.rules.states import Biography

# Refusals that an item found once, below its order key, answers.
_ANSWERED = frozenset({"duplicate_on_board", "gone_from_board", "outcome_unknown"})


@dataclass(frozen=True)
class AdoptedLine:
    """A subitem and what it holds."""

    size_key: str
    subitem_id: str
    name: str
    label: str
    held: HeldLine


@dataclass(frozen=True)
class AdoptedOrder:
    """An item, the order it belongs to, and what it holds."""

    order_key: str
    item_id: str
    name: str
    group_title: str
    group_id: str
    customer: str
    held: HeldOrder
    lines: tuple[AdoptedLine, ...]


def store_adopted(
    conn: Connection, tables: Tables, mapping: Mapping, run: RunRef, subitem_board_id: str,
    orders: Sequence[AdoptedOrder],
) -> None:  # fmt: skip
    """Make MON_* say what the board holds of these orders, whatever it said before."""
    at = engine.now(conn)
    keys = [order.order_key for order in orders]
    created = _created(conn, tables, run.board_id, keys)
    known.remove(conn, tables, run.board_id, keys)
    _release_lines(conn, tables, run.board_id, [x.subitem_id for o in orders for x in o.lines])
    stamp = {"board_id": run.board_id, "UpdateDate": at, "last_run_id": run.run_id}
    rows = [
        stamp | {"created_date": created.get(order.order_key, at)} | _order_row(order, mapping)
        for order in orders
    ]
    lines = [
        stamp | {"created_date": at, "subitem_board_id": subitem_board_id} | _line_row(order, line)
        for order in orders
        for line in order.lines
    ]
    if rows:
        engine.bulk_insert(conn, tables.production, rows)
    if lines:
        engine.bulk_insert(conn, tables.production_subitems, lines)
    _close_answered(conn, tables, run.board_id, frozenset(keys))
    events.add_events(
        conn, tables, run,
        (OrderEvent(o.order_key, Biography.ADOPTED, f"item {o.item_id}{_what(o)}") for o in orders),
    )  # fmt: skip


def _created(
    conn: Connection, tables: Tables, board_id: str, keys: Sequence[str]
) -> dict[str, Any]:
    p = tables.production
    return {
        row.order_key: row.created_date
        for chunk in chunks(keys)
        for row in conn.execute(
            select(p.c.order_key, p.c.created_date).where(
                p.c.board_id == board_id, p.c.order_key.in_(chunk)
            )
        )
    }


def _release_lines(conn: Connection, tables: Tables, board_id: str, ids: Sequence[str]) -> None:
    """Drop what other orders know of these subitems: somebody has moved them to another item.

    Those orders are compared anew by the next run.
    """
    p, s = tables.production, tables.production_subitems
    for chunk in chunks(ids):
        moved = (s.c.board_id == board_id, s.c.subitem_id.in_(chunk))
        keys = set(conn.execute(select(s.c.order_key).where(*moved)).scalars())
        if keys:
            conn.execute(delete(s).where(*moved))
            conn.execute(
                update(p)
                .where(p.c.board_id == board_id, p.c.order_key.in_(keys))
                .values(source_hash=None)
            )


def _order_row(order: AdoptedOrder, mapping: Mapping) -> dict[str, Any]:
    return {
        "order_key": order.order_key,
        "Item ID": order.item_id,
        "Title": order.name,
        "Group": order.group_title,
        "group_id": order.group_id,
        "customer_name": order.customer,
        "payload_hash": order.held.payload_hash,
        "source_hash": None,
        **{column.field: order.held.values.get(column.title) for column in mapping.columns},
    }


def _line_row(order: AdoptedOrder, line: AdoptedLine) -> dict[str, Any]:
    return {
        "order_key": order.order_key,
        "size_key": line.size_key,
        "subitem_id": line.subitem_id,
        "parent_item_id": order.item_id,
        "Title": line.name,
        "Size": line.label,
        "Order Qty": line.held.quantity,
        "payload_hash": line.held.payload_hash,
    }


def _close_answered(conn: Connection, tables: Tables, board_id: str, keys: frozenset[str]) -> None:
    for unit in Unit:
        ids = [
            error.err_id
            for error in refused.open_rows(conn, tables, unit, board_id)
            if error.order_key in keys and error.error_type in _ANSWERED
        ]
        refused.close_rows(conn, refused.table_of(tables, unit), ids, "repaired")


def _what(order: AdoptedOrder) -> str:
    if order.held.payload_hash is None:
        return ", with cells that cannot be read"
    differing = order.held.differing
    return f", differs in {', '.join(differing)}" if differing else ", as wanted"
