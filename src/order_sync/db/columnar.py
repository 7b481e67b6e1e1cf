"""Rows column by column: so they are made, loaded, and halved when one of them is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, repeat
from operator import itemgetter
from typing import Any

Columns = Mapping[str, Sequence[Any]]  # column name -> its cells, one for each row


def by_column(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """The columns of rows that all name the same; of no rows there are none."""
    return {name: tuple(map(itemgetter(name), rows)) for name in (rows[0] if rows else ())}


def named(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Columns:
    """The columns of rows whose cells are called `names`."""
    cells: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else repeat(())
    return dict(zip(names, cells, strict=bool(rows)))


def count_rows(columns: Columns) -> int:
    return len(next(iter(columns.values()), ()))


def part(columns: Columns, begin: int, end: int) -> Columns:
    """The rows from `begin` to before `end`."""
    return {name: cells[begin:end] for name, cells in columns.items()}


def only(columns: Columns, wanted: Sequence[bool]) -> Columns:
    """The rows that are wanted."""
    return {name: tuple(compress(cells, wanted)) for name, cells in columns.items()}


def row_at(columns: Columns, place: int) -> dict[str, Any]:
    return {name: cells[place] for name, cells in columns.items()}
