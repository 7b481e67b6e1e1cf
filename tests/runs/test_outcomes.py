"""What a run reports is what is true: refusals, repairs, changes, guards, limits."""

from __future__ import annotations

import pytest

from order_sync.delivery import sender
from order_sync.errors import ExitCode, GuardStopped
from order_sync.guards import Limits
from order_sync.rules.filters import Filters
from order_sync.rules.states import ChangeType

from .world import MAPPING, order

pytestmark = pytest.mark.databases

GOOD = [order("GRE-1"), order("GRE-2")]
BAD = {
    "missing_key": order("GRE-8", style=" "),
    "negative_quantity": order("GRE-9", L=-4),
    "name_too_long": order("GRE-10", style="X" * 250),
    "unknown_label": order("GRE-11", CUSTOMER_NAME="QUILLMERE TRADING"),
    "too_long": order("GRE-12", NOTES="n" * 2_001),
    "missing_customer": order("GRE-13", CUSTOMER_NAME="N/A"),
}


def test_bad_rows_stand_in_err_with_what_to_do_and_the_others_on_the_board(world):
    twins = [order("GRE-14"), order("GRE-14", M=9)]
    world.has_orders(*GOOD, *BAD.values(), *twins)
    before = world.query("SELECT * FROM ORDERS_UNIFIED")

    report = world.sync()

    assert report.exit_code is ExitCode.ROWS_LEFT
    world.assert_board_equals_source(GOOD)
    assert sorted(code for _, code in world.errors()) == sorted([*BAD, "duplicate_key"])
    told = world.query("SELECT error_message, field, value FROM ERR_MON_CustMasterSchedule")
    assert all(len(message) > 30 for message, _, _ in told)
    assert world.query("SELECT * FROM ORDERS_UNIFIED") == before
    assert {refused.code for refused in report.refused} == {*BAD, "duplicate_key"}


def test_a_repaired_row_goes_through_and_its_error_closes_itself(world):
    world.has_orders(*GOOD, BAD["negative_quantity"])
    world.sync()
    repaired = order("GRE-9", L=4)
    world.has_orders(*GOOD, repaired)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    assert world.errors() == []
    world.assert_board_equals_source([*GOOD, repaired])
    closed = world.query("SELECT resolution, resolved_by FROM ERR_MON_CustMasterSchedule")
    assert closed == [("repaired", "order-sync")]


def test_a_bad_row_that_left_the_source_is_no_error_any_more(world):
    world.has_orders(*GOOD, BAD["missing_key"])
    world.sync()
    world.has_orders(*GOOD)
    assert world.sync().exit_code is ExitCode.DONE
    assert world.errors() == []


def test_a_filtered_run_closes_no_error_of_orders_it_did_not_look_at(world):
    world.has_orders(*GOOD, BAD["negative_quantity"] | {"PO NUMBER": "77"})
    world.sync()
    world.has_orders(*GOOD)
    report = world.sync(Filters(po="4755"))
    assert report.exit_code is ExitCode.DONE
    assert [code for _, code in world.errors()] == ["negative_quantity"]


def test_the_answer_to_a_write_is_on_record_and_a_long_page_is_cut(world, monkeypatch):
    monkeypatch.setattr(sender, "MOST_KEPT", 12)
    world.has_orders(GOOD[0])
    world.sync()
    answers = world.query("SELECT answer FROM MON_ApiRequests WHERE idempotency_key IS NOT NULL")
    assert {bytes(answer) for (answer,) in answers} == {b'{"data":{"co'}
    reads = world.query("SELECT answer FROM MON_ApiRequests WHERE idempotency_key IS NULL")
    assert set(reads) == {(None,)}


def test_a_poisonous_row_is_refused_alone(world):
    """A value the board refuses for this row must not cost the others their place."""
    rows = [*GOOD, order("GRE-3")]
    world.has_orders(*rows)
    world.sandbox.add_fault("500-alias", times=0, match="create_item")

    report = world.sync()

    assert report.exit_code in (ExitCode.ROWS_LEFT, ExitCode.DONE)
    known = world.query("SELECT count(*) FROM MON_CustMasterSchedule")[0][0]
    assert known == len(world.items())
    refused = [code for _, code in world.errors()]
    assert known + len(refused) == len(rows)
    assert set(refused) <= {"outcome_unknown"}


