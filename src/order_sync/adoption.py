"""Learning an existing board: which item is which order, and what it really holds.

The board is read, MON_* is written, monday.com is not: only with `write_keys` our own keys go into
the ORDER SYNC KEY columns. A run that dies leaves what it has learned; the next reads again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from order_sync.board_links import item_url
from order_sync.board_run import hold_board, read_call, recover, stopped_by_signals
from order_sync.config import Settings
from order_sync.connection import connected, open_board
from order_sync.db import known, runs, staging
from order_sync.db.adopted import AdoptedLine, AdoptedOrder, store_adopted
from order_sync.db.engine import Database
from order_sync.db.runs import ReadCall, RunRef
from order_sync.db.schema import Tables
from order_sync.delivery.context import Delivery
from order_sync.delivery.keys import Keyed, write_keys
from order_sync.delivery.lookup import possible_keys, subitems_by_key
from order_sync.detection import Detector
from order_sync.errors import ConfigError, ExitCode, SyncError
from order_sync.monday.answers import Answer
from order_sync.monday.client import MondayClient
from order_sync.monday.columns import KEY_TITLE, BoardMap
from order_sync.monday.lookup import FoundRow, list_items
from order_sync.progress import Progress
from order_sync.reporting import run_state
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.order import OrderLine
from order_sync.rules.reading_back import held_line, held_order
from order_sync.rules.states import RunState
from order_sync.rules.values import size_key

log = structlog.get_logger()

CHUNK = 200  # orders written in one transaction


@dataclass(frozen=True)
class BoardRow:
    """An item that needs a person's eye."""

    item_id: str
    name: str
    order_key: str = ""
    why: str = ""
    url: str | None = None  # of its page; None: monday.web_url is not set


@dataclass
class AdoptReport:
    """What was learned of a board."""

    run_id: str
    board_id: str
    board_name: str = ""
    exit_code: ExitCode = ExitCode.DONE
    seconds: float = 0.0
    items_read: int = 0
    adopted: int = 0  # orders whose item was not known before
    refreshed: int = 0  # orders whose item was known
    as_wanted: int = 0  # of these: the board shows all the source wants
    differing: dict[str, int] = field(default_factory=dict)  # board title -> orders
    size_lines: int = 0
    size_lines_differing: int = 0
    to_create: int = 0  # orders of the source the board lacks
    in_doubt: int = 0  # orders left alone until an earlier run's doubts are settled
    refused: int = 0  # rows of the source that are no order, or contradict each other
    keys_written: int = 0
    twice: list[BoardRow] = field(default_factory=list)
    unmatched: list[BoardRow] = field(default_factory=list)  # items of no order of the source
    missing: list[BoardRow] = field(default_factory=list)  # known, and not on the board
    calls: int = 0
    message: str = ""  # why it stopped early, if it did
    hint: str = ""
    error_code: str = ""  # of that reason


def run_adopt(
    settings: Settings, mapping: Mapping, filters: Filters, progress: Progress, *,
    fill_keys: bool = False,
) -> AdoptReport:  # fmt: skip
    """Read the board and fill MON_* with what it holds.

    Args:
        filters: which orders of the source are matched.
        fill_keys: write our keys to the ORDER SYNC KEY columns of matched items.

    Raises:
        SyncError: as any run; nothing or part of the board has been learned.
    """

    def work(database: Database, tables: Tables, run: RunRef) -> AdoptReport:
        adoption = _Adoption(
            settings, mapping, filters, database, tables, run, progress, fill_keys=fill_keys
        )
        return asyncio.run(adoption.go())

    return hold_board(settings, mapping, "adopt", filters, work)


