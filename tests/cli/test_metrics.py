"""metrics: what Prometheus reads, from the database alone."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from sqlalchemy.engine import Engine

from order_sync.metrics import COMMON, METRICS, PREFIX
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer

from .conftest import GOOD, OTHER

BAD = "JOO-2,JOHNNIE O,M01,WHITE,4755,-3,,2025 FALL,,RECEIVED,PCE"


def read(text):
    """(name, own labels in the order of their names) -> value."""
    return {
        (s.name.removeprefix(PREFIX), *(v for k, v in s.labels.items() if k not in COMMON)): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


@pytest.fixture
def synced(run, board, load):
    load(GOOD, OTHER, BAD)
    assert run("sync").exit_code == 3
    return board


def test_a_run_is_told_as_the_database_has_it(run, synced):
    found = read(run("metrics").out)
    assert found["last_run_exit_code", "sync"] == 3
    assert found["last_run_rows", "sync", "orders_created"] == 2
    assert found["last_run_rows", "sync", "size_lines_created"] == 3
    assert found["last_run_rows", "sync", "refused"] == 1
    assert found["open_refusals", "negative_quantity", "item"] == 1
    assert found["open_refusals_total_rows",] == 1
    assert found["staged_rows", "PROMOTED", "item"] == 2
    assert found["board_orders",] == 2
    assert found["board_size_lines",] == 3
    assert found["rows_in_doubt",] == found["oldest_doubt_age_seconds",] == 0
    assert found["active_batches",] == found["last_run_retries", "sync"] == 0
    assert found["last_run_waits", "sync"] == 0
    assert 0 <= found["last_good_run_age_seconds",] < 600
    assert found["last_run_duration_seconds", "sync"] > 0


def test_calls_and_points_are_those_monday_com_counted(run, synced):
    found = read(run("metrics").out)
    assert found["calls_today",] == len(synced.sandbox.request_log)
    assert found["complexity_points_today",] > 0
    assert found["calls_per_day_limit",] > found["calls_today",]


def test_it_makes_no_call_and_no_label_names_an_order_or_a_customer(run, synced):
    before = len(synced.sandbox.request_log)
    text = run("metrics").out
    assert len(synced.sandbox.request_log) == before
    assert not [word for word in ("joo-", "johnnie", "rhythm") if word in text.lower()]
    assert f'board_id="{synced.id}"' in text
    assert 'environment="dev"' in text


def test_what_is_printed_comes_from_the_one_table_of_metrics(run, synced):
    families = [*text_string_to_metric_families(run("metrics").out)]
    about = {PREFIX + m.name: (m.about, {*COMMON, *m.labels}) for m in METRICS}
    assert {f.name for f in families} == set(about)
    for family in families:
        assert family.documentation == about[family.name][0]
        assert all(set(s.labels) == about[family.name][1] for s in family.samples)


def test_a_run_that_came_to_nothing_leaves_the_good_one_in_its_place(run, synced):
    assert run("sync", "--max-creates", "0").exit_code == 3  # nothing new is left
    good = read(run("metrics").out)["last_good_run_timestamp_seconds",]
    with SandboxServer(Sandbox(SandboxOptions(token="x")), port=0) as server:
        assert run_at(run, server.api_url).exit_code == 5
    found = read(run("metrics").out)
    assert found["last_run_exit_code", "sync"] == 5
    assert found["last_good_run_timestamp_seconds",] == good
    assert ("last_run_rows", "sync", "orders_created") not in found


def run_at(run, url):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORDER_SYNC_MONDAY__API_URL", url)
        return run("sync")


def test_without_tables_nothing_is_made_and_what_is_unknown_is_left_out(run, folder, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", "1")
    found = read(run("metrics").out)
    assert found["board_orders",] == found["calls_today",] == 0
    assert not [name for name, *_ in found if name.startswith("last_")]
    assert list(folder.iterdir()) == []


def test_a_file_is_replaced_in_one_step(run, folder, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", "1")
    path = folder / "order-sync.prom"
    path.write_text("old")
    assert run("metrics", "--textfile", str(path)).out == ""
    assert read(path.read_text())["board_orders",] == 0
    assert list(folder.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_told_in_one_line(run, folder, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", "1")
    ended = run("metrics", "--textfile", str(folder / "none" / "x.prom"))
    assert ended.exit_code == 2
    assert "do: name a file" in ended.err
    assert "Traceback" not in ended.err


def test_programs_get_the_same_values(run, synced):
    listed = run("metrics", "-o", "json").document["metrics"]
    text = read(run("metrics").out)
    assert len(listed) == len(text)
    assert {m["name"] for m in listed} <= {PREFIX + m.name for m in METRICS}


def test_no_board_is_a_usage_error(run):
    assert run("metrics").exit_code == 2


def test_no_query_walks_through_events_or_all_requests(run, synced):
    asked = []

    def listen(_conn, cursor, statement, parameters, *_):
        if statement.startswith("SELECT") and "MON_" in statement:
            plan = cursor.connection.execute("EXPLAIN QUERY PLAN " + statement, parameters)
            asked.append((statement, [row[-1] for row in plan]))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        assert run("metrics").exit_code == 0
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert asked
    for statement, plan in asked:
        assert "MON_OrderEvents" not in statement
        steps = [step for step in plan if step.startswith("SCAN") and "USING" not in step]
        assert [s for s in steps if "Runs" not in s and "ERR" not in s] == [], (statement, plan)
