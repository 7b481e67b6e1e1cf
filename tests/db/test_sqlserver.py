"""What only SQL Server does. A test of the protocol and the dialect, through Microsoft's driver,
against a stand-in: not SQL Server.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import BigInteger, Column, Date, Integer, MetaData, Table, event, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from structlog.testing import capture_logs

from order_sync.db import engine, source_load
from order_sync.db.engine import COMMIT_TRIES, Database
from order_sync.db.types import Price, UtcDateTime, long_text, short_text
from order_sync.errors import ConfigError, LockHeld, StaleFence, Unreachable
from tests.tds.server import Fault, require_driver, running

from .helpers import stage_rows

SECRET = "canary-word"
HOSTILE = ["", "a\tb\nc\rd", "'; DROP TABLE x --", '"]}', "\\u0041", "ñ\U0001f9f5", "%s %(a)s ?",
           "end "]  # fmt: skip


@pytest.fixture
def server(tmp_path):
    require_driver()
    with running(tmp_path / "standin.db") as server:
        yield server


@pytest.fixture
def database(server):
    database = Database(server.url)
    yield database
    database.close()


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr("order_sync.db.engine.time.sleep", lambda _s: None)


PASSING = [
    (1205, "Transaction (Process ID 52) was deadlocked on lock resources with another process"),
    (1222, "Lock request time out period exceeded."),
    (9002, "The transaction log for database 'orders' is full due to 'LOG_BACKUP'."),
    (1105, "Could not allocate space for object 'dbo.t' in database 'orders'"),
    (3960, "Snapshot isolation transaction aborted due to update conflict."),
    (40501, "The service is currently busy. Retry the request after 10 seconds."),
    (40613, "Database 'orders' on server 'x' is not currently available."),
    (701, "There is insufficient system memory in resource pool 'default' to run this query."),
]


@pytest.mark.parametrize(("number", "message"), PASSING, ids=[str(n) for n, _ in PASSING])
def test_what_passes_is_tried_again(server, database, hasty, number, message):
    server.faults.append(Fault("SELECT 42", number, message, times=COMMIT_TRIES - 1))
    assert database.run(lambda conn: conn.exec_driver_sql("SELECT 42").scalar()) == 42
    assert sum("SELECT 42" in s for s in server.statements) == COMMIT_TRIES


@pytest.mark.parametrize("number", [208, 229, 8134, 50000])
def test_what_does_not_pass_is_said_at_once(server, database, number):
    server.faults.append(Fault("SELECT 42", number, "said no", times=COMMIT_TRIES))
    with pytest.raises(Unreachable, match="said no"):
        database.run(lambda conn: conn.exec_driver_sql("SELECT 42"))
    assert sum("SELECT 42" in s for s in server.statements) == 1


def test_a_session_that_is_cut_in_the_middle_is_made_good(server, database, hasty):
    server.faults.append(Fault("SELECT 42"))
    assert database.run(lambda conn: conn.exec_driver_sql("SELECT 42").scalar()) == 42
    assert sum("SELECT 42" in s for s in server.statements) == 2


def test_a_commit_nobody_answered_is_not_made_twice(server, database):
    """It may have been made: the work would see its own traces and call them refusals."""
    tries = []

    @event.listens_for(database.engine, "commit")
    def lose(conn):
        server.kill(conn.exec_driver_sql("SELECT @@SPID").scalar())

    with pytest.raises(Unreachable):
        database.run(lambda conn: tries.append(conn.exec_driver_sql("SELECT 42").scalar()))
    assert tries == [42]


def test_a_server_that_is_not_there_is_named_without_the_password(hasty, monkeypatch):
    require_driver()
    monkeypatch.setattr("order_sync.db.dialects.mssql.CONNECT_TIMEOUT_S", 1)
    monkeypatch.setattr("order_sync.db.engine.COMMIT_TRIES", 1)
    database = Database(f"mssql://me:{SECRET}@127.0.0.1:1/orders")
    for use in (lambda: database.run(engine.now), lambda: database.begin().__enter__()):
        with pytest.raises(Unreachable) as stop:
            use()
        assert f"mssql://me:{'***'}@127.0.0.1:1/orders" in stop.value.message
        assert SECRET not in f"{stop.value.message} {stop.value.hint}"
    with pytest.raises(Unreachable), engine.board_lock(database, "1"):
        pass


def test_a_missing_driver_is_a_mistake_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mssql_python", None)
    with pytest.raises(ConfigError) as stop:
        Database("mssql://host/orders")
    assert "pip install monday-order-sync[mssql]" in stop.value.hint


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mssql+pyodbc://host/orders", "not through pyodbc"),
        ("mssql://host/orders?driver=ODBC+Driver+18+for+SQL+Server", "does not know driver"),
    ],
)
def test_a_url_the_driver_does_not_understand_is_a_mistake(url, told):
    require_driver()
    with pytest.raises(ConfigError, match=told):
        Database(url)


def test_certificates_are_verified_unless_the_url_says_otherwise(database):
    (words,), _ = database.engine.dialect.create_connect_args(
        Database("mssql://me@host/orders").engine.url
    )
    assert "TrustServerCertificate" not in words
    assert "Encrypt" not in words  # the driver encrypts and verifies by itself
    assert "ConnectRetryCount=0" in words


# Reading -----------------------------------------------------------------------------------------


def test_reads_are_one_snapshot_and_wait_for_nobody(database):
    database.run(lambda conn: engine.run_sql(conn, "CREATE TABLE t (n INT)"))
    count = "SELECT COUNT(*) FROM t"
    with database.begin() as conn:
        assert conn.exec_driver_sql(count).scalar() == 0
        database.run(lambda c: engine.run_sql(c, "INSERT INTO t VALUES (1)"))
        assert conn.exec_driver_sql(count).scalar() == 0
    with database.engine.begin() as writer, database.begin() as reader:
        engine.run_sql(writer, "INSERT INTO t VALUES (2)")
        assert reader.exec_driver_sql(count).scalar() == 1


@pytest.mark.parametrize("committed", [True, False])
def test_a_database_without_snapshots_is_told_of_once(server, database, committed):
    server.snapshots, server.committed_snapshot = False, committed
    with capture_logs() as told:
        for database in (database, database, Database(server.url)):  # noqa: B020
            with database.begin() as conn, database.begin() as other:
                assert [engine.now(c) is not None for c in (conn, other)] == [True, True]
    (line,) = told
    assert line["allow"] == "ALTER DATABASE [orders] SET ALLOW_SNAPSHOT_ISOLATION ON"
    assert ("reads wait for writers" in line["event"]) is not committed
    assert not any("LEVEL SNAPSHOT" in statement for statement in server.statements)


def test_a_database_that_behaves_like_an_old_one_is_a_mistake(server, database):
    server.compatibility = 120
    with pytest.raises(ConfigError, match="older SQL Server") as stop:
        database.run(engine.now)
    assert "COMPATIBILITY_LEVEL = 130" in stop.value.hint


def test_a_read_only_database_refuses_to_write(database, server):
    database.run(lambda conn: engine.run_sql(conn, "CREATE TABLE t (n INT)"))
    reader = Database(server.url, read_only=True)
    with pytest.raises(Unreachable, match="read-only"):
        reader.run(lambda c: engine.run_sql(c, "INSERT INTO t VALUES (2)"))
    with reader.begin() as conn:
        assert conn.exec_driver_sql("SELECT COUNT(*) FROM t").scalar() == 0
    reader.close()


# Taking turns ------------------------------------------------------------------------------------


def test_a_board_has_one_holder_and_is_free_when_its_session_dies(server, database):
    other = Database(server.url)
    with engine.board_lock(database, "4711"):
        with pytest.raises(LockHeld), engine.board_lock(other, "4711"):
            pass
        with engine.board_lock(other, "4712"):
            pass
        database.run(lambda conn: engine.share_board(conn, "4711"))
        holder = database.run(lambda conn: _session_of_lock(server))
        server.kill(holder)
        with pytest.raises(StaleFence, match="lock of board 4711 is lost"):
            database.run(lambda conn: engine.share_board(conn, "4711"))
    with engine.board_lock(other, "4711"):
        pass
    other.close()


def _session_of_lock(server):
    ((number, _),) = server.locks._held["order-sync lock 4711"]
    return number


def test_who_takes_a_board_waits_for_those_who_share_it(server, database, monkeypatch):
    monkeypatch.setattr("order_sync.db.dialects.mssql_sessions.BUSY_TIMEOUT_S", 0.05)
    with database.engine.begin() as first, database.engine.begin() as second:
        engine.share_board(first, "4711")
        engine.share_board(second, "4711")
        with pytest.raises(DBAPIError) as stop, database.engine.begin() as third:
            engine.take_board(third, "4711")
        assert database.dialect.is_passing(stop.value)
    database.run(lambda conn: engine.take_board(conn, "4711"))


# Writing -----------------------------------------------------------------------------------------


def things():
    return Table(
        "some things 100%", MetaData(), Column("number", Integer, primary_key=True),
        Column("note", long_text()), Column("price 100%", Price()), Column("day", Date),
        Column("at", UtcDateTime()), Column("n]?", short_text(20)), Column("pieces", BigInteger),
    )  # fmt: skip


def rows_of_things():
    at = datetime(2025, 9, 26, 13, 14, 15, 123456, tzinfo=UTC)
    full = {"note": "x", "price 100%": Decimal("28.8600"), "day": at.date(), "at": at, "n]?": "1",
            "pieces": 2**40}  # fmt: skip
    nothing = dict.fromkeys(full)
    return [full, nothing, *(full | {"note": text} for text in HOSTILE)]


def test_bulk_rows_come_back_as_they_were_and_count_up_in_their_order(database):
    table, rows = things(), rows_of_things()

    def work(conn):
        table.create(conn)
        engine.bulk_insert(conn, table, rows)
        return [dict(row) for row in conn.execute(select(table).order_by("number")).mappings()]

    assert database.run(work) == [{"number": n} | row for n, row in enumerate(rows, start=1)]
    assert database.run(lambda c: engine.columns_of(c, table.name)) == list(table.c.keys())


def test_what_cannot_be_sent_falls_out(database):
    table = things()

    def work(conn):
        table.create(conn)
        engine.bulk_insert(conn, table, [{"note": "a\x00b"}, {"note": "\ud800c"}])
        conn.execute(table.insert().values(note="d\x00"))
        return sorted(conn.execute(select(table.c.note)).scalars())

    assert database.run(work) == ["?c", "ab", "d"]


@pytest.mark.parametrize("bad", [{"pieces": 2**63}, {"price 100%": Decimal(10) ** 14}])
def test_a_number_too_large_is_refused_before_it_ends_the_transaction(server, database, bad):
    table = things()
    row = {"note": "a", "pieces": 1, "price 100%": Decimal(1)}

    def work(conn):
        table.create(conn)
        refused = stage_rows(conn, table, [row, row | bad, row | {"note": "b"}])
        return refused, conn.execute(select(table.c.note)).scalars().all()

    refused, there = database.run(work)
    assert [found for found, _ in refused] == [row | bad]
    assert "so large a number" in refused[0][1]
    assert there == ["a", "b"]


def test_a_refused_row_is_isolated_although_errors_end_transactions(server, database):
    engine_ddl = "CREATE TABLE t (k NVARCHAR(20) NOT NULL, PRIMARY KEY (k))"
    table = Table("t", MetaData(), Column("k", short_text(20), primary_key=True))

    def work(conn):
        engine.run_sql(conn, engine_ddl)
        rows = [{"k": "a"}, {"k": "b"}, {"k": "a"}, {"k": "c"}]
        refused = stage_rows(conn, table, rows)
        return refused, sorted(conn.execute(select(table.c.k)).scalars())

    refused, there = database.run(work)
    assert [row for row, _ in refused] == [{"k": "a"}]
    assert there == ["a", "b", "c"]


def test_any_other_error_ends_the_transaction(server, database):
    database.run(lambda conn: engine.run_sql(conn, "CREATE TABLE t (k NVARCHAR(20) NOT NULL)"))
    with database.engine.connect() as conn:
        engine.run_sql(conn, "INSERT INTO t VALUES ('a')")
        with pytest.raises(IntegrityError):
            engine.run_sql(conn, "INSERT INTO t VALUES (NULL)")
        assert conn.exec_driver_sql("SELECT COUNT(*) FROM t").scalar() == 0


def test_a_file_is_loaded_as_it_is(database):
    columns = [("NAME %", "TEXT"), ("M", "INTEGER"), ("DAY", "DATE")]
    rows = [{"NAME %": "a", "M": 5, "DAY": "2025-09-26"}, {"NAME %": None, "M": "2E1", "DAY": "?"}]
    names = [name for name, _ in columns]

    def work(conn):
        return source_load.write_rows(conn, "ORDERS", columns, names, rows, replace=True)

    assert database.run(work) == 2
    with database.begin() as conn:
        there = conn.exec_driver_sql('SELECT * FROM "ORDERS"').all()
    assert [tuple(row) for row in there] == [("a", "5", "2025-09-26"), (None, "2E1", "?")]


def test_a_rows_text_tells_null_from_nothing_and_keeps_blanks(database):
    table = things()
    rows = [{"note": n, "n]?": t} for n, t in ((None, ""), ("", None), ("a ", "b"), ("a", " b"))]

    def work(conn):
        table.create(conn)
        engine.bulk_insert(conn, table, rows)
        cells = [table.c.note, table.c["n]?"]]
        text = engine.row_text(conn, cells)
        digest = engine.row_hash(conn, "seed|", cells)
        found = conn.execute(select(text, digest).order_by(table.c.number)).all()
        named = conn.execute(
            select(table.c.number).where(engine.one_of(conn, text, [found[2][0], found[3][0]]))
        )
        return found, sorted(named.scalars())

    found, named = database.run(work)
    assert len({row[0] for row in found}) == len({row[1] for row in found}) == 4
    assert all(len(row[1]) == 64 and row[1] == row[1].lower() for row in found)
    assert named == [3, 4]


def test_times_are_utc_and_as_precise_as_what_is_stored(database):
    at = database.run(engine.now)
    assert at.tzinfo is UTC
    assert abs((at - datetime.now(UTC)).total_seconds()) < 5
