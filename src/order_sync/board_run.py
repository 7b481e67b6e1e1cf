"""What every run that writes has around it: the board's lock, its row, its end, its signals."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from order_sync.config import Settings
from order_sync.db import groups, promotion, runs, staging
from order_sync.db.engine import Database, board_lock
from order_sync.db.runs import ReadCall, RunRef
from order_sync.db.schema import Tables, build_tables
from order_sync.db.upgrade import ensure_tables
from order_sync.errors import ExitCode, Interrupted, LockHeld, SyncError
from order_sync.many_objects import many_objects
from order_sync.monday.answers import Answer
from order_sync.monday.columns import BoardMap
from order_sync.progress import Progress
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping

T = TypeVar("T")
log = structlog.get_logger()


def hold_board(
    settings: Settings, mapping: Mapping, command: str, filters: Filters,
    work: Callable[[Database, Tables, RunRef], T],
) -> T:  # fmt: skip
    """`work` while this process alone holds the board; the run has its row and fence.

    Raises:
        LockHeld: another run works on the board; this one is on record, too.
    """
    board_id = settings.require_board()
    settings.require_token()
    tables = build_tables(mapping)
    database = Database(settings.database.url)
    asked = (tables, mapping, command, asdict(filters), board_id)
    try:
        database.run(lambda conn: ensure_tables(conn, tables))
        with board_lock(database, board_id):
            run = database.run(lambda conn: runs.start_run(conn, *asked))
            about = structlog.contextvars.bound_contextvars(run_id=run.run_id, board_id=board_id)
            with about, many_objects():
                log.info("run started", command=command)
                return work(database, tables, run)
    except LockHeld as error:
        exit_code, message = int(error.exit_code), error.message
        database.run(lambda conn: runs.record_stopped_run(conn, *asked, exit_code, message))
        raise
    finally:
        database.close()


def recover(
    conn: Connection, tables: Tables, mapping: Mapping, run: RunRef, board: BoardMap
) -> None:
    """What a dead run left: sent rows are in doubt, answered ones are promoted."""
    in_doubt = staging.orphan_rows_to_unconfirmed(conn, tables, run)
    in_doubt += groups.orphan_groups_to_unconfirmed(conn, tables, run)
    runs.orphan_requests_to_unknown(conn, tables, run)
    promotion.promote(conn, tables, mapping, run, board.subitem_board_id)
    dead = runs.close_dead_batches(conn, tables, run)
    if in_doubt or dead:
        log.warning("an earlier run died", rows_in_doubt=in_doubt, batches=dead)


def read_call(kind: str, answer: Answer) -> ReadCall:
    """The record of a reading request that was just answered."""
    return ReadCall(
        kind=kind,
        sent_at=datetime.now(UTC) - timedelta(seconds=answer.duration_s),
        http_status=answer.http_status or None,
        duration_ms=round(answer.duration_s * 1000, 1),
        cost=None if answer.complexity is None else answer.complexity.query,
        monday_request_id=answer.request_id or None,
        error_code=None if answer.problem is None else answer.problem.code,
    )


@contextmanager
def stopped_by_signals(stop: Callable[[SyncError], None], progress: Progress) -> Iterator[None]:
    """The first SIGINT or SIGTERM stops the run after the requests in flight are recorded.

    The second ends the process at once, which is as safe as a kill: whatever was on its way is in
    doubt, and the next run settles it.
    """
    loop = asyncio.get_running_loop()
    exits = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
    heard: list[ExitCode] = []

    def on_signal(code: ExitCode) -> None:
        if heard:
            progress.leave()
            os._exit(code)
        heard.append(code)
        progress.step("stopping: requests in flight are recorded; press again to end at once")
        stop(Interrupted(code))

    installed = []
    for number, code in exits.items():
        # Not the main thread, or not Unix: Python's own handling stays.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, on_signal, code)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
