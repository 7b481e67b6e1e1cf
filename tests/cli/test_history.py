"""order-sync runs and batches: lists, and one in full."""

from __future__ import annotations

import pytest

from .conftest import GOOD, OTHER

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


def test_failed_runs_alone_can_be_listed(run, synced, load):
    load(GOOD, OTHER)
    assert run("sync").exit_code == 0
    assert len(document(run, "runs")["runs"]) == 3
    assert [one["exit_code"] for one in document(run, "runs", "--failed")["runs"]] == [3, 3]


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


def test_a_batch_is_told_in_full(run, synced):
    batch_id = document(run, "batches")["batches"][0]["batch_id"]
    told = document(run, "batches", "show", batch_id)
    assert told["batch"]["batch_id"] == batch_id
    assert {row["state"] for row in told["rows"]} == {"PROMOTED"}
    assert batch_id in run("batches", "show", batch_id[:10]).out


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
    import sqlite3

    with sqlite3.connect(folder / "order-sync.db") as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("UPDATE MON_SyncRuns SET run_id = 'same-' || fence")
    db.close()
    assert "write more of it" in run("runs", "show", "same").err
    assert run("runs", "show", "same-1").exit_code == 0


@pytest.mark.parametrize("what", ["runs", "batches"])
def test_nothing_yet_is_no_error(run, board, what):
    assert run(what).exit_code == 0
