"""The list of runs, and one run: what it was asked, what it planned, what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from order_sync.dashboard.charts import bars
from order_sync.dashboard.rendering import picture
from order_sync.dashboard.site import Site
from order_sync.db import monitoring, reports
from order_sync.db.monitoring import Call
from order_sync.db.schema import Tables
from order_sync.errors import EXIT_MEANINGS
from order_sync.run_story import run_story

LISTED = 100  # runs on one page
SPOTS = 60  # bars of a time line


def runs(site: Site, request: Request) -> Response:
    def look(conn: Connection, tables: Tables, board_id: str | None) -> Any:
        return reports.last_runs(conn, tables, board_id=board_id, limit=LISTED)

    return site.renderer.page(
        request, "runs.html", runs=site.reader.read(look), meanings=EXIT_MEANINGS, most=LISTED
    )


def run(site: Site, request: Request) -> Response:
    run_id = request.path_params["run_id"]

    shown = site.reader.read(lambda conn, t, _b: run_story(conn, t, run_id))
    if shown is None:
        return site.renderer.problem(
            request, 404, "No such run", "There is no run with this id.", "see the list of runs"
        )
    return site.renderer.page(request, "run.html", shown=shown, meanings=EXIT_MEANINGS)


def timeline(site: Site, request: Request) -> Response:
    """A chart of a run over its time: rows sent and requests refused, or what they cost."""
    run_id = request.path_params["run_id"]
    calls = site.reader.read(lambda conn, t, _b: monitoring.calls(conn, t, run_id=run_id))
    labels, series = spread(calls)
    if "cost" in request.query_params:
        shown = {"points of complexity": series["points of complexity"]}
    else:
        shown = {name: values for name, values in series.items() if "points" not in name}
    return picture(bars(labels, shown, dark="dark" in request.query_params))


def spread(calls: Sequence[Call]) -> tuple[list[str], dict[str, list[float]]]:
    """What was sent, refused and spent in SPOTS parts of the time between first and last call."""
    if not calls:
        return [], {"rows sent": [], "refused or lost requests": [], "points of complexity": []}
    first, last = calls[0].sent_at, calls[-1].sent_at
    step = max((last - first) / SPOTS, timedelta(seconds=1))
    count = int((last - first) / step) + 1
    sent, refused, points = [0.0] * count, [0.0] * count, [0.0] * count
    for call in calls:
        spot = int((call.sent_at - first) / step)
        sent[spot] += call.aliases if call.writes else 0
        refused[spot] += call.error_code is not None
        points[spot] += call.cost or 0
    labels = [(first + step * n).strftime("%H:%M:%S") for n in range(count)]
    return labels, {
        "rows sent": sent, "refused or lost requests": refused, "points of complexity": points,
    }  # fmt: skip
