"""What detection saw, moves under way, people's notes, and counts of changes."""

from alembic import op
from sqlalchemy import Column, Integer, String, Text

from order_sync.db.engine import columns_of
from order_sync.db.schema import Tables

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; where a table lacks them only."""
    tables: Tables = op.get_context().opts["tables"]
    for table in (tables.staging, tables.staging_subitems):
        _add(table.name, Column("change_type", String(20)))
    _add(tables.production.name, Column("moving_to", Text))
    for table in (tables.errors, tables.errors_subitems):
        _add(table.name, Column("resolution_note", Text))
    for name in ("orders_updated", "orders_archived", "subitems_updated"):
        _add(tables.runs.name, Column(name, Integer))


def _add(table: str, column: "Column[object]") -> None:
    # Tables of several profiles share a version: one of them may have come later.
    if column.name not in columns_of(op.get_bind(), table):
        op.add_column(table, column)
