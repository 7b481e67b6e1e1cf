"""Alembic revisions of the technical tables: one file for each version of their shape.

A revision is run inside the transaction of `upgrade`; its number is what `MON_SchemaVersion`
holds. Columns of a profile are no revisions: they come from comparing the tables with the profile.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from order_sync.db.schema import Tables

FOLDER = Path(__file__).parent


def run_revisions(conn: Connection, tables: Tables, found: int) -> list[str]:
    """Bring tables of version `found` to the newest shape; returns what each revision is about."""
    # Alembic takes longer to load than a run without changes takes as a whole.
    from alembic.operations import Operations  # noqa: PLC0415
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    script = ScriptDirectory(str(FOLDER))
    newer = list(script.iterate_revisions("head", f"{found:04}"))
    context = MigrationContext.configure(conn, opts={"tables": tables})
    with Operations.context(context):
        for revision in reversed(newer):
            revision.module.upgrade()
    return [revision.doc for revision in reversed(newer)]


def newest() -> int:
    """The number of the newest revision."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    return int(ScriptDirectory(str(FOLDER)).get_current_head() or 0)
