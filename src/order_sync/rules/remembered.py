"""What was made of a cell is kept for its equals: the columns of a table repeat themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from order_sync.rules.values import SHORT

T = TypeVar("T")


class Remembered(dict[Any, T], Generic[T]):
    """`made[cell]` is what `make` makes of `cell`; long texts are made anew each time.

    Args:
        most: cells that are kept at most.
    """

    def __init__(self, make: Callable[[Any], T], most: int) -> None:
        super().__init__()
        self._make = make
        self._most = most

    def __missing__(self, cell: Any) -> T:
        made = self._make(cell)
        if type(cell) is not str or len(cell) <= SHORT:
            if len(self) >= self._most:
                self.clear()  # what repeats itself is soon back
            self[cell] = made
        return made
