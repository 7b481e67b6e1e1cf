"""The story of one order line, as the state tables have it.

Every function reads only, and takes tables that do not exist as empty ones. An order is asked for
on one board, so that each query can use an index: they begin with the board.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    func,
    or_,
    select,
)

from order_sync.db import refused, reports, staging
from order_sync.db.reports import ErrorDetail, exists
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit, chunks
from order_sync.rules.states import IN_DOUBT, LIVE_STATES, RowState
from order_sync.rules.values import key_parts, order_key

_AFTER_ANY = "\U0010ffff"  # no key goes on with it, so it ends the range of a prefix


class Standing(StrEnum):
    """Where an order line is, in one word; the first that fits."""

    IN_DOUBT = "in_doubt"  # monday.com's answer to a part of it is missing
    WAITING = "waiting"  # staged, and not promoted yet
    REFUSED = "refused"  # a refusal is open
    INCOMPLETE = "incomplete"  # on the board, but not all of it is acknowledged
    ON_BOARD = "on_board"  # on the board as the source had it
    NOT_ON_BOARD = "not_on_board"  # only its history is left


@dataclass(frozen=True)
class Brief:
    """An order line in short."""

    board_id: str
    order_key: str
    item_id: str | None = None  # None: the board is not known to hold it
    group: str | None = None
    is_acknowledged: bool = False  # monday.com has acknowledged all of it
    size_lines: int = 0  # on the board
    in_doubt: int = 0  # rows whose outcome is unknown
    waiting: int = 0  # other rows in hand
    refused: tuple[str, ...] = ()  # codes of the open refusals, of size lines too
    last_event_at: datetime | None = None

    @property
    def standing(self) -> Standing:
        if self.in_doubt:
            return Standing.IN_DOUBT
        if self.waiting:
            return Standing.WAITING
        if self.refused:
            return Standing.REFUSED
        if self.item_id is None:
            return Standing.NOT_ON_BOARD
        return Standing.ON_BOARD if self.is_acknowledged else Standing.INCOMPLETE


@dataclass(frozen=True)
class HeldItem:
    """The item, as the board is known to hold it."""

    item_id: str
    name: str
    group: str
    group_id: str
    customer: str
    payload_hash: str | None  # None: not acknowledged
    source_hash: str | None  # None: a part of the order is not acknowledged
    created_at: datetime
    updated_at: datetime
    last_run_id: str


@dataclass(frozen=True)
class HeldLine:
    """A subitem, as the board is known to hold it."""

    size_key: str
    size: str
    subitem_id: str
    pieces: int
    payload_hash: str | None  # None: not acknowledged
    updated_at: datetime
    last_run_id: str


@dataclass(frozen=True)
class InHand:
    """A staged row that is not at its end."""

    unit: Unit
    size_key: str  # "" for the order line
    operation: str
    change: str | None
    state: str
    item_id: str | None  # of the item or subitem, once known
    fields: str | None  # JSON list: what is written
    attempts: int
    next_try_at: datetime | None
    run_id: str
    batch_id: str
    request_id: str | None
    staged_at: datetime


@dataclass(frozen=True)
class Happening:
    """One line of the order's biography."""

    at: datetime
    event: str
    level: str  # info | warning
    detail: str | None
    size_key: str | None
    run_id: str
    batch_id: str | None
    request_id: str | None


@dataclass(frozen=True)
class Carrier:
    """A request that carried a part of the order; others' parts may have been in it, too."""

    request_id: str
    kind: str
    run_id: str
    state: str
    first_sent_at: datetime
    last_sent_at: datetime
    send_no: int  # how often the same bytes went out
    answered_at: datetime | None
    http_status: int | None
    error_code: str | None
    duration_ms: float | None
    cost: int | None  # complexity points, of the whole request
    monday_request_id: str | None


