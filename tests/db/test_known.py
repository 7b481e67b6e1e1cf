"""What MON_* remembers of the board: acknowledged, withdrawn, found under another hash, gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from order_sync.db import engine, history, known, runs
from order_sync.db.known import FoundItem, FoundLine
from order_sync.db.runs import ReadCall
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit
from order_sync.rules.states import RequestState

from .helpers import BOARD, start

FALL, SPRING = "GREYSON CLOTHIERS 2025 FALL", "GREYSON CLOTHIERS 2026 SPRING"


def put(conn: Connection, tables: Tables, shipped, *keys: str, group: str = FALL) -> None:
    """Known, acknowledged orders, each with the size lines S and M."""
    items = [
        FoundItem(
            key, f"1{key}", key.upper(), group, "g", "GREYSON CLOTHIERS",
            (FoundLine("s", f"2{key}", "Size S", "S"), FoundLine("m", f"3{key}", "Size M", "M")),
        )
        for key in keys
    ]  # fmt: skip
    known.adopt(conn, tables, start(conn, tables, shipped), "below", items)
    conn.execute(tables.production.update().values(payload_hash="h", source_hash="s"))
    conn.execute(tables.production_subitems.update().values(payload_hash="h"))


def hashes(conn: Connection, tables: Tables, shipped) -> dict[str, tuple]:
    """key -> (source hash, payload hash, size key -> payload hash of the line)."""
    orders = known.known_orders(conn, tables, BOARD, "abc", shipped)
    return {
        key: (o.source_hash, o.payload_hash, {k: line.payload_hash for k, line in o.lines.items()})
        for key, o in orders.items()
    }


DONE = ("s", "h", {"s": "h", "m": "h"})


def test_an_item_about_to_be_written_is_no_longer_acknowledged_and_its_lines_are(
    state, tables, shipped
):
    def work(conn):
        put(conn, tables, shipped, "a", "b")
        known.withdraw(conn, tables, BOARD, Unit.ITEM, [("a", "")])
        return hashes(conn, tables, shipped)

    assert state.run(work) == {"a": (None, None, {"s": "h", "m": "h"}), "b": DONE}


def test_a_line_about_to_be_written_takes_only_the_order_as_a_whole_with_it(state, tables, shipped):
    def work(conn):
        put(conn, tables, shipped, "a", "b")
        known.withdraw(conn, tables, BOARD, Unit.SUBITEM, [("a", "m"), ("a", "new")])
        return hashes(conn, tables, shipped)

    assert state.run(work) == {"a": (None, "h", {"s": "h", "m": None}), "b": DONE}


def test_what_is_withdrawn_on_one_board_stands_on_another(state, tables, shipped):
    def work(conn):
        put(conn, tables, shipped, "a")
        for unit in Unit:
            known.withdraw(conn, tables, "another board", unit, [("a", "m")])
        return hashes(conn, tables, shipped)

    assert state.run(work) == {"a": DONE}


def test_a_hash_that_was_withdrawn_is_never_taken_for_acknowledged(state, tables, shipped):
    def work(conn):
        put(conn, tables, shipped, "a", "b")
        known.withdraw(conn, tables, BOARD, Unit.ITEM, [("a", "")])
        known.acknowledge_source(conn, tables, BOARD, [("a", "new"), ("b", "new")])
        return hashes(conn, tables, shipped)

    there = state.run(work)
    assert (there["a"][0], there["b"][0]) == (None, "new")


def test_another_hash_of_the_same_values_replaces_the_old_one(state, tables, shipped):
    def work(conn):
        put(conn, tables, shipped, "a", "b")
        known.store_hashes(conn, tables, BOARD, [("a", "newer"), ("unknown", "x")])
        known.store_hashes(conn, tables, BOARD, [])
        return hashes(conn, tables, shipped)

    assert state.run(work) == {"a": ("s", "newer", {"s": "h", "m": "h"}), "b": DONE}


def test_what_left_the_board_leaves_with_its_lines(state, tables, shipped):
    def work(conn):
        put(conn, tables, shipped, "a", "b")
        known.remove(conn, tables, "another board", ["b"])
        known.remove(conn, tables, BOARD, ["a"])
        left = conn.execute(tables.production_subitems.select()).all()
        return hashes(conn, tables, shipped), {row.order_key for row in left}

    assert state.run(work) == ({"b": DONE}, {"b"})


def test_a_group_is_empty_when_the_last_known_order_has_left_it(state, tables, shipped):
    def work(conn):
        put(conn, tables, shipped, "a", "b")
        put(conn, tables, shipped, "c", group=SPRING)
        asked = {FALL, SPRING}
        before = known.groups_without_items(conn, tables, BOARD, asked)
        known.remove(conn, tables, BOARD, ["a"])
        one_left = known.groups_without_items(conn, tables, BOARD, asked)
        known.remove(conn, tables, BOARD, ["b"])
        return before, one_left, known.groups_without_items(conn, tables, BOARD, asked)

    assert state.run(work) == ([], [], [FALL])


# What requests have cost


def answered(conn, tables, run, kind, *, aliases, cost, milliseconds, **more):
    request = runs.open_request(
        conn, tables, run, kind=kind, aliases=aliases, idempotency_key="k", body=b"{}",
        batch_id=None, carries_rows=False,
    )  # fmt: skip
    values = {"cost": cost, "duration_ms": milliseconds, **more}
    runs.answer_request(conn, tables, request.request_id, RequestState.SETTLED, values)


def test_a_kind_of_request_costs_what_it_has_cost_per_write(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        answered(conn, tables, run, "create_items", aliases=10, cost=300, milliseconds=1_000)
        answered(conn, tables, run, "create_items", aliases=1, cost=50, milliseconds=500)
        answered(conn, tables, run, "move_items", aliases=2, cost=None, milliseconds=200)
        return history.mean_costs(conn, tables, BOARD)

    assert state.run(work) == {
        "create_items": (pytest.approx(40.0), pytest.approx(0.75)),
        "move_items": (None, pytest.approx(0.2)),
    }


def test_requests_without_an_answer_and_of_other_boards_tell_no_cost(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        answered(conn, tables, run, "create_items", aliases=1, cost=7, milliseconds=None)
        answered(conn, tables, run, "move_items", aliases=1, cost=7, milliseconds=1)
        return history.mean_costs(conn, tables, "another board"), history.mean_costs(
            conn, tables, BOARD
        )

    elsewhere, here = state.run(work)
    assert elsewhere == {}
    assert list(here) == ["move_items"]


def test_reading_has_no_cost_per_write(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        call = ReadCall("board", engine.now(conn), 200, 100.0, 50, None, None)
        runs.record_reads(conn, tables, run, [call])
        return history.mean_costs(conn, tables, BOARD)

    assert state.run(work) == {"board": (None, pytest.approx(0.1))}


def test_only_the_latest_requests_count(state, tables, shipped, monkeypatch):
    monkeypatch.setattr(history, "LATEST", 2)

    def work(conn):
        run = start(conn, tables, shipped)
        now = engine.now(conn)
        for age, cost in ((2, 1_000), (1, 20), (0, 10)):
            answered(
                conn, tables, run, "create_items", aliases=1, cost=cost, milliseconds=1,
                last_sent_at=now - timedelta(minutes=age),
            )  # fmt: skip
        return history.mean_costs(conn, tables, BOARD)["create_items"][0]

    assert state.run(work) == pytest.approx(15.0)
