"""One run: lock, recover, check, detect, stage, send, settle, promote, report.

The steps decide nothing themselves: `rules/` decides, `db/` remembers, `monday/` talks.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from order_sync.config import Settings
from order_sync.connection import connected, open_board
from order_sync.db import batches, counting, groups, known, promotion, runs, staging
from order_sync.db.engine import Database, board_lock
from order_sync.db.runs import ReadCall, RunRef
from order_sync.db.schema import Tables, build_tables
from order_sync.db.staging import Unit
from order_sync.db.upgrade import ensure_tables
from order_sync.delivery.adopting import adopt_strangers
from order_sync.delivery.context import Delivery
from order_sync.delivery.deliver import Deliverer
from order_sync.delivery.groups import GroupBook
from order_sync.delivery.labels import make_labels
from order_sync.delivery.sender import Sender
from order_sync.delivery.settling import Settler
from order_sync.delivery.stage import stage
from order_sync.detection import Detection, Detector, Request
from order_sync.errors import ExitCode, GuardStopped, Interrupted, LockHeld, SyncError
from order_sync.monday.answers import Answer
from order_sync.monday.board import BoardInfo
from order_sync.monday.client import MondayClient
from order_sync.monday.columns import BoardMap
from order_sync.outcome import RefusedOrder, RunReport
from order_sync.planning import (
    estimated_calls,
    is_strange_board,
    strange_board_message,
    wanted_labels,
)
from order_sync.progress import Progress
from order_sync.rules.budget import Ledger
from order_sync.rules.comparing import is_acknowledged
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.states import BatchState, Operation, RunState

ROUNDS = 5  # an order found on the board needs up to three: take it over, move it, write it

log = structlog.get_logger()


@dataclass(frozen=True)
class Order:
    """What a person asked for."""

    settings: Settings
    mapping: Mapping
    filters: Filters
    command: str
    only_failed: bool
    max_creates: int | None
    max_calls: int | None


def run_sync(
    settings: Settings, mapping: Mapping, filters: Filters, progress: Progress, *,
    command: str = "sync", only_failed: bool = False, max_creates: int | None = None,
    max_calls: int | None = None,
) -> RunReport:  # fmt: skip
    """Publish what is new, settle what is in doubt, and say what happened.

    Args:
        only_failed: look only at orders with an open ERR row, and do not wait until it is due.
        max_creates: guard: stop before the first write when more order lines would be created.
        max_calls: guard: stop when the run would probably need more HTTP requests.

    Raises:
        SyncError: the run stopped before its first write to the board.
    """
    order = Order(settings, mapping, filters, command, only_failed, max_creates, max_calls)
    board_id = settings.require_board()
    settings.require_token()
    tables = build_tables(mapping)
    database = Database(settings.database.url)
    asked = (tables, mapping, command, asdict(filters), board_id)
    try:
        database.run(lambda conn: ensure_tables(conn, tables))
        with board_lock(database, board_id):
            run = database.run(lambda conn: runs.start_run(conn, *asked))
            with structlog.contextvars.bound_contextvars(run_id=run.run_id):
                return asyncio.run(_Run(order, database, tables, run, progress).go())
    except LockHeld as error:
        exit_code, message = int(error.exit_code), error.message
        database.run(lambda conn: runs.record_stopped_run(conn, *asked, exit_code, message))
        raise
    finally:
        database.close()


@dataclass(frozen=True)
class _Crew:
    """Who works on a delivery."""

    detector: Detector
    sender: Sender
    groups: GroupBook
    settler: Settler
    deliverer: Deliverer

    @classmethod
    def of(cls, delivery: Delivery, detector: Detector) -> _Crew:
        sender = Sender(delivery)
        groups_ = GroupBook(delivery, sender)
        settler = Settler(delivery, sender, detector.payloads_now)
        deliverer = Deliverer(delivery, sender, groups_, settler)
        return cls(detector, sender, groups_, settler, deliverer)


@dataclass
class _Run:
    """The story of one run."""

    order: Order
    database: Database
    tables: Tables
    run: RunRef
    progress: Progress
    began: float = field(default_factory=time.monotonic)
    reads: list[ReadCall] = field(default_factory=list)  # until the delivery takes over
    delivery: Delivery | None = None
    first: Detection | None = None
    acted: set[str] = field(default_factory=set)  # order keys something was staged for
    notices: list[str] = field(default_factory=list)

    async def go(self) -> RunReport:
        log.info("run started", command=self.order.command, board_id=self.run.board_id)
        try:
            async with connected(self.order.settings, self._saw_read) as client:
                report = await self._work(client)
        except SyncError as error:
            self._finish_stopped(error)
            raise
        except BaseException:
            self._close_run(RunState.FAILED, {"exit_code": int(ExitCode.UNEXPECTED)})
            raise
        log.info("run ended", exit_code=int(report.exit_code), seconds=round(report.seconds, 1))
        return report

    async def _work(self, client: MondayClient) -> RunReport:
        settings, mapping = self.order.settings, self.order.mapping
        self.progress.step("reading the board")
        info, board = await open_board(client, settings, mapping)
        d = Delivery(
            settings=settings, mapping=mapping, tables=self.tables, database=self.database,
            client=client, run=self.run, board=board,
            ledger=Ledger(concurrency=settings.monday.concurrency), progress=self.progress,
        )  # fmt: skip
        self.delivery = d
        for call in self.reads:
            d.saw_read(call)
        detector = Detector(
            mapping, self.tables, self.database, settings.source.url, settings.source.table, board
        )
        crew = _Crew.of(d, detector)
        try:
            with _signals(d):
                self.progress.step("recovering what an earlier run left")
                await d.write(self._recover, board)
                self._guard_strange_board(board, info)
                self.notices += [*board.notices, *await crew.groups.learn(info.groups)]
                self._notice_emptied_board(board, info)
                await self._rounds(d, crew, info)
            return await d.write(self._report, d, crew.settler)
        finally:
            d.close()

    def _saw_read(self, kind: str, answer: Answer) -> None:
        call = ReadCall(
            kind=kind,
            sent_at=datetime.now(UTC) - timedelta(seconds=answer.duration_s),
            http_status=answer.http_status or None,
            duration_ms=round(answer.duration_s * 1000, 1),
            cost=None if answer.complexity is None else answer.complexity.query,
            monday_request_id=answer.request_id or None,
            error_code=None if answer.problem is None else answer.problem.code,
        )
        if self.delivery is None:
            self.reads.append(call)
        else:
            self.delivery.saw_read(call)

    def _recover(self, conn: Connection, board: BoardMap) -> None:
        """What a dead run left: sent rows are in doubt, answered ones are promoted."""
        run, tables = self.run, self.tables
        in_doubt = staging.orphan_rows_to_unconfirmed(conn, tables, run)
        in_doubt += groups.orphan_groups_to_unconfirmed(conn, tables, run)
        runs.orphan_requests_to_unknown(conn, tables, run)
        promotion.promote(conn, tables, self.order.mapping, run, board.subitem_board_id)
        dead = runs.close_dead_batches(conn, tables, run)
        if in_doubt or dead:
            log.warning("an earlier run died", rows_in_doubt=in_doubt, batches=dead)

    def _guard_strange_board(self, board: BoardMap, info: BoardInfo) -> None:
        if is_strange_board(self.database, self.tables, board, info.items_count):
            raise GuardStopped(
                f"{strange_board_message(board, info.items_count)}: "
                "creating orders could double them",
                hint="learn the board first with: order-sync adopt (it comes with a later "
                "version); restore the state tables if they were lost",
            )

    def _notice_emptied_board(self, board: BoardMap, info: BoardInfo) -> None:
        with self.database.begin() as conn:
            count = known.known_count(conn, self.tables, board.board_id)
        if info.items_count == 0 and count:
            self.notices.append(
                f'board "{board.name}" shows no items, although {count} order lines were put on '
                "it: was it emptied, or is the board id another one?"
            )

    async def _rounds(self, d: Delivery, crew: _Crew, info: BoardInfo) -> None:
        """Detect, stage and deliver; again for what was settled or taken over meanwhile."""
        keys: frozenset[str] | None = None
        for number in range(ROUNDS):
            self.progress.step("comparing source and board")
            crew.detector.board = d.board
            request = Request(self.order.filters, keys, self.order.only_failed and number == 0)
            found = await d.in_thread(crew.detector.detect, request)
            if self.first is None:
                self.first = found
                self.notices += found.notices
                self._guard_size(found, crew.detector, info)
            try:
                await self._round(d, crew, found, info)
            except SyncError as error:
                d.stop(error)
            # A moved order still has to be written.
            moved = {a.order.order_key for a in found.actions if a.operation is Operation.MOVE}
            keys = frozenset(d.touched | moved)
            d.touched.clear()
            if not keys or d.stopping is not None:
                return

    async def _round(self, d: Delivery, crew: _Crew, found: Detection, info: BoardInfo) -> None:
        if info.items_count != 0:
            await adopt_strangers(d, found)
        self.progress.step("staging")
        self.acted |= {action.order.order_key for action in found.actions}
        batch_ids = await stage(d, found)
        self.progress.total(sum(len(a.lines) + (a.operation is not None) for a in found.actions))
        self.progress.step("sending")
        labels = wanted_labels(found.actions, d.mapping, crew.detector)
        titles = [a.order.group_title for a in found.actions if a.operation is not None]
        try:
            await make_labels(d, crew.sender, labels)
            await crew.groups.want(titles)
            await crew.deliverer.deliver(batch_ids)
        except SyncError as error:
            d.stop(error)
        await d.write(self._close_round, found, batch_ids, d.stopping)

    def _guard_size(self, found: Detection, detector: Detector, info: BoardInfo) -> None:
        creates = sum(action.is_new for action in found.actions)
        limit = self.order.max_creates
        if limit is not None and creates > limit:
            raise GuardStopped(
                f"{creates} order lines would be created, --max-creates allows {limit}",
                hint="look at them with: order-sync plan; then raise the limit or use filters",
            )
        calls = estimated_calls(
            found, detector, self.order.settings.monday.batch_size, info.items_count
        )
        limit = self.order.max_calls
        if limit is not None and calls > limit:
            raise GuardStopped(
                f"the run would need about {calls} calls, --max-calls allows {limit}",
                hint="raise the limit, or send less with filters or --limit",
            )

    def _close_round(
        self, conn: Connection, found: Detection, batch_ids: list[str], stopping: SyncError | None
    ) -> None:
        """Source hashes advance only for orders all of whose parts are acknowledged."""
        tables, board_id = self.tables, self.run.board_id
        keys = [action.order.order_key for action in found.actions]
        there = known.known_orders(conn, tables, board_id, keys, self.order.mapping)
        done = [
            (key, action.source_hash)
            for action in found.actions
            if (key := action.order.order_key) in there
            and is_acknowledged(action.order, there[key])
        ]
        known.acknowledge_source(conn, tables, board_id, [*done, *found.acknowledged])
        paused = stopping is not None and stopping.exit_code is ExitCode.PAUSED
        for batch_id in batch_ids:
            batches.close_batch(
                conn, tables, batch_id, stopped=BatchState.PAUSED if paused else None
            )

    # The end

    def _report(self, conn: Connection, d: Delivery, settler: Settler) -> RunReport:
        """Count the rows, decide the exit code, close the run."""
        first = self.first or Detection()
        counts = counting.count_run(conn, self.tables, self.run)
        scope = None if first.vanished is not None else first.scope_keys
        errors = counting.open_errors_of(conn, self.tables, self.run.board_id, scope)
        done = counts.done
        open_keys = self.acted - {error.order_key for error in errors}
        unfinished = known.unacknowledged(conn, self.tables, self.run.board_id, open_keys)
        report = RunReport(
            run_id=self.run.run_id,
            board_id=self.run.board_id,
            board_name=d.board.name,
            seconds=time.monotonic() - self.began,
            rows_read=first.rows,
            blank_rows=first.blank_rows,
            unchanged=first.unchanged,
            orders_planned=len(first.actions),
            orders_created=done.get((Unit.ITEM, Operation.CREATE), 0),
            orders_updated=done.get((Unit.ITEM, Operation.UPDATE), 0),
            orders_adopted=d.tally.adopted,
            size_lines_created=done.get((Unit.SUBITEM, Operation.CREATE), 0),
            size_lines_updated=done.get((Unit.SUBITEM, Operation.UPDATE), 0),
            groups_created=d.tally.groups_created,
            labels_created=d.tally.labels_created,
            read_calls=d.tally.read_calls,
            write_calls=d.tally.write_calls,
            retries=d.tally.retries,
            refused=tuple(
                RefusedOrder(
                    e.order_key, e.customer, e.error_type, e.error_message, e.field, e.value,
                    e.size_key,
                )
                for e in errors
            ),
            reported=tuple(first.reported),
            in_doubt=counts.in_doubt,
            pending=max(counts.pending, unfinished),
            warnings=first.warnings,
            customers=counts.customers,
            notices=tuple(dict.fromkeys(self.notices)),
        )  # fmt: skip
        self._judge(report, d.stopping or (settler.last_error if counts.in_doubt else None))
        self._close_run_in(conn, _run_state(report.exit_code), self._figures(report, first))
        return report

    def _judge(self, report: RunReport, stop: SyncError | None) -> None:
        if isinstance(stop, Interrupted):
            report.exit_code = stop.signal_exit
        elif stop is not None:
            report.exit_code = stop.exit_code
        elif report.refused or report.reported or report.in_doubt or report.pending:
            report.exit_code = ExitCode.ROWS_LEFT
        if stop is not None:
            report.message, report.hint = stop.message, stop.hint

    def _figures(self, report: RunReport, first: Detection) -> dict[str, object]:
        changes = [change.change.name.lower() for change in report.reported]
        return {
            "board_name": report.board_name,
            "orders_read": report.rows_read,
            "orders_new": sum(action.is_new for action in first.actions),
            "orders_changed": changes.count("changed"),
            "orders_cancelled": changes.count("cancelled"),
            "orders_deleted": changes.count("deleted"),
            "orders_unchanged": report.unchanged,
            "orders_created": report.orders_created,
            "subitems_created": report.size_lines_created,
            "groups_created": report.groups_created,
            "rows_refused": len(report.refused),
            "rows_in_doubt": report.in_doubt,
            "api_calls": report.read_calls + report.write_calls,
            "exit_code": int(report.exit_code),
            "error_message": report.message or None,
        }

    def _finish_stopped(self, error: SyncError) -> None:
        """Close the run's row; the reason it stopped is told even if this fails."""
        with suppress(SyncError):
            self._close_run(
                RunState.STOPPED,
                {"exit_code": int(error.exit_code), "error_message": error.message},
            )

    def _close_run(self, state: RunState, values: dict[str, object]) -> None:
        self.database.run(lambda conn: self._close_run_in(conn, state, values))

    def _close_run_in(self, conn: Connection, state: RunState, values: dict[str, object]) -> None:
        runs.finish_run(conn, self.tables, self.run.run_id, state, values)


def _run_state(code: ExitCode) -> RunState:
    return {
        ExitCode.DONE: RunState.COMPLETED,
        ExitCode.ROWS_LEFT: RunState.COMPLETED_WITH_ERRORS,
        ExitCode.PAUSED: RunState.PAUSED,
        ExitCode.INTERRUPTED: RunState.STOPPED,
        ExitCode.TERMINATED: RunState.STOPPED,
    }.get(code, RunState.FAILED)


@contextmanager
def _signals(delivery: Delivery) -> Iterator[None]:
    """SIGINT and SIGTERM end the run after the requests in flight are recorded."""
    loop = asyncio.get_running_loop()
    exits = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
    installed = []
    for number, code in exits.items():
        # Not the main thread, or not Unix: Python's own handling stays.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, delivery.stop, Interrupted(code))
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
