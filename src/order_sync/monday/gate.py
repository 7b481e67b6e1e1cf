"""Where every request waits for its place in the budget: reads and writes, in the order they come.

What settles a doubt goes first: nothing else may be sent for its orders before.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from order_sync.errors import SyncError
from order_sync.monday.answers import Answer
from order_sync.rules.budget import Heard, Ledger, Ticket
from order_sync.rules.retry import NO_CONNECTION, Remedy
from order_sync.rules.sizing import Sizing

CROWDED = frozenset({"too_many_at_once", "locked"})
WORTH_CUTTING_S = 0.5  # a document is made smaller rather than wait longer than this

OnWait = Callable[[str, float], None]


@dataclass
class Slot:
    """A place in the budget for `writes` rows; `answer` tells the ledger what came of it."""

    writes: int
    answer: Answer | None = None


class Gate:
    """One per run: its ledger, and everybody who waits for it. For one event loop.

    patient: reads outlast any wait that monday.com asks for; before a run works, they do not.
    """

    def __init__(
        self, ledger: Ledger, sizing: Sizing, on_wait: OnWait | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.ledger = ledger
        self.sizing = sizing
        self.patient = False
        self._on_wait = on_wait
        self._clock = clock
        self._closed: SyncError | None = None
        self._turn = asyncio.Lock()  # who waits for the ledger; the others stand behind
        self._urgent_turn = asyncio.Lock()
        self._urgent = 0  # waiting to settle a doubt
        self._freed = asyncio.Event()

    def close(self, why: SyncError) -> None:
        """Let nobody in any more; whoever waits gets `why`."""
        self._closed = self._closed or why
        self._wake()

    @asynccontextmanager
    async def slot(
        self, kind: str, writes: int, *, may_cut: bool = False, urgent: bool = False
    ) -> AsyncIterator[Slot]:
        """Room for one request: waits until the ledger lets it go.

        Args:
            writes: rows of the request, 0 for a read.
            may_cut: fewer rows are fine, when they can go now and all of them could not.
            urgent: goes before those that are not.

        Raises:
            SyncError: the gate was closed, or the calls of the day are used up.
        """
        ticket = await self._ticket(kind, writes, may_cut=may_cut, urgent=urgent)
        slot = Slot(ticket.writes)
        try:
            yield slot
        finally:
            answer = slot.answer
            self.ledger.settle(ticket, self._clock(), _heard(answer, is_read=not writes))
            if answer is not None and answer.not_executed is None:
                self.sizing.learn(kind, ticket.writes, answer.duration_s)
            self._wake()

    async def _ticket(self, kind: str, writes: int, *, may_cut: bool, urgent: bool) -> Ticket:
        self._urgent += urgent
        try:
            async with self._urgent_turn if urgent else self._turn:
                while True:
                    if self._closed is not None:
                        raise self._closed
                    most = self._most(kind, writes) if may_cut else writes
                    now = self._clock()
                    wait = self.ledger.wait_for(self.ledger.estimate(kind, most), now)
                    if may_cut and WORTH_CUTTING_S < wait < math.inf:
                        most = min(most, self.ledger.writes_that_fit(kind, now)) or most
                        wait = self.ledger.wait_for(self.ledger.estimate(kind, most), now)
                    if wait == 0.0 and (urgent or not self._urgent):
                        return self.ledger.take(kind, most, now)
                    await self._wait(wait or math.inf)
        finally:
            self._urgent -= urgent
            if urgent:
                self._wake()

    def _most(self, kind: str, writes: int) -> int:
        """Rows of a document that can be answered in time and paid for by a minute's points."""
        return min(writes, self.sizing.rows(kind), self.ledger.writes_of_a_minute(kind))

    async def pause(self, seconds: float) -> None:
        """Let time pass, for a caller who was turned away.

        Raises:
            SyncError: the gate was closed.
        """
        ends = self._clock() + seconds
        while self._closed is None and (left := ends - self._clock()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), left)
        if self._closed is not None:
            raise self._closed

    async def _wait(self, seconds: float) -> None:
        freed = self._freed
        if math.isinf(seconds):
            await freed.wait()
            return
        if self._on_wait is not None:
            self._on_wait("monday.com's limits", seconds)
        with suppress(TimeoutError):
            await asyncio.wait_for(freed.wait(), seconds)

    def _wake(self) -> None:
        self._freed.set()
        self._freed = asyncio.Event()


def _heard(answer: Answer | None, *, is_read: bool) -> Heard:
    """What an answer tells the ledger."""
    if answer is None:
        return Heard()
    # A write may have been executed in part; only what was turned away whole was refused.
    before = None if answer.not_executed is None else answer.not_executed.rule
    refusal = answer.problem if is_read else before
    limited = refusal is not None and refusal.remedy is Remedy.WAIT_AND_REPEAT
    return Heard(
        took_s=answer.duration_s,
        limits=answer.limits,
        complexity=answer.complexity,
        hold_s=answer.retry_after_s if limited else 0.0,
        refused=limited and refusal is not NO_CONNECTION,
        crowded=answer.problem is not None and answer.problem.code in CROWDED,
        day_over=refusal is not None and refusal.remedy is Remedy.PAUSE_DAY,
    )
