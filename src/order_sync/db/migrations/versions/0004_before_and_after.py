"""Values before and after a change, monday.com's answers to writes, and its limits of a minute."""

from alembic import op
from sqlalchemy import Column

from order_sync.db.engine import columns_of
from order_sync.db.schema import Tables

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns, where a table lacks them; what happened before has none of it."""
    tables: Tables = op.get_context().opts["tables"]
    added = (
        (tables.events, "request_pos"),
        (tables.events, "changes"),
        (tables.requests, "answer"),
    )
    for table, name in added:
        if name not in columns_of(op.get_bind(), table.name):
            op.add_column(table.name, Column(name, table.c[name].type))
