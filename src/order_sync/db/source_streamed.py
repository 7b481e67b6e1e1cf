"""Reads a source that runs no Python: the server hashes, keys are made here.

One pass streams the columns that keys and filters look at, with the hash of each row. Whole rows
come only for the keys that have to be judged; the server finds them by the raw text of their key
columns, which works for tables, partitions and views alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from order_sync.db import engine
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


class StreamedReader:
    """A `SourceReader` for PostgreSQL."""

    def __init__(
        self, conn: Connection, shape: SourceShape, mapping: Mapping, filters: Filters,
        hash_seed: str,
    ) -> None:  # fmt: skip
        self._conn = conn
        self._shape = shape
        self._filters = filters
        self._key_names = key_inputs(mapping)
        self._key = key_function(mapping)
        self._scope_names, self._in_scope = scope_function(filters, mapping, shape)
        self._seed = seed(mapping, hash_seed)
        self._scope: set[str] = set()
        self._candidates: set[str] = set()

    def scan(self, known: Iterable[tuple[str, str]]) -> Scope:
        acknowledged = dict(known)
        names = list(dict.fromkeys([*self._key_names, *self._scope_names]))
        keys_at = [names.index(name) for name in self._key_names]
        scope_at = [names.index(name) for name in self._scope_names]
        rows = 0
        for row in self._stream(f"{self._cells(names)}, {self._hash()}", "", self._seed):
            if scope_at and not self._in_scope(*(row[at] for at in scope_at)):
                continue
            rows += 1
            key = self._key(*(row[at] for at in keys_at))
            self._scope.add(key)
            if acknowledged.get(key) != row[-1]:
                self._candidates.add(key)
        vanished = None
        if self._filters.is_empty:
            vanished = frozenset(acknowledged.keys() - self._scope)
        return Scope(rows, len(self._scope) - len(self._candidates), vanished)

    def keys_in_scope(self) -> frozenset[str]:
        return frozenset(self._scope)

    def narrow_to(self, keys: Collection[str]) -> None:
        self._candidates = self._scope.intersection(keys)

    def candidate_rows(self) -> Iterator[tuple[dict[str, object], str]]:
        if not self._candidates:
            return
        names = list(self._shape.columns)
        condition, parameters = "", [self._seed]
        raw_key = self._raw_key()
        if 2 * len(self._candidates) < len(self._scope):
            condition = f"WHERE {raw_key} = ANY(%s::text[])"
            parameters.append(self._raw_keys(raw_key))  # type: ignore[arg-type]
        for row in self._stream(f"{self._hash()}, {self._cells(names)}", condition, *parameters):
            cells: dict[str, object] = dict(zip(names, row[1:], strict=True))
            if self._key(*(cells.get(name) for name in self._key_names)) in self._candidates:
                yield cells, row[0]

    def _raw_keys(self, raw_key: str) -> list[str]:
        """Every spelling of the candidate keys that the source holds."""
        found = set()
        for row in self._stream(f"{self._cells(self._key_names)}, {raw_key}", ""):
            if self._key(*row[:-1]) in self._candidates:
                found.add(row[-1])
        return sorted(found)

    def _stream(self, select: str, condition: str, *parameters: Any) -> Iterator[Sequence[Any]]:
        """Rows as they come, a chunk in memory at a time."""
        rows = self._conn.exec_driver_sql(
            f"SELECT {select} FROM {self._escaped(self._shape.table)} {condition}",  # noqa: S608 - quoted names
            parameters,
            execution_options={"stream_results": True, "max_row_buffer": CHUNK},
        )
        with rows:
            while chunk := rows.fetchmany(CHUNK):
                yield from chunk

    def _cells(self, names: Sequence[str]) -> str:
        return ", ".join(self._cell(name) for name in names)

    def _cell(self, name: str) -> str:
        """SQL for a column of the profile; NULL where the source has none."""
        actual = self._shape.columns.get(name)
        return "NULL" if actual is None else self._escaped(engine.quoted(actual))

    def _raw_key(self) -> str:
        names = [name for name in self._key_names if name in self._shape.columns]
        return self._texts(self._shape.columns[name] for name in names)

    def _hash(self) -> str:
        texts = self._texts(self._shape.columns.values())
        return engine.sha256(self._conn, f"%s::text || {texts}")

    def _texts(self, columns: Iterable[str]) -> str:
        return "||','||".join(
            self._escaped(engine.quoted_text(self._conn, column)) for column in columns
        )

    @staticmethod
    def _escaped(sql: str) -> str:
        """The driver takes a percent sign for the beginning of a parameter."""
        return sql.replace("%", "%%")
