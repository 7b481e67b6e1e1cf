"""What changes in the source changes on the board: that, all of that, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from order_sync.errors import ExitCode
from order_sync.guards import Limits

from .changes import CHANGES, full_order
from .world import World

pytestmark = pytest.mark.databases

ANY = Limits(max_removals="100%")
TEAM = {"FCST QTY": "17", "matchAlias": "by hand", "ORDER STATUS": "00 PLANNING"}
TEAM_BELOW = {"Cut Qty": "2", "ORDER LINE STATUS": "CUT"}
STAYS = full_order("GRE-STAYS")  # a source without any row is another matter

Row = dict[str, Any]
Rows = dict[str, Row | None]  # name of the order in the test -> its row; None: there is none


def there(rows: Rows) -> list[Row]:
    return [*(row for row in rows.values() if row is not None), STAYS]


def after(shown: Rows, source: Rows, policy: str) -> Rows:
    """What the board shows once the source has these rows."""
    return {name: row or _vanished(shown[name], policy) for name, row in source.items()}


def _vanished(shown: Row | None, policy: str) -> Row | None:
    if shown is None or policy == "archive":
        return None
    return shown | {"ORDER TYPE": "CANCELLED"} if policy == "cancel" else shown


def run_and_compare(world: World, source: Rows, shown: Rows) -> None:
    world.has_orders(*there(source))
    report = world.sync(limits=ANY)
    assert report.exit_code is ExitCode.DONE, (report.message, report.refused)
    world.assert_board_shows(there(shown))
    world.assert_nothing_left_to_do(limits=ANY)


def team_fills_its_columns(world: World) -> tuple[set[str], set[str]]:
    """Returns the ids of the items and subitems it wrote on."""
    for item in world.items():
        for title, text in TEAM.items():
            world.sandbox.person_sets(item.id, title, text)
        for line in item.subitems:
            for title, text in TEAM_BELOW.items():
                world.sandbox.person_sets(line.id, title, text)
    lines = {line.id for item in world.items() for line in item.subitems}
    return {item.id for item in world.items()}, lines


def assert_team_columns_stand(world: World, items: set[str], lines: set[str]) -> None:
    for item in world.items():
        if item.id in items:
            assert {title: item.values.get(title) for title in TEAM} == TEAM, item.name
        for line in item.subitems:
            if line.id in lines:
                below = {title: line.values.get(title) for title in TEAM_BELOW}
                assert below == TEAM_BELOW, (item.name, line.name)


ALL = tuple(CHANGES)
PAIRS = {
    **{f"{first} then any": ("report", (first,), ALL) for first in ALL},
    "vanished then any, cancel": ("cancel", ("vanished",), ALL),
    "any then vanished, cancel": ("cancel", ALL, ("vanished",)),
    "vanished then any, archive": ("archive", ("vanished",), ALL),
    "any then vanished, archive": ("archive", ALL, ("vanished",)),
}


@pytest.mark.parametrize("pairs", PAIRS)
def test_after_any_two_changes_the_board_shows_the_source(world, pairs):
    """One order line for each pair of changes; the team's columns stay as they are."""
    policy, firsts, seconds = PAIRS[pairs]
    world.treats_vanished_orders(policy)
    names = [(first, second) for first in firsts for second in seconds]
    rows = {pair: full_order(f"GRE-{number}") for number, pair in enumerate(names)}
    run_and_compare(world, rows, rows)
    written_on = team_fills_its_columns(world)

    once = {pair: CHANGES[pair[0]](row) for pair, row in rows.items()}
    shown_once = after(rows, once, policy)
    run_and_compare(world, once, shown_once)
    twice = {pair: CHANGES[pair[1]](row or rows[pair]) for pair, row in once.items()}
    run_and_compare(world, twice, after(shown_once, twice, policy))

    assert_team_columns_stand(world, *written_on)


# What exactly is sent


ONE, TWO = full_order("GRE-1"), full_order("GRE-2")


def writes_of_change(world: World, *after_it: Row, before: tuple[Row, ...] = (ONE, TWO)):
    """What a run sends for a change of the source, as (operation, column titles or None)."""
    world.has_orders(*before)
    assert world.sync().exit_code is ExitCode.DONE
    began = len(world.sandbox.request_log)
    world.has_orders(*after_it)
    assert world.sync().exit_code is ExitCode.DONE
    return [(write.operation, dict(write.values)) for write in world.writes(began)]