def test_an_unknown_outcome_that_never_clears_ends_with_a_person(make_world):
    world = make_world(idempotency=False)
    world.extra["ORDER_SYNC_MONDAY__MAX_ATTEMPTS"] = "2"
    world.has_orders(GOOD[0])
    world.sandbox.add_fault("lose-answer-before-write", times=0, match="create_item")

    report = world.sync()
    again = world.sync()

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert [code for _, code in world.errors()] == ["outcome_unknown"]
    assert again.exit_code is ExitCode.ROWS_LEFT
    assert again.write_calls == 0  # it waits for a person, whatever the payload
    assert world.items() == []


def test_a_changed_order_is_written_where_it_differs_and_nowhere_else(world):
    world.has_orders(*GOOD)
    world.sync()
    before = len(world.sandbox.request_log)
    world.has_orders(order("GRE-1", CUSTOMER_PRICE="30"), GOOD[1] | {"ORDER TYPE": "CANCELLED"})

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    assert report.orders_done == {"CHANGED": 1, "CANCELLED": 1}
    assert len(world.writes(before)) == 4  # a price, an order type, two sizes
    shown = {item.name[-5:]: item for item in world.items()}
    assert shown["GRE-1"].values["CUSTOMER PRICE"] == "30"
    assert shown["GRE-1"].values["ORDER TYPE"] == "RECEIVED"
    assert shown["GRE-2"].values["CUSTOMER PRICE"] == "28.86"
    assert shown["GRE-2"].values["ORDER TYPE"] == "CANCELLED"
    assert world.lines_on_board() == [
        ("M01Y09 DEAN BLUE GRE-1", "L", "4"), ("M01Y09 DEAN BLUE GRE-1", "M", "3"),
        ("M01Y09 DEAN BLUE GRE-2", "L", "0"), ("M01Y09 DEAN BLUE GRE-2", "M", "0"),
    ]  # fmt: skip
    assert world.sync().write_calls == 0


def test_an_order_with_a_part_that_is_not_done_is_not_counted_as_done(world):
    world.extra["ORDER_SYNC_MONDAY__MAX_ATTEMPTS"] = "1"
    world.has_orders(*GOOD)
    world.sandbox.add_fault("423-alias", times=1, match="create_subitem")

    report = world.sync()

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert (report.orders_created, report.size_lines_created) == (2, 3)
    assert report.orders_done == {"NEW": 1}


def test_an_order_that_left_the_source_is_listed_only_when_the_whole_source_was_read(world):
    world.has_orders(*GOOD)
    world.sync()
    world.has_orders(GOOD[0])
    report = world.sync()
    assert [(c.order_key, c.change) for c in report.reported] == [
        ("gre-2|m01y09|dean blue", ChangeType.DELETED)
    ]
    assert world.sync(Filters(po="4755")).reported == ()
    assert len(world.items()) == 2


@pytest.mark.parametrize("limits", [Limits(max_creates=1), Limits(max_calls=3)])
def test_a_guard_stops_the_run_before_it_writes(world, limits):
    world.has_orders(*GOOD)
    with pytest.raises(GuardStopped):
        world.sync(limits=limits)
    assert world.mutations() == 0
    assert world.query("SELECT status, exit_code FROM MON_SyncRuns") == [("STOPPED", 8)]


def test_limit_cuts_what_is_sent_and_the_next_run_goes_on(world):
    rows = [order(f"GRE-{n}") for n in range(1, 8)]
    world.has_orders(*rows)
    assert world.sync(Filters(limit=5)).orders_created == 5
    assert world.sync().orders_created == 2
    world.assert_board_equals_source(rows)


