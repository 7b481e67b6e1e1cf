"""The story of one order line, as the state tables have it.

Every function reads only, and takes tables that do not exist as empty ones. An order is asked for
on one board, so that each query can use an index: they begin with the board.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from order_sync.db import reports, staging
from order_sync.db.order_briefs import Brief, in_hand
from order_sync.db.reports import ErrorDetail, exists
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit, chunks


@dataclass(frozen=True)
class HeldItem:
    """The item, as the board is known to hold it."""

    item_id: str
    name: str
    group: str
    group_id: str
    customer: str
    payload_hash: str | None  # None: not acknowledged
    source_hash: str | None  # None: a part of the order is not acknowledged
    created_at: datetime
    updated_at: datetime
    last_run_id: str


@dataclass(frozen=True)
class HeldLine:
    """A subitem, as the board is known to hold it."""

    size_key: str
    size: str
    subitem_id: str
    pieces: int
    payload_hash: str | None  # None: not acknowledged
    updated_at: datetime
    last_run_id: str


@dataclass(frozen=True)
class InHand:
    """A staged row that is not at its end."""

    unit: Unit
    size_key: str  # "" for the order line
    operation: str
    change: str | None
    state: str
    item_id: str | None  # of the item or subitem, once known
    fields: str | None  # JSON list: what is written
    attempts: int
    next_try_at: datetime | None
    run_id: str
    batch_id: str
    request_id: str | None
    staged_at: datetime


@dataclass(frozen=True)
class Happening:
    """One line of the order's biography."""

    at: datetime
    event: str
    level: str  # info | warning
    detail: str | None
    size_key: str | None
    run_id: str
    batch_id: str | None
    request_id: str | None
    changes: str | None  # JSON list of what was detected: field, size, before, after


@dataclass(frozen=True)
class Place:
    """Where in a request a part of the order travelled."""

    size_key: str | None  # None: the order line itself
    position: int  # number of its alias, from 0


@dataclass(frozen=True)
class SentRequest:
    """A request that carried a part of the order; others' parts may have been in it, too."""

    request_id: str
    kind: str
    run_id: str
    state: str
    first_sent_at: datetime
    last_sent_at: datetime
    send_no: int  # how often the same bytes went out
    answered_at: datetime | None
    http_status: int | None
    error_code: str | None
    duration_ms: float | None
    cost: int | None  # complexity points, of the whole request
    monday_request_id: str | None


@dataclass(frozen=True)
class Carrier(SentRequest):
    """Such a request with what was in it."""

    body: bytes | None  # as it was sent
    answer: bytes | None  # as it came
    places: tuple[Place, ...]  # of this order's parts, as far as they are on record


@dataclass(frozen=True)
class Biography:
    """Everything the state tables know of one order line on one board."""

    brief: Brief
    item: HeldItem | None
    lines: tuple[HeldLine, ...]
    in_hand: tuple[InHand, ...]
    events: tuple[Happening, ...]  # oldest first, the newest of all there are
    events_in_all: int
    requests: tuple[Carrier, ...]  # oldest first, the newest of all there are
    requests_in_all: int
    errors: tuple[ErrorDetail, ...]  # oldest first, closed ones too


def biography(conn: Connection, tables: Tables, brief: Brief, limit: int) -> Biography:
    """All about the order line of `brief`.

    Args:
        limit: at most so many events, and as many requests; the newest are kept.
    """
    board_id, key = brief.board_id, brief.order_key
    events, events_in_all = _events(conn, tables, board_id, key, limit)
    rows = _rows_in_hand(conn, tables, board_id, key)
    places = _places(conn, tables, board_id, key)
    for row in rows:
        if row.request_id is not None:
            places.setdefault(row.request_id, ())
    requests, requests_in_all = _requests(conn, tables, places, limit)
    errors = reports.errors_of_order(conn, tables, key, board_id=board_id)
    return Biography(
        brief=brief,
        item=_item(conn, tables, board_id, key),
        lines=tuple(_lines(conn, tables, board_id, key)),
        in_hand=tuple(rows),
        events=tuple(events),
        events_in_all=events_in_all,
        requests=tuple(requests),
        requests_in_all=requests_in_all,
        # A number without parts also matches the keys that go on after it.
        errors=tuple(error for error in errors if error.summary.order_key == key),
    )


