"""Every table with its columns, as a database made from them has it."""

from __future__ import annotations

import tempfile
from contextlib import closing
from typing import Any

from sqlalchemy import Column, Table, inspect
from sqlalchemy import types as sql

from docs.generator.meanings import COLUMNS, PURPOSES
from docs.generator.words import code, table
from order_sync.db.engine import Database
from order_sync.db.schema import Tables, build_tables
from order_sync.db.types import Price, UtcDateTime
from order_sync.db.upgrade import ACTIVE_BATCHES, ensure_tables
from order_sync.profile import DEFAULT_PROFILE, load_profile


def table_list() -> str:
    mapping = load_profile(DEFAULT_PROFILE)
    tables = build_tables(mapping)
    titles = {column.field: column.source for column in mapping.columns}
    parts = [_table(getattr(tables, name), why, titles) for name, why in PURPOSES.items()]
    return "\n\n".join([*parts, _view(tables)])


def _table(sql_table: Table, why: str, titles: dict[str, str]) -> str:
    rows = []
    mapped: list[str] = []
    for column in sql_table.columns:
        if column.name in titles:
            mapped.append(column.name)
            continue
        rows.append(_column_row(sql_table.name, column))
    text = table(("column", "type", "", "what it holds"), rows)
    if mapped:
        text += (
            f"\n\nand one column per mapped column of the profile ({len(mapped)} of them): "
            + ", ".join(code(name) for name in mapped)
            + "."
        )
    return f"### {sql_table.name}\n\n{why}\n\n{text}"


def _column_row(table_name: str, column: Column[Any]) -> tuple[str, str, str, str]:
    marks = []
    if column.primary_key:
        marks.append("key")
    elif not column.nullable:
        marks.append("always filled")
    marks += [f"→ `{key.target_fullname}`" for key in sorted(column.foreign_keys, key=str)]
    return code(column.name), _type(column.type), ", ".join(marks), _holds(table_name, column.name)


def _holds(table_name: str, name: str) -> str:
    return COLUMNS.get(f"{table_name}.{name}") or COLUMNS[name]


def _type(kind: Any) -> str:
    if isinstance(kind, Price):
        return "decimal(18,4)"
    for cls, word in (
        (UtcDateTime, "time, UTC"),
        (sql.Boolean, "yes or no"),
        (sql.Integer, "whole number"),
        (sql.Float, "number"),
        (sql.LargeBinary, "bytes"),
        (sql.Date, "date"),
    ):
        if isinstance(kind, cls):
            return word
    return f"text({kind.length})" if getattr(kind, "length", None) else "text"


def _view(tables: Tables) -> str:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/tables.db"
        with closing(Database(url)) as database:
            database.run(lambda conn: ensure_tables(conn, tables))
            with database.begin() as conn:
                names = [column["name"] for column in inspect(conn).get_columns(ACTIVE_BATCHES)]
    rows = ((code(name), _holds(ACTIVE_BATCHES, name)) for name in names)
    return (
        f"### {ACTIVE_BATCHES}\n\nA view: batches that have not ended, or began in the last 24 "
        f"hours.\n\n{table(('column', 'what it holds'), rows)}"
    )
