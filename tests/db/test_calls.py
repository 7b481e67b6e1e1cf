"""Figures of requests: counted by the database, over the time of a run and by purpose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from order_sync.db import calls, runs
from order_sync.db.calls import CallsOfKind, Quotas, Stretch
from order_sync.db.runs import ReadCall

from .helpers import BOARD, start

FIRST = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


@pytest.fixture
def sent(conn, tables, run):
    """Record a write at a moment, and a read at the next."""

    def sent(after_s, rows=1, sends=1, of=None, **answer):
        of = of or run
        request = runs.open_request(
            conn, tables, of, kind="create_items", aliases=rows, idempotency_key=f"k{after_s}",
            body=b"{}", batch_id=None, carries_rows=True,
        )  # fmt: skip
        at = FIRST + timedelta(seconds=after_s)
        conn.execute(
            update(tables.requests)
            .where(tables.requests.c.request_id == request.request_id)
            .values(last_sent_at=at, send_no=sends, **answer)
        )
        runs.record_reads(
            conn, tables, of, [ReadCall("find_items", at, 200, 500.0, 10, "m", None)]
        )  # fmt: skip

    return sent


def test_requests_are_counted_by_their_purpose(conn, tables, run, sent):
    sent(0, rows=15, cost=30, duration_ms=250.0)
    sent(1, rows=5, sends=3, cost=None, duration_ms=None, error_code="lost")
    assert calls.by_kind(conn, tables, run.run_id) == [
        CallsOfKind("create items", 2, 20, 2, 1, 30, 0.25),
        CallsOfKind("find items", 2, 0, 0, 0, 20, 1.0),
    ]
    assert calls.by_kind(conn, tables, "another") == []


def test_requests_are_counted_over_time(conn, tables, run, sent):
    for after_s in (0, 0.999, 4.999, 5, 59.5, 60):
        sent(after_s, rows=2, cost=7)
    assert calls.over_time(conn, tables, FIRST, 5, run_id=run.run_id) == {
        0: Stretch(writing=3, reading=3, rows=6, points=51),
        1: Stretch(writing=1, reading=1, rows=2, points=17),
        11: Stretch(writing=1, reading=1, rows=2, points=17),
        12: Stretch(writing=1, reading=1, rows=2, points=17),
    }
    later = calls.over_time(conn, tables, FIRST + timedelta(seconds=59), 60, board_id=BOARD)
    assert later == {0: Stretch(writing=2, reading=2, rows=4, points=34)}
    assert calls.over_time(conn, tables, FIRST, 60, board_id="another") == {}


def test_a_run_spans_its_requests(conn, tables, run, sent):
    assert calls.span(conn, tables, run.run_id) is None
    sent(3.25)
    sent(70)
    first, last = calls.span(conn, tables, run.run_id)
    assert (first - FIRST, last - FIRST) == (timedelta(seconds=3.25), timedelta(seconds=70))


def test_the_limits_of_a_minute_are_those_the_latest_run_heard_of(conn, tables, shipped, run):
    assert calls.quotas(conn, tables, BOARD) == Quotas()
    table = tables.runs
    conn.execute(update(table).values(points_per_minute=1_000_000, calls_per_minute=None))
    start(conn, tables, shipped)
    assert calls.quotas(conn, tables, BOARD) == Quotas(1_000_000, None)


def test_without_tables_there_are_no_figures(database, tables):
    with database.begin() as conn:
        assert calls.by_kind(conn, tables, "r") == []
        assert calls.span(conn, tables, "r") is None
        assert calls.over_time(conn, tables, FIRST, 60) == {}
        assert calls.of_day(conn, tables, None).calls == 0
        assert calls.quotas(conn, tables, BOARD) == Quotas()
