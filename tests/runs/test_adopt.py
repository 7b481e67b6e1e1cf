"""An existing board is learned: what it holds is known afterwards, and nothing of it is changed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from order_sync.errors import ExitCode
from order_sync.rules.filters import Filters

from .adopting import (
    COPY,
    KEYS,
    ROWS,
    adopt,
    assert_repaired,
    fill,
    forget_all,
    item_of,
    keys_known,
)
from .changes import full_order
from .test_changes import assert_team_columns_stand, team_fills_its_columns
from .world import MAPPING, World


def line_of(world: World, number: str, size: str) -> Any:
    return next(line for line in item_of(world, number).subitems if line.values.get("Size") == size)


@pytest.fixture
def filled(world: World) -> World:
    return fill(world)


# A board that shows the source


def test_a_sync_after_it_sends_nothing_when_the_board_shows_the_source(filled):
    report = adopt(filled)

    assert report.exit_code is ExitCode.DONE
    assert (report.items_read, report.adopted, report.as_wanted) == (4, 4, 4)
    assert (report.size_lines, report.size_lines_differing) == (8, 0)
    assert (report.refreshed, report.to_create, report.differing) == (0, 0, {})
    filled.assert_nothing_left_to_do()
    filled.assert_board_shows(ROWS)


def test_nothing_is_written_to_the_board(filled):
    filled.sandbox.person_sets(item_of(filled, "GRE-1").id, "NOTES", "other words")
    filled.sandbox.person_creates(filled.board.id, "By hand", "a copy", COPY)
    before = filled.mutations()

    adopt(filled)
    adopt(filled, Filters(key="GRE-2"))

    assert filled.mutations() == before


def test_what_was_learned_is_read_anew_the_next_time(filled):
    adopt(filled)
    filled.sandbox.person_sets(item_of(filled, "GRE-1").id, "NOTES", "typed over")

    report = adopt(filled)

    assert (report.adopted, report.refreshed, report.as_wanted) == (0, 4, 3)
    assert report.differing == {"NOTES": 1}
    notes = "SELECT order_key FROM MON_CustMasterSchedule WHERE NOTES = 'typed over'"
    assert filled.query(notes) == [(KEYS[0],)]
    assert_repaired(filled)


def test_a_board_without_items_is_learned_as_such(world):
    world.has_orders(*ROWS)

    report = adopt(world)

    assert (report.exit_code, report.items_read, report.to_create) == (ExitCode.DONE, 0, 4)
    assert keys_known(world) == []


def test_an_order_the_board_lacks_is_counted_and_created_by_the_next_sync(filled):
    more = [*ROWS, full_order("GRE-9")]
    filled.has_orders(*more)

    assert adopt(filled).to_create == 1

    assert filled.sync().orders_created == 1
    filled.assert_board_shows(more)


def test_the_run_is_on_record_with_its_requests_and_each_order_has_its_event(filled):
    report = adopt(filled)

    rows = "SELECT run_id, command, exit_code, orders_read FROM MON_SyncRuns"
    assert filled.query(rows) == [(report.run_id, "adopt", 0, 4)]
    requests = "SELECT count(*) FROM MON_ApiRequests WHERE run_id IS NOT NULL"
    assert filled.query(requests) == [(report.calls,)]
    events = "SELECT order_key FROM MON_OrderEvents WHERE event = 'ADOPTED' ORDER BY 1"
    assert [row[0] for row in filled.query(events)] == KEYS


HOSTILE = [
    'He said "no"; DROP TABLE MON_CustMasterSchedule; --',
    "it's a `back\\slash` | pipe and {curly: $name} }",
    "emoji 🧵🪡 and ünïcödé, a family 👩‍🏭",
    "first line\nsecond line",
    "\u202eright to left\u200f",
    "x" * 2_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_learned_as_they_stand(world, text):
    """Both as values of the source and as what people typed."""
    style = " ".join(text.split())[:60]
    rows = [full_order("GRE-1", CUSTOMER_STYLE=style, NOTES=text), full_order("GRE-2")]
    world.has_orders(*rows)
    assert world.sync().exit_code is ExitCode.DONE
    forget_all(world, *rows)
    world.sandbox.person_sets(item_of(world, "GRE-2").id, "NOTES", text)

    report = adopt(world)

    assert (report.adopted, report.differing) == (2, {"NOTES": 1})
    assert_repaired(world, rows)


# A board that differs

CELLS = {
    "text": ("NOTES", "other words"),
    "text for nothing": ("NOTES", "N/A"),
    "text emptied": ("NOTES", ""),
    "number": ("CUSTOMER PRICE", "31.5"),
    "number for nothing": ("FREIGHT", "0"),
    "number emptied": ("SMS PRICE USD", ""),
    "date": ("CUSTOMER EX FACTORY DATE", "2025-10-03"),
    "date of a placeholder": ("CUSTOMER EX FACTORY DATE", "1900-01-01"),
    "date emptied": ("CUSTOMER EX FACTORY DATE", ""),
    "label": ("DROP", "DROP 2"),
    "label in another case": ("DROP", "drop 1"),
    "label emptied": ("UNIT OF MEASURE", ""),
    "label of another customer": ("CUSTOMER", "JOHNNIE O"),
}


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_that_differs_is_all_that_is_planned_and_sent(filled, cell):
    title, text = CELLS[cell]
    filled.sandbox.person_sets(item_of(filled, "GRE-2").id, title, text)

    report = adopt(filled)

    assert (report.adopted, report.as_wanted, report.differing) == (4, 3, {title: 1})
    (planned,) = filled.plan().orders
    assert planned.order_key == KEYS[1]
    assert [column.title for column in planned.columns] == [title]
    assert (planned.lines, planned.whole) == ((), False)
    began = len(filled.sandbox.request_log)
    assert filled.sync().exit_code is ExitCode.DONE
    assert [list(write.values) for write in filled.writes(began)] == [[title]]
    filled.assert_board_shows(ROWS)
    filled.assert_nothing_left_to_do()


def test_a_name_and_a_group_that_differ_are_put_right_alone(filled):
    item = item_of(filled, "GRE-3")
    filled.sandbox.person_moves(item.id, "By hand")
    filled.sandbox.person_sets(item.id, filled.title_of(filled.board.id, "name"), "typed over")

    report = adopt(filled)

    assert report.differing == {"Name": 1, "Group": 1}
    (planned,) = filled.plan().orders
    assert {column.title for column in planned.columns} == {"Name", "Group"}
    assert_repaired(filled)


def test_a_cell_that_mon_cannot_hold_has_the_order_written_whole(filled):
    """The column of the board takes any number; MON_* keeps 18 digits of it."""
    filled.sandbox.person_sets(item_of(filled, "GRE-1").id, "CUSTOMER PRICE", "9" * 20)

    report = adopt(filled)

    assert report.differing == {"CUSTOMER PRICE": 1}
    (planned,) = filled.plan().orders
    assert planned.whole
    assert_repaired(filled)


def test_pieces_that_differ_are_all_that_is_planned_and_sent(filled):
    filled.sandbox.person_sets(line_of(filled, "GRE-1", "M").id, "Order Qty", "33")
    filled.sandbox.person_sets(line_of(filled, "GRE-2", "L").id, "Order Qty", "")

    report = adopt(filled)

    assert (report.as_wanted, report.size_lines_differing, report.differing) == (2, 2, {})
    planned = {one.order_key: one for one in filled.plan().orders}
    assert sorted(planned) == KEYS[:2]
    assert [(line.label, line.after) for line in planned[KEYS[0]].lines] == [("M", 3)]
    assert [(line.label, line.after) for line in planned[KEYS[1]].lines] == [("L", 4)]
    assert all(one.columns == () for one in planned.values())
    assert_repaired(filled)


def test_a_size_the_board_lacks_is_created_and_one_nobody_orders_is_set_to_nothing(filled):
    filled.sandbox.person_deletes(line_of(filled, "GRE-1", "M").id)
    extra = {"Size": "XL", "Order Qty": "5"}
    filled.sandbox.person_creates_subitem(item_of(filled, "GRE-2").id, "Size XL", extra)

    report = adopt(filled)

    assert (report.size_lines, report.size_lines_differing) == (8, 1)
    after = {
        one.order_key: [(line.operation, line.label, line.after) for line in one.lines]
        for one in filled.plan().orders
    }
    assert after == {KEYS[0]: [("CREATE", "M", 3)], KEYS[1]: [("UPDATE", "XL", 0)]}
    assert_repaired(filled)


def test_subitems_that_are_no_size_of_any_source_belong_to_people(filled):
    parent = item_of(filled, "GRE-1").id
    own = [
        filled.sandbox.person_creates_subitem(parent, "ask the mill", {"Order Qty": "5"}),
        filled.sandbox.person_creates_subitem(
            parent, "sample", {"Size": "SAMPLE", "Order Qty": "2"}
        ),
    ]

    assert adopt(filled).size_lines == 8

    filled.assert_nothing_left_to_do()
    assert [filled.sandbox.item(one).values["Order Qty"] for one in own] == ["5", "2"]


def test_columns_of_the_team_stay_as_they_are(filled):
    written_on = team_fills_its_columns(filled)
    filled.sandbox.person_sets(item_of(filled, "GRE-1").id, "NOTES", "typed over")

    assert adopt(filled).differing == {"NOTES": 1}

    assert_repaired(filled)
    assert_team_columns_stand(filled, *written_on)


# What cannot be told apart, what nobody knows


def test_an_item_that_stands_twice_is_listed_and_neither_is_learned(filled):
    copy = filled.sandbox.person_creates(filled.board.id, "By hand", "a copy", COPY)

    report = adopt(filled)

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert {row.item_id for row in report.twice} == {item_of(filled, "GRE-1").id, copy}
    assert {row.order_key for row in report.twice} == {KEYS[0]}
    assert (report.adopted, report.to_create) == (3, 0)
    assert keys_known(filled) == KEYS[1:]


def test_when_one_of_two_is_deleted_the_other_is_learned_and_its_refusal_closed(filled):
    copy = filled.sandbox.person_creates(filled.board.id, "By hand", "a copy", COPY)
    adopt(filled)
    assert filled.sync().exit_code is ExitCode.ROWS_LEFT
    assert filled.errors() == [(KEYS[0], "duplicate_on_board")]
    filled.sandbox.person_deletes(copy)

    report = adopt(filled)

    assert (report.exit_code, report.adopted, report.twice) == (ExitCode.DONE, 1, [])
    assert filled.errors() == []
    filled.assert_nothing_left_to_do()
    filled.assert_board_shows(ROWS)


def test_an_item_with_a_size_twice_is_not_learned(filled):
    item = item_of(filled, "GRE-1")
    filled.sandbox.person_creates_subitem(item.id, "again", {"Size": "M", "Order Qty": "1"})

    report = adopt(filled)

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert [(row.item_id, row.order_key) for row in report.twice] == [(item.id, KEYS[0])]
    assert "Size M" in report.twice[0].why
    assert keys_known(filled) == KEYS[1:]


def test_a_customer_with_a_longer_key_is_matched_by_it(world):
    world.mapping = replace(MAPPING, extra_keys=(("johnnie o", ("PO NUMBER",)),))
    rows = [full_order("JOO-1", CUSTOMER_NAME="JOHNNIE O", PO_NUMBER=po) for po in ("1", "2")]
    world.has_orders(*rows)
    world.sync()
    forget_all(world, *rows)

    assert adopt(world).adopted == 2

    world.assert_nothing_left_to_do()
    assert keys_known(world) == [f"joo-1|m01y09|dean blue|{po}" for po in "12"]


def test_an_item_that_fits_two_orders_is_listed_for_both_and_learned_for_none(world):
    """Its cells say neither that its customer's key is longer, nor that it is not."""
    world.mapping = replace(MAPPING, extra_keys=(("johnnie o", ("PO NUMBER",)),))
    rows = [full_order("GRE-1"), full_order("GRE-1", CUSTOMER_NAME="JOHNNIE O")]
    world.has_orders(*rows)
    world.sandbox.person_creates(world.board.id, "By hand", "one", COPY | {"PO NUMBER": "4755"})

    report = adopt(world)

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert {row.order_key for row in report.twice} == {KEYS[0], f"{KEYS[0]}|4755"}
    assert (keys_known(world), report.to_create) == ([], 0)


