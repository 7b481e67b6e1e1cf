"""What a run would cost: calls, complexity points, minutes, and its share of the day."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from order_sync.monday.answers import Answer
from order_sync.monday.documents import Kind, kind_of
from order_sync.outcome import PlanCost
from order_sync.rules.budget import COMPLEXITY_MINUTE, MINUTE_RATE
from order_sync.rules.comparing import OrderAction
from order_sync.rules.states import Operation
from order_sync.rules.windows import WINDOW_S

CALLS_TO_READ_THE_BOARD = 2  # the board, and its subitem board
CALLS_TO_LEARN_THE_DAY = 1  # asked by a run that writes
FIRST_GUESS = 1_000.0  # complexity points per write when no answer has told
ANSWER_S = 1.0  # how long an answer takes when none has told


@dataclass(frozen=True)
class Measured:
    """What earlier requests of one kind have cost on average."""

    complexity: float | None  # points per write
    seconds: float  # per request


@dataclass
class Reads:
    """The reading requests a plan has made itself; the run will make the same."""

    answers: list[Answer] = field(default_factory=list)

    def saw(self, _kind: str, answer: Answer) -> None:
        self.answers.append(answer)

    @property
    def complexity(self) -> int:
        return sum(a.complexity.query for a in self.answers if a.complexity is not None)

    def quota(self, name: str) -> int | None:
        """The account's limit of this name per minute, as the last answer that told it."""
        for answer in reversed(self.answers):
            for limit in answer.limits:
                if limit.name == name and limit.quota is not None:
                    return limit.quota
        return None


def documents_of_actions(
    actions: Iterable[OrderAction], batch_size: int
) -> Iterator[tuple[Kind, int]]:
    """(kind, rows) of every document that would be sent for these actions.

    A document holds one operation of one customer; what follows a move goes in the next round.
    """
    items: Counter[tuple[str, int, Operation]] = Counter()
    lines: Counter[tuple[str, Operation]] = Counter()
    for action in actions:
        customer = action.order.customer
        for step, operation in enumerate(action.steps):
            items[customer, step, operation] += 1
        for line in action.lines:
            lines[customer, line.operation] += 1
    for (_, _, operation), rows in items.items():
        yield from ((kind_of(operation, is_line=False), size) for size in _cut(rows, batch_size))
    for (_, operation), rows in lines.items():
        yield from ((kind_of(operation, is_line=True), size) for size in _cut(rows, batch_size))


def _cut(rows: int, batch_size: int) -> Iterator[int]:
    for start in range(0, rows, batch_size):
        yield min(batch_size, rows - start)


def label_calls(columns_per_board: Sequence[int]) -> tuple[int, int]:
    """(reading, writing) calls to create labels in so many columns of each board.

    The revisions of a board's columns are read once; afterwards the board is read again.
    """
    if not any(columns_per_board):
        return 0, 0
    boards = sum(count > 0 for count in columns_per_board)
    return boards + CALLS_TO_READ_THE_BOARD, sum(columns_per_board)


def cost_of(
    documents: Sequence[tuple[Kind, int]], reads: Reads, more_reading: int,
    history: dict[str, Measured], *, concurrency: int, calls_per_day: int | None,
) -> PlanCost:  # fmt: skip
    """Add up the documents of a run.

    Args:
        documents: (kind, rows) of every writing request.
        more_reading: reading requests the run makes on top of those in `reads`.
        history: what requests of a kind have cost before, by kind.
    """
    reading = len(reads.answers) + more_reading
    calls = reading + len(documents)
    complexity = float(reads.complexity)
    measured = True
    seconds = sum(answer.duration_s for answer in reads.answers)
    for kind, rows in documents:
        known = history.get(kind)
        points = None if known is None else known.complexity
        measured = measured and points is not None
        complexity += rows * (FIRST_GUESS if points is None else points)
        seconds += ANSWER_S if known is None else known.seconds
    bounds = {
        "the time of monday.com's answers": seconds / max(1, concurrency) / 60,
        "requests per minute": _minutes(calls, reads.quota(MINUTE_RATE)),
        "complexity per minute": _minutes(complexity, reads.quota(COMPLEXITY_MINUTE)),
    }
    bound_by = max(bounds, key=lambda name: bounds[name])
    return PlanCost(
        calls=calls,
        reading=reading,
        mutations=sum(rows for _, rows in documents),
        complexity=round(complexity),
        complexity_measured=measured,
        minutes=round(bounds[bound_by], 2),
        bound_by=bound_by,
        calls_per_day=calls_per_day,
    )


def _minutes(amount: float, quota: int | None) -> float:
    """How long a limit holds `amount` back: its first window is free at once."""
    if not quota or amount <= quota:
        return 0.0
    return math.ceil(amount / quota - 1) * WINDOW_S / 60
