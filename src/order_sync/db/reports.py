"""Read-only figures for people: what the board holds, what is in hand, what was refused.

Every function takes tables that do not exist as empty ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, func, or_, select, true

from order_sync.db import engine
from order_sync.db.conditions import is_or_belongs_to
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit, chunks
from order_sync.rules.resolutions import GroupBy, what_to_do
from order_sync.rules.states import IN_DOUBT, RowState, RunState


@dataclass(frozen=True)
class RunSummary:
    """One run, as MON_SyncRuns has it."""

    run_id: str
    command: str
    filters: str  # JSON
    board_id: str
    board_name: str | None
    host: str  # the computer it ran on
    status: str
    started_at: datetime
    ended_at: datetime | None
    orders_created: int | None
    orders_updated: int | None  # written, moved or cancelled
    orders_archived: int | None
    subitems_created: int | None
    subitems_updated: int | None
    rows_refused: int | None
    rows_in_doubt: int | None
    api_calls: int | None
    exit_code: int | None
    error_message: str | None


@dataclass(frozen=True)
class RunFilter:
    """Which runs are asked for; what is None says nothing."""

    command: str | None = None
    status: RunState | None = None
    exit_code: int | None = None
    failed: bool = False  # True: only those that ended otherwise than with 0, or were killed
    since: datetime | None = None  # begun then or later


EVERY_RUN = RunFilter()


@dataclass(frozen=True)
class OnBoard:
    """What a board is known to hold of one customer."""

    board_id: str
    customer: str
    orders: int
    size_lines: int


@dataclass(frozen=True)
class StagedCount:
    """Rows in hand of one unit in one state."""

    unit: Unit
    state: str
    rows: int


@dataclass(frozen=True)
class OpenErrors:
    """Open refusals with one code."""

    unit: Unit
    code: str
    error_class: str
    rows: int
    customers: int


@dataclass(frozen=True)
class BatchSummary:
    """One batch, as MON_BatchProcessing has it."""

    batch_id: str
    run_id: str
    board_id: str
    customer_name: str
    status: str
    start_time: datetime
    staging_load_completed: datetime | None
    items_creation_completed: datetime | None
    subitems_creation_completed: datetime | None
    promotion_completed: datetime | None
    end_time: datetime | None
    orders_total: int
    orders_processed: int
    orders_failed: int
    subitems_total: int
    subitems_processed: int
    subitems_failed: int
    api_calls_made: int
    retries_attempted: int
    error_summary: str | None


@dataclass(frozen=True)
class ErrorSummary:
    """One refused row, as it stands in ERR_*."""

    unit: Unit
    board_id: str
    order_key: str
    size_key: str  # "" for an order line
    customer: str
    order_number: str
    code: str
    error_class: str
    message: str
    field: str
    value: str
    created_at: datetime
    retry_count: int
    next_try_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None
    resolution_note: str | None
    from_monday: bool  # monday.com's verdict, not ours before sending


@dataclass(frozen=True)
class ErrorGroup:
    """Refused rows that have something in common."""

    name: str
    rows: int
    open_rows: int
    newest: datetime
    example: str  # order key of the newest row
    code: str  # the most frequent one among them
    to_do: str  # about that code


@dataclass(frozen=True)
class ErrorDetail:
    """Everything that is known of one refused row."""

    summary: ErrorSummary
    item_name: str | None
    group_name: str | None
    http_status: int | None
    run_id: str
    batch_id: str | None
    request_id: str | None
    payload: str | None  # JSON: what the board was asked for
    original: str | None  # JSON: the source row as read


def exists(conn: Connection, table: Table) -> bool:
    return bool(engine.columns_of(conn, table.name))


def _of_board(table: Table, board_id: str | None) -> ColumnElement[bool]:
    return true() if board_id is None else table.c.board_id == board_id


def latest_of(conn: Connection, table: Table, board_id: str | None) -> ColumnElement[bool]:
    """Whether a row is of the board, for a query that walks along time and stops at a limit."""
    if board_id is None:
        return true()
    return engine.only_tested(conn, table.c.board_id) == board_id


def last_runs(
    conn: Connection, tables: Tables, *, board_id: str | None = None, limit: int = 5,
    wanted: RunFilter = EVERY_RUN,
) -> list[RunSummary]:  # fmt: skip
    """The latest runs of a board (None: of all), newest first."""
    r = tables.runs
    if not exists(conn, r):
        return []
    columns = [r.c[name] for name in RunSummary.__dataclass_fields__]
    query = (
        select(*columns)
        .where(latest_of(conn, r, board_id), *_conditions(r, wanted))
        .order_by(r.c.started_at.desc(), r.c.fence.desc())
        .limit(limit)
    )
    return [RunSummary(**row._mapping) for row in conn.execute(query)]


def _conditions(r: Table, wanted: RunFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.command is not None:
        yield r.c.command == wanted.command
    if wanted.status is not None:
        yield r.c.status == wanted.status
    if wanted.exit_code is not None:
        yield r.c.exit_code == wanted.exit_code
    if wanted.failed:
        # A run at work has no exit code yet; one that was killed never gets one.
        yield or_(r.c.exit_code != 0, r.c.status == RunState.DIED)
    if wanted.since is not None:
        yield r.c.started_at >= wanted.since


def last_calls(conn: Connection, tables: Tables, run_ids: Iterable[str]) -> dict[str, datetime]:
    """When each of these runs last sent a request; those that never did are left out."""
    r = tables.requests
    if not exists(conn, r):
        return {}
    found = {}
    for run_id in run_ids:
        query = select(func.max(r.c.last_sent_at)).where(r.c.run_id == run_id)
        if (at := conn.execute(query).scalar()) is not None:
            found[run_id] = at
    return found


def on_board(conn: Connection, tables: Tables, *, board_id: str | None = None) -> list[OnBoard]:
    """Orders and size lines in MON_*, per customer."""
    p, s = tables.production, tables.production_subitems
    if not (exists(conn, p) and exists(conn, s)):
        return []
    # Size lines are counted by their key alone: to look each one's order up takes twice as long.
    lines = (
        select(s.c.board_id, s.c.order_key, func.count().label("rows"))
        .where(_of_board(s, board_id))
        .group_by(s.c.board_id, s.c.order_key)
        .subquery()
    )
    rows = conn.execute(
        select(p.c.board_id, p.c.customer_name, func.count(), func.sum(lines.c.rows))
        .outerjoin(
            lines, and_(lines.c.board_id == p.c.board_id, lines.c.order_key == p.c.order_key)
        )
        .where(_of_board(p, board_id))
        .group_by(p.c.board_id, p.c.customer_name)
        .order_by(p.c.board_id, p.c.customer_name)
    )
    return [OnBoard(b, c, orders, int(counted or 0)) for b, c, orders, counted in rows]


def staged(conn: Connection, tables: Tables, *, board_id: str | None = None) -> list[StagedCount]:
    """Rows of both staging tables by state, in the order a row goes through them."""
    found: list[StagedCount] = []
    for unit, t in ((Unit.ITEM, tables.staging), (Unit.SUBITEM, tables.staging_subitems)):
        if not exists(conn, t):
            continue
        rows = conn.execute(
            select(t.c.stg_status, func.count())
            .where(_of_board(t, board_id))
            .group_by(t.c.stg_status)
        )
        counts = {state: count for state, count in rows}  # noqa: C416 - rows are no pairs to mypy
        found += [StagedCount(unit, s, counts[s]) for s in RowState if s in counts]
    return found


def in_doubt(counts: Sequence[StagedCount]) -> int:
    """Staged rows of which nobody knows whether the board has them."""
    return sum(count.rows for count in counts if count.state in IN_DOUBT)


def open_errors(
    conn: Connection, tables: Tables, *, board_id: str | None = None
) -> list[OpenErrors]:
    """Open ERR rows by code, most frequent first."""
    found: list[OpenErrors] = []
    for unit, e in _error_tables(conn, tables):
        query = (
            select(
                e.c.error_type, e.c.error_class, func.count(),
                func.count(e.c.customer_batch.distinct()),
            )
            .where(_of_board(e, board_id), e.c.resolved_date.is_(None))
            .group_by(e.c.error_type, e.c.error_class)
        )  # fmt: skip
        found += [OpenErrors(unit, *row) for row in conn.execute(query)]
    return sorted(found, key=lambda e: (-e.rows, e.code))


def batches(
    conn: Connection, tables: Tables, *, board_id: str | None = None, limit: int = 20
) -> list[BatchSummary]:
    """The latest batches, newest first."""
    b = tables.batches
    if not exists(conn, b):
        return []
    columns = [b.c[name] for name in BatchSummary.__dataclass_fields__]
    query = (
        select(*columns)
        .where(latest_of(conn, b, board_id))
        .order_by(b.c.start_time.desc(), b.c.customer_name)
        .limit(limit)
    )
    return [BatchSummary(**row._mapping) for row in conn.execute(query)]


def errors(
    conn: Connection,
    tables: Tables,
    *,
    board_id: str | None = None,
    code: str | None = None,
    resolved_too: bool = False,
) -> list[ErrorSummary]:
    """Refused rows, order lines before size lines, oldest first."""
    found: list[ErrorSummary] = []
    for unit, e in _error_tables(conn, tables):
        # Payloads and source rows are long, and nobody reads them in a list.
        columns = [c for c in e.columns if c.name not in ("api_payload", "original_data")]
        query = (
            select(*columns).where(_of_board(e, board_id)).order_by(e.c.created_date, e.c.err_id)
        )
        if code is not None:
            query = query.where(e.c.error_type == code)
        if not resolved_too:
            query = query.where(e.c.resolved_date.is_(None))
        found += [_summary(unit, row) for row in conn.execute(query)]
    return found


def group_errors(errors: Sequence[ErrorSummary], by: GroupBy) -> list[ErrorGroup]:
    """Count refused rows by what they have in common, the largest group first."""
    names = {
        GroupBy.CODE: lambda e: e.code,
        GroupBy.CUSTOMER: lambda e: e.customer,
        GroupBy.COLUMN: lambda e: e.field,
    }
    groups: dict[str, list[ErrorSummary]] = {}
    for error in errors:
        groups.setdefault(names[by](error), []).append(error)
    found = [_group(name, members) for name, members in groups.items()]
    return sorted(found, key=lambda group: (-group.rows, group.name))


def _group(name: str, members: Sequence[ErrorSummary]) -> ErrorGroup:
    newest = max(members, key=lambda error: error.created_at)
    code, _ = Counter(error.code for error in members).most_common(1)[0]
    return ErrorGroup(
        name=name,
        rows=len(members),
        open_rows=sum(error.resolved_at is None for error in members),
        newest=newest.created_at,
        example=newest.order_key,
        code=code,
        to_do=what_to_do(code),
    )


def errors_of_order(
    conn: Connection, tables: Tables, key: str, *, board_id: str | None = None
) -> list[ErrorDetail]:
    """Every refusal, open or closed, of an order key or of an order number alone.

    Args:
        key: in the form `rules.values.parse_key` gives it.
    """
    found: list[ErrorDetail] = []
    for unit, e in _error_tables(conn, tables):
        query = (
            select(e)
            .where(_of_board(e, board_id), is_or_belongs_to(e.c.order_key, key))
            .order_by(e.c.created_date, e.c.err_id)
        )
        found += [
            ErrorDetail(
                summary=_summary(unit, row),
                item_name=row.item_name,
                group_name=row.group_name,
                http_status=row.http_status_code,
                run_id=row.run_id,
                batch_id=row.batch_id,
                request_id=row.request_id,
                payload=row.api_payload,
                original=row.original_data,
            )
            for row in conn.execute(query)
        ]
    return found


def item_ids(
    conn: Connection, tables: Tables, refused: Iterable[ErrorSummary]
) -> dict[tuple[str, str], str]:
    """(board, order key) -> item id, of refused rows whose order the board is known to have."""
    p = tables.production
    if not exists(conn, p):
        return {}
    found: dict[tuple[str, str], str] = {}
    keys: dict[str, set[str]] = {}
    for error in refused:
        keys.setdefault(error.board_id, set()).add(error.order_key)
    for board_id, some in keys.items():
        for chunk in chunks(sorted(some)):
            rows = conn.execute(
                select(p.c.order_key, p.c["Item ID"]).where(
                    p.c.board_id == board_id, p.c.order_key.in_(chunk)
                )
            )
            found |= {(board_id, key): item_id for key, item_id in rows}
    return found


def _error_tables(conn: Connection, tables: Tables) -> list[tuple[Unit, Table]]:
    both = ((Unit.ITEM, tables.errors), (Unit.SUBITEM, tables.errors_subitems))
    return [(unit, table) for unit, table in both if exists(conn, table)]


def _summary(unit: Unit, row: Row[Any]) -> ErrorSummary:
    return ErrorSummary(
        unit=unit,
        board_id=row.board_id,
        order_key=row.order_key,
        size_key="" if unit is Unit.ITEM else row.size_key,
        customer=row.customer_batch,
        order_number=row.order_number,
        code=row.error_type,
        error_class=row.error_class,
        message=row.error_message,
        field=row.field,
        value=row.value,
        created_at=row.created_date,
        retry_count=row.retry_count,
        next_try_at=row.next_try_at,
        resolved_at=row.resolved_date,
        resolved_by=row.resolved_by,
        resolution=row.resolution,
        resolution_note=row.resolution_note,
        from_monday=row.request_id is not None,
    )
