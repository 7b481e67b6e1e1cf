"""Orders that leave the source, and items that people take off the board."""

from __future__ import annotations

import sqlite3

import pytest

from order_sync.errors import ConfigError, ExitCode, GuardStopped
from order_sync.guards import Limits
from order_sync.rules.filters import Filters

from .changes import CHANGES, full_order
from .world import World

ANY = Limits(max_removals="100%")
ROWS = [full_order(f"GRE-{number}") for number in range(1, 5)]
FIRST, *OTHERS = ROWS
CANCELLED = FIRST | {"ORDER TYPE": "CANCELLED"}


def known_board(world: World, policy: str = "report") -> None:
    world.treats_vanished_orders(policy)
    world.has_orders(*ROWS)
    assert world.sync().exit_code is ExitCode.DONE


def item_of(world: World, number: str):
    return next(item for item in world.items() if item.name.endswith(number))


def test_a_size_column_the_source_has_lost_takes_no_pieces_off_the_board(world):
    known_board(world)
    seen = world.mutations()
    with sqlite3.connect(world.path) as db:
        db.execute('ALTER TABLE ORDERS_UNIFIED RENAME COLUMN "L" TO "LARGE"')
    db.close()

    for look in (world.sync, world.plan):
        with pytest.raises(ConfigError, match="size column") as stop:
            look()
        assert " L," in stop.value.message

    assert world.mutations() == seen
    world.assert_board_shows(ROWS)


# Orders that leave the source

SHOWN = {"report": [FIRST], "cancel": [CANCELLED], "archive": []}


@pytest.mark.parametrize("policy", SHOWN)
def test_a_vanished_order_is_treated_as_the_profile_says(world, policy):
    known_board(world, policy)
    began = len(world.sandbox.request_log)
    world.has_orders(*OTHERS)

    report = world.sync(limits=ANY)

    assert report.exit_code is ExitCode.DONE
    world.assert_board_shows([*SHOWN[policy], *OTHERS])
    writes = [write.operation for write in world.writes(began)]
    assert (
        writes
        == {
            "report": [],
            "cancel": ["change_multiple_column_values"] * 3,  # the order type and two sizes
            "archive": ["archive_item"],
        }[policy]
    )
    assert len(report.reported) == (policy == "report")
    assert report.orders_archived == (policy == "archive")
    world.assert_nothing_left_to_do()


@pytest.mark.parametrize("policy", SHOWN)
def test_a_vanished_order_that_returns_is_on_the_board_once(world, policy):
    known_board(world, policy)
    before = item_of(world, "GRE-1").id
    world.has_orders(*OTHERS)
    world.sync(limits=ANY)
    world.has_orders(*ROWS)

    assert world.sync().exit_code is ExitCode.DONE

    world.assert_board_shows(ROWS)
    assert (item_of(world, "GRE-1").id == before) is (policy != "archive")
    world.assert_nothing_left_to_do()


@pytest.mark.parametrize("policy", ["cancel", "archive"])
@pytest.mark.parametrize(
    "filters", [Filters(customer="GREYSON CLOTHIERS"), Filters(po="4755"), Filters(key="GRE-1")],
    ids=str,
)  # fmt: skip
def test_a_filtered_run_takes_nothing_for_vanished(world, policy, filters):
    known_board(world, policy)
    before = world.mutations()
    world.has_orders(*OTHERS)

    assert world.sync(filters, limits=ANY).exit_code is ExitCode.DONE

    assert world.mutations() == before
    world.assert_board_shows(ROWS)


@pytest.mark.parametrize("policy", ["cancel", "archive"])
def test_a_guard_stops_the_run_before_many_orders_go(world, policy):
    known_board(world, policy)
    before = world.mutations()
    world.has_orders(*OTHERS)

    with pytest.raises(GuardStopped, match="1 of 4 known order lines") as stop:
        world.sync()

    assert stop.value.exit_code == 8
    assert "--max-removals 1" in stop.value.hint
    assert world.mutations() == before
    world.assert_board_shows(ROWS)
    assert world.sync(limits=Limits(max_removals="1")).exit_code is ExitCode.DONE
    world.assert_board_shows([*SHOWN[policy], *OTHERS])


def test_the_guard_counts_what_would_go_and_not_what_went_before(world):
    known_board(world, "cancel")
    world.has_orders(*OTHERS)
    world.sync(limits=ANY)
    world.assert_nothing_left_to_do()  # under the default of 5 %


def test_a_vanished_order_nobody_has_written_yet_keeps_its_values(world):
    """Its item was made by hand and taken over; the run died before it wrote anything."""
    known_board(world, "cancel")
    values = {"AAG ORDER NUMBER": "GRE-9", "STYLE": "M01Y09", "COLOR": "DEAN BLUE",
              "NOTES": "by a planner"}  # fmt: skip
    made = world.sandbox.person_creates(world.board.id, "By hand", "typed by a planner", values)
    world.has_orders(*ROWS, full_order("GRE-9"))
    query = f"""SELECT count(*) FROM MON_CustMasterSchedule WHERE "Item ID" = '{made}'"""
    number = 1
    while world.query(query) == [(0,)]:
        world.sync_that_dies("after-write", number)
        number += 1
    assert world.sandbox.item(made).values["NOTES"] == "by a planner"
    world.has_orders(*ROWS)

    assert world.sync(limits=ANY).exit_code is ExitCode.DONE

    assert world.sandbox.item(made).values == values | {"ORDER TYPE": "CANCELLED"}


