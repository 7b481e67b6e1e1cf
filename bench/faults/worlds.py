"""The account of an episode: a sandbox, its server, a database, and settings drawn by chance."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.runs.world import TOKEN, World

from order_sync.connection import connected, open_board
from order_sync.key_columns import add_key_column
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer

from .trouble import SEND_WINDOW_S, SERVER_LIMIT_S

HIDDEN_BEYOND_S = 2.0  # so much longer than configured a new row is hidden, beyond the bounds
LAG_TO_SPARE_S = 0.05
MEMORY = Path("/dev/shm")  # a database there spares the disk


@contextmanager
def new_world(chance: Random, policy: str, *, beyond: bool) -> Iterator[World]:
    """policy: what the profile says of orders that have left the source."""
    lag = chance.choice((0.0, 0.1, 0.3))
    options = SandboxOptions(
        token=TOKEN, limits=False, items_limit=100_000,
        read_lag_s=lag + HIDDEN_BEYOND_S * beyond, read_lag_on_ids=chance.random() < 0.3,
        idempotency=chance.random() < 0.7 and not beyond,
        idempotency_budget_bytes=chance.choice((64_000_000, 64_000_000, 4_000)),
    )  # fmt: skip
    sandbox = Sandbox(options)
    board = sandbox.add_board("customer-master-schedule", name="Customer Master Schedule")
    place = MEMORY if MEMORY.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="order-sync-faults-", dir=place))
    try:
        with SandboxServer(sandbox) as server:
            world = World(folder, sandbox, server, board, _settings(chance, lag))
            world.treats_vanished_orders(policy)
            if chance.random() < 0.4:
                asyncio.run(_add_key_columns(world))
            yield world
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settings(chance: Random, lag_s: float) -> dict[str, str]:
    monday = {
        "SEND_WINDOW_S": SEND_WINDOW_S,
        "SERVER_LIMIT_S": SERVER_LIMIT_S,
        "READ_LAG_S": lag_s + LAG_TO_SPARE_S if lag_s else 0,
        "BATCH_SIZE": chance.choice((4, 8, 15, 15)),
        "CONCURRENCY": chance.choice((1, 2, 4)),
    }
    return {f"ORDER_SYNC_MONDAY__{name}": str(value) for name, value in monday.items()}


async def _add_key_columns(world: World) -> None:
    """Our own keys on the board and on its subitem board."""
    async with connected(world.settings) as client:
        _, board = await open_board(client, world.settings, world.mapping)
        await add_key_column(client, board.board_id, "the board")
        await add_key_column(client, board.subitem_board_id, "its subitem board")
