"""A kill or a lost answer while orders change: the next run ends with board = source."""

from __future__ import annotations

from typing import Any

import pytest

from order_sync.db.engine import Database
from order_sync.errors import ExitCode
from order_sync.guards import Limits
from order_sync.monday.client import MondayClient

from .changes import CHANGES, full_order
from .world import World

ANY = Limits(max_removals="100%")
ANY_ARGUMENTS = ("--max-removals", "100%")
KILLED = 137

BEFORE = [full_order(f"GRE-{number}") for number in range(1, 6)]
_AFTER = ("number", "moved and changed", "cancelled and moved", "sizes swapped", "size changed")
AFTER = [CHANGES[name](row) for name, row in zip(_AFTER, BEFORE, strict=True)]
NEW = full_order("GRE-9")


def known_board(world: World) -> None:
    world.has_orders(*BEFORE)
    assert world.sync().exit_code is ExitCode.DONE


def assert_one_run_finishes(world: World, rows: list[Any]) -> None:
    report = world.sync(limits=ANY)
    assert report.exit_code is ExitCode.DONE, (report.message, report.refused)
    world.assert_board_shows(rows)
    world.assert_nothing_left_to_do(limits=ANY)


# A run of these changes writes 51 transactions and sends 19 requests.
WRITES, SENDS = 51, 19
STEPS = [
    *(("before-commit", n) for n in range(4, WRITES + 1, 10)),
    *(("after-write", n) for n in range(2, WRITES + 1, 5)),
    *(("before-send", n) for n in range(1, SENDS + 1, 3)),
    *(("after-send", n) for n in range(2, SENDS + 1, 2)),
]


@pytest.mark.parametrize(("step", "number"), STEPS)
def test_a_changing_run_that_died_is_finished_by_the_next(world, step, number):
    known_board(world)
    world.has_orders(*AFTER, NEW)
    assert world.sync_that_dies(step, number) == KILLED

    assert_one_run_finishes(world, [*AFTER, NEW])


