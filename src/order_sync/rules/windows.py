"""One limit of the account that refills: complexity points, or requests, of a minute.

Times are seconds of one monotonic clock and come in as arguments. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WINDOW_S = 60.0  # the minute limits count in windows of this length
EXACTNESS = 1 / 60  # of a window: resets are told in whole seconds, rounded up or down


@dataclass
class Window:
    """A limit that refills some time after the first request of a window.

    The server's window opens when our first request arrives there, so it ends at the latest one
    length after that request's answer came back.
    """

    quota: int | None = None  # None: the server has not told, so it does not hold us back
    reserve: float = 0.0  # share of the quota that is left to others
    length: float = WINDOW_S
    left: float = math.inf
    resets_at: float | None = None  # None: no window is open
    _is_told: bool = False  # the server named the end of this window
    _is_open: bool = True  # an answer has come back since the window was opened

    def refill(self, now: float) -> None:
        """Begin with the whole quota when the window has passed."""
        if self.resets_at is not None and now >= self.resets_at:
            self.resets_at = None
            self._is_told = False
            self.left = math.inf if self.quota is None else float(self.quota)

    def room(self, now: float) -> float:
        """What may still be taken in this window."""
        self.refill(now)
        return self.left - self._kept_back

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` fits; a cost above the whole window goes when it is full."""
        if self.room(now) >= min(cost, self.whole) or self.resets_at is None:
            return 0.0
        return self.resets_at - now

    def take(self, cost: float, now: float) -> None:
        """A request goes out."""
        self.refill(now)
        self.left -= cost
        if self.resets_at is None:
            self.resets_at = now + self._lasts
            self._is_open = False

    def answered(self, now: float) -> None:
        """A request ended, whatever came of it: by now the server's window is open."""
        self.refill(now)
        if not self._is_open and self.resets_at is not None:
            self.resets_at = now + self._lasts
        self._is_open = True

    def told(self, left: float, reset_s: float | None, now: float, took_s: float) -> None:
        """The server's word: what is left, and seconds to the reset.

        took_s: how old the word may be. A word about a window that may have ended since is worth
        nothing.
        """
        self.refill(now)
        if reset_s is None:
            if left > self.left or self.resets_at is None:
                self.resets_at = now + self._lasts  # refilled meanwhile: another window
            self.left = left
        elif reset_s > took_s or self.resets_at is None:
            ends = now + reset_s + self.length * EXACTNESS
            # Every word comes late by its way back, so the earliest end is the truest.
            known = self.resets_at if self._is_told else None
            self.resets_at = ends if known is None else min(known, ends)
            self._is_told = True
            self.left = left

    def has_quota(self, quota: int, length: float | None) -> None:
        """The server's policy: `quota` in windows of `length` seconds."""
        if self.quota is None and math.isinf(self.left):
            self.left = float(quota)
        self.quota = quota
        if length and length != self.length:
            before, self.length = self._lasts, length
            if self.resets_at is not None and not self._is_told:
                self.resets_at += self._lasts - before

    @property
    def whole(self) -> float:
        """What may be taken in a whole window."""
        return math.inf if self.quota is None else self.quota - self._kept_back

    @property
    def _lasts(self) -> float:
        """Seconds after which a window has surely ended."""
        return self.length * (1 + EXACTNESS)

    @property
    def _kept_back(self) -> float:
        return 0.0 if self.quota is None else self.reserve * self.quota