WRITE, MOVE = "change_multiple_column_values", "move_item_to_group"
ONE_CELL = {
    "text": ({"PO NUMBER": "4756"}, {"PO NUMBER": "4756"}),
    "long text": ({"NOTES": "other"}, {"NOTES": {"text": "other"}}),
    "number": ({"CUSTOMER PRICE": "1,031.50"}, {"CUSTOMER PRICE": "1031.5"}),
    "date": ({"ETA CUSTOMER WAREHOUSE DATE": "2025-10-03"},
             {"CUSTOMER REQ IN DC DATE": {"date": "2025-10-03"}}),
    "dropdown": ({"CATEGORY": "TOPS"}, {"CATEGORY": {"labels": ["TOPS"]}}),
    "new label": ({"DROP": "DROP 2"}, {"DROP": {"labels": ["DROP 2"]}}),
    "status": ({"UNIT OF MEASURE": "PCS"}, {"UNIT OF MEASURE": {"label": "PCS"}}),
    "no text": ({"PO NUMBER": ""}, {"PO NUMBER": None}),
    "no number": ({"CUSTOMER PRICE": "N/A"}, {"CUSTOMER PRICE": None}),
    "no date": ({"EX FACTORY DATE": None}, {"CUSTOMER EX FACTORY DATE": None}),
    "no label": ({"DROP": None}, {"DROP": {"labels": []}}),
    "no status": ({"UNIT OF MEASURE": None}, {"UNIT OF MEASURE": None}),
    "value map": ({"ORDER TYPE": "FORECAST"}, {"ORDER TYPE": {"labels": ["FORECAST"]}}),
}  # fmt: skip


@pytest.mark.parametrize("kind", ONE_CELL)
def test_one_changed_cell_is_one_write_of_that_cell(world, kind):
    cells, sent = ONE_CELL[kind]
    assert writes_of_change(world, ONE | cells, TWO) == [(WRITE, sent)]
    world.assert_board_shows([ONE | cells, TWO])


def test_a_name_that_is_spelled_anew_is_renamed_and_stays_the_same_item(world):
    spelled = ONE | {"CUSTOMER STYLE": "m01y09"}
    sent = {"Name": "m01y09 DEAN BLUE GRE-1", "STYLE": "m01y09"}
    assert writes_of_change(world, spelled, TWO) == [(WRITE, sent)]
    world.assert_board_shows([spelled, TWO])
    assert len(world.sandbox.items(world.board.id, with_gone=True)) == 2


def test_a_move_goes_first_and_the_columns_follow_in_the_same_run(world):
    moved = ONE | {"AAG SEASON": "2026 FALL", "PO NUMBER": "9"}
    sent = {"AAG SEASON": {"labels": ["2026 FALL"]}, "PO NUMBER": "9"}
    assert writes_of_change(world, moved, TWO) == [(MOVE, {}), (WRITE, sent)]
    world.assert_board_shows([moved, TWO])


def test_an_order_that_only_changes_its_group_is_moved_and_not_written(world):
    """Both names of the customer have the same label on the board."""
    old = full_order("RHY-1", CUSTOMER_NAME="RHYTHM (AU)")
    new = old | {"CUSTOMER NAME": "RHYTHM (US)"}
    assert writes_of_change(world, new, TWO, before=(old, TWO)) == [(MOVE, {})]
    world.assert_board_shows([new, TWO])
    world.assert_nothing_left_to_do()


SIZES = {
    "changed": ({"M": 9}, [(WRITE, {"Order Qty": "9"})], []),
    "gone": ({"L": None}, [(WRITE, {"Order Qty": "0"})], ["L"]),
    "zero": ({"L": 0}, [(WRITE, {"Order Qty": "0"})], ["L"]),
    "new": ({"XL": 2}, [("create_subitem", {})], []),
    "swapped": ({"L": "", "XL": 4}, [(WRITE, {"Order Qty": "0"}), ("create_subitem", {})], ["L"]),
}


