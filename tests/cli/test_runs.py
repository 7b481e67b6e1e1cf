"""plan, sync, retry and what looks at their results, against the sandbox over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.documents import check_document

from .conftest import GOOD, OTHER, TOKEN

BAD = "JOO-2,JOHNNIE O,M01,WHITE,4755,-3,,2025 FALL,,RECEIVED,PCE"


def test_check_is_all_ok_before_a_first_run(run, board, load):
    load(GOOD)
    ended = run("check", "-o", "json")
    assert ended.exit_code == 0
    assert {row["name"] for row in ended.document["checks"]} == {
        "config", "profile", "database", "source", "token", "board",
    }  # fmt: skip
    assert not [row for row in ended.document["checks"] if row["verdict"] == "fail"]


def test_check_exits_as_the_first_failing_check_would(run, board, load, monkeypatch):
    load(GOOD)
    monkeypatch.setenv("MONDAY_API_TOKEN", "wrong")
    ended = run("check")
    assert ended.exit_code == 5
    assert "FAIL board" in ended.out


def test_check_notices_another_name_of_the_board(run, board, load, monkeypatch):
    load(GOOD)
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_NAME", "Another")
    ended = run("check")
    assert ended.exit_code == 6
    assert "do: " in ended.out


def test_a_plan_tells_what_a_sync_then_does(run, board, load):
    load(GOOD, OTHER, BAD)
    plan = run("plan", "-o", "json")
    assert plan.exit_code == 0
    counts = {c["customer"]: (c["new"], c["size_lines"]) for c in plan.document["customers"]}
    assert counts == {"JOHNNIE O": (1, 2), "RHYTHM": (1, 1)}
    assert [row["code"] for row in plan.document["refused"]] == ["negative_quantity"]
    assert board.items() == []

    sync = run("sync", "-o", "json")
    assert sync.exit_code == 3
    assert sync.document["orders_created"] == 2
    assert sync.document["size_lines_created"] == 3
    assert [row["code"] for row in sync.document["refused"]] == ["negative_quantity"]


def test_dry_run_is_the_plan(run, board, load):
    load(GOOD)
    assert run("sync", "--dry-run").out == run("plan").out
    assert board.items() == []


def test_a_plan_for_people_names_customers_groups_refusals_and_calls(run, board, load):
    load(GOOD, BAD)
    shown = run("plan").out
    for part in ("JOHNNIE O 2025 FALL", "negative_quantity", "To send: 1 order line and 2 size"):
        assert part in shown
    assert "calls" in shown


def test_a_plan_names_its_warnings_with_an_example_and_where_all_of_them_are(run, board, load):
    load(GOOD.replace("2025 FALL", ""), OTHER.replace("2025 FALL", ""))
    told = run("plan", "-o", "json").document
    assert told["warnings"] == 2
    assert [(one["order_key"], one["code"]) for one in told["warned"]] == [
        ("joo-1|m01|white", "unknown_season"), ("rhy-1|m01|black", "unknown_season"),
    ]  # fmt: skip
    shown = run("plan").out
    assert "JOO-1: CUSTOMER SEASON and AAG SEASON are blank" in shown
    assert "order-sync plan --output json, under warned" in shown
    load(GOOD)
    assert "unknown_season" not in run("plan").out


def test_a_clean_sync_exits_0_and_tells_what_it_made(run, board, load):
    load(GOOD)
    ended = run("sync")
    assert ended.exit_code == 0
    assert "1 order line, 2 size lines, 1 group" in ended.out
    assert len(board.items()) == 1


def test_a_second_sync_sends_nothing(run, board, load):
    load(GOOD)
    run("sync")
    document = run("sync", "-o", "json").document
    assert document["write_calls"] == 0
    assert run("sync").out.count("Nothing was sent") == 1
    assert "Nothing to send" in run("plan").out


def test_a_filter_restricts_a_sync(run, board, load):
    load(GOOD, OTHER)
    run("sync", "--customer", "rhythm")
    assert [item.group_title for item in board.items()] == ["RHYTHM 2025 FALL"]


def test_a_guard_stops_before_the_first_write(run, board, load):
    load(GOOD, OTHER)
    ended = run("sync", "--max-creates", "1", "-o", "json")
    assert ended.exit_code == 8
    assert ended.document["error"]["code"] == "guard"
    assert board.items() == []


def test_status_shows_the_run_and_what_the_board_holds(run, board, load):
    load(GOOD, BAD)
    run("sync")
    document = run("status", "-o", "json").document
    assert [(r["command"], r["status"]) for r in document["runs"]] == [
        ("sync", "COMPLETED_WITH_ERRORS")
    ]
    assert [(c["customer"], c["orders"], c["size_lines"]) for c in document["on_board"]] == [
        ("JOHNNIE O", 1, 2)
    ]
    assert [e["code"] for e in document["open_errors"]] == ["negative_quantity"]
    shown = run("status").out
    assert "COMPLETED_WITH_ERRORS" in shown
    assert "JOHNNIE O" in shown


def test_batches_show_their_milestones(run, board, load):
    load(GOOD, OTHER)
    run("sync")
    found = run("batches", "-o", "json").document["batches"]
    assert {b["customer_name"]: b["status"] for b in found} == {
        "JOHNNIE O": "COMPLETED",
        "RHYTHM": "COMPLETED",
    }
    assert all(b["promotion_completed"] for b in found)
    assert "RHYTHM" in run("batches").out


def test_a_refused_order_is_listed_and_shown_with_its_source_row(run, board, load):
    load(GOOD, BAD)
    run("sync")
    assert "JOO-2" in run("errors", "list").out.upper()
    (error,) = run("errors", "show", "joo-2", "-o", "json").document["errors"]
    assert error["summary"]["code"] == "negative_quantity"
    assert error["original"]["AAG ORDER NUMBER"] == "JOO-2"
    shown = run("errors", "show", "JOO-2").out
    assert "negative_quantity" in shown
    assert "JOHNNIE O" in shown


def test_errors_can_be_narrowed(run, board, load):
    load(GOOD, BAD)
    run("sync")

    def listed(*options):
        return len(run("errors", "list", *options, "-o", "json").document["errors"])

    assert (
        listed() == listed("--customer", "johnnie o") == listed("--code", "negative_quantity") == 1
    )
    assert listed("--customer", "RHYTHM") == listed("--code", "too_long") == 0


def test_a_repaired_row_goes_through_and_its_error_closes(run, board, load):
    load(BAD)
    run("sync")
    load(BAD.replace("-3", "3"))
    assert run("retry").exit_code == 0
    assert "No refused orders" in run("errors", "list").out
    assert len(run("errors", "list", "--all", "-o", "json").document["errors"]) == 1
    assert [r["command"] for r in run("status", "-o", "json").document["runs"]] == ["retry", "sync"]


def test_progress_goes_to_stderr_only(run, board, load):
    load(GOOD)
    ended = run("sync", "-o", "json")
    assert "reading the board" in ended.err
    assert json.loads(ended.out)["command"] == "sync"


def test_the_token_is_in_no_output_and_no_table(run, board, load, folder, monkeypatch, sandbox):
    load(GOOD)
    for command in (["check"], ["plan"], ["sync"], ["status"]):
        ended = run(*command, "-v")
        assert TOKEN not in ended.out + ended.err
    for path in folder.iterdir():
        assert TOKEN.encode() not in path.read_bytes()


def test_sigterm_ends_a_sync_with_143_and_the_next_run_completes_it(
    sandbox, board, load, run, folder
):
    load(*(GOOD.replace("JOO-1", f"JOO-{n}") for n in range(200)))
    command = Path(sys.executable).parent / "order-sync"
    process = subprocess.Popen(
        [command, "sync", "-o", "json"], env=os.environ | {"ORDER_SYNC_MONDAY__BATCH_SIZE": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    ends = time.monotonic() + 60
    while not board.items() and time.monotonic() < ends:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    # A run that was stopped tells both: what it did until then, and what stopped it.
    document = check_document(out, 143)
    assert document["error"]["code"] == document["error_code"] == "interrupted"
    assert 0 < document["orders_created"] <= 200
    assert run("sync").exit_code == 0
    names = [item.name for item in board.items()]
    assert len(names) == len(set(names)) == 200


def test_a_refusal_is_told_whole_however_narrow_the_terminal(run, board, load, monkeypatch):
    load(BAD)
    run("sync")
    monkeypatch.setenv("COLUMNS", "40")
    shown = " ".join(run("errors", "list").out.split())
    (error,) = run("errors", "list", "-o", "json").document["errors"]
    assert error["message"] in shown
    assert error["order_key"] in shown


def test_data_cannot_steer_the_terminal(run, board, load):
    load(BAD.replace("JOHNNIE O", '"EVIL \x1b[2J[bold]"'))
    for command in (["plan"], ["sync"], ["errors", "list"], ["errors", "show", "JOO-2"]):
        shown = run(*command)
        assert "\x1b" not in shown.out + shown.err
    assert "[bold]" in run("errors", "show", "JOO-2").out
