"""Calls, points and minutes of a run, before it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from order_sync.costing import (
    FIRST_GUESS,
    Measured,
    Reads,
    cost_of,
    documents_of_actions,
    label_calls,
)
from order_sync.monday.answers import Answer
from order_sync.monday.documents import Kind
from order_sync.rules.budget import COMPLEXITY_MINUTE, MINUTE_RATE, Complexity, Limit
from order_sync.rules.comparing import GROUP, LineAction, OrderAction
from order_sync.rules.order import OrderLine, SizeLine
from order_sync.rules.states import ChangeType, Operation

ORDER = OrderLine("k", "GREYSON", "G", "N", {}, (), False, "h", {})
SIZE = SizeLine("m", "M", "Size M", 1, "h")
NEW = OrderAction(ORDER, ChangeType.NEW, "s", Operation.CREATE, None, ())
CHANGED = OrderAction(ORDER, ChangeType.CHANGED, "s", Operation.UPDATE, "1", (), ("NOTES",))
CANCELLED = replace(CHANGED, change=ChangeType.CANCELLED, operation=Operation.CANCEL)
MOVED = replace(CHANGED, operation=Operation.MOVE, columns=(GROUP,))
MOVED_AND_CHANGED = replace(MOVED, columns=(GROUP, "NOTES"))
ARCHIVED = replace(CHANGED, change=ChangeType.DELETED, operation=Operation.REMOVE, columns=())
CREATE_LINE = LineAction(Operation.CREATE, SIZE)
UPDATE_LINE = LineAction(Operation.UPDATE, SIZE, "2")


def with_lines(action, *lines):
    return replace(action, lines=lines)


def of_customer(action, name):
    return replace(action, order=ORDER._replace(customer=name))


@pytest.mark.parametrize(
    ("actions", "documents"),
    [
        ([], []),
        ([NEW], [(Kind.CREATE_ITEMS, 1)]),
        ([NEW] * 10, [(Kind.CREATE_ITEMS, 4), (Kind.CREATE_ITEMS, 4), (Kind.CREATE_ITEMS, 2)]),
        ([NEW] * 8, [(Kind.CREATE_ITEMS, 4)] * 2),
        ([NEW, of_customer(NEW, "RHYTHM")], [(Kind.CREATE_ITEMS, 1)] * 2),
        ([NEW, CHANGED], [(Kind.CREATE_ITEMS, 1), (Kind.UPDATE_ITEMS, 1)]),
        ([CHANGED, CANCELLED], [(Kind.UPDATE_ITEMS, 1)] * 2),
        ([MOVED] * 2, [(Kind.MOVE_ITEMS, 2)]),
        ([MOVED_AND_CHANGED], [(Kind.MOVE_ITEMS, 1), (Kind.UPDATE_ITEMS, 1)]),
        # What follows a move goes in the next round, so not with the others.
        ([MOVED_AND_CHANGED, CHANGED], [(Kind.MOVE_ITEMS, 1), *[(Kind.UPDATE_ITEMS, 1)] * 2]),
        ([ARCHIVED] * 5, [(Kind.ARCHIVE_ITEMS, 4), (Kind.ARCHIVE_ITEMS, 1)]),
        (
            [with_lines(NEW, CREATE_LINE, CREATE_LINE), with_lines(NEW, CREATE_LINE)],
            [(Kind.CREATE_ITEMS, 2), (Kind.CREATE_SUBITEMS, 3)],
        ),
        (
            [replace(with_lines(CHANGED, CREATE_LINE, UPDATE_LINE), operation=None)],
            [(Kind.CREATE_SUBITEMS, 1), (Kind.UPDATE_ITEMS, 1)],
        ),
    ],
)
def test_a_document_holds_one_operation_of_one_customer(actions, documents):
    assert Counter(documents_of_actions(actions, 4)) == Counter(documents)


@pytest.mark.parametrize(
    ("columns", "calls"),
    [((0, 0), (0, 0)), ((1, 0), (3, 1)), ((0, 1), (3, 1)), ((2, 0), (3, 2)), ((3, 1), (4, 4))],
)
def test_labels_cost_a_revision_per_board_a_write_per_column_and_the_board_again(columns, calls):
    assert label_calls(columns) == calls


def reads(*durations: float, points: int = 0, **quotas: int) -> Reads:
    limits = tuple(Limit(name, quota) for name, quota in quotas.items())
    cost = Complexity(0, points, 0, 0.0)
    return Reads([Answer(200, complexity=cost, limits=limits, duration_s=s) for s in durations])


def cost(documents=(), seen=None, *, more_reading=0, history=None, concurrency=1, per_day=None):
    return cost_of(
        list(documents), seen or Reads(), more_reading, history or {}, concurrency=concurrency,
        calls_per_day=per_day,
    )  # fmt: skip


def test_calls_are_reads_made_reads_to_come_and_documents():
    found = cost([(Kind.CREATE_ITEMS, 15), (Kind.CREATE_ITEMS, 2)], reads(1, 1), more_reading=3)
    assert (found.calls, found.reading, found.mutations) == (7, 5, 17)


def test_points_come_from_earlier_requests_and_else_from_a_guess_that_is_told():
    documents = [(Kind.CREATE_ITEMS, 10), (Kind.MOVE_ITEMS, 2)]
    known = {Kind.CREATE_ITEMS: Measured(30.0, 1.0), Kind.MOVE_ITEMS: Measured(10.0, 1.0)}
    unsure = known | {Kind.MOVE_ITEMS: Measured(None, 1.0)}

    measured = cost(documents, reads(0, points=7), history=known)
    assert (measured.complexity, measured.complexity_measured) == (327, True)
    for history in (unsure, {Kind.CREATE_ITEMS: known[Kind.CREATE_ITEMS]}):
        guessed = cost(documents, reads(0, points=7), history=history)
        assert guessed.complexity == 307 + 2 * FIRST_GUESS
        assert not guessed.complexity_measured


def test_a_run_takes_as_long_as_its_answers_side_by_side():
    documents = [(Kind.CREATE_ITEMS, 1)] * 58
    history = {Kind.CREATE_ITEMS: Measured(1.0, 2.0)}
    for concurrency, minutes in ((1, 2.0), (4, 0.5)):
        found = cost(documents, reads(4.0), history=history, concurrency=concurrency)
        assert found.minutes == pytest.approx(minutes)
        assert "answers" in found.bound_by


@pytest.mark.parametrize(
    ("requests", "minutes"), [(100, 0.0), (101, 1.0), (200, 1.0), (201, 2.0), (1_000, 9.0)]
)
def test_the_first_window_of_requests_is_free_and_each_further_one_a_minute(requests, minutes):
    history = {Kind.CREATE_ITEMS: Measured(1.0, 0.0)}
    found = cost(
        [(Kind.CREATE_ITEMS, 1)] * (requests - 1), reads(0, **{MINUTE_RATE: 100}), history=history
    )
    assert found.minutes == minutes
    assert found.bound_by == "requests per minute" or minutes == 0


def test_the_points_of_a_minute_bound_a_run_when_they_are_scarcest():
    history = {Kind.CREATE_ITEMS: Measured(1_000.0, 0.1)}
    quotas = {MINUTE_RATE: 1_000, COMPLEXITY_MINUTE: 5_000}
    found = cost([(Kind.CREATE_ITEMS, 10)] * 2, reads(0, **quotas), history=history)
    assert (found.minutes, found.bound_by) == (3.0, "complexity per minute")


def test_the_latest_limit_the_account_has_told_counts():
    seen = reads(0, **{MINUTE_RATE: 10})
    seen.saw("board", Answer(200, limits=(Limit(MINUTE_RATE, 50), Limit("other", 1))))
    seen.saw("board", Answer(200, limits=(Limit(MINUTE_RATE, None),)))
    assert seen.quota(MINUTE_RATE) == 50
    assert seen.quota(COMPLEXITY_MINUTE) is None


@pytest.mark.parametrize(("per_day", "share"), [(None, None), (20, 0.1), (1, 2.0)])
def test_the_share_of_the_day_may_be_unknown_or_more_than_there_is(per_day, share):
    assert cost([(Kind.MOVE_ITEMS, 1)], reads(0), per_day=per_day).share_of_day == share


def test_nothing_to_do_costs_the_look_alone():
    found = cost((), reads(0.6, 0.6, points=5))
    assert (found.calls, found.mutations, found.complexity) == (2, 0, 10)
    assert found.minutes == pytest.approx(0.02)
    assert found.complexity_measured
