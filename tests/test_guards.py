"""Limits of a run, and when they stop it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from order_sync.detection import Detection
from order_sync.errors import ConfigError
from order_sync.guards import Limits, stopping_guards
from order_sync.rules.comparing import OrderAction
from order_sync.rules.order import OrderLine
from order_sync.rules.states import ChangeType, Operation

ORDER = OrderLine("k", "GREYSON", "G", "N", {}, (), False, "h", {})
NEW = OrderAction(ORDER, ChangeType.NEW, "s", Operation.CREATE, None, ())
CANCELLED = OrderAction(ORDER, ChangeType.CANCELLED, "s", Operation.CANCEL, "1", ())
GONE = replace(CANCELLED, change=ChangeType.DELETED)
ARCHIVED = replace(GONE, operation=Operation.REMOVE)
LINES_ONLY = replace(GONE, operation=None)


def messages(limits, *actions, known=100, calls=10):
    found = Detection(actions=list(actions), known_count=known)
    guards = list(stopping_guards(found, calls, limits))
    assert all(guard.hint for guard in guards)
    return [guard.message for guard in guards]


def test_without_limits_any_number_may_be_created():
    assert messages(Limits(), *[NEW] * 1_000, calls=10_000) == []


@pytest.mark.parametrize(("allowed", "stops"), [(0, True), (2, True), (3, False), (None, False)])
def test_creates_are_counted_in_order_lines(allowed, stops):
    found = messages(Limits(max_creates=allowed), NEW, NEW, NEW, CANCELLED)
    assert bool(found) is stops
    assert not stops or f"3 order lines would be created, --max-creates allows {allowed}" in found


@pytest.mark.parametrize(("allowed", "stops"), [(0, True), (9, True), (10, False)])
def test_calls_are_those_of_the_whole_run(allowed, stops):
    assert bool(messages(Limits(max_calls=allowed), calls=10)) is stops


@pytest.mark.parametrize(
    ("limit", "known", "allowed"),
    [
        ("5%", 100, 5), ("5%", 119, 5), ("5%", 120, 6), ("5%", 19, 0), ("5%", 0, 0),
        ("0%", 100, 0), ("100%", 7, 7), ("10 %", 100, 10), (" 12 ", 3, 12), ("0", 100, 0),
        ("20", 0, 20),
    ],
)  # fmt: skip
def test_removals_are_a_number_or_a_share_rounded_down(limit, known, allowed):
    assert Limits(max_removals=limit).removals_of(known) == allowed


def test_without_a_word_one_in_twenty_may_go():
    assert messages(Limits(), *[GONE] * 5) == []
    (message,) = messages(Limits(), *[GONE] * 6)
    assert message.startswith("6 of 100 known order lines have left the source")
    assert "--max-removals 5% allows 5" in message


def test_archived_orders_and_those_that_only_lose_their_pieces_count_as_removed():
    limits = Limits(max_removals="2")
    assert messages(limits, GONE, ARCHIVED, LINES_ONLY)
    assert not messages(limits, GONE, ARCHIVED)


def test_orders_the_source_itself_cancels_are_no_removals():
    assert messages(Limits(max_removals="0"), *[CANCELLED] * 50) == []


def test_every_guard_that_would_stop_is_told():
    limits = Limits(max_creates=0, max_calls=0, max_removals="0")
    assert len(messages(limits, NEW, GONE)) == 3


@pytest.mark.parametrize("limit", ["", " ", "%", "x", "-1", "5.5%", "1,000", "5%%", "1e3"])
def test_a_share_that_is_none_is_a_mistake(limit):
    with pytest.raises(ConfigError, match="--max-removals") as stop:
        Limits(max_removals=limit)
    assert "such as 10%" in stop.value.hint
