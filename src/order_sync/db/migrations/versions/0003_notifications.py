"""Notifications, how often a run waited, and the calls of a day it was told of."""

from alembic import op
from sqlalchemy import Column, Integer

from order_sync.db.engine import columns_of
from order_sync.db.schema import Tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns, where the table lacks them; new tables and indexes come by themselves."""
    tables: Tables = op.get_context().opts["tables"]
    for name in ("calls_per_day", "waits"):
        if name not in columns_of(op.get_bind(), tables.runs.name):
            op.add_column(tables.runs.name, Column(name, Integer))