@dataclass(frozen=True)
class Biography:
    """Everything the state tables know of one order line on one board."""

    brief: Brief
    item: HeldItem | None
    lines: tuple[HeldLine, ...]
    in_hand: tuple[InHand, ...]
    events: tuple[Happening, ...]  # oldest first, the newest of all there are
    events_in_all: int
    requests: tuple[Carrier, ...]  # oldest first, the newest of all there are
    requests_in_all: int
    errors: tuple[ErrorDetail, ...]  # oldest first, closed ones too


# Which orders ------------------------------------------------------------------------------------


def boards(conn: Connection, tables: Tables) -> list[str]:
    """Every board a run has worked on."""
    if not exists(conn, tables.runs):
        return []
    return list(
        conn.execute(select(tables.runs.c.board_id).distinct().order_by("board_id")).scalars()
    )


def briefs(conn: Connection, tables: Tables, board_id: str, key: str) -> list[Brief]:
    """The order line with this key, or every one with this order number, by key.

    Args:
        key: in the form `rules.values.parse_key` gives it.
    """
    among = _is_or_belongs_to(key)
    found: dict[str, Brief] = {
        known: Brief(board_id, known) for known in _keys(conn, tables, board_id, among, None)
    }
    for change in (_from_board, _from_staging, _from_errors, _from_events):
        change(conn, tables, board_id, among, found)
    return [found[known] for known in sorted(found)]


def near_keys(conn: Connection, tables: Tables, board_id: str, key: str, limit: int) -> list[str]:
    """Known keys that `key` may have meant: of the same order number, else those it begins."""
    number = order_key(key_parts(key)[:1])
    same = _keys(conn, tables, board_id, _is_or_belongs_to(number), limit)
    return same or _keys(conn, tables, board_id, _begins_with(number), limit)


def keys_by_value(
    conn: Connection, tables: Tables, board_id: str, fields: Iterable[str], text: str, limit: int
) -> list[str]:
    """Keys of the orders on the board that have `text`, whatever its case, in one of `fields`."""
    p = tables.production
    if not exists(conn, p):
        return []
    wanted = text.casefold()
    same = or_(*(func.lower(p.c[field]) == wanted for field in fields))
    query = select(p.c.order_key).where(p.c.board_id == board_id, same).limit(limit)
    return list(conn.execute(query).scalars())


_Among = Callable[[Table], ColumnElement[bool]]


def _is(key: str) -> _Among:
    return lambda t: t.c.order_key == key


def _is_or_belongs_to(key: str) -> _Among:
    """The key itself; of an order number, every key that goes on after it."""
    if len(key_parts(key)) > 1:
        return _is(key)
    # A range, because LIKE does not use the index of SQLite; "}" is the character after "|". The
    # first two conditions say nothing new, but an index can use them as a whole.
    return lambda t: and_(
        t.c.order_key >= key,
        t.c.order_key < f"{key}}}",
        or_(t.c.order_key == key, t.c.order_key >= f"{key}|"),
    )


def _begins_with(prefix: str) -> _Among:
    return lambda t: and_(t.c.order_key >= prefix, t.c.order_key < prefix + _AFTER_ANY)


def _keys(
    conn: Connection, tables: Tables, board_id: str, among: _Among, limit: int | None
) -> list[str]:
    """Order keys that any table knows, in alphabetical order."""
    found: set[str] = set()
    for t in (
        tables.production, tables.staging, tables.staging_subitems, tables.errors,
        tables.errors_subitems, tables.events,
    ):  # fmt: skip
        if not exists(conn, t):
            continue
        live = [_in_hand(t)] if "stg_status" in t.c else []
        query = (
            select(t.c.order_key)
            .where(t.c.board_id == board_id, among(t), *live)
            .distinct()
            .order_by(t.c.order_key)
            .limit(limit)
        )
        found.update(conn.execute(query).scalars())
    return sorted(found)[:limit]


def _in_hand(t: Table) -> ColumnElement[bool]:
    """Condition on a staging table, written out so that its partial index can be used."""
    live = [state.value for state in LIVE_STATES]
    is_live = t.c.stg_status.in_(bindparam("live", live, expanding=True, literal_execute=True))
    # True of every size line; it makes SQLite prefer that index to the one by state.
    return and_(is_live, t.c.size_key >= "") if "size_key" in t.c else is_live


