"""Tables of earlier versions and of smaller profiles become today's, with every row in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.schema import CreateIndex, CreateTable

from order_sync.db import engine, runs, upgrade
from order_sync.db.line_keys import BATCH_AND_RUN, LINE, LONE_BATCH
from order_sync.db.migrations import newest, run_revisions
from order_sync.db.schema import SCHEMA_VERSION, build_tables

from .helpers import BOARD, line_row, stage_items, stage_rows, start

# What versions 2 and 3 have that version 1 had not.
SINCE_1 = {
    "change_type", "moving_to", "resolution_note", "orders_updated", "orders_archived",
    "subitems_updated", "calls_per_day", "waits",
}  # fmt: skip
NEWER_INDEXES = (
    "_order", "_decided", "_sent", "_BatchProcessing_status", "_of_run", "_of_batch",
)  # fmt: skip
# Of staged rows on PostgreSQL: each points to its batch by one key.
ITEM_KEYS = [BATCH_AND_RUN]
LINE_KEYS = [(LONE_BATCH, "stg_run_id"), (LINE, *BATCH_AND_RUN)]
UPGRADE_AND_DIE = """
import os, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from order_sync.db.engine import Database
from order_sync.db.schema import build_tables
from order_sync.db.upgrade import upgrade
from order_sync.profile import load_profile

left = [int(sys.argv[2])]

@event.listens_for(Engine, "before_cursor_execute")
def _die(_conn, _cursor, statement, *_):
    if statement.lstrip().startswith(("ALTER", "CREATE", "DROP", "UPDATE", "INSERT")):
        left[0] -= 1
        if left[0] == 0:
            os._exit(137)

