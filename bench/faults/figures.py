"""What a campaign counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Figures:
    """Of one episode, or of many added up."""

    episodes: int = 0
    voids: int = 0  # episodes that do not count: the machine was too slow, or its clock was set
    creates: int = 0  # items, subitems and groups the API ever made
    runs: int = 0
    faults: Counter[str] = field(default_factory=Counter)  # that struck, by name
    kills: int = 0
    terms: int = 0
    commits_failed: int = 0
    acts: Counter[str] = field(default_factory=Counter)  # of people on the board
    decisions: Counter[str] = field(default_factory=Counter)  # of people about refused rows
    exit_codes: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0  # items, sizes and groups that stood on the board twice at one time
    losses: int = 0  # order lines and sizes that are missing at the end
    violations: int = 0

    def add(self, other: Figures) -> None:
        for name, value in vars(other).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)

    def as_dict(self) -> dict[str, Any]:
        plain = {k: dict(v) if isinstance(v, Counter) else v for k, v in vars(self).items()}
        return plain | {"faults_fired": self.faults.total()}


@dataclass
class Result:
    """How an episode went.

    wrong: every violation; diary: what happened, line by line. void: the machine, not the
    sandbox, left the bounds meanwhile, so that the end proves nothing.
    """

    number: int
    figures: Figures
    seconds: float
    wrong: list[str]
    diary: list[str]
    void: bool


def table(figures: Figures, seconds: float) -> str:
    """The figures for people."""
    rate = figures.creates / seconds if seconds else 0.0
    lines = [
        f"{'creates':<18} {figures.creates:>9,}   {rate:,.0f} a second",
        f"{'episodes':<18} {figures.episodes:>9,}   {seconds:,.0f} s in all",
        f"{'void episodes':<18} {figures.voids:>9,}   not counted: the machine left the bounds",
        f"{'runs':<18} {figures.runs:>9,}   exit codes: {_listed(figures.exit_codes)}",
        f"{'faults struck':<18} {figures.faults.total():>9,}   {_listed(figures.faults)}",
        f"{'kill -9':<18} {figures.kills:>9,}",
        f"{'SIGTERM':<18} {figures.terms:>9,}",
        f"{'commits failed':<18} {figures.commits_failed:>9,}",
        f"{'acts of people':<18} {figures.acts.total():>9,}   {_listed(figures.acts)}",
        f"{'decisions':<18} {figures.decisions.total():>9,}   {_listed(figures.decisions)}",
        f"{'duplicates':<18} {figures.duplicates:>9,}",
        f"{'losses':<18} {figures.losses:>9,}",
        f"{'violations':<18} {figures.violations:>9,}",
    ]
    return "\n".join(lines)


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counter.most_common())
