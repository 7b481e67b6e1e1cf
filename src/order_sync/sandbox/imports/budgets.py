"""What imports may use in an hour, which slides with every use."""

import math
from collections import deque
from dataclasses import dataclass

from order_sync.sandbox.clock import Clock

HOUR_S = 3600.0


@dataclass(slots=True, eq=False)
class Reservation:
    at: float  # sandbox seconds
    amount: int

    def give_back(self, amount: int = 1) -> None:
        self.amount -= amount


class HourlyBudget:
    """A use counts for an hour, less what is given back meanwhile."""

    def __init__(self, quota: int | None, clock: Clock) -> None:
        """`quota` None: there is always enough."""
        self._quota = math.inf if quota is None else quota
        self._clock = clock
        self._uses: deque[Reservation] = deque()  # oldest first

    def reserve(self, amount: int) -> Reservation | None:
        """None: there is not as much left."""
        self._drop_old()
        if sum(use.amount for use in self._uses) + amount > self._quota:
            return None
        made = Reservation(self._clock.now(), amount)
        self._uses.append(made)
        return made

    def wait_s(self) -> float:
        """Sandbox seconds until the oldest use no longer counts."""
        self._drop_old()
        return self._uses[0].at + HOUR_S - self._clock.now() if self._uses else 0.0

    def _drop_old(self) -> None:
        while self._uses and self._clock.now() - self._uses[0].at >= HOUR_S:
            self._uses.popleft()
