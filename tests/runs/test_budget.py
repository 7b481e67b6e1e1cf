"""Limits of the account: waited for, left to others, and never met by our own fault."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from order_sync.db import engine
from order_sync.errors import ExitCode
from order_sync.sandbox.options import Plan

from .world import order

ROWS = [order(f"GRE-{number}") for number in range(12)]


def plan_of(**figures):
    """An account's plan: a standard one but for these figures."""
    standard = {
        "requests_per_minute": 1_000, "requests_in_flight": 40, "requests_per_day": 1_000,
        "personal_complexity_per_minute": 10_000_000,
    }  # fmt: skip
    return Plan(**(standard | figures))


@pytest.fixture
def on_account(make_world):
    """A world on an account with these figures; a minute takes a second, a write 10,000 points."""

    def make(*, time_scale=60.0, latency_ms=0.0, alias_latency_ms=0.0, **figures):
        return make_world(
            plan_limits=plan_of(**figures), costs="2024", time_scale=time_scale,
            latency_ms=latency_ms, alias_latency_ms=alias_latency_ms,
        )  # fmt: skip

    return make


def test_a_run_that_needs_several_minutes_of_points_is_never_refused(on_account):
    """24 rows cost 240,000 points; a minute has 100,000, and a document of 15 does not fit."""
    world = on_account(personal_complexity_per_minute=100_000)
    world.has_orders(*ROWS)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)
    assert world.sandbox.refusals == {}
    assert world.query("SELECT waits > 0, calls_per_day FROM MON_SyncRuns") == [(1, 1_000)]


def test_a_run_that_needs_several_minutes_of_requests_is_never_refused(on_account):
    world = on_account(requests_per_minute=10)
    world.extra["ORDER_SYNC_MONDAY__BATCH_SIZE"] = "1"
    world.has_orders(*ROWS)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)
    assert world.sandbox.refusals == {}


def test_more_requests_in_flight_than_the_account_allows_are_not_sent(on_account):
    world = on_account(requests_in_flight=2, latency_ms=20)
    world.extra |= {
        "ORDER_SYNC_MONDAY__BATCH_SIZE": "1", "ORDER_SYNC_MONDAY__CONCURRENCY": "40",
    }  # fmt: skip
    world.has_orders(*ROWS)

    assert world.sync().exit_code is ExitCode.DONE
    assert world.sandbox.refusals == {}


def test_the_reserve_is_left_to_others(on_account):
    world = on_account(personal_complexity_per_minute=500_000, time_scale=1)
    world.extra["ORDER_SYNC_MONDAY__RESERVE"] = "0.3"
    world.has_orders(*ROWS[:8])  # 24 rows cost 240,000 points, so all fit
    left = []
    world.sandbox.limits.charge = _spied(world.sandbox.limits, left)

    assert world.sync().exit_code is ExitCode.DONE
    assert min(left) >= 0.3 * 500_000


def _spied(limits, left):
    charge = limits.charge

    def charged(kind, estimate):
        before = charge(kind, estimate)
        left.append(before - estimate)
        return before

    return charged


def test_the_calls_of_the_day_are_not_exceeded_and_the_next_day_goes_on(on_account):
    world = on_account(requests_per_day=10, time_scale=1)
    world.extra["ORDER_SYNC_MONDAY__BATCH_SIZE"] = "2"
    world.has_orders(*ROWS)

    report = world.sync()

    assert report.exit_code is ExitCode.PAUSED
    assert "midnight UTC" in report.hint
    assert world.query("SELECT status FROM MON_SyncRuns") == [("PAUSED",)]
    assert world.sandbox.limits.used_today <= 10
    assert world.sandbox.refusals == {}
    world.sandbox.clock.advance(24 * 3600)
    for _ in range(9):
        if world.sync().exit_code is ExitCode.DONE:
            break
        world.sandbox.clock.advance(24 * 3600)
    world.assert_board_equals_source(ROWS)


def test_a_pause_is_no_ban_more_calls_may_have_been_bought(on_account):
    """Our own count of today says no, the server says yes."""
    world = on_account(requests_per_day=30, time_scale=1)
    world.has_orders(*ROWS)
    world.sync()
    now = datetime.now(UTC)
    earlier = now.replace(hour=0, minute=0, second=0, microsecond=0)
    at = max(earlier, now - timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with closing(sqlite3.connect(world.path)) as db, db:
        db.execute("UPDATE MON_ApiRequests SET send_no = 100, last_sent_at = ?", (at,))
    world.has_orders(*ROWS, order("GRE-99"))

    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_equals_source([*ROWS, order("GRE-99")])


def test_documents_shrink_when_the_board_is_slow(on_account, monkeypatch):
    """A document may take half a second here, not 20; a row takes 50 ms and some."""
    monkeypatch.setattr("order_sync.rules.sizing.AIM_S", 0.5)
    world = on_account(alias_latency_ms=50)
    world.extra |= {
        "ORDER_SYNC_MONDAY__SERVER_LIMIT_S": "10", "ORDER_SYNC_MONDAY__CONCURRENCY": "1",
    }  # fmt: skip
    world.has_orders(*ROWS)

    assert world.sync().exit_code is ExitCode.DONE

    sizes = [len(r.operations) - 1 for r in world.sandbox.request_log if r.kind == "mutation"]
    assert 2 <= max(sizes) <= 10, sizes
    world.assert_board_equals_source(ROWS)


def test_a_locked_board_gets_one_request_at_a_time_and_more_again_later(on_account):
    world = on_account(latency_ms=10)
    world.extra["ORDER_SYNC_MONDAY__BATCH_SIZE"] = "1"
    world.sandbox.add_fault("423", times=1, match="create_item")
    rows = [order(f"GRE-{number}") for number in range(40)]
    world.has_orders(*rows)
    at_once = []
    begin = world.sandbox.limits.begin

    def counted():
        begin()
        at_once.append(world.sandbox.limits._in_flight)

    world.sandbox.limits.begin = counted
    assert world.sync().exit_code is ExitCode.DONE

    locked = next(i for i, r in enumerate(world.sandbox.request_log) if r.fault == "423")
    after = at_once[locked + 4 : locked + 12]
    assert set(after) == {1}, at_once
    assert max(at_once[locked + 12 :]) > 1
    world.assert_board_equals_source(rows)


@pytest.mark.parametrize("hours", [-50, 50])
def test_a_wrong_clock_makes_no_limit_longer_or_shorter(on_account, monkeypatch, hours):
    now = engine.now
    monkeypatch.setattr(engine, "now", lambda conn: now(conn) + timedelta(hours=hours))
    world = on_account(personal_complexity_per_minute=100_000)
    world.sandbox.add_fault("429", match="create_item", retry_s=0.2)
    world.has_orders(*ROWS)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)
    assert world.sandbox.refusals == {}
