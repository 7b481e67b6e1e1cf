"""Foreign keys of staged size lines on PostgreSQL, which looks up each key of each new row.

A size line below a staged order line points to it and, by the same key, to its batch and run. One
that stands alone points to batch and run by a column the database fills. So only one key of each
is looked up. Other databases have both keys for all: there they cost next to nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Index, Table, event

from order_sync.db import engine
from order_sync.db.engine import quoted

LINE = "stg_parent_stg_id"  # staged order line above
BATCH_AND_RUN = ("stg_batch_id", "stg_run_id")  # what a staged row belongs to
LONE_BATCH = "stg_lone_batch_id"  # batch of a size line that stands alone, else NULL


def one_key_on_postgres(lines: Table, staging: Table) -> None:
    """Let `lines` be created with the keys of PostgreSQL there."""
    for key in lines.foreign_key_constraints:
        if {LINE, *BATCH_AND_RUN} & {*key.column_keys}:
            key.ddl_if(callable_=_is_not_postgres)
    staging.append_constraint(
        Index(f"ux_{staging.name}_of_batch", "stg_id", *BATCH_AND_RUN, unique=True).ddl_if(
            dialect="postgresql"
        )
    )

    def add_keys(_lines: Table, conn: Connection, **_more: Any) -> None:
        if conn.dialect.name == "postgresql":
            add_line_keys(conn, lines, staging)

    event.listen(lines, "after_create", add_keys)


def add_line_keys(conn: Connection, lines: Table, staging: Table) -> None:
    """Give a table of size lines without keys those of PostgreSQL."""
    for index in staging.indexes:
        index.create(conn, checkfirst=True)
    table, order_lines = quoted(lines.name), quoted(staging.name)
    batch, run = map(quoted, BATCH_AND_RUN)
    engine.run_sql(
        conn,
        f"ALTER TABLE {table}"
        f' ADD COLUMN {LONE_BATCH} TEXT COLLATE "C"'
        f" GENERATED ALWAYS AS (CASE WHEN {LINE} IS NULL THEN {batch} END) STORED,"
        f" ADD FOREIGN KEY ({LINE}, {batch}, {run})"
        f" REFERENCES {order_lines} (stg_id, {batch}, {run}),"
        f" ADD FOREIGN KEY ({LONE_BATCH}, {run})"
        ' REFERENCES "MON_BatchProcessing" (batch_id, run_id)',
    )
    # For the batch's sake: who deletes one makes the database look for its rows.
    engine.run_sql(conn, f"CREATE INDEX ON {table} ({LONE_BATCH}) WHERE {LONE_BATCH} IS NOT NULL")


def _is_not_postgres(*_given: Any, dialect: Any, **_more: Any) -> bool:
    return bool(dialect.name != "postgresql")
