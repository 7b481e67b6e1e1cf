"""One run at a time holds a board, whatever becomes of it; who only reads never waits."""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime

import psycopg
import pytest

from order_sync.db import engine, reports, runs
from order_sync.db.engine import Database, board_lock
from order_sync.db.schema import build_tables
from order_sync.db.upgrade import ensure_tables
from order_sync.errors import ExitCode, StaleFence
from order_sync.monday.client import MondayClient

from .dying import run_and_die, start
from .world import MAPPING, order

pytestmark = pytest.mark.databases

TABLES = build_tables(MAPPING)
ROWS = [order(f"GRE-{n}") for n in range(4)]
CUT = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'order-sync'"
)
# Sessions of writing transactions hold such locks, too, but never idle.
CUT_LOCKS = (
    "SELECT pg_terminate_backend(a.pid, 5000) FROM pg_locks l"
    " JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()"
    " WHERE l.locktype = 'advisory' AND a.state = 'idle'"
)


@pytest.fixture
def database(world):
    with closing(Database(world.settings.database.url)) as database:
        database.run(lambda conn: ensure_tables(conn, TABLES))
        yield database


def begin_run(database, world):
    asked = (TABLES, MAPPING, "sync", {}, world.board.id)
    return database.run(lambda conn: runs.start_run(conn, *asked))


def test_a_second_process_ends_with_its_own_exit_code_and_is_on_record(world, database):
    world.has_orders(*ROWS)
    with board_lock(database, world.board.id):
        code, said = run_and_die(world.environ, world.folder, "never", 0, ["sync"])
    assert code == ExitCode.LOCKED, said
    assert "another run" in said
    assert world.query("SELECT status, exit_code FROM MON_SyncRuns") == [("STOPPED", 7)]
    assert world.mutations() == 0
    assert world.sync().exit_code is ExitCode.DONE


def test_a_killed_holder_frees_the_board_at_once(world, database):
    world.has_orders(*ROWS)
    world.sync_that_dies("before-commit", 9)
    began = time.monotonic()
    with board_lock(database, world.board.id):
        begin_run(database, world)
    assert time.monotonic() - began < 5  # some tenths of a second on an idle machine


@contextmanager
def a_run_in_the_middle(world, *, held_back_s):
    """A command of its own process whose first order is on the board and still unanswered.

    held_back_s: how long monday.com keeps the answer.
    """
    one_by_one = {"ORDER_SYNC_MONDAY__CONCURRENCY": "1", "ORDER_SYNC_MONDAY__BATCH_SIZE": "1"}
    world.extra |= {"ORDER_SYNC_MONDAY__SERVER_LIMIT_S": "30"} | one_by_one
    world.sandbox.add_fault("hang", seconds=held_back_s, times=1, match="create_item")
    world.has_orders(*ROWS)
    running = start(world.environ, world.folder, ["sync"])
    try:
        ends = time.monotonic() + 60
        while not world.items():
            assert time.monotonic() < ends, "no order reached the board"
            time.sleep(0.01)
        world.extra["ORDER_SYNC_MONDAY__SERVER_LIMIT_S"] = "1"  # for those that come after
        yield running
    finally:
        with suppress(ValueError):  # it was waited for
            running.process.kill()
            running.process.join()


def second_command(world, name):
    """`order-sync sync` in a process of its own, to its end: exit code and what it said."""
    folder = world.folder / name
    folder.mkdir()
    return start(world.environ, folder, ["sync"]).ended()


def test_a_command_beside_a_running_one_sends_nothing(world):
    with a_run_in_the_middle(world, held_back_s=60):
        sent = world.mutations()
        code, said = second_command(world, "second")
        assert code == ExitCode.LOCKED, said
        assert "another run" in said
        assert "Traceback" not in said
        assert world.mutations() == sent
    statuses = world.query("SELECT status, exit_code FROM MON_SyncRuns ORDER BY started_at")
    assert statuses == [("RUNNING", None), ("STOPPED", 7)]


def test_a_command_after_a_killed_one_goes_on_at_once_and_doubles_nothing(world):
    with a_run_in_the_middle(world, held_back_s=60) as holder:
        holder.process.kill()  # SIGKILL: no farewell
        holder.process.join()
        code, said = second_command(world, "next")
    assert code == ExitCode.DONE, said
    world.assert_board_equals_source(ROWS)
    statuses = world.query("SELECT status, exit_code FROM MON_SyncRuns ORDER BY fence")
    assert statuses == [("DIED", None), ("COMPLETED", 0)]