@pytest.mark.parametrize(
    ("step", "number"),
    [(("before-send", "after-send")[n // 2 % 2], n) for n in range(2, SENDS + 1, 2)],
)
def test_a_source_that_flips_back_after_a_kill_is_what_the_board_shows(world, step, number):
    """The intent is stored; whether monday.com wrote is unknown to the next run."""
    known_board(world)
    world.has_orders(*AFTER)
    world.sync_that_dies(step, number)
    world.has_orders(*BEFORE)

    assert_one_run_finishes(world, BEFORE)


@pytest.mark.parametrize("number", [7, 8, 9, 10])
def test_a_source_that_flips_back_after_a_kill_leaves_nothing_staged(world, number):
    """Nothing was sent, and nothing has to be: the waiting rows are dropped."""
    known_board(world)
    world.has_orders(CHANGES["number"](BEFORE[0]), *BEFORE[1:])
    world.sync_that_dies("after-write", number)
    world.has_orders(*BEFORE)

    assert_one_run_finishes(world, BEFORE)


@pytest.mark.parametrize("arrived", ["before-send", "after-send"])
@pytest.mark.parametrize("change", ["season", "customer"])
def test_a_move_in_doubt_is_taken_back_when_the_source_flips_back(world, change, arrived):
    """Where the item stands is unknown: the old group has to be asked for again."""
    there = CHANGES[change](NEW)  # its group and labels stand, so the move goes first of all
    world.has_orders(*BEFORE, there)
    world.sync()
    world.has_orders(CHANGES[change](BEFORE[0]), *BEFORE[1:], there)
    world.sync_that_dies(arrived, 4)
    query = "SELECT stg_status FROM STG_MON_CustMasterSchedule WHERE update_operation = 'MOVE'"
    assert world.query(query) == [("SENDING",)]
    world.has_orders(*BEFORE, there)

    assert_one_run_finishes(world, [*BEFORE, there])


def test_the_steps_at_which_changing_runs_die_cover_the_whole_run(world, monkeypatch):
    counts = {"writes": 0, "sends": 0}
    run, send = Database.run, MondayClient.send

    def counting_run(self, work):
        counts["writes"] += 1
        return run(self, work)

    async def counting_send(self, *args, **kwargs):
        counts["sends"] += 1
        return await send(self, *args, **kwargs)

    known_board(world)
    monkeypatch.setattr(Database, "run", counting_run)
    monkeypatch.setattr(MondayClient, "send", counting_send)
    world.has_orders(*AFTER, NEW)
    world.sync()

    assert WRITES <= counts["writes"] < WRITES + 10  # a loaded machine looks more often
    assert counts["sends"] == SENDS


# Lost answers


LOST = ["lose-answer-before-write", "lose-answer-after-write", "502-after-write", "cut-body",
        "500-after-write", "mid-document-timeout", "error-without-path"]  # fmt: skip
WRITTEN = {"moves": ("move_item_to_group", 0), "items": ("change_multiple_column_values", 0),
           "more": ("change_multiple_column_values", 1),
           "most": ("change_multiple_column_values", 2)}  # fmt: skip


def with_one_document(faults: list[str]) -> list[tuple[str, str]]:
    """Every fault for one document, and one fault for every other document."""
    others = [name for name in WRITTEN if name != "items"]
    return [*((fault, "items") for fault in faults), *((faults[1], name) for name in others)]


@pytest.mark.parametrize(("fault", "document"), with_one_document(LOST))
def test_a_lost_answer_to_an_update_is_made_good_in_the_same_run(make_world, fault, document):
    world = make_world(idempotency=False)
    known_board(world)
    match, skip = WRITTEN[document]
    world.sandbox.add_fault(fault, times=1, match=match, skip=skip)
    world.has_orders(*AFTER, NEW)

    assert_one_run_finishes(world, [*AFTER, NEW])
    assert world.sandbox.faults[0].fired == 1


FOR_NOW = ["429", "423-alias", "423", "500-alias", "500-alias-after-write"]


@pytest.mark.parametrize(("fault", "document"), with_one_document(FOR_NOW))
def test_a_refusal_for_now_of_an_update_is_repeated(world, fault, document):
    known_board(world)
    match, skip = WRITTEN[document]
    world.sandbox.add_fault(fault, times=1, match=match, skip=skip)
    world.has_orders(*AFTER, NEW)

    assert_one_run_finishes(world, [*AFTER, NEW])
    assert world.sandbox.faults[0].fired == 1


@pytest.mark.parametrize("policy", ["cancel", "archive"])
@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_about_a_vanished_order_is_made_good(world, fault, policy):
    world.treats_vanished_orders(policy)
    known_board(world)
    world.sandbox.add_fault(fault, times=2)
    world.has_orders(*BEFORE[2:])

    stay = [row | {"ORDER TYPE": "CANCELLED"} for row in BEFORE[:2]] if policy == "cancel" else []
    assert_one_run_finishes(world, [*stay, *BEFORE[2:]])


# Board and account are read with three requests; the first of the vanished orders' is the fourth.
WHILE_THEY_GO = [
    ("after-write", 8), ("before-send", 4), ("after-send", 4), ("before-send", 5), ("after-send", 5)
]  # fmt: skip


@pytest.mark.parametrize("returns", [False, True], ids=["stays away", "returns"])
@pytest.mark.parametrize("policy", ["cancel", "archive"])
@pytest.mark.parametrize(("step", "number"), WHILE_THEY_GO)
def test_a_kill_while_vanished_orders_go_is_made_good(world, policy, step, number, returns):
    world.treats_vanished_orders(policy)
    known_board(world)
    world.has_orders(*BEFORE[1:])
    world.sync_that_dies(step, number, *ANY_ARGUMENTS)
    gone = [BEFORE[0] | {"ORDER TYPE": "CANCELLED"}] if policy == "cancel" else []
    if returns:
        world.has_orders(*BEFORE)
        gone = [BEFORE[0]]

    assert_one_run_finishes(world, [*gone, *BEFORE[1:]])


# A create in doubt, and the source moves on


def die_while_creating(world: World, arrived: str) -> None:
    """Leave the creation of NEW's item in doubt, made on the board or not."""
    known_board(world)
    world.has_orders(*BEFORE, NEW)
    step = "after-send" if arrived == "made" else "before-send"
    query = "SELECT stg_status FROM STG_MON_CustMasterSchedule WHERE order_key LIKE 'gre-9%'"
    for number in range(4, 20):  # requests before are reads
        world.sync_that_dies(step, number)
        if ("SENDING",) in world.query(query):
            return
    raise AssertionError("no run died while it created the item")


MEANWHILE = [
    *((name, "report") for name in ("cancelled", "number", "season", "sizes swapped")),
    *(("vanished", policy) for policy in ("report", "cancel", "archive")),
]


@pytest.mark.parametrize(
    ("arrived", "memory"),
    [("made", True), ("not made", False)],
    ids=["made", "not made, without memory"],
)
@pytest.mark.parametrize(("meanwhile", "policy"), MEANWHILE)
def test_a_create_in_doubt_ends_as_the_source_wants_it_now(
    make_world, meanwhile, policy, arrived, memory
):
    world = make_world(idempotency=memory)
    world.treats_vanished_orders(policy)
    die_while_creating(world, arrived)
    row = CHANGES[meanwhile](NEW)
    world.has_orders(*BEFORE, *([] if row is None else [row]))

    report = world.sync(limits=ANY)

    assert report.exit_code is ExitCode.DONE, (report.message, report.refused)
    stays = arrived == "made" and policy == "report"
    if row is None and stays:  # it is listed, and as nothing else is sent, it has no sizes
        assert any(item.name.endswith("GRE-9") for item in world.items())
        assert [change.order_key[:5] for change in report.reported] == ["gre-9"]
        return
    if row is None and arrived == "made" and policy == "cancel":
        row = NEW | {"ORDER TYPE": "CANCELLED"}
    world.assert_board_shows([*BEFORE, *([] if row is None else [row])])
    world.assert_nothing_left_to_do(limits=ANY)