tables = build_tables(load_profile("customer-master-schedule"))
Database(sys.argv[1]).run(lambda conn: upgrade(conn, tables))
"""


def statements_of_version_1(tables, dialect):
    """How version 1 would have created its tables."""
    for table in tables.metadata.sorted_tables:
        if table.name in ("MON_SourceMarks", "MON_Notifications"):
            continue
        created = str(CreateTable(table).compile(dialect=dialect))
        created = re.sub(r"\n\)\s*(WITH .*)?$", "", created.rstrip())
        lines = re.split(r",\s*\n", created)
        lines = [older for line in lines for older in keys_of_version_1(line)]
        older = [line for line in lines if not any(word in line for word in SINCE_1)]
        if table is tables.staging_subitems and dialect.name == "postgresql":
            older += [
                f'FOREIGN KEY(stg_parent_stg_id) REFERENCES "{tables.staging.name}" (stg_id)',
                *TWO_KEYS,
            ]
        yield ",\n".join(older) + "\n)"
        for index in table.indexes:
            taken = {constraint.name for constraint in table.constraints}
            if index.name not in taken and not index.name.endswith(NEWER_INDEXES):
                yield str(CreateIndex(index).compile(dialect=dialect))


def keys_of_version_1(line):
    """Staged rows pointed to batch and run by two keys."""
    if "FOREIGN KEY(stg_batch_id, stg_run_id)" not in line:
        return [line]
    return TWO_KEYS


TWO_KEYS = [
    'FOREIGN KEY(stg_batch_id) REFERENCES "MON_BatchProcessing" (batch_id)',
    'FOREIGN KEY(stg_run_id) REFERENCES "MON_SyncRuns" (run_id)',
]


def keys_of(database, table):
    keys = inspect(database.engine).get_foreign_keys(table.name)
    found = {tuple(key["constrained_columns"]) for key in keys}
    return sorted(columns for columns in found if columns != ("stg_request_id",))


@pytest.fixture
def version_1(database, tables, shipped):
    """A database as version 1 left it, with a run and a refused order in it."""

    def make(conn):
        for statement in statements_of_version_1(tables, conn.dialect):
            conn.exec_driver_sql(statement)
        conn.execute(
            tables.schema_version.insert().values(
                part="core", version=1, installed_at=engine.now(conn)
            )
        )
        run = start(conn, tables, shipped)
        texts = ("customer_batch", "order_number", "error_type", "error_class", "error_message")
        conn.execute(
            tables.errors.insert().values(
                board_id=BOARD, order_key="a", field="", value="", run_id=run.run_id,
                retry_count=0, max_retries_reached=False, created_date=engine.now(conn),
                **dict.fromkeys(texts, "x"),
            )
        )  # fmt: skip

    database.run(make)
    return database


def is_whole(database, tables):
    with database.begin() as conn:
        errors = conn.execute(tables.errors.select()).all()
        there = len(conn.execute(tables.runs.select()).all())
        current = upgrade.inspect_schema(conn, tables).is_current
    return current, there, [(row.order_key, row.resolution_note) for row in errors]


def test_there_is_a_revision_for_every_version():
    assert newest() == SCHEMA_VERSION


def test_version_1_becomes_todays_with_every_row(version_1, tables):
    found = version_1.run(lambda conn: upgrade.upgrade(conn, tables))
    assert found.version == 1
    assert {column for _, column in found.missing_columns} == SINCE_1
    assert is_whole(version_1, tables) == (True, 1, [("a", None)])
    names = {index["name"] for index in inspect(version_1.engine).get_indexes(tables.errors.name)}
    assert {f"ix_{tables.errors.name}_order", f"ix_{tables.errors.name}_decided"} <= names
    again = version_1.run(lambda conn: upgrade.upgrade(conn, tables))
    assert again.is_current


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_staged_rows_point_to_a_batch_of_their_run(version_1, tables):
    items, lines = tables.staging, tables.staging_subitems
    two = [("stg_batch_id",), ("stg_run_id",)]
    before = [two, [two[0], (LINE,), two[1]]]
    assert [keys_of(version_1, items), keys_of(version_1, lines)] == before
    version_1.run(lambda conn: upgrade.upgrade(conn, tables))
    is_sqlite = version_1.engine.dialect.name == "sqlite"
    after = before if is_sqlite else [ITEM_KEYS, LINE_KEYS]
    assert [keys_of(version_1, items), keys_of(version_1, lines)] == after


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_size_lines_of_version_5_keep_what_they_belong_to(database, tables, shipped):
    items, lines = tables.staging, tables.staging_subitems

    def rows(conn):
        return sorted(conn.execute(select(lines.c.size_key, lines.c[LINE], lines.c.stg_batch_id)))

    def version_5(conn):
        upgrade.ensure_tables(conn, tables)
        for key in inspect(conn).get_foreign_keys(lines.name):
            if key["constrained_columns"] != ["stg_request_id"]:
                engine.run_sql(conn, f'ALTER TABLE "{lines.name}" DROP CONSTRAINT "{key["name"]}"')
        for statement in (
            f'ALTER TABLE "{lines.name}" DROP COLUMN "{LONE_BATCH}"',
            f'DROP INDEX "ux_{items.name}_of_batch"',
            f'ALTER TABLE "{lines.name}" ADD FOREIGN KEY ({LINE}) REFERENCES "{items.name}"',
            f'ALTER TABLE "{lines.name}" ADD FOREIGN KEY (stg_batch_id, stg_run_id)'
            ' REFERENCES "MON_BatchProcessing" (batch_id, run_id)',
        ):
            engine.run_sql(conn, statement)
        conn.execute(tables.schema_version.update().values(version=5))
        run = start(conn, tables, shipped)
        batch = stage_items(conn, tables, run, "a", "b")
        (parent, *_) = conn.execute(select(items.c.stg_id).order_by(items.c.stg_id)).scalars()
        given = [line_row(conn, run, batch, "a", "S", parent), line_row(conn, run, batch, "c", "M")]
        assert stage_rows(conn, lines, given) == []
        return rows(conn)

    before = database.run(version_5)
    database.run(lambda conn: upgrade.upgrade(conn, tables))
    assert keys_of(database, lines) == LINE_KEYS
    assert database.run(rows) == before


def test_a_further_profile_and_an_upgrade_at_once(version_1, tables, shipped):
    names = {field: f"{name}_of_another_profile" for field, name in vars(shipped.tables).items()}
    second = build_tables(replace(shipped, tables=type(shipped.tables)(**names)))
    version_1.run(lambda conn: upgrade.upgrade(conn, second))
    with version_1.begin() as conn:
        assert upgrade.inspect_schema(conn, second).is_current


def test_a_revision_alone_brings_its_columns_and_can_be_repeated(version_1, tables):
    told = version_1.run(lambda conn: run_revisions(conn, tables, 1))
    assert len(told) == SCHEMA_VERSION - 1
    with version_1.begin() as conn:
        assert upgrade.inspect_schema(conn, tables).missing_columns == ()
    version_1.run(lambda conn: run_revisions(conn, tables, 1))
    assert version_1.run(lambda conn: run_revisions(conn, tables, SCHEMA_VERSION)) == []


@pytest.mark.parametrize("statement", [1, 2, 6, 10, 12, 13])
def test_an_upgrade_that_dies_changes_nothing_and_can_be_repeated(
    version_1, tables, database_url, statement
):
    died = subprocess.run(
        [sys.executable, "-c", UPGRADE_AND_DIE, database_url, str(statement)],
        check=False, capture_output=True, text=True, env={**os.environ},
    )  # fmt: skip
    assert died.returncode == 137, died.stderr
    with version_1.begin() as conn:
        left = upgrade.inspect_schema(conn, tables)
    assert left.version == 1
    assert {column for _, column in left.missing_columns} == SINCE_1
    version_1.run(lambda conn: upgrade.upgrade(conn, tables))
    assert is_whole(version_1, tables) == (True, 1, [("a", None)])


def test_a_second_profile_of_an_upgraded_database_is_upgraded_too(version_1, tables, shipped):
    version_1.run(lambda conn: upgrade.upgrade(conn, tables))
    names = {field: f"{name}_of_another_profile" for field, name in vars(shipped.tables).items()}
    second = build_tables(replace(shipped, tables=type(shipped.tables)(**names)))
    version_1.run(lambda conn: upgrade.ensure_tables(conn, second))
    with version_1.begin() as conn:
        assert upgrade.inspect_schema(conn, second).is_current
        assert upgrade.inspect_schema(conn, tables).is_current
    assert version_1.run(lambda conn: runs.start_run(conn, second, shipped, "sync", {}, "1"))


def test_no_command_but_an_upgrade_loads_alembic():
    script = "import sys, order_sync.sync, order_sync.cli; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
