"""MON_BatchProcessing: the order lines of one customer in one run."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select, update

from order_sync.db import engine
from order_sync.db.runs import RunRef
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit, chunks, counts_of_batches
from order_sync.rules.states import BATCH_ENDED, BatchState, RowState, advance_batch

_MILESTONE = {
    BatchState.STAGING_LOADED: "staging_load_completed",
    BatchState.ITEMS_CREATED: "items_creation_completed",
    BatchState.SUBITEMS_CREATED: "subitems_creation_completed",
    BatchState.PROMOTED: "promotion_completed",
}


@dataclass(frozen=True)
class NewBatch:
    """A batch that is about to be opened."""

    customer: str
    batch_id: str = field(default_factory=lambda: uuid.uuid4().hex)


def open_batches(
    conn: Connection, tables: Tables, run: RunRef, new: Sequence[NewBatch], kind: str
) -> None:
    """Start batches, all at the same time."""
    started = engine.now(conn)
    zeros = dict.fromkeys(
        (
            "orders_total", "orders_processed", "orders_failed", "subitems_total",
            "subitems_processed", "subitems_failed", "api_calls_made", "api_failures",
            "retries_attempted",
        ),
        0,
    )  # fmt: skip
    engine.bulk_insert(
        conn,
        tables.batches,
        [
            {
                "batch_id": batch.batch_id,
                "run_id": run.run_id,
                "board_id": run.board_id,
                "customer_name": batch.customer,
                "batch_type": kind,
                "status": BatchState.STARTED.value,
                "start_time": started,
                **zeros,
            }
            for batch in new
        ],
    )


def reach(
    conn: Connection, tables: Tables, batch_ids: Sequence[str], milestone: BatchState
) -> None:
    """The batches have come to a milestone; one that is already past it stays as it is."""
    b = tables.batches
    at, order = engine.now(conn), list(BatchState)
    counts = count_batches(conn, tables, batch_ids)
    for some in chunks(batch_ids):
        states = conn.execute(select(b.c.batch_id, b.c.status).where(b.c.batch_id.in_(some)))
        for batch_id, status in states.all():
            values: dict[str, Any] = {**counts[batch_id]}
            state = BatchState(status)
            if state not in BATCH_ENDED and order.index(milestone) > order.index(state):
                values["status"] = advance_batch(state, milestone)
                values[_MILESTONE[milestone]] = at
            conn.execute(update(b).where(b.c.batch_id == batch_id).values(**values))


def count_batches(
    conn: Connection, tables: Tables, batch_ids: Sequence[str]
) -> dict[str, dict[str, int]]:
    """The counters of each batch, counted from its rows and requests."""
    found: dict[str, dict[str, int]] = {}
    for some in chunks(batch_ids):
        calls = _calls_of(conn, tables, some)
        staged = {unit: counts_of_batches(conn, tables, unit, some) for unit in Unit}
        for batch_id in some:
            values = calls.get(batch_id) or _calls(0, 0, 0)
            for unit, name in ((Unit.ITEM, "orders"), (Unit.SUBITEM, "subitems")):
                counts = staged[unit][batch_id]
                values[f"{name}_total"] = sum(counts.values())
                values[f"{name}_processed"] = (
                    counts[RowState.PROMOTED] + counts[RowState.API_SUCCESS]
                )
                values[f"{name}_failed"] = counts[RowState.API_FAILED]
            found[batch_id] = values
    return found


def _calls_of(
    conn: Connection, tables: Tables, batch_ids: Sequence[str]
) -> dict[str, dict[str, int]]:
    r = tables.requests
    rows = conn.execute(
        select(
            r.c.batch_id,
            func.count(),
            func.coalesce(func.sum(r.c.send_no), 0),
            func.count(r.c.error_code),
        )
        .where(r.c.batch_id.in_(batch_ids))
        .group_by(r.c.batch_id)
    )
    return {batch_id: _calls(calls, sends, bad) for batch_id, calls, sends, bad in rows}


def _calls(calls: int, sends: int, bad: int) -> dict[str, int]:
    return {"api_calls_made": sends, "retries_attempted": sends - calls, "api_failures": bad}


def close_batch(
    conn: Connection, tables: Tables, batch_id: str, *, stopped: BatchState | None
) -> BatchState:
    """End a batch by what its rows say.

    Args:
        stopped: PAUSED or FAILED when the run ended early; only used when rows are left.
    """
    b = tables.batches
    state = BatchState(
        conn.execute(select(b.c.status).where(b.c.batch_id == batch_id)).scalar_one()
    )
    counts = count_batches(conn, tables, [batch_id])[batch_id]
    total = counts["orders_total"] + counts["subitems_total"]
    done = counts["orders_processed"] + counts["subitems_processed"]
    failed = counts["orders_failed"] + counts["subitems_failed"]
    if total == 0:
        end = BatchState.NO_RECORDS
    elif done == total:
        end = BatchState.COMPLETED
    elif done + failed < total:
        end = stopped or BatchState.FAILED
    elif done == 0:
        end = BatchState.FAILED
    else:
        end = BatchState.COMPLETED_WITH_ERRORS
    summary = None if not failed else f"{failed} refused"
    if done + failed < total:
        summary = "; ".join(
            filter(None, (summary, f"{total - done - failed} left for a later run"))
        )
    conn.execute(
        update(b)
        .where(b.c.batch_id == batch_id)
        .values(
            status=advance_batch(state, end),
            end_time=engine.now(conn),
            error_summary=summary,
            **counts,
        )
    )
    return end
