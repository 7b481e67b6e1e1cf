"""What every step of a delivery needs: a run, a board, a client, a thread for the database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from order_sync.config import Settings
from order_sync.db import runs
from order_sync.db.engine import Database
from order_sync.db.runs import ReadCall, RunRef
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit
from order_sync.errors import SyncError
from order_sync.monday.client import MondayClient
from order_sync.monday.columns import BoardMap
from order_sync.monday.gate import Gate
from order_sync.progress import Progress
from order_sync.rules.mapping import Mapping

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Tally:
    """What a run has done so far, as counted while recording."""

    write_calls: int = 0
    read_calls: int = 0
    retries: int = 0
    groups_created: int = 0
    labels_created: int = 0
    adopted: int = 0


@dataclass
class Delivery:
    """One run's hands: database, client, and what is held in memory meanwhile."""

    settings: Settings
    mapping: Mapping
    tables: Tables
    database: Database
    client: MondayClient
    run: RunRef
    board: BoardMap
    progress: Progress
    tally: Tally = field(default_factory=Tally)
    rng: random.Random = field(default_factory=random.Random)
    # Rows a sender holds although the database says PENDING: their document waits for a limit.
    held: set[tuple[Unit, int]] = field(default_factory=set)
    # Rows that may go again, but not before this time of the monotonic clock.
    not_before: dict[tuple[Unit, int], float] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)  # order keys to compare with the source again
    create_labels: bool = False  # the column mutations are closed to us: rows carry new labels
    stopping: SyncError | None = None  # why nothing new may be sent
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="database")
    )
    _reads: list[ReadCall] = field(default_factory=list)

    @property
    def gate(self) -> Gate:
        """Where each request waits for its place in the budget."""
        return self.client.gate

    def close(self) -> None:
        self._thread.shutdown()

    def stop(self, why: SyncError) -> None:
        """Send nothing new; requests in flight are still recorded."""
        if self.stopping is None:
            self.stopping = why
        self.changed.set()
        self.gate.close(why)

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Blocking `work` in the database's thread, so that the event loop never waits.

        What its logs are about goes with it.
        """
        loop = asyncio.get_running_loop()
        context = copy_context()
        return await loop.run_in_executor(self._thread, lambda: context.run(work, *args, **kwargs))

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`work(conn, ...)` in a transaction that writes nothing."""

        def reading() -> T:
            with self.database.begin() as conn:
                return work(conn, *args, **kwargs)

        return await self.in_thread(reading)

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`work(conn, ...)` in a transaction that first checks the fence."""

        def fenced(conn: Connection) -> T:
            runs.check_fence(conn, self.tables, self.run)
            return work(conn, *args, **kwargs)

        return await self.in_thread(self.database.run, fenced)

    def saw_read(self, call: ReadCall) -> None:
        """A read-only request was answered; it is stored with the next `store_reads`."""
        self.tally.read_calls += 1
        self._reads.append(call)

    async def store_reads(self) -> None:
        calls, self._reads = self._reads, []
        await self.write(runs.record_reads, self.tables, self.run, calls)
