"""Staged rows move only along the table, one owner at a time, and end in MON_* or ERR_*."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from order_sync.db import engine, groups, known, promotion, refused, runs, staging
from order_sync.db.columnar import by_column
from order_sync.db.refused import ErrorRow
from order_sync.db.staging import Outcome, Unit
from order_sync.errors import InvalidTransition, LockHeld, StaleFence
from order_sync.rules.states import Event, Operation, RequestState, RowState

from .helpers import BOARD, item_row, line_row, send, stage_items, stage_rows, start, states


def accept(conn, tables, request, *, acknowledged=True):
    rows = staging.rows_of_request(conn, tables, Unit.ITEM, request.request_id, RowState.SENDING)
    staging.record_outcomes(
        conn, tables, Unit.ITEM,
        [
            Outcome(row, Event.ACCEPTED, item_id=f"9{row.stg_id}", acknowledged=acknowledged)
            for row in rows
        ],
    )  # fmt: skip


def test_a_claimed_row_cannot_be_claimed_again(state, tables, shipped):
    def claim_twice(conn):
        run = start(conn, tables, shipped)
        batch = stage_items(conn, tables, run, "a")
        rows = staging.waiting_rows(conn, tables, Unit.ITEM, run, batch)
        request = send(conn, tables, run, batch)
        staging.claim(conn, tables, Unit.ITEM, rows, request)

    with pytest.raises(InvalidTransition):
        state.run(claim_twice)


def test_a_row_the_database_refuses_stands_alone_and_the_others_load(state, tables, shipped):
    def stage(conn):
        run = start(conn, tables, shipped)
        batch = stage_items(conn, tables, run, "a")
        rows = [item_row(conn, run, batch, key) for key in "bcdefgh"]
        rows[3]["Title"] = None  # NOT NULL
        bad = stage_rows(conn, tables.staging, rows)
        return bad, states(conn, tables)

    bad, there = state.run(stage)
    assert [row["order_key"] for row, _ in bad] == ["e"]
    assert "not-null" in bad[0][1].lower().replace(" ", "-")
    assert len(bad[0][1].splitlines()) == 1  # order data belongs in no message
    assert sorted(there) == list("abcdfgh")


@pytest.mark.parametrize("count", [0, 1, 300])
def test_something_else_can_be_done_while_rows_load(state, tables, shipped, count):
    called = []

    def stage(conn):
        run = start(conn, tables, shipped)
        batch = stage_items(conn, tables, run)
        rows = by_column([item_row(conn, run, batch, f"a{number}") for number in range(count)])
        staging.stage_columns(conn, tables.staging, rows, lambda: called.append(True))
        return len(states(conn, tables))

    assert state.run(stage) == count
    assert called


def test_cells_load_as_they_are_however_often_they_repeat(state, tables, shipped):
    """Among them an empty one, and equal numbers that are written differently."""
    prices = [Decimal("28.86"), None, Decimal("7.5"), Decimal("28.86"), Decimal("7.50"), None]
    dates = [date(2025, 9, 26), date(2025, 9, 26), None, None, date(2025, 9, 27), None]
    table = tables.staging
    price, day = table.c["CUSTOMER PRICE"], table.c["CUSTOMER EX FACTORY DATE"]

    def stage(conn):
        run = start(conn, tables, shipped)
        batch = stage_items(conn, tables, run)
        rows = [
            {
                **item_row(conn, run, batch, key),
                price.name: cost,
                "DISCOUNT": Decimal(1),
                day.name: when,
            }
            for key, cost, when in zip("abcdef", prices, dates, strict=True)
        ]
        assert stage_rows(conn, table, rows) == []
        return conn.execute(select(price, day, table.c.DISCOUNT).order_by(table.c.order_key)).all()

    loaded = state.run(stage)
    assert [tuple(row) for row in loaded] == [
        (cost, when, 1) for cost, when in zip(prices, dates, strict=True)
    ]


def test_what_a_dead_run_was_sending_is_in_doubt(state, tables, shipped):
    def die(conn):
        run = start(conn, tables, shipped)
        send(conn, tables, run, stage_items(conn, tables, run, "a", "b"))

    def recover(conn):
        run = start(conn, tables, shipped)
        count = staging.orphan_rows_to_unconfirmed(conn, tables, run)
        runs.orphan_requests_to_unknown(conn, tables, run)
        return count, states(conn, tables), runs.doubts(conn, tables, BOARD)

    state.run(die)
    count, there, doubts = state.run(recover)
    assert count == 2
    assert set(there.values()) == {RowState.UNCONFIRMED}
    assert [(d.kind, d.body, d.replays) for d in doubts] == [("create_items", b"{}", 0)]


def test_every_run_of_a_board_has_a_higher_fence_and_the_dead_are_named(state, tables, shipped):
    first = state.run(lambda conn: start(conn, tables, shipped))
    second = state.run(lambda conn: start(conn, tables, shipped))
    assert second.fence == first.fence + 1
    statuses = state.run(
        lambda conn: conn.execute(tables.runs.select().order_by(tables.runs.c.fence)).all()
    )
    assert [row.status for row in statuses] == ["DIED", "RUNNING"]


def test_a_run_that_lost_the_board_stops_writing(state, tables, shipped):
    old = state.run(lambda conn: start(conn, tables, shipped))
    state.run(lambda conn: runs.check_fence(conn, tables, old))
    state.run(lambda conn: start(conn, tables, shipped))
    with pytest.raises(StaleFence):
        state.run(lambda conn: runs.check_fence(conn, tables, old))


def test_an_answer_to_an_older_send_is_not_recorded(state, tables, shipped):
    def resend(conn):
        run = start(conn, tables, shipped)
        first = send(conn, tables, run, stage_items(conn, tables, run, "a"))
        second = runs.resend_request(conn, tables, run, first)
        return [runs.is_current_send(conn, tables, run, r) for r in (first, second)]

    assert state.run(resend) == [False, True]


def test_the_board_is_held_by_one_run_only_and_freed_afterwards(state):
    with (
        engine.board_lock(state, BOARD),
        pytest.raises(LockHeld),
        engine.board_lock(state, BOARD),
    ):
        pass
    with engine.board_lock(state, BOARD), engine.board_lock(state, "another board"):
        pass


def promote(conn, tables, shipped, run):
    return promotion.promote(conn, tables, shipped, run, "subitem-board")


def test_promotion_writes_what_monday_acknowledged(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        accept(conn, tables, send(conn, tables, run, stage_items(conn, tables, run, "a", "b")))
        counts = promote(conn, tables, shipped, run)
        return (
            counts,
            states(conn, tables),
            known.known_orders(conn, tables, BOARD, ["a", "b"], shipped),
        )

    counts, there, orders = state.run(work)
    assert counts[Unit.ITEM] == 2
    assert set(there.values()) == {RowState.PROMOTED}
    assert orders["a"].payload_hash == "h" * 64
    assert orders["a"].values["AAG ORDER NUMBER"] == "A"
    assert orders["a"].source_hash is None  # its size lines are not acknowledged yet


def test_promoting_again_doubles_nothing(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        accept(conn, tables, send(conn, tables, run, stage_items(conn, tables, run, "a")))
        promote(conn, tables, shipped, run)
        promote(conn, tables, shipped, run)
        return known.known_count(conn, tables, BOARD)

    assert state.run(work) == 1


def test_an_item_found_on_the_board_has_no_acknowledged_values(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        request = send(conn, tables, run, stage_items(conn, tables, run, "a"))
        accept(conn, tables, request, acknowledged=False)
        promote(conn, tables, shipped, run)
        return known.known_orders(conn, tables, BOARD, ["a"], shipped)["a"]

    assert state.run(work).payload_hash is None


def test_a_refused_row_never_reaches_production(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        request = send(conn, tables, run, stage_items(conn, tables, run, "a"))
        rows = staging.rows_of_request(
            conn, tables, Unit.ITEM, request.request_id, RowState.SENDING
        )
        staging.record_outcomes(
            conn, tables, Unit.ITEM, [Outcome(rows[0], Event.REFUSED, error_type="column_value")]
        )
        promote(conn, tables, shipped, run)
        return known.known_count(conn, tables, BOARD), states(conn, tables)

    assert state.run(work) == (0, {"a": RowState.API_FAILED})


def test_a_size_line_that_comes_late_is_promoted_although_its_order_was_before(
    state, tables, shipped
):
    def work(conn):
        run = start(conn, tables, shipped)
        batch = stage_items(conn, tables, run, "a")
        parent = staging.staged_ids(conn, tables, [batch], 0)["a"]
        rows = [line_row(conn, run, batch, "a", "M", parent)]
        assert stage_rows(conn, tables.staging_subitems, rows) == []
        accept(conn, tables, send(conn, tables, run, batch))
        staging.hand_down_parents(conn, tables, batch)
        promote(conn, tables, shipped, run)
        request = send(conn, tables, run, batch, Unit.SUBITEM)
        line = staging.rows_of_request(
            conn, tables, Unit.SUBITEM, request.request_id, RowState.SENDING
        )[0]
        staging.record_outcomes(
            conn, tables, Unit.SUBITEM, [Outcome(line, Event.ACCEPTED, item_id="77")]
        )
        promote(conn, tables, shipped, run)
        return known.known_orders(conn, tables, BOARD, ["a"], shipped)["a"]

    order = state.run(work)
    assert order.lines["m"].subitem_id == "77"
    assert order.lines["m"].quantity == 5


def test_waiting_lines_of_a_refused_order_are_found(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        batch = stage_items(conn, tables, run, "a")
        parent = staging.staged_ids(conn, tables, [batch], 0)["a"]
        stage_rows(conn, tables.staging_subitems, [line_row(conn, run, batch, "a", "M", parent)])
        before = staging.orphaned_lines(conn, tables, BOARD)
        request = send(conn, tables, run, batch)
        row = staging.rows_of_request(
            conn, tables, Unit.ITEM, request.request_id, RowState.SENDING
        )[0]
        staging.record_outcomes(conn, tables, Unit.ITEM, [Outcome(row, Event.REFUSED)])
        return before, staging.orphaned_lines(conn, tables, BOARD)

    before, after = state.run(work)
    assert before == []
    assert [(row.order_key, row.size_key) for row in after] == [("a", "m")]


def error(key="a", code="unknown_label", request_id=None, **more):
    return ErrorRow(
        unit=Unit.ITEM, order_key=key, customer="C", order_number="N", error_type=code,
        error_class="label", error_message="what, and what to do", request_id=request_id, **more,
    )  # fmt: skip


def open_codes(conn, tables):
    return sorted((e.order_key, e.error_type) for e in refused.open_errors(conn, tables, BOARD))


def test_there_is_one_open_error_per_key_and_code(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        for _ in range(3):
            refused.store_errors(conn, tables, run, [error(), error(code="too_long")])
        return open_codes(conn, tables)

    assert state.run(work) == [("a", "too_long"), ("a", "unknown_label")]


def test_an_error_closes_itself_when_the_row_is_sent(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        refused.store_errors(conn, tables, run, [error("a"), error("b")])
        accept(conn, tables, send(conn, tables, run, stage_items(conn, tables, run, "a")))
        promote(conn, tables, shipped, run)
        return open_codes(conn, tables)

    assert state.run(work) == [("b", "unknown_label")]


@pytest.mark.parametrize(
    ("judged", "still", "has_left", "left"),
    [
        ({"a"}, {("a", "", "unknown_label")}, "", ["a", "b"]),  # still wrong
        ({"a"}, set(), "", ["b"]),  # repaired
        (set(), set(), "a", ["b"]),  # vanished from the whole source
        (set(), set(), "", ["a", "b"]),  # outside the filters: nobody looked
    ],
)
def test_a_local_refusal_closes_only_when_it_is_no_longer_true(
    state, tables, shipped, judged, still, has_left, left
):
    def work(conn):
        run = start(conn, tables, shipped)
        refused.store_errors(conn, tables, run, [error("a"), error("b")])
        refused.close_stale(conn, tables, run, judged, still, has_left.__contains__)
        return [key for key, _ in open_codes(conn, tables)]

    assert state.run(work) == left


def test_a_refusal_of_monday_is_not_closed_by_looking_at_the_source(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        refused.store_errors(conn, tables, run, [error("a", request_id="r")])
        refused.close_stale(conn, tables, run, {"a"}, set(), lambda _key: False)
        return open_codes(conn, tables)

    assert state.run(work) == [("a", "unknown_label")]


def test_tries_of_all_runs_add_up_until_a_person_has_to_decide(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        later = engine.now(conn)
        seen = []
        for _ in range(4):
            refused.store_errors(
                conn, tables, run,
                [error(request_id="r", retry_count=4, max_retries_reached=False,
                       next_try_at=later)],
            )  # fmt: skip
            found = refused.open_errors(conn, tables, BOARD)[0]
            seen.append((found.retry_count, found.max_retries_reached))
        return seen

    assert state.run(work) == [(4, False), (8, False), (12, True), (16, True)]


@pytest.mark.parametrize("was_all", [True, False])
def test_a_move_changes_the_group_and_is_acknowledged_when_nothing_else_was_needed(
    state, tables, shipped, was_all
):
    def work(conn):
        run = start(conn, tables, shipped)
        accept(conn, tables, send(conn, tables, run, stage_items(conn, tables, run, "a")))
        promote(conn, tables, shipped, run)
        conn.execute(tables.production.update().values({"Group": "OLD", "group_id": "old"}))
        title = "GREYSON CLOTHIERS 2025 FALL"
        groups.see_groups(conn, tables, run, [(title.casefold(), title, "new")])
        batch = stage_items(conn, tables, run, "a", operation=Operation.MOVE)
        known.withdraw(conn, tables, BOARD, Unit.ITEM, [("a", "")])
        before = known.known_orders(conn, tables, BOARD, ["a"], shipped)["a"]
        accept(conn, tables, send(conn, tables, run, batch), acknowledged=was_all)
        promote(conn, tables, shipped, run)
        return before, known.known_orders(conn, tables, BOARD, ["a"], shipped)["a"]

    before, after = state.run(work)
    digest = "h" * 64 if was_all else None
    assert before.payload_hash is None
    assert after == replace(
        before, group="GREYSON CLOTHIERS 2025 FALL", payload_hash=digest
    )  # fmt: skip


def test_an_archived_order_and_its_lines_leave_what_the_board_is_known_to_hold(
    state, tables, shipped
):
    def work(conn):
        run = start(conn, tables, shipped)
        batch = stage_items(conn, tables, run, "a", "b")
        accept(conn, tables, send(conn, tables, run, batch))
        staging.hand_down_parents(conn, tables, batch)
        for key in ("a", "b"):
            rows = [line_row(conn, run, batch, key, "M", parent_item="1")]
            assert stage_rows(conn, tables.staging_subitems, rows) == []
        request = send(conn, tables, run, batch, Unit.SUBITEM)
        lines = staging.rows_of_request(
            conn, tables, Unit.SUBITEM, request.request_id, RowState.SENDING
        )
        staging.record_outcomes(
            conn, tables, Unit.SUBITEM,
            [Outcome(row, Event.ACCEPTED, item_id=f"7{row.stg_id}") for row in lines],
        )  # fmt: skip
        promote(conn, tables, shipped, run)
        removal = stage_items(conn, tables, run, "a", operation=Operation.REMOVE)
        accept(conn, tables, send(conn, tables, run, removal))
        promote(conn, tables, shipped, run)
        left = conn.execute(tables.production_subitems.select()).all()
        return (
            known.known_orders(conn, tables, BOARD, ["a", "b"], shipped),
            [row.order_key for row in left],
        )

    orders, lines = state.run(work)
    assert list(orders) == ["b"]
    assert lines == ["b"]


def test_a_settled_request_is_no_doubt_any_more(state, tables, shipped):
    def work(conn):
        run = start(conn, tables, shipped)
        request = send(conn, tables, run, stage_items(conn, tables, run, "a"))
        runs.answer_request(conn, tables, request.request_id, RequestState.UNKNOWN, {})
        before = len(runs.doubts(conn, tables, BOARD))
        runs.set_request_state(conn, tables, request.request_id, RequestState.SETTLED)
        return before, len(runs.doubts(conn, tables, BOARD))

    assert state.run(work) == (1, 0)
