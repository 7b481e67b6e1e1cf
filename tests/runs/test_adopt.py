"""An existing board is learned: what it holds is known afterwards, and nothing of it is changed."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from order_sync.adoption import AdoptReport, run_adopt
from order_sync.connection import connected, open_board
from order_sync.db.engine import Database, board_lock
from order_sync.errors import ConfigError, ExitCode, LockHeld, Unreachable
from order_sync.key_columns import add_key_column
from order_sync.monday.client import MondayClient
from order_sync.monday.columns import KEY_TITLE
from order_sync.progress import Silent
from order_sync.rules.filters import Filters

from .changes import full_order
from .test_changes import assert_team_columns_stand, team_fills_its_columns
from .world import MAPPING, TOKEN, World, order

ROWS = [full_order(f"GRE-{number}") for number in range(1, 5)]
KEYS = [f"gre-{number}|m01y09|dean blue" for number in range(1, 5)]
COPY = {"AAG ORDER NUMBER": "gre-1", "STYLE": "M01Y09", "COLOR": "Dean  Blue"}


def adopt(world: World, filters: Filters | None = None, *, fill_keys: bool = False) -> AdoptReport:
    return run_adopt(
        world.settings, world.mapping, filters or Filters(), Silent(), fill_keys=fill_keys
    )


def forget_all(world: World, *rows: dict[str, Any]) -> None:
    """Lose the state database; the source has these rows."""
    world.path.unlink()
    world.has_orders(*rows)


def item_of(world: World, number: str) -> Any:
    return next(item for item in world.items() if item.name.endswith(number))


def line_of(world: World, number: str, size: str) -> Any:
    return next(line for line in item_of(world, number).subitems if line.values.get("Size") == size)


def keys_known(world: World) -> list[str]:
    return [
        row[0] for row in world.query("SELECT order_key FROM MON_CustMasterSchedule ORDER BY 1")
    ]


@pytest.fixture
def filled(world: World) -> World:
    """A board that shows the source, and a state database that knows nothing of it."""
    world.has_orders(*ROWS)
    assert world.sync().exit_code is ExitCode.DONE
    forget_all(world, *ROWS)
    return world


def assert_repaired(world: World, rows=ROWS) -> None:
    """One sync makes the board show the source again."""
    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_shows(rows)
    world.assert_nothing_left_to_do()


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
    "\u202eright to left\u200f and\u00a0wide",
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


def test_a_copy_does_not_take_the_place_of_an_item_the_board_does_not_show_yet(make_world):
    world = make_world(read_lag_s=1)
    world.extra["ORDER_SYNC_MONDAY__READ_LAG_S"] = "60"
    world.has_orders(*ROWS)
    world.sandbox.clock.advance(60)
    copy = world.sandbox.person_creates(world.board.id, "By hand", "a copy", COPY)
    world.sync()  # takes the copy over
    world.sandbox.person_deletes(copy)
    other = world.sandbox.person_creates(world.board.id, "By hand", "another", COPY)
    world.sandbox.clock.advance(60)

    report = adopt(world)

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert [row.item_id for row in report.twice] == [other]
    assert copy in report.twice[0].why


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
    for number in itertools.count(1):  # the deaths before it change nothing on the board
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


# Large boards, deaths, faults, other processes


def board_of_many(world: World, count: int) -> list[dict[str, Any]]:
    """A board people have filled by hand, and the source of it."""
    rows = [order(f"GRE-{number}") for number in range(count)]
    for number in range(count):
        values = COPY | {"AAG ORDER NUMBER": f"GRE-{number}", "NOTES": "typed"}
        world.sandbox.person_creates(world.board.id, "By hand", f"no. {number}", values)
    world.has_orders(*rows)
    return rows


def test_a_board_of_many_pages_is_learned_whole(world):
    board_of_many(world, 1_100)

    report = adopt(world)

    assert (report.items_read, report.adopted, report.to_create) == (1_100, 1_100, 0)
    assert report.differing["Name"] == 1_100
    assert len(keys_known(world)) == 1_100
    assert report.calls < 60


def test_a_cursor_that_dies_between_two_pages_begins_the_listing_anew(world, monkeypatch):
    board_of_many(world, 600)
    send, pages = MondayClient.send, itertools.count()

    async def slow_send(self, document, *args, **kwargs):
        if b"next_items_page" in document and next(pages) == 0:
            world.sandbox.clock.advance(3_601)
        return await send(self, document, *args, **kwargs)

    monkeypatch.setattr(MondayClient, "send", slow_send)

    report = adopt(world)

    assert (report.items_read, report.adopted) == (600, 600)
    assert next(pages) > 1


def dies(world: World, step: str, number: int, *arguments: str) -> int:
    """Run `adopt` in a process that kills itself at a step; returns its exit code."""
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(world.folder), "PYTHONWARNINGS": "error",
        "PYTHONPATH": str(Path(__file__).parent), "DIE_AT": step, "DIE_ON": str(number),
    }  # fmt: skip
    code = "import dying; dying.install(); from order_sync.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "adopt", *arguments],
        env=environ | world.environ,
        cwd=world.folder,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 137), done.stderr.decode()
    return done.returncode


@pytest.mark.parametrize("step", ["before-commit", "after-write", "before-send", "after-send"])
def test_an_adoption_that_dies_at_any_step_is_simply_run_again(filled, step):
    filled.sandbox.person_sets(item_of(filled, "GRE-1").id, "NOTES", "typed over")
    died = 0
    for number in itertools.count(1):
        if dies(filled, step, number) == 0:
            break
        died += 1
        forget_all(filled, *ROWS) if number % 2 else None
    assert died >= 3
    before = filled.mutations()

    report = adopt(filled)

    assert (report.exit_code, report.refreshed, report.as_wanted) == (ExitCode.DONE, 4, 3)
    assert filled.mutations() == before
    assert_repaired(filled)


def test_an_adoption_that_died_between_two_chunks_keeps_the_first(world, monkeypatch):
    from order_sync import adoption

    monkeypatch.setattr(adoption, "CHUNK", 2)
    world.has_orders(*ROWS)
    world.sync()
    forget_all(world, *ROWS)
    stores = itertools.count()
    store = adoption.store_adopted

    def failing_store(*args):
        if next(stores) == 1:
            raise Unreachable("the database is away", hint="wait")
        return store(*args)

    monkeypatch.setattr(adoption, "store_adopted", failing_store)

    with pytest.raises(Unreachable):
        adopt(world)

    assert len(keys_known(world)) == 2
    ends = "SELECT command, status, exit_code FROM MON_SyncRuns"
    assert world.query(ends) == [("adopt", "STOPPED", 5)]
    again = adopt(world)
    assert (again.refreshed, again.adopted) == (2, 2)
    world.assert_nothing_left_to_do()


def test_a_second_process_stops_and_is_on_record(filled):
    held = Database(filled.settings.database.url)
    with board_lock(held, filled.board.id), pytest.raises(LockHeld):
        adopt(filled)
    held.close()
    assert keys_known(filled) == []
    assert filled.query("SELECT command, exit_code FROM MON_SyncRuns") == [("adopt", 7)]


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
)
def test_a_signal_stops_it_and_is_on_record(world, monkeypatch, number, code):
    board_of_many(world, 510)
    send = MondayClient.send

    async def interrupted_send(self, document, *args, **kwargs):
        if b"next_items_page" in document:
            os.kill(os.getpid(), number)
        return await send(self, document, *args, **kwargs)

    monkeypatch.setattr(MondayClient, "send", interrupted_send)

    report = adopt(world)

    assert (report.exit_code, report.adopted) == (code, 0)
    assert report.hint
    assert world.query("SELECT exit_code FROM MON_SyncRuns") == [(int(code),)]


# Our own keys


def add_columns(world: World) -> None:
    async def add() -> None:
        async with connected(world.settings) as client:
            _, board = await open_board(client, world.settings, MAPPING)
            await add_key_column(client, board.board_id, "the board")
            await add_key_column(client, board.subitem_board_id, "its subitem board")

    asyncio.run(add())


def key_cells(world: World) -> tuple[list[str], list[str]]:
    """The keys of all items, and of all their subitems."""
    items = world.items()
    lines = [line for item in items for line in item.subitems]
    return (
        sorted(item.values.get(KEY_TITLE, "") for item in items),
        sorted(line.values.get(KEY_TITLE, "") for line in lines),
    )


LINE_KEYS = sorted(f"{key}|{size}" for key in KEYS for size in ("m", "l"))


def test_keys_cannot_be_filled_where_there_is_no_column_for_them(filled):
    with pytest.raises(ConfigError) as refusal:
        adopt(filled, fill_keys=True)

    assert "--create-key-columns" in refusal.value.hint
    assert refusal.value.exit_code == 2


def test_keys_are_filled_in_once_and_nothing_else_is_written(filled):
    add_columns(filled)
    own = filled.sandbox.person_creates_subitem(
        item_of(filled, "GRE-1").id, "sample", {"Size": "SAMPLE"}
    )
    began = len(filled.sandbox.request_log)

    report = adopt(filled, fill_keys=True)

    assert (report.exit_code, report.keys_written) == (ExitCode.DONE, 12)
    assert all(list(write.values) == [KEY_TITLE] for write in filled.writes(began))
    assert key_cells(filled) == (KEYS, ["", *LINE_KEYS])
    assert KEY_TITLE not in filled.sandbox.item(own).values
    assert adopt(filled, fill_keys=True).keys_written == 0
    filled.assert_nothing_left_to_do()


def test_without_being_asked_no_key_is_written(filled):
    add_columns(filled)
    before = filled.mutations()

    assert adopt(filled).keys_written == 0

    assert filled.mutations() == before


def test_a_wrong_key_of_a_known_item_is_put_right(filled):
    add_columns(filled)
    adopt(filled, fill_keys=True)
    filled.sandbox.person_sets(item_of(filled, "GRE-1").id, KEY_TITLE, "typed over")

    assert adopt(filled, fill_keys=True).keys_written == 1

    assert key_cells(filled) == (KEYS, LINE_KEYS)


def test_an_item_with_the_key_of_another_order_is_not_matched_by_its_columns(filled):
    add_columns(filled)
    filled.sandbox.person_sets(item_of(filled, "GRE-1").id, KEY_TITLE, "gre-99|m01y09|dean blue")

    report = adopt(filled)

    assert [row.name for row in report.unmatched] == [item_of(filled, "GRE-1").name]
    assert (report.adopted, report.to_create) == (3, 1)


@pytest.mark.parametrize("fault", ["lose-answer-after-write", "lose-answer-before-write"])
def test_a_lost_answer_leaves_keys_to_the_next_time(filled, fault):
    add_columns(filled)
    filled.sandbox.add_fault(fault, times=1, match="change_multiple_column_values")

    adopt(filled, fill_keys=True)
    adopt(filled, fill_keys=True)

    assert key_cells(filled) == (KEYS, LINE_KEYS)
    filled.assert_nothing_left_to_do()


def test_no_token_is_left_behind(filled):
    add_columns(filled)
    adopt(filled, fill_keys=True)
    content = b"".join(path.read_bytes() for path in filled.folder.glob("orders.db*"))
    assert TOKEN.encode() not in content
