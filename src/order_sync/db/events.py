"""The audit trail: what happened to which order line, when, in which run, by which request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from order_sync.db import engine
from order_sync.db.runs import RunRef
from order_sync.db.schema import Tables


class OrderEvent(NamedTuple):
    """One line of an order's biography."""

    order_key: str
    event: str  # a rules.states Event or Biography, or the code of a warning
    detail: str = ""
    size_key: str | None = None
    batch_id: str | None = None
    request_id: str | None = None
    request_pos: int | None = None  # number of its alias in that request, from 0
    level: str = "info"  # info | warning
    changes: str | None = None  # JSON: a list of rules.differences.Difference


def add_events(
    conn: Connection, tables: Tables, run: RunRef, events: Iterable[OrderEvent],
    batch_id: str | None = None,
) -> None:  # fmt: skip
    """Append `events`, all with the same time, and of this batch unless they name another."""
    at = engine.now(conn)
    engine.bulk_insert(
        conn,
        tables.events,
        [
            {
                "board_id": run.board_id,
                "order_key": e.order_key,
                "size_key": e.size_key,
                "at": at,
                "run_id": run.run_id,
                "batch_id": e.batch_id or batch_id,
                "request_id": e.request_id,
                "request_pos": e.request_pos,
                "event": e.event,
                "level": e.level,
                "detail": e.detail or None,
                "changes": e.changes,
            }
            for e in events
        ],
    )
