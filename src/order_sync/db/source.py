"""Reads the orders table; never writes there.

An unchanged row never leaves the database: its hash is computed inside it and compared with the
acknowledged one. Temporary tables live in the connection, not in the user's database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from order_sync.db import engine
from order_sync.errors import ConfigError
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.reading import needed_columns
from order_sync.rules.values import clean_text, key_part, order_key

_HASH_VERSION = "1"  # grows when equal rows would get another hash
_CHUNK = 2_000  # rows fetched at a time


@dataclass(frozen=True)
class SourceShape:
    """Where the profile's columns are found in the source table."""

    table: str  # quoted, with its schema
    columns: dict[str, str]  # name in the profile -> name in the table
    notices: tuple[str, ...]
    absent_sizes: tuple[str, ...]  # size columns of the profile the table lacks


@dataclass(frozen=True)
class Scope:
    """What one pass over the source found."""

    rows: int  # rows within the filters
    unchanged: int  # known order lines whose source row is as it was
    vanished: frozenset[str] | None  # known keys absent from the source; None with filters


def inspect_source(conn: Connection, table: str, mapping: Mapping) -> SourceShape:
    """Find the profile's columns in the source.

    Raises:
        ConfigError: the table does not exist, or lacks columns the profile needs.
    """
    name, present = _find_table(conn, table)
    by_name = {key_part(column): column for column in reversed(present)} | {c: c for c in present}
    aliases = {column.source: column.source_aliases for column in mapping.columns}
    columns: dict[str, str] = {}
    for wanted in needed_columns(mapping):
        for spelling in (wanted, *aliases.get(wanted, ())):
            actual = spelling if spelling in present else by_name.get(key_part(spelling))
            if actual is not None:
                columns[wanted] = actual
                break
    absent = tuple(size for size in mapping.sizes.names if size not in columns)
    return SourceShape(name, columns, _judge_missing(table, mapping, columns), absent)


def _find_table(conn: Connection, table: str) -> tuple[str, list[str]]:
    present = engine.columns_of(conn, table)
    if present:
        return engine.quoted(table), present
    schema, dot, bare = table.rpartition(".")
    if dot:
        present = engine.columns_of(conn, bare, schema)
        if present:
            return f"{engine.quoted(schema)}.{engine.quoted(bare)}", present
    raise ConfigError(
        f"the source table {table} does not exist",
        hint="load a file with: order-sync load FILE, or set source.url and source.table",
    )


def _judge_missing(table: str, mapping: Mapping, columns: dict[str, str]) -> tuple[str, ...]:
    optional = {c.source for c in mapping.columns if not c.required}
    sizes = set(mapping.sizes.names)
    missing = [name for name in needed_columns(mapping) if name not in columns]
    needed = [
        name
        for name in missing
        if name not in optional | sizes | set(mapping.blank_rows) | {mapping.total_quantity}
        or name in mapping.key
    ]
    if needed:
        raise ConfigError(
            f"the source table {table} lacks {len(needed)} column(s) of the profile {mapping.name}",
            hint="correct the table, or name its columns in a profile of your own",
            problems=tuple(f'column "{name}" is missing' for name in needed),
        )
    lacking = sizes.intersection(missing)
    if lacking == sizes:
        raise ConfigError(
            f"the source table {table} has none of the {len(sizes)} size columns of the profile",
            hint="correct the table, or name its size columns in a profile of your own",
        )
    notices = [f'{table} has no column "{n}": left out' for n in missing if n in optional]
    if lacking:
        notices.append(f"{table} lacks {len(lacking)} of {len(sizes)} size columns: read as blank")
    return tuple(notices)


