"""Finds the orders table and the profile's columns in it; `source_reading` reads its rows."""

from __future__ import annotations

from sqlalchemy import Connection

from order_sync.db import engine
from order_sync.db.source_keys import SourceShape
from order_sync.errors import ConfigError
from order_sync.rules.mapping import Mapping
from order_sync.rules.reading import needed_columns
from order_sync.rules.values import key_part


def inspect_source(
    conn: Connection, table: str, mapping: Mapping, changed_column: str | None = None
) -> SourceShape:
    """Find the profile's columns, and the column of changes, in the source.

    Raises:
        ConfigError: the table does not exist, or lacks columns the profile needs.
    """
    schema, name, present = _find_table(conn, table)
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
    changed = None
    if changed_column is not None:
        changed = by_name.get(changed_column, by_name.get(key_part(changed_column)))
        if changed is None:
            raise ConfigError(
                f'the source table {table} has no column "{changed_column}"',
                hint="correct source.changed_column, or leave it out",
            )
    notices = _judge_missing(table, mapping, columns)
    return SourceShape(name, schema, columns, notices, absent, changed)


def _find_table(conn: Connection, table: str) -> tuple[str | None, str, list[str]]:
    """(schema, name, columns); a dot belongs to the name if such a table exists."""
    found = engine.find_table(conn, table)
    if found is not None:
        return None, *found
    schema, dot, bare = table.rpartition(".")
    found = engine.find_table(conn, bare, schema) if dot else None
    if found is not None:
        return schema, *found
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
