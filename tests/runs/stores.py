"""The database of a world, as a test looks into it: SQL without our own code."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import psycopg

Row = dict[str, Any]


class Store(Protocol):
    @property
    def url(self) -> str: ...

    def replace_source(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        """Make ORDERS_UNIFIED hold these rows and no others."""

    def query(self, sql: str) -> list[tuple[Any, ...]]: ...

    def execute(self, sql: str) -> None: ...


@dataclass(frozen=True)
class SqliteStore:
    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def replace_source(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute("DROP TABLE IF EXISTS ORDERS_UNIFIED")
            db.execute(f"CREATE TABLE ORDERS_UNIFIED ({', '.join(map(_quoted, names))})")
            db.executemany(
                f"INSERT INTO ORDERS_UNIFIED VALUES ({', '.join('?' * len(names))})",
                [tuple(row.get(name) for name in names) for row in rows],
            )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute(sql)


@dataclass(frozen=True)
class PostgresStore:
    """Names in capitals need no quotes: those of existing tables and columns get them here."""

    url: str

    def replace_source(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        rows = list(rows)
        types = {name: _type_of([row.get(name) for row in rows]) for name in names}
        columns = ", ".join(f"{_quoted(name)} {types[name]}" for name in names)
        with psycopg.connect(self.url) as db:
            db.execute('DROP TABLE IF EXISTS "ORDERS_UNIFIED"')
            db.execute(f'CREATE TABLE "ORDERS_UNIFIED" ({columns})'.encode())
            with db.cursor().copy(b'COPY "ORDERS_UNIFIED" FROM STDIN') as copy:
                for row in rows:
                    copy.write_row([row.get(name) for name in names])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as db:
            return db.execute(self._with_quotes(db, sql).encode()).fetchall()

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.url) as db:
            db.execute(self._with_quotes(db, sql).encode())

    def _with_quotes(self, db: psycopg.Connection, sql: str) -> str:
        known = {
            name
            for (name,) in db.execute(
                "SELECT relname::text FROM pg_class UNION SELECT attname::text FROM pg_attribute"
            )
            if name != name.lower()
        }
        words = re.compile(r"\"[^\"]*\"|'[^']*'|[A-Za-z_][A-Za-z0-9_]*")
        return words.sub(lambda m: _quoted(m[0]) if m[0] in known else m[0], sql)


# The type of a column all of whose cells are of one kind; `bool` is an `int`, so it comes first.
_TYPES = ((bool, "BOOLEAN"), (int, "BIGINT"), (Decimal, "NUMERIC"), (datetime, "TIMESTAMP"),
          (date, "DATE"))  # fmt: skip


def _type_of(cells: Sequence[Any]) -> str:
    present = {type(cell) for cell in cells if cell is not None}
    return next((name for kind, name in _TYPES if present == {kind}), "TEXT")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
