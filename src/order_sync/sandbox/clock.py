"""The sandbox's own time, so that hours can pass in a test without anybody waiting."""

import math
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Seconds since the epoch, running `scale` times as fast as the wall clock."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._wall_start = time.time()
        self._started = time.monotonic()
        self._skipped = 0.0

    def now(self) -> float:
        elapsed = time.monotonic() - self._started
        return self._wall_start + elapsed * self._scale + self._skipped

    def advance(self, seconds: float) -> None:
        """Let `seconds` of sandbox time pass at once."""
        self._skipped += seconds

    def catch_up(self, moment: float) -> None:
        """It is `moment` at least: time does not go back."""
        self._skipped += max(0.0, moment - self.now())

    def real_seconds(self, sandbox_seconds: float) -> float:
        """How long somebody outside has to wait for `sandbox_seconds` to pass."""
        return sandbox_seconds / self._scale

    def told_seconds(self, sandbox_seconds: float) -> float:
        """A wait in real seconds as an answer states it: whole ones, as the API does.

        In scaled time it has two decimals, so that a shortened minute keeps its proportions.
        """
        real = self.real_seconds(sandbox_seconds)
        if self._scale == 1:
            return max(1, math.ceil(real))
        return max(1, math.ceil(real * 100)) / 100

    def until_midnight(self) -> float:
        """Sandbox seconds to the next midnight UTC, when daily limits start again."""
        now = datetime.fromtimestamp(self.now(), UTC)
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        return (midnight - now).total_seconds()

    def today(self) -> str:
        return datetime.fromtimestamp(self.now(), UTC).date().isoformat()


def iso_time(seconds: float) -> str:
    """`2026-11-22T14:05:00Z`, the form the API gives times in."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