def test_items_of_no_order_are_left_to_people_whatever_becomes_of_vanished_orders(filled):
    filled.treats_vanished_orders("archive")
    own = filled.sandbox.person_creates(filled.board.id, "Ideas", "for next year", {"STYLE": "X"})
    gone = item_of(filled, "GRE-4").id
    filled.has_orders(*ROWS[:3])

    report = adopt(filled)

    assert {row.item_id for row in report.unmatched} == {own, gone}
    assert report.exit_code is ExitCode.DONE
    before = filled.mutations()
    assert filled.sync().exit_code is ExitCode.DONE
    assert filled.mutations() == before
    assert filled.sandbox.item(gone).state == filled.sandbox.item(own).state == "active"


def test_rows_that_are_refused_match_nothing_and_are_counted(filled):
    """Two rows that contradict each other cannot say what their item should show."""
    filled.has_orders(*ROWS, ROWS[0] | {"NOTES": "other words"})

    report = adopt(filled)

    assert (report.refused, report.adopted) == (2, 3)
    assert [row.item_id for row in report.unmatched] == [item_of(filled, "GRE-1").id]


def test_an_item_made_by_hand_for_a_deleted_one_takes_its_place(filled):
    adopt(filled)
    filled.sandbox.person_deletes(item_of(filled, "GRE-1").id)
    new = filled.sandbox.person_creates(filled.board.id, "By hand", "a new one", COPY)

    report = adopt(filled)

    assert (report.adopted, report.refreshed, report.missing) == (1, 3, [])
    there = f"SELECT order_key FROM MON_CustMasterSchedule WHERE \"Item ID\" = '{new}'"
    assert filled.query(there) == [(KEYS[0],)]
    assert_repaired(filled)


