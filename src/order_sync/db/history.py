"""What requests have cost before, and how many were made today, from the record of them all."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from order_sync.db import engine
from order_sync.db.schema import Tables

LATEST = 500  # requests of a board that are looked at


def mean_costs(
    conn: Connection, tables: Tables, board_id: str
) -> dict[str, tuple[float | None, float]]:
    """kind -> (complexity points per write, seconds per request) of the latest requests."""
    r = tables.requests
    latest = (
        select(r.c.kind, r.c.aliases, r.c.cost, r.c.duration_ms)
        .where(r.c.board_id == board_id, r.c.duration_ms.is_not(None))
        .order_by(r.c.last_sent_at.desc())
        .limit(LATEST)
        .subquery()
    )
    rows = conn.execute(
        select(
            latest.c.kind,
            func.avg(latest.c.cost * 1.0 / func.nullif(latest.c.aliases, 0)),
            func.avg(latest.c.duration_ms),
        ).group_by(latest.c.kind)
    )
    return {kind: (points, milliseconds / 1000) for kind, points, milliseconds in rows}


def calls_today(conn: Connection, tables: Tables, board_id: str) -> int:
    """Requests for a board since midnight UTC; repeats count, too.

    Other boards may belong to another account, or to a sandbox.
    """
    r = tables.requests
    midnight = engine.now(conn).replace(hour=0, minute=0, second=0, microsecond=0)
    made = select(func.coalesce(func.sum(r.c.send_no), 0)).where(
        r.c.board_id == board_id, r.c.last_sent_at >= midnight
    )
    return int(conn.execute(made).scalar_one())
