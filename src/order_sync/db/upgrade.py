"""Creating the tables and bringing older ones up to date. Data is never dropped.

Creation and upgrade run in one transaction each, so a process that dies inside leaves the
database as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, select

from order_sync.db import engine
from order_sync.db.schema import SCHEMA_VERSION, Tables
from order_sync.errors import ConfigError
from order_sync.rules.states import BATCH_ENDED

ACTIVE_BATCHES = "VW_MON_ActiveBatches"
_CORE = "core"


@dataclass(frozen=True)
class SchemaState:
    """How the database compares with this version."""

    missing_tables: tuple[str, ...]
    missing_columns: tuple[tuple[str, str], ...]  # (table, column)
    version: int | None  # None: never created

    @property
    def is_current(self) -> bool:
        return not (self.missing_tables or self.missing_columns) and self.version == SCHEMA_VERSION


def inspect_schema(conn: Connection, tables: Tables) -> SchemaState:
    """Compare the database with the tables of the profile."""
    missing_tables: list[str] = []
    missing_columns: list[tuple[str, str]] = []
    for table in tables.metadata.sorted_tables:
        present = engine.columns_of(conn, table.name)
        if not present:
            missing_tables.append(table.name)
            continue
        missing_columns += [(table.name, c.name) for c in table.columns if c.name not in present]
    version = None
    if tables.schema_version.name not in missing_tables:
        version = conn.execute(
            select(tables.schema_version.c.version).where(tables.schema_version.c.part == _CORE)
        ).scalar()
    return SchemaState(tuple(missing_tables), tuple(missing_columns), version)


def ensure_tables(conn: Connection, tables: Tables) -> None:
    """Create what is missing; whole tables only.

    Raises:
        ConfigError: a table exists in an older or newer shape.
    """
    state = inspect_schema(conn, tables)
    if state.is_current:
        return
    engine.lock_schema(conn)
    state = inspect_schema(conn, tables)  # another process may just have made them
    require_current(state)
    if state.is_current:
        return
    tables.metadata.create_all(conn)
    _finish(conn, tables, state)


def require_current(state: SchemaState) -> None:
    """Raise ConfigError unless the existing tables have today's shape; missing ones are fine."""
    if state.version is not None and state.version > SCHEMA_VERSION:
        raise ConfigError(
            f"the tables were made by a newer order-sync (schema {state.version})",
            hint="install that version or a later one",
        )
    older = state.version is not None and state.version < SCHEMA_VERSION
    if older or state.missing_columns:
        what = ", ".join(f"{t}.{c}" for t, c in state.missing_columns[:5]) or "an older schema"
        raise ConfigError(
            f"the tables are older than this version or profile ({what})",
            hint="run: order-sync db upgrade",
        )


def upgrade(conn: Connection, tables: Tables) -> SchemaState:
    """Bring the tables to the shape of this version and profile; returns what was found before.

    Missing tables are created, revisions of the technical tables run, and columns the profile has
    gained are added. The caller's transaction holds all of it, or nothing.
    """
    engine.lock_schema(conn)
    state = inspect_schema(conn, tables)
    if state.version is not None and state.version > SCHEMA_VERSION:
        require_current(state)
    by_name: dict[str, Table] = {t.name: t for t in tables.metadata.sorted_tables}
    if tables.batches.name not in state.missing_tables:
        _create_indexes(conn, tables.batches)  # staging tables of a further profile point to one
    tables.metadata.create_all(conn)
    if state.version is not None and state.version < SCHEMA_VERSION:
        from order_sync.db.migrations import run_revisions  # noqa: PLC0415 - it loads Alembic

        run_revisions(conn, tables, state.version)
    for table_name, column_name in inspect_schema(conn, tables).missing_columns:
        column = by_name[table_name].c[column_name]
        engine.add_column(conn, table_name, column_name, column.type.compile(conn.dialect))
    for table in by_name.values():
        _create_indexes(conn, table)
    _finish(conn, tables, state)
    return state


def _create_indexes(conn: Connection, table: Table) -> None:
    for index in table.indexes:
        index.create(conn, checkfirst=True)


def _finish(conn: Connection, tables: Tables, found: SchemaState) -> None:
    engine.replace_view(conn, ACTIVE_BATCHES, _active_batches_sql(conn))
    if found.version == SCHEMA_VERSION:
        return
    version = tables.schema_version
    values = {"version": SCHEMA_VERSION, "installed_at": engine.now(conn)}
    if found.version is None:
        conn.execute(version.insert().values(part=_CORE, **values))
    else:
        conn.execute(version.update().where(version.c.part == _CORE).values(**values))


def _active_batches_sql(conn: Connection) -> str:
    ended = ", ".join(repr(s.value) for s in BATCH_ENDED)
    return f"""
SELECT batch_id, run_id, board_id, customer_name, batch_type, status, start_time, end_time,
       orders_total, orders_processed, orders_failed,
       subitems_total, subitems_processed, subitems_failed,
       CASE WHEN orders_total + subitems_total = 0 THEN 100.0
            ELSE ROUND(100.0 * (orders_processed + subitems_processed)
                       / (orders_total + subitems_total), 1) END AS success_percentage,
       CASE WHEN orders_total + subitems_total = 0 THEN 100.0
            ELSE ROUND(100.0 * (orders_processed + subitems_processed
                                + orders_failed + subitems_failed)
                       / (orders_total + subitems_total), 1) END AS progress_percentage,
       {engine.age_seconds(conn, "start_time")} AS age_seconds,
       api_calls_made, error_summary
  FROM {engine.quoted("MON_BatchProcessing")}
 WHERE status NOT IN ({ended}) OR start_time >= {engine.hours_ago(conn, 24)}
"""  # noqa: S608 - every part is ours
