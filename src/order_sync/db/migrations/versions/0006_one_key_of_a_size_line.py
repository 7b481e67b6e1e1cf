"""On PostgreSQL a size line points to its order line, batch and run by one key."""

from alembic import op
from sqlalchemy import inspect

from order_sync.db import engine
from order_sync.db.line_keys import BATCH_AND_RUN, LINE, LONE_BATCH, add_line_keys
from order_sync.db.schema import Tables

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Put one key in the place of two; other databases keep both."""
    conn = op.get_bind()
    tables: Tables = op.get_context().opts["tables"]
    lines = tables.staging_subitems
    if conn.dialect.name != "postgresql" or LONE_BATCH in engine.columns_of(conn, lines.name):
        return
    for key in inspect(conn).get_foreign_keys(lines.name):
        if {LINE, *BATCH_AND_RUN} & {*key["constrained_columns"]}:
            op.drop_constraint(str(key["name"]), lines.name, type_="foreignkey")
    add_line_keys(conn, lines, tables.staging)
