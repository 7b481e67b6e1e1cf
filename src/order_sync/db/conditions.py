"""Conditions and names of constraints and indexes that mean the same on every database."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from sqlalchemy import CheckConstraint, ColumnElement, Constraint, Index, Table, and_, or_

from order_sync.rules.states import LIVE_STATES
from order_sync.rules.values import key_parts

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


def is_or_belongs_to(column: ColumnElement[str], key: str) -> ColumnElement[bool]:
    """Whether `column` is the order key; of an order number, also every key that goes on after it.

    Args:
        key: in the form `rules.values.parse_key` gives it.
    """
    if len(key_parts(key)) > 1:
        return column == key
    # A range, because LIKE means different things and does not use the index of SQLite; "}" is the
    # character after "|". The first two conditions say nothing new, but an index can use them as a
    # whole.
    return and_(column >= key, column < f"{key}}}", or_(column == key, column >= f"{key}|"))


def shorten_names(table: Table) -> None:
    """Give constraints and indexes names that every database takes, each one its own."""
    named: tuple[Constraint | Index, ...] = (*table.constraints, *table.indexes)
    for item in named:
        name = str(item.name or "")
        if len(name) > LONGEST_NAME:
            digest = hashlib.sha256(name.encode()).hexdigest()[:8]
            item.name = f"{name[: LONGEST_NAME - 9]}_{digest}"
