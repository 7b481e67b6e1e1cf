"""Staging to production: what monday.com acknowledged becomes what the board is known to hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, case, func, literal, null, select, update

from order_sync.db import engine, known, refused
from order_sync.db.events import OrderEvent, add_events
from order_sync.db.runs import RunRef
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit
from order_sync.rules.mapping import Mapping
from order_sync.rules.states import Event, Operation, RowState, advance


def promote(
    conn: Connection, tables: Tables, mapping: Mapping, run: RunRef, subitem_board_id: str
) -> dict[Unit, int]:
    """Move every API_SUCCESS row of the board into MON_*; size lines after their order lines.

    Works on rows of any run, so what a dead run left behind is promoted by the next.

    Returns:
        Rows promoted per unit.
    """
    return {
        Unit.ITEM: _promote_items(conn, tables, mapping, run),
        Unit.SUBITEM: _promote_lines(conn, tables, run, subitem_board_id),
    }


def _ready(t: Table, board_id: str) -> Any:
    return and_(t.c.board_id == board_id, t.c.stg_status == RowState.API_SUCCESS)


def _promote_items(conn: Connection, tables: Tables, mapping: Mapping, run: RunRef) -> int:
    s, p, g = tables.staging, tables.production, tables.groups
    ready = _ready(s, run.board_id)
    keys = conn.execute(
        select(s.c.order_key, s.c.stg_batch_id, s.c.stg_request_id).where(ready)
    ).all()
    if not keys:
        return 0
    at = engine.now(conn)
    _move_items(conn, tables, run, at)
    _remove_items(conn, tables, run)
    fields = [c.field for c in mapping.columns]
    names = [
        "board_id", "order_key", "Item ID", "Title", "Group", "group_id", "customer_name",
        *fields, "payload_hash", "created_date", "UpdateDate", "last_run_id",
    ]  # fmt: skip
    group_id = (
        select(g.c.group_id)
        .where(g.c.board_id == s.c.board_id, g.c.title_key == s.c.group_key)
        .scalar_subquery()
    )
    source = select(
        s.c.board_id, s.c.order_key, s.c.stg_monday_item_id, s.c.Title, s.c.Group,
        func.coalesce(group_id, ""), s.c.stg_customer_batch, *(s.c[f] for f in fields),
        _acknowledged_hash(s), literal(at, p.c.created_date.type),
        literal(at, p.c.UpdateDate.type), literal(run.run_id),
    ).where(ready, s.c.update_operation.not_in((Operation.MOVE, Operation.REMOVE)))  # fmt: skip
    # An update never moves an item, so its group stays what the board is known to have.
    engine.upsert(
        conn, p, names, source, key=["board_id", "order_key"],
        kept=["created_date", "Group", "group_id"], emptied=["source_hash"],
    )  # fmt: skip
    _finish(conn, s, ready, tables, run, Unit.ITEM, [(k.order_key, "") for k in keys])
    add_events(
        conn, tables, run,
        (OrderEvent(k.order_key, Event.RECORDED, batch_id=k.stg_batch_id,
                    request_id=k.stg_request_id) for k in keys),
    )  # fmt: skip
    return len(keys)


def _move_items(conn: Connection, tables: Tables, run: RunRef, at: Any) -> None:
    """A finished move changes the group; it is acknowledged when the order needed no more."""
    s, p, g = tables.staging, tables.production, tables.groups
    moved = conn.execute(
        select(
            s.c.order_key,
            s.c.Group,
            s.c.stg_customer_batch,
            g.c.group_id,
            _acknowledged_hash(s).label("digest"),
        )
        .join(g, and_(g.c.board_id == s.c.board_id, g.c.title_key == s.c.group_key))
        .where(_ready(s, run.board_id), s.c.update_operation == Operation.MOVE)
    ).all()
    for row in moved:
        conn.execute(
            update(p)
            .where(p.c.board_id == run.board_id, p.c.order_key == row.order_key)
            .values(
                {
                    "Group": row.Group,
                    "group_id": row.group_id,
                    "moving_to": None,
                    "customer_name": row.stg_customer_batch,
                    "payload_hash": row.digest,
                    "UpdateDate": at,
                }
            )
        )


def _remove_items(conn: Connection, tables: Tables, run: RunRef) -> None:
    """What was archived is no longer what the board holds."""
    s = tables.staging
    archived = conn.execute(
        select(s.c.order_key).where(
            _ready(s, run.board_id), s.c.update_operation == Operation.REMOVE
        )
    ).scalars()
    known.remove(conn, tables, run.board_id, archived.all())


def _promote_lines(conn: Connection, tables: Tables, run: RunRef, subitem_board_id: str) -> int:
    s, p = tables.staging_subitems, tables.production_subitems
    ready = _ready(s, run.board_id)
    keys = conn.execute(
        select(s.c.order_key, s.c.size_key, s.c.stg_batch_id, s.c.stg_request_id).where(ready)
    ).all()
    if not keys:
        return 0
    at = engine.now(conn)
    names = [
        "board_id", "order_key", "size_key", "subitem_id", "parent_item_id", "subitem_board_id",
        "Title", "Size", "Order Qty", "payload_hash", "created_date", "UpdateDate", "last_run_id",
    ]  # fmt: skip
    source = select(
        s.c.board_id, s.c.order_key, s.c.size_key, s.c.stg_monday_subitem_id,
        s.c.stg_monday_parent_item_id, literal(subitem_board_id), s.c.Title, s.c.Size,
        s.c["Order Qty"], _acknowledged_hash(s), literal(at, p.c.created_date.type),
        literal(at, p.c.UpdateDate.type), literal(run.run_id),
    ).where(ready)  # fmt: skip
    engine.upsert(
        conn, p, names, source, key=["board_id", "order_key", "size_key"], kept=["created_date"]
    )
    _finish(conn, s, ready, tables, run, Unit.SUBITEM, [(k.order_key, k.size_key) for k in keys])
    add_events(
        conn, tables, run,
        (OrderEvent(k.order_key, Event.RECORDED, size_key=k.size_key, batch_id=k.stg_batch_id,
                    request_id=k.stg_request_id) for k in keys),
    )  # fmt: skip
    return len(keys)


def _acknowledged_hash(s: Table) -> Any:
    """The staged hash, or NULL when the board's values are not known to be ours."""
    return case((s.c.stg_acknowledged, s.c.payload_hash), else_=null())


def _finish(
    conn: Connection, s: Table, ready: Any, tables: Tables, run: RunRef, unit: Unit,
    keys: Sequence[tuple[str, str]],
) -> None:  # fmt: skip
    refused.close_sent(conn, tables, run, unit, keys)
    conn.execute(
        update(s).where(ready).values(stg_status=advance(RowState.API_SUCCESS, Event.RECORDED))
    )
