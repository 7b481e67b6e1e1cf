"""Reads a source that calls Python functions from SQL: rows are judged where they are.

An unchanged row never leaves the database: its hash is computed inside it and compared with the
acknowledged one. Temporary tables live in the connection, not in the user's database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from sqlalchemy import Connection

from order_sync.db import engine
from order_sync.db.dialects.sqlite import register_function
from order_sync.db.source_keys import (
    CHUNK,
    Scope,
    SourceShape,
    key_function,
    key_inputs,
    scope_function,
    seed,
)
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping


class InsideReader:
    """A `SourceReader` for SQLite."""

    def __init__(
        self, conn: Connection, shape: SourceShape, mapping: Mapping, filters: Filters,
        hash_seed: str,
    ) -> None:  # fmt: skip
        self._conn = conn
        self._shape = shape
        self._filters = filters
        self._mapping = mapping
        self._key = self._call("os_order_key", key_inputs(mapping), key_function(mapping))
        names, test = scope_function(filters, mapping, shape)
        self._in_scope = self._call("os_in_scope", names, test) if names else "1"
        self._seed = seed(mapping, hash_seed)

    def _call(self, function: str, names: list[str], body: Callable[..., str | int | None]) -> str:
        """SQL that calls Python `body` with source columns; absent columns are NULL."""
        register_function(self._conn, function, len(names), body)
        return f"{function}({', '.join(self._column(name) for name in names)})"

    def _column(self, name: str) -> str:
        actual = self._shape.columns.get(name)
        return "NULL" if actual is None else engine.quoted(actual)

    def scan(self, known: Iterable[tuple[str, str]]) -> Scope:
        conn = self._conn
        for table, columns in (
            ("os_known", "order_key TEXT PRIMARY KEY, source_hash TEXT"),
            ("os_scope", "order_key TEXT, source_hash TEXT"),
            ("os_candidates", "order_key TEXT PRIMARY KEY"),
        ):
            conn.exec_driver_sql(f"DROP TABLE IF EXISTS temp.{table}")
            conn.exec_driver_sql(f"CREATE TEMP TABLE {table} ({columns})")
        pairs = list(known)
        if pairs:
            conn.exec_driver_sql("INSERT INTO os_known VALUES (?, ?)", pairs)
        hashed = "||','||".join(engine.quoted_text(conn, c) for c in self._shape.columns.values())
        conn.exec_driver_sql(
            f"INSERT INTO os_scope SELECT {self._key}, os_sha256(? || {hashed}) "  # noqa: S608 - quoted names
            f"FROM {self._shape.table} WHERE {self._in_scope}",
            (self._seed,),
        )
        conn.exec_driver_sql(
            "INSERT INTO os_candidates SELECT DISTINCT s.order_key FROM os_scope s "
            "LEFT JOIN os_known k ON k.order_key = s.order_key AND k.source_hash = s.source_hash "
            "WHERE k.order_key IS NULL"
        )
        return self._scope()

    def _scope(self) -> Scope:
        def count(query: str) -> int:
            return int(self._conn.exec_driver_sql(query).scalar_one())

        vanished = None
        if self._filters.is_empty:
            vanished = frozenset(
                self._conn.exec_driver_sql(
                    "SELECT order_key FROM os_known "
                    "WHERE order_key NOT IN (SELECT order_key FROM os_scope)"
                ).scalars()
            )
        return Scope(
            rows=count("SELECT count(*) FROM os_scope"),
            unchanged=count(
                "SELECT count(DISTINCT order_key) FROM os_scope "
                "WHERE order_key NOT IN (SELECT order_key FROM os_candidates)"
            ),
            vanished=vanished,
        )

    def keys_in_scope(self) -> frozenset[str]:
        return frozenset(
            self._conn.exec_driver_sql("SELECT DISTINCT order_key FROM os_scope").scalars()
        )

    def narrow_to(self, keys: Collection[str]) -> None:
        self._conn.exec_driver_sql("DELETE FROM os_candidates")
        if keys:
            self._conn.exec_driver_sql(
                "INSERT INTO os_candidates SELECT DISTINCT order_key FROM os_scope "
                "WHERE order_key = ?",
                [(key,) for key in keys],
            )

    def candidate_rows(self) -> Iterator[tuple[dict[str, object], str]]:
        conn = self._conn
        names = list(self._shape.columns)
        hashed = "||','||".join(engine.quoted_text(conn, c) for c in self._shape.columns.values())
        cells = ", ".join(engine.quoted(c) for c in self._shape.columns.values())
        rows = self._conn.exec_driver_sql(
            f"SELECT os_sha256(? || {hashed}), {cells} FROM {self._shape.table} "  # noqa: S608 - quoted names
            f"WHERE {self._key} IN (SELECT order_key FROM os_candidates)",
            (self._seed,),
        )
        while chunk := rows.fetchmany(CHUNK):
            for row in chunk:
                yield dict(zip(names, row[1:], strict=True)), row[0]
