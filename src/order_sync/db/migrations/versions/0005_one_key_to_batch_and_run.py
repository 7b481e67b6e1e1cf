"""Staged rows point to their batch and run by one key, so that the batch is one of the run."""

from alembic import op
from sqlalchemy import inspect

from order_sync.db.line_keys import BATCH_AND_RUN
from order_sync.db.schema import Tables

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Put one key in the place of two on PostgreSQL, where each costs time.

    SQLite cannot change the keys of a table; tables there, and on SQL Server, keep both.
    """
    conn = op.get_bind()
    if conn.dialect.name != "postgresql":
        return
    tables: Tables = op.get_context().opts["tables"]
    for index in tables.batches.indexes:
        index.create(conn, checkfirst=True)
    for table in (tables.staging, tables.staging_subitems):
        keys = inspect(conn).get_foreign_keys(table.name)
        there = {tuple(key["constrained_columns"]): key["name"] for key in keys}
        for column in BATCH_AND_RUN:
            if (column,) in there:
                op.drop_constraint(str(there[column,]), table.name, type_="foreignkey")
        if BATCH_AND_RUN not in there:
            (key,) = (k for k in table.foreign_key_constraints if len(k.columns) > 1)
            op.create_foreign_key(
                str(key.name), table.name, tables.batches.name, [*BATCH_AND_RUN],
                ["batch_id", "run_id"],
            )  # fmt: skip
