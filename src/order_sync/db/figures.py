"""The figures of one board and profile, for monitoring: read only, indexed, bounded.

Tables that do not exist count as empty ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Table, cast, func, select

from order_sync.db import engine, reports
from order_sync.db.reports import OpenErrors, StagedCount
from order_sync.db.schema import Tables
from order_sync.errors import ExitCode
from order_sync.rules.states import BATCH_ENDED, IN_DOUBT

GOOD = (int(ExitCode.DONE), int(ExitCode.ROWS_LEFT))  # the run came to its end
PUBLISHES = "sync"  # the command whose good runs keep the board fresh
COMMANDS = ("adopt", "retry", "sync")  # those that are on record in MON_SyncRuns


@dataclass(frozen=True)
class LastRun:
    """The latest run of one command that has ended; counts are None where it never came to them."""

    run_id: str
    command: str
    started_at: datetime
    ended_at: datetime
    exit_code: int | None  # None: the run died
    waits: int | None  # how often the account's limits held it back
    retries: int  # requests sent again
    outcomes: dict[str, int | None]  # OUTCOMES -> order lines, size lines or rows

    @property
    def seconds(self) -> float:
        return (self.ended_at - self.started_at).total_seconds()


# Name of an outcome -> column of MON_SyncRuns.
OUTCOMES = {
    "orders_created": "orders_created",
    "orders_updated": "orders_updated",
    "orders_archived": "orders_archived",
    "orders_unchanged": "orders_unchanged",
    "size_lines_created": "subitems_created",
    "size_lines_updated": "subitems_updated",
    "refused": "rows_refused",
    "in_doubt": "rows_in_doubt",
}


@dataclass(frozen=True)
class Today:
    """Requests since midnight UTC."""

    calls: int  # repeats included
    repeats: int
    complexity: int  # points, of the requests for which monday.com named them


@dataclass(frozen=True)
class Figures:
    """Everything that is counted of one board."""

    at: datetime  # the database's clock
    last_runs: tuple[LastRun, ...]  # one for each command
    first_run_at: datetime | None
    last_good_at: datetime | None  # end of the last good run of `sync`
    errors: tuple[OpenErrors, ...]
    staged: tuple[StagedCount, ...]
    oldest_doubt_at: datetime | None
    active_batches: int
    today: Today
    calls_per_day: int | None  # None: monday.com never told
    orders: int
    size_lines: int

    @property
    def open_refusals(self) -> int:
        return sum(error.rows for error in self.errors)

    @property
    def in_doubt(self) -> int:
        return reports.in_doubt(self.staged)


def read_figures(conn: Connection, tables: Tables, board_id: str, profile: str) -> Figures:
    """All figures, in one transaction."""
    first, good = _good_runs(conn, tables, board_id, profile)
    return Figures(
        at=engine.now(conn),
        last_runs=_last_runs(conn, tables, board_id, profile),
        first_run_at=first,
        last_good_at=good,
        errors=tuple(reports.open_errors(conn, tables, board_id=board_id)),
        staged=tuple(reports.staged(conn, tables, board_id=board_id)),
        oldest_doubt_at=_oldest_doubt(conn, tables, board_id),
        active_batches=_active_batches(conn, tables, board_id),
        today=_today(conn, tables, board_id),
        calls_per_day=calls_per_day(conn, tables, board_id),
        orders=_count(conn, tables.production, board_id),
        size_lines=_count(conn, tables.production_subitems, board_id),
    )


def _of(
    conn: Connection, tables: Tables, board_id: str, profile: str
) -> tuple[ColumnElement[bool], ...]:
    r = tables.runs
    return reports.latest_of(conn, r, board_id), r.c.profile == profile


def _last_runs(
    conn: Connection, tables: Tables, board_id: str, profile: str
) -> tuple[LastRun, ...]:
    r = tables.runs
    if not reports.exists(conn, r):
        return ()
    mine = select(r).where(*_of(conn, tables, board_id, profile), r.c.ended_at.is_not(None))
    latest = mine.order_by(r.c.started_at.desc(), r.c.fence.desc()).limit(1)
    rows = [conn.execute(latest.where(r.c.command == command)).first() for command in COMMANDS]
    return tuple(_last_run(row, _retries(conn, tables, row.run_id)) for row in rows if row)


def _last_run(row: Row[Any], retries: int) -> LastRun:
    counts = row._mapping
    return LastRun(
        run_id=row.run_id,
        command=row.command,
        started_at=row.started_at,
        ended_at=row.ended_at,
        exit_code=row.exit_code,
        waits=row.waits,
        retries=retries,
        outcomes={name: counts[column] for name, column in OUTCOMES.items()},
    )


def _good_runs(
    conn: Connection, tables: Tables, board_id: str, profile: str
) -> tuple[datetime | None, datetime | None]:
    """(start of the first run, end of the last good one) of the command that publishes."""
    r = tables.runs
    if not reports.exists(conn, r):
        return None, None
    mine = select(r).where(*_of(conn, tables, board_id, profile), r.c.command == PUBLISHES)
    first = conn.execute(mine.order_by(r.c.started_at).limit(1)).first()
    good = conn.execute(
        mine.where(r.c.exit_code.in_(GOOD)).order_by(r.c.started_at.desc()).limit(1)
    ).first()
    return (first.started_at if first else None), (good.ended_at if good else None)


def _retries(conn: Connection, tables: Tables, run_id: str) -> int:
    r = tables.requests
    if not reports.exists(conn, r):
        return 0
    repeated = select(func.coalesce(func.sum(r.c.send_no - 1), 0)).where(r.c.run_id == run_id)
    return int(conn.execute(repeated).scalar_one())


def _oldest_doubt(conn: Connection, tables: Tables, board_id: str) -> datetime | None:
    """When the request was sent first that the oldest row in doubt went with."""
    r = tables.requests
    found = []
    for t in (tables.staging, tables.staging_subitems):
        if reports.exists(conn, t):
            oldest = (
                select(r.c.first_sent_at)
                .join(t, t.c.stg_request_id == r.c.request_id)
                .where(t.c.board_id == board_id, t.c.stg_status.in_(IN_DOUBT))
                .order_by(r.c.first_sent_at)
                .limit(1)
            )
            found.append(conn.execute(oldest).scalar())
    return min((at for at in found if at is not None), default=None)


def _active_batches(conn: Connection, tables: Tables, board_id: str) -> int:
    b = tables.batches
    if not reports.exists(conn, b):
        return 0
    ended = [state.value for state in BATCH_ENDED]
    return conn.execute(
        select(func.count()).where(b.c.board_id == board_id, b.c.status.not_in(ended))
    ).scalar_one()


def _today(conn: Connection, tables: Tables, board_id: str) -> Today:
    r = tables.requests
    if not reports.exists(conn, r):
        return Today(0, 0, 0)
    midnight = engine.now(conn).replace(hour=0, minute=0, second=0, microsecond=0)
    summed = (r.c.send_no, r.c.send_no - 1, r.c.cost)
    sums = [func.coalesce(func.sum(cast(column, BigInteger)), 0) for column in summed]
    row = conn.execute(
        select(*sums).where(r.c.board_id == board_id, r.c.last_sent_at >= midnight)
    ).one()
    return Today(*(int(figure) for figure in row))


def calls_per_day(conn: Connection, tables: Tables, board_id: str) -> int | None:
    """What monday.com said within the last days; an account that is changed says something else."""
    r = tables.runs
    if not reports.exists(conn, r):
        return None
    recent = engine.now(conn) - timedelta(days=30)
    told = (
        select(r.c.calls_per_day)
        .where(r.c.board_id == board_id, r.c.started_at >= recent, r.c.calls_per_day.is_not(None))
        .order_by(r.c.started_at.desc())
        .limit(1)
    )
    return conn.execute(told).scalar()


def _count(conn: Connection, table: Table, board_id: str) -> int:
    if not reports.exists(conn, table):
        return 0
    return conn.execute(
        select(func.count()).select_from(table).where(table.c.board_id == board_id)
    ).scalar_one()
