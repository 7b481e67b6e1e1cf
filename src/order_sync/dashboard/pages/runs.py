"""The list of runs, and one run: what it was asked, what it planned, what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from order_sync.dashboard.charts import bars
from order_sync.dashboard.rendering import picture
from order_sync.dashboard.site import Site
from order_sync.db import engine, monitoring, reports
from order_sync.db.monitoring import Call
from order_sync.db.reports import BatchSummary
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit
from order_sync.errors import EXIT_MEANINGS
from order_sync.rules.states import IN_DOUBT, RowState

LISTED = 100  # runs on one page
SPOTS = 60  # bars of a time line

_BANDS = {
    RowState.PROMOTED: "done",
    RowState.API_SUCCESS: "done",
    RowState.API_FAILED: "refused",
    RowState.PENDING: "waiting",
    **dict.fromkeys(IN_DOUBT, "in doubt"),
}


@dataclass(frozen=True)
class CustomerRows:
    """What became of a customer's staged rows."""

    customer: str
    order_lines: Counter[str]  # by band
    size_lines: Counter[str]


@dataclass(frozen=True)
class CallsOfKind:
    kind: str
    calls: int
    rows: int
    repeats: int
    refused: int  # answered with an error as a whole
    points: int
    seconds: float


@dataclass(frozen=True)
class RunPage:
    """Everything the page shows of one run."""

    now: datetime
    row: dict[str, Any]  # of MON_SyncRuns
    customers: list[CustomerRows]
    bands: Counter[str]
    batches: list[BatchSummary]
    kinds: list[CallsOfKind]

    @property
    def seconds(self) -> float:
        return float(((self.row["ended_at"] or self.now) - self.row["started_at"]).total_seconds())


def runs(site: Site, request: Request) -> Response:
    def look(conn: Connection, tables: Tables, board_id: str | None) -> Any:
        return reports.last_runs(conn, tables, board_id=board_id, limit=LISTED)

    return site.renderer.page(
        request, "runs.html", runs=site.reader.read(look), meanings=EXIT_MEANINGS, most=LISTED
    )


def run(site: Site, request: Request) -> Response:
    run_id = request.path_params["run_id"]

    def look(conn: Connection, tables: Tables, _board_id: str | None) -> RunPage | None:
        row = monitoring.run(conn, tables, run_id)
        if row is None:
            return None
        staged = monitoring.rows_of_run(conn, tables, run_id)
        calls = monitoring.calls(conn, tables, run_id=run_id)
        return RunPage(
            now=engine.now(conn), row=row, customers=_by_customer(staged), bands=_bands(staged),
            batches=monitoring.batches_of_run(conn, tables, run_id), kinds=_by_kind(calls),
        )  # fmt: skip

    shown = site.reader.read(look)
    if shown is None:
        return site.renderer.problem(
            request, 404, "No such run", "There is no run with this id.", "see the list of runs"
        )
    return site.renderer.page(request, "run.html", shown=shown, meanings=EXIT_MEANINGS)


def timeline(site: Site, request: Request) -> Response:
    """The chart of a run: rows sent over its time, and what was refused or repeated."""
    run_id = request.path_params["run_id"]
    calls = site.reader.read(lambda conn, t, _b: monitoring.calls(conn, t, run_id=run_id))
    labels, series = spread(calls)
    return picture(bars(labels, series, dark="dark" in request.query_params))


def spread(calls: Sequence[Call]) -> tuple[list[str], dict[str, list[float]]]:
    """Rows written and refused requests in SPOTS parts of the time between first and last call."""
    if not calls:
        return [], {"rows sent": []}
    first, last = calls[0].sent_at, calls[-1].sent_at
    step = max((last - first) / SPOTS, timedelta(seconds=1))
    count = int((last - first) / step) + 1
    sent, refused = [0.0] * count, [0.0] * count
    for call in calls:
        spot = int((call.sent_at - first) / step)
        sent[spot] += call.aliases if call.writes else 0
        refused[spot] += call.error_code is not None
    labels = [(first + step * n).strftime("%H:%M:%S") for n in range(count)]
    return labels, {"rows sent": sent, "refused or lost requests": refused}


def _by_customer(staged: Sequence[tuple[Unit, str, str, str, int]]) -> list[CustomerRows]:
    found: dict[str, CustomerRows] = {}
    for unit, customer, _operation, state, rows in staged:
        of = found.setdefault(customer, CustomerRows(customer, Counter(), Counter()))
        counts = of.order_lines if unit is Unit.ITEM else of.size_lines
        counts[_BANDS[RowState(state)]] += rows
    return sorted(found.values(), key=lambda one: one.customer)


def _bands(staged: Sequence[tuple[Unit, str, str, str, int]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for _unit, _customer, _operation, state, rows in staged:
        counts[_BANDS[RowState(state)]] += rows
    return counts


def _by_kind(calls: Sequence[Call]) -> list[CallsOfKind]:
    kinds: dict[str, list[Call]] = {}
    for call in calls:
        kinds.setdefault(call.kind, []).append(call)
    return [
        CallsOfKind(
            kind=kind.replace("_", " "),
            calls=len(of),
            rows=sum(call.aliases for call in of if call.writes),
            repeats=sum(call.sends - 1 for call in of),
            refused=sum(call.error_code is not None for call in of),
            points=sum(call.cost or 0 for call in of),
            seconds=sum(call.duration_ms or 0 for call in of) / 1000,
        )
        for kind, of in sorted(kinds.items())
    ]