def test_a_new_run_begins_only_after_the_writes_of_the_old_one(world, database):
    """A write that has read the old fence would otherwise be made behind the new run's back."""
    old = begin_run(database, world)
    began = threading.Event()

    def take_over():
        with closing(Database(world.settings.database.url)) as other:
            begin_run(other, world)
        began.set()

    newer = threading.Thread(target=take_over)

    def write(conn):
        runs.check_fence(conn, TABLES, old)
        newer.start()
        assert not began.wait(0.5)
        runs.record_reads(conn, TABLES, old, [])

    database.run(write)
    newer.join(30)
    assert began.is_set()
    with pytest.raises(StaleFence):
        database.run(lambda conn: runs.check_fence(conn, TABLES, old))


def test_no_reader_sees_a_lock_error(world, database):
    """Figures are read while a run writes as fast as it can."""
    run, stop = begin_run(database, world), threading.Event()
    call = runs.ReadCall("k", datetime.now(UTC), 200, 1.0, 1, "r", None)

    def write():
        while not stop.is_set():
            database.run(lambda conn: runs.record_reads(conn, TABLES, run, [call] * 50))

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    try:
        with closing(Database(world.settings.database.url, read_only=True)) as reader:
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                with reader.begin() as conn:
                    reports.last_runs(conn, TABLES)
                    query = TABLES.requests.select()
                    first = len(conn.execute(query).all())
                    assert len(conn.execute(query).all()) == first  # one look, one state
                    seen.append(first)
    finally:
        stop.set()
        writer.join()
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


def only_on_postgresql(world):
    if not world.server_url.startswith("postgresql"):
        pytest.skip("a file has no sessions that could be cut")


def test_a_holder_without_its_lock_stops_writing(world, database):
    only_on_postgresql(world)
    with board_lock(database, world.board.id):
        run = begin_run(database, world)
        database.run(lambda conn: runs.check_fence(conn, TABLES, run))
        world.query(CUT_LOCKS)
        with pytest.raises(StaleFence, match="lost"):
            database.run(lambda conn: runs.check_fence(conn, TABLES, run))
        with closing(Database(world.settings.database.url)) as other, \
                board_lock(other, world.board.id):  # fmt: skip
            pass


def test_a_run_whose_sessions_are_cut_stops_and_the_next_one_goes_on(world, monkeypatch):
    only_on_postgresql(world)
    world.extra |= {"ORDER_SYNC_MONDAY__CONCURRENCY": "1", "ORDER_SYNC_MONDAY__BATCH_SIZE": "1"}
    world.has_orders(*ROWS)
    send, sent = MondayClient.send, []

    async def cut(self, body, **options):
        if b"create_item" in body and options["is_mutation"]:
            sent.append(body)
            world.query(CUT)
        return await send(self, body, **options)

    with monkeypatch.context() as patch:
        patch.setattr(MondayClient, "send", cut)
        with pytest.raises(StaleFence, match="lost"):
            world.sync()
    assert len(sent) == 1
    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)


def test_a_command_whose_lock_is_cut_sends_no_more_and_says_why(world):
    only_on_postgresql(world)
    with a_run_in_the_middle(world, held_back_s=2) as holder:
        sent = world.mutations()
        assert world.query(CUT_LOCKS) == [(True,)]
        code, said = holder.ended()
    assert code == ExitCode.LOCKED, said
    assert "is lost: its database session was cut" in said
    assert "run again: it goes on where it stopped" in said
    assert "Traceback" not in said
    assert world.mutations() == sent
    code, said = second_command(world, "next")
    assert code == ExitCode.DONE, said
    world.assert_board_equals_source(ROWS)


def test_a_command_that_was_overtaken_leaves_everything_to_the_newer_one(world):
    """It learns of it when its answer comes."""
    only_on_postgresql(world)
    with a_run_in_the_middle(world, held_back_s=6) as holder:
        assert world.query(CUT_LOCKS) == [(True,)]
        code, said = second_command(world, "newer")
        assert code == ExitCode.DONE, said
        sent = world.mutations()
        code, said = holder.ended()
    assert code == ExitCode.LOCKED, said
    assert "is lost" in said
    assert "Traceback" not in said
    assert world.mutations() == sent
    world.assert_board_equals_source(ROWS)
    statuses = world.query("SELECT status, exit_code FROM MON_SyncRuns ORDER BY fence")
    assert statuses == [("DIED", None), ("COMPLETED", 0)]


def test_sessions_that_do_not_hold_the_board_may_be_cut(world, database):
    only_on_postgresql(world)
    with psycopg.connect(world.server_url) as other:
        other.execute("SELECT 1")
        run = begin_run(database, world)
        world.query(CUT)
        with database.begin() as conn:
            assert engine.now(conn)
        database.run(lambda conn: runs.check_fence(conn, TABLES, run))
