"""One unlucky order of events for each net: what is wrong at its end, as sentences.

In each of them a single net keeps the orders from harm; the others cannot help, and each
docstring says why.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext, suppress
from typing import Any

import pytest

import order_sync.sync
from order_sync.errors import StaleFence
from order_sync.monday.client import MondayClient
from order_sync.sandbox.answers import Answer, refusal
from order_sync.sandbox.errors import RequestError
from order_sync.sandbox.faults.refused import PoisonousRow
from tests.runs.comparing import differences
from tests.runs.world import World, order

from .crashes import killed_after_sending

MakeWorld = Callable[..., World]
OLD, NEW = order("GRE-1"), order("GRE-2")
UPDATE = "change_multiple_column_values"


def harm(world: World, rows: list[dict[str, Any]]) -> list[str]:
    """Every difference between these rows, the board and the production tables."""
    return differences(rows, world.items(), world.query)


def configure(world: World, **settings: object) -> None:
    world.extra |= {f"ORDER_SYNC_MONDAY__{name}": str(value) for name, value in settings.items()}


def asleep_during(work: Callable[[], object]) -> None:
    """Nothing of the calling run goes on meanwhile, as if its machine had been suspended."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def dies_after_a_create(make_world: MakeWorld) -> list[str]:
    """The next run looks at once, while the board still hides the item.

    Only the stored intent tells that run that there is something to wait for.
    """
    world = make_world(read_lag_s=2.5)
    configure(world, READ_LAG_S=2.7)
    world.has_orders(OLD)
    world.sync()
    world.has_orders(OLD, NEW)
    with killed_after_sending("create_item"):
        world.sync()
    world.sync()
    return harm(world, [OLD, NEW])


def dies_after_a_create_that_anybody_can_see(make_world: MakeWorld) -> list[str]:
    """The board shows the item, but to run after run its row is still being sent."""
    world = make_world()
    world.has_orders(NEW)
    with killed_after_sending("create_item"):
        world.sync()
    world.sync()
    world.sync()
    return harm(world, [NEW])


def loses_its_lock_alive(make_world: MakeWorld) -> list[str]:
    """A run sleeps between comparing and staging; another one does the same work meanwhile.

    The first has looked at board and state already, and its own rows are nobody else's.
    """
    world = make_world()
    world.has_orders(NEW)
    stage, sleepers = order_sync.sync.stage, iter([1])

    async def sleeping_stage(*arguments: Any) -> Any:
        if next(sleepers, None):
            asleep_during(world.sync)
        return await stage(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("order_sync.board_run.board_lock", lambda *_: nullcontext())
        patch.setattr("order_sync.sync.stage", sleeping_stage)
        with suppress(StaleFence):
            world.sync()
    return harm(world, [NEW])


def falls_asleep_before_it_sends(make_world: MakeWorld) -> list[str]:
    """Its intent is stored; another run settles it and creates the item; then it wakes up.

    The fence is no help: no transaction lies between waking up and sending.
    """
    world = make_world(idempotency=False)
    world.has_orders(NEW)
    send, sleepers = MondayClient.send, iter([1])

    async def sleeping_send(self: MondayClient, body: bytes, **options: Any) -> Any:
        if b"create_item" in body and next(sleepers, None):
            asleep_during(world.sync)
        return await send(self, body, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("order_sync.board_run.board_lock", lambda *_: nullcontext())
        patch.setattr(MondayClient, "send", sleeping_send)
        with suppress(StaleFence):
            world.sync()
    return harm(world, [NEW])


def loses_an_answer_and_the_key(make_world: MakeWorld) -> list[str]:
    """The item was made, the answer is lost, and the server has forgotten the key."""
    world = make_world(idempotency=False)
    world.has_orders(NEW)
    world.sandbox.add_fault("lose-answer-after-write", times=1, match="create_item")
    world.sync()
    return harm(world, [NEW])


def loses_an_answer_and_the_key_behind_a_lag(make_world: MakeWorld) -> list[str]:
    """The board hides the item as long as it may; who looks earlier finds nothing."""
    world = make_world(idempotency=False, read_lag_s=1.5)
    configure(world, READ_LAG_S=1.7)
    world.has_orders(NEW)
    world.sandbox.add_fault("lose-answer-after-write", times=1, match="create_item")
    world.sync()
    return harm(world, [NEW])


def loses_an_answer_behind_a_long_lag(make_world: MakeWorld) -> list[str]:
    """The board hides the item longer than it is configured to: the look-up finds nothing."""
    world = make_world(read_lag_s=60)
    world.has_orders(NEW)
    world.sandbox.add_fault("lose-answer-after-write", times=1, match="create_item")
    world.sync()
    return harm(world, [NEW])


def writes_a_newer_value_before_the_late_one(make_world: MakeWorld) -> list[str]:
    """The server is still at the first value when the second one is wanted."""
    world = make_world()
    late_s = 2.0
    configure(world, SERVER_LIMIT_S=late_s)
    world.has_orders(OLD)
    world.sync()
    world.has_orders(OLD | {"CUSTOMER PRICE": "30"})
    world.sandbox.add_fault("still-executing", times=1, match=UPDATE, seconds=late_s)
    with killed_after_sending(UPDATE):
        world.sync()
    arrives = time.monotonic() + late_s
    newest = OLD | {"CUSTOMER PRICE": "31"}
    world.has_orders(newest)
    world.sync()
    time.sleep(max(0.0, arrives + 0.3 - time.monotonic()))
    return harm(world, [newest])


def flips_back_after_a_kill(make_world: MakeWorld) -> list[str]:
    """The board has the new value; the source wants the old one, as acknowledged before."""
    world = make_world()
    world.has_orders(OLD)
    world.sync()
    world.has_orders(OLD | {"CUSTOMER PRICE": "30"})
    with killed_after_sending(UPDATE):
        world.sync()
    world.has_orders(OLD)
    world.sync()
    return harm(world, [OLD])


GOOD = [order("GRE-1"), order("GRE-2")]
BAD = order("GRE-3", NOTES="poison")


def meets_a_row_that_breaks_the_server(make_world: MakeWorld) -> list[str]:
    """A document with this row fails with a 500, whoever travels with it."""
    world = make_world()
    configure(world, SEND_WINDOW_S=0.3, SERVER_LIMIT_S=0.1, MAX_ATTEMPTS=3)
    world.has_orders(*GOOD, BAD)
    world.sandbox.add_fault("poisonous-row", text="poison")
    world.sync()
    return harm(world, GOOD)


class RefusedDocument(PoisonousRow):
    """The document is refused before it runs, because of one row."""

    def instead(self) -> Answer:
        return refusal(RequestError("BAD_USER_INPUT", "a value cannot be read", status_code=400))


def meets_a_row_that_is_refused_with_its_document(make_world: MakeWorld) -> list[str]:
    """A document with this row is refused as a whole, whoever travels with it."""
    world = make_world()
    world.has_orders(*GOOD, BAD)
    world.sandbox.add_fault(RefusedDocument(text="poison"))
    world.sync()
    return harm(world, GOOD)


def restores_an_older_database(make_world: MakeWorld) -> list[str]:
    """The database does not know the newest order any more; the board does."""
    world = make_world()
    world.has_orders(OLD)
    world.sync()
    backup = world.folder / "backup.db"
    copy(world.path, backup)
    world.has_orders(OLD, NEW)
    world.sync()
    copy(backup, world.path)
    world.has_orders(OLD, NEW)
    world.sync()
    return harm(world, [OLD, NEW])


def copy(origin: Any, target: Any) -> None:
    with closing(sqlite3.connect(origin)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
