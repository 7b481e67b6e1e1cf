"""Each net is needed: with it no harm is done, without it the same schedule does harm.

The table pairs a net with a schedule only it can hold, the smallest patch that takes it away, and
the harm that follows.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from order_sync.db import known, runs, staging
from order_sync.db.runs import RequestRef
from order_sync.delivery import cargo, settling
from order_sync.delivery.sender import Sender
from order_sync.delivery.settling import Settler
from order_sync.monday.client import MondayClient
from order_sync.monday.documents import Kind
from order_sync.rules.states import Event

from . import schedules
from .schedules import MakeWorld

Patch = pytest.MonkeyPatch


def without_write_intent(patch: Patch) -> None:
    """What is sent is written down together with its answer, not before it goes out."""
    intend, record = Sender._intend, Sender._record

    def keep_in_mind(self: Any, conn: Any, load: Any, body: bytes, *_: Any) -> RequestRef:
        load.body_in_mind = body
        return RequestRef("not stored", 1, uuid.uuid4().hex)

    def write_both(self: Any, conn: Any, load: Any, _: Any, answer: Any, event: Event) -> None:
        current = intend(self, conn, load, load.body_in_mind, None, event)
        record(self, conn, load, current, answer, event)

    patch.setattr(Sender, "_intend", keep_in_mind)
    patch.setattr(Sender, "_record", write_both)


def without_recovery(patch: Patch) -> None:
    patch.setattr(staging, "orphan_rows_to_unconfirmed", lambda *_: 0)


def without_fence(patch: Patch) -> None:
    patch.setattr(runs, "check_fence", lambda *_: None)


def without_send_window(patch: Patch) -> None:
    """The window begins with the sending, not with the intent."""
    send = MondayClient.send

    async def whenever(self: Any, body: bytes, **options: Any) -> Any:
        return await send(self, body, **options | {"began": None})

    patch.setattr(MondayClient, "send", whenever)


def without_look_up_of_doubtful_creates(patch: Patch) -> None:
    async def find_nothing(self: Any, rows: Any) -> Any:
        return [settling._Found(()) for _ in rows]

    patch.setattr(Settler, "_find_items", find_nothing)


def without_same_key_repeat(patch: Patch) -> None:
    async def never(*_: Any) -> bool:
        return False

    patch.setattr(Settler, "_may_replay", never)


def without_waiting(patch: Patch, kind: Kind) -> None:
    """Doubtful requests of this kind are settled at once."""
    due = Settler._seconds_until_due

    def seconds(self: Any, conn: Any, doubt: Any) -> float:
        return 0.0 if doubt.kind == kind else due(self, conn, doubt)

    patch.setattr(Settler, "_seconds_until_due", seconds)


def without_withdrawn_hash(patch: Patch) -> None:
    patch.setattr(known, "withdraw", lambda *_: None)


def without_splitting_of_doubtful_documents(patch: Patch) -> None:
    """Rows that travel together are given up together."""
    outcome = Settler._outcome

    def together(self: Any, row: Any, ids: Any, *, alone: bool, limit: Any) -> Any:
        return outcome(self, row, ids, alone=True, limit=None)

    patch.setattr(Settler, "_outcome", together)


def without_splitting_of_refused_documents(patch: Patch) -> None:
    """Rows that travel together are refused together."""
    judge = cargo._not_executed
    patch.setattr(
        cargo, "_not_executed", lambda row, rule, _rows, message: judge(row, rule, 1, message)
    )


def without_look_up_of_new_orders(patch: Patch) -> None:
    async def find_nothing(*_: Any) -> list[Any]:
        return []

    patch.setattr("order_sync.planning.find_strangers", find_nothing)


@dataclass(frozen=True)
class Net:
    """A net, the schedule it holds, and what happens when it is taken away."""

    schedule: Callable[[MakeWorld], list[str]]
    take_away: Callable[[Patch], None]
    harm: str  # part of one of the differences


DOUBLED = "GRE-2: 2 times on the board instead of 1"
MISSING = "GRE-1: 0 times on the board instead of 1"

NETS = {
    "write intent": Net(
        schedules.dies_after_a_create, without_write_intent, DOUBLED,
    ),
    "recovery": Net(
        schedules.dies_after_a_create_that_anybody_can_see, without_recovery,
        "left in staging: ('gre-2|m01y09|dean blue', 'CREATE', 'SENDING')",
    ),
    "fence": Net(
        schedules.loses_its_lock_alive, without_fence, DOUBLED,
    ),
    "send window": Net(
        schedules.falls_asleep_before_it_sends, without_send_window, DOUBLED,
    ),
    "look-up of doubtful creates": Net(
        schedules.loses_an_answer_and_the_key, without_look_up_of_doubtful_creates, DOUBLED,
    ),
    "waiting for hidden creates": Net(
        schedules.loses_an_answer_and_the_key_behind_a_lag,
        partial(without_waiting, kind=Kind.CREATE_ITEMS), DOUBLED,
    ),
    "same-key repeat": Net(
        schedules.loses_an_answer_behind_a_long_lag, without_same_key_repeat, DOUBLED,
    ),
    "waiting for late updates": Net(
        schedules.writes_a_newer_value_before_the_late_one,
        partial(without_waiting, kind=Kind.UPDATE_ITEMS),
        "shows CUSTOMER PRICE '30' instead of '31'",
    ),
    "hash withdrawn at intent": Net(
        schedules.flips_back_after_a_kill, without_withdrawn_hash,
        "shows CUSTOMER PRICE '30' instead of '28.86'",
    ),
    "splitting of doubtful documents": Net(
        schedules.meets_a_row_that_breaks_the_server, without_splitting_of_doubtful_documents,
        MISSING,
    ),
    "splitting of refused documents": Net(
        schedules.meets_a_row_that_is_refused_with_its_document,
        without_splitting_of_refused_documents, MISSING,
    ),
    "look-up of new orders": Net(
        schedules.restores_an_older_database, without_look_up_of_new_orders, DOUBLED,
    ),
}  # fmt: skip

each_net = pytest.mark.parametrize("net", NETS.values(), ids=NETS.keys())


@each_net
def test_with_the_net_no_order_comes_to_harm(make_world, net):
    assert net.schedule(make_world) == []


@each_net
def test_without_the_net_the_same_schedule_does_harm(make_world, monkeypatch, net):
    net.take_away(monkeypatch)

    found = net.schedule(make_world)

    assert any(net.harm in difference for difference in found), found