def _item(conn: Connection, tables: Tables, board_id: str, key: str) -> HeldItem | None:
    p = tables.production
    if not exists(conn, p):
        return None
    row = conn.execute(
        select(
            p.c["Item ID"].label("item_id"), p.c.Title.label("name"), p.c.Group.label("group"),
            p.c.group_id, p.c.customer_name.label("customer"), p.c.payload_hash, p.c.source_hash,
            p.c.created_date.label("created_at"), p.c.UpdateDate.label("updated_at"),
            p.c.last_run_id,
        ).where(p.c.board_id == board_id, p.c.order_key == key)
    ).first()  # fmt: skip
    return None if row is None else HeldItem(**row._mapping)


def _lines(conn: Connection, tables: Tables, board_id: str, key: str) -> list[HeldLine]:
    s = tables.production_subitems
    if not exists(conn, s):
        return []
    rows = conn.execute(
        select(
            s.c.size_key, s.c.Size.label("size"), s.c.subitem_id, s.c["Order Qty"].label("pieces"),
            s.c.payload_hash, s.c.UpdateDate.label("updated_at"), s.c.last_run_id,
        )
        .where(s.c.board_id == board_id, s.c.order_key == key)
        .order_by(s.c.size_key)
    )  # fmt: skip
    return [HeldLine(**row._mapping) for row in rows]


def _rows_in_hand(conn: Connection, tables: Tables, board_id: str, key: str) -> list[InHand]:
    found: list[InHand] = []
    for unit in Unit:
        t = staging.table_of(tables, unit)
        if not exists(conn, t):
            continue
        rows = conn.execute(
            select(t)
            .where(t.c.board_id == board_id, t.c.order_key == key, in_hand(t))
            .order_by(t.c.stg_id)
        )
        found += [_row_in_hand(unit, row) for row in rows]
    return found


def _row_in_hand(unit: Unit, row: Row[Any]) -> InHand:
    return InHand(
        unit=unit,
        size_key="" if unit is Unit.ITEM else row.size_key,
        operation=row.update_operation,
        change=row.change_type,
        state=row.stg_status,
        item_id=row._mapping[staging.id_column(unit)],
        fields=row.update_fields,
        attempts=row.stg_attempts,
        next_try_at=row.next_try_at,
        run_id=row.stg_run_id,
        batch_id=row.stg_batch_id,
        request_id=row.stg_request_id,
        staged_at=row.stg_created_date,
    )


def _events(
    conn: Connection, tables: Tables, board_id: str, key: str, limit: int
) -> tuple[list[Happening], int]:
    """The newest events, oldest first; and how many there are in all."""
    e = tables.events
    if not exists(conn, e):
        return [], 0
    mine = and_(e.c.board_id == board_id, e.c.order_key == key)
    columns = [e.c[name] for name in Happening.__dataclass_fields__]
    newest = conn.execute(
        select(*columns).where(mine).order_by(e.c.event_id.desc()).limit(limit)
    ).all()
    in_all = conn.execute(select(func.count()).select_from(e).where(mine)).scalar_one()
    return [Happening(**row._mapping) for row in reversed(newest)], in_all


def _places(
    conn: Connection, tables: Tables, board_id: str, key: str
) -> dict[str, tuple[Place, ...]]:
    """request id -> where in it parts of the order travelled, in the order of their places."""
    e = tables.events
    if not exists(conn, e):
        return {}
    columns = (e.c.request_id, e.c.request_pos, e.c.size_key)
    found: dict[str, set[Place]] = {}
    for request_id, position, size_key in conn.execute(
        select(*columns)
        .where(e.c.board_id == board_id, e.c.order_key == key, e.c.request_id.is_not(None))
        .distinct()
    ):
        places = found.setdefault(request_id, set())
        if position is not None:
            places.add(Place(size_key, position))
    return {
        request_id: tuple(sorted(places, key=lambda place: place.position))
        for request_id, places in found.items()
    }


def _requests(
    conn: Connection, tables: Tables, places: Dict[str, tuple[Place, ...]], limit: int
) -> tuple[list[Carrier], int]:
    """The newest of these requests, in the order they were first sent; how many there are."""
    r = tables.requests
    if not exists(conn, r):
        return [], 0
    sent = [
        (row.first_sent_at, row.request_id)
        for chunk in chunks(sorted(places))
        for row in conn.execute(
            select(r.c.first_sent_at, r.c.request_id).where(r.c.request_id.in_(chunk))
        )
    ]
    newest = [request_id for _, request_id in sorted(sent)[-limit:]]
    # Bodies are long, so only those that are shown are fetched.
    columns = [r.c[name] for name in Carrier.__dataclass_fields__ if name != "places"]
    found = {
        row.request_id: Carrier(**row._mapping, places=places[row.request_id])
        for chunk in chunks(newest)
        for row in conn.execute(select(*columns).where(r.c.request_id.in_(chunk)))
    }
    return [found[request_id] for request_id in newest], len(sent)