@dataclass
class _Adoption:
    """The story of one adoption."""

    settings: Settings
    mapping: Mapping
    filters: Filters
    database: Database
    tables: Tables
    run: RunRef
    progress: Progress
    fill_keys: bool
    began: float = field(default_factory=time.monotonic)
    reads: list[ReadCall] = field(default_factory=list)
    keyed: list[Keyed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.report = AdoptReport(self.run.run_id, self.run.board_id)
        self.sizes = frozenset(size_key(name) for name in self.mapping.sizes.names)

    async def go(self) -> AdoptReport:
        try:
            async with connected(
                self.settings, self._saw_read, on_wait=self.progress.waiting
            ) as client:
                await self._work(client)
        except SyncError as error:
            with suppress(SyncError):
                self._close(RunState.STOPPED, error.exit_code, error.message)
            log.info("run ended", exit_code=int(error.exit_code), error_code=error.code)
            raise
        except BaseException:
            self._close(RunState.FAILED, ExitCode.UNEXPECTED, None)
            raise
        report = self.report
        self._close(run_state(report.exit_code), report.exit_code, report.message or None)
        log.info(
            "run ended", exit_code=int(report.exit_code), error_code=report.error_code or None,
            seconds=round(report.seconds, 1),
        )  # fmt: skip
        return report

    def _saw_read(self, kind: str, answer: Answer) -> None:
        self.reads.append(read_call(kind, answer))

    async def _work(self, client: MondayClient) -> None:
        self.progress.step("reading the board")
        info, board = await open_board(client, self.settings, self.mapping)
        client.gate.patient = True
        self.report.board_name = board.name
        self._require_key_columns(board)
        d = Delivery(
            settings=self.settings, mapping=self.mapping, tables=self.tables,
            database=self.database, client=client, run=self.run, board=board,
            progress=self.progress,
        )  # fmt: skip
        try:
            with stopped_by_signals(d.stop, self.progress):
                await d.write(recover, self.tables, self.mapping, self.run, board)
                self.progress.step("reading the source")
                orders = await d.in_thread(self._orders, d)
                self.progress.step("reading items")
                self.progress.total(info.items_count or 0)
                items = await self._items(d)
                if d.stopping is None:  # else not all of the board was read
                    await self._learn(d, orders, items)
                if self.fill_keys and d.stopping is None:
                    self.progress.step("writing keys")
                    self.report.keys_written = await write_keys(d, self.keyed)
        finally:
            for call in self.reads:
                d.saw_read(call)
            with suppress(SyncError):
                await d.store_reads()
            d.close()
        self._judge(d)

    def _require_key_columns(self, board: BoardMap) -> None:
        if self.fill_keys and board.sync_key is None and board.subitem_sync_key is None:
            raise ConfigError(
                f"neither the board nor its subitem board has a column {KEY_TITLE}",
                hint="add it with: order-sync check --create-key-columns",
            )

    def _orders(self, d: Delivery) -> dict[str, OrderLine]:
        detector = Detector(self.mapping, self.tables, self.database, self.settings.source, d.board)
        orders, refused = detector.whole_source(self.filters)
        self.report.refused = len(refused)
        return {order.order_key: order for order in orders}

    async def _items(self, d: Delivery) -> list[FoundRow]:
        """Every active item with the texts of all mapped columns."""
        titles = {column.id: title for title, column in d.board.columns.items()}
        if d.board.sync_key is not None:
            titles[d.board.sync_key.id] = KEY_TITLE
        items = []
        async for row in list_items(d.client, d.board.board_id, titles):
            items.append(row)
            self.progress.done(1)
            if d.stopping is not None:
                break
        self.report.items_read = len(items)
        return items

    async def _learn(
        self, d: Delivery, orders: dict[str, OrderLine], items: Sequence[FoundRow]
    ) -> None:
        ids = await d.read(known.item_ids, self.tables, self.run.board_id)
        live = await d.read(staging.live_keys, self.tables, self.run.board_id)
        # Reads lag behind our own creates: the board need not show these yet.
        lag = timedelta(seconds=self.settings.monday.read_lag_s)
        fresh = await d.read(known.keys_created_within, self.tables, self.run.board_id, lag)
        new_ids = {key: ids[key] for key in fresh & ids.keys()}
        matched = list(self._matched(orders, items, ids, new_ids, live.in_doubt))
        found = {order.order_key for order, _ in matched}
        found.update(row.order_key for row in self.report.twice)
        self.report.to_create = len(orders.keys() - found - live.in_doubt - ids.keys())
        within = ids if self.filters.is_empty else orders
        self._note_missing(
            items, {key: ids[key] for key in ids.keys() & within.keys() - found - fresh}
        )
        self.progress.step("reading subitems")
        for start in range(0, len(matched), CHUNK):
            if d.stopping is not None:
                return
            some = matched[start : start + CHUNK]
            parents = {item.id: order.order_key for order, item in some}
            below = await subitems_by_key(d, parents)
            adopted = [
                one
                for order, item in some
                if (one := self._adopted(d, order, item, below.get(item.id, {}))) is not None
            ]
            await d.write(
                store_adopted, self.tables, self.mapping, self.run, d.board.subitem_board_id,
                adopted,
            )  # fmt: skip
            for one in adopted:
                self._count(one, is_known=ids.get(one.order_key) == one.item_id)

    def _matched(
        self, orders: dict[str, OrderLine], items: Iterable[FoundRow], ids: dict[str, str],
        new_ids: dict[str, str], in_doubt: frozenset[str],
    ) -> Iterator[tuple[OrderLine, FoundRow]]:  # fmt: skip
        """Orders that stand on the board once; what is otherwise goes into the report."""
        keys_of_ids = {item_id: key for key, item_id in ids.items()}
        rows: dict[str, list[FoundRow]] = {}
        for item in items:
            # An item we know stays what it is, whatever people wrote into its key columns.
            known_as = keys_of_ids.get(item.id)
            keys = possible_keys(self.mapping, item) if known_as is None else {known_as}
            mine = [key for key in keys if key in orders]
            for key in mine:
                rows.setdefault(key, []).append(item)
            if not mine and known_as is None and self.filters.is_empty:
                self.report.unmatched.append(self._row(item.id, item.name))
        fits = Counter(item.id for hits in rows.values() for item in hits)
        self.report.in_doubt = len(orders.keys() & in_doubt)
        for key, hits in rows.items():
            if key in in_doubt:
                continue
            if len(hits) > 1:
                self._note_twice(key, hits, "the board holds this order more than once")
            elif fits[hits[0].id] > 1:
                self._note_twice(key, hits, "it fits more than one order of the source")
            elif new_ids.get(key, hits[0].id) != hits[0].id:
                self._note_twice(key, hits, f"so does item {new_ids[key]}, made a moment ago")
            else:
                yield orders[key], hits[0]

    def _note_twice(self, key: str, hits: Iterable[FoundRow], why: str) -> None:
        self.report.twice += [self._row(hit.id, hit.name, key, why) for hit in hits]

    def _row(self, item_id: str, name: str, key: str = "", why: str = "") -> BoardRow:
        url = item_url(self.settings.monday.web_url, self.run.board_id, item_id)
        return BoardRow(item_id, name, key, why, url)

    def _adopted(
        self, d: Delivery, order: OrderLine, item: FoundRow, below: dict[str, list[FoundRow]]
    ) -> AdoptedOrder | None:
        """What one item holds; None, and a line in the report, if a size stands twice below it."""
        # A subitem without a size, or with one no source has, belongs to people.
        below = {size: rows for size, rows in below.items() if size in self.sizes}
        doubled = [rows[0].name for rows in below.values() if len(rows) > 1]
        if doubled:
            why = f"it holds a size more than once: {', '.join(doubled)}"
            self._note_twice(order.order_key, [item], why)
            return None
        titles = {group.id: group.title for group in d.board.groups}
        group = titles.get(item.group_id, "")
        types = {title: column.type for title, column in d.board.columns.items()}
        held = held_order(order, item.name, group, item.values, types, self.mapping)
        self.keyed.append(Keyed(item, order.order_key, below))
        return AdoptedOrder(
            order_key=order.order_key,
            item_id=item.id,
            name=item.name,
            group_title=group,
            group_id=item.group_id,
            customer=order.customer,
            held=held,
            lines=tuple(self._lines(d, order, below)),
        )

    def _lines(
        self, d: Delivery, order: OrderLine, below: dict[str, list[FoundRow]]
    ) -> Iterator[AdoptedLine]:
        wanted = {line.size_key: line for line in order.sizes}
        label_title, quantity_title = d.board.subitem_label.title, d.board.subitem_quantity.title
        for size, rows in below.items():
            row = rows[0]
            label = row.values[label_title]
            held = held_line(wanted.get(size), row.name, label, row.values[quantity_title])
            yield AdoptedLine(size, row.id, row.name, label, held)

    def _count(self, order: AdoptedOrder, *, is_known: bool) -> None:
        report = self.report
        report.adopted += not is_known
        report.refreshed += is_known
        report.size_lines += len(order.lines)
        differing = sum(not line.held.is_as_wanted for line in order.lines)
        report.size_lines_differing += differing
        report.as_wanted += not order.held.differing and not differing
        counts = Counter(report.differing) + Counter(order.held.differing)
        report.differing = dict(counts.most_common())

    def _note_missing(self, items: Iterable[FoundRow], ids: dict[str, str]) -> None:
        """Known orders whose item the board does not show."""
        there = {item.id for item in items}
        self.report.missing = [
            self._row(item_id, "", key, "known, and not on the board")
            for key, item_id in sorted(ids.items())
            if item_id not in there
        ]

    def _judge(self, d: Delivery) -> None:
        report = self.report
        report.seconds = time.monotonic() - self.began
        report.calls = d.tally.read_calls + d.tally.write_calls
        stop = d.stopping
        if stop is not None:
            report.exit_code = stop.exit_code
            report.message, report.hint, report.error_code = stop.message, stop.hint, stop.code
        elif report.twice or report.in_doubt:
            report.exit_code = ExitCode.ROWS_LEFT

    def _close(self, state: RunState, code: ExitCode, message: str | None) -> None:
        report = self.report
        values = {
            "board_name": report.board_name or None,
            "orders_read": report.items_read,
            "api_calls": report.calls,
            "exit_code": int(code),
            "error_message": message,
        }
        self.database.run(
            lambda conn: runs.finish_run(conn, self.tables, self.run.run_id, state, values)
        )
