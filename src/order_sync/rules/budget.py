"""What monday.com still lets us spend, and how long to wait before a request.

One ledger for four limits: complexity points a minute, requests a minute, requests in flight and
requests a day. The server's word (headers, the `complexity` field, hints) always replaces our own
arithmetic. Times are seconds of one monotonic clock and come in as arguments.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from order_sync.errors import PausedByBudget
from order_sync.rules.windows import Window

UNTIL_AN_ANSWER = math.inf  # a wait that only an answer to a request in flight can end
DEAREST_WRITE = 30_000.0  # complexity points of a write, until an answer has told: the old price
UNLIMITED = 1_000_000  # writes
READ_GUESS = 1_000.0  # and of a read
LEARNING_RATE = 0.3  # weight of the newest answer in the learned cost when it gets cheaper
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
    window_s: float | None = None


@dataclass(frozen=True)
class Complexity:
    """The `complexity` field of an answer, in points; one figure for the whole document."""

    before: int
    query: int
    after: int
    reset_s: float


@dataclass(frozen=True)
class Heard:
    """What an answer told about the budget."""

    took_s: float = 0.0  # from sending to the answer: how old its figures may be
    limits: tuple[Limit, ...] = ()
    complexity: Complexity | None = None
    hold_s: float = 0.0  # how long the server wants to be left alone
    refused: bool = False  # turned away by a limit, which counts a tenth of a call of the day
    crowded: bool = False  # "locked" or "too many at once"
    day_over: bool = False


@dataclass(frozen=True)
class Day:
    """The account's calls of a day, as far as they are known at the start of a run."""

    total: float
    spent: float = 0.0  # by earlier runs of today

    def allowance(self, reserve: float) -> float | None:
        """Calls this run may make; None when only the server knows.

        Our own count is no proof that the day is over: more may have been bought, so a run goes
        on until the server says no.
        """
        if self.spent >= self.total:
            return None
        return max(0.0, self.total * (1 - reserve) - self.spent)


@dataclass(frozen=True)
class Ticket:
    """The place of a request in the budget, from taking to settling."""

    kind: str
    writes: int  # 0 for a read
    cost: float  # complexity points, estimated
    points_before: float  # taken in all by this request and those before it
    requests_before: int