class SourceReader:
    """One consistent look at the source, inside the caller's transaction."""

    def __init__(
        self, conn: Connection, shape: SourceShape, mapping: Mapping, filters: Filters,
        hash_seed: str,
    ) -> None:  # fmt: skip
        """`hash_seed`: whatever besides the row decides what the board gets."""
        self._conn = conn
        self._shape = shape
        self._filters = filters
        self._mapping = mapping
        self._key = self._call("os_order_key", _key_inputs(mapping), _key_function(mapping))
        names, test = _scope_function(filters, mapping, shape)
        self._in_scope = self._call("os_in_scope", names, test) if names else "1"
        self._seed = f"{_HASH_VERSION}|{mapping.fingerprint}|{hash_seed}|"

    def _call(self, function: str, names: list[str], body: Callable[..., str | int | None]) -> str:
        """SQL that calls Python `body` with source columns; absent columns are NULL."""
        engine.register_function(self._conn, function, len(names), body)
        return f"{function}({', '.join(self._column(name) for name in names)})"

    def _column(self, name: str) -> str:
        actual = self._shape.columns.get(name)
        return "NULL" if actual is None else engine.quoted(actual)

    def scan(self, known: Iterable[tuple[str, str]]) -> Scope:
        """Hash every row within the filters and keep the keys that are not known as they are.

        Args:
            known: (order_key, acknowledged source hash or "") of what the board holds.
        """
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
        hashed = "||','||".join(engine.quoted_text(c) for c in self._shape.columns.values())
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
        """Every order key within the filters, changed or not."""
        return frozenset(
            self._conn.exec_driver_sql("SELECT DISTINCT order_key FROM os_scope").scalars()
        )

    def narrow_to(self, keys: Collection[str]) -> None:
        """Make `keys`, as far as they are within the filters, the only candidates."""
        self._conn.exec_driver_sql("DELETE FROM os_candidates")
        if keys:
            self._conn.exec_driver_sql(
                "INSERT INTO os_candidates SELECT DISTINCT order_key FROM os_scope "
                "WHERE order_key = ?",
                [(key,) for key in keys],
            )

    def candidate_rows(self) -> Iterator[tuple[dict[str, object], str]]:
        """(source row by profile names, its source hash) of every candidate key.

        Rows of a candidate key outside the filters come too: whether a key stands twice is a
        question to the whole source.
        """
        names = list(self._shape.columns)
        hashed = "||','||".join(engine.quoted_text(c) for c in self._shape.columns.values())
        cells = ", ".join(engine.quoted(c) for c in self._shape.columns.values())
        rows = self._conn.exec_driver_sql(
            f"SELECT os_sha256(? || {hashed}), {cells} FROM {self._shape.table} "  # noqa: S608 - quoted names
            f"WHERE {self._key} IN (SELECT order_key FROM os_candidates)",
            (self._seed,),
        )
        while chunk := rows.fetchmany(_CHUNK):
            for row in chunk:
                yield dict(zip(names, row[1:], strict=True)), row[0]


def _key_inputs(mapping: Mapping) -> list[str]:
    extra = [name for _, names in mapping.extra_keys for name in names]
    return [mapping.customer, *mapping.key, *dict.fromkeys(extra)]


def _key_function(mapping: Mapping) -> Callable[..., str]:
    """The order key of a row, as `OrderReader` builds it, from the columns of `_key_inputs`."""
    names = _key_inputs(mapping)
    extra_keys = dict(mapping.extra_keys)

    def key(*cells: object) -> str:
        row = dict(zip(names, cells, strict=True))
        customer = key_part(clean_text(row[mapping.customer]) or "")
        columns = (*mapping.key, *extra_keys.get(customer, ()))
        return order_key([clean_text(row[column]) or "" for column in columns])

    return key


def _scope_function(
    filters: Filters, mapping: Mapping, shape: SourceShape
) -> tuple[list[str], Callable[..., int]]:
    """The filters as a test on the columns they look at; no columns without filters."""
    if filters.is_empty:
        return [], lambda: 1
    names = [*_key_inputs(mapping), *(column for _, column in filters.column_filters(mapping))]
    names = [name for name in dict.fromkeys(names) if name in shape.columns]

    def test(*cells: object) -> int:
        return int(filters.matches(dict(zip(names, cells, strict=True)), mapping))

    return names, test
