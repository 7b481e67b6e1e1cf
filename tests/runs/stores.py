"""The database of a world, as a test looks into it: SQL without our own code."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy import create_engine, make_url

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
            return db.execute(with_quotes(db, sql).encode()).fetchall()

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.url) as db:
            db.execute(with_quotes(db, sql).encode())


def with_quotes(db: psycopg.Connection, sql: str) -> str:
    """`sql` with quotes around the names of this database that have capitals."""
    known = {
        name
        for (name,) in db.execute(
            "SELECT relname::text FROM pg_class UNION SELECT attname::text FROM pg_attribute"
        )
        if name != name.lower()
    }
    words = re.compile(r"\"[^\"]*\"|'[^']*'|[A-Za-z_][A-Za-z0-9_]*")
    return words.sub(lambda m: _quoted(m[0]) if m[0] in known else m[0], sql)


@dataclass(frozen=True)
class SqlServerStore:
    """Through Microsoft's driver, by the same URL as ours."""

    url: str

    def replace_source(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        rows = list(rows)
        kinds = {name: _type_of([row.get(name) for row in rows]) for name in names}
        columns = ", ".join(f"{_quoted(n)} {_MSSQL_TYPES.get(k, k)} NULL" for n, k in kinds.items())
        marks = ", ".join("?" * len(names))
        with sql_server_cursor(self.url) as cursor:
            cursor.execute('DROP TABLE IF EXISTS "ORDERS_UNIFIED"')
            cursor.execute(f'CREATE TABLE "ORDERS_UNIFIED" ({columns})')
            for row in rows:
                cells = [_plain(row.get(name), kinds[name]) for name in names]
                cursor.execute(f'INSERT INTO "ORDERS_UNIFIED" VALUES ({marks})', cells)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with sql_server_cursor(self.url) as cursor:
            return [tuple(row) for row in cursor.execute(sql).fetchall()]

    def execute(self, sql: str) -> None:
        with sql_server_cursor(self.url) as cursor:
            cursor.execute(sql)


@contextmanager
def sql_server_cursor(url: str) -> Iterator[Any]:
    """A cursor of Microsoft's driver; what it did is committed at the end."""
    engine = create_engine(make_url(url).set(drivername="mssql+mssqlpython"))
    try:
        with engine.begin() as conn:
            yield conn.connection.driver_connection.cursor()
    finally:
        engine.dispose()


_MSSQL_TYPES = {"BOOLEAN": "BIT", "NUMERIC": "NUMERIC(38, 10)", "TIMESTAMP": "DATETIME2(6)",
                "TEXT": "NVARCHAR(MAX)"}  # fmt: skip


def _plain(cell: Any, kind: str) -> Any:
    return str(cell) if kind == "TEXT" and cell is not None else cell


# The type of a column all of whose cells are of one kind; `bool` is an `int`, so it comes first.
_TYPES = ((bool, "BOOLEAN"), (int, "BIGINT"), (Decimal, "NUMERIC"), (datetime, "TIMESTAMP"),
          (date, "DATE"))  # fmt: skip


def _type_of(cells: Sequence[Any]) -> str:
    present = {type(cell) for cell in cells if cell is not None}
    return next((name for kind, name in _TYPES if present == {kind}), "TEXT")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
