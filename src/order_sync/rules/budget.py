"""What monday.com still lets us spend, and how long to wait before a request.

One ledger for four limits: complexity points a minute, requests a minute, requests in flight and
requests a day. The server's word (headers, the `complexity` field, hints) always replaces our own
arithmetic. Times are seconds of one monotonic clock and come in as arguments.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from order_sync.errors import PausedByBudget

WINDOW_S = 60.0  # the minute limits count in windows of this length
UNTIL_AN_ANSWER = math.inf  # a wait that only an answer to a request in flight can end
FIRST_GUESS = 1_000.0  # complexity points per write before any answer has told
LEARNING_RATE = 0.3  # weight of the newest answer in the learned cost
ANSWERS_TO_RECOVER = 10  # good answers after which one more request may be in flight

MINUTE_RATE = "minuteRate"
CONCURRENCY = "concurrency"
COMPLEXITY_MINUTE = "complexityMinute"


@dataclass(frozen=True)
class Limit:
    """One limit as the `RateLimit` and `RateLimit-Policy` headers tell it."""

    name: str  # minuteRate | concurrency | complexityMinute; others are ignored
    quota: int | None = None
    remaining: int | None = None
    reset_s: float | None = None


@dataclass(frozen=True)
class Complexity:
    """The `complexity` field of an answer, in points; one figure for the whole document."""

    before: int
    query: int
    after: int
    reset_s: float


@dataclass
class _Window:
    """A limit that refills a minute after the first request of a window."""

    quota: int | None = None  # None: the server has not told, so it does not hold us back
    left: float = math.inf
    resets_at: float | None = None

    def refill(self, now: float) -> None:
        if self.resets_at is not None and now >= self.resets_at:
            self.resets_at = None
            self.left = math.inf if self.quota is None else float(self.quota)

    def wait(self, cost: float, now: float) -> float:
        """A cost above the whole window goes when the window is full: the server judges it."""
        self.refill(now)
        whole = math.inf if self.quota is None else float(self.quota)
        if self.left >= min(cost, whole) or self.resets_at is None:
            return 0.0
        return self.resets_at - now

    def take(self, cost: float, now: float) -> None:
        self.refill(now)
        self.left -= cost
        if self.resets_at is None:
            self.resets_at = now + WINDOW_S

    def told(self, left: float, reset_s: float | None, now: float) -> None:
        self.refill(now)
        self.left = left
        if reset_s is not None:
            self.resets_at = now + reset_s
        elif self.resets_at is None:
            self.resets_at = now + WINDOW_S

    def has_quota(self, quota: int) -> None:
        if self.quota is None and math.isinf(self.left):
            self.left = float(quota)
        self.quota = quota


class Ledger:
    """What may be sent now. One per account and process; not for use from several threads.

    Call `wait_for` until it says 0, then `take`, then `settle` with whatever came back.
    """

    def __init__(self, *, concurrency: int, per_day: int | None = None) -> None:
        self._ceiling = concurrency  # requests in flight the user allows
        self._quota_in_flight = concurrency  # and what the server allows
        self._allowed = concurrency  # and what we dare at the moment
        self._good_answers = 0
        self._in_flight = 0
        self._reserved = 0.0  # complexity of requests in flight, estimated
        self._points = _Window()
        self._requests = _Window()
        self._held_until = -math.inf
        self._per_day = per_day
        self._spent_today = 0.0
        self._day_over = False
        self._cost: dict[str, float] = {}

    @property
    def in_flight(self) -> int:
        """Requests taken and not settled."""
        return self._in_flight

    @property
    def allowed_in_flight(self) -> int:
        """How many may be in flight at the moment."""
        return max(1, min(self._allowed, self._ceiling, self._quota_in_flight))

    def estimate(self, kind: str, writes: int) -> float:
        """Complexity points a request of `kind` with so many writes will probably cost."""
        return self._cost.get(kind, FIRST_GUESS) * max(writes, 1)

    def wait_for(self, cost: float, now: float) -> float:
        """Seconds to hold back a request of `cost` points; 0.0 if it may go at once.

        `UNTIL_AN_ANSWER` when only a settled request makes room.

        Raises:
            PausedByBudget: the calls of the day are used up.
        """
        if self._day_over or (self._per_day is not None and self._spent_today >= self._per_day):
            raise PausedByBudget(
                "The account's monday.com calls of the day are used up.",
                hint="Run again after midnight UTC; everything already sent is recorded.",
            )
        held = self._held_until - now
        wait = max(0.0, held, self._points.wait(cost, now), self._requests.wait(1, now))
        if wait == 0.0 and self._in_flight >= self.allowed_in_flight:
            return UNTIL_AN_ANSWER
        return wait

    def take(self, cost: float, now: float) -> None:
        """A request of `cost` points goes out now."""
        self._in_flight += 1
        self._reserved += cost
        self._spent_today += 1.0
        self._points.take(cost, now)
        self._requests.take(1, now)

    def settle(
        self,
        kind: str,
        writes: int,
        cost: float,
        now: float,
        *,
        limits: Iterable[Limit] = (),
        complexity: Complexity | None = None,
        hold_s: float = 0.0,
        refused: bool = False,
        crowded: bool = False,
        day_over: bool = False,
    ) -> None:
        """A request taken with `cost` has ended, with or without an answer.

        hold_s: how long the server wants to be left alone. refused: it was turned away by a
        limit, which counts a tenth of a call of the day. crowded: "locked" or "too many at once".
        """
        self._in_flight = max(0, self._in_flight - 1)
        self._reserved = max(0.0, self._reserved - cost)
        self._day_over = self._day_over or day_over
        if refused:
            self._spent_today -= 0.9
        if hold_s > 0:
            self._held_until = max(self._held_until, now + hold_s)
        self._adapt(crowded=crowded, refused=refused)
        if complexity is not None:
            self._learn(kind, writes, complexity)
            self._points.told(complexity.after - self._reserved, complexity.reset_s, now)
        for limit in limits:
            self._hear(limit, now)

    def _adapt(self, *, crowded: bool, refused: bool) -> None:
        """Down to one at a time when the board is crowded; one more after some good answers."""
        if crowded:
            self._allowed, self._good_answers = 1, 0
        elif not refused:
            self._good_answers += 1
            if self._good_answers >= ANSWERS_TO_RECOVER:
                self._allowed = min(self._ceiling, self._allowed + 1)
                self._good_answers = 0

    def _learn(self, kind: str, writes: int, complexity: Complexity) -> None:
        per_write = complexity.query / max(writes, 1)
        known = self._cost.get(kind, per_write)
        self._cost[kind] = known + LEARNING_RATE * (per_write - known)

    def _hear(self, limit: Limit, now: float) -> None:
        """The server's word on one limit; what is in flight may not be in its figures yet."""
        if limit.name == CONCURRENCY and limit.quota is not None:
            self._quota_in_flight = max(1, limit.quota)
        window, reserved = {
            COMPLEXITY_MINUTE: (self._points, self._reserved),
            MINUTE_RATE: (self._requests, float(self._in_flight)),
        }.get(limit.name, (None, 0.0))
        if window is None:
            return
        if limit.quota is not None:
            window.has_quota(limit.quota)
        if limit.remaining is not None:
            window.told(limit.remaining - reserved, limit.reset_s, now)
