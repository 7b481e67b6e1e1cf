"""What an account may use per minute, per day and at once, and what it is told about it."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Literal

from order_sync.sandbox.analytics import Analytics
from order_sync.sandbox.clock import Clock
from order_sync.sandbox.errors import RequestError, formula_limit
from order_sync.sandbox.options import SandboxOptions

Kind = Literal["query", "mutation"]

REFUSED_REQUEST = 0.1  # what a rate-limited request takes from the daily limit
MINUTE_S = 60.0
IP_WINDOW_S = 10.0
PLACE_S = 1.0  # how long a caller with too many requests in flight is told to wait


class Window:
    """A quota that starts anew `length_s` after its first use."""

    def __init__(self, quota: int, length_s: float, clock: Clock) -> None:
        self.quota = quota
        self._length_s = length_s
        self._clock = clock
        self._opened = -math.inf
        self._used = 0
        self._owed = 0  # corrections, which count in the next window

    def left(self) -> int:
        self._roll()
        return max(0, self.quota - self._used)

    def resets_in(self) -> float:
        """Sandbox seconds; the whole length if the window has not been opened."""
        self._roll()
        if math.isinf(self._opened):
            return self._length_s
        return self._opened + self._length_s - self._clock.now()

    def take(self, amount: int) -> None:
        self._roll()
        if math.isinf(self._opened):
            self._opened = self._clock.now()
        self._used += amount

    def correct(self, amount: int) -> None:
        """Charge `amount` more (or less) in the next window."""
        self._owed += amount

    def _roll(self) -> None:
        now = self._clock.now()
        if not math.isinf(self._opened) and now - self._opened >= self._length_s:
            # What is owed from before counts as the next window's first use.
            self._opened = now if self._owed > 0 else -math.inf
            self._used, self._owed = self._owed, 0


class Limits:
    """Counts every request, and refuses those that are too many."""

    def __init__(self, options: SandboxOptions, clock: Clock) -> None:
        self._clock = clock
        self._enforced = options.limits
        self.quota = options.quota
        self._minute = Window(self.quota.requests_per_minute, MINUTE_S, clock)
        self._in_flight = 0
        self._today = clock.today()
        self._used_today = 0.0
        self._by_ip: dict[str, Window] = {}
        self._complexity = self._complexity_windows(options)
        self._formula_values = Window(options.formula_values_per_minute, MINUTE_S, clock)
        self._old_wording = options.api_dialect == "legacy"
        self.analytics = Analytics(clock)
        self._minute_told = _plain(clock.real_seconds(MINUTE_S))
        self.refusals: Counter[str] = Counter()  # by code; those a fault plays are not among them

    def _complexity_windows(self, options: SandboxOptions) -> dict[Kind, Window]:
        """An app has a budget for reads and one for writes, a person one for both."""
        if options.caller == "app":
            points = self.quota.app_complexity_per_minute
            return {
                "query": Window(points, MINUTE_S, self._clock),
                "mutation": Window(points, MINUTE_S, self._clock),
            }
        both = Window(self.quota.personal_complexity_per_minute, MINUTE_S, self._clock)
        return {"query": both, "mutation": both}

    # Requests -------------------------------------------------------------------------------

    def begin(self) -> None:
        """A request is in flight until `leave`."""
        self._in_flight += 1

    def leave(self) -> None:
        self._in_flight -= 1

    def admit(self, ip: str) -> None:
        """Count a request from somebody who may ask.

        Raises:
            RequestError: 429; the request used up a tenth of a daily call.
        """
        self._roll_day()
        from_ip = self._ip_window(ip)
        too_many = (
            self._too_many_from_ip(from_ip)
            or self._too_many_in_minute()
            or self._too_many_at_once()
            or self._too_many_today()
        )
        from_ip.take(1)
        self._minute.take(1)
        if self._enforced and too_many is not None:
            self._use_today(REFUSED_REQUEST)
            raise self._counted(too_many)
        self._use_today(1)

    def charge_less_today(self) -> None:
        """The request only asked for `complexity` or was refused after all."""
        self._use_today(REFUSED_REQUEST - 1)

    def _use_today(self, calls: float) -> None:
        self._used_today += calls
        self.analytics.note(self._today, self._used_today)

    @property
    def used_today(self) -> float:
        self._roll_day()
        return self._used_today

    def go_on_from(self, day: str, used: float) -> None:
        """What was used up on `day` before this process began."""
        self._today, self._used_today = day, used

    def _ip_window(self, ip: str) -> Window:
        if ip not in self._by_ip:
            self._by_ip[ip] = Window(self.quota.requests_per_ip_in_10_s, IP_WINDOW_S, self._clock)
        return self._by_ip[ip]

    def _roll_day(self) -> None:
        today = self._clock.today()
        if today != self._today:
            self._today, self._used_today = today, 0.0

    def _too_many_from_ip(self, window: Window) -> RequestError | None:
        if window.left():
            return None
        return self._refusal(
            "IP_RATE_LIMIT_EXCEEDED", "Too many requests from one address", window.resets_in()
        )

    def _too_many_in_minute(self) -> RequestError | None:
        if self._minute.left():
            return None
        return self._refusal("RATE_LIMIT_EXCEEDED", "Rate Limit Exceeded", self._minute.resets_in())

    def _too_many_at_once(self) -> RequestError | None:
        if self._in_flight <= self.quota.requests_in_flight:
            return None
        return RequestError(
            "maxConcurrencyExceeded",
            "Concurrency limit exceeded",
            status_code=429,
            retry_after=self._clock.told_seconds(PLACE_S),
            extensions={},
        )

    def _too_many_today(self) -> RequestError | None:
        if self._used_today + 1 <= self.quota.requests_per_day:
            return None
        return self._refusal(
            "DAILY_LIMIT_EXCEEDED", "Daily limit exceeded", self._clock.until_midnight()
        )

    def _refusal(self, code: str, message: str, wait_s: float) -> RequestError:
        seconds = self._clock.told_seconds(wait_s)
        return RequestError(
            code,
            message,
            status_code=429,
            retry_after=seconds,
            extensions={"retry_in_seconds": seconds, "status_code": 429},
        )

    def refused(self, error: RequestError) -> RequestError:
        """The request met a limit while it was executed, and nothing was written."""
        self.charge_less_today()
        return self._counted(error)

    def _counted(self, error: RequestError) -> RequestError:
        self.refusals[error.code] += 1
        return error

    # Complexity -------------------------------------------------------------------------------

    def charge(self, kind: Kind, estimate: int) -> int:
        """Take the estimated points of a document; returns what was left before.

        Raises:
            RequestError: the document is too big for any budget, or for what is left.
        """
        window = self._complexity[kind]
        before = window.left()
        if self._enforced and estimate > self.quota.complexity_per_document:
            too_complex = RequestError(
                "maxComplexityExceeded",
                f"Query has complexity of {estimate}, "
                f"the most allowed is {self.quota.complexity_per_document}",
                status_code=200,
            )
            raise self._counted(too_complex)
        if self._enforced and estimate > before:
            self.charge_less_today()
            seconds = self._clock.told_seconds(window.resets_in())
            exhausted = RequestError(
                "COMPLEXITY_BUDGET_EXHAUSTED",
                self._exhausted_wording(estimate, before, window.quota, seconds),
                status_code=429,
                retry_after=seconds,
                extensions={"retry_in_seconds": seconds},
            )
            raise self._counted(exhausted)
        window.take(estimate)
        return before

    def _exhausted_wording(self, cost: int, left: int, quota: int, seconds: float) -> str:
        """The figures stood in the message before they had places of their own."""
        if not self._old_wording:
            return "Complexity budget exhausted"
        return (
            f"Complexity budget exhausted, query cost {cost} budget remaining {left} "
            f"out of {quota} reset in {seconds} seconds"
        )

    def settle(self, kind: Kind, estimate: int, real: int) -> None:
        self._complexity[kind].correct(real - estimate)

    def complexity_resets_in(self, kind: Kind) -> int:
        """Whole real seconds, even in scaled time: the schema says it is an Int."""
        return math.ceil(self._clock.told_seconds(self._complexity[kind].resets_in()))

    def minute_resets_in(self) -> int:
        """Whole real seconds until the minute of requests starts anew."""
        return math.ceil(self._clock.told_seconds(self._minute.resets_in()))

    # Single fields ------------------------------------------------------------------------------

    def read_formula(self) -> None:
        """Count one value. Raises ApiError: too many in this minute; the field becomes null."""
        if self._enforced and not self._formula_values.left():
            error = formula_limit(self._clock.told_seconds(self._formula_values.resets_in()))
            self.refusals[error.code] += 1
            raise error
        self._formula_values.take(1)

    # Headers ------------------------------------------------------------------------------------

    def headers(self, kind: Kind) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit`; none when limits are switched off."""
        if not self._enforced:
            return {}
        window = self._complexity[kind]
        requests_left = self._minute.left()
        places_left = max(0, self.quota.requests_in_flight - self._in_flight)
        policy = (
            f'"minuteRate";q={self._minute.quota};w={self._minute_told}, '
            f'"concurrency";q={self.quota.requests_in_flight};qu="concurrent-requests", '
            f'"complexityMinute";q={window.quota};w={self._minute_told};qu="content-bytes"'
        )
        minute_reset = self._reset_when(requests_left == 0, self._minute.resets_in)
        places_reset = self._reset_when(places_left == 0, lambda: PLACE_S)
        complexity_reset = self._clock.told_seconds(window.resets_in())
        state = (
            f'"minuteRate";r={requests_left}{minute_reset}, '
            f'"concurrency";r={places_left}{places_reset}, '
            f'"complexityMinute";r={window.left()};t={complexity_reset}'
        )
        return {"RateLimit-Policy": policy, "RateLimit": state}

    def _reset_when(self, exceeded: bool, resets_in: Callable[[], float]) -> str:
        return f";t={self._clock.told_seconds(resets_in())}" if exceeded else ""

    def usage(self) -> dict[str, float]:
        """For the page and `/sandbox/health`."""
        return {
            "requests_left_this_minute": self._minute.left(),
            "requests_in_flight": self._in_flight,
            "requests_today": round(self.used_today, 1),
            "complexity_left_for_reads": self._complexity["query"].left(),
            "complexity_left_for_writes": self._complexity["mutation"].left(),
        }


def _plain(seconds: float) -> str:
    """`60`, `0.6`: a number without an exponent or needless zeros."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".")