@pytest.mark.parametrize("size", SIZES)
def test_one_changed_size_is_one_write_of_its_pieces(world, size):
    cells, sent, emptied = SIZES[size]
    writes = writes_of_change(world, ONE | cells, TWO)
    assert sorted(writes, key=str) == sorted(sent, key=str)
    world.assert_board_shows([ONE | cells, TWO])
    zeros = [line[1] for line in world.lines_on_board() if line[2] == "0"]
    assert zeros == emptied  # it keeps its subitem


def test_a_size_that_comes_back_comes_back_to_its_own_subitem(world):
    world.has_orders(ONE, TWO)
    world.sync()
    before = {line.id for item in world.items() for line in item.subitems}
    without = ONE | {"L": None}
    assert writes_of_change(world, ONE, TWO, before=(without, TWO)) == [(WRITE, {"Order Qty": "4"})]
    assert {line.id for item in world.items() for line in item.subitems} == before
    world.assert_board_shows([ONE, TWO])


def test_a_cancelled_order_shows_so_and_has_no_pieces_and_comes_back_when_revived(world):
    cancelled = ONE | {"ORDER TYPE": "cancelled"}
    sent = writes_of_change(world, cancelled, TWO)
    assert sent[0] == (WRITE, {"ORDER TYPE": {"labels": ["CANCELLED"]}})
    assert sent[1:] == [(WRITE, {"Order Qty": "0"})] * 2
    world.assert_board_shows([cancelled, TWO])
    began = len(world.sandbox.request_log)

    world.has_orders(ONE, TWO)
    assert world.sync().exit_code is ExitCode.DONE

    back = sorted(str(write.values) for write in world.writes(began))
    assert back == [
        "{'ORDER TYPE': {'labels': ['RECEIVED']}}",
        *[f"{{'Order Qty': '{n}'}}" for n in (3, 4)],
    ]
    world.assert_board_shows([ONE, TWO])


def test_a_cancelled_order_nobody_knows_is_created_without_sizes(world):
    cancelled = ONE | {"ORDER TYPE": "CANCELLED"}
    world.has_orders(cancelled, TWO)
    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_shows([cancelled, TWO])
    assert {line[0] for line in world.lines_on_board()} == {"M01Y09 DEAN BLUE GRE-2"}


@pytest.mark.parametrize(
    "cells",
    [
        {"CUSTOMER PRICE": "28.860"},
        {"CUSTOMER PRICE": 28.86},
        {"CUSTOMER PRICE": "$28.86"},
        {"NOTES": "  first words "},
        {"EX FACTORY DATE": "2025/09/26"},
        {"DROP": "DROP 1\t"},
        {"TOTAL QTY": "7.0"},
        {"ORDER TYPE": " active"},
        {"M": "3.0", "XL": "0", "S": "  "},
        {"CUSTOMER SEASON": "N/A"},
        {"not mapped": "anything"},
    ],
    ids=str,
)
def test_another_notation_of_the_same_order_sends_nothing(world, cells):
    assert writes_of_change(world, ONE | cells, TWO) == []
    world.assert_board_shows([ONE, TWO])
    world.assert_nothing_left_to_do()


def test_sizes_of_a_cancelled_order_are_nobodys_business(world):
    cancelled = ONE | {"ORDER TYPE": "CANCELLED"}
    edited = cancelled | {"M": 30, "XL": 2}
    assert writes_of_change(world, edited, TWO, before=(cancelled, TWO)) == []
    world.assert_board_shows([edited, TWO])


def test_writes_grow_with_the_changes_and_not_with_the_board(world):
    """300 orders: no call more for an unchanged run, one write per changed item and size line."""
    rows = [
        full_order(f"GRE-{number}", CUSTOMER_NAME=name)
        for number, name in zip(range(300), ["GREYSON CLOTHIERS", "JOHNNIE O"] * 150, strict=True)
    ]
    world.has_orders(*rows)
    assert world.sync().exit_code is ExitCode.DONE
    world.assert_nothing_left_to_do()
    for changed in (1, 10, 60):
        began = len(world.sandbox.request_log)
        rows = [
            row | {"PO NUMBER": f"{changed}", "M": row["M"] + 1}
            if n % (300 // changed) == 0
            else row
            for n, row in enumerate(rows)
        ]
        world.has_orders(*rows)
        report = world.sync()
        assert report.exit_code is ExitCode.DONE
        assert len(world.writes(began)) == 2 * changed
        assert report.orders_updated == report.size_lines_updated == changed
    world.assert_board_shows(rows)
