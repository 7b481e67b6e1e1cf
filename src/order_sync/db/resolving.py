"""A person's decision about refused orders: close the ERR rows, and forget what is to be forgotten.

Nothing here asks the board. The caller holds the board's lock, so no run works meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, delete, select, true, update

from order_sync.db import engine, refused, runs, source_marks, staging
from order_sync.db.conditions import is_or_belongs_to
from order_sync.db.events import OrderEvent, add_events
from order_sync.db.runs import RunRef
from order_sync.db.schema import Tables
from order_sync.db.staging import StagedRow, Unit, chunks
from order_sync.errors import ConfigError, ExitCode
from order_sync.rules.mapping import Mapping
from order_sync.rules.resolutions import Resolution, helps_to_recreate, what_to_do
from order_sync.rules.states import LIVE_STATES, Biography, RowState, RunState
from order_sync.rules.values import key_parts, order_key

COMMAND = "errors resolve"
_SHOWN = 5  # orders or refusals named in a message


@dataclass(frozen=True)
class Choice:
    """What a person asked for."""

    resolution: Resolution
    key: str  # as `rules.values.parse_key` gives it; an order number alone means all its lines
    by: str
    note: str = ""
    code: str | None = None  # only refusals with this code
    size_key: str | None = None  # only this size line, as `rules.values.size_key` gives it


@dataclass(frozen=True)
class ResolvedRow:
    """An ERR row the decision is about."""

    unit: Unit
    err_id: int
    size_key: str  # "" for an order line
    code: str
    message: str
    from_monday: bool
    before: Resolution | None  # the decision that stood until now; None: the row is open


@dataclass(frozen=True)
class ResolvedOrder:
    """What a decision means for one order line."""

    order_key: str
    rows: tuple[ResolvedRow, ...]
    sizes: tuple[str, ...]  # size keys it is about; empty: the whole order line
    item_id: str | None = None  # what was known of the board and is forgotten
    size_lines: int = 0  # forgotten, too
    dropped: int = 0  # staged rows that were waiting to be sent

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.code for row in self.rows))


def find(conn: Connection, tables: Tables, board_id: str, choice: Choice) -> list[ResolvedOrder]:
    """What `choice` is about, order lines by key; reads only, and takes missing tables as empty.

    Open rows; where there are none, rows whose standing decision is to be turned.

    Raises:
        ConfigError: there is nothing it could be about, or it would not help.
    """
    every = _rows_of(conn, tables, board_id, _matches(choice.key))
    found: list[ResolvedOrder] = []
    for key in sorted(every):
        rows = _about(every[key], choice)
        if rows:
            sizes = _sizes(rows)
            found.append(ResolvedOrder(key, _closed_along(rows, every[key], sizes, choice), sizes))
    if not found:
        raise _nothing(conn, tables, board_id, choice, every)
    return found


def resolve(
    conn: Connection, tables: Tables, mapping: Mapping, board_id: str, choice: Choice,
    only: Collection[str] | None = None,
) -> list[ResolvedOrder]:  # fmt: skip
    """Carry a decision out. The caller holds the board's lock and the transaction.

    Args:
        only: order keys the person has agreed to; None: whatever `find` finds now.

    Raises:
        ConfigError: as `find`; or a part of an order is in doubt.
    """
    found = [o for o in find(conn, tables, board_id, choice) if only is None or o.order_key in only]
    _require_settled(conn, tables, board_id, [order.order_key for order in found])
    filters = {"key": choice.key, "as": choice.resolution, "code": choice.code,
               "size": choice.size_key}  # fmt: skip
    run = runs.start_run(conn, tables, mapping, COMMAND, filters, board_id)
    source_marks.forget(conn, tables, board_id)  # what was held back may have been touched long ago
    for order in found:
        _decide(conn, tables, run, choice, order)
    if choice.resolution in _FORGETS:
        waiting = staging.pending_rows(conn, tables, board_id)
        found = [_forget(conn, tables, run, order, waiting) for order in found]
    runs.finish_run(conn, tables, run.run_id, RunState.COMPLETED, {"exit_code": int(ExitCode.DONE)})
    return found


# What it is about ---------------------------------------------------------------------------------


Condition = Callable[[Table], ColumnElement[bool]]


def _matches(key: str) -> Condition:
    """Condition on a table: the order line `key`, or all with this order number."""
    return lambda t: is_or_belongs_to(t.c.order_key, key)


def _rows_of(
    conn: Connection, tables: Tables, board_id: str, matches: Condition
) -> dict[str, list[ResolvedRow]]:
    """Order key -> its open rows and those with a standing decision."""
    found: dict[str, list[ResolvedRow]] = {}
    for unit in Unit:
        t = refused.table_of(tables, unit)
        if not engine.columns_of(conn, t.name):
            continue
        still_open = select(t).where(
            t.c.board_id == board_id, matches(t), t.c.resolved_date.is_(None)
        )
        for query in (still_open, refused.standing_rows(t, board_id, matches(t))):
            for row in conn.execute(query):
                found.setdefault(row.order_key, []).append(_row(unit, row))
    return found


def _row(unit: Unit, row: Row[Any]) -> ResolvedRow:
    return ResolvedRow(
        unit=unit,
        err_id=row.err_id,
        size_key="" if unit is Unit.ITEM else row.size_key,
        code=row.error_type,
        message=row.error_message,
        from_monday=row.request_id is not None,
        before=None if row.resolved_date is None else Resolution(row.resolution),
    )


# Which standing decisions a new one may turn.
_TURNS = {
    Resolution.RETRY: (Resolution.IGNORE, Resolution.FORGET),
    Resolution.RECREATE: (Resolution.IGNORE, Resolution.FORGET),
    Resolution.FORGET: (Resolution.IGNORE,),
    Resolution.IGNORE: (),
}


def _about(rows: Sequence[ResolvedRow], choice: Choice) -> list[ResolvedRow]:
    chosen = [
        row
        for row in rows
        if choice.size_key in (None, row.size_key) and choice.code in (None, row.code)
    ]
    still_open = [row for row in chosen if row.before is None]
    chosen = still_open or [row for row in chosen if row.before in _TURNS[choice.resolution]]
    return [row for row in chosen if _helps(row, choice.resolution)]


def _helps(row: ResolvedRow, resolution: Resolution) -> bool:
    if resolution is not Resolution.RECREATE or row.before is Resolution.FORGET:
        return True
    return helps_to_recreate(row.code, from_monday=row.from_monday)


def _sizes(rows: Sequence[ResolvedRow]) -> tuple[str, ...]:
    """The size lines it is about; none when it is about the order line itself."""
    if any(row.unit is Unit.ITEM for row in rows):
        return ()
    return tuple(sorted({row.size_key for row in rows}))


def _closed_along(
    rows: Sequence[ResolvedRow], every: Sequence[ResolvedRow], sizes: tuple[str, ...],
    choice: Choice,
) -> tuple[ResolvedRow, ...]:  # fmt: skip
    """`rows`, and those that have no meaning without them.

    Where all is forgotten that is known of an order, its other open rows speak of nothing; and
    an order that was forgotten comes back whole.
    """
    if sizes:
        return tuple(rows)
    forgets = choice.resolution in _FORGETS
    was_forgotten = any(row.before is Resolution.FORGET for row in rows)
    along = [
        row
        for row in every
        if row not in rows
        and (
            (row.before is None and forgets and _helps(row, choice.resolution))
            or (row.before is Resolution.FORGET and was_forgotten)
        )
    ]
    return (*rows, *along)


def _nothing(
    conn: Connection, tables: Tables, board_id: str, choice: Choice,
    every: dict[str, list[ResolvedRow]],
) -> ConfigError:  # fmt: skip
    """Why there is nothing to decide, and what there is instead."""
    hopeless = [
        row
        for rows in every.values()
        for row in rows
        if row.before is None
        and choice.size_key in (None, row.size_key)
        and choice.code in (None, row.code)
    ]
    if hopeless:
        codes = sorted({row.code for row in hopeless})
        return ConfigError(
            f"recreating {choice.key} does not help: {', '.join(codes)} is no matter of the item",
            hint=f"{what_to_do(codes[0])} Then run: order-sync sync",
        )
    number = order_key(key_parts(choice.key)[:1])
    every = every or _rows_of(conn, tables, board_id, _matches(number))
    there = [_told(key, row) for key, rows in sorted(every.items()) for row in rows]
    if not there:
        return ConfigError(
            f"nothing is refused of {choice.key}", hint="see what is: order-sync errors list"
        )
    more = f"; and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    return ConfigError(
        f"nothing of {choice.key} can be resolved as {choice.resolution}"
        + (f" with code {choice.code}" if choice.code else "")
        + (f" for size {choice.size_key}" if choice.size_key else ""),
        hint=f"there is: {'; '.join(there[:_SHOWN])}{more}",
    )


def _told(key: str, row: ResolvedRow) -> str:
    size = f" / {row.size_key}" if row.size_key else ""
    return f"{key}{size} {row.code}" + (f" (closed as {row.before})" if row.before else "")


def _require_settled(conn: Connection, tables: Tables, board_id: str, keys: Sequence[str]) -> None:
    """Raise ConfigError while staging holds an answer, or the lack of one, for these orders."""
    unsettled = [state for state in LIVE_STATES if state is not RowState.PENDING]
    doubtful: set[str] = set()
    for unit in Unit:
        t = staging.table_of(tables, unit)
        for chunk in chunks(keys):
            doubtful.update(
                conn.execute(
                    select(t.c.order_key).where(
                        t.c.board_id == board_id,
                        t.c.order_key.in_(chunk),
                        t.c.stg_status.in_(unsettled),
                    )
                ).scalars()
            )
    if doubtful:
        raise ConfigError(
            f"{', '.join(sorted(doubtful)[:_SHOWN])}: an answer of monday.com is still missing",
            hint="wait for it to be settled: run order-sync sync, then decide",
        )


# Carrying it out ----------------------------------------------------------------------------------

_FORGETS = (Resolution.RECREATE, Resolution.FORGET)


def _decide(
    conn: Connection, tables: Tables, run: RunRef, choice: Choice, order: ResolvedOrder
) -> None:
    """Close the rows and write the decision into the order's biography."""
    for unit in Unit:
        ids = [row.err_id for row in order.rows if row.unit is unit]
        refused.close_rows(
            conn, refused.table_of(tables, unit), ids, choice.resolution,
            by=choice.by, note=choice.note or None,
        )  # fmt: skip
    detail = f"{choice.resolution} by {choice.by}" + (f": {choice.note}" if choice.note else "")
    events = [
        OrderEvent(order.order_key, Biography.RESOLVED, detail, size or None)
        for size in order.sizes or ("",)
    ]
    add_events(conn, tables, run, events)


