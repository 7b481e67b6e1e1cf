"""A board that is there already: learned, given our keys, and then kept like any other."""

from __future__ import annotations

import signal
import threading
from decimal import Decimal

import pytest

from tests.standin.place import order
from tests.standin.server import Fault, FieldFault
from tests.standin.state import Column

KEY = "ORDER SYNC KEY"
GROUP = "GREYSON CLOTHIERS 2025 FALL"


def orders(count: int = 3) -> list[dict[str, object]]:
    return [order(f"GRE-{n}", f"ST{n}", XS=n, L=10 * n) for n in range(1, count + 1)]


def on_board(count: int = 3) -> list[tuple[str, str, dict[str, int]]]:
    return [(f"ST{n} WHITE GRE-{n}", GROUP, {"XS": n, "L": 10 * n}) for n in range(1, count + 1)]


def key_of(number: int) -> str:
    return f"gre-{number}|st{number}|white"


def forgotten(place, *rows):
    """The board was filled; the database is a new one, with these orders."""
    place.has_orders(*orders())
    place.sync()
    place.database = "new.db"
    place.has_orders(*(rows or orders()))
    place.server.forget()
    return place


def adopt(place, *arguments, code=0):
    done = place.run("adopt", "--output", "json", *arguments)
    assert done.code == code, done.said
    return done.document


def edit(place, item, title, value):
    """As a person does in the browser."""
    board = place.world.boards[item.board_id]
    column = board.column(title)
    with place.world.lock:
        item.values[column.id] = place.world._checked(column, value, make_labels=True)


# learning


@pytest.mark.parametrize("generation", ["first", "later"])
@pytest.mark.parametrize("settings", ["classic", "listed"])
def test_a_learned_board_needs_nothing_when_it_shows_the_source(make_place, generation, settings):
    place = forgotten(make_place(generation=generation, settings=settings))

    learned = adopt(place)

    assert place.server.mutations == 0
    assert (learned["adopted"], learned["as_wanted"], learned["size_lines"]) == (3, 3, 6)
    assert (learned["differing"], learned["unmatched"], learned["twice"]) == ({}, [], [])
    place.server.forget()
    place.sync()
    assert place.server.mutations == 0
    assert place.picture() == on_board()


@pytest.mark.parametrize("generation", ["first", "later"])
def test_what_the_board_shows_otherwise_is_planned_and_written_and_nothing_else(
    make_place, generation
):
    place = forgotten(make_place(generation=generation))
    first, second, third = (place.item(name) for name, _, _ in on_board())
    edit(place, first, "CUSTOMER PRICE", "7.25")
    edit(place, first, "AAG SEASON", {"labels": ["2019 FALL"]})
    second.name = "renamed by a planner"
    third.group_id = place.world.put_group(place.board, "PARKED").id
    (large,) = [
        line
        for line in place.world.visible(place.sizes)
        if line.parent_id == third.id and line.name == "Size L"
    ]
    edit(place, large, "Order Qty", "31")

    learned = adopt(place)
    plan = place.run("plan", "--output", "json").document

    assert place.server.mutations == 0
    assert learned["differing"] == {"CUSTOMER PRICE": 1, "AAG SEASON": 1, "Name": 1, "Group": 1}
    assert learned["size_lines_differing"] == 1
    planned = {
        o["order_key"]: [(c["title"], c["before"], c["after"]) for c in o["columns"]]
        for o in plan["orders"]
    }
    assert {key: sorted(columns) for key, columns in planned.items()} == {
        key_of(1): [("AAG SEASON", "2019 FALL", "2025 FALL"), ("CUSTOMER PRICE", "7.25", None)],
        key_of(2): [("Name", "renamed by a planner", "ST2 WHITE GRE-2")],
        key_of(3): [("Group", "PARKED", GROUP)],
    }
    place.server.forget()
    place.sync()
    assert place.picture() == on_board()
    assert place.world.written_titles(place.board) == {
        "CUSTOMER PRICE": 1, "AAG SEASON": 1, "Name": 1,
    }  # fmt: skip
    assert place.world.written_titles(place.sizes) == {"Order Qty": 1}
    assert place.server.count("move_item_to_group") == 1


