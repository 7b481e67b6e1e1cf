"""How many rows one request may carry, so that it is answered in good time. Pure."""

from __future__ import annotations

AIM_S = 20.0  # a request should take no longer: what a time-out leaves unknown stays small
EASING = 0.3  # weight of the newest answer when rows become quicker


class Sizing:
    """Learns the seconds a row takes, per kind of request."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seconds: dict[str, float] = {}

    def rows(self, kind: str) -> int:
        """Rows the next request of `kind` may carry, 1 at least."""
        slowest = max(self._seconds.values(), default=0.0)  # the guess for an unknown kind
        per_row = self._seconds.get(kind, slowest)
        return self._most if per_row * self._most <= AIM_S else max(1, int(AIM_S / per_row))

    def learn(self, kind: str, rows: int, seconds: float) -> None:
        """A request was answered, or given up, after `seconds`: slower counts at once."""
        if not rows:
            return  # a read
        newest = seconds / rows
        known = self._seconds.get(kind, newest)
        self._seconds[kind] = max(newest, known + EASING * (newest - known))