def _forget(
    conn: Connection, tables: Tables, run: RunRef, order: ResolvedOrder,
    waiting: Sequence[StagedRow],
) -> ResolvedOrder:  # fmt: skip
    """Drop what was to be sent and what the board was known to hold, each with an event."""
    key, sizes = order.order_key, order.sizes
    dropped = [r for r in waiting if r.order_key == key and (not sizes or r.size_key in sizes)]
    staging.drop_pending(conn, tables, dropped)
    events = [
        OrderEvent(key, Biography.DROPPED, size_key=r.size_key, batch_id=r.batch_id)
        for r in dropped
    ]
    p, s = tables.production, tables.production_subitems
    mine = [s.c.board_id == run.board_id, s.c.order_key == key]
    mine.append(s.c.size_key.in_(sizes) if sizes else true())
    lines = conn.execute(
        select(s.c.size_key, s.c.subitem_id).where(*mine).order_by(s.c.size_key)
    ).all()
    item = [p.c.board_id == run.board_id, p.c.order_key == key]
    item_id = None if sizes else conn.execute(select(p.c["Item ID"]).where(*item)).scalar()
    if item_id is not None:
        events.append(OrderEvent(key, Biography.FORGOTTEN, f"item {item_id}"))
    events += [
        OrderEvent(key, Biography.FORGOTTEN, f"subitem {r.subitem_id}", r.size_key) for r in lines
    ]
    add_events(conn, tables, run, events)
    conn.execute(delete(s).where(*mine))
    if sizes:
        # The order line is complete no longer, so detection has to look at it.
        conn.execute(update(p).where(*item).values(source_hash=None))
    else:
        conn.execute(delete(p).where(*item))
    return replace(order, item_id=item_id, size_lines=len(lines), dropped=len(dropped))