class Ledger:
    """What may be sent now. One per account and process; not for use from several threads.

    Call `wait_for` until it says 0, then `take`, then `settle` with whatever came back.
    """

    def __init__(
        self, *, concurrency: int, reserve: float = 0.0, costs: Mapping[str, float] | None = None
    ) -> None:
        """Start without any knowledge of the account.

        Args:
            concurrency: requests in flight the user allows.
            reserve: share of every limit that is left to others on the account, 0 to below 1.
            costs: complexity points per write, by kind of request, as earlier runs have learned.
        """
        self._ceiling = concurrency
        self._quota_in_flight = concurrency  # what the server allows
        self._allowed = concurrency  # and what we dare at the moment
        self._good_answers = 0
        self._in_flight = 0
        self._reserved = 0.0  # complexity of requests in flight, estimated
        self._points_taken = 0.0  # since the start
        self._requests_taken = 0
        self._reserve = reserve
        self._points = Window(reserve=reserve)
        self._requests = Window(reserve=reserve)
        self._held_until = -math.inf
        self._calls_left: float | None = None  # of the day; None: not known
        self._day_over = False
        self._cost: dict[str, float] = dict(costs or {})
        self._dearest = max(self._cost.values(), default=DEAREST_WRITE)  # of an unknown kind

    def knows_day(self, day: Day) -> None:
        """The account's daily calls, for this run."""
        self._calls_left = day.allowance(self._reserve)

    @property
    def quotas(self) -> tuple[int | None, int | None]:
        """Complexity points, and requests, of a minute; None: the server has not told."""
        return self._points.quota, self._requests.quota

    @property
    def in_flight(self) -> int:
        """Requests taken and not settled."""
        return self._in_flight

    @property
    def allowed_in_flight(self) -> int:
        """How many may be in flight at the moment."""
        theirs = max(1, int(self._quota_in_flight * (1 - self._reserve)))
        return max(1, min(self._allowed, self._ceiling, theirs))

    def estimate(self, kind: str, writes: int) -> float:
        """Complexity points a request of `kind` will probably cost; a read has no writes."""
        if not writes:
            return self._cost.get(kind, READ_GUESS)
        return self._cost.get(kind, self._dearest) * writes

    def writes_that_fit(self, kind: str, now: float) -> int:
        """How many writes of `kind` what is left of this minute's points still pays for."""
        return self._writes_for(self._points.room(now), kind)

    def writes_of_a_minute(self, kind: str) -> int:
        """How many writes of `kind` the points of a whole minute pay for, 1 at least."""
        return max(1, self._writes_for(self._points.whole, kind))

    def _writes_for(self, points: float, kind: str) -> int:
        per_write = self.estimate(kind, 1)
        if math.isinf(points) or per_write <= 0:
            return UNLIMITED
        return max(0, int(points / per_write))

    def wait_for(self, cost: float, now: float) -> float:
        """Seconds to hold back a request of `cost` points; 0.0 if it may go at once.

        `UNTIL_AN_ANSWER` when only a settled request makes room.

        Raises:
            PausedByBudget: the calls of the day are used up.
        """
        if self._day_over or (self._calls_left is not None and self._calls_left < 1):
            raise PausedByBudget(
                "the account's monday.com calls of the day are used up",
                hint="run again after midnight UTC; everything already sent is recorded",
            )
        held = self._held_until - now
        wait = max(0.0, held, self._points.wait(cost, now), self._requests.wait(1, now))
        if wait == 0.0 and self._in_flight >= self.allowed_in_flight:
            return UNTIL_AN_ANSWER
        return wait

    def take(self, kind: str, writes: int, now: float) -> Ticket:
        """A request goes out now."""
        cost = self.estimate(kind, writes)
        self._in_flight += 1
        self._reserved += cost
        self._points_taken += cost
        self._requests_taken += 1
        self._spend(1.0)
        self._points.take(cost, now)
        self._requests.take(1, now)
        return Ticket(kind, writes, cost, self._points_taken, self._requests_taken)

    def settle(self, ticket: Ticket, now: float, heard: Heard) -> None:
        """A request has ended, with or without an answer."""
        self._in_flight = max(0, self._in_flight - 1)
        self._reserved = max(0.0, self._reserved - ticket.cost)
        self._day_over = self._day_over or heard.day_over
        if heard.refused:
            self._spend(-0.9)
        if heard.hold_s > 0:
            self._held_until = max(self._held_until, now + heard.hold_s)
        self._adapt(crowded=heard.crowded, refused=heard.refused)
        self._points.answered(now)
        self._requests.answered(now)
        told = heard.complexity
        if told is not None:
            self._learn(ticket, told)
            left = told.after - self._points_unheard(ticket)
            self._points.told(left, told.reset_s, now, heard.took_s)
        for limit in heard.limits:
            self._hear(limit, ticket, now, heard.took_s)

    def _points_unheard(self, ticket: Ticket) -> float:
        """Points the server may not have counted yet when it answered.

        Some servers count when a request comes in, some when they answer.
        """
        return max(self._reserved, self._points_taken - ticket.points_before)

    def _spend(self, calls: float) -> None:
        if self._calls_left is not None:
            self._calls_left -= calls

    def _adapt(self, *, crowded: bool, refused: bool) -> None:
        """Down to one at a time when the board is crowded; one more after some good answers."""
        if crowded:
            self._allowed, self._good_answers = 1, 0
        elif not refused:
            self._good_answers += 1
            if self._good_answers >= ANSWERS_TO_RECOVER:
                self._allowed = min(self._ceiling, self._allowed + 1)
                self._good_answers = 0

    def _learn(self, ticket: Ticket, told: Complexity) -> None:
        """Dearer at once, cheaper by and by: an estimate too low would be refused."""
        newest = told.query / max(ticket.writes, 1)
        if ticket.writes and ticket.kind not in self._cost:
            self._dearest = newest  # writes cost about the same, whatever they do
        known = self._cost.get(ticket.kind, newest)
        self._cost[ticket.kind] = max(newest, known + LEARNING_RATE * (newest - known))

    def _hear(self, limit: Limit, ticket: Ticket, now: float, took_s: float) -> None:
        """The server's word on one limit; what is in flight may not be in its figures yet."""
        if limit.name == CONCURRENCY and limit.quota is not None:
            self._quota_in_flight = max(1, limit.quota)
        taken_since = self._requests_taken - ticket.requests_before
        window, unheard = {
            COMPLEXITY_MINUTE: (self._points, self._points_unheard(ticket)),
            MINUTE_RATE: (self._requests, float(max(self._in_flight, taken_since))),
        }.get(limit.name, (None, 0.0))
        if window is None:
            return
        if limit.quota is not None:
            window.has_quota(limit.quota, limit.window_s)
        if limit.remaining is not None:
            window.told(limit.remaining - unheard, limit.reset_s, now, took_s)
