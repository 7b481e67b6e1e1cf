"""Delivery and errors: what must not happen between staging and the board."""

from __future__ import annotations

import pytest

from order_sync.errors import ExitCode
from order_sync.rules.filters import Filters
from tests.runs.world import World, order

lesson = pytest.mark.lesson
ROWS = [order(f"GRE-{number}") for number in range(1, 4)]


def known_ids(world: World) -> dict[str, str]:
    return dict(world.query('SELECT Title, "Item ID" FROM MON_CustMasterSchedule'))


@lesson("D01")
def test_a_create_whose_answer_was_lost_is_never_sent_blindly_again(make_world):
    world = make_world(idempotency=False)
    world.has_orders(*ROWS)
    world.sandbox.add_fault("lose-answer-after-write", match="create_item")
    world.sync()
    world.assert_board_equals_source(ROWS)


@lesson("D02")
def test_the_good_part_of_a_document_is_never_thrown_away(world):
    world.has_orders(*ROWS)
    world.sandbox.add_fault("423-alias", alias=1, match="create_item")
    world.sync()
    world.assert_board_equals_source(ROWS)
    sent = sum(e.operations.count("create_item") for e in world.sandbox.request_log)
    assert sent == len(ROWS) + 1


@lesson("D03")
def test_an_id_never_goes_to_the_wrong_order(world):
    world.has_orders(*ROWS)
    world.sandbox.add_fault("500-alias", alias=0, match="create_item")
    world.sync()
    assert known_ids(world) == {item.name: item.id for item in world.items()}


@lesson("D05")
def test_a_group_is_never_made_once_per_order(world):
    rows = [order(f"GRE-{number}") for number in range(1, 30)]
    world.has_orders(*rows)
    world.sync()
    made = [entry for entry in world.sandbox.request_log if "create_group" in entry.document]
    assert len(made) == 1
    assert world.groups_on_board() == ["GREYSON CLOTHIERS 2025 FALL"]


@lesson("D06")
def test_the_group_of_another_board_is_never_used(world):
    world.has_orders(ROWS[0])
    world.sync()
    other = world.sandbox.add_board("customer-master-schedule", name="Production")
    world.extra["ORDER_SYNC_MONDAY__BOARD_ID"] = other.id

    world.sync()

    (item,) = world.sandbox.items(other.id)
    assert item.group_title == "GREYSON CLOTHIERS 2025 FALL"
    assert len(world.items()) == 1


@lesson("D07")
def test_a_group_somebody_removed_never_fails_its_orders(world):
    world.has_orders(ROWS[0])
    world.sync()
    group = next(g for g in world.sandbox.account.board(world.board.id).groups if g.items)
    with world.sandbox.lock:
        world.sandbox.account.close_group(group, "deleted")
    world.has_orders(*ROWS)

    report = world.sync()

    assert report.orders_created == 2
    assert not [error for error in report.refused if error.code == "group_gone"]


@lesson("D09")
def test_an_order_never_lands_in_whatever_group_is_there(world):
    rows = [ROWS[0], ROWS[1] | {"AAG SEASON": "2026 SPRING"}, ROWS[2] | {"AAG SEASON": None}]
    world.has_orders(*rows)
    world.sync()
    assert {item.name[-5:]: item.group_title for item in world.items()} == {
        "GRE-1": "GREYSON CLOTHIERS 2025 FALL",
        "GRE-2": "GREYSON CLOTHIERS 2026 SPRING",
        "GRE-3": "GREYSON CLOTHIERS UNKNOWN_SEASON",
    }


@lesson("D13")
def test_a_label_the_board_lacks_never_fails_the_orders_beside_it(world):
    world.has_orders(ROWS[0], ROWS[1] | {"ORDER TYPE": "PERHAPS"}, ROWS[2])
    report = world.sync()
    assert [(e.code, e.field, e.value) for e in report.refused] == [
        ("unknown_label", "ORDER TYPE", "PERHAPS")
    ]
    world.assert_board_equals_source([ROWS[0], ROWS[2]])


@lesson("D14")
def test_a_full_column_of_labels_never_fails_a_document(world):
    world.has_orders(ROWS[0])
    world.sync()
    labels = world.sandbox.account.board(world.board.id).column_titled("AAG SEASON").labels
    for number in range(labels.cap - len(labels)):
        labels.add(f"OLD SEASON {number}")
    world.has_orders(ROWS[0], ROWS[1] | {"AAG SEASON": "2031 SPRING"}, ROWS[2])

    report = world.sync()

    assert [(e.code, e.field, e.value) for e in report.refused] == [
        ("label_limit", "AAG SEASON", "2031 SPRING")
    ]
    world.assert_board_equals_source([ROWS[0], ROWS[2]])


@lesson("D23")
def test_the_wait_a_server_asks_for_is_never_ignored(world):
    world.has_orders(ROWS[0])
    world.sandbox.add_fault("429", times=1, retry_s=3, match="create_item")
    assert world.sync().exit_code is ExitCode.DONE
    log = [e for e in world.sandbox.request_log if "create_item" in e.operations]
    assert [e.http_status for e in log] == [429, 200]
    assert log[1].at - log[0].at >= 3


@lesson("E01")
def test_a_refused_row_is_never_missing_from_the_error_table(world):
    """One that monday.com refuses, and one that is not sent at all."""
    world.has_orders(*ROWS, order("GRE-9", M=-3))
    world.extra["ORDER_SYNC_MONDAY__MAX_ATTEMPTS"] = "1"
    world.sandbox.add_fault("423-alias", alias=0, match="create_item")
    world.sync()
    states = dict(world.query("SELECT order_key, stg_status FROM STG_MON_CustMasterSchedule"))
    (failed,) = [key for key, state in states.items() if state == "API_FAILED"]
    stored = world.query(
        "SELECT order_key, error_type, original_data IS NOT NULL, api_payload IS NOT NULL, "
        "next_try_at IS NOT NULL FROM ERR_MON_CustMasterSchedule ORDER BY error_type"
    )
    assert stored == [
        (failed, "locked", 1, 1, 1),
        ("gre-9|m01y09|dean blue", "negative_quantity", 1, 0, 0),
    ]


@lesson("E02")
def test_rows_that_wait_are_never_deleted_at_the_next_start(world):
    refused, waiting = order("GRE-9", M=-3), order("RHY-1", CUSTOMER_NAME="RHYTHM")
    world.has_orders(*ROWS, refused)
    world.sync_that_dies("before-send", 11)  # the intent of its items is stored
    query = "SELECT stg_id, order_key FROM STG_MON_CustMasterSchedule ORDER BY 1"
    staged, errors = world.query(query), world.errors()
    assert staged
    assert errors
    world.has_orders(*ROWS, refused, waiting)

    world.sync(Filters(customer="RHYTHM"))

    assert set(staged) <= set(world.query(query))
    assert world.errors() == errors


@lesson("E03")
def test_a_refused_row_is_never_left_without_another_try(world):
    world.has_orders(*ROWS)
    world.sandbox.add_fault("423-alias", alias=0, match="create_item", times=0)
    world.extra["ORDER_SYNC_MONDAY__MAX_ATTEMPTS"] = "1"
    assert world.sync().exit_code is ExitCode.ROWS_LEFT
    world.sandbox.clear_faults()

    assert world.sync(command="retry", only_failed=True).exit_code is ExitCode.DONE

    world.assert_board_equals_source(ROWS)
