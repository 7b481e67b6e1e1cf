"""A small model of how one order gets to the board, explored in every order of events.

The world is one order, one client process (and perhaps one that lost its lock alive), a server
and a network. A state is a tuple of plain values; `steps` names everything that can happen next.
Rows move only by `order_sync.rules.states.advance`, so the model follows the product's table.

Time is counted in ticks. A copy of a request is executed within `SERVER` ticks of its sending, or
never; a new item is hidden for at most `LAG` ticks. No tick passes while something is overdue, so
nothing is ever late beyond its bound, and anything within it can happen.

Left out: documents with several rows (splitting), groups, budgets, and people.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from order_sync.rules.states import Event, RowState, advance

SERVER = 1  # ticks: a copy is executed no later than that after its sending
LAG = 1  # ticks: an item is shown no later than that after its creation


class At(StrEnum):
    """Where a process is, as far as only its memory knows."""

    DEAD = "dead"
    IDLE = "idle"
    NEW = "new"  # has compared and found something to stage
    UNSENT = "unsent"  # has stored its intent; nothing is on the wire
    WAITING = "waiting"  # for an answer


@dataclass(frozen=True)
class Nets:
    """What keeps an order from harm; each can be taken away."""

    intent: bool = True  # written before the request goes out
    recovery: bool = True  # a new run settles what a dead one was sending
    fence: bool = True  # who lost his lock alive writes nothing more
    send_window: bool = True  # a request that is late on the wire is held back
    look_up: bool = True  # a doubtful create is looked up before it is sent again
    create_wait: bool = True  # and not before it must have become visible
    same_key: bool = True  # and is repeated under its own key, once
    new_look_up: bool = True  # an order nothing is known of is looked up before its create
    update_wait: bool = True  # an update is repeated when no late copy can arrive any more
    withdraw: bool = True  # the acknowledged hash is forgotten at an update's intent


ALL = Nets()


@dataclass(frozen=True)
class Faults:
    """How often in one history something may go wrong."""

    crashes: int = 1  # the process is killed and a new run starts
    locks: int = 1  # the process loses its lock alive, and a new run starts
    losses: int = 2  # an answer gets lost, before or after the write
    refusals: int = 1  # a limit turns a request away, or the server refuses the row
    restores: int = 0  # the database is put back to before the order
    keys_forgotten: bool = True  # the server may forget an idempotency key
    lag_bounded: bool = True  # False: an item may stay hidden beyond every bound


class State(Protocol):
    """What the search needs to know of a state."""

    @property
    def is_settled(self) -> bool:
        """Nothing is left to do, and nothing can still happen to the order."""

    def wrong(self) -> str:
        """Which promise is broken, or ""."""


S = TypeVar("S", bound=State)


@dataclass(frozen=True)
class Step(Generic[S]):
    """Something that can happen."""

    name: str
    to: S
    is_fault: bool = False


@dataclass(frozen=True)
class Finding:
    """A broken promise, and how it came to it."""

    promise: str
    schedule: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.promise}:", *(f"  {name}" for name in self.schedule)])


@dataclass
class Search(Generic[S]):
    """What an exploration found; `finding` is the shortest broken promise, if any."""

    states: int
    finding: Finding | None


def explore(start: S, steps: Callable[[S], Iterable[Step[S]]]) -> Search[S]:
    """Every state that can be reached, breadth first, until a promise is broken.

    A state from which no settled one can be reached without further faults is stuck: broken, too.
    """
    came_from: dict[S, tuple[S, str] | None] = {start: None}
    healthy_before: dict[S, list[S]] = {}
    settled: list[S] = []
    queue = deque([start])
    while queue:
        state = queue.popleft()
        if promise := state.wrong():
            return Search(len(came_from), Finding(promise, _schedule(came_from, state)))
        if state.is_settled:
            settled.append(state)
        for step in steps(state):
            if not step.is_fault:
                healthy_before.setdefault(step.to, []).append(state)
            if step.to not in came_from:
                came_from[step.to] = (state, step.name)
                queue.append(step.to)
    good = set(settled)
    while settled:
        for state in healthy_before.get(settled.pop(), ()):
            if state not in good:
                good.add(state)
                settled.append(state)
    stuck = next((state for state in came_from if state not in good), None)
    finding = None if stuck is None else Finding("stuck", _schedule(came_from, stuck))
    return Search(len(came_from), finding)


def _schedule(came_from: dict[S, tuple[S, str] | None], state: S) -> tuple[str, ...]:
    names: list[str] = []
    while (before := came_from[state]) is not None:
        state, name = before
        names.append(name)
    return tuple(reversed(names))


class Table:
    """The product's transition table; remembers which lines of it were used."""

    def __init__(self) -> None:
        self.used: set[tuple[RowState, Event]] = set()

    def after(self, row: RowState, event: Event) -> RowState:
        """Raises InvalidTransition: the product does not allow this step."""
        self.used.add((row, event))
        return advance(row, event)


Steps = Iterator[Step[S]]