def test_a_known_item_that_is_gone_is_listed_and_stays_known(filled):
    adopt(filled)
    gone = item_of(filled, "GRE-1").id
    filled.sandbox.person_deletes(gone)

    report = adopt(filled)

    assert [(row.item_id, row.order_key) for row in report.missing] == [(gone, KEYS[0])]
    assert (report.to_create, report.exit_code) == (0, ExitCode.DONE)
    assert keys_known(filled) == KEYS
    assert adopt(filled, Filters(customer="JOHNNIE O")).missing == []
    assert len(adopt(filled, Filters(po="4755")).missing) == 1


def test_an_item_the_board_does_not_show_so_soon_is_not_called_missing(make_world):
    world = make_world(read_lag_s=60)
    world.extra["ORDER_SYNC_MONDAY__READ_LAG_S"] = "60"
    world.has_orders(*ROWS)
    world.sync()

    report = adopt(world)

    assert (report.items_read, report.missing, report.to_create) == (0, [], 0)
    assert report.exit_code is ExitCode.DONE
    assert keys_known(world) == KEYS


def test_a_copy_does_not_take_the_place_of_an_item_the_board_may_not_show_yet(world):
    world.extra["ORDER_SYNC_MONDAY__READ_LAG_S"] = "60"
    world.has_orders(*ROWS)
    world.sync()
    hidden = item_of(world, "GRE-1").id
    world.sandbox.person_deletes(hidden)
    copy = world.sandbox.person_creates(world.board.id, "By hand", "a copy", COPY)

    report = adopt(world)

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert [row.item_id for row in report.twice] == [copy]
    assert hidden in report.twice[0].why