# In short ----------------------------------------------------------------------------------------


def _from_board(
    conn: Connection, tables: Tables, board_id: str, among: _Among, found: dict[str, Brief]
) -> None:
    p, s = tables.production, tables.production_subitems
    if not (exists(conn, p) and exists(conn, s)):
        return
    lines = conn.execute(
        select(s.c.order_key, func.count(), func.count(s.c.payload_hash))
        .where(s.c.board_id == board_id, among(s))
        .group_by(s.c.order_key)
    )
    counts = {key: (there, acknowledged) for key, there, acknowledged in lines}
    for row in conn.execute(
        select(p.c.order_key, p.c["Item ID"].label("item_id"), p.c.Group, p.c.payload_hash).where(
            p.c.board_id == board_id, among(p)
        )
    ):
        there, acknowledged = counts.get(row.order_key, (0, 0))
        found[row.order_key] = replace(
            found[row.order_key],
            item_id=row.item_id,
            group=row.Group,
            is_acknowledged=row.payload_hash is not None and there == acknowledged,
            size_lines=there,
        )


def _from_staging(
    conn: Connection, tables: Tables, board_id: str, among: _Among, found: dict[str, Brief]
) -> None:
    for unit in Unit:
        t = staging.table_of(tables, unit)
        if not exists(conn, t):
            continue
        rows = conn.execute(
            select(t.c.order_key, t.c.stg_status, func.count())
            .where(t.c.board_id == board_id, among(t), _in_hand(t))
            .group_by(t.c.order_key, t.c.stg_status)
        )
        for key, state, count in rows:
            what = "in_doubt" if RowState(state) in IN_DOUBT else "waiting"
            found[key] = replace(found[key], **{what: getattr(found[key], what) + count})


def _from_errors(
    conn: Connection, tables: Tables, board_id: str, among: _Among, found: dict[str, Brief]
) -> None:
    for unit in Unit:
        t = refused.table_of(tables, unit)
        if not exists(conn, t):
            continue
        rows = conn.execute(
            select(t.c.order_key, t.c.error_type)
            .where(t.c.board_id == board_id, among(t), t.c.resolved_date.is_(None))
            .distinct()
            .order_by(t.c.order_key, t.c.error_type)
        )
        for key, code in rows:
            codes = dict.fromkeys((*found[key].refused, code))
            found[key] = replace(found[key], refused=tuple(codes))


def _from_events(
    conn: Connection, tables: Tables, board_id: str, among: _Among, found: dict[str, Brief]
) -> None:
    e = tables.events
    if not exists(conn, e):
        return
    rows = conn.execute(
        select(e.c.order_key, func.max(e.c.at))
        .where(e.c.board_id == board_id, among(e))
        .group_by(e.c.order_key)
    )
    for key, at in rows:
        found[key] = replace(found[key], last_event_at=at)


# In full -----------------------------------------------------------------------------------------


def biography(conn: Connection, tables: Tables, brief: Brief, limit: int) -> Biography:
    """All about the order line of `brief`.

    Args:
        limit: at most so many events, and as many requests; the newest are kept.
    """
    board_id, key = brief.board_id, brief.order_key
    events, events_in_all = _events(conn, tables, board_id, key, limit)
    in_hand = _rows_in_hand(conn, tables, board_id, key)
    ids = _request_ids(conn, tables, board_id, key) | {r.request_id for r in in_hand}
    requests = _requests(conn, tables, sorted(i for i in ids if i is not None))
    errors = reports.errors_of_order(conn, tables, key, board_id=board_id)
    return Biography(
        brief=brief,
        item=_item(conn, tables, board_id, key),
        lines=tuple(_lines(conn, tables, board_id, key)),
        in_hand=tuple(in_hand),
        events=tuple(events),
        events_in_all=events_in_all,
        requests=tuple(requests[-limit:]),
        requests_in_all=len(requests),
        # A number without parts also matches the keys that go on after it.
        errors=tuple(error for error in errors if error.summary.order_key == key),
    )


