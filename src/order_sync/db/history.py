"""What requests have cost before, from the record of all requests."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

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