def test_items_of_no_order_and_items_that_stand_twice_are_listed_and_left_alone(place):
    forgotten(place)
    cells = {
        "AAG ORDER NUMBER": "gre-1", "STYLE": {"labels": ["ST1"]}, "COLOR": {"labels": ["WHITE"]},
    }  # fmt: skip
    place.world.put_item(place.board, "a copy", cells)
    place.world.put_item(place.board, "a note of the planners", {})

    learned = adopt(place, code=3)

    assert [row["name"] for row in learned["unmatched"]] == ["a note of the planners"]
    assert sorted(row["name"] for row in learned["twice"]) == ["ST1 WHITE GRE-1", "a copy"]
    assert learned["adopted"] == 2
    place.sync(code=3)
    assert place.server.mutations == 0
    assert [row["error_type"] for row in place.refused()] == ["duplicate_on_board"]


def test_a_board_of_many_pages_is_learned_whole(make_place):
    place = make_place(generation="later")
    rows = [order(f"GRE-{n}", f"ST{n}") for n in range(1, 621)]
    place.has_orders(*rows)
    for n in range(1, 621):
        cells = {"AAG ORDER NUMBER": f"GRE-{n}", "STYLE": f"ST{n}", "COLOR": "WHITE"}
        place.world.put_item(place.board, f"ST{n} WHITE GRE-{n}", cells)

    learned = adopt(place)

    assert (learned["items_read"], learned["adopted"], learned["to_create"]) == (620, 620, 0)
    assert place.server.mutations == 0


def test_an_adopt_that_is_killed_is_simply_run_again(place):
    forgotten(place)
    run = place.start("adopt")
    died = threading.Event()

    def die() -> None:
        run.kill()
        died.set()

    place.server.faults = [Fault("call", on="items", hook=die)]
    assert died.wait(60), "no subitems were read"

    assert adopt(place)["as_wanted"] == 3

    place.sync()
    assert place.server.mutations == 0


def test_an_adopt_that_is_told_to_stop_says_so(place):
    forgotten(place)
    place.server.faults = [Fault("slow", on="items", delay_s=0.5)]
    run = place.start("adopt")
    place.server.wait_for("items")

    run.process.send_signal(signal.SIGTERM)

    assert run.done().code == 143
    assert adopt(place)["as_wanted"] == 3
    assert place.server.mutations == 0


def test_reads_that_fail_for_a_moment_are_asked_again(place):
    forgotten(place)
    place.server.faults = [Fault("gateway", on="items"), Fault("cut", on="boards", skip=2)]

    assert adopt(place)["as_wanted"] == 3

    assert all(fault.times == 0 for fault in place.server.faults)


# keys of our own


def keys(place) -> list[str]:
    """The key cells of items and subitems; "" for an empty one."""
    rows = [*place.items(), *place.world.visible(place.sizes)]
    return sorted(place.world.cells(row).get(KEY, "") for row in rows)


def all_keys(count: int = 3) -> list[str]:
    numbers = range(1, count + 1)
    lines = [f"{key_of(n)}|{size}" for n in numbers for size in ("xs", "l")]
    return sorted([key_of(n) for n in numbers] + lines)


def key_columns(place) -> list[tuple[str, str]]:
    return [
        (board.kind, column.type)
        for board in (place.board, place.sizes)
        for column in board.columns.values()
        if column.title == KEY
    ]


def create_columns(place, code=0):
    done = place.run("check", "--create-key-columns", "--yes")
    assert done.code == code, done.said
    return done.said


def test_key_columns_are_added_once_and_new_rows_carry_their_keys(place):
    place.has_orders(*orders())

    create_columns(place)
    create_columns(place)

    assert key_columns(place) == [("board", "text"), ("sub_items_board", "text")]
    assert place.server.mutations == 2
    place.sync()
    assert keys(place) == all_keys()
    assert place.picture() == on_board()


@pytest.mark.parametrize("write", [True, False], ids=["done", "not-done"])
@pytest.mark.parametrize("remembers", [True, False], ids=["remembers", "forgets"])
def test_a_lost_answer_never_adds_a_key_column_twice(make_place, write, remembers):
    place = make_place(remembers_keys=remembers)
    place.has_orders(*orders())
    place.server.faults = [Fault("drop", on="create_column", write=write)]

    create_columns(place, code=0 if write else 5)
    create_columns(place)

    assert key_columns(place) == [("board", "text"), ("sub_items_board", "text")]


