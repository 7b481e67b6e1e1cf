"""What imports may use in an hour, which slides with every use."""

import math
from collections import deque
from dataclasses import dataclass

HOUR_S = 3600.0


@dataclass(slots=True, eq=False)
class Reservation:
    at: float  # sandbox seconds
    amount: int

    def give_back(self, amount: int = 1) -> None:
        self.amount -= amount


class HourlyBudget:
    """A use counts for an hour, less what is given back meanwhile."""

    def __init__(self, quota: int | None) -> None:
        """`quota` None: there is always enough."""
        self._quota = math.inf if quota is None else quota
        self._uses: deque[Reservation] = deque()  # oldest first

    def reserve(self, amount: int, at: float) -> Reservation | None:
        """None: there is not as much left. `at`: sandbox seconds."""
        self._drop_old(at)
        if sum(use.amount for use in self._uses) + amount > self._quota:
            return None
        made = Reservation(at, amount)
        self._uses.append(made)
        return made

    def wait_s(self, at: float) -> float:
        """Sandbox seconds from `at` until the oldest use no longer counts."""
        self._drop_old(at)
        return self._uses[0].at + HOUR_S - at if self._uses else 0.0

    def _drop_old(self, at: float) -> None:
        while self._uses and at - self._uses[0].at >= HOUR_S:
            self._uses.popleft()
