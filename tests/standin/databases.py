"""The databases of a place, as a test looks into them: SQL without our own code."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg.rows import dict_row

from tests.postgres import Server
from tests.runs.stores import sql_server_cursor, with_quotes

Row = dict[str, Any]


class Databases(Protocol):
    """Databases by name; each is made when it is first named."""

    def url(self, name: str) -> str: ...

    def insert(self, name: str, types: dict[str, str], rows: Sequence[Row]) -> None:
        """Add rows to ORDERS_UNIFIED, which is made when it is not there.

        Args:
            types: of every column: TEXT, INTEGER or DATE.
        """

    def query(self, name: str, statement: str, values: Sequence[Any]) -> list[Row]:
        """One statement with `?` for values, committed; the rows it gives."""

    def tables(self, name: str) -> list[str]:
        """Tables and views."""

    def is_written(self, name: str) -> bool:
        """Whether a transaction has written something by now."""


@dataclass
class SqliteFiles:
    folder: Path

    def url(self, name: str) -> str:
        return f"sqlite:///{name}"  # relative, as people write it

    def insert(self, name: str, types: dict[str, str], rows: Sequence[Row]) -> None:
        listed = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
        marks = ", ".join("?" * len(types))
        with closing(sqlite3.connect(self.folder / name)) as db, db:
            db.execute(f"CREATE TABLE IF NOT EXISTS ORDERS_UNIFIED ({listed})")
            db.executemany(
                f"INSERT INTO ORDERS_UNIFIED VALUES ({marks})",
                [[row.get(column) for column in types] for row in rows],
            )

    def query(self, name: str, statement: str, values: Sequence[Any]) -> list[Row]:
        with closing(sqlite3.connect(self.folder / name)) as db:
            db.row_factory = sqlite3.Row
            with db:
                return [dict(row) for row in db.execute(statement, values)]

    def tables(self, name: str) -> list[str]:
        rows = self.query(
            name,
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name",
            (),
        )
        return [row["name"] for row in rows]

    def is_written(self, name: str) -> bool:
        files = (self.folder / f"{name}-wal", self.folder / f"{name}-journal")
        return any(file.exists() and file.stat().st_size > 0 for file in files)


@dataclass
class PostgresDatabases:
    """Dates come as texts, as from a file; names in capitals need no quotes in statements."""

    server: Server
    stack: ExitStack
    _urls: dict[str, str] = field(default_factory=dict)

    def url(self, name: str) -> str:
        if name not in self._urls:
            self._urls[name] = self.stack.enter_context(self.server.database())
        return self._urls[name]

    def insert(self, name: str, types: dict[str, str], rows: Sequence[Row]) -> None:
        kinds = {"INTEGER": "BIGINT"}
        listed = ", ".join(f'"{c}" {kinds.get(kind, "TEXT")}' for c, kind in types.items())
        marks = ", ".join(["%s"] * len(types))
        with psycopg.connect(self.url(name)) as db, db.cursor() as cursor:
            cursor.execute(f'CREATE TABLE IF NOT EXISTS "ORDERS_UNIFIED" ({listed})'.encode())
            cursor.executemany(
                f'INSERT INTO "ORDERS_UNIFIED" VALUES ({marks})'.encode(),
                [[_text(row.get(column)) for column in types] for row in rows],
            )

    def query(self, name: str, statement: str, values: Sequence[Any]) -> list[Row]:
        with psycopg.connect(self.url(name)) as db, db.cursor(row_factory=dict_row) as cursor:
            given = with_quotes(db, statement)
            if values:
                given = given.replace("%", "%%").replace("?", "%s")
            cursor.execute(given.encode(), [_text(value) for value in values] or None)
            return cursor.fetchall() if cursor.description else []

    def tables(self, name: str) -> list[str]:
        rows = self.query(
            name,
            "SELECT relname::text AS name FROM pg_class WHERE relkind IN ('r', 'v')"
            " AND relnamespace = 'public'::regnamespace ORDER BY 1",
            (),
        )
        return [row["name"] for row in rows]

    def is_written(self, name: str) -> bool:
        (row,) = self.query(
            name,
            "SELECT count(*) AS n FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_xid IS NOT NULL",
            (),
        )
        return bool(row["n"])


@dataclass
class SqlServerDatabases:
    """Dates come as texts, as from a file."""

    make: Callable[[], AbstractContextManager[str]]
    stack: ExitStack
    _urls: dict[str, str] = field(default_factory=dict)

    def url(self, name: str) -> str:
        if name not in self._urls:
            self._urls[name] = self.stack.enter_context(self.make())
        return self._urls[name]

    def insert(self, name: str, types: dict[str, str], rows: Sequence[Row]) -> None:
        kinds = {"INTEGER": "BIGINT"}
        listed = ", ".join(
            f'"{c}" {kinds.get(kind, "NVARCHAR(MAX)")} NULL' for c, kind in types.items()
        )
        marks = ", ".join("?" * len(types))
        with sql_server_cursor(self.url(name)) as cursor:
            if "ORDERS_UNIFIED" not in self.tables(name):
                cursor.execute(f'CREATE TABLE "ORDERS_UNIFIED" ({listed})')
            for row in rows:
                cells = [_text(row.get(column)) for column in types]
                cursor.execute(f'INSERT INTO "ORDERS_UNIFIED" VALUES ({marks})', cells)

    def query(self, name: str, statement: str, values: Sequence[Any]) -> list[Row]:
        with sql_server_cursor(self.url(name)) as cursor:
            cursor.execute(statement, [_text(value) for value in values])
            if not cursor.description:
                return []
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def tables(self, name: str) -> list[str]:
        rows = self.query(
            name, "SELECT name FROM sys.objects WHERE type IN ('U', 'V') ORDER BY name", ()
        )
        return [row["name"] for row in rows]

    def is_written(self, name: str) -> bool:
        (row,) = self.query(
            name,
            "SELECT COUNT(*) AS n FROM sys.dm_tran_database_transactions"
            " WHERE database_id = DB_ID() AND database_transaction_log_record_count > 0",
            (),
        )
        return bool(row["n"])


def _text(value: Any) -> str | None:
    """A parameter that fits into a column of any type."""
    return None if value is None else str(value)
