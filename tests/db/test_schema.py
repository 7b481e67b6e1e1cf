"""Tables are generated from the profile, created once, and upgraded without loss."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.exc import IntegrityError

from order_sync.db import engine, refused, upgrade
from order_sync.db.engine import Database
from order_sync.db.line_keys import LONE_BATCH
from order_sync.db.refused import ErrorRow
from order_sync.db.schema import build_tables
from order_sync.db.staging import Unit
from order_sync.errors import ConfigError, Unreachable
from order_sync.profile import RESERVED_FIELDS, load_profile
from order_sync.rules.mapping import Kind, MappedColumn
from order_sync.rules.states import RowState

from .helpers import item_row, line_row, stage_items, stage_rows, start

NAMES = {
    "STG_MON_CustMasterSchedule", "STG_MON_CustMasterSchedule_Subitems",
    "MON_CustMasterSchedule", "MON_CustMasterSchedule_Subitems",
    "ERR_MON_CustMasterSchedule", "ERR_MON_CustMasterSchedule_Subitems",
    "MON_BatchProcessing", "MON_SyncRuns", "MON_Groups", "MON_ApiRequests", "MON_OrderEvents",
    "MON_SourceMarks", "MON_Notifications", "MON_SchemaVersion",
}  # fmt: skip


def test_the_tables_have_the_names_people_know(state):
    assert set(inspect(state.engine).get_table_names()) == NAMES
    assert inspect(state.engine).get_view_names() == ["VW_MON_ActiveBatches"]


def columns_in(state, table):
    with state.begin() as conn:
        return list(conn.exec_driver_sql(f'SELECT * FROM "{table}"').keys())


def test_every_mapped_column_is_a_real_column_in_staging_and_production(state, shipped):
    fields = {column.field for column in shipped.columns}
    for name in (shipped.tables.staging, shipped.tables.production):
        assert fields <= set(columns_in(state, name))


def test_the_database_holds_exactly_the_columns_of_the_model(state, tables):
    for table in tables.metadata.sorted_tables:
        own = [column.name for column in table.columns]
        if table is tables.staging_subitems and state.engine.dialect.name == "postgresql":
            own.append(LONE_BATCH)
        assert columns_in(state, table.name) == own


def test_creating_twice_changes_nothing(state, tables):
    state.run(lambda conn: upgrade.ensure_tables(conn, tables))
    with state.begin() as conn:
        assert upgrade.inspect_schema(conn, tables).is_current


def _create(url: str, profile: str, barrier) -> None:  # runs in another process
    database = Database(url)
    barrier.wait()
    database.run(lambda conn: upgrade.ensure_tables(conn, build_tables(load_profile(profile))))


def test_two_processes_may_create_the_tables_at_once(database, database_url, tables):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    workers = [
        context.Process(target=_create, args=(database_url, "customer-master-schedule", barrier))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    with database.begin() as conn:
        assert upgrade.inspect_schema(conn, tables).is_current


def test_a_kill_while_creating_leaves_nothing_half_done(database, tables):
    class Killed(Exception):
        pass

    def create_and_die(conn):
        tables.metadata.create_all(conn)
        raise Killed

    with pytest.raises(Killed):
        database.run(create_and_die)
    assert inspect(database.engine).get_table_names() == []
    database.run(lambda conn: upgrade.ensure_tables(conn, tables))
    with database.begin() as conn:
        assert upgrade.inspect_schema(conn, tables).is_current


def with_one_more_column(shipped):
    extra = MappedColumn("PLANNER", "PLANNER", "PLANNER", Kind.TEXT)
    return build_tables(replace(shipped, columns=(*shipped.columns, extra)))


def test_a_profile_that_gained_a_column_names_the_upgrade(state, shipped):
    with pytest.raises(ConfigError) as stop:
        state.run(lambda conn: upgrade.ensure_tables(conn, with_one_more_column(shipped)))
    assert "db upgrade" in stop.value.hint
    assert "PLANNER" in stop.value.message


def test_an_upgrade_adds_the_column_and_keeps_the_rows(state, tables, shipped):
    def fill(conn):
        stage_items(conn, tables, start(conn, tables, shipped), "a", "b")

    state.run(fill)
    newer = with_one_more_column(shipped)
    state.run(lambda conn: upgrade.upgrade(conn, newer))
    with state.begin() as conn:
        assert upgrade.inspect_schema(conn, newer).is_current
        rows = conn.execute(newer.staging.select()).all()
    assert [(row.order_key, row.PLANNER) for row in rows] == [("a", None), ("b", None)]


def as_version_1(state, tables, shipped):
    """What a database of the first version holds: an error row, and no note column for it."""

    def age(conn):
        error = ErrorRow(Unit.ITEM, "a", "C", "N", "too_long", "data", "what, and what to do")
        refused.store_errors(conn, tables, start(conn, tables, shipped), [error])
        for table in (tables.errors, tables.errors_subitems):
            name = engine.quoted(table.name)
            conn.exec_driver_sql(f"ALTER TABLE {name} DROP COLUMN resolution_note")
        conn.execute(tables.schema_version.update().values(version=1))

    state.run(age)


def test_tables_of_the_first_version_name_the_upgrade(state, tables, shipped):
    as_version_1(state, tables, shipped)
    with pytest.raises(ConfigError, match="resolution_note") as stop:
        state.run(lambda conn: upgrade.ensure_tables(conn, tables))
    assert "db upgrade" in stop.value.hint


def test_an_upgrade_from_the_first_version_keeps_every_row(state, tables, shipped):
    as_version_1(state, tables, shipped)
    found = state.run(lambda conn: upgrade.upgrade(conn, tables))
    assert (tables.errors.name, "resolution_note") in found.missing_columns
    with state.begin() as conn:
        assert upgrade.inspect_schema(conn, tables).is_current
        rows = conn.execute(tables.errors.select()).all()
    assert [(row.order_key, row.error_type, row.resolution_note) for row in rows] == [
        ("a", "too_long", None)
    ]


def test_tables_of_a_newer_version_are_left_alone(state, tables):
    version = tables.schema_version
    state.run(lambda conn: conn.execute(version.update().values(version=99)))
    with pytest.raises(ConfigError, match="newer order-sync"):
        state.run(lambda conn: upgrade.upgrade(conn, tables))


def test_one_order_line_stands_in_staging_only_once_while_it_is_live(state, tables, shipped):
    def stage_twice(conn):
        run = start(conn, tables, shipped)
        batch = stage_items(conn, tables, run, "a")
        conn.execute(tables.staging.insert().values(item_row(conn, run, batch, "a")))

    with pytest.raises(IntegrityError):
        state.run(stage_twice)


@pytest.mark.parametrize("wrong", ["batch", "batch of another run", "parent", "parent's batch"])
@pytest.mark.parametrize("below", [True, False])
def test_a_size_line_belongs_to_a_batch_of_its_run(state, tables, shipped, wrong, below):
    """Whether it is staged below its order line or stands alone."""
    if not below and wrong.startswith("parent"):
        pytest.skip("it has none")
    if wrong == "parent's batch" and state.engine.dialect.name != "postgresql":
        pytest.skip("batch and parent are two keys here")
    items, lines = tables.staging, tables.staging_subitems

    def stage(conn):
        runs = [start(conn, tables, shipped) for _ in range(2)]
        batches = [stage_items(conn, tables, run, key) for run, key in zip(runs, "ab", strict=True)]
        parents = [*conn.execute(select(items.c.stg_id).order_by(items.c.order_key)).scalars()]
        parent = parents[0] if below else None
        good = [line_row(conn, runs[0], batches[0], "a", "S", parent)]
        assert stage_rows(conn, lines, good) == []
        bad = (
            line_row(conn, runs[0], batches[0], "a", "M", parent)
            | {
                "batch": {"stg_batch_id": "?"},
                "batch of another run": {"stg_batch_id": batches[1]},
                "parent": {"stg_parent_stg_id": parents[1] + 1},
                "parent's batch": {"stg_parent_stg_id": parents[1]},
            }[wrong]
        )
        return stage_rows(conn, lines, [bad])

    ((row, why),) = state.run(stage)
    assert row["size_key"] == "m"
    assert "foreign key" in why.lower()


@pytest.mark.parametrize("state_name", [RowState.SENDING, RowState.API_SUCCESS])
def test_the_database_refuses_impossible_rows(state, tables, shipped, state_name):
    """SENDING without a request, success without an id: nobody can write that."""

    def forge(conn):
        run = start(conn, tables, shipped)
        batch = stage_items(conn, tables, run, "a")
        conn.execute(
            tables.staging.update()
            .where(tables.staging.c.stg_batch_id == batch)
            .values(stg_status=state_name)
        )

    with pytest.raises(IntegrityError):
        state.run(forge)


def test_every_state_is_accepted_by_its_check_and_no_other_word_is(state, tables):
    if state.engine.dialect.name == "mssql":
        pytest.skip("SQL Server's checks cannot be looked up by this library")
    for table in (tables.staging.name, tables.staging_subitems.name):
        checks = inspect(state.engine).get_check_constraints(table)
        words = " ".join(check["sqltext"] for check in checks)
        assert all(f"'{s.value}'" in words for s in RowState), table


def test_the_view_shows_open_batches_with_their_age(state, tables, shipped):
    def look(conn):
        run = start(conn, tables, shipped)
        stage_items(conn, tables, run, "a")
        return conn.exec_driver_sql(
            'SELECT status, success_percentage, age_seconds FROM "VW_MON_ActiveBatches"'
        ).one()

    status, percentage, age = state.run(look)
    assert (status, percentage) == ("STARTED", 100.0)
    assert age in (0, 1)


def test_a_file_that_is_no_database_is_named_as_unreachable(tmp_path):
    path = tmp_path / "letter.db"
    path.write_text("Dear planners, this is not a database at all, it is a letter.")
    with pytest.raises(Unreachable, match="cannot be used"):
        Database(f"sqlite:///{path}").run(lambda conn: engine.now(conn))


def test_reading_a_missing_database_creates_no_file(tmp_path):
    path = tmp_path / "none.db"
    with Database(f"sqlite:///{path}", read_only=True).begin() as conn:
        assert engine.columns_of(conn, "MON_SyncRuns") == []
    assert not path.exists()


def test_a_missing_directory_is_a_mistake_and_is_not_created(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        Database(f"sqlite:///{tmp_path / 'no' / 'state.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_profile_cannot_name_a_column_of_ours(tables, shipped):
    fields = {column.field for column in shipped.columns}
    for table in (tables.staging, tables.production):
        for column in table.columns:
            reserved = column.name.casefold() in RESERVED_FIELDS or column.name.startswith("stg_")
            assert reserved or column.name in fields, column.name
