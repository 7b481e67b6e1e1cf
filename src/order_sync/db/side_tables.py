"""Tables beside the story of an order: the shape of the others, how far changes were followed, and
what people were told.
"""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Integer, MetaData, Table

from order_sync.db.conditions import both_or_neither
from order_sync.db.types import UtcDateTime, id_text, long_text, short_text


def schema_version(meta: MetaData) -> Table:
    return Table(
        "MON_SchemaVersion",
        meta,
        Column("part", short_text(200), primary_key=True),
        Column("version", Integer, nullable=False),
        Column("installed_at", UtcDateTime, nullable=False),
    )


def source_marks(meta: MetaData) -> Table:
    return Table(
        "MON_SourceMarks",
        meta,
        Column("board_id", id_text(), primary_key=True),
        Column("profile", short_text(200), primary_key=True),
        Column("basis", short_text(64), nullable=False),
        Column("kind", short_text(20), nullable=False),
        Column("value", long_text(), nullable=False),
        Column("passes", Integer, nullable=False),
        Column("marked_at", UtcDateTime, nullable=False),
    )


def notifications(meta: MetaData) -> Table:
    return Table(
        "MON_Notifications",
        meta,
        Column("board_id", id_text(), primary_key=True),
        Column("profile", short_text(200), primary_key=True),
        Column("alert", short_text(40), primary_key=True),
        Column("address", Integer, primary_key=True),
        Column("is_trouble", Boolean, nullable=False),  # False: the last news is that it is over
        Column("cause", short_text(100), nullable=False),
        Column("since", UtcDateTime, nullable=False),
        Column("title", long_text(), nullable=False),
        Column("message", long_text(), nullable=False),
        Column("told_at", UtcDateTime),  # NULL: the news was not delivered
        # Who sends it now; the claim of a process that died is taken over after a while.
        Column("claimed_by", id_text()),
        Column("claimed_at", UtcDateTime),
        CheckConstraint(
            both_or_neither("claimed_by IS NULL", "claimed_at IS NULL"),
            name="ck_MON_Notifications_claimed",
        ),
    )
