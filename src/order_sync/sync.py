"""One run: lock, recover, check, detect, stage, send, settle, promote, report.

The steps decide nothing themselves: `rules/` decides, `db/` remembers, `monday/` talks.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Connection

from order_sync.board_run import hold_board, read_call, recover, stopped_by_signals
from order_sync.config import Settings
from order_sync.connection import calls_per_day, connected, open_board
from order_sync.db import batches, known, runs
from order_sync.db.engine import Database
from order_sync.db.history import calls_today, mean_costs
from order_sync.db.runs import ReadCall, RunRef
from order_sync.db.schema import Tables
from order_sync.delivery.adopting import adopt
from order_sync.delivery.context import Delivery
from order_sync.delivery.deliver import Deliverer
from order_sync.delivery.groups import GroupBook
from order_sync.delivery.labels import make_labels
from order_sync.delivery.sender import Sender
from order_sync.delivery.settling import Settler
from order_sync.delivery.stage import stage
from order_sync.detection import Detection, Detector, Request
from order_sync.errors import ExitCode, GuardStopped, SyncError
from order_sync.guards import Limits, is_strange_board, stopping_guards, strange_board
from order_sync.monday.answers import Answer
from order_sync.monday.board import BoardInfo
from order_sync.monday.client import MondayClient
from order_sync.monday.columns import BoardMap
from order_sync.outcome import RunReport
from order_sync.plan_file import PlanFile
from order_sync.planning import Survey, basis_of, calls_of_run, survey_of, wanted_labels
from order_sync.progress import Progress
from order_sync.reporting import count_report, judge, run_state
from order_sync.rules.budget import Day
from order_sync.rules.comparing import OrderAction, is_acknowledged
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.states import BatchState, Operation, RunState
from order_sync.rules.values import key_part

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
    limits: Limits
    plan: PlanFile | None
    waits: bool
    full: bool


def run_sync(
    settings: Settings, mapping: Mapping, filters: Filters, progress: Progress, *,
    command: str = "sync", only_failed: bool = False, limits: Limits | None = None,
    plan: PlanFile | None = None, waits: bool = True, full: bool = False,
) -> RunReport:  # fmt: skip
    """Publish what differs, settle what is in doubt, and say what happened.

    Args:
        only_failed: look only at orders with an open ERR row, and do not wait until it is due.
        limits: guards: stop before the first write when more would happen.
        plan: do exactly what it says, or nothing; its filters replace `filters`.
        waits: for doubts that may not be settled yet; else they are left to the next run.
        full: look at every row of the source, whatever its column of changes says.

    Raises:
        SyncError: the run stopped before its first write to the board.
    """
    filters = filters if plan is None else plan.filters
    order = Order(
        settings, mapping, filters, command, only_failed, limits or Limits(), plan, waits, full
    )

    def work(database: Database, tables: Tables, run: RunRef) -> RunReport:
        return asyncio.run(_Run(order, database, tables, run, progress).go())

    return hold_board(settings, mapping, command, filters, work)


@dataclass(frozen=True)
class _Crew:
    """Who works on a delivery."""

    detector: Detector
    sender: Sender
    groups: GroupBook
    settler: Settler
    deliverer: Deliverer

    @classmethod
    def of(cls, delivery: Delivery, detector: Detector, *, waits: bool) -> _Crew:
        sender = Sender(delivery)
        groups_ = GroupBook(delivery, sender)
        settler = Settler(delivery, sender, detector.payloads_now)
        deliverer = Deliverer(delivery, sender, groups_, settler, waits=waits)
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
    taken_over: set[str] = field(default_factory=set)  # order keys found on the board
    left_groups: set[str] = field(default_factory=set)  # titles of groups orders were moved out of
    notices: list[str] = field(default_factory=list)
    waits: int = 0  # how often the account's limits held a request back
    calls_per_day: int | None = None  # of the account, as far as monday.com tells

    async def go(self) -> RunReport:
        try:
            async with connected(
                self.order.settings, self._saw_read, costs=self._costs(),
                on_wait=self._waits,
            ) as client:  # fmt: skip
                with stopped_by_signals(partial(self._stop, client), self.progress):
                    report = await self._work(client)
        except SyncError as error:
            self._finish_stopped(error)
            log.info("run ended", exit_code=int(error.exit_code), error_code=error.code)
            raise
        except BaseException:
            self._close_run(RunState.FAILED, {"exit_code": int(ExitCode.UNEXPECTED)})
            raise
        log.info(
            "run ended", exit_code=int(report.exit_code), error_code=report.error_code or None,
            seconds=round(report.seconds, 1), refused=len(report.refused),
            in_doubt=report.in_doubt, pending=report.pending,
        )  # fmt: skip
        return report

    async def _work(self, client: MondayClient) -> RunReport:
        settings, mapping = self.order.settings, self.order.mapping
        self.progress.step("reading the board")
        info, board = await open_board(client, settings, mapping)
        client.gate.patient = True
        d = Delivery(
            settings=settings, mapping=mapping, tables=self.tables, database=self.database,
            client=client, run=self.run, board=board, progress=self.progress,
        )  # fmt: skip
        self.delivery = d
        for call in self.reads:
            d.saw_read(call)
        detector = Detector(mapping, self.tables, self.database, settings.source, board)
        crew = _Crew.of(d, detector, waits=self.order.waits)
        try:
            self.progress.step("recovering what an earlier run left")
            await d.write(recover, self.tables, mapping, self.run, board)
            self._guard_strange_board(board, info)
            self.notices += [*board.notices, *await crew.groups.learn(info.groups)]
            self._notice_emptied_board(board, info)
            await self._rounds(d, crew, info)
            return await d.write(self._report, d, crew.settler)
        finally:
            d.close()

    def _stop(self, client: MondayClient, why: SyncError) -> None:
        if self.delivery is None:
            client.gate.close(why)
        else:
            self.delivery.stop(why)

    def _waits(self, reason: str, seconds: float) -> None:
        self.waits += 1
        self.progress.waiting(reason, seconds)

    def _saw_read(self, kind: str, answer: Answer) -> None:
        call = read_call(kind, answer)
        if self.delivery is None:
            self.reads.append(call)
        else:
            self.delivery.saw_read(call)

    def _guard_strange_board(self, board: BoardMap, info: BoardInfo) -> None:
        if is_strange_board(self.database, self.tables, board, info.items_count):
            guard = strange_board(board, info.items_count)
            raise GuardStopped(guard.message, hint=guard.hint)

    def _notice_emptied_board(self, board: BoardMap, info: BoardInfo) -> None:
        with self.database.begin() as conn:
            count = known.known_count(conn, self.tables, board.board_id)
        if info.items_count == 0 and count:
            self.notices.append(
                f'board "{board.name}" shows no items, although {count} order lines were put on '
                "it: was it emptied, or is the board id another one?"
            )

    async def _rounds(self, d: Delivery, crew: _Crew, info: BoardInfo) -> None:
        """Detect, stage and deliver; again for what was settled, taken over or moved meanwhile."""
        keys: frozenset[str] | None = None
        trusted: frozenset[str] = frozenset()
        for number in range(ROUNDS):
            self.progress.step("comparing source and board")
            crew.detector.board = d.board
            only_failed = self.order.only_failed and number == 0
            request = Request(self.order.filters, keys, only_failed, self.order.full, trusted)
            found = await d.in_thread(crew.detector.detect, request)
            is_first = self.first is None
            if self.first is None:
                self.first = found
                self.notices += found.notices
            else:
                told = {change.order_key for change in self.first.reported}
                self.first.reported += [c for c in found.reported if c.order_key not in told]
            try:
                survey = await self._survey(d, found, info)
            except SyncError as error:
                d.stop(error)
                return
            if is_first and self._guard(survey, crew.detector):
                await self._learn_day(d)
            try:
                await self._round(d, crew, survey)
            except SyncError as error:
                d.stop(error)
            moved = await self._moved(d, found)
            keys = frozenset(d.touched | moved.keys())
            trusted = frozenset(key for key, a in moved.items() if _is_true(a, trusted))
            d.touched.clear()
            if not keys or d.stopping is not None:
                return

    async def _survey(self, d: Delivery, found: Detection, info: BoardInfo) -> Survey:
        """Look new orders up on the board, unless it has been empty all along."""
        if info.items_count == 0:
            return Survey(found)

        async def taken(ids: set[str]) -> set[str]:
            return await d.read(known.item_ids_taken, d.tables, d.run.board_id, ids)

        return await survey_of(d, found, taken, self.taken_over)

    async def _moved(self, d: Delivery, found: Detection) -> dict[str, OrderAction]:
        """Orders that stand in their new group now and still have to be written."""
        moves = {a.order.order_key: a for a in found.actions if len(a.steps) > 1}
        there = await d.read(known.known_orders, d.tables, d.run.board_id, moves.keys(), d.mapping)
        return {
            key: action
            for key, action in moves.items()
            if key in there
            and there[key].moving_to is None
            and key_part(there[key].group) == key_part(action.order.group_title)
        }

    async def _round(self, d: Delivery, crew: _Crew, survey: Survey) -> None:
        found = survey.found
        if survey.strangers or survey.strange_lines:
            await adopt(d, survey.strangers, survey.strange_lines)
            self.taken_over |= {s.item.order_key for s in survey.strangers}
        self.progress.step("staging")
        self.acted |= {action.order.order_key for action in found.actions}
        self.left_groups |= {
            a.known.group for a in found.actions if a.operation is Operation.MOVE and a.known
        }
        batch_ids = await stage(d, found)
        self.progress.total(sum(len(a.lines) + (a.operation is not None) for a in found.actions))
        self.progress.step("sending")
        labels = wanted_labels(found.actions, d.mapping, crew.detector)
        titles = [
            a.order.group_title
            for a in found.actions
            if a.operation in (Operation.CREATE, Operation.MOVE)
        ]
        try:
            await make_labels(d, crew.sender, labels)
            await crew.groups.want(titles)
            await crew.deliverer.deliver(batch_ids)
        except SyncError as error:
            d.stop(error)
        ended = await d.write(self._close_round, crew.detector, found, batch_ids, d.stopping)
        for batch_id, state in ended.items():
            log.info("batch ended", batch_id=batch_id, status=state)

    def _guard(self, survey: Survey, detector: Detector) -> bool:
        """Stop before the first write when more would happen, or something else, than was meant.

        Returns:
            Whether anything will be written.
        """
        batch_size = self.order.settings.monday.batch_size
        documents, reading = calls_of_run(survey, detector, batch_size)
        reads = 0 if self.delivery is None else self.delivery.tally.read_calls
        calls = reads + reading + len(documents)
        for guard in stopping_guards(survey.found, calls, self.order.limits):
            raise GuardStopped(guard.message, hint=guard.hint)
        if self.order.plan is not None:
            self.order.plan.require_same(basis_of(survey, detector))
        return bool(documents)

    async def _learn_day(self, d: Delivery) -> None:
        """How many calls of the day are left, as far as monday.com and our record tell."""
        total = await calls_per_day(d.client)
        self.calls_per_day = total
        if total is not None:
            spent = await d.read(calls_today, d.tables, d.run.board_id)
            d.gate.ledger.knows_day(Day(total, spent + d.tally.read_calls))

    def _costs(self) -> dict[str, float]:
        """Complexity points per write, by kind, as earlier runs have paid."""
        with self.database.begin() as conn:
            means = mean_costs(conn, self.tables, self.run.board_id)
        return {kind: points for kind, (points, _) in means.items() if points is not None}

    def _close_round(
        self, conn: Connection, detector: Detector, found: Detection, batch_ids: list[str],
        stopping: SyncError | None,
    ) -> dict[str, BatchState]:  # fmt: skip
        """Source hashes advance only for orders all of whose parts are acknowledged.

        Returns:
            How each batch has ended.
        """
        tables, board_id = self.tables, self.run.board_id
        keys = [action.order.order_key for action in found.actions]
        there = known.known_orders(conn, tables, board_id, keys, self.order.mapping)
        done = [
            (key, action.source_hash)
            for action in found.actions
            if (key := action.order.order_key) in there
            and is_acknowledged(action.order, there[key])
        ]
        known.store_hashes(conn, tables, board_id, found.rehashed)
        known.acknowledge_source(conn, tables, board_id, [*done, *found.acknowledged])
        if stopping is None:
            detector.keep_mark(conn, found)
        paused = stopping is not None and stopping.exit_code is ExitCode.PAUSED
        stopped = BatchState.PAUSED if paused else None
        return {b: batches.close_batch(conn, tables, b, stopped=stopped) for b in batch_ids}

    def _report(self, conn: Connection, d: Delivery, settler: Settler) -> RunReport:
        """Count the rows, decide the exit code, close the run."""
        emptied = known.groups_without_items(conn, self.tables, self.run.board_id, self.left_groups)
        self.notices += [f'the group "{title}" is empty now; it stays' for title in emptied]
        counted = count_report(
            conn, d, self.first or Detection(), self.acted, tuple(dict.fromkeys(self.notices)),
            time.monotonic() - self.began,
        )  # fmt: skip
        judge(counted.report, d.stopping or (settler.last_error if counted.in_doubt else None))
        self._close_run_in(conn, run_state(counted.report.exit_code), counted.figures())
        return counted.report

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
        points, calls = (None, None) if self.delivery is None else self.delivery.gate.ledger.quotas
        seen = {
            "waits": self.waits, "calls_per_day": self.calls_per_day,
            "points_per_minute": points, "calls_per_minute": calls,
        }  # fmt: skip
        runs.finish_run(conn, self.tables, self.run.run_id, state, {**seen, **values})


def _is_true(action: OrderAction, trusted: frozenset[str]) -> bool:
    """Whether the known values of a moved order are what the board shows."""
    there = action.known
    return there is not None and (there.payload_hash is not None or there.order_key in trusted)
