"""A file of orders becomes rows of the source table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import partial

from order_sync.config import Settings
from order_sync.db import source_load
from order_sync.db.engine import Database
from order_sync.db.schema import Tables, build_tables
from order_sync.db.upgrade import ensure_tables
from order_sync.errors import ConfigError
from order_sync.order_files.cells import Cell
from order_sync.order_files.columns import OrderFile
from order_sync.rules.mapping import Kind, Mapping
from order_sync.rules.values import clean_number, has_decimal_comma, key_part


class LoadMode(StrEnum):
    """What becomes of rows that are there already."""

    REPLACE = "replace"  # they go, in the same transaction
    APPEND = "append"  # they stay


@dataclass(frozen=True)
class LoadReport:
    """What one load did."""

    table: str
    mode: LoadMode
    rows: int
    replaced: int  # rows that were there before and are gone
    unreadable: dict[str, int]  # column -> cells kept as text: no number or date
    decimal_commas: dict[str, str]  # column -> the first of those that is one like 12,50
    absent: tuple[str, ...]  # columns of the profile the file lacks; they stay empty
    further: tuple[str, ...]  # columns of the file the profile does not know; never sent


def rows_present(settings: Settings) -> int:
    """Rows the source table holds now; 0 when there is none."""
    with (
        closing(Database(settings.source.url, read_only=True)) as database,
        database.begin() as conn,
    ):
        return source_load.row_count(conn, settings.source.table) or 0


def load(settings: Settings, mapping: Mapping, orders: OrderFile, mode: LoadMode) -> LoadReport:
    """Write every row of `orders` to the source table, all or none.

    Raises:
        ConfigError: a row is not readable, or the table cannot take it.
        Unreachable: a database cannot be used.
    """
    tables = build_tables(mapping)
    _refuse_own_tables(settings.source.table, tables)
    with closing(Database(settings.database.url)) as state, state.writing() as conn:
        ensure_tables(conn, tables)
    found = _Found(frozenset(name for name, kind in orders.columns if kind == "DATE"))
    with closing(Database(settings.source.url)) as source, source.writing() as conn:
        before = source_load.row_count(conn, settings.source.table) or 0
        rows = source_load.write_rows(
            conn,
            settings.source.table,
            orders.columns,
            orders.headers,
            _counted(orders, mapping, found),
            replace=mode is LoadMode.REPLACE,
        )
    return LoadReport(
        table=settings.source.table,
        mode=mode,
        rows=rows,
        replaced=before if mode is LoadMode.REPLACE else 0,
        unreadable=dict(found.unreadable),
        decimal_commas=found.decimal_commas,
        absent=orders.absent,
        further=orders.further,
    )


def _refuse_own_tables(table: str, tables: Tables) -> None:
    """Loading into a table of ours would forget what the board holds."""
    own = {name.casefold() for name in tables.metadata.tables}
    if table.rpartition(".")[2].casefold() in own:
        raise ConfigError(
            f"{table} is a table of order-sync itself",
            hint="set source.table to the table your orders are in",
        )


@dataclass(frozen=True)
class _Found:
    """What is odd about the cells of a file, while it is read."""

    dates: frozenset[str]  # columns of dates
    unreadable: Counter[str] = field(default_factory=Counter)
    decimal_commas: dict[str, str] = field(default_factory=dict)

    def add(self, column: str, text: str) -> None:
        self.unreadable[column] += 1
        is_new = column not in self.decimal_commas and column not in self.dates
        if is_new and has_decimal_comma(text):
            self.decimal_commas[column] = text


def _counted(orders: OrderFile, mapping: Mapping, found: _Found) -> Iterator[dict[str, Cell]]:
    """The rows; the cells that are text where a number or date belongs are told to `found`."""
    tests = {name: _TESTS[kind] for name, kind in orders.columns if kind != "TEXT"}
    for column in mapping.columns:
        if column.kind is Kind.NUMBER and column.source not in tests:
            tests[column.source] = partial(_is_number, words=dict(column.values))
    checked = [(name, tests[name]) for name in orders.headers if name in tests]
    for row in orders.rows():
        for name, is_readable in checked:
            value = row[name]
            if isinstance(value, str) and not is_readable(value):
                found.add(name, value)
        yield row


def _is_pieces(_text: str) -> bool:
    """Whole pieces are no text any more."""
    return False


def _is_number(text: str, words: dict[str, str]) -> bool:
    """`words` are those the profile replaces."""
    return key_part(text) in words or clean_number(text)[1] is None


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


_TESTS: dict[str, Callable[[str], bool]] = {"INTEGER": _is_pieces, "DATE": _is_date}
