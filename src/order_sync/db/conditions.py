"""Conditions and names of constraints and indexes that mean the same on every database."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from sqlalchemy import CheckConstraint, ColumnElement, Constraint, Index, Table, and_

from order_sync.rules.states import LIVE_STATES

LONGEST_NAME = 63  # of a constraint or index: what PostgreSQL takes


def state_check(table: str, column: str, enum: type[StrEnum]) -> CheckConstraint:
    """The column holds a member of `enum`, or nothing."""
    # SQLite builds the list behind IN anew for every row that it checks.
    alternatives = " OR ".join(f'"{column}" = {member.value!r}' for member in enum)
    return CheckConstraint(alternatives, name=f"ck_{table}_{column}")


def both_or_neither(one: str, other: str) -> str:
    """SQL of two conditions that are never NULL; not every database compares truth values."""
    return f"(({one}) AND ({other})) OR (NOT ({one}) AND NOT ({other}))"


def live(column: str) -> str:
    """SQL of whether a staged row is not at its end."""
    return f'"{column}" IN ({", ".join(repr(state.value) for state in LIVE_STATES)})'


def begins_with(text: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Whether `text` begins with `prefix`, which ends in a sign of ASCII.

    LIKE means different things: brackets are patterns to SQL Server.
    """
    return and_(text >= prefix, text < prefix[:-1] + chr(ord(prefix[-1]) + 1))


def shorten_names(table: Table) -> None:
    """Give constraints and indexes names that every database takes, each one its own."""
    named: tuple[Constraint | Index, ...] = (*table.constraints, *table.indexes)
    for item in named:
        name = str(item.name or "")
        if len(name) > LONGEST_NAME:
            digest = hashlib.sha256(name.encode()).hexdigest()[:8]
            item.name = f"{name[: LONGEST_NAME - 9]}_{digest}"