def _item(conn: Connection, tables: Tables, board_id: str, key: str) -> HeldItem | None:
    p = tables.production
    if not exists(conn, p):
        return None
    row = conn.execute(
        select(
            p.c["Item ID"].label("item_id"), p.c.Title.label("name"), p.c.Group.label("group"),
            p.c.group_id, p.c.customer_name.label("customer"), p.c.payload_hash, p.c.source_hash,
            p.c.created_date.label("created_at"), p.c.UpdateDate.label("updated_at"),
            p.c.last_run_id,
        ).where(p.c.board_id == board_id, p.c.order_key == key)
    ).first()  # fmt: skip
    return None if row is None else HeldItem(**row._mapping)


def _lines(conn: Connection, tables: Tables, board_id: str, key: str) -> list[HeldLine]:
    s = tables.production_subitems
    if not exists(conn, s):
        return []
    rows = conn.execute(
        select(
            s.c.size_key, s.c.Size.label("size"), s.c.subitem_id, s.c["Order Qty"].label("pieces"),
            s.c.payload_hash, s.c.UpdateDate.label("updated_at"), s.c.last_run_id,
        )
        .where(s.c.board_id == board_id, s.c.order_key == key)
        .order_by(s.c.size_key)
    )  # fmt: skip
    return [HeldLine(**row._mapping) for row in rows]


def _rows_in_hand(conn: Connection, tables: Tables, board_id: str, key: str) -> list[InHand]:
    found: list[InHand] = []
    for unit in Unit:
        t = staging.table_of(tables, unit)
        if not exists(conn, t):
            continue
        rows = conn.execute(
            select(t)
            .where(t.c.board_id == board_id, t.c.order_key == key, _in_hand(t))
            .order_by(t.c.stg_id)
        )
        found += [_row_in_hand(unit, row) for row in rows]
    return found


def _row_in_hand(unit: Unit, row: Row[Any]) -> InHand:
    return InHand(
        unit=unit,
        size_key="" if unit is Unit.ITEM else row.size_key,
        operation=row.update_operation,
        change=row.change_type,
        state=row.stg_status,
        item_id=row._mapping[staging.id_column(unit)],
        fields=row.update_fields,
        attempts=row.stg_attempts,
        next_try_at=row.next_try_at,
        run_id=row.stg_run_id,
        batch_id=row.stg_batch_id,
        request_id=row.stg_request_id,
        staged_at=row.stg_created_date,
    )


def _events(
    conn: Connection, tables: Tables, board_id: str, key: str, limit: int
) -> tuple[list[Happening], int]:
    """The newest events, oldest first; and how many there are in all."""
    e = tables.events
    if not exists(conn, e):
        return [], 0
    mine = and_(e.c.board_id == board_id, e.c.order_key == key)
    columns = [e.c[name] for name in Happening.__dataclass_fields__]
    newest = conn.execute(
        select(*columns).where(mine).order_by(e.c.event_id.desc()).limit(limit)
    ).all()
    in_all = conn.execute(select(func.count()).select_from(e).where(mine)).scalar_one()
    return [Happening(**row._mapping) for row in reversed(newest)], in_all


def _request_ids(conn: Connection, tables: Tables, board_id: str, key: str) -> set[str | None]:
    e = tables.events
    if not exists(conn, e):
        return set()
    return set(
        conn.execute(
            select(e.c.request_id)
            .where(e.c.board_id == board_id, e.c.order_key == key, e.c.request_id.is_not(None))
            .distinct()
        ).scalars()
    )


def _requests(conn: Connection, tables: Tables, ids: Iterable[str]) -> list[Carrier]:
    """These requests, in the order they were first sent."""
    r = tables.requests
    if not exists(conn, r):
        return []
    columns = [r.c[name] for name in Carrier.__dataclass_fields__]
    found = [
        Carrier(**row._mapping)
        for chunk in chunks(list(ids))
        for row in conn.execute(select(*columns).where(r.c.request_id.in_(chunk)))
    ]
    return sorted(found, key=lambda request: (request.first_sent_at, request.request_id))
