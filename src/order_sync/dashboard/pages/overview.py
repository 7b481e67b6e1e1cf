"""The overview: what is at work, what waits for a person, how fresh the board is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from order_sync.dashboard.charts import bars
from order_sync.dashboard.rendering import picture
from order_sync.dashboard.site import Site
from order_sync.db import engine, figures, monitoring, reports
from order_sync.db.monitoring import ActiveBatch, CallsOfDay, Doubts
from order_sync.db.reports import OpenErrors, RunSummary
from order_sync.db.schema import Tables
from order_sync.errors import EXIT_MEANINGS

RUNS = 8  # on the overview
MINUTES = 60  # of the chart
PART = 10  # minutes in a row of the table that tells it


@dataclass(frozen=True)
class Overview:
    """Everything the page shows, of one moment."""

    now: datetime
    batches: list[ActiveBatch]
    runs: list[RunSummary]
    last_equal: RunSummary | None
    doubts: Doubts
    errors: list[OpenErrors]
    day: CallsOfDay
    calls_per_day: int | None  # of the account; None: monday.com never told, or several boards
    orders: int
    size_lines: int

    @property
    def active(self) -> list[ActiveBatch]:
        return [batch for batch in self.batches if batch.is_active]

    @property
    def refused(self) -> int:
        return sum(error.rows for error in self.errors)


def look(conn: Connection, tables: Tables, board_id: str | None) -> Overview:
    orders, size_lines = monitoring.held(conn, tables, board_id)
    return Overview(
        now=engine.now(conn),
        batches=monitoring.active_batches(conn, tables, board_id),
        runs=reports.last_runs(conn, tables, board_id=board_id, limit=RUNS),
        last_equal=monitoring.last_equal(conn, tables, board_id),
        doubts=monitoring.doubts(conn, tables, board_id),
        errors=reports.open_errors(conn, tables, board_id=board_id),
        day=monitoring.calls_of_day(conn, tables, board_id),
        calls_per_day=figures.calls_per_day(conn, tables, board_id) if board_id else None,
        orders=orders,
        size_lines=size_lines,
    )


def overview(site: Site, request: Request) -> Response:
    shown, (spots, series) = site.reader.read(
        lambda conn, tables, board_id: (
            look(conn, tables, board_id),
            _calls_by_minute(conn, tables, board_id),
        )
    )
    return site.renderer.page(
        request, "overview.html", shown=shown, minutes=MINUTES, meanings=EXIT_MEANINGS,
        calls=by_part(spots, series),
    )  # fmt: skip


def by_part(spots: list[datetime], series: dict[str, list[int]]) -> list[tuple[datetime, int, int]]:
    """(begin, calls that wrote, calls that read) of each PART minutes."""
    return [
        (at, sum(series["writing"][n : n + PART]), sum(series["reading"][n : n + PART]))
        for n, at in list(enumerate(spots))[::PART]
    ]


def throughput(site: Site, request: Request) -> Response:
    """The chart of the overview: calls a minute of the last hour."""
    spots, series = site.reader.read(_calls_by_minute)
    labels = [at.strftime("%H:%M") for at in spots]
    return picture(bars(labels, series, dark="dark" in request.query_params))


def _calls_by_minute(
    conn: Connection, tables: Tables, board_id: str | None
) -> tuple[list[datetime], dict[str, list[int]]]:
    """The minutes of the chart, and how many calls wrote and read in each."""
    now = engine.now(conn)
    since = now - timedelta(minutes=MINUTES)
    calls = monitoring.calls(conn, tables, board_id=board_id, since=since)
    writing = monitoring.per_minute([c for c in calls if c.writes], now, MINUTES)
    reading = monitoring.per_minute([c for c in calls if not c.writes], now, MINUTES)
    series = {"writing": [n for _, n in writing], "reading": [n for _, n in reading]}
    return [at for at, _ in writing], series
