"""Work in hand: staging actions, claiming them for a request, recording what became of them.

Every state of a staged row comes from `rules.states.advance`; every UPDATE names the state it
leaves, so that nothing moves twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, bindparam, delete, func, select, update
from sqlalchemy.exc import DBAPIError

from order_sync.db import engine
from order_sync.db.columnar import Columns, count_rows, part, row_at
from order_sync.db.dialects.base import Meanwhile
from order_sync.db.runs import RequestRef, RunRef
from order_sync.db.schema import Tables
from order_sync.errors import InvalidTransition
from order_sync.rules.states import (
    IN_DOUBT,
    LIVE_STATES,
    Event,
    Operation,
    RowState,
    advance,
)


class Unit(StrEnum):
    """What a staged row becomes on the board."""

    ITEM = "item"
    SUBITEM = "subitem"


@dataclass(frozen=True)
class StagedRow:
    """One action in hand.

    `payload` is what the board should get: {"name", "group", "values": {title: wire value}} for an
    item, {"name", "label", "quantity"} for a size line. Of an update only `fields` are written;
    a move carries the group, whatever else the order needs after it.
    """

    unit: Unit
    stg_id: int
    batch_id: str
    run_id: str
    customer: str
    state: RowState
    operation: Operation
    order_key: str
    size_key: str | None
    payload_hash: str
    payload: Dict[str, Any]
    group_key: str | None
    item_id: str | None  # the item (or subitem) itself, once known
    parent_stg_id: int | None
    parent_item_id: str | None
    request_id: str | None
    request_pos: int | None
    travel_limit: int | None
    attempts: int
    retries: int
    original: str | None
    fields: tuple[str, ...] = ()  # what a known order or size line needs; empty for a create


def table_of(tables: Tables, unit: Unit) -> Table:
    return tables.staging if unit is Unit.ITEM else tables.staging_subitems


def id_column(unit: Unit) -> str:
    return "stg_monday_item_id" if unit is Unit.ITEM else "stg_monday_subitem_id"


def stage_columns(
    conn: Connection, table: Table, columns: Columns, meanwhile: Meanwhile = lambda: None
) -> list[tuple[dict[str, Any], str]]:
    """Bulk-load rows; returns those the database refused, each with its reason.

    A refused chunk is halved until the guilty rows stand alone, so the others load.

    Args:
        meanwhile: called, perhaps again, when there is the most time for something else.
    """
    rows = count_rows(columns)
    if not rows:
        meanwhile()
        return []
    try:
        with conn.begin_nested():
            engine.insert_columns(conn, table, columns, meanwhile)
    except DBAPIError as error:
        if engine.is_passing(conn, error):
            raise  # busy or full is no fault of a row
        if rows == 1:
            return [(row_at(columns, 0), engine.reason(error))]
        halves = (0, rows // 2), (rows // 2, rows)
        return [
            refused
            for begin, end in halves
            for refused in stage_columns(conn, table, part(columns, begin, end))
        ]
    return []


def staged_ids(
    conn: Connection, tables: Tables, batch_ids: Sequence[str], after: int
) -> dict[str, int]:
    """order_key -> stg_id of the item rows staged in these batches, behind the row `after`."""
    t = tables.staging
    rows = conn.execute(
        select(t.c.order_key, t.c.stg_id).where(t.c.stg_batch_id.in_(batch_ids), t.c.stg_id > after)
    )
    return dict(map(tuple, rows.all()))


def _read(tables: Tables, unit: Unit) -> Select[Any]:
    t = table_of(tables, unit)
    common = [
        t.c.stg_id, t.c.stg_batch_id, t.c.stg_run_id, t.c.stg_customer_batch, t.c.stg_status,
        t.c.update_operation, t.c.order_key, t.c.payload_hash, t.c.stg_api_payload,
        t.c.stg_request_id, t.c.stg_request_pos, t.c.stg_travel_limit, t.c.stg_attempts,
        t.c.stg_retry_count, t.c.update_fields,
    ]  # fmt: skip
    if unit is Unit.ITEM:
        return select(*common, t.c.group_key, t.c.stg_monday_item_id, t.c.original_data)
    return select(
        *common, t.c.size_key, t.c.stg_monday_subitem_id, t.c.stg_parent_stg_id,
        t.c.stg_monday_parent_item_id,
    )  # fmt: skip


def _staged(unit: Unit, row: Row[Any]) -> StagedRow:
    is_item = unit is Unit.ITEM
    return StagedRow(
        unit=unit,
        stg_id=row.stg_id,
        batch_id=row.stg_batch_id,
        run_id=row.stg_run_id,
        customer=row.stg_customer_batch,
        state=RowState(row.stg_status),
        operation=Operation(row.update_operation),
        order_key=row.order_key,
        size_key=None if is_item else row.size_key,
        payload_hash=row.payload_hash,
        payload=json.loads(row.stg_api_payload),
        group_key=row.group_key if is_item else None,
        item_id=row.stg_monday_item_id if is_item else row.stg_monday_subitem_id,
        parent_stg_id=None if is_item else row.stg_parent_stg_id,
        parent_item_id=None if is_item else row.stg_monday_parent_item_id,
        request_id=row.stg_request_id,
        request_pos=row.stg_request_pos,
        travel_limit=row.stg_travel_limit,
        attempts=row.stg_attempts,
        retries=row.stg_retry_count,
        original=row.original_data if is_item else None,
        fields=tuple(json.loads(row.update_fields)) if row.update_fields else (),
    )


def waiting_rows(
    conn: Connection, tables: Tables, unit: Unit, run: RunRef, batch_id: str, after: int = 0,
    most: int | None = None,
) -> list[StagedRow]:  # fmt: skip
    """PENDING rows of one batch in the order they were staged, behind the row `after`."""
    t = table_of(tables, unit)
    query = (
        _read(tables, unit)
        .where(t.c.stg_batch_id == batch_id, t.c.stg_run_id == run.run_id)
        .where(t.c.stg_status == RowState.PENDING, t.c.stg_id > after)
        .order_by(t.c.stg_id)
        .limit(most)
    )
    return [_staged(unit, row) for row in conn.execute(query)]


def rows_of_request(
    conn: Connection, tables: Tables, unit: Unit, request_id: str, state: RowState
) -> list[StagedRow]:
    """Rows of a request that are in `state`, by their position in the document."""
    t = table_of(tables, unit)
    query = (
        _read(tables, unit)
        .where(t.c.stg_request_id == request_id, t.c.stg_status == state)
        .order_by(t.c.stg_request_pos)
    )
    return [_staged(unit, row) for row in conn.execute(query)]


def rows_by_id(conn: Connection, tables: Tables, unit: Unit, ids: Sequence[int]) -> list[StagedRow]:
    """The rows as they are now, in the order of `ids`."""
    t = table_of(tables, unit)
    found = {
        row.stg_id: _staged(unit, row)
        for chunk in chunks(ids)
        for row in conn.execute(_read(tables, unit).where(t.c.stg_id.in_(chunk)))
    }
    return [found[stg_id] for stg_id in ids]


def claim(
    conn: Connection, tables: Tables, unit: Unit, rows: Sequence[StagedRow], request: RequestRef,
    event: Event = Event.CLAIMED,
) -> None:  # fmt: skip
    """Bind rows to a request, in document order, and mark them as being sent.

    Raises:
        InvalidTransition: a row is no longer in the state it was read in.
    """
    moves = [
        (row, event, {"stg_request_id": request.request_id, "stg_request_pos": position})
        for position, row in enumerate(rows)
    ]
    _move(conn, table_of(tables, unit), moves)


@dataclass(frozen=True)
class Outcome:
    """What happened to one row of a request."""

    row: StagedRow
    event: Event
    item_id: str | None = None  # ACCEPTED, FOUND
    acknowledged: bool = True  # False: the board's values are not known to be ours
    error_type: str = ""
    error_class: str = ""
    error_message: str = ""
    error_field: str = ""
    may_retry: bool = False  # REFUSED for now, not for good
    wait_s: float = 0.0  # NOT_EXECUTED: how long the row has to wait at least
    counts_attempt: bool = False
    group_gone: bool = False  # NOT_EXECUTED because the board lacks the group
    travel_limit: int | None = None


def record_outcomes(
    conn: Connection, tables: Tables, unit: Unit, outcomes: Iterable[Outcome]
) -> None:
    """Move rows to the states their outcomes say."""
    done_at = engine.now(conn)
    moves = [
        (outcome.row, outcome.event, _values_of(outcome, unit) | {"stg_processed_date": done_at})
        for outcome in outcomes
    ]
    _move(conn, table_of(tables, unit), moves)


def _values_of(outcome: Outcome, unit: Unit) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if outcome.item_id is not None:
        values[id_column(unit)] = outcome.item_id
        values["stg_acknowledged"] = outcome.acknowledged
    if outcome.travel_limit is not None:
        values["stg_travel_limit"] = outcome.travel_limit
    if outcome.counts_attempt:
        values["stg_attempts"] = outcome.row.attempts + 1
    if outcome.error_type:
        values["stg_error_type"] = outcome.error_type
        values["stg_error_message"] = outcome.error_message
    if outcome.event in (Event.NOT_EXECUTED, Event.NOT_FOUND, Event.SAFE_TO_REPEAT):
        values["stg_retry_count"] = outcome.row.retries + 1
    return values


def _move(
    conn: Connection, t: Table, moves: Sequence[tuple[StagedRow, Event, dict[str, Any]]]
) -> None:
    """Move rows along the transition table; rows alike go in one statement.

    Raises:
        InvalidTransition: a row may not go there, or is no longer in the state it was read in.
    """
    alike: dict[tuple[RowState, Event, tuple[str, ...]], list[dict[str, Any]]] = {}
    for row, event, values in moves:
        bound = {f"new_{name}": value for name, value in values.items()}
        alike.setdefault((row.state, event, tuple(values)), []).append(
            bound | {"row_id": row.stg_id}
        )
    for (state, event, names), parameters in alike.items():
        moved = conn.execute(
            update(t)
            .where(t.c.stg_id == bindparam("row_id"), t.c.stg_status == state)
            .values(
                stg_status=advance(state, event),
                **{name: bindparam(f"new_{name}") for name in names},
            ),
            parameters,
        ).rowcount
        if moved != len(parameters):
            raise InvalidTransition(f"{len(parameters) - moved} staged rows are no longer {state}")


def set_group(conn: Connection, tables: Tables, row: StagedRow, title: str, group_key: str) -> None:
    """The board shows the item in this group, whichever was asked for."""
    t = tables.staging
    conn.execute(
        update(t).where(t.c.stg_id == row.stg_id).values({"Group": title, "group_key": group_key})
    )


def orphan_rows_to_unconfirmed(conn: Connection, tables: Tables, run: RunRef) -> int:
    """SENDING rows of earlier runs become UNCONFIRMED; returns how many."""
    count = 0
    for unit in Unit:
        t = table_of(tables, unit)
        count += conn.execute(
            update(t)
            .where(
                t.c.board_id == run.board_id,
                t.c.stg_run_id != run.run_id,
                t.c.stg_status == RowState.SENDING,
            )
            .values(
                stg_status=advance(RowState.SENDING, Event.RUN_DIED),
                stg_attempts=t.c.stg_attempts + 1,
            )
        ).rowcount
    return count


@dataclass(frozen=True)
class LiveKeys:
    """Keys that staging already holds on a board."""

    in_doubt: frozenset[str]  # order keys with a SENDING or UNCONFIRMED part
    pending: frozenset[str]  # order keys with a PENDING part and none in doubt


def live_keys(conn: Connection, tables: Tables, board_id: str) -> LiveKeys:
    """Which order keys staging holds, and how."""
    doubt: set[str] = set()
    pending: set[str] = set()
    for unit in Unit:
        t = table_of(tables, unit)
        rows = conn.execute(
            select(t.c.order_key, t.c.stg_status)
            .distinct()
            .where(t.c.board_id == board_id, t.c.stg_status.in_(LIVE_STATES))
        )
        for row in rows:
            (doubt if row.stg_status in IN_DOUBT else pending).add(row.order_key)
    return LiveKeys(frozenset(doubt), frozenset(pending - doubt))


def pending_rows(conn: Connection, tables: Tables, board_id: str) -> list[StagedRow]:
    """Every PENDING row of the board, whichever run staged it."""
    found: list[StagedRow] = []
    for unit in Unit:
        t = table_of(tables, unit)
        query = _read(tables, unit).where(
            t.c.board_id == board_id, t.c.stg_status == RowState.PENDING
        )
        found += [_staged(unit, row) for row in conn.execute(query)]
    return found


def drop_pending(conn: Connection, tables: Tables, rows: Sequence[StagedRow]) -> None:
    """Delete PENDING rows; the caller writes the event that says why.

    Size lines that went ahead of their order line's update stay, and forget that row.
    """
    lines = tables.staging_subitems
    items = [row.stg_id for row in rows if row.unit is Unit.ITEM]
    for chunk in chunks(items):
        conn.execute(
            update(lines)
            .where(lines.c.stg_parent_stg_id.in_(chunk), lines.c.stg_status != RowState.PENDING)
            .values(stg_parent_stg_id=None)
        )
    for unit in (Unit.SUBITEM, Unit.ITEM):
        t = table_of(tables, unit)
        ids = [row.stg_id for row in rows if row.unit is unit]
        for chunk in chunks(ids):
            conn.execute(delete(t).where(t.c.stg_id.in_(chunk), t.c.stg_status == RowState.PENDING))


def hand_down_parents(conn: Connection, tables: Tables, batch_id: str) -> None:
    """Give the waiting size lines of a batch the item ids of their order lines."""
    s, p = tables.staging_subitems, tables.staging
    parent_id = (
        select(p.c.stg_monday_item_id).where(p.c.stg_id == s.c.stg_parent_stg_id).scalar_subquery()
    )
    conn.execute(
        update(s)
        .where(
            s.c.stg_batch_id == batch_id,
            s.c.stg_status == RowState.PENDING,
            s.c.stg_monday_parent_item_id.is_(None),
            s.c.stg_parent_stg_id.is_not(None),
        )
        .values(stg_monday_parent_item_id=parent_id)
    )


def doubtful_keys(conn: Connection, tables: Tables, board_id: str) -> frozenset[str]:
    """Order keys with an UNCONFIRMED part: nothing goes out for them until it is settled."""
    keys: set[str] = set()
    for unit in Unit:
        t = table_of(tables, unit)
        keys.update(
            conn.execute(
                select(t.c.order_key).where(
                    t.c.board_id == board_id, t.c.stg_status == RowState.UNCONFIRMED
                )
            ).scalars()
        )
    return frozenset(keys)


def has_waiting(conn: Connection, tables: Tables, unit: Unit, batch_id: str) -> bool:
    """Whether a batch has rows that have not reached an outcome."""
    t = table_of(tables, unit)
    waiting = (RowState.PENDING, *IN_DOUBT)
    query = select(t.c.stg_id).where(t.c.stg_batch_id == batch_id, t.c.stg_status.in_(waiting))
    return conn.execute(query.limit(1)).first() is not None


def refused_groups(conn: Connection, tables: Tables, board_id: str) -> dict[str, str]:
    """title_key -> why, of the groups monday.com refuses to make."""
    g = tables.groups
    rows = conn.execute(
        select(g.c.title_key, func.coalesce(g.c.error_message, "")).where(
            g.c.board_id == board_id, g.c.state == RowState.API_FAILED
        )
    )
    return {row[0]: row[1] for row in rows}


def orphaned_lines(conn: Connection, tables: Tables, board_id: str) -> list[StagedRow]:
    """Waiting size lines whose order line was refused."""
    s, p = tables.staging_subitems, tables.staging
    query = (
        _read(tables, Unit.SUBITEM)
        .join(p, p.c.stg_id == s.c.stg_parent_stg_id)
        .where(
            s.c.board_id == board_id,
            s.c.stg_status == RowState.PENDING,
            p.c.stg_status == RowState.API_FAILED,
        )
    )
    return [_staged(Unit.SUBITEM, row) for row in conn.execute(query)]


def counts_of_batches(
    conn: Connection, tables: Tables, unit: Unit, batch_ids: Sequence[str]
) -> dict[str, Counter[RowState]]:
    """How many staged rows of each of these batches are in each state."""
    t = table_of(tables, unit)
    found: dict[str, Counter[RowState]] = {batch_id: Counter() for batch_id in batch_ids}
    rows = conn.execute(
        select(t.c.stg_batch_id, t.c.stg_status, func.count())
        .where(t.c.stg_batch_id.in_(batch_ids))
        .group_by(t.c.stg_batch_id, t.c.stg_status)
    )
    for batch_id, state, count in rows:
        found[batch_id][RowState(state)] = count
    return found


def latest_attempts(rows: Iterable[StagedRow]) -> dict[tuple[str, str | None], StagedRow]:
    """(order_key, size_key) -> the row, so that a restaged action keeps its attempts."""
    return {(row.order_key, row.size_key): row for row in rows}


def chunks(ids: Sequence[Any], size: int = 500) -> Iterable[Sequence[Any]]:
    """Slices small enough for one IN list."""
    return (ids[i : i + size] for i in range(0, len(ids), size))
