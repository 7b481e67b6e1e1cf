"""What goes wrong in an episode: drawn by chance, so that a seed always brings the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from order_sync.sandbox.faults import available_faults
from order_sync.sandbox.faults.refused import HINTS

Settings = dict[str, Any]

SEND_WINDOW_S = 0.25
SERVER_LIMIT_S = 0.65
TIMEOUT_S = SEND_WINDOW_S + SERVER_LIMIT_S
LONGEST_EXECUTION_S = 0.3  # of a document that is executed after its answer


def _nothing(_chance: Random) -> Settings:
    return {}


def _alias(chance: Random) -> Settings:
    return {"alias": chance.choice((0, 0, 1, 2, 5))}


def _wait(chance: Random) -> Settings:
    return {"retry_s": chance.choice((0.0, 0.1, 0.3))}


def _limited(chance: Random) -> Settings:
    return _wait(chance) | {"code": chance.choice(_CODES_OF_429), "hint": chance.choice(HINTS)}


def _limited_alias(chance: Random) -> Settings:
    return _wait(chance) | _alias(chance)


def _memory(chance: Random) -> Settings:
    """Whether the server still knows the key of what it has executed."""
    return {"remembers": chance.choice((0, 1))}


def _conflict(chance: Random) -> Settings:
    return _wait(chance) | _memory(chance)


def _executed_late(chance: Random) -> Settings:
    return _memory(chance) | {"seconds": chance.choice((0.05, 0.15, LONGEST_EXECUTION_S))}


def _answered_late(chance: Random) -> Settings:
    return _memory(chance) | {"seconds": chance.choice((0.1, 0.3, TIMEOUT_S + 0.2))}


def _poison(chance: Random) -> Settings:
    """A row the server cannot bear, for as long as the run lasts."""
    text = f"GRE-{chance.randint(0, 60):05}"
    return {"text": text, "whole": chance.choice((0, 1)), "times": 0, "skip": 0}


_CODES_OF_429 = (
    "RATE_LIMIT_EXCEEDED", "Minute limit rate exceeded", "maxConcurrencyExceeded",
    "MAX_CONCURRENCY_EXCEEDED", "COMPLEXITY_BUDGET_EXHAUSTED", "ComplexityException",
    "IP_RATE_LIMIT_EXCEEDED", "FIELD_LIMIT_EXCEEDED", "DAILY_LIMIT_EXCEEDED", "",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """How to draw a fault: how likely it is beside the others, and its settings."""

    weight: int
    settings: Callable[[Random], Settings] = _nothing
    reads: bool = False  # it strikes requests that read: its `match` stays as it is


KINDS: dict[str, Kind] = {
    # Nothing was executed
    "lose-answer-before-write": Kind(4),
    "502-before-write": Kind(2),
    "503-before-write": Kind(2),
    "504-before-write": Kind(2),
    "error-without-path-before-write": Kind(3),
    "500": Kind(3),
    "409": Kind(2, _wait),
    "423": Kind(2),
    "429": Kind(6, _limited),
    "poisonous-row": Kind(2, _poison),
    # A part was executed
    "423-alias": Kind(2, _alias),
    "429-alias": Kind(3, _limited_alias),
    "500-alias": Kind(4, _alias),
    "500-alias-after-write": Kind(5, _alias),
    "mid-document-timeout": Kind(6, _memory),
    # Everything was executed
    "lose-answer-after-write": Kind(6, _memory),
    "forgets-key": Kind(5),
    "502-after-write": Kind(3, _memory),
    "503-after-write": Kind(3, _memory),
    "504-after-write": Kind(3, _memory),
    "409-after-write": Kind(3, _conflict),
    "500-after-write": Kind(5, _memory),
    "error-without-path": Kind(3, _memory),
    "html-body": Kind(3, _memory),
    "unreadable-body": Kind(3, _memory),
    "cut-body": Kind(4, _memory),
    "hang": Kind(4, _answered_late),
    "still-executing": Kind(6, _executed_late),
    # Reads
    "subitems-limit": Kind(1, reads=True),
    "expired-cursor": Kind(2, reads=True),
}

# What no run can overcome by itself, or never meets: a person has to act, people act (people.py
# does that), an answer lies, or nothing is imported.
NOT_DRAWN = frozenset(
    {"403", "blocked", "item-deleted", "label-removed", "ignored-write"}
    | {name for name in available_faults() if name.startswith("import-")}
)

# Which requests a fault is for; None: all that write.
_TARGETS = (
    None, None, None, None, "create_item", "create_item", "create_subitem", "create_subitem",
    "change_multiple_column_values", "move_item_to_group", "create_group", "archive_item",
)  # fmt: skip


@dataclass(frozen=True)
class ArmedFault:
    name: str
    settings: Settings

    def __str__(self) -> str:
        return f"{self.name} {self.settings}"


def require_known_faults() -> None:
    """Raises LookupError: the sandbox and the table above do not have the same faults."""
    differing = sorted(available_faults().keys() ^ (KINDS.keys() | NOT_DRAWN))
    if differing:
        raise LookupError(f"these faults are missing in the sandbox or in trouble.py: {differing}")


def draw_faults(chance: Random) -> list[ArmedFault]:
    """0 to 4 faults for a run."""
    weights = [kind.weight for kind in KINDS.values()]
    count = chance.choice((0, 2, 3, 4, 4))
    return [_armed(name, chance) for name in chance.choices(list(KINDS), weights, k=count)]


def _armed(name: str, chance: Random) -> ArmedFault:
    kind = KINDS[name]
    settings: Settings = {
        "times": chance.choice((1, 1, 1, 2, 3)),
        "skip": chance.choice((0, 0, 1, 2, 3, 5)),
        "match": chance.choice(_TARGETS),
    }
    if kind.reads:
        settings = {"times": 1}
    return ArmedFault(name, settings | kind.settings(chance))


# Kills and commits that fail ----------------------------------------------------------------------

STEPS = ("before-commit", "after-write", "before-send", "after-send")


@dataclass(frozen=True)
class Kill:
    """KILL or TERM, at the n-th time of a step, or so many seconds after the start."""

    signal: str
    step: str | None = None
    number: int = 0
    after_s: float = 0.0

    def __str__(self) -> str:
        when = f"{self.step} {self.number}" if self.step else f"after {self.after_s:.2f} s"
        return f"{self.signal} {when}"


@dataclass(frozen=True)
class BadCommits:
    """From the n-th commit on, so many commits fail."""

    number: int
    times: int
    what: str

    def __str__(self) -> str:
        return f"commits {self.number} to {self.number + self.times - 1} fail: {self.what}"


@dataclass(frozen=True)
class Doom:
    """What a run in a process of its own meets."""

    kill: Kill | None = None
    commits: BadCommits | None = None

    def __str__(self) -> str:
        return ", ".join(str(part) for part in (self.kill, self.commits) if part) or "lives"


def draw_doom(chance: Random) -> Doom:
    luck = chance.random()
    if luck < 0.45:
        return Doom()
    if luck < 0.60:
        return Doom(commits=_bad_commits(chance))
    return Doom(kill=_kill(chance), commits=_bad_commits(chance) if luck > 0.95 else None)


def _kill(chance: Random) -> Kill:
    signal = chance.choice(("KILL", "KILL", "KILL", "TERM"))
    if chance.random() < 0.3:
        return Kill(signal, after_s=chance.uniform(0.05, 1.5))
    return Kill(signal, chance.choice(STEPS), _count(chance, 60))


def _bad_commits(chance: Random) -> BadCommits:
    what = chance.choice(("database or disk is full", "database is locked", "disk I/O error"))
    return BadCommits(_count(chance, 60), chance.choice((1, 1, 2, 5, 7)), what)


def _count(chance: Random, most: int) -> int:
    """Small numbers are as likely as large ones, in their order of magnitude."""
    return round(math.exp(chance.uniform(0.0, math.log(most))))
