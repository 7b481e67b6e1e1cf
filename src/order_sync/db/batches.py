"""MON_BatchProcessing: the order lines of one customer in one run."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Connection, func, select, update

from order_sync.db import engine
from order_sync.db.runs import RunRef
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit, counts_by_state, table_of
from order_sync.rules.states import BATCH_ENDED, BatchState, RowState, advance_batch

_MILESTONE = {
    BatchState.STAGING_LOADED: "staging_load_completed",
    BatchState.ITEMS_CREATED: "items_creation_completed",
    BatchState.SUBITEMS_CREATED: "subitems_creation_completed",
    BatchState.PROMOTED: "promotion_completed",
}


def open_batch(conn: Connection, tables: Tables, run: RunRef, customer: str, kind: str) -> str:
    """Start a batch; returns its id."""
    batch_id = uuid.uuid4().hex
    zeros = dict.fromkeys(
        (
            "orders_total", "orders_processed", "orders_failed", "subitems_total",
            "subitems_processed", "subitems_failed", "api_calls_made", "api_failures",
            "retries_attempted",
        ),
        0,
    )  # fmt: skip
    conn.execute(
        tables.batches.insert().values(
            batch_id=batch_id, run_id=run.run_id, board_id=run.board_id, customer_name=customer,
            batch_type=kind, status=BatchState.STARTED, start_time=engine.now(conn), **zeros,
        )
    )  # fmt: skip
    return batch_id


def reach(conn: Connection, tables: Tables, batch_id: str, milestone: BatchState) -> None:
    """The batch has come to a milestone; one it is already past stays as it is."""
    b = tables.batches
    state = BatchState(
        conn.execute(select(b.c.status).where(b.c.batch_id == batch_id)).scalar_one()
    )
    order = list(BatchState)
    values: dict[str, Any] = count_batch(conn, tables, batch_id)
    if state not in BATCH_ENDED and order.index(milestone) > order.index(state):
        values["status"] = advance_batch(state, milestone)
        values[_MILESTONE[milestone]] = engine.now(conn)
    conn.execute(update(b).where(b.c.batch_id == batch_id).values(**values))


def count_batch(conn: Connection, tables: Tables, batch_id: str) -> dict[str, int]:
    """The batch's counters, counted from its rows and requests."""
    values: dict[str, int] = {}
    for unit, name in ((Unit.ITEM, "orders"), (Unit.SUBITEM, "subitems")):
        t = table_of(tables, unit)
        counts = counts_by_state(conn, tables, unit, t.c.stg_batch_id == batch_id)
        values[f"{name}_total"] = sum(counts.values())
        values[f"{name}_processed"] = counts.get(RowState.PROMOTED, 0) + counts.get(
            RowState.API_SUCCESS, 0
        )
        values[f"{name}_failed"] = counts.get(RowState.API_FAILED, 0)
    r = tables.requests
    calls, sends, bad = conn.execute(
        select(
            func.count(),
            func.coalesce(func.sum(r.c.send_no), 0),
            func.count(r.c.error_code),
        ).where(r.c.batch_id == batch_id)
    ).one()
    values["api_calls_made"] = sends
    values["retries_attempted"] = sends - calls
    values["api_failures"] = bad
    return values


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
    counts = count_batch(conn, tables, batch_id)
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
