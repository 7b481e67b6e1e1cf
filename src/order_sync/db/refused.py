"""ERR_*: every refused row, with what is wrong and what to do.

There is one open row per key and code; it closes itself when the row is sent or vanishes, or a
person closes it. Two decisions of a person outlast the row: what is ignored is not opened again
while it is the same, and what is forgotten is not opened again at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select, true, update

from order_sync.db import engine
from order_sync.db.runs import RunRef
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit, chunks
from order_sync.rules.resolutions import STANDING, Resolution

BY_SYNC = "order-sync"
MAX_TRIES = 12  # tries over all runs; after that a person decides


@dataclass(frozen=True)
class ErrorRow:
    """One refusal, ready to be stored."""

    unit: Unit
    order_key: str
    customer: str
    order_number: str
    error_type: str
    error_class: str
    error_message: str
    field: str = ""
    value: str = ""
    size_key: str = ""
    item_name: str | None = None
    group_name: str | None = None
    size_label: str | None = None
    order_qty: int | None = None
    parent_item_id: str | None = None
    http_status_code: int | None = None
    api_payload: str | None = None
    original_data: str | None = None
    payload_hash: str | None = None
    original_stg_id: int | None = None
    batch_id: str | None = None
    request_id: str | None = None
    retry_count: int = 0
    max_retries_reached: bool = True  # False: `next_try_at` says when it may go again
    next_try_at: datetime | None = None


def table_of(tables: Tables, unit: Unit) -> Table:
    return tables.errors if unit is Unit.ITEM else tables.errors_subitems


def store_errors(conn: Connection, tables: Tables, run: RunRef, errors: Iterable[ErrorRow]) -> None:
    """Insert refusals; an open row of the same key and code is brought up to date instead.

    What a person ignores, while it is the same, and what a person took out, opens no row.
    """
    given = list(errors)
    if not given:
        return
    at = engine.now(conn)
    decided = _Decided(decisions(conn, tables, run.board_id))
    for error in given:
        if decided.covers(error):
            continue
        t = table_of(tables, error.unit)
        values = _values(error, run)
        same = [
            t.c.board_id == run.board_id,
            t.c.order_key == error.order_key,
            t.c.error_type == error.error_type,
            t.c.resolved_date.is_(None),
        ]
        if error.unit is Unit.SUBITEM:
            same.append(t.c.size_key == error.size_key)
        before = conn.execute(select(t.c.err_id, t.c.retry_count).where(*same)).first()
        if before is None:
            conn.execute(t.insert().values(**values, created_date=at))
            continue
        values["retry_count"] += before.retry_count
        if values["retry_count"] >= MAX_TRIES:
            values |= {"max_retries_reached": True, "next_try_at": None}
        conn.execute(
            update(t).where(t.c.err_id == before.err_id).values(**values, last_retry_date=at)
        )


def _values(error: ErrorRow, run: RunRef) -> dict[str, Any]:
    values = {
        name: getattr(error, name)
        for name in (
            "order_key", "order_number", "error_type", "error_class", "error_message", "field",
            "value", "item_name", "group_name", "http_status_code", "api_payload",
            "original_data", "payload_hash", "original_stg_id", "batch_id", "request_id",
            "retry_count", "max_retries_reached", "next_try_at",
        )
    }  # fmt: skip
    if error.unit is Unit.SUBITEM:
        values |= {
            name: getattr(error, name)
            for name in ("size_key", "size_label", "order_qty", "parent_item_id")
        }
    return values | {
        "board_id": run.board_id,
        "run_id": run.run_id,
        "customer_batch": error.customer,
    }


def close_sent(
    conn: Connection, tables: Tables, run: RunRef, unit: Unit, keys: Sequence[tuple[str, str]]
) -> None:
    """Close the open rows of keys the board has acknowledged; size_key is "" for items."""
    t = table_of(tables, unit)
    of_line = [] if unit is Unit.ITEM else [t.c.size_key]
    wanted = set(keys)
    ids = [
        row.err_id
        for chunk in chunks(sorted({key for key, _ in keys}))
        for row in conn.execute(
            select(t.c.err_id, t.c.order_key, *of_line).where(
                t.c.board_id == run.board_id,
                t.c.resolved_date.is_(None),
                t.c.order_key.in_(chunk),
            )
        )
        if (row.order_key, row.size_key if of_line else "") in wanted
    ]
    close_rows(conn, t, ids, "sent")


def open_rows(conn: Connection, tables: Tables, unit: Unit, board_id: str) -> Sequence[Any]:
    """Every open row of one unit, as stored."""
    return _open_ids(conn, table_of(tables, unit), board_id)


def _open_ids(conn: Connection, t: Table, board_id: str) -> Sequence[Any]:
    return conn.execute(
        select(t).where(t.c.board_id == board_id, t.c.resolved_date.is_(None))
    ).all()


def close_rows(
    conn: Connection, t: Table, ids: Sequence[int], resolution: str, *, by: str = BY_SYNC,
    note: str | None = None,
) -> None:  # fmt: skip
    """Close rows of one ERR table, or decide anew about closed ones."""
    at = engine.now(conn)
    values = {
        "resolved_date": at, "resolved_by": by, "resolution": resolution, "resolution_note": note,
    }  # fmt: skip
    for chunk in chunks(ids):
        conn.execute(update(t).where(t.c.err_id.in_(chunk)).values(values))


def close_stale(
    conn: Connection, tables: Tables, run: RunRef, judged: Collection[str],
    still_refused: Collection[tuple[str, str, str]], has_left: Callable[[str], bool],
    unwanted: Callable[[str, str], bool] = lambda _key, _size: False,
) -> int:  # fmt: skip
    """Close refusals that are no longer true.

    Args:
        judged: order keys of the source rows this run has looked at.
        still_refused: (order_key, size_key, code) refused again in this run; size_key is "" for
            order lines.
        has_left: whether the source lacks an order key, as far as this run can say.
        unwanted: whether an order line, as it is now, has no such size line.

    Returns:
        How many rows were closed.
    """
    closed = 0
    for unit in Unit:
        t = table_of(tables, unit)
        repaired: list[int] = []
        gone: list[int] = []
        for row in _open_ids(conn, t, run.board_id):
            size_key = row.size_key if unit is Unit.SUBITEM else ""
            if (row.order_key, size_key, row.error_type) in still_refused:
                continue
            if unit is Unit.SUBITEM:
                is_repaired = unwanted(row.order_key, size_key)
            else:
                is_repaired = row.request_id is None and row.order_key in judged
            if has_left(row.order_key):
                gone.append(row.err_id)
            elif is_repaired:
                repaired.append(row.err_id)
        close_rows(conn, t, repaired, "repaired")
        close_rows(conn, t, gone, "vanished")
        closed += len(repaired) + len(gone)
    return closed


@dataclass(frozen=True)
class OpenError:
    """An open ERR row, as far as detection needs it."""

    unit: Unit
    order_key: str
    size_key: str
    customer: str
    error_type: str
    error_class: str
    error_message: str
    field: str
    value: str
    payload_hash: str | None
    retry_count: int
    max_retries_reached: bool
    next_try_at: datetime | None
    from_monday: bool  # monday.com's verdict, not ours before sending


def open_errors(conn: Connection, tables: Tables, board_id: str) -> list[OpenError]:
    """Every open ERR row of the board, items and size lines."""
    found = []
    for unit in Unit:
        t = table_of(tables, unit)
        for row in _open_ids(conn, t, board_id):
            found.append(
                OpenError(
                    unit=unit,
                    order_key=row.order_key,
                    size_key="" if unit is Unit.ITEM else row.size_key,
                    customer=row.customer_batch,
                    error_type=row.error_type,
                    error_class=row.error_class,
                    error_message=row.error_message,
                    field=row.field,
                    value=row.value,
                    payload_hash=row.payload_hash,
                    retry_count=row.retry_count,
                    max_retries_reached=row.max_retries_reached,
                    next_try_at=row.next_try_at,
                    from_monday=row.request_id is not None,
                )
            )
    return found


@dataclass(frozen=True)
class Decision:
    """What a person has decided about a refusal, as long as it stands."""

    unit: Unit
    order_key: str
    size_key: str  # "" for an order line
    error_type: str
    payload_hash: str | None
    field: str
    value: str
    resolution: Resolution  # IGNORE or FORGET
    from_monday: bool  # monday.com's verdict, not ours before sending

    def is_about(self, payload_hash: str | None, field: str, value: str) -> bool:
        """Whether a refusal with the same key and code is still the one the person saw.

        The payload decides about monday.com's verdicts. Ours can be about what is in no payload,
        such as a negative quantity, so field and value count, too.
        """
        if self.payload_hash != payload_hash:
            return False
        by_payload = self.from_monday and payload_hash is not None
        return by_payload or (self.field, self.value) == (field, value)


def decisions(conn: Connection, tables: Tables, board_id: str) -> list[Decision]:
    """The decisions that stand: of each key and code, the latest row if it is one."""
    return [
        Decision(
            unit=unit,
            order_key=row.order_key,
            size_key="" if unit is Unit.ITEM else row.size_key,
            error_type=row.error_type,
            payload_hash=row.payload_hash,
            field=row.field,
            value=row.value,
            resolution=Resolution(row.resolution),
            from_monday=row.request_id is not None,
        )
        for unit in Unit
        for row in conn.execute(standing_rows(table_of(tables, unit), board_id))
    ]


def standing_rows(t: Table, board_id: str, among: ColumnElement[bool] | None = None) -> Select[Any]:
    """The rows of one ERR table that hold a standing decision.

    Args:
        among: a further condition on the table, that only names order keys.
    """
    mine = [t.c.board_id == board_id, true() if among is None else among]
    decided = t.c.resolution.in_(STANDING)
    identity = [t.c.order_key, t.c.error_type]
    if "size_key" in t.c:
        identity.append(t.c.size_key)
    latest = (
        select(func.max(t.c.err_id))
        .where(*mine, t.c.order_key.in_(select(t.c.order_key).where(*mine, decided)))
        .group_by(*identity)
    )
    return select(t).where(t.c.err_id.in_(latest), decided)


class _Decided:
    """Standing decisions, to ask of many refusals."""

    def __init__(self, standing: Iterable[Decision]) -> None:
        self._forgotten: set[tuple[str, str]] = set()
        self._ignored: dict[tuple[Unit, str, str, str], Decision] = {}
        for d in standing:
            if d.resolution is Resolution.FORGET:
                self._forgotten.add((d.order_key, d.size_key))
            else:
                self._ignored[d.unit, d.order_key, d.size_key, d.error_type] = d

    def covers(self, error: ErrorRow) -> bool:
        """Whether a person has decided that this refusal is none."""
        if {(error.order_key, ""), (error.order_key, error.size_key)} & self._forgotten:
            return True
        ignored = self._ignored.get((error.unit, error.order_key, error.size_key, error.error_type))
        return ignored is not None and ignored.is_about(
            error.payload_hash, error.field, error.value
        )
