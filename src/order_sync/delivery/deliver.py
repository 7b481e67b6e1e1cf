"""The loop of a delivery: groups, order lines, size lines, and what is in doubt beside them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from order_sync.db import batches, events, promotion, refused, staging
from order_sync.db.events import OrderEvent
from order_sync.db.groups import GroupRow
from order_sync.db.staging import Outcome, StagedRow, Unit
from order_sync.delivery.cargo import RowCargo, staged_error
from order_sync.delivery.context import Delivery
from order_sync.delivery.groups import GroupBook
from order_sync.delivery.sender import Sender
from order_sync.delivery.settling import Settler
from order_sync.errors import SyncError
from order_sync.monday import documents
from order_sync.monday.columns import BoardMap
from order_sync.monday.documents import Document, kind_of
from order_sync.rules.batching import documents_of
from order_sync.rules.columns import LABEL_TYPES, size_values, wire_value
from order_sync.rules.comparing import NAME
from order_sync.rules.states import BatchState, Event, Operation, RowState
from order_sync.rules.sync_key import subitem_key

BREATH_S = 0.05  # a look at the tables is not worth more often
AT_ONCE = 10_000  # rows in memory: so many that waiting for the last of them costs nothing
TICK_S = 1.0  # how often waiting tells how long it will last


class Deliverer:
    """Sends everything a run has staged, and settles what is in doubt, until nothing moves."""

    def __init__(
        self, delivery: Delivery, sender: Sender, groups: GroupBook, settler: Settler, *,
        waits: bool = True,
    ) -> None:  # fmt: skip
        """`waits`: for doubts that may not be settled yet; else they are left to the next run."""
        self._d = delivery
        self._waits = waits
        self._sender = sender
        self._groups = groups
        self._settler = settler
        self._finished = asyncio.Event()

    async def deliver(self, batch_ids: Sequence[str]) -> None:
        """Send the batches of this run; settling goes on beside the sending."""
        self._finished.clear()
        settling = asyncio.create_task(self._guarded(self._settle_beside()))
        try:
            while self._d.stopping is None:
                self._d.changed.clear()
                await self._guarded(self._groups.make_missing())
                await asyncio.gather(*(self._guarded(self._batch(b)) for b in batch_ids))
                await self._guarded(self._d.write(self._promote))
                if not await self._wait_for_more(batch_ids):
                    break
        finally:
            self._finished.set()
            await settling
            await self._guarded(self._d.write(self._promote))
            await self._guarded(self._d.store_reads())

    async def _guarded(self, work: Awaitable[None]) -> None:
        """A failure stops the run, but what is in flight elsewhere is still recorded."""
        try:
            await work
        except SyncError as error:
            self._d.stop(error)

    async def _settle_beside(self) -> None:
        while self._d.stopping is None and not self._finished.is_set():
            wait = await self._settler.settle_due()
            if wait == 0.0:
                self._d.changed.set()
                continue
            if not math.isinf(wait):
                self._d.progress.in_doubt(len(await self._settler.open_doubts()), wait)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._finished.wait(), min(wait, TICK_S))

    async def _wait_for_more(self, batch_ids: Sequence[str]) -> bool:
        """Wait until something can move again; False when nothing will."""
        d = self._d
        doubts = await self._settler.open_doubts()
        if d.changed.is_set():
            return True  # something was sent or settled since the last pass
        if self._settler.busy:
            wait = TICK_S
        elif doubts:
            wait = await d.read(self._settler.shortest_wait, doubts)
            if wait > 0 and not self._waits and await self._ready_at(batch_ids) is None:
                return False
            d.progress.waiting(
                f"{len(doubts)} request(s) without a certain answer are looked up", wait
            )
        else:
            ready = await self._ready_at(batch_ids)
            if ready is None:
                return False
            wait = max(0.0, ready - time.monotonic())
        with suppress(TimeoutError):
            await asyncio.wait_for(d.changed.wait(), min(max(wait, BREATH_S), TICK_S))
        return True

    async def _ready_at(self, batch_ids: Sequence[str]) -> float | None:
        """When the next waiting row may go (monotonic clock); None when none can."""
        d = self._d
        known = await self._groups.all()
        nearest = math.inf
        for batch_id in batch_ids:
            for unit in Unit:
                doubtful = await d.read(staging.doubtful_keys, d.tables, d.run.board_id)
                async for rows in self._waiting(unit, batch_id):
                    for row in rows:
                        if not _blocked(row, known, doubtful):
                            nearest = min(nearest, d.not_before.get((unit, row.stg_id), 0.0))
        return None if math.isinf(nearest) else nearest

    # One batch

    async def _batch(self, batch_id: str) -> None:
        d = self._d
        with bound_contextvars(batch_id=batch_id):
            await self._send_unit(Unit.ITEM, batch_id)
            await d.write(self._after_items, batch_id)
            await self._send_unit(Unit.SUBITEM, batch_id)
            await d.write(self._after_lines, batch_id)

    async def _send_unit(self, unit: Unit, batch_id: str) -> None:
        """Send the rows of one unit until none is ready."""
        sent = True
        while sent and self._d.stopping is None:
            sent = False
            held = set(self._d.held)  # a row read while somebody held it may have moved on since
            async for rows in self._waiting(unit, batch_id):
                groups = await self._groups.all() if unit is Unit.ITEM else {}
                ready = await self._ready(unit, rows, groups, held)
                cargoes = self._cargoes(unit, batch_id, ready, groups)
                await asyncio.gather(*(self._guarded(self._sender.send(c)) for c in cargoes))
                sent = sent or bool(ready)
                held = set(self._d.held)

    async def _waiting(self, unit: Unit, batch_id: str) -> AsyncIterator[list[StagedRow]]:
        """The waiting rows of a batch, so many at a time that they fit into memory."""
        d, after = self._d, 0
        while d.stopping is None:
            rows = await d.read(
                staging.waiting_rows, d.tables, unit, d.run, batch_id, after, AT_ONCE
            )
            if not rows:
                return
            after = rows[-1].stg_id
            yield rows

    async def _ready(
        self, unit: Unit, rows: Sequence[StagedRow], groups: dict[str, GroupRow],
        held: set[tuple[Unit, int]],
    ) -> list[StagedRow]:  # fmt: skip
        """Those rows that may go now."""
        d = self._d
        doubtful = await d.read(staging.doubtful_keys, d.tables, d.run.board_id)
        now = time.monotonic()
        return [
            row
            for row in rows
            if not _blocked(row, groups, doubtful)
            and (unit, row.stg_id) not in held | d.held
            and d.not_before.get((unit, row.stg_id), 0.0) <= now
        ]

    def _cargoes(
        self, unit: Unit, batch_id: str, rows: Sequence[StagedRow], groups: dict[str, GroupRow]
    ) -> list[RowCargo]:
        """Rows in documents; those that must bring new labels along travel by themselves."""
        new_labels = {row.stg_id: text for row in rows if (text := self._new_labels(row))}
        plain = [row for row in rows if row.stg_id not in new_labels]
        labelled = [row for row in rows if row.stg_id in new_labels]
        cargoes = []
        for some in (*self._cut(unit, plain), *self._cut(unit, labelled)):
            brought = {
                row.stg_id: new_labels[row.stg_id] for row in some if row.stg_id in new_labels
            }
            build = partial(self._document, unit, groups=groups, labels=bool(brought))
            cargoes.append(RowCargo(build(some), batch_id, unit, some, build, brought))
        return cargoes

    def _cut(self, unit: Unit, rows: Sequence[StagedRow]) -> list[list[StagedRow]]:
        """Rows of one document each, as many as are answered in good time."""
        sizing = self._d.gate.sizing

        def most(operation: Operation) -> int:
            return sizing.rows(kind_of(operation, is_line=unit is Unit.SUBITEM))

        return documents_of(rows, most)

    def _new_labels(self, row: StagedRow) -> str:
        """Labels the board lacks and the row would have to create, for people; usually none."""
        d = self._d
        if not d.create_labels:
            return ""
        if row.unit is Unit.SUBITEM:
            label = d.board.subitem_label
            writes_label = row.operation is Operation.CREATE or label.title in row.fields
            cells = {label.title: row.payload["label"]} if writes_label else {}
            columns = {label.title: label}
        else:
            cells = {
                title: cell["labels"][0] if cell.get("labels") else cell.get("label")
                for title, cell in row.payload["values"].items()
                if isinstance(cell, dict)
            }
            columns = dict(d.board.columns)
        missing = [
            f'{title} "{text}"'
            for title, text in cells.items()
            if text and columns[title].type in LABEL_TYPES and columns[title].label(text) is None
        ]
        return ", ".join(missing)

    def _document(
        self, unit: Unit, rows: Sequence[StagedRow], groups: dict[str, GroupRow], *, labels: bool
    ) -> Document:
        board = self._d.board
        operation = rows[0].operation
        if unit is Unit.SUBITEM:
            if operation is Operation.CREATE:
                return documents.create_subitems(
                    [
                        (
                            r.parent_item_id or "",
                            r.payload["name"],
                            self._line_values(r) | _line_key(r, board),
                        )
                        for r in rows
                    ],
                    create_labels=labels,
                )
            return documents.update_items(
                [(r.item_id or "", self._line_values(r) | _new_name(r)) for r in rows],
                board.subitem_board_id,
                create_labels=labels,
            )
        if operation is Operation.CREATE:
            return documents.create_items(
                [
                    (
                        _group_id(r, groups),
                        r.payload["name"],
                        self._item_values(r) | _item_key(r, board),
                    )
                    for r in rows
                ],
                board.board_id,
                create_labels=labels,
            )
        if operation is Operation.MOVE:
            return documents.move_items([(r.item_id or "", _group_id(r, groups)) for r in rows])
        if operation is Operation.REMOVE:
            return documents.archive_items([r.item_id or "" for r in rows])
        return documents.update_items(
            [(r.item_id or "", self._item_values(r) | _new_name(r)) for r in rows],
            board.board_id,
            create_labels=labels,
        )

    def _item_values(self, row: StagedRow) -> dict[str, object]:
        columns = self._d.board.columns
        return {columns[title].id: value for title, value in row.payload["values"].items()}

    def _line_values(self, row: StagedRow) -> dict[str, object]:
        """Label and pieces of a new subitem; of another, those that changed."""
        board, mapping = self._d.board, self._d.mapping
        values = size_values(mapping, row.payload["label"], row.payload["quantity"])
        columns = {
            mapping.sizes.label_title: board.subitem_label,
            mapping.sizes.quantity_title: board.subitem_quantity,
        }
        return {
            columns[title].id: wire_value(columns[title].type, value)
            for title, value in values.items()
            if row.operation is Operation.CREATE or title in row.fields
        }

    def _after_items(self, conn: Connection, batch_id: str) -> None:
        d = self._d
        staging.hand_down_parents(conn, d.tables, batch_id)
        self._fail_groupless(conn, batch_id)
        self._fail_orphans(conn)
        self._promote(conn)
        if not staging.has_waiting(conn, d.tables, Unit.ITEM, batch_id):
            batches.reach(conn, d.tables, [batch_id], BatchState.ITEMS_CREATED)

    def _after_lines(self, conn: Connection, batch_id: str) -> None:
        d = self._d
        self._promote(conn)
        if staging.has_waiting(conn, d.tables, Unit.ITEM, batch_id):
            return
        if not staging.has_waiting(conn, d.tables, Unit.SUBITEM, batch_id):
            batches.reach(conn, d.tables, [batch_id], BatchState.SUBITEMS_CREATED)
            batches.reach(conn, d.tables, [batch_id], BatchState.PROMOTED)

    def _promote(self, conn: Connection) -> None:
        d = self._d
        promotion.promote(conn, d.tables, d.mapping, d.run, d.board.subitem_board_id)

    def _fail_groupless(self, conn: Connection, batch_id: str) -> None:
        """Order lines whose group monday.com refuses cannot be sent; there is no default group."""
        d = self._d
        refused_groups = staging.refused_groups(conn, d.tables, d.run.board_id)
        rows = [
            row
            for row in staging.waiting_rows(conn, d.tables, Unit.ITEM, d.run, batch_id)
            if row.group_key in refused_groups and row.operation in _INTO_GROUPS
        ]
        self._fail(
            conn, rows, "group_failed",
            lambda row: (
                f'the group "{row.payload["group"]}" could not be made: '
                f"{refused_groups[row.group_key or '']}"
            ),
        )  # fmt: skip

    def _fail_orphans(self, conn: Connection) -> None:
        d = self._d
        self._fail(
            conn, staging.orphaned_lines(conn, d.tables, d.run.board_id), "parent_failed",
            lambda _: "its order line was refused: it is sent again together with that",
        )  # fmt: skip

    def _fail(
        self, conn: Connection, rows: Sequence[StagedRow], code: str,
        message: Callable[[StagedRow], str],
    ) -> None:  # fmt: skip
        d = self._d
        units = {unit: [row for row in rows if row.unit is unit] for unit in Unit}
        for unit, some in units.items():
            staging.record_outcomes(
                conn, d.tables, unit,
                [
                    Outcome(
                        row, Event.PARENT_FAILED, error_type=code, error_message=message(row)
                    )
                    for row in some
                ],
            )  # fmt: skip
        refused.store_errors(
            conn, d.tables, d.run,
            (staged_error(row, code, "board", message(row)) for row in rows),
        )  # fmt: skip
        events.add_events(
            conn, d.tables, d.run,
            (
                OrderEvent(row.order_key, Event.PARENT_FAILED, code, row.size_key, row.batch_id)
                for row in rows
            ),
        )  # fmt: skip


_INTO_GROUPS = (Operation.CREATE, Operation.MOVE)


def _blocked(row: StagedRow, groups: dict[str, GroupRow], doubtful: frozenset[str]) -> bool:
    """Whether a row has to wait for something else to be settled or made."""
    if row.order_key in doubtful:
        return True
    if row.unit is Unit.SUBITEM:
        return row.operation is Operation.CREATE and row.parent_item_id is None
    if row.operation not in _INTO_GROUPS:
        return False
    group = groups.get(row.group_key or "")
    return group is None or group.state is not RowState.API_SUCCESS


def _group_id(row: StagedRow, groups: dict[str, GroupRow]) -> str:
    return groups[row.group_key or ""].group_id or ""


def _new_name(row: StagedRow) -> dict[str, object]:
    return {"name": row.payload["name"]} if NAME in row.fields else {}


def _item_key(row: StagedRow, board: BoardMap) -> dict[str, object]:
    """Our own key, where the board keeps it."""
    return {} if board.sync_key is None else {board.sync_key.id: row.order_key}


def _line_key(row: StagedRow, board: BoardMap) -> dict[str, object]:
    if board.subitem_sync_key is None:
        return {}
    return {board.subitem_sync_key.id: subitem_key(row.order_key, row.size_key or "")}
