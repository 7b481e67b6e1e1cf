"""Which order lines there are of an order, and where each stands, in short.

Every function reads only, and takes tables that do not exist as empty ones. An order is asked for
on one board, so that each query can use an index: they begin with the board.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, func, or_, select

from order_sync.db import refused, staging
from order_sync.db.conditions import is_or_belongs_to
from order_sync.db.reports import exists
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit
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


def _is_or_belongs_to(key: str) -> _Among:
    return lambda t: is_or_belongs_to(t.c.order_key, key)


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
        live = [in_hand(t)] if "stg_status" in t.c else []
        query = (
            select(t.c.order_key)
            .where(t.c.board_id == board_id, among(t), *live)
            .distinct()
            .order_by(t.c.order_key)
            .limit(limit)
        )
        found.update(conn.execute(query).scalars())
    return sorted(found)[:limit]


def in_hand(t: Table) -> ColumnElement[bool]:
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
            .where(t.c.board_id == board_id, among(t), in_hand(t))
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
