"""Adopting large boards, and what stops it: deaths, signals, dead cursors, other processes."""

from __future__ import annotations

import itertools
import os
import signal
from typing import Any

import pytest

from order_sync import adoption
from order_sync.db.engine import Database, board_lock
from order_sync.errors import ExitCode, LockHeld, Unreachable
from order_sync.monday.client import MondayClient

from .adopting import COPY, ROWS, adopt, assert_repaired, fill, forget_all, item_of, keys_known
from .world import World, order


@pytest.fixture
def filled(world: World) -> World:
    return fill(world)


def board_of_many(world: World, count: int) -> list[dict[str, Any]]:
    """A board people have filled by hand, and the source of it."""
    # Pages of 500 items take a loaded machine its time.
    world.extra["ORDER_SYNC_MONDAY__SERVER_LIMIT_S"] = "20"
    rows = [order(f"GRE-{number}") for number in range(count)]
    for number in range(count):
        values = COPY | {"AAG ORDER NUMBER": f"GRE-{number}", "NOTES": "typed"}
        world.sandbox.person_creates(world.board.id, "By hand", f"no. {number}", values)
    world.has_orders(*rows)
    return rows


def test_a_board_of_many_pages_is_learned_whole(world):
    board_of_many(world, 1_010)

    report = adopt(world)

    assert (report.items_read, report.adopted, report.to_create) == (1_010, 1_010, 0)
    assert report.differing["Name"] == 1_010
    assert len(keys_known(world)) == 1_010
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


@pytest.mark.parametrize("step", ["after-write", "after-send"])
def test_an_adoption_that_dies_at_any_step_is_simply_run_again(filled, step):
    filled.sandbox.person_sets(item_of(filled, "GRE-1").id, "NOTES", "typed over")
    died = 0
    for number in itertools.count(1):
        if filled.command_that_dies(step, number, "adopt") == 0:
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
