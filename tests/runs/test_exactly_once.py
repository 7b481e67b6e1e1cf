"""A kill, a lost answer or a second run never doubles an order and never loses one."""

from __future__ import annotations

import pytest

from order_sync.db.engine import Database, board_lock
from order_sync.errors import ExitCode, LockHeld

from .world import order

ROWS = [order("GRE-1"), order("GRE-2"), order("GRE-3", CUSTOMER_NAME="JOHNNIE O")]


def test_a_run_puts_every_order_on_the_board_once(world):
    world.has_orders(*ROWS)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)
    assert world.groups_on_board() == ["GREYSON CLOTHIERS 2025 FALL", "JOHNNIE O 2025 FALL"]


def test_a_second_run_sends_nothing(world):
    world.has_orders(*ROWS)
    world.sync()
    before, log = world.mutations(), len(world.sandbox.request_log)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    assert world.mutations() == before
    assert len(world.sandbox.request_log) - log <= 3


# A run of these orders writes 36 transactions and sends 13 requests.
STEPS = [
    *(("before-commit", n) for n in range(1, 37, 2)),
    *(("after-write", n) for n in range(1, 37)),
    *(("before-send", n) for n in range(1, 15)),
    *(("after-send", n) for n in range(1, 15)),
]


@pytest.mark.parametrize(("step", "number"), STEPS)
def test_a_run_that_died_leaves_no_order_lost_or_doubled(world, step, number):
    world.has_orders(*ROWS)
    world.sync_that_dies(step, number)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)


LOST = ["lose-answer-before-write", "lose-answer-after-write", "504-after-write", "cut-body"]


@pytest.mark.parametrize("memory", [True, False], ids=["with memory", "without memory"])
@pytest.mark.parametrize("operation", ["create_group", "create_item", "create_subitem"])
@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_neither_loses_nor_doubles(make_world, fault, operation, memory):
    world = make_world(idempotency=memory)
    world.has_orders(*ROWS)
    world.sandbox.add_fault(fault, times=1, match=operation)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)


@pytest.mark.parametrize(
    "fault", ["mid-document-timeout", "error-without-path", "500", "500-after-write"]
)
def test_a_document_whose_outcome_is_unknown_is_settled_row_by_row(world, fault):
    world.has_orders(*ROWS)
    world.sandbox.add_fault(fault, times=1, match="create_item")

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)


def test_several_lost_answers_in_a_row_are_settled_in_one_run(make_world):
    world = make_world(idempotency=False)
    world.has_orders(*ROWS)
    world.sandbox.add_fault("lose-answer-after-write", times=4)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)


def test_a_doubt_is_not_settled_before_the_board_can_show_the_item(make_world):
    """The board lags: looking too early would find nothing and create a second item."""
    world = make_world(idempotency=False, read_lag_s=2.5)
    world.extra["ORDER_SYNC_MONDAY__READ_LAG_S"] = "2.7"
    world.has_orders(*ROWS)
    world.sandbox.add_fault("lose-answer-after-write", times=1, match="create_item")

    world.sync()

    world.assert_board_equals_source(ROWS)


def test_limits_and_locks_are_waited_for_without_doubling(world):
    world.has_orders(*ROWS)
    for fault in ("429", "423"):
        world.sandbox.add_fault(fault, times=1, match="create_item")

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)


def test_a_second_run_at_the_same_time_stops(world):
    world.has_orders(*ROWS)
    held = Database(world.settings.database.url)
    with board_lock(held, world.board.id), pytest.raises(LockHeld):
        world.sync()
    held.close()
    assert world.items() == []


def test_a_lost_database_on_a_filled_board_stops_the_run(world):
    from order_sync.errors import GuardStopped

    world.has_orders(*ROWS)
    world.sync()
    before = world.mutations()
    world.path.unlink()
    world.has_orders(*ROWS)

    with pytest.raises(GuardStopped, match="none of them is known") as stop:
        world.sync()

    assert "adopt" in stop.value.hint
    assert world.mutations() == before


def test_an_order_a_person_made_on_the_board_is_taken_over_not_doubled(world):
    world.has_orders(ROWS[0])
    world.sync()
    values = {"AAG ORDER NUMBER": "GRE-2", "STYLE": "m01y09", "COLOR": "Dean  Blue"}
    world.sandbox.person_creates(world.board.id, "By hand", "typed by a planner", values)
    world.has_orders(*ROWS)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    assert report.orders_adopted == 1
    world.assert_board_equals_source(ROWS)
    assert "By hand" not in world.groups_on_board()


def test_the_steps_at_which_runs_die_cover_the_whole_run(world, monkeypatch):
    """A step that is never reached would test nothing."""
    from order_sync.monday.client import MondayClient

    counts = {"writes": 0, "sends": 0}
    run, send = Database.run, MondayClient.send

    def counting_run(self, work):
        counts["writes"] += 1
        return run(self, work)

    async def counting_send(self, *args, **kwargs):
        counts["sends"] += 1
        return await send(self, *args, **kwargs)

    monkeypatch.setattr(Database, "run", counting_run)
    monkeypatch.setattr(MondayClient, "send", counting_send)
    world.has_orders(*ROWS)
    world.sync()

    last = max(n for step, n in STEPS if step == "after-write")
    assert last <= counts["writes"] < last + 10  # a loaded machine looks at its tables more often
    assert counts["sends"] == max(n for step, n in STEPS if step == "after-send")
