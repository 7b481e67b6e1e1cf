"""Any history of an account ends with the board showing the source.

A random walk: the source changes, people work on the board, the API fails, runs are killed, are
not given the time to settle their doubts, or go through. At no time an order or a size stands on
the board twice, and when nothing fails any more, a run makes the board equal to the source.

ORDER_SYNC_HISTORIES says how many walks to take; unset, the same few are taken every time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from bench.faults.trouble import NOT_DRAWN
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from order_sync.delivery import settling
from order_sync.errors import ExitCode
from order_sync.guards import Limits
from order_sync.rules import retry
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer
from order_sync.sandbox.errors import ApiError
from order_sync.sandbox.faults import Fault, available_faults
from order_sync.sandbox.faults.fields import SubitemsLimit
from order_sync.sandbox.faults.refused import HINTS

from .changes import full_order
from .comparing import differences
from .dying import KILLED, run_and_die
from .wanted import wanted
from .world import TOKEN, World

Row = dict[str, Any]

HISTORIES = os.environ.get("ORDER_SYNC_HISTORIES")
ANY = Limits(max_removals="100%")
LAST_RUNS = 3  # without faults, until the board shows the source
POLICIES = ("cancel", "archive", "report")
# Faults are rarer than attempts, so that only a bug gives an order up.
CLIENT = {"SEND_WINDOW_S": "0.2", "SERVER_LIMIT_S": "0.3", "MAX_ATTEMPTS": "20"}
# Few orders and few values for each column, so that what was changed is often changed back.
NUMBERS = tuple(f"GRE-{number}" for number in range(1, 9))
VALUES: dict[str, tuple[Any, ...]] = {
    "CUSTOMER PRICE": ("28.86", "31.5", "$ 28.860", None),
    "AAG SEASON": ("2025 FALL", "2026 SPRING"),
    "CUSTOMER SEASON": (None, "SS26"),
    "CUSTOMER NAME": ("GREYSON CLOTHIERS", "JOHNNIE O"),
    "CUSTOMER COLOUR DESCRIPTION": ("DEAN BLUE", "Dean Blue"),
    "NOTES": ("first words", "other words", None),
    "DROP": ("DROP 1", "DROP 2", "n/a"),
    "ORDER TYPE": ("ACTIVE", "CANCELLED"),
    "S": (None, 5, 0), "M": (3, 9, None), "L": (4, 0),
}  # fmt: skip
BAD = {
    "twice in the source": lambda row: (row, row | {"PO NUMBER": "twin"}),
    "negative": lambda row: (row | {"ORDER TYPE": "ACTIVE", "XL": -4},),
    "too long": lambda row: (row | {"NOTES": "n" * 2_001},),
}
TEAM, TEAM_BELOW = ("FCST QTY", ("1", "17", None)), ("Cut Qty", ("2", "3", None))
BY_HAND = "BY HAND"

# What is drawn ----------------------------------------------------------------------------------

numbers = st.sampled_from(NUMBERS)
cells = st.sampled_from([(name, value) for name, some in VALUES.items() for value in some])
changes = st.lists(
    st.one_of(
        st.tuples(st.just("new"), numbers, st.lists(cells, max_size=4)),
        st.tuples(st.just("edit"), numbers, st.lists(cells, min_size=1, max_size=4)),
        st.tuples(st.just("edit"), numbers, st.lists(cells, min_size=1, max_size=4)),
        st.tuples(st.sampled_from(("vanish", "come back", "repair")), numbers, st.none()),
        st.tuples(st.just("spoil"), numbers, st.sampled_from(sorted(BAD))),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
deaths = st.one_of(
    st.tuples(st.sampled_from(("before-send", "after-send")), st.integers(1, 15)),
    st.tuples(st.sampled_from(("before-commit", "after-write")), st.integers(1, 45)),
)
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "skip": st.sampled_from((0, 0, 0, 1, 2, 3)),
    "match": st.sampled_from(  # labels are written first of all: they would get most of it
        (
            "create_item",
            "create_subitem",
            "create_item",
            "create_subitem",
            "create_group",
            "change_multiple",
            "move_item",
            "archive",
            None,
        )
    ),
    "remembers": st.sampled_from((0, 1)),
    "alias": st.integers(0, 2),
    "retry_s": st.sampled_from((0.0, 0.1)),
    "code": st.sampled_from(("RATE_LIMIT_EXCEEDED", "maxConcurrencyExceeded")),
    "hint": st.sampled_from(HINTS),
    "text": numbers,
    "whole": st.sampled_from((0, 1)),
}
SECONDS = {
    "still-executing": st.sampled_from((0.05, 0.2)),  # within the server's limit
    "hang": st.sampled_from((0.1, 0.7)),  # the second is longer than the client waits
}


def _kinds(kind: type[Fault] = Fault) -> Iterator[type[Fault]]:
    for below in kind.__subclasses__():
        yield from (below, *_kinds(below))


KINDS = {kind.name: kind for kind in _kinds() if getattr(kind, "name", None) in available_faults()}


@st.composite
def troubles(draw: st.DrawFn) -> dict[str, Any]:
    """A fault that strikes once, as `add_fault` takes it."""
    name = draw(st.sampled_from(sorted(available_faults().keys() - NOT_DRAWN)))
    known = {one.name for one in fields(KINDS[name]) if one.init}
    reads = KINDS[name].match is not None
    drawn = {
        setting: draw(strategy)
        for setting, strategy in SETTINGS.items()
        if setting in known and not (reads and setting == "match")
    }
    if "seconds" in known:
        drawn["seconds"] = draw(SECONDS[name])
    return {"fault": name, "times": 1} | drawn


trouble_ahead = st.lists(troubles(), min_size=1, max_size=4)

# What the source says ---------------------------------------------------------------------------


@dataclass
class Source:
    """The orders table as it is now."""

    rows: dict[str, Row] = field(default_factory=dict)  # order number -> good row
    away: dict[str, Row] = field(default_factory=dict)  # have left the source
    bad: dict[str, tuple[Row, ...]] = field(default_factory=dict)  # what stands for a row instead

    def change(self, what: str, number: str, more: Any) -> None:
        """Nothing happens where it does not apply."""
        there = number in self.rows
        if what == "new" and not there and number not in self.away:
            self.rows[number] = full_order(number) | dict(more)
        elif what == "edit" and there:
            self.rows[number] |= dict(more)
        elif what == "vanish" and there and number not in self.bad:
            self.away[number] = self.rows.pop(number)
        elif what == "come back" and number in self.away:
            self.rows[number] = self.away.pop(number)
        elif what == "spoil" and there:
            self.bad[number] = tuple(dict(row) for row in BAD[more](self.rows[number]))
        elif what == "repair":
            self.bad.pop(number, None)

    def all_is_well(self) -> None:
        """Everything is back and good."""
        self.rows |= self.away
        self.away.clear()
        self.bad.clear()

    def good(self) -> list[Row]:
        return [row for number, row in self.rows.items() if number not in self.bad]

    def table(self) -> list[Row]:
        return [*self.good(), *(row for some in self.bad.values() for row in some)]


# The walk ---------------------------------------------------------------------------------------


class History(RuleBasedStateMachine):
    """One walk; each has a folder, a database, a board and a server of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(TemporaryDirectory()))
        sandbox = Sandbox(SandboxOptions(token=TOKEN))
        board = sandbox.add_board("customer-master-schedule", name="Customer Master Schedule")
        server = self.stack.enter_context(SandboxServer(sandbox, port=0))
        client = {f"ORDER_SYNC_MONDAY__{name}": value for name, value in CLIENT.items()}
        self.world = World(folder, sandbox, server, board, client)
        self.source = Source()
        self.policy = "report"
        self.team: dict[tuple[str, str], str | None] = {}  # (id, title) -> text
        self.moved: dict[str, str] = {}  # item id -> title of the group a person put it into
        self.sound = True  # nothing was found wrong so far

    @initialize(
        policy=st.sampled_from(POLICIES),
        rows=st.lists(
            st.tuples(st.just("new"), numbers, st.lists(cells, max_size=4)), min_size=2, max_size=6
        ),
        ahead=trouble_ahead,
    )
    def begin(self, policy: str, rows: list[Any], ahead: list[dict[str, Any]]) -> None:
        self.policy = policy
        self.world.treats_vanished_orders(policy)
        self.source_changes(rows)
        self.arm(ahead)
        self.run()

    # Steps

    @rule(some=changes)
    def source_changes(self, some: list[Any]) -> None:
        for what, number, more in some:
            self.source.change(what, number, more)

    @rule(which=st.integers(0, 3), text=st.integers(0, 2))
    def person_fills_in(self, which: int, text: int) -> None:
        """In a column of the team, of an item and of a size."""
        item = self.some_item(which)
        if item is None:
            return
        self.person_writes(item.id, TEAM[0], TEAM[1][text])
        for line in item.subitems[:1]:
            self.person_writes(line.id, TEAM_BELOW[0], TEAM_BELOW[1][text])

    def person_writes(self, item_id: str, title: str, text: str | None) -> None:
        self.world.sandbox.person_sets(item_id, title, text)
        self.team[item_id, title] = text

    @rule(which=st.integers(0, 3), where=st.integers(0, 3))
    def person_moves_an_item(self, which: int, where: int) -> None:
        """To a group of the board, or to one of the team's own."""
        item = self.some_item(which)
        if item is None:
            return
        groups = [group.title for group in self.world.sandbox.groups(self.world.board.id)]
        title = [BY_HAND, *groups][where % (len(groups) + 1)]
        self.world.sandbox.person_moves(item.id, title)
        self.moved[item.id] = title

    def some_item(self, which: int) -> Any:
        items = self.world.items()
        return items[which % len(items)] if items else None

    @rule()
    def server_forgets_keys(self) -> None:
        self.world.sandbox.forget_idempotency()

    @rule(some=changes, ahead=trouble_ahead, waits=st.sampled_from((True, True, False)))
    def source_changes_and_a_run_meets_trouble(
        self, some: list[Any], ahead: list[dict[str, Any]], waits: bool
    ) -> None:
        self.source_changes(some)
        self.arm(ahead)
        self.run(waits=waits)

    @rule(some=changes, ahead=trouble_ahead, death=deaths)
    def source_changes_and_a_run_dies(
        self, some: list[Any], ahead: list[dict[str, Any]], death: tuple[str, int]
    ) -> None:
        self.source_changes(some)
        self.arm(ahead)
        self.run_that_dies(death)

    def arm(self, ahead: list[dict[str, Any]]) -> None:
        """For this run and the next ones; one that goes through ends the trouble."""
        for one in ahead:
            self.world.sandbox.add_fault(**one)

    def run(self, *, waits: bool = True) -> None:
        """Whatever it meets, it ends in good order."""
        self.sound = False
        self.publish()
        report = self.world.sync(limits=ANY, waits=waits)
        self.world.sandbox.clear_faults()
        known = (ExitCode.DONE, ExitCode.ROWS_LEFT)
        assert report.exit_code in known, (report.exit_code, report.message)
        self.sound = True

    def run_that_dies(self, death: tuple[str, int]) -> None:
        self.sound = False
        self.publish()
        world = self.world
        arguments = ("sync", "--max-removals", "100%")
        code, said = run_and_die(world.environ, world.folder, *death, arguments)
        assert code in (ExitCode.DONE, ExitCode.ROWS_LEFT, KILLED), said
        assert "Traceback" not in said, said
        self.sound = True

    def publish(self) -> None:
        self.world.has_orders(*self.source.table())

    # What always holds

    @invariant()
    def nothing_stands_on_the_board_twice(self) -> None:
        self.sound = False
        items = self.world.items()
        assert not _twice(item.name.casefold() for item in items)
        for item in items:
            assert not _twice(line.values.get("Size") for line in item.subitems), item.name
        groups = self.world.sandbox.groups(self.world.board.id)
        assert not _twice(group.title.casefold() for group in groups)
        self.sound = True

    # The end

    def teardown(self) -> None:
        try:
            if self.sound:
                self.world.sandbox.clear_faults()
                self.end()
                if self.source.away or self.source.bad:
                    self.source.all_is_well()
                    self.end()
        finally:
            self.stack.close()

    def end(self) -> None:
        found: list[str] = []
        for _ in range(LAST_RUNS):
            self.run()
            found = self.wrong()
            if not found:
                break
        assert not found, "\n".join(found)
        self.nothing_stands_on_the_board_twice()
        began = len(self.world.sandbox.request_log)
        self.run()
        assert self.world.writes(began) == []
        assert not self.wrong()

    def wrong(self) -> list[str]:
        """Every difference between the source, the board and our tables, as a sentence."""
        items = [self.as_left_by_us(item) for item in self.world.items()]
        # What the board shows of an order that is refused, or only reported, while nobody knows
        # what was written of it, depends on when a run died.
        unclear = tuple(f"{number}: " for number in (*self.source.bad, *self.source.away))
        found = [
            what
            for what in differences(self.source.good(), items, self.world.query)
            if not unclear or not any(mark in what for mark in unclear)
        ]
        refused = {key.split("|")[0].upper() for key, _ in self.world.errors()}
        if refused != set(self.source.bad):
            found.append(f"refused are {self.world.errors()} instead of {sorted(self.source.bad)}")
        return [*found, *self.wrong_of_the_vanished(items), *self.wrong_of_the_team(items)]

    def as_left_by_us(self, item: Any) -> Any:
        """Where a person has put an item is the person's business until its group changes."""
        row = self.source.rows.get(item.name.split()[-1])
        if row is None or self.moved.get(item.id) != item.group_title:
            return item
        return replace(item, group_title=wanted(row).group)

    def wrong_of_the_vanished(self, items: Iterable[Any]) -> Iterator[str]:
        for item in items:
            if item.name.split()[-1] not in self.source.away:
                continue
            if self.policy == "archive":
                yield f"{item.name}: has left the source and was not archived"
            pieces = {line.values.get("Order Qty") for line in item.subitems}
            cancelled = item.values.get("ORDER TYPE") == "CANCELLED" and pieces <= {"0"}
            if self.policy == "cancel" and not cancelled:
                yield f"{item.name}: has left the source and was not cancelled"

    def wrong_of_the_team(self, items: Iterable[Any]) -> Iterator[str]:
        for row in (row for item in items for row in (item, *item.subitems)):
            for (item_id, title), text in self.team.items():
                if item_id == row.id and (row.values.get(title) or None) != text:
                    yield f"{row.name}: the team's {title} is {row.values.get(title)!r}"


def _twice(things: Iterable[Any]) -> list[Any]:
    return [thing for thing, count in Counter(things).items() if count > 1]


@pytest.mark.timeout(900)  # a failing history is told over and over, until it is a short one
def test_after_any_history_the_board_shows_the_source(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(settling, "PAUSE_S", 0.05)
    soon = ApiError("FIELD_LIMIT_EXCEEDED", "soon", status_code=429, retry_in_seconds=0.05)
    monkeypatch.setattr(SubitemsLimit, "refuse_subitems", lambda _: soon)

    run_state_machine_as_test(
        History,
        settings=settings(
            max_examples=int(HISTORIES or 8),
            stateful_step_count=12,
            derandomize=HISTORIES is None,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
