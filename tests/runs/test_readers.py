"""Who reads while a run writes gets an answer at once, and figures that agree with each other."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing

import pytest

from order_sync.db import reports
from order_sync.db.engine import Database
from order_sync.db.schema import build_tables
from order_sync.db.staging import Unit
from order_sync.db.upgrade import ACTIVE_BATCHES
from order_sync.errors import ExitCode
from order_sync.rules.states import BATCH_ENDED, BatchState, RowState, RunState

from .dying import start
from .world import MAPPING, order

pytestmark = pytest.mark.databases

TABLES = build_tables(MAPPING)
CUSTOMERS = ["GREYSON CLOTHIERS", "JOHNNIE O", "RHYTHM (AU)"]
OLD = [order("GRE-OLD")]
NEW = [order(f"GRE-{n}", CUSTOMER_NAME=CUSTOMERS[n % 3]) for n in range(240)]
COUNTERS = ("orders_total", "orders_processed", "orders_failed",
            "subitems_total", "subitems_processed", "subitems_failed")  # fmt: skip


def is_true_of_its_counters(status, ended, total, processed, failed):
    """Whether a batch's state, its end and its counters tell the same story."""
    assert (status in BATCH_ENDED) == (ended is not None)
    assert 0 <= processed + failed <= total
    if status == BatchState.COMPLETED:
        assert (processed, failed) == (total, 0)
    if status == BatchState.STARTED:
        assert processed == 0


def look_at_active_batches(world):
    """The view, as a tool of other people reads it."""
    rows = world.query(
        "SELECT batch_id, status, end_time, success_percentage, progress_percentage,"
        f" {', '.join(COUNTERS)} FROM {ACTIVE_BATCHES}"
    )
    for batch_id, status, ended, success, progress, *counters in rows:
        total, processed, failed = (sum(counters[n::3]) for n in range(3))
        assert batch_id
        is_true_of_its_counters(status, ended, total, processed, failed)
        parts = (processed, processed + failed) if total else (1, 1)
        wanted = [round(100 * part / (total or 1), 1) for part in parts]
        assert [float(success), float(progress)] == pytest.approx(wanted, abs=0.1)
    return sum(sum(row[6::3]) for row in rows)


def look_at_batches(world):
    """The table: milestones come in their order, and never before the batch's beginning."""
    rows = world.query(
        "SELECT status, end_time, start_time, staging_load_completed, items_creation_completed,"
        f" subitems_creation_completed, promotion_completed, {', '.join(COUNTERS)}"
        " FROM MON_BatchProcessing"
    )
    for status, ended, *rest in rows:
        reached = [at for at in (*rest[:5], ended) if at is not None]
        assert reached == sorted(reached)
        total, processed, failed = (sum(rest[5 + n :: 3]) for n in range(3))
        is_true_of_its_counters(status, ended, total, processed, failed)
    return sum(sum(row[8::3]) for row in rows)


def look_at_runs(world):
    """Fences grow one by one; a run has an end, an exit code and counts, or none of them."""
    rows = world.query(
        "SELECT fence, status, ended_at, exit_code, orders_created, subitems_created"
        " FROM MON_SyncRuns ORDER BY fence"
    )
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    for _, status, *rest in rows:
        assert [value is None for value in rest] == 4 * [status == RunState.RUNNING]
    return sum(row[1] != RunState.RUNNING for row in rows)


def look_at_status(database):
    """What `order-sync status` and `batches` ask, in one look: every figure fits every other."""
    with database.begin() as conn:
        runs = reports.last_runs(conn, TABLES)
        on_board = reports.on_board(conn, TABLES)
        staged = reports.staged(conn, TABLES)
        errors = reports.open_errors(conn, TABLES)
        batches = reports.batches(conn, TABLES)
        assert reports.staged(conn, TABLES) == staged  # one look, one state
    assert errors == []
    rows = {unit: Counter({c.state: c.rows for c in staged if c.unit is unit}) for unit in Unit}
    orders, lines = sum(b.orders for b in on_board), sum(b.size_lines for b in on_board)
    promoted = [rows[unit][RowState.PROMOTED] for unit in (Unit.ITEM, Unit.SUBITEM)]
    assert [orders, lines] == promoted
    done = [n + rows[unit][RowState.API_SUCCESS] for unit, n in zip(Unit, promoted, strict=True)]
    for batch in batches:
        is_true_of_its_counters(
            batch.status, batch.end_time, batch.orders_total + batch.subitems_total,
            batch.orders_processed + batch.subitems_processed,
            batch.orders_failed + batch.subitems_failed,
        )  # fmt: skip
    assert sum(b.orders_processed for b in batches) <= done[0]
    assert sum(b.subitems_processed for b in batches) <= done[1]
    if all(run.status == RunState.COMPLETED for run in runs):
        assert [sum(r.orders_created for r in runs), sum(r.subitems_created for r in runs)] == done
        assert all(batch.status in BATCH_ENDED for batch in batches)
    return orders + lines


class Reader(threading.Thread):
    """Looks again and again until it is told to stop, or a look goes wrong."""

    def __init__(self, look: Callable[[], int], stop: threading.Event) -> None:
        super().__init__()
        self.look, self.stop = look, stop
        self.seen: list[int] = []
        self.went_wrong: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stop.wait(0.1):
                self.seen.append(self.look())
        except BaseException as error:  # told by the test
            self.went_wrong = error


def test_readers_beside_a_run_see_no_lock_error_and_no_contradiction(world):
    # Readers and sandbox share a process: nobody is hurried.
    world.extra |= {"ORDER_SYNC_MONDAY__SERVER_LIMIT_S": "30"}
    world.has_orders(*OLD)
    assert world.sync().exit_code is ExitCode.DONE  # the tables are there
    world.has_orders(*OLD, *NEW)
    stop = threading.Event()
    with closing(Database(world.settings.database.url, read_only=True)) as database:
        looks = (
            lambda: look_at_active_batches(world),
            lambda: look_at_batches(world),
            lambda: look_at_runs(world),
            lambda: look_at_status(database),
            lambda: look_at_status(database),
        )
        readers = [Reader(look, stop) for look in looks]
        for reader in readers:
            reader.start()
        try:
            code, said = start(world.environ, world.folder, ["sync"]).ended()
        finally:
            stop.set()
            for reader in readers:
                reader.join()
    assert code == ExitCode.DONE, (said, world.errors())
    for reader in readers:
        if reader.went_wrong:
            raise reader.went_wrong
        assert reader.seen == sorted(reader.seen)  # what is done stays done
        assert len(reader.seen) > 5
    assert len(set(readers[-1].seen)) > 3  # they looked while it went on
    world.assert_board_equals_source([*OLD, *NEW])