def test_filters_restrict_and_combine(world):
    other = order("GRE-3", PO_NUMBER="1")
    stranger = order("JOO-1", CUSTOMER_NAME="JOHNNIE O")
    world.has_orders(*GOOD, other, stranger)
    world.sync(Filters(customer=" greyson  clothiers ", po="4755"))
    world.assert_board_equals_source(GOOD)


def test_nothing_but_mapped_columns_is_ever_written(world):
    world.has_orders(*GOOD)
    world.sync()
    mapped = {column.title for column in MAPPING.columns}
    assert world.sandbox.written_columns(world.board.id) <= mapped | {"Name"}
    below = world.sandbox.written_columns(world.board.subitem_board_id)
    assert below <= {"Name", "Size", "Order Qty"}


HOSTILE = [
    'He said "no"; DROP TABLE MON_CustMasterSchedule; --',
    "it's a `back\\slash` and {curly: $name} }",
    "emoji 🧵🪡 and ünïcödé, a family 👩‍🏭",
    "first line\nsecond line",
    'mutation { delete_item(item_id: 1) { id } }"',
    "x" * 2_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_arrive_unchanged(world, text):
    world.has_orders(order("GRE-1", NOTES=text))
    assert world.sync().exit_code is ExitCode.DONE
    assert world.items()[0].values["NOTES"] == text
    assert world.query("SELECT NOTES FROM MON_CustMasterSchedule") == [(text,)]


def test_the_token_stands_in_no_table(world):
    world.has_orders(*GOOD)
    world.sandbox.add_fault("429", times=1)
    world.sync()
    content = b"".join(p.read_bytes() for p in world.folder.glob("orders.db*"))
    assert b"must-never-be-seen" not in content


def test_a_board_with_another_name_than_expected_is_not_touched(world):
    from order_sync.errors import BoardMismatch

    world.has_orders(*GOOD)
    world.extra["ORDER_SYNC_MONDAY__BOARD_NAME"] = "Production"
    with pytest.raises(BoardMismatch, match="is named"):
        world.sync()
    assert world.mutations() == 0


def test_every_request_and_event_of_an_order_is_on_record(world):
    world.has_orders(GOOD[0])
    world.sync()
    events = [
        row[0]
        for row in world.query(
            "SELECT event FROM MON_OrderEvents WHERE size_key IS NULL ORDER BY event_id"
        )
    ]
    assert events == ["STAGED", "CLAIMED", "ACCEPTED", "RECORDED"]
    requests = world.query("SELECT kind, state, http_status FROM MON_ApiRequests")
    assert len(requests) == len(world.sandbox.request_log)
    assert {state for _, state, _ in requests} == {"SETTLED"}


def test_a_double_on_the_board_stays_refused_until_a_person_decides(world):
    world.has_orders(GOOD[0])
    world.sync()
    values = {"AAG ORDER NUMBER": "GRE-2", "STYLE": "M01Y09", "COLOR": "DEAN BLUE"}
    for name in ("one", "two"):
        world.sandbox.person_creates(world.board.id, "By hand", name, values)
    world.has_orders(*GOOD)
    before = world.mutations()

    codes = []
    for _ in range(3):
        assert world.sync().exit_code is ExitCode.ROWS_LEFT
        codes.append([code for _, code in world.errors()])

    assert codes == [["duplicate_on_board"]] * 3
    assert world.mutations() == before


def test_an_order_taken_over_counts_as_one_order(world):
    world.has_orders(GOOD[0])
    world.sync()
    values = {"AAG ORDER NUMBER": "GRE-2", "STYLE": "M01Y09", "COLOR": "DEAN BLUE"}
    world.sandbox.person_creates(world.board.id, "By hand", "one", values)
    world.has_orders(*GOOD)
    assert world.sync().customers == {"GREYSON CLOTHIERS": {"orders": 1, "size lines": 2}}


def test_a_board_that_was_emptied_is_told(world):
    world.has_orders(*GOOD)
    world.sync()
    for item in world.items():
        world.sandbox.person_deletes(item.id)
    assert any("shows no items" in notice for notice in world.sync().notices)
