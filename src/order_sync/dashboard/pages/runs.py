"""The list of runs, and one run: what it was asked, what it planned, what became of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from order_sync.dashboard.charts import bars
from order_sync.dashboard.rendering import picture
from order_sync.dashboard.site import Site
from order_sync.db import calls, reports
from order_sync.db.calls import Stretch
from order_sync.db.schema import Tables
from order_sync.errors import EXIT_MEANINGS
from order_sync.rules.resolutions import what_to_do
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
    return site.renderer.page(
        request, "run.html", shown=shown, meanings=EXIT_MEANINGS, what_to_do=what_to_do
    )


def timeline(site: Site, request: Request) -> Response:
    """A chart of a run over its time: rows sent and requests refused, or what they cost."""
    run_id = request.path_params["run_id"]
    labels, sent = site.reader.read(lambda conn, t, _b: spread(conn, t, run_id))
    if "cost" in request.query_params:
        series = {"points of complexity": [one.points for one in sent]}
    else:
        series = {
            "rows sent": [one.rows for one in sent],
            "refused or lost requests": [one.refused for one in sent],
        }
    return picture(bars(labels, series, dark="dark" in request.query_params))


def spread(conn: Connection, tables: Tables, run_id: str) -> tuple[list[str], list[Stretch]]:
    """When each of about SPOTS parts of the run's time began, and what was sent in it."""
    span = calls.span(conn, tables, run_id)
    if span is None:
        return [], []
    first, last = (moment.replace(microsecond=0) for moment in span)
    seconds = int((last - first).total_seconds())
    step_s = seconds // SPOTS + 1
    sent = calls.over_time(conn, tables, first, step_s, run_id=run_id)
    spots = range(seconds // step_s + 1)
    labels = [(first + timedelta(seconds=step_s * n)).strftime("%H:%M:%S") for n in spots]
    return labels, [sent.get(n, Stretch()) for n in spots]