def test_a_known_item_stays_what_it_is_whatever_people_typed_into_its_key_columns(filled):
    adopt(filled)
    filled.sandbox.person_sets(item_of(filled, "GRE-1").id, "AAG ORDER NUMBER", "GRE-2")

    report = adopt(filled)

    assert (report.exit_code, report.refreshed) == (ExitCode.DONE, 4)
    assert_repaired(filled)


def test_an_order_in_doubt_is_left_alone(world):
    world.has_orders(*ROWS[:2])
    world.sync()
    world.has_orders(*ROWS)
    for number in itertools.count(3):  # deaths while it reads change nothing
        assert world.sync_that_dies("after-send", number) == 137
        if len(world.items()) > 2:
            break
    in_doubt = {item.name for item in world.items()[2:]}

    report = adopt(world)

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert report.in_doubt >= len(in_doubt)
    assert keys_known(world) == KEYS[:2]
    assert_repaired(world)


@pytest.mark.parametrize(
    ("filters", "learned"),
    [
        (Filters(key="GRE-2"), KEYS[1:2]),
        (Filters(customer="johnnie o"), ["joo-1|m01y09|dean blue"]),
        (Filters(po="4755", aag_season="2025 fall"), [*KEYS, "joo-1|m01y09|dean blue"]),
    ],
    ids=str,
)
def test_filters_say_which_orders_are_matched(world, filters, learned):
    rows = [*ROWS, full_order("JOO-1", CUSTOMER_NAME="JOHNNIE O")]
    world.has_orders(*rows)
    world.sync()
    forget_all(world, *rows)
    world.sandbox.person_creates(world.board.id, "Ideas", "for next year")

    report = adopt(world, filters)

    assert keys_known(world) == learned
    assert (report.unmatched, report.missing) == ([], [])
