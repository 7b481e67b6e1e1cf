"""Writing the source table: the only place that does, for `load` and `demo`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from sqlalchemy import Column, Connection, MetaData, Table, func, inspect, select
from sqlalchemy.exc import DataError, IntegrityError

from order_sync.db import engine
from order_sync.errors import ConfigError

_CHUNK = 1_000  # rows in memory at a time


def row_count(conn: Connection, table: str) -> int | None:
    """Rows of a source table; None when there is none."""
    schema, name, present = _find(conn, table)
    if not present:
        return None
    source = Table(name, MetaData(), schema=schema)
    return conn.execute(select(func.count()).select_from(source)).scalar_one()


def write_rows(
    conn: Connection,
    table: str,
    columns: Sequence[tuple[str, str]],
    headers: Sequence[str],
    rows: Iterable[Mapping[str, object]],
    *,
    replace: bool,
) -> int:
    """Put `rows` into the source table inside the caller's transaction; returns how many.

    A missing table is created, missing columns are added, nothing is dropped.

    Args:
        columns: (name, SQL type) of a table that can hold every row.
        headers: columns every row names, in their order.
        rows: read as they are written, so a file of any size fits.
        replace: delete what is there first.

    Raises:
        ConfigError: the table is a view, or its own rules refuse a row.
    """
    schema, name, present = _find(conn, table)
    if name in inspect(conn).get_view_names(schema):
        raise ConfigError(
            f"{table} is a view: rows can only be loaded into a table",
            hint="set source.table to a table",
        )
    actual = _prepare(conn, schema, name, present, columns)
    # Columns without a type: values go in as they are, unreadable dates and sizes too.
    target = Table(name, MetaData(), *(Column(actual[header]) for header in headers), schema=schema)
    if replace:
        conn.execute(target.delete())
    count = 0
    waiting = iter(rows)
    try:
        while chunk := list(islice(waiting, _CHUNK)):
            engine.bulk_insert(
                conn, target, [{actual[h]: row[h] for h in headers} for row in chunk]
            )
            count += len(chunk)
    except (IntegrityError, DataError) as error:
        raise ConfigError(
            f"the table {table} refuses a row: {engine.reason(error)}",
            hint="the rules of the table itself forbid it; nothing was loaded",
        ) from error
    return count


def _find(conn: Connection, table: str) -> tuple[str | None, str, list[str]]:
    """(schema, name, columns); a dot belongs to the name if such a table exists."""
    found = engine.find_table(conn, table)
    schema, dot, bare = table.rpartition(".")
    if found is not None or not dot:
        return None, *(found or (table, []))
    return schema, *(engine.find_table(conn, bare, schema) or (bare, []))


def _prepare(
    conn: Connection, schema: str | None, name: str, present: Sequence[str],
    columns: Sequence[tuple[str, str]],
) -> dict[str, str]:  # fmt: skip
    """Make sure the table has every column; returns wanted name -> name in the table."""
    # Unreadable numbers and dates stay what they are: texts that the sync refuses or reports.
    any_type = engine.any_type(conn)
    types = {"TEXT": engine.text_type(conn), "INTEGER": any_type, "DATE": any_type}
    if not present:
        prefix = f"{engine.quoted(schema)}." if schema else ""
        declared = ", ".join(f"{engine.quoted(c)} {types[kind]}" for c, kind in columns)
        engine.run_sql(conn, f"CREATE TABLE {prefix}{engine.quoted(name)} ({declared})")
        return {column: column for column, _ in columns}
    # Databases compare column names without case, so one in another case is the same.
    by_name = {column.casefold(): column for column in present}
    for column, kind in columns:
        if column.casefold() not in by_name:
            engine.add_column(conn, name, column, types[kind], schema)
            by_name[column.casefold()] = column
    return {column: by_name[column.casefold()] for column, _ in columns}