# Items that people take off the board


@pytest.mark.parametrize("how", ["person_deletes", "person_archives"])
@pytest.mark.parametrize(
    "change",
    ["number", "season", "moved and changed", "cancelled", "cancelled and moved", "size changed",
     "size new", "size gone", "sizes swapped"],
)  # fmt: skip
def test_a_changed_order_whose_item_is_gone_waits_for_a_person(world, change, how):
    known_board(world)
    getattr(world.sandbox, how)(item_of(world, "GRE-1").id)
    others = [CHANGES["text"](row) for row in OTHERS]
    world.has_orders(CHANGES[change](FIRST), *others)

    first = world.sync()
    began = len(world.sandbox.request_log)
    second = world.sync()

    assert first.exit_code is second.exit_code is ExitCode.ROWS_LEFT
    codes = {refused.code for refused in second.refused}
    assert "gone_from_board" in codes <= {"gone_from_board", "parent_failed"}
    assert {refused.order_key[:5] for refused in second.refused} == {"gre-1"}
    assert world.writes(began) == []
    assert sorted(item.name[-5:] for item in world.items()) == ["GRE-2", "GRE-3", "GRE-4"]
    for item, row in zip(sorted(world.items(), key=lambda i: i.name), others, strict=True):
        assert item.values["PO NUMBER"] == row["PO NUMBER"]


def test_an_unchanged_order_whose_item_is_gone_is_no_reason_to_write(world):
    known_board(world)
    world.sandbox.person_deletes(item_of(world, "GRE-1").id)
    world.assert_nothing_left_to_do()


@pytest.mark.parametrize("change", ["size changed", "moved and changed", "cancelled"])
def test_a_size_whose_subitem_is_gone_waits_alone(world, change):
    """The rest of its order goes through."""
    known_board(world)
    line = next(s for s in item_of(world, "GRE-1").subitems if s.values["Size"] == "M")
    world.sandbox.person_deletes(line.id)
    row = CHANGES[change](FIRST)
    world.has_orders(row, *OTHERS)

    first = world.sync()
    began = len(world.sandbox.request_log)
    second = world.sync()

    assert first.exit_code is second.exit_code is ExitCode.ROWS_LEFT
    assert [(e.code, e.order_key[:5], e.size_key) for e in second.refused] == [
        ("gone_from_board", "gre-1", "m")
    ]
    assert world.writes(began) == []
    item = item_of(world, "GRE-1")
    assert item.values["ORDER TYPE"] == ("CANCELLED" if change == "cancelled" else "RECEIVED")
    assert item.values["CUSTOMER PRICE"] == row["CUSTOMER PRICE"]
    pieces = {s.values["Size"]: s.values["Order Qty"] for s in item.subitems}
    assert pieces["L"] == ("0" if change == "cancelled" else "4")


def test_orders_of_a_deleted_group_wait_and_a_new_order_gets_its_group_anew(world):
    known_board(world)
    group = next(g for g in world.sandbox.account.board(world.board.id).groups if g.items)
    with world.sandbox.lock:
        world.sandbox.account.close_group(group, "deleted")
    new = full_order("GRE-9")
    world.has_orders(CHANGES["number"](FIRST), *OTHERS, new)

    report = world.sync()

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert [(e.code, e.order_key[:5]) for e in report.refused] == [("gone_from_board", "gre-1")]
    assert [(i.name[-5:], i.group_title) for i in world.items()] == [
        ("GRE-9", "GREYSON CLOTHIERS 2025 FALL")
    ]


def test_an_order_moves_into_a_group_that_was_deleted_and_is_made_anew(world):
    known_board(world)
    spring = CHANGES["season"](FIRST)
    world.has_orders(spring, *OTHERS)
    world.sync()
    world.has_orders(*ROWS)
    world.sync()
    board = world.sandbox.account.board(world.board.id)
    with world.sandbox.lock:
        empty = next(g for g in board.active_groups if g.title.endswith("2026 SPRING"))
        world.sandbox.account.close_group(empty, "deleted")
    world.has_orders(spring, *OTHERS)

    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_shows([spring, *OTHERS])


# Refusals that people take back

BAD = {
    "negative_quantity": [FIRST | {"L": -4}],
    "unknown_label": [FIRST | {"CUSTOMER NAME": "NOBODY WE KNOW"}],
    "too_long": [FIRST | {"NOTES": "n" * 2_001}],
    "duplicate_key": [FIRST, FIRST | {"M": 9}],
}


@pytest.mark.parametrize("code", BAD)
def test_a_bad_edit_that_is_taken_back_leaves_no_error(world, code):
    """The row is what the board shows already, so nothing has to be sent."""
    known_board(world)
    world.has_orders(*BAD[code], *OTHERS)
    assert world.sync().exit_code is ExitCode.ROWS_LEFT
    assert [error for _, error in world.errors()] == [code]
    world.assert_board_shows(ROWS)
    world.has_orders(*ROWS)

    world.assert_nothing_left_to_do()

    assert world.errors() == []
