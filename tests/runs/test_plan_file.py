"""An approved plan is done exactly, or not at all."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from contextlib import contextmanager

import pytest

from order_sync.errors import BoardMismatch, ConfigError, ExitCode, GuardStopped
from order_sync.guards import Limits
from order_sync.plan_file import PlanFile, read_plan, write_plan
from order_sync.rules.filters import Filters

from .world import TOKEN, World, order

GREYSONS = [order(f"GRE-{n}") for n in range(1, 5)]
CHANGED = GREYSONS[0] | {"CUSTOMER PRICE": "30", "M": 9}
MOVED = GREYSONS[1] | {"CUSTOMER SEASON": "SPRING 2026", "NOTES": "x"}
JOHNNIE = order("JOO-1", style="NEW STYLE", XL=2) | {"CUSTOMER NAME": "JOHNNIE O"}
ANOTHER = order("JOO-2", style="NEW STYLE") | {"CUSTOMER NAME": "JOHNNIE O"}
WANTED = [CHANGED, MOVED, *GREYSONS[2:], JOHNNIE]
KEY, NEW_KEY = "gre-1|m01y09|dean blue", "joo-1|new style|dean blue"


@pytest.fixture
def planned(world) -> Callable[..., PlanFile]:
    """A board with orders, a source with changes and a new order, and the plan of it in a file."""

    def planned(filters: Filters | None = None) -> PlanFile:
        world.has_orders(*GREYSONS)
        world.sync()
        world.has_orders(*WANTED)
        path = world.folder / "plan.json"
        world.plan(filters, out=path)
        return read_plan(path)

    return planned


def test_an_approved_plan_is_done(world, planned):
    plan = planned()

    report = world.sync(plan=plan)

    assert report.exit_code is ExitCode.DONE
    assert report.orders_done == {"CHANGED": 2, "NEW": 1}
    world.assert_board_shows(WANTED)
    assert world.sync().write_calls == 0


def test_the_filters_of_the_plan_are_those_of_the_run(world, planned):
    plan = planned(Filters(customer="johnnie o", limit=5))

    report = world.sync(Filters(key="GRE-1"), plan=plan)

    assert report.orders_done == {"NEW": 1}
    world.assert_board_shows([*GREYSONS, JOHNNIE])


def test_what_happens_outside_the_plan_is_no_difference(world, planned):
    plan = planned(Filters(customer="johnnie o"))
    world.has_orders(*WANTED[1:], JOHNNIE, order("GRE-9"), order("GRE-8", L=-1))
    world.sandbox.person_sets(world.items()[0].id, "matchAlias", "a cell of the team")
    assert world.sync(plan=plan).orders_done == {"NEW": 1}


def test_a_plan_with_nothing_to_do_does_nothing(world):
    world.has_orders(*GREYSONS)
    world.sync()
    path = world.folder / "plan.json"
    world.plan(out=path)
    before = world.mutations()
    assert world.sync(plan=read_plan(path)).exit_code is ExitCode.DONE
    assert world.mutations() == before


def replace_row(old: dict, **change: object) -> Callable[[World], None]:
    return lambda world: world.has_orders(
        *(row | change if row is old else row for row in WANTED)
    )  # fmt: skip


def another_type(world: World) -> None:
    world.board.column_titled("PATTERN ID").type = "long_text"


def another_id(world: World) -> None:
    with world.sandbox.lock:
        column = world.board.column_titled("PATTERN ID")
        columns = {c.id: c for c in world.board.columns.values() if c is not column}
        column.id = "text_another"
        world.board.columns.clear()
        world.board.columns.update(columns | {column.id: column})


def another_subitem_id(world: World) -> None:
    with world.sandbox.lock:
        board = world.sandbox.account.board(world.board.subitem_board_id)
        column = board.column_titled("Order Qty")
        del board.columns[column.id]
        column.id = "numbers_another"
        board.columns[column.id] = column


def a_group_appears(world: World) -> None:
    world.sandbox.person_creates(world.board.id, "JOHNNIE O 2025 FALL", "by hand")


def a_label_appears(world: World) -> None:
    world.sandbox.person_sets(world.items()[0].id, "CUSTOMER SEASON", "SPRING 2026")


def found_on_the_board(world: World) -> None:
    cells = {"AAG ORDER NUMBER": "JOO-1", "STYLE": "NEW STYLE", "COLOR": "DEAN BLUE"}
    world.sandbox.person_creates(world.board.id, "New orders", "by hand", cells)


def another_profile(world: World) -> None:
    world.treats_vanished_orders("cancel")


MOVES = {
    "a price": (replace_row(CHANGED, **{"CUSTOMER PRICE": "31"}), f"order {KEY}: "),
    "a size": (replace_row(CHANGED, M=8), f"order {KEY}: "),
    "a size of a new order": (replace_row(JOHNNIE, XL=3), f"order {NEW_KEY}: "),
    "an order that was unchanged": (
        replace_row(GREYSONS[3], NOTES="x"), "order gre-4|m01y09|dean blue: it is not in the plan",
    ),
    "an order appeared": (
        lambda world: world.has_orders(*WANTED, ANOTHER),
        "order joo-2|new style|dean blue: it is not in the plan",
    ),
    "an order vanished": (
        lambda world: world.has_orders(*WANTED[:-1]),
        f"order {NEW_KEY}: there is nothing to send for it any more",
    ),
    "a change was taken back": (
        lambda world: world.has_orders(GREYSONS[0], *WANTED[1:]),
        f"order {KEY}: there is nothing to send for it any more",
    ),
    "a column's type": (another_type, "the board's column PATTERN ID has changed"),
    "a column's id": (another_id, "the board's column PATTERN ID has changed"),
    "a subitem column's id": (
        another_subitem_id, "the board's column subitems: Order Qty has changed",
    ),
    "a group appeared": (a_group_appears, "other groups would be made"),
    "a label appeared": (a_label_appears, "other labels would be made"),
    "an order appeared on the board": (found_on_the_board, f"order {NEW_KEY}: "),
    "the profile": (another_profile, "the profile has changed"),
    "another run": (lambda world: world.sync(), f"order {KEY}: there is nothing to send"),
    "a run of one order": (
        lambda world: world.sync(Filters(key="JOO-1")), f"order {NEW_KEY}: there is nothing",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("move", "told"), MOVES.values(), ids=MOVES.keys())
def test_a_plan_that_no_longer_holds_stops_before_the_first_write(world, planned, move, told):
    plan = planned()
    move(world)
    before, runs = world.mutations(), len(world.query("SELECT 1 FROM MON_SyncRuns"))

    with pytest.raises(BoardMismatch, match="no longer holds") as stop:
        world.sync(plan=plan)

    assert stop.value.exit_code == 6
    assert any(problem.startswith(told) for problem in stop.value.problems), stop.value.problems
    assert "order-sync plan" in stop.value.hint
    assert world.mutations() == before
    last = world.query("SELECT status, exit_code FROM MON_SyncRuns ORDER BY fence")[runs:]
    assert last == [("STOPPED", 6)]


def test_a_plan_of_another_board_is_not_done(world, planned):
    plan = planned()
    other = world.sandbox.add_board("customer-master-schedule", name="Another")
    world.extra["ORDER_SYNC_MONDAY__BOARD_ID"] = other.id
    before = world.mutations()
    with pytest.raises(BoardMismatch, match=f"board {world.board.id}, not {other.id}"):
        world.sync(plan=plan)
    assert world.mutations() == before


def test_of_many_orders_that_differ_the_first_are_named_and_the_rest_counted(world):
    world.has_orders()
    path = world.folder / "plan.json"
    world.plan(out=path)
    world.has_orders(*(order(f"GRE-{n}") for n in range(10, 24)))

    with pytest.raises(BoardMismatch) as stop:
        world.sync(plan=read_plan(path))

    named = [p for p in stop.value.problems if p.startswith("order gre-")]
    assert len(named) == 10
    assert "and 4 more orders differ" in stop.value.problems


def test_an_approved_plan_does_not_lift_a_guard(world, planned):
    plan = planned()
    before = world.mutations()
    with pytest.raises(GuardStopped):
        world.sync(plan=plan, limits=Limits(max_creates=0))
    assert world.mutations() == before


def test_the_file_holds_the_plan_and_no_token(world, planned):
    planned(Filters(customer="johnnie o"))
    text = (world.folder / "plan.json").read_text(encoding="utf-8")
    assert TOKEN not in text
    content = json.loads(text)
    assert content["format"] == 1
    assert content["filters"]["customer"] == "johnnie o"
    assert list(content["orders"]) == [NEW_KEY]


def test_texts_of_any_kind_survive_the_file(world):
    notes = 'He said "no" \\ 🧵\n{} é'
    world.has_orders(order("GRE-1", NOTES=notes), order("GRE-2"))
    world.sync(Filters(key="GRE-2"))
    world.has_orders(order("GRE-1", NOTES=notes), order("GRE-2", NOTES=notes))
    path = world.folder / "plan.json"
    world.plan(out=path)
    assert world.sync(plan=read_plan(path)).orders_done == {"NEW": 1, "CHANGED": 1}


# The file itself


def _without(name: str) -> Callable[[dict], object]:
    return lambda content: {k: v for k, v in content.items() if k != name}


BROKEN = {
    "no JSON": lambda _: "order-sync plan",
    "half of it": lambda content: json.dumps(content)[: len(json.dumps(content)) // 2],
    "nothing": lambda _: "",
    "a list": lambda _: [],
    "another format": lambda content: content | {"format": 99},
    "no format": _without("format"),
    "no orders": _without("orders"),
    "no filters": _without("filters"),
    "no time": _without("made_at"),
    "more than a plan": lambda content: content | {"more": 1},
    "filters of another kind": lambda content: content | {"filters": {"colour": "red"}},
    "a limit that is no number": lambda content: content | {"filters": {"limit": "x"}},
    "a limit below one": lambda content: content | {"filters": {"limit": 0}},
    "a filter that is no text": lambda content: content | {"filters": {"po": 5}},
    "orders that are a list": lambda content: content | {"orders": []},
    "an order that is no order": lambda content: content | {"orders": {KEY: 5}},
    "columns that are a text": lambda content: content | {"board_columns": "x"},
}


@pytest.mark.parametrize("breaking", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_is_no_plan_is_a_mistake_of_the_command(world, planned, breaking):
    planned()
    path = world.folder / "plan.json"
    broken = breaking(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(broken if isinstance(broken, str) else json.dumps(broken), encoding="utf-8")
    before = world.mutations()
    with pytest.raises(ConfigError) as stop:
        world.sync(plan=read_plan(path))
    assert stop.value.exit_code == 2
    assert world.mutations() == before


def test_bytes_that_are_no_text_are_no_plan(tmp_path):
    path = tmp_path / "plan.json"
    path.write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(ConfigError, match="not a plan"):
        read_plan(path)


@pytest.mark.parametrize("name", ["none.json", "."])
def test_a_plan_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(ConfigError, match="cannot be read") as stop:
        read_plan(tmp_path / name)
    assert "plan --out" in stop.value.hint


def test_a_directory_that_is_missing_is_not_made(world, planned):
    plan = planned()
    with pytest.raises(ConfigError, match="cannot be written") as stop:
        write_plan(world.folder / "none" / "plan.json", plan.filters, plan.basis)
    assert stop.value.exit_code == 2
    assert not (world.folder / "none").exists()


def test_a_name_that_is_taken_by_a_directory_leaves_nothing_behind(world, planned, tmp_path):
    plan = planned()
    (folder := tmp_path / "out").mkdir()
    (target := folder / "plan.json").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        write_plan(target, plan.filters, plan.basis)
    assert list(folder.iterdir()) == [target]


@contextmanager
def full_disk(size: int):
    """No file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_plan_that_was_there_and_no_half_file(world, planned, tmp_path):
    plan = planned()
    (folder := tmp_path / "out").mkdir()
    path = folder / "plan.json"
    path.write_text("the plan before", encoding="utf-8")
    with full_disk(100), pytest.raises(ConfigError, match="cannot be written"):
        write_plan(path, plan.filters, plan.basis)
    assert path.read_text(encoding="utf-8") == "the plan before"
    assert list(folder.iterdir()) == [path]
