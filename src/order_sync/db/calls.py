"""Requests to monday.com in figures, counted by the database: a run may have sent very many.

Functions take tables that do not exist as empty ones, and a board id (None: all boards).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, case, cast, func, select

from order_sync.db import engine
from order_sync.db.monitoring import of_board
from order_sync.db.reports import exists
from order_sync.db.schema import Tables


@dataclass(frozen=True)
class CallsOfKind:
    """The requests of a run with one purpose."""

    kind: str
    calls: int
    rows: int  # written with them
    repeats: int
    refused: int  # answered with an error as a whole, or not at all
    points: int  # of complexity
    seconds: float  # waited for answers


@dataclass(frozen=True)
class CallsOfDay:
    """Since midnight UTC."""

    calls: int
    repeats: int
    points: int  # of complexity, as far as monday.com has told


@dataclass(frozen=True)
class Stretch:
    """What was sent in a stretch of time."""

    writing: int = 0  # requests
    reading: int = 0
    rows: int = 0  # written
    refused: int = 0  # requests that were answered with an error as a whole, or not at all
    points: int = 0  # of complexity


@dataclass(frozen=True)
class Quotas:
    """What monday.com has told a run of its limits; None: nothing."""

    points_per_minute: int | None = None  # of complexity
    calls_per_minute: int | None = None


def by_kind(conn: Connection, tables: Tables, run_id: str) -> list[CallsOfKind]:
    """The requests of a run by their purpose."""
    r = tables.requests
    if not exists(conn, r):
        return []
    query = (
        select(
            r.c.kind, func.count(), _sum(_rows(tables)), _sum(r.c.send_no - 1),
            func.count(r.c.error_code), _sum(r.c.cost), func.sum(r.c.duration_ms),
        )
        .where(r.c.run_id == run_id)
        .group_by(r.c.kind)
        .order_by(r.c.kind)
    )  # fmt: skip
    return [
        CallsOfKind(
            kind=kind.replace("_", " "), calls=sent, rows=int(rows), repeats=int(repeats),
            refused=refused, points=int(points), seconds=(waited_ms or 0.0) / 1000,
        )
        for kind, sent, rows, repeats, refused, points, waited_ms in conn.execute(query)
    ]  # fmt: skip


def span(conn: Connection, tables: Tables, run_id: str) -> tuple[datetime, datetime] | None:
    """When a run sent its first and its last request; None: it sent none."""
    r = tables.requests
    if not exists(conn, r):
        return None
    first, last = conn.execute(
        select(func.min(r.c.last_sent_at), func.max(r.c.last_sent_at)).where(r.c.run_id == run_id)
    ).one()
    return None if first is None else (first, last)


def over_time(
    conn: Connection, tables: Tables, since: datetime, step_s: int, *,
    run_id: str | None = None, board_id: str | None = None,
) -> dict[int, Stretch]:  # fmt: skip
    """What was sent in each stretch of `step_s` seconds from `since` on, by its number.

    Args:
        since: a whole second.
        run_id: only of this run, wherever it was; else of the board.
    """
    r = tables.requests
    if not exists(conn, r):
        return {}
    number = engine.seconds_since(conn, r.c.last_sent_at, since) // step_s
    mine = of_board(r, board_id) if run_id is None else r.c.run_id == run_id
    query = (
        select(
            number, func.count(r.c.idempotency_key), func.count(), _sum(_rows(tables)),
            func.count(r.c.error_code), _sum(r.c.cost),
        )
        .where(mine, r.c.last_sent_at >= since)
        .group_by(number)
    )  # fmt: skip
    return {
        int(spot): Stretch(writing, calls - writing, int(rows), refused, int(points))
        for spot, writing, calls, rows, refused, points in conn.execute(query)
    }


def of_day(conn: Connection, tables: Tables, board_id: str | None) -> CallsOfDay:
    """Requests since midnight UTC; repeats count, too."""
    r = tables.requests
    if not exists(conn, r):
        return CallsOfDay(0, 0, 0)
    midnight = engine.now(conn).replace(hour=0, minute=0, second=0, microsecond=0)
    sends, requests, points = conn.execute(
        select(_sum(r.c.send_no), func.count(), _sum(r.c.cost)).where(
            of_board(r, board_id), r.c.last_sent_at >= midnight
        )
    ).one()
    return CallsOfDay(int(sends), int(sends) - requests, int(points))


def quotas(conn: Connection, tables: Tables, board_id: str) -> Quotas:
    """What monday.com told the latest run of the board that heard of it."""
    r = tables.runs
    if not exists(conn, r):
        return Quotas()
    columns = (r.c.points_per_minute, r.c.calls_per_minute)
    told = (
        select(*columns)
        .where(r.c.board_id == board_id, func.coalesce(*columns).is_not(None))
        .order_by(r.c.started_at.desc())
        .limit(1)
    )
    row = conn.execute(told).first()
    return Quotas() if row is None else Quotas(*row)


def _rows(tables: Tables) -> ColumnElement[int]:
    """Rows a request has written: a read carries none."""
    r = tables.requests
    return case((r.c.idempotency_key.is_not(None), r.c.aliases), else_=0)


def _sum(counts: ColumnElement[Any]) -> ColumnElement[int]:
    """Of very many requests the sum may be larger than each can be."""
    return func.coalesce(func.sum(cast(counts, BigInteger)), 0)
