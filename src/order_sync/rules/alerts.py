"""What people are told without asking: when, how often, and in which words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from order_sync.rules.values import one_line

LONGEST_TEXT = 400  # characters of a message that come from outside
_THRESHOLD = re.compile(r"(\d{1,9})\s*(%?)")


class Alert(StrEnum):
    """A trouble somebody should hear of."""

    RUN_FAILED = "run_failed"  # a run ended with exit code 1, 2, 5 or 6
    REFUSED_OVER = "refused_over"  # more open refusals than `notify.refused_over` allows
    PAUSED = "paused"  # the calls of the day are used up (exit 4)
    GUARD = "guard"  # a guard stopped a run (exit 8)
    STALE = "stale"  # no sync came to its end for `notify.stale_hours`
    DOUBT = "doubt"  # a row has been in doubt for longer than `notify.doubt_minutes`


class Repeat(StrEnum):
    """How often a trouble that lasts is told."""

    FIRST = "first"  # once, until it is over
    EVERY = "every"  # whenever it is seen


@dataclass(frozen=True)
class Policy:
    """How often troubles, and their ends, are told."""

    repeat: Repeat = Repeat.FIRST
    recovered: bool = True  # say once that a trouble is over


@dataclass(frozen=True)
class Observed:
    """What is true of one alert now."""

    alert: Alert
    cause: str  # what tells this trouble from another one of the same alert; "": all is well
    title: str
    message: str

    @property
    def is_trouble(self) -> bool:
        return bool(self.cause)


@dataclass(frozen=True)
class Memory:
    """The last news of one alert for one address."""

    is_trouble: bool  # False: it is over
    cause: str
    told: bool  # the address took it


class Step(StrEnum):
    """What follows from what is seen now and what was told before."""

    NOTHING = "nothing"
    BEGIN = "begin"  # send it as news
    AGAIN = "again"  # send it once more: it lasts, or was never delivered
    CLOSE = "close"  # it is over, and nobody wants to hear of that


def next_step(memory: Memory | None, seen: Observed, policy: Policy) -> Step:
    """What to do about `seen`. The end of a trouble that was never delivered is always told."""
    if seen.is_trouble:
        if memory is None or not memory.is_trouble or memory.cause != seen.cause:
            return Step.BEGIN
        lasting = memory.told and policy.repeat is Repeat.FIRST
        return Step.NOTHING if lasting else Step.AGAIN
    if memory is None:
        return Step.NOTHING
    if memory.is_trouble:
        return Step.BEGIN if policy.recovered or not memory.told else Step.CLOSE
    return Step.NOTHING if memory.told else Step.AGAIN


@dataclass(frozen=True)
class Threshold:
    """A number of rows, or a share of all."""

    number: int
    is_percent: bool

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """`20` or `5%`.

        Raises:
            ValueError: it is neither.
        """
        found = _THRESHOLD.fullmatch(text.strip())
        if not found:
            raise ValueError("must be a number of rows such as 20, or a share such as 5%")
        return cls(int(found[1]), bool(found[2]))

    def is_exceeded(self, rows: int, of: int) -> bool:
        """Whether `rows`, of `of` rows in all, are too many."""
        return rows > (math.floor(of * self.number / 100) if self.is_percent else self.number)


def harmless(text: str) -> str:
    """`text` from outside for a chat or mail: one line, no mentions, tags, links or markup."""
    shown = "".join(sign if sign.isprintable() else " " for sign in one_line(text))
    line = " ".join(shown.split())
    line = line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"
    for sign, instead in _HARMLESS:
        line = line.replace(sign, instead)
    return line


# A sign of width zero behind @ keeps services from calling everybody.
_HARMLESS = (
    ("@", "@\u200b"),
    ("<", "‹"),
    (">", "›"),
    ("://", ": //"),
    ("](", "] ("),
    ("`", "'"),
)
