"""The overview: what is at work, what waits for a person, how fresh the board is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from functools import reduce

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from order_sync.dashboard.charts import bars
from order_sync.dashboard.rendering import picture
from order_sync.dashboard.site import Site
from order_sync.db import calls, engine, figures, monitoring, reports
from order_sync.db.calls import CallsOfDay, Quotas, Stretch
from order_sync.db.monitoring import ActiveBatch, Doubts
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
    minute: Stretch  # the last 60 seconds
    quotas: Quotas  # of a minute; nothing in them where several boards are shown
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
    now = engine.now(conn)
    a_minute_ago = now.replace(microsecond=0) - timedelta(seconds=60)
    lately = calls.over_time(conn, tables, a_minute_ago, 60, board_id=board_id)
    return Overview(
        now=now,
        batches=monitoring.active_batches(conn, tables, board_id),
        runs=reports.last_runs(conn, tables, board_id=board_id, limit=RUNS),
        last_equal=monitoring.last_equal(conn, tables, board_id),
        doubts=monitoring.doubts(conn, tables, board_id),
        errors=reports.open_errors(conn, tables, board_id=board_id),
        day=calls.of_day(conn, tables, board_id),
        minute=together(lately.values()),
        quotas=calls.quotas(conn, tables, board_id) if board_id else Quotas(),
        calls_per_day=figures.calls_per_day(conn, tables, board_id) if board_id else None,
        orders=orders,
        size_lines=size_lines,
    )


def overview(site: Site, request: Request) -> Response:
    shown, (spots, sent) = site.reader.read(
        lambda conn, tables, board_id: (
            look(conn, tables, board_id),
            last_hour(conn, tables, board_id),
        )
    )
    return site.renderer.page(
        request, "overview.html", shown=shown, minutes=MINUTES, meanings=EXIT_MEANINGS,
        calls=by_part(spots, sent),
    )  # fmt: skip


def by_part(spots: list[datetime], sent: list[Stretch]) -> list[tuple[datetime, Stretch]]:
    """(begin, what was sent) of each PART minutes."""
    return [(at, together(sent[n : n + PART])) for n, at in list(enumerate(spots))[::PART]]


def together(sent: Iterable[Stretch]) -> Stretch:
    return reduce(
        lambda one, other: Stretch(*map(sum, zip(astuple(one), astuple(other), strict=True))),
        sent,
        Stretch(),
    )


def throughput(site: Site, request: Request) -> Response:
    """A chart of the overview: calls, or rows written, per minute of the last hour."""
    spots, sent = site.reader.read(last_hour)
    labels = [at.strftime("%H:%M") for at in spots]
    if "rows" in request.query_params:
        series = {"rows written": [one.rows for one in sent]}
    else:
        series = {
            "writing": [one.writing for one in sent], "reading": [one.reading for one in sent],
        }  # fmt: skip
    return picture(bars(labels, series, dark="dark" in request.query_params))


def last_hour(
    conn: Connection, tables: Tables, board_id: str | None
) -> tuple[list[datetime], list[Stretch]]:
    """The minutes of the chart, and what was sent in each."""
    this_minute = engine.now(conn).replace(second=0, microsecond=0)
    first = this_minute - timedelta(minutes=MINUTES - 1)
    sent = calls.over_time(conn, tables, first, 60, board_id=board_id)
    spots = [first + timedelta(minutes=n) for n in range(MINUTES)]
    return spots, [sent.get(n, Stretch()) for n in range(MINUTES)]
