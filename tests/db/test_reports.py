"""Figures for people: counted from the tables, and nothing when there are none."""

from __future__ import annotations

import pytest

from order_sync.db import promotion, refused, reports, runs, staging
from order_sync.db.batches import close_batch
from order_sync.db.engine import Database
from order_sync.db.refused import ErrorRow
from order_sync.db.reports import OnBoard, StagedCount
from order_sync.db.staging import Unit
from order_sync.rules.states import RunState

from .helpers import BOARD, line_row, send, stage_items, stage_rows, start

LOOKS = [reports.last_runs, reports.on_board, reports.staged, reports.open_errors,
         reports.batches, reports.errors]  # fmt: skip


def refuse(conn, tables, run, key, code="unknown_label", unit=Unit.ITEM, **more):
    error = ErrorRow(
        unit=unit, order_key=key, customer=more.pop("customer", "GREYSON CLOTHIERS"),
        order_number=key.split("|")[0], error_type=code, error_class="label",
        error_message=f"{code}: do something", **more,
    )  # fmt: skip
    refused.store_errors(conn, tables, run, [error])


@pytest.mark.parametrize("look", LOOKS)
def test_a_database_without_tables_is_empty(database, tables, look):
    with database.begin() as conn:
        assert look(conn, tables) == []


def test_a_missing_database_file_is_empty_and_stays_missing(tmp_path, tables):
    database = Database(f"sqlite:///{tmp_path / 'none.db'}", read_only=True)
    with database.begin() as conn:
        assert reports.errors_of_order(conn, tables, "joo-1") == []
        assert reports.last_runs(conn, tables) == []
    assert list(tmp_path.iterdir()) == []


def test_the_newest_run_comes_first(conn, tables, shipped, run):
    runs.finish_run(conn, tables, run.run_id, RunState.COMPLETED, {"exit_code": 0})
    second = start(conn, tables, shipped)
    found = reports.last_runs(conn, tables)
    assert [(r.run_id, r.status) for r in found] == [
        (second.run_id, "RUNNING"),
        (run.run_id, "COMPLETED"),
    ]
    assert len(reports.last_runs(conn, tables, limit=1)) == 1


def test_the_board_is_counted_per_customer(conn, tables, shipped, run):
    batch = stage_items(conn, tables, run, "joo-1", "joo-2")
    lines = [line_row(conn, run, batch, "joo-1", size, parent_item="1") for size in "SML"]
    stage_rows(conn, tables.staging_subitems, lines)
    _acknowledge(conn, tables, Unit.ITEM, "stg_monday_item_id")
    _acknowledge(conn, tables, Unit.SUBITEM, "stg_monday_subitem_id")
    promotion.promote(conn, tables, shipped, run, "99")
    assert reports.on_board(conn, tables) == [OnBoard(BOARD, "GREYSON CLOTHIERS", 2, 3)]
    assert reports.on_board(conn, tables, board_id="another") == []


def _acknowledge(conn, tables, unit, id_column):
    table = staging.table_of(tables, unit)
    conn.execute(table.update().values({"stg_status": "API_SUCCESS", id_column: table.c.stg_id}))


def test_staged_rows_are_counted_by_state_and_doubt(conn, tables, run):
    batch = stage_items(conn, tables, run, "joo-1", "joo-2")
    send(conn, tables, run, batch)
    stage_items(conn, tables, run, "joo-3")
    found = reports.staged(conn, tables, board_id=BOARD)
    assert found == [StagedCount(Unit.ITEM, "PENDING", 1), StagedCount(Unit.ITEM, "SENDING", 2)]
    assert reports.in_doubt(found) == 2


def test_open_errors_are_counted_by_code_and_customer(conn, tables, run):
    refuse(conn, tables, run, "joo-1|m01|white")
    refuse(conn, tables, run, "joo-2|m01|white", customer="RHYTHM")
    refuse(conn, tables, run, "joo-2|m01|white", "too_long")
    refuse(conn, tables, run, "joo-3|m01|white", "parent_failed", Unit.SUBITEM, size_key="m")
    found = [(e.unit, e.code, e.rows, e.customers) for e in reports.open_errors(conn, tables)]
    assert found[0] == (Unit.ITEM, "unknown_label", 2, 2)
    assert set(found[1:]) == {
        (Unit.ITEM, "too_long", 1, 1),
        (Unit.SUBITEM, "parent_failed", 1, 1),
    }


def test_closed_errors_are_listed_only_when_asked_for(conn, tables, run):
    refuse(conn, tables, run, "joo-1|m01|white")
    refuse(conn, tables, run, "joo-2|m01|white")
    refused.close_sent(conn, tables, run, Unit.ITEM, [("joo-1|m01|white", "")])
    assert [e.order_key for e in reports.errors(conn, tables)] == ["joo-2|m01|white"]
    every = reports.errors(conn, tables, resolved_too=True)
    assert [(e.order_number, e.resolution) for e in every] == [("joo-1", "sent"), ("joo-2", None)]


def test_errors_are_listed_by_code(conn, tables, run):
    refuse(conn, tables, run, "joo-1|m01|white")
    refuse(conn, tables, run, "joo-2|m01|white", "too_long")
    assert [e.code for e in reports.errors(conn, tables, code="too_long")] == ["too_long"]


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("joo-1|m01|white", ["joo-1|m01|white"]),
        ("joo-1", ["joo-1|m01|white", "joo-1|m02|black"]),
        ("joo", []),
        ("joo-_", []),
        ("%", []),
    ],
)
def test_an_order_is_found_by_whole_key_or_number(conn, tables, run, key, found):
    for other in ("joo-1|m01|white", "joo-1|m02|black", "joo-11|m01|white"):
        refuse(conn, tables, run, other, original_data='{"a": 1}', api_payload='{"b": 2}')
    errors = reports.errors_of_order(conn, tables, key)
    assert [e.summary.order_key for e in errors] == found
    assert all((e.original, e.payload) == ('{"a": 1}', '{"b": 2}') for e in errors)


def test_only_the_latest_batches_are_shown(conn, tables, run):
    ids = [stage_items(conn, tables, run, f"joo-{n}") for n in range(3)]
    close_batch(conn, tables, ids[0], stopped=None)
    found = reports.batches(conn, tables, limit=2)
    assert len(found) == 2
    every = {b.batch_id: b for b in reports.batches(conn, tables)}
    assert every[ids[0]].status == "FAILED"
    assert every[ids[0]].end_time is not None
    assert every[ids[1]].status == "STARTED"


def test_a_row_that_was_sent_is_no_longer_in_doubt(conn, tables, run):
    batch = stage_items(conn, tables, run, "joo-1")
    send(conn, tables, run, batch)
    staging_table = tables.staging
    conn.execute(staging_table.update().values(stg_status="API_SUCCESS", stg_monday_item_id="1"))
    found = reports.staged(conn, tables)
    assert found == [StagedCount(Unit.ITEM, "API_SUCCESS", 1)]
    assert reports.in_doubt(found) == 0