def test_without_the_right_to_add_columns_it_says_so(make_place):
    place = make_place(structure="none")
    place.has_orders(*orders())

    said = create_columns(place, code=5)

    assert "right to change the board's structure" in said
    assert key_columns(place) == []


def test_a_key_column_of_another_type_is_named(place):
    place.has_orders(*orders())
    place.board.columns["c_key"] = Column("c_key", KEY, "numbers")

    said = create_columns(place, code=6)

    assert "c_key" in said
    assert place.server.mutations == 0


def test_keys_are_filled_in_for_what_is_there_and_written_once(place):
    forgotten(place)
    create_columns(place, code=8)  # a sync would stop: the board is not learned

    first = adopt(place, "--write-keys")
    place.server.forget()
    again = adopt(place, "--write-keys")

    assert (first["keys_written"], again["keys_written"]) == (9, 0)
    assert keys(place) == all_keys()
    assert place.server.mutations == 0
    place.sync()
    assert place.server.mutations == 0


@pytest.mark.parametrize("write", [True, False], ids=["done", "not-done"])
def test_keys_whose_answer_is_lost_are_there_after_the_next_time(make_place, write):
    place = forgotten(make_place(remembers_keys=False))
    create_columns(place, code=8)  # a sync would stop: the board is not learned
    place.server.faults = [Fault("cut", on="change_multiple_column_values", write=write)]

    first = adopt(place, "--write-keys")
    second = adopt(place, "--write-keys")

    assert first["keys_written"] < 9
    assert second["keys_written"] == (0 if write else 9 - first["keys_written"])
    assert keys(place) == all_keys()


@pytest.mark.parametrize("remembers", [True, False], ids=["remembers", "forgets"])
@pytest.mark.parametrize("generation", ["first", "later"])
def test_an_item_whose_answer_was_lost_is_found_by_its_key(make_place, generation, remembers):
    """A person types over its order number while nobody knows that it is there."""
    place = make_place(remembers_keys=remembers, generation=generation)
    place.has_orders(*orders(1))
    create_columns(place)
    place.sync()
    place.has_orders(*orders()[1:])
    run = place.start("sync")
    died = threading.Event()

    def die() -> None:
        run.kill()
        died.set()

    place.server.faults = [Fault("call", on="create_item", write=True, hook=die)]
    assert died.wait(60), "no item was created"
    for item in place.items():
        if not item.name.endswith("GRE-1"):
            edit(place, item, "AAG ORDER NUMBER", "typed over")

    assert place.sync_until_done()[-1] == 0

    assert place.picture() == on_board()
    assert keys(place) == all_keys()
    assert {place.cells(name)["AAG ORDER NUMBER"] for name, _, _ in on_board()} == {
        "GRE-1", "GRE-2", "GRE-3",
    }  # fmt: skip


def test_a_restored_database_doubles_neither_orders_nor_sizes(place):
    place.has_orders(*orders())
    create_columns(place)
    place.sync()
    place.query("DELETE FROM MON_CustMasterSchedule_Subitems WHERE order_key LIKE 'gre-1|%'")
    place.query("DELETE FROM MON_CustMasterSchedule WHERE order_key LIKE 'gre-1|%'")
    place.query(
        "DELETE FROM MON_CustMasterSchedule_Subitems WHERE order_key LIKE 'gre-2|%' "
        "AND size_key = 'l'"
    )
    place.query("UPDATE ORDERS_UNIFIED SET \"CUSTOMER PRICE\" = '9.5'")
    place.server.forget()

    place.sync()

    assert place.server.count("create_item") + place.server.count("create_subitem") == 0
    assert place.picture() == on_board()
    assert {place.cells(name)["CUSTOMER PRICE"] for name, _, _ in on_board()} == {Decimal("9.5")}


def test_a_key_that_monday_refuses_is_not_counted(place):
    forgotten(place)
    create_columns(place, code=8)  # a sync would stop: the board is not learned
    place.server.field_faults = [
        FieldFault("change_multiple_column_values", 200, "ColumnValueException", "no such value")
    ]

    first = adopt(place, "--write-keys")

    assert first["keys_written"] == 8
    assert adopt(place, "--write-keys")["keys_written"] == 1
    assert keys(place) == all_keys()
