"""order-sync runs and batches: lists, and one in full."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from order_sync.cli.since import point_in_time
from order_sync.db.engine import Database
from order_sync.db.upgrade import ensure_tables

from .conftest import GOOD, OTHER

NOW = datetime.now(UTC)

BAD = "BAD-1,NOBODY,M01,BLACK,4756,1,,2025 FALL,,RECEIVED,PCE"


@pytest.fixture
def synced(load, run, board):
    """A run that created an order line and refused one, and one that only refused."""
    load(GOOD, OTHER, BAD)
    assert run("sync").exit_code == 3
    assert run("sync").exit_code == 3


def document(run, *argv):
    ended = run(*argv, "--output", "json")
    assert ended.exit_code == 0, ended.err
    return ended.document


def test_runs_are_listed_newest_first_with_how_they_ended(run, synced):
    runs = document(run, "runs")["runs"]
    assert [one["orders_created"] for one in runs] == [0, 2]
    assert len(document(run, "runs", "--limit", "1")["runs"]) == 1
    shown = run("runs").out
    assert "3 finished, some rows refused" in shown
    assert f"order-sync runs show {runs[0]['run_id'][:8]}" in shown


@pytest.fixture
def make_runs(folder, tables):
    """Write runs of a board as if each had ended some hours ago."""

    def make_runs(*given):
        with closing(Database(f"sqlite:///{folder / 'order-sync.db'}")) as database:
            rows = [
                {
                    "run_id": f"run-{number}", "command": "sync", "filters": "{}", "board_id": "7",
                    "profile": "customer-master-schedule", "profile_fingerprint": "0",
                    "fence": number + 1, "host": "there", "pid": 1, "version": "1",
                    "status": "COMPLETED", "started_at": NOW - timedelta(hours=number),
                    "ended_at": NOW, "exit_code": 0, **values,
                }
                for number, values in enumerate(given)
            ]  # fmt: skip
            database.run(lambda conn: ensure_tables(conn, tables))
            database.run(lambda conn: conn.execute(tables.runs.insert(), rows))

    return make_runs


AT_WORK = {"status": "RUNNING", "ended_at": None, "exit_code": None}
KILLED = {"status": "DIED", "exit_code": None}
STOPPED = {"status": "STOPPED", "exit_code": 5}
REFUSED = {"status": "COMPLETED_WITH_ERRORS", "exit_code": 3, "command": "retry"}


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ("--failed", [1, 2, 3]),
        ("--failed --limit 1", [1]),
        ("--exit-code 5", [2]),
        ("--status died", [1]),
        ("--command retry", [3]),
        ("--command sync --failed", [1, 2]),
        ("--since 90m", [0, 1]),
        ("--since 2h --failed", [1]),
        ("--since 7d", [0, 1, 2, 3, 4]),
        ("--since 2100-01-01", []),
    ],
)
def test_runs_are_found_by_how_they_ended_and_when_they_began(run, make_runs, options, numbers):
    make_runs(AT_WORK, KILLED, STOPPED, REFUSED, {})
    found = [one["run_id"] for one in document(run, "runs", *options.split())["runs"]]
    assert found == [f"run-{number}" for number in numbers]


def test_an_old_failure_is_found_behind_any_number_of_good_runs(run, make_runs):
    make_runs(*[{}] * 1_500, STOPPED)
    assert [one["run_id"] for one in document(run, "runs", "--failed")["runs"]] == ["run-1500"]


def test_a_run_at_work_is_told_from_one_that_was_killed(run, make_runs, folder):
    make_runs(AT_WORK, KILLED)
    told = document(run, "runs")
    assert [(one["status"], one["host"]) for one in told["runs"]] == [
        ("RUNNING", "there"), ("DIED", "there"),
    ]  # fmt: skip
    assert told["last_calls"] == {}
    shown = run("runs").out
    assert "at work (no call yet), or killed" in shown
    assert "killed: a later run found it dead" in shown
    with closing(sqlite3.connect(folder / "order-sync.db")) as db, db:
        db.execute(
            "INSERT INTO MON_ApiRequests (request_id, run_id, board_id, fence, kind, aliases,"
            " send_no, first_sent_at, last_sent_at, state, replays)"
            " VALUES ('r', 'run-0', '7', 1, 'board', 0, 1, ?1, ?1, 'SETTLED', 0)",
            [(datetime.now(UTC) - timedelta(hours=5)).strftime("%Y-%m-%d %H:%M:%S.%f")],
        )
    assert list(document(run, "runs")["last_calls"]) == ["run-0"]
    assert "at work (last call 5 h ago), or killed" in run("runs").out
    assert "at work (last call 5 h ago), or killed" in run("runs", "show", "run-0").out


@pytest.mark.parametrize("since", ["", "soon", "7y", "2026-02-30", "99999999999d", "9" * 400 + "d"])
def test_what_is_no_point_in_time_says_what_is(run, make_runs, since):
    make_runs({})
    ended = run("runs", "--since", since)
    assert ended.exit_code == 2
    assert "such as 24h or 7d" in ended.err


def test_a_date_begins_at_midnight_of_this_computer():
    now = datetime(2026, 3, 9, 12, tzinfo=UTC)
    assert point_in_time("2026-03-01", now) == datetime(2026, 3, 1).astimezone()
    assert point_in_time(" 2W ", now) == now - timedelta(weeks=2)


def test_a_run_is_told_in_full_by_the_beginning_of_its_id(run, synced):
    run_id = document(run, "runs")["runs"][1]["run_id"]
    told = document(run, "runs", "show", run_id[:8])
    assert told["run"]["run_id"] == run_id
    assert told["bands"] == {"done": 5, "waiting": 0, "in doubt": 0, "refused": 0}
    done = {one["customer"]: one["order_lines"]["done"] for one in told["customers"]}
    assert done == {"JOHNNIE O": 1, "RHYTHM": 1}
    assert {one["kind"] for one in told["calls"]} >= {"create items", "create subitems"}
    assert len(told["batches"]) == 2
    shown = run("runs", "show", run_id).out
    for words in ("the whole source", "JOHNNIE O", "create subitems", "1 row refused"):
        assert words in shown


def test_a_run_names_its_refusals_and_warnings_by_code(run, load, board):
    load(GOOD.replace("2025 FALL", ""), BAD)
    assert run("sync").exit_code == 3
    told = document(run, "runs", "show", document(run, "runs")["runs"][0]["run_id"])
    assert [(one["code"], one["rows"], one["open"]) for one in told["refusals"]] == [
        ("unknown_label", 1, 1)
    ]
    assert told["refusals"][0]["to_do"]
    assert {one["code"]: one["times"] for one in told["warnings"]} == {"unknown_season": 1}
    assert told["board_url"] is None
    shown = run("runs", "show", told["run"]["run_id"]).out
    assert "unknown_season" in shown
    assert told["refusals"][0]["to_do"][:40] in shown
    load(GOOD)
    run("sync")
    again = document(run, "runs", "show", told["run"]["run_id"])
    assert [(one["rows"], one["open"]) for one in again["refusals"]] == [(1, 0)]


def test_a_run_that_waited_says_how_often(run, synced, folder):
    with closing(sqlite3.connect(folder / "order-sync.db")) as db, db:
        db.execute("UPDATE MON_SyncRuns SET waits = 3")
    run_id = document(run, "runs")["runs"][0]["run_id"]
    assert "3 times for a limit of monday.com" in run("runs", "show", run_id).out


def test_a_batch_is_told_in_full(run, synced):
    batch_id = document(run, "batches")["batches"][0]["batch_id"]
    told = document(run, "batches", "show", batch_id)
    assert told["batch"]["batch_id"] == batch_id
    assert {row["state"] for row in told["rows"]} == {"PROMOTED"}
    (item,) = told["items"]
    assert (item["state"], item["url"]) == ("PROMOTED", None)
    shown = run("batches", "show", batch_id[:10]).out
    assert batch_id in shown
    assert item["item_id"] in shown


def test_of_a_large_batch_the_first_order_lines_are_told(run, board, load):
    load(*(GOOD.replace("JOO-1", f"JOO-{n}") for n in range(30)))
    run("sync")
    batch_id = document(run, "batches")["batches"][0]["batch_id"]
    assert len(document(run, "batches", "show", batch_id)["items"]) == 20
    assert "… and 28 more; add --limit 30" in run("batches", "show", batch_id, "--limit", "2").out


def test_boards_and_items_are_links_where_the_account_is_known(run, synced, board, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_MONDAY__WEB_URL", "https://company.monday.com/")
    run_id = document(run, "runs")["runs"][1]["run_id"]
    address = f"https://company.monday.com/boards/{board.id}"
    assert document(run, "runs", "show", run_id)["board_url"] == address
    batch_id = document(run, "batches")["batches"][0]["batch_id"]
    told = document(run, "batches", "show", batch_id)
    (item,) = told["items"]
    assert (told["board_url"], item["url"]) == (address, f"{address}/pulses/{item['item_id']}")
    assert address not in run("batches", "show", batch_id).out  # no terminal
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert f";{address}/pulses/{item['item_id']}" in run("batches", "show", batch_id).out


def test_what_another_profile_did_is_said_to_be_its(run, synced, folder, tables):
    """Its rows are in tables of its own; those of the reader's profile may not even be there."""
    run_id = document(run, "runs")["runs"][0]["run_id"]
    batch_id = document(run, "batches")["batches"][0]["batch_id"]
    with closing(sqlite3.connect(folder / "order-sync.db")) as db, db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("UPDATE MON_SyncRuns SET profile = 'wholesale'")
        for table in (tables.staging, tables.staging_subitems, tables.errors,
                      tables.errors_subitems):  # fmt: skip
            db.execute(f"DROP TABLE {table.name}")
    for what, identity in (("runs", run_id), ("batches", batch_id)):
        told = document(run, what, "show", identity)
        assert told["is_of_this_profile"] is False
        assert "worked with the profile wholesale" in run(what, "show", identity).out
    assert told["rows"] == told["items"] == told["refusals"] == []


@pytest.mark.parametrize("what", ["runs", "batches"])
@pytest.mark.parametrize(
    ("words", "said"),
    [(["show"], "which"), (["show", "nothing"], "there is no"), (["show", ""], "which"),
     (["hide"], "show")],
)  # fmt: skip
def test_what_cannot_be_shown_says_what_to_do(run, synced, what, words, said):
    ended = run(what, *words)
    assert ended.exit_code == 2
    assert said in ended.err


def test_an_id_that_could_be_two_asks_for_more(run, synced, folder):
    with sqlite3.connect(folder / "order-sync.db") as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("UPDATE MON_SyncRuns SET run_id = 'same-' || fence")
    db.close()
    assert "write more of it" in run("runs", "show", "same").err
    assert run("runs", "show", "same-1").exit_code == 0


@pytest.mark.parametrize("what", ["runs", "batches"])
def test_nothing_yet_is_no_error(run, board, what):
    assert run(what).exit_code == 0
