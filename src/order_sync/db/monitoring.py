"""Figures of the monitoring pages. Every query is bounded by an index or a limit.

Functions take tables that do not exist as empty ones, and a board id (None: all boards).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, column, func, select, table, text, true

from order_sync.db.reports import BatchSummary, RunSummary, exists, latest_of
from order_sync.db.schema import IS_WARNING, Tables
from order_sync.db.staging import Unit, table_of
from order_sync.db.upgrade import ACTIVE_BATCHES
from order_sync.rules.states import BATCH_ENDED, IN_DOUBT

MOST_BATCHES = 50  # on one page
_AFTER_ANY = "\U0010ffff"  # no id goes on with it, so it ends the range of a prefix
LATEST_RUNS = 500  # that are looked at for the last complete one


@dataclass(frozen=True)
class ActiveBatch:
    """A row of VW_MON_ActiveBatches."""

    batch_id: str
    run_id: str
    customer_name: str
    status: str
    is_active: bool
    start_time: datetime
    orders_total: int
    orders_processed: int
    orders_failed: int
    subitems_total: int
    subitems_processed: int
    subitems_failed: int
    progress_percentage: float
    age_seconds: int


@dataclass(frozen=True)
class Doubts:
    """Rows of which nobody knows whether the board has them."""

    rows: int
    oldest_sent_at: datetime | None


@dataclass(frozen=True)
class CodeCount:
    """Refusals or warnings with one code."""

    code: str
    rows: int
    open: int  # of the refusals; 0 for warnings


@dataclass(frozen=True)
class BatchItem:
    """An order line of a batch."""

    order_key: str
    operation: str
    state: str
    item_id: str | None  # None: the board is not known to have it


def of_board(t: Table, board_id: str | None) -> ColumnElement[bool]:
    return true() if board_id is None else t.c.board_id == board_id


def active_batches(conn: Connection, tables: Tables, board_id: str | None) -> list[ActiveBatch]:
    """Batches that have not ended, then those of the last 24 hours, newest first."""
    if not exists(conn, tables.batches):
        return []
    names = [name for name in ActiveBatch.__dataclass_fields__ if name != "is_active"]
    # A view has no types of its own: without that of the table, SQLite tells times as texts.
    types = {"start_time": tables.batches.c.start_time.type}
    view = table(
        ACTIVE_BATCHES, column("board_id"), *(column(name, types.get(name)) for name in names)
    )
    query = select(*(view.c[name] for name in names)).order_by(
        view.c.status.in_(BATCH_ENDED), view.c.start_time.desc()
    )
    if board_id is not None:
        query = query.where(view.c.board_id == board_id)
    return [
        ActiveBatch(
            **{**row._mapping, "progress_percentage": float(row.progress_percentage)},
            is_active=row.status not in BATCH_ENDED,
        )
        for row in conn.execute(query.limit(MOST_BATCHES))
    ]


def last_equal(conn: Connection, tables: Tables, board_id: str | None) -> RunSummary | None:
    """The latest run after which the board equalled the whole source."""
    r = tables.runs
    if not exists(conn, r):
        return None
    columns = [r.c[name] for name in RunSummary.__dataclass_fields__]
    query = (
        select(*columns)
        .where(latest_of(conn, r, board_id), r.c.exit_code == 0, r.c.command == "sync")
        .order_by(r.c.started_at.desc())
        .limit(LATEST_RUNS)
    )
    for row in conn.execute(query):
        if not any(value is not None for value in json.loads(row.filters).values()):
            return RunSummary(**row._mapping)
    return None


def held(conn: Connection, tables: Tables, board_id: str | None) -> tuple[int, int]:
    """(order lines, size lines) the board is known to hold."""
    counts = [
        conn.execute(select(func.count()).select_from(t).where(of_board(t, board_id))).scalar_one()
        if exists(conn, t)
        else 0
        for t in (tables.production, tables.production_subitems)
    ]
    return counts[0], counts[1]


def doubts(conn: Connection, tables: Tables, board_id: str | None) -> Doubts:
    """Rows in doubt, and since when the longest of them is."""
    rows, oldest = 0, []
    requests = tables.requests
    for unit in Unit:
        t = table_of(tables, unit)
        if not exists(conn, t):
            continue
        count, sent_at = conn.execute(
            select(func.count(), func.min(requests.c.last_sent_at))
            .select_from(t)
            .outerjoin(requests, requests.c.request_id == t.c.stg_request_id)
            .where(of_board(t, board_id), t.c.stg_status.in_(IN_DOUBT))
        ).one()
        rows += count
        oldest += [sent_at] if sent_at is not None else []
    return Doubts(rows, min(oldest, default=None))


def run(conn: Connection, tables: Tables, run_id: str) -> dict[str, Any] | None:
    """One run as MON_SyncRuns has it; None: there is none."""
    r = tables.runs
    if not exists(conn, r):
        return None
    row = conn.execute(select(r).where(r.c.run_id == run_id)).one_or_none()
    return None if row is None else {**row._mapping, "filters": json.loads(row.filters)}


def ids_beginning(conn: Connection, t: Table, name: str, prefix: str) -> list[str]:
    """At most two ids in the column `name` that begin so: one is enough to go on, two are not."""
    if not prefix or not exists(conn, t):
        return []
    query = select(t.c[name]).where(t.c[name] >= prefix, t.c[name] < prefix + _AFTER_ANY)
    return list(conn.execute(query.order_by(t.c[name]).limit(2)).scalars())


def batch(conn: Connection, tables: Tables, batch_id: str) -> BatchSummary:
    """One batch that is there."""
    b = tables.batches
    columns = [b.c[name] for name in BatchSummary.__dataclass_fields__]
    return BatchSummary(
        **conn.execute(select(*columns).where(b.c.batch_id == batch_id)).one()._mapping
    )


def profile_of(conn: Connection, tables: Tables, run_id: str) -> str:
    """The name of the profile that a run worked with: its rows are in the tables of that one."""
    r = tables.runs
    name: str = conn.execute(select(r.c.profile).where(r.c.run_id == run_id)).scalar_one()
    return name


def rows_of_batch(
    conn: Connection, tables: Tables, batch_id: str
) -> list[tuple[Unit, str, str, int]]:
    """(unit, operation, state, rows) of what a batch holds."""
    found: list[tuple[Unit, str, str, int]] = []
    for unit in Unit:
        t = table_of(tables, unit)
        if not exists(conn, t):
            continue
        grouped = (t.c.update_operation, t.c.stg_status)
        query = select(*grouped, func.count()).where(t.c.stg_batch_id == batch_id)
        found += [(unit, *row) for row in conn.execute(query.group_by(*grouped).order_by(*grouped))]
    return found


def items_of_batch(conn: Connection, tables: Tables, batch_id: str, limit: int) -> list[BatchItem]:
    """The first order lines that a batch holds, in the order they were staged."""
    t = tables.staging
    if not exists(conn, t):
        return []
    query = (
        select(t.c.order_key, t.c.update_operation, t.c.stg_status, t.c.stg_monday_item_id)
        .where(t.c.stg_batch_id == batch_id)
        .order_by(t.c.stg_id)
        .limit(limit)
    )
    return [BatchItem(*row) for row in conn.execute(query)]


def codes_of_run(
    conn: Connection, tables: Tables, run_id: str, batch_id: str | None = None
) -> tuple[list[CodeCount], list[CodeCount]]:
    """Refusals that the run was the last to see, and warnings about its orders, most rows first.

    Args:
        batch_id: only what belongs to this batch of the run.
    """
    return (
        _refusals(conn, tables, run_id, batch_id),
        _warnings(conn, tables, run_id, batch_id),
    )


def _refusals(
    conn: Connection, tables: Tables, run_id: str, batch_id: str | None
) -> list[CodeCount]:
    counts: Counter[str] = Counter()
    still: Counter[str] = Counter()
    for e in (tables.errors, tables.errors_subitems):
        if not exists(conn, e):
            continue
        of_batch = true() if batch_id is None else e.c.batch_id == batch_id
        query = (
            select(e.c.error_type, func.count(), func.count() - func.count(e.c.resolved_date))
            .where(e.c.run_id == run_id, of_batch)
            .group_by(e.c.error_type)
        )
        for code, rows, open_rows in conn.execute(query):
            counts[code] += rows
            still[code] += open_rows
    return _codes((code, rows, still[code]) for code, rows in counts.items())


def _warnings(
    conn: Connection, tables: Tables, run_id: str, batch_id: str | None
) -> list[CodeCount]:
    e = tables.events
    if not exists(conn, e):
        return []
    of_batch = true() if batch_id is None else e.c.batch_id == batch_id
    query = (
        select(e.c.event, func.count())
        .where(e.c.run_id == run_id, text(IS_WARNING), of_batch)
        .group_by(e.c.event)
    )
    return _codes((code, rows, 0) for code, rows in conn.execute(query))


def _codes(found: Iterable[tuple[str, int, int]]) -> list[CodeCount]:
    return sorted((CodeCount(*one) for one in found), key=lambda one: (-one.rows, one.code))


def rows_of_run(
    conn: Connection, tables: Tables, run_id: str
) -> list[tuple[Unit, str, str, str, int]]:
    """(unit, customer, operation, state, rows) of what a run staged."""
    found: list[tuple[Unit, str, str, str, int]] = []
    for unit in Unit:
        t = table_of(tables, unit)
        if not exists(conn, t):
            continue
        grouped = (t.c.stg_customer_batch, t.c.update_operation, t.c.stg_status)
        query = (
            select(*grouped, func.count())
            .join(tables.batches, tables.batches.c.batch_id == t.c.stg_batch_id)
            .where(tables.batches.c.run_id == run_id)
            .group_by(*grouped)
        )
        found += [(unit, *row) for row in conn.execute(query)]
    return found


def batches_of_run(conn: Connection, tables: Tables, run_id: str) -> list[BatchSummary]:
    """The batches of a run by customer."""
    b = tables.batches
    if not exists(conn, b):
        return []
    columns = [b.c[name] for name in BatchSummary.__dataclass_fields__]
    query = select(*columns).where(b.c.run_id == run_id).order_by(b.c.customer_name)
    return [BatchSummary(**row._mapping) for row in conn.execute(query)]
