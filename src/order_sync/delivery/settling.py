"""Unknown outcomes: what became of a request nobody heard the end of.

A create is never repeated before it was looked up, after every lag it may still be hidden by.
An update needs no look-up, but waits until a late first copy can no longer overwrite it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
import structlog
from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from order_sync.db import engine, events, groups, refused, runs, staging
from order_sync.db.events import OrderEvent
from order_sync.db.groups import GroupRow
from order_sync.db.runs import Doubt
from order_sync.db.staging import Outcome, StagedRow, Unit
from order_sync.delivery.cargo import GroupCargo, RowCargo, staged_error
from order_sync.delivery.context import Delivery
from order_sync.delivery.groups import first_by_title
from order_sync.delivery.lookup import items_by_key, subitems_by_key
from order_sync.delivery.sender import Sender
from order_sync.errors import StaleFence, SyncError
from order_sync.monday.board import read_board
from order_sync.monday.documents import Document, Kind, text
from order_sync.monday.lookup import read_items
from order_sync.rules.batching import halved
from order_sync.rules.states import Event, RequestState, RowState
from order_sync.rules.values import key_part

log = structlog.get_logger()

KEY_LIFE = timedelta(minutes=25)  # monday.com forgets an idempotency key after 30 minutes
TRIES = 3  # failed look-ups after which the doubt is left to a later run
PAUSE_S = 5.0  # between failed look-ups

PayloadsNow = Callable[[frozenset[str]], dict[tuple[str, str | None], str]]

_CREATES = {Kind.CREATE_ITEMS: Unit.ITEM, Kind.CREATE_SUBITEMS: Unit.SUBITEM}


@dataclass(frozen=True)
class _Found:
    """What the board shows for one row."""

    ids: tuple[str, ...]
    group_id: str = ""  # of the first item; "" for size lines


class Settler:
    """Settles the doubts of a board, beside the run that sends."""

    def __init__(self, delivery: Delivery, sender: Sender, payloads_now: PayloadsNow) -> None:
        """`payloads_now`: what the source wants now for order keys (called in a thread)."""
        self._d = delivery
        self._sender = sender
        self._payloads_now = payloads_now
        self._failures: dict[str, int] = {}
        self.last_error: SyncError | None = None
        self.busy = False  # a doubt is being settled right now

    async def open_doubts(self) -> list[Doubt]:
        """Doubts this run can still settle."""
        d = self._d
        doubts = await d.read(runs.doubts, d.tables, d.run.board_id)
        return [x for x in doubts if self._failures.get(x.request.request_id, 0) < TRIES]

    async def settle_due(self) -> float:
        """Settle every doubt whose time has come.

        Returns:
            Seconds until the next one is due; infinity when there is none.
        """
        nearest = math.inf
        for doubt in await self.open_doubts():
            if self._d.stopping is not None:
                return math.inf
            wait = await self._d.read(self._seconds_until_due, doubt)
            if wait > 0:
                nearest = min(nearest, wait)
                continue
            self.busy = True
            try:
                with bound_contextvars(batch_id=doubt.batch_id):
                    await self._settle(doubt)
                    log.info("doubt settled", kind=doubt.kind, request_id=doubt.request.request_id)
            except StaleFence:
                raise  # another run has the board now
            except SyncError as error:
                # A failed look-up decides nothing; the rows stay in doubt.
                key = doubt.request.request_id
                self._failures[key] = self._failures.get(key, 0) + 1
                self.last_error = error
                await asyncio.sleep(PAUSE_S if self._failures[key] < TRIES else 0)
                nearest = 0.0
            else:
                nearest = 0.0
            finally:
                self.busy = False
                self._d.changed.set()
        return nearest

    def shortest_wait(self, conn: Connection, doubts: Sequence[Doubt]) -> float:
        """Seconds until the first of these is due, 0 at least."""
        return max(0.0, min(self._seconds_until_due(conn, doubt) for doubt in doubts))

    def _seconds_until_due(self, conn: Connection, doubt: Doubt) -> float:
        monday = self._d.settings.monday
        lag = monday.send_window_s + monday.server_limit_s
        if doubt.kind in (*_CREATES, Kind.CREATE_GROUPS, Kind.ARCHIVE_ITEMS):
            lag += monday.read_lag_s
        due: datetime = doubt.last_sent_at + timedelta(seconds=lag)
        return (due - engine.now(conn)).total_seconds()

    async def _settle(self, doubt: Doubt) -> None:
        unit = _CREATES.get(Kind(doubt.kind))
        if doubt.kind == Kind.CREATE_GROUPS:
            await self._settle_groups(doubt)
        elif unit is not None:
            await self._settle_creates(doubt, unit)
        elif doubt.kind == Kind.ARCHIVE_ITEMS:
            await self._settle_archives(doubt)
        else:
            await self._d.write(self._release_updates, doubt)

    # Creates

    async def _settle_creates(self, doubt: Doubt, unit: Unit) -> None:
        d = self._d
        request_id = doubt.request.request_id
        rows = await d.read(
            staging.rows_of_request, d.tables, unit, request_id, RowState.UNCONFIRMED
        )
        found = await (self._find_items(rows) if unit is Unit.ITEM else self._find_lines(rows))
        if rows and not any(f.ids for f in found) and await self._may_replay(doubt, rows):
            cargo = RowCargo(_document(doubt, len(rows)), doubt.batch_id, unit, rows)
            await self._sender.send_again(cargo, doubt.request, doubt.body)
            d.touched.update(row.order_key for row in rows if row.run_id != d.run.run_id)
            return
        await d.write(self._decide, doubt, unit, rows, found)
        d.touched.update(
            row.order_key
            for row, f in zip(rows, found, strict=True)
            if f.ids or row.run_id != d.run.run_id
        )

    async def _find_items(self, rows: Sequence[StagedRow]) -> list[_Found]:
        texts = [str(row.payload["order_number"]) for row in rows]
        customers = {row.order_key: row.customer for row in rows}
        by_key = await items_by_key(self._d, texts, customers)
        hits = [by_key.get(row.order_key, []) for row in rows]
        return [_Found(tuple(h.id for h in hit), hit[0].group_id if hit else "") for hit in hits]

    async def _find_lines(self, rows: Sequence[StagedRow]) -> list[_Found]:
        parents = {row.parent_item_id: row.order_key for row in rows if row.parent_item_id}
        by_parent = await subitems_by_key(self._d, parents)
        return [
            _Found(
                tuple(
                    hit.id
                    for hit in by_parent.get(row.parent_item_id or "", {}).get(
                        row.size_key or "", ()
                    )
                )
            )
            for row in rows
        ]

    async def _may_replay(self, doubt: Doubt, rows: Sequence[StagedRow]) -> bool:
        """Whether the same key may be used once more: young enough, unused, still wanted."""
        d = self._d
        age = await d.read(lambda conn: engine.now(conn) - doubt.first_sent_at)
        if doubt.replays or age >= KEY_LIFE or len(rows) < len(_row_variables(doubt.body)):
            return False
        if doubt.run_id == d.run.run_id:
            return True
        keys = frozenset(row.order_key for row in rows)
        wanted = await d.in_thread(self._payloads_now, keys)
        return all(wanted.get((r.order_key, r.size_key)) == r.payload_hash for r in rows)

    def _decide(
        self, conn: Connection, doubt: Doubt, unit: Unit, rows: Sequence[StagedRow],
        found: Sequence[_Found],
    ) -> None:  # fmt: skip
        d = self._d
        some = any(f.ids for f in found)
        outcomes = [
            self._outcome(
                row, f.ids, alone=len(rows) == 1, limit=None if some else halved(len(rows))
            )
            for row, f in zip(rows, found, strict=True)
        ]
        staging.record_outcomes(conn, d.tables, unit, outcomes)
        if unit is Unit.ITEM:
            self._note_groups(conn, rows, found)
        refused.store_errors(
            conn, d.tables, d.run,
            (
                staged_error(
                    o.row, o.error_type, o.error_class, o.error_message,
                    request_id=doubt.request.request_id,
                )
                for o in outcomes
                if o.event is Event.GIVEN_UP
            ),
        )  # fmt: skip
        events.add_events(conn, d.tables, d.run, (_event(o, doubt) for o in outcomes))
        runs.set_request_state(conn, d.tables, doubt.request.request_id, RequestState.SETTLED)

    def _note_groups(
        self, conn: Connection, rows: Sequence[StagedRow], found: Sequence[_Found]
    ) -> None:
        """An item that stands in another group than asked for is known to stand there."""
        d = self._d
        known = groups.read_groups(conn, d.tables, d.run.board_id)
        titles = {group.group_id: group.title for group in known.values()}
        for row, f in zip(rows, found, strict=True):
            if len(f.ids) == 1 and f.group_id != known[row.group_key or ""].group_id:
                title = titles.get(f.group_id, "")
                staging.set_group(conn, d.tables, row, title, key_part(title))

    def _outcome(
        self, row: StagedRow, ids: tuple[str, ...], *, alone: bool, limit: int | None
    ) -> Outcome:
        if len(ids) == 1:
            return Outcome(row, Event.FOUND, item_id=ids[0], acknowledged=False)
        if len(ids) > 1:
            return Outcome(
                row,
                Event.GIVEN_UP,
                error_type="duplicate_on_board",
                error_class="board",
                error_message=(
                    f"the board holds this {row.unit} {len(ids)} times ({', '.join(ids)}): "
                    "remove all but one on the board, then let it be sent again"
                ),
            )
        if alone and row.attempts >= self._d.settings.monday.max_attempts:
            return Outcome(
                row,
                Event.GIVEN_UP,
                error_type="outcome_unknown",
                error_class="unknown",
                error_message=(
                    f"monday.com gave no usable answer {row.attempts} times and the board does "
                    "not show it: look at the board and at monday.com's status, then let it be "
                    "sent again"
                ),
            )
        return Outcome(row, Event.NOT_FOUND, travel_limit=limit)

    # Updates

    def _release_updates(self, conn: Connection, doubt: Doubt) -> None:
        """Late copies can no longer arrive: the rows may go again with what is wanted now."""
        d = self._d
        for unit in Unit:
            rows = staging.rows_of_request(
                conn, d.tables, unit, doubt.request.request_id, RowState.UNCONFIRMED
            )
            outcomes = [Outcome(row, Event.SAFE_TO_REPEAT) for row in rows]
            staging.record_outcomes(conn, d.tables, unit, outcomes)
            events.add_events(conn, d.tables, d.run, (_event(o, doubt) for o in outcomes))
            d.touched.update(r.order_key for r in rows if r.run_id != d.run.run_id)
        runs.set_request_state(conn, d.tables, doubt.request.request_id, RequestState.SETTLED)

    async def _settle_archives(self, doubt: Doubt) -> None:
        """An order may have come back to the source meanwhile: is its item still there?"""
        d = self._d
        rows = await d.read(
            staging.rows_of_request, d.tables, Unit.ITEM, doubt.request.request_id,
            RowState.UNCONFIRMED,
        )  # fmt: skip
        ids = [row.item_id for row in rows if row.item_id is not None]
        active = {row.id async for row in read_items(d.client, ids, {}) if row.state == "active"}
        await d.write(self._decide_archives, doubt, rows, active)

    def _decide_archives(
        self, conn: Connection, doubt: Doubt, rows: Sequence[StagedRow], active: set[str]
    ) -> None:
        d = self._d
        outcomes = [
            Outcome(row, Event.SAFE_TO_REPEAT)
            if row.item_id in active
            else Outcome(row, Event.FOUND, item_id=row.item_id)
            for row in rows
        ]
        staging.record_outcomes(conn, d.tables, Unit.ITEM, outcomes)
        events.add_events(conn, d.tables, d.run, (_event(o, doubt) for o in outcomes))
        d.touched.update(row.order_key for row in rows)
        runs.set_request_state(conn, d.tables, doubt.request.request_id, RequestState.SETTLED)

    # Groups

    async def _settle_groups(self, doubt: Doubt) -> None:
        d = self._d
        board = await read_board(d.client, d.board.board_id)
        first, _ = first_by_title(board.groups)
        waiting = await d.read(
            groups.groups_of_request, d.tables, d.run.board_id, doubt.request.request_id,
            RowState.UNCONFIRMED,
        )  # fmt: skip
        seen = [first.get(group.title_key) for group in waiting]
        age = await d.read(lambda conn: engine.now(conn) - doubt.first_sent_at)
        whole = len(waiting) == len(_row_variables(doubt.body))
        if waiting and whole and not any(seen) and not doubt.replays and age < KEY_LIFE:
            cargo = GroupCargo(_document(doubt, len(waiting)), waiting)
            await self._sender.send_again(cargo, doubt.request, doubt.body)
            return
        await d.write(
            self._decide_groups, doubt, waiting, [None if g is None else g.id for g in seen]
        )

    def _decide_groups(
        self, conn: Connection, doubt: Doubt, waiting: Sequence[GroupRow],
        ids: Sequence[str | None],
    ) -> None:  # fmt: skip
        d = self._d
        for group, group_id in zip(waiting, ids, strict=True):
            if group_id is not None:
                groups.move_group(conn, d.tables, d.run, group, Event.FOUND, group_id=group_id)
            elif group.attempts + 1 >= d.settings.monday.max_attempts:
                groups.move_group(
                    conn, d.tables, d.run, group, Event.GIVEN_UP,
                    error_type="outcome_unknown",
                    error_message="monday.com gave no usable answer to the group's creation",
                )  # fmt: skip
            else:
                groups.move_group(
                    conn, d.tables, d.run, group, Event.NOT_FOUND, attempts=group.attempts + 1
                )
        runs.set_request_state(conn, d.tables, doubt.request.request_id, RequestState.SETTLED)


def _row_variables(body: bytes) -> list[str]:
    """Aliases' names in a stored body: one per row."""
    variables = orjson.loads(body)["variables"]
    return [name for name in variables if name.startswith(("name", "title"))]


def _document(doubt: Doubt, rows: int) -> Document:
    """What the ledger and the sender need to know of a stored body; its bytes are sent as is."""
    kind = Kind(doubt.kind)
    return Document(kind, text(kind, rows), {}, rows)


def _event(outcome: Outcome, doubt: Doubt) -> OrderEvent:
    row = outcome.row
    return OrderEvent(
        row.order_key, outcome.event, outcome.error_message, row.size_key, row.batch_id,
        doubt.request.request_id,
    )  # fmt: skip
