"""ORDER SYNC KEY: our own key beside every row, and rows found by it."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from order_sync.connection import connected, open_board
from order_sync.errors import ExitCode
from order_sync.key_columns import add_key_column
from order_sync.monday.columns import KEY_TITLE

from .world import MAPPING, World, order

ROWS = [order(f"GRE-{number}") for number in range(1, 4)]
KEYS = [f"gre-{number}|m01y09|dean blue" for number in range(1, 4)]


def add_columns(world: World) -> None:
    async def add() -> None:
        async with connected(world.settings) as client:
            _, board = await open_board(client, world.settings, MAPPING)
            await add_key_column(client, board.board_id, "the board")
            await add_key_column(client, board.subitem_board_id, "its subitem board")

    asyncio.run(add())


@pytest.fixture
def keyed(world: World) -> World:
    """A world whose boards keep our keys."""
    add_columns(world)
    return world


def forget(world: World, *tables: str) -> None:
    """Lose rows of the state, as a restored backup does."""
    with sqlite3.connect(world.path) as db:
        for statement in tables:
            db.execute(statement)
    db.close()


def item_keys(world: World) -> list[str | None]:
    return sorted(str(item.values.get(KEY_TITLE)) for item in world.items())


def test_every_new_row_carries_its_key(keyed):
    keyed.has_orders(*ROWS)
    assert keyed.sync().exit_code is ExitCode.DONE

    assert item_keys(keyed) == KEYS
    lines = {line.values[KEY_TITLE] for item in keyed.items() for line in item.subitems}
    assert lines == {f"{key}|{size}" for key in KEYS for size in ("m", "l")}
    keyed.assert_board_shows(ROWS)


def die_after_creating(world: World) -> None:
    """Die when the server has made the item of the first order, and nobody has heard of it."""
    world.has_orders(ROWS[1])
    world.sync()
    world.has_orders(*ROWS[:2])
    for number in range(1, 9):  # deaths after reading change nothing
        assert world.sync_that_dies("after-send", number) == 137
        if len(world.items()) == 2:
            return
    raise AssertionError("no item was created")


def test_a_create_in_doubt_is_found_by_its_key_whatever_people_made_of_it(keyed):
    die_after_creating(keyed)
    item = next(item for item in keyed.items() if item.name.endswith("GRE-1"))
    keyed.sandbox.person_sets(item.id, "AAG ORDER NUMBER", "typed over")

    assert keyed.sync().exit_code is ExitCode.DONE

    keyed.assert_board_shows(ROWS[:2])


def test_a_create_sent_before_the_column_was_there_is_still_found(world):
    die_after_creating(world)
    add_columns(world)

    assert world.sync().exit_code is ExitCode.DONE

    world.assert_board_shows(ROWS[:2])


def test_an_item_made_by_people_has_no_key_and_is_found_by_its_columns(keyed):
    keyed.has_orders(ROWS[1])
    keyed.sync()
    values = {"AAG ORDER NUMBER": "gre-1", "STYLE": "m01y09", "COLOR": "Dean Blue"}
    keyed.sandbox.person_creates(keyed.board.id, "By hand", "typed by a planner", values)
    keyed.has_orders(*ROWS[:2])

    report = keyed.sync()

    assert (report.orders_created, report.orders_adopted) == (0, 1)
    keyed.assert_board_shows(ROWS[:2])


def test_an_item_that_carries_the_key_of_another_order_is_not_taken(keyed):
    keyed.has_orders(*ROWS)
    keyed.sync()
    first = next(item for item in keyed.items() if item.name.endswith("GRE-1"))
    keyed.sandbox.person_sets(first.id, "AAG ORDER NUMBER", "GRE-7")
    seven = order("GRE-7")
    keyed.has_orders(*ROWS, seven)

    report = keyed.sync()

    assert (report.orders_created, report.orders_adopted) == (1, 0)
    assert item_keys(keyed) == sorted([*KEYS, "gre-7|m01y09|dean blue"])


def test_a_copied_item_is_neither_doubled_nor_guessed_at(keyed):
    """A copy carries the key of its original: where a look-up meets both, a person decides."""
    keyed.has_orders(*ROWS)
    keyed.sync()
    first = next(item for item in keyed.items() if item.name.endswith("GRE-1"))
    copy = {title: text for title, text in first.values.items() if title in (KEY_TITLE, "STYLE")}
    keyed.sandbox.person_creates(keyed.board.id, "Copies", first.name, copy)
    forget(
        keyed,
        "DELETE FROM MON_CustMasterSchedule_Subitems WHERE order_key LIKE 'gre-1|%'",
        "DELETE FROM MON_CustMasterSchedule WHERE order_key LIKE 'gre-1|%'",
    )

    report = keyed.sync()

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert keyed.errors() == [("gre-1|m01y09|dean blue", "duplicate_on_board")]
    assert len(keyed.items()) == 4


def test_an_order_and_a_size_a_restored_database_does_not_know_are_taken_over(keyed):
    keyed.has_orders(*ROWS)
    keyed.sync()
    forget(
        keyed,
        "DELETE FROM MON_CustMasterSchedule_Subitems WHERE order_key LIKE 'gre-1|%'",
        "DELETE FROM MON_CustMasterSchedule WHERE order_key LIKE 'gre-1|%'",
        "DELETE FROM MON_CustMasterSchedule_Subitems WHERE order_key LIKE 'gre-2|%' "
        "AND size_key = 'm'",
        "UPDATE MON_CustMasterSchedule SET source_hash = NULL",
    )
    plan = keyed.plan()

    report = keyed.sync()

    assert report.exit_code is ExitCode.DONE
    assert (report.orders_created, report.size_lines_created) == (0, 0)
    assert plan.cost.calls == report.read_calls + report.write_calls
    keyed.assert_board_shows(ROWS)
    keyed.assert_nothing_left_to_do()


def test_a_size_a_restored_database_does_not_know_is_taken_over_without_keys_too(world):
    world.has_orders(*ROWS)
    world.sync()
    forget(
        world,
        "DELETE FROM MON_CustMasterSchedule_Subitems WHERE size_key = 'm'",
        "UPDATE MON_CustMasterSchedule SET source_hash = NULL",
    )

    assert world.sync().size_lines_created == 0

    world.assert_board_shows(ROWS)
    world.assert_nothing_left_to_do()


def test_a_subitem_of_another_order_is_not_taken_for_a_size_of_this_one(keyed):
    keyed.has_orders(*ROWS)
    keyed.sync()
    first = next(item for item in keyed.items() if item.name.endswith("GRE-1"))
    foreign = {"Size": "XL", KEY_TITLE: "gre-2|m01y09|dean blue|xl"}
    keyed.sandbox.person_creates_subitem(first.id, "Size XL", foreign)
    keyed.has_orders(ROWS[0] | {"XL": 6, "TOTAL QTY": 13}, *ROWS[1:])

    assert keyed.sync().size_lines_created == 1

    (first,) = [item for item in keyed.items() if item.name.endswith("GRE-1")]
    ours = [line for line in first.subitems if line.values[KEY_TITLE] == f"{KEYS[0]}|xl"]
    assert [line.values["Order Qty"] for line in ours] == ["6"]
