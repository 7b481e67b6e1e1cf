"""What only PostgreSQL does: sessions that end, COPY, schemas, texts it cannot hold."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Column, Date, MetaData, Table, Text, event, func, select, text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from order_sync.db import engine, source_load
from order_sync.db.dialects.postgres import COPIED_AT_FIRST, COPIED_AT_ONCE
from order_sync.db.engine import COMMIT_TRIES, Database
from order_sync.db.types import Price, UtcDateTime
from order_sync.errors import ConfigError, Unreachable

HOSTILE = ["", "\\N", "\\.", "a\tb\nc\rd", "'; DROP TABLE x --", "\\x00", "ñ\U0001f9f5", "%s %(a)s"]
END_OWN_SESSION = "SELECT pg_terminate_backend(pg_backend_pid())"


@pytest.fixture
def database(postgres_url):
    database = Database(postgres_url)
    yield database
    database.close()


def raising(state):
    return f"DO $$ BEGIN RAISE EXCEPTION 'said no' USING ERRCODE = '{state}'; END $$"


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr("order_sync.db.engine.time.sleep", lambda _s: None)


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "53100", "53300", "57P03", "08006"])
def test_what_passes_is_tried_again(database, hasty, state):
    tries = []

    def work(conn):
        tries.append(1)
        if len(tries) < COMMIT_TRIES:
            conn.exec_driver_sql(raising(state))
        return "done"

    assert database.run(work) == "done"
    assert len(tries) == COMMIT_TRIES


@pytest.mark.parametrize("state", ["42P01", "22012", "42501", "57014", "P0001"])
def test_what_does_not_pass_is_said_at_once(database, state):
    tries = []

    def work(conn):
        tries.append(1)
        conn.exec_driver_sql(raising(state))

    with pytest.raises(Unreachable, match="said no"):
        database.run(work)
    assert len(tries) == 1


def test_a_session_that_ends_in_the_middle_is_made_good(database, hasty):
    tries = []

    def work(conn):
        tries.append(1)
        if len(tries) == 1:
            conn.exec_driver_sql(END_OWN_SESSION)
        return engine.now(conn)

    assert database.run(work) is not None
    assert len(tries) == 2


def test_a_commit_nobody_answered_is_not_made_twice(database):
    """It may have been made: the work would see its own traces and call them refusals."""
    tries = []

    @event.listens_for(database.engine, "commit")
    def lose(conn):
        conn.connection.driver_connection.pgconn.finish()

    with pytest.raises(Unreachable):
        database.run(lambda conn: tries.append(conn.exec_driver_sql("SELECT 1").scalar()))
    assert tries == [1]


def test_a_server_that_is_not_there_is_named_without_the_password(hasty):
    secret = "canary-word"
    database = Database(f"postgres://me:{secret}@127.0.0.1:1/orders?connect_timeout=1")
    for use in (lambda: database.run(engine.now), lambda: database.begin().__enter__()):
        with pytest.raises(Unreachable) as stop:
            use()
        assert "postgres://me:" + "***@127.0.0.1:1/orders" in stop.value.message
        assert "canary-word" not in f"{stop.value.message} {stop.value.hint}"
    with pytest.raises(Unreachable), engine.board_lock(database, "1"):
        pass


def test_a_missing_driver_is_a_mistake_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError) as stop:
        Database("postgresql://host/orders")
    assert "pip install monday-order-sync[postgres]" in stop.value.hint
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="psycopg"):
        Database("postgresql+asyncpg://host/orders")


def test_reads_are_one_snapshot_and_refuse_to_write(database):
    database.run(lambda conn: engine.run_sql(conn, "CREATE TABLE t (n int)"))
    with database.begin() as conn:
        count = "SELECT count(*) FROM t"
        assert conn.exec_driver_sql(count).scalar() == 0
        database.run(lambda c: engine.run_sql(c, "INSERT INTO t VALUES (1)"))
        assert conn.exec_driver_sql(count).scalar() == 0
        with pytest.raises(DBAPIError, match="read-only"):
            conn.exec_driver_sql("INSERT INTO t VALUES (2)")
    reader = Database(database.url.render_as_string(False), read_only=True)
    with pytest.raises(Unreachable, match="read-only"):
        reader.run(lambda c: engine.run_sql(c, "INSERT INTO t VALUES (2)"))
    reader.close()


def test_a_commit_is_durable_and_times_are_utc_whatever_the_server_says(database):
    name = database.url.database
    database.run(lambda c: engine.run_sql(
        c, f'ALTER DATABASE "{name}" SET synchronous_commit = off'))  # fmt: skip
    database.run(lambda c: engine.run_sql(
        c, f"ALTER DATABASE \"{name}\" SET TimeZone = 'Asia/Tokyo'"))  # fmt: skip
    database.engine.dispose()

    def look(conn):
        assert conn.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        assert conn.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
        return engine.now(conn)

    assert abs((database.run(look) - datetime.now(UTC)).total_seconds()) < 5


def things(meta=None):
    return Table(
        "some things 100%", meta or MetaData(), Column("note", Text), Column("price 100%", Price()),
        Column("day", Date), Column("at", UtcDateTime()), Column("n", Text),
    )  # fmt: skip


def rows_of_things():
    at = datetime(2025, 9, 26, 13, 14, 15, 123456, tzinfo=UTC)
    full = {"note": "x", "price 100%": Decimal("28.8600"), "day": at.date(), "at": at, "n": "1"}
    nothing = dict.fromkeys(full)
    return [full, nothing, *(full | {"note": text} for text in HOSTILE)]


def test_bulk_rows_come_back_as_they_were(database):
    table, rows = things(), rows_of_things()

    def work(conn):
        table.create(conn)
        engine.bulk_insert(conn, table, rows)
        return [dict(row) for row in conn.execute(table.select()).mappings()]

    assert database.run(work) == rows


@pytest.mark.parametrize("text", ["\\", "\\N", "\\.", "\t", "\n", "\r", "\r\n", "\x1e\x1f", ""])
def test_one_text_among_others_is_escaped(database, text):
    """Each by itself: rows are looked at together."""
    table = things()
    rows = [{"note": note, "n": None} for note in ("plain", text, None)]

    def work(conn):
        table.create(conn)
        engine.bulk_insert(conn, table, rows)
        return list(conn.execute(table.select()).scalars())

    assert database.run(work) == ["plain", text, None]


@pytest.mark.parametrize("length", [1, 3_000, 300_000])
def test_rows_of_any_length_come_in_pieces_each_once(database, length):
    table = things()
    count = min(max(COPIED_AT_FIRST + 20, 4 * COPIED_AT_ONCE // length), 3_000)
    rows = [{"note": f"{number} " + "x" * length} for number in range(count)]

    def work(conn):
        table.create(conn)
        engine.bulk_insert(conn, table, rows)
        return list(conn.execute(table.select()).scalars())

    assert database.run(work) == [row["note"] for row in rows]


def test_what_cannot_be_stored_falls_out(database):
    table = things()

    def work(conn):
        table.create(conn)
        engine.bulk_insert(conn, table, [{"note": "a\x00b"}, {"note": "\ud800c"}])
        conn.execute(table.insert().values(note="d\x00"))
        return sorted(conn.execute(table.select()).scalars())

    assert database.run(work) == ["?c", "ab", "d"]


def test_without_copy_rows_are_inserted_all_the_same(database):
    """Row-level security forbids COPY; who owns the server is above it, so another role asks."""
    table, role = things(), f"plain_{database.url.database}"

    def work(conn):
        engine.run_sql(conn, f"CREATE ROLE {role}")
        table.create(conn)
        name = engine.quoted(table.name)
        for statement in (
            f"GRANT ALL ON {name} TO {role}", f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY p ON {name} USING (true)", f"SET LOCAL ROLE {role}",
        ):  # fmt: skip
            engine.run_sql(conn, statement)
        engine.bulk_insert(conn, table, rows_of_things())
        return [dict(row) for row in conn.execute(table.select()).mappings()]

    try:
        with capture_logs() as told:
            assert database.run(work) == rows_of_things()
        assert any("COPY is not possible" in line["event"] for line in told)
    finally:
        database.run(lambda c: engine.run_sql(c, f"DROP OWNED BY {role}; DROP ROLE {role}"))


def test_a_session_that_ends_during_copy_is_made_good(database, hasty):
    table, tries = things(), []
    database.run(table.create)

    def work(conn):
        tries.append(1)
        if len(tries) == 1:
            conn.connection.driver_connection.pgconn.finish()
        engine.bulk_insert(conn, table, [{"note": "a"}])

    database.run(work)
    with database.begin() as conn:
        assert conn.execute(table.select()).scalars().all() == ["a"]


WIDE = (
    'CREATE TABLE "some things 100%" AS SELECT repeat(md5(n::text), 20) AS note'
    " FROM generate_series(1, 20000) AS n"
)


def test_a_large_read_uses_more_than_one_process_of_the_server(database):
    database.run(lambda conn: engine.run_sql(conn, WIDE))
    table = things()
    hashed = func.sha256(func.convert_to(table.c.note, "UTF8"))
    with database.begin() as conn:
        rows = [row[0] for row in engine.stream(conn, select(hashed).order_by(hashed), 500)]
        query = (
            """EXPLAIN SELECT sha256(convert_to(note, 'UTF8')) FROM "some things 100%" ORDER BY 1"""
        )
        plan = "\n".join(conn.execute(text(query)).scalars())
    assert len(rows) == 20_000
    assert rows == sorted(rows)
    assert "Gather" in plan


def test_a_session_that_ends_during_a_large_read_is_said(database, hasty):
    database.run(lambda conn: engine.run_sql(conn, WIDE))
    ended = []

    def work(conn):
        for _ in engine.stream(conn, select(things().c.note), 500):
            if not ended:
                pid = conn.connection.driver_connection.info.backend_pid
                with database.begin() as other:
                    other.exec_driver_sql("SELECT pg_terminate_backend(%s)", (pid,))
                ended.append(pid)

    with database.engine.connect() as conn, pytest.raises(DBAPIError, match="terminat"):
        work(conn)
    database.run(work)


def test_a_read_that_is_given_up_leaves_the_session_usable(database):
    database.run(lambda conn: engine.run_sql(conn, WIDE))
    with database.begin() as conn:
        rows = engine.stream(conn, select(things().c.note), 500)
        next(rows)
        rows.close()
        assert conn.scalar(select(func.count()).select_from(things())) == 20_000


def test_columns_are_those_of_the_schema_or_the_search_path(database):
    def work(conn):
        for statement in (
            'CREATE SCHEMA "Sales"', 'CREATE TABLE "Sales".orders ("A" int, "b%" int, c int)',
            'ALTER TABLE "Sales".orders DROP COLUMN c', "CREATE TABLE orders (z int)",
            'CREATE VIEW "Sales"."V.1" AS SELECT "A" FROM "Sales".orders',
        ):  # fmt: skip
            engine.run_sql(conn, statement)
        assert engine.columns_of(conn, "orders", "Sales") == ["A", "b%"]
        assert engine.columns_of(conn, "orders") == ["z"]
        assert engine.columns_of(conn, "V.1", "Sales") == ["A"]
        assert engine.columns_of(conn, "V.1") == []
        assert engine.find_table(conn, "ORDERS") == ("orders", ["z"])
        engine.add_column(conn, "orders", "new 100%", "TEXT", "Sales")
        engine.run_sql(conn, 'SET LOCAL search_path = "Sales"')
        assert engine.columns_of(conn, "orders") == ["A", "b%", "new 100%"]

    database.run(work)


def test_a_file_is_loaded_as_it_is(database):
    columns = [("NAME %", "TEXT"), ("M", "INTEGER"), ("DAY", "DATE")]
    rows = [{"NAME %": "a", "M": 5, "DAY": "2025-09-26"}, {"NAME %": None, "M": "2E1", "DAY": "?"}]

    def work(conn, given=rows, replace=True):
        return source_load.write_rows(
            conn, "ORDERS", columns, [name for name, _ in columns], given, replace=replace
        )

    assert database.run(work) == 2
    with database.begin() as conn:
        there = conn.exec_driver_sql('SELECT * FROM "ORDERS"').all()
    assert [tuple(row) for row in there] == [("a", "5", "2025-09-26"), (None, "2E1", "?")]
    database.run(lambda c: engine.run_sql(c, 'DROP TABLE "ORDERS"'))
    database.run(lambda c: engine.run_sql(c, 'CREATE TABLE orders ("M" int)'))
    with pytest.raises(ConfigError, match="refuses a row"), database.writing() as conn:
        work(conn)
    with database.writing() as conn:
        work(conn, rows[:1])
        found = conn.exec_driver_sql('SELECT "NAME %%", "M", "DAY" FROM orders').one()
        assert tuple(found) == ("a", 5, "2025-09-26")
