"""Actions become staged rows, in batches per customer; refusals become ERR rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, repeat
from typing import Any

import structlog
from sqlalchemy import Connection

from order_sync.db import batches, engine, events, refused, staging
from order_sync.db.batches import NewBatch
from order_sync.db.columnar import Columns, count_rows, only
from order_sync.db.dialects.base import Meanwhile
from order_sync.db.events import OrderEvent
from order_sync.db.refused import ErrorRow
from order_sync.db.staging import StagedRow, Unit
from order_sync.delivery.context import Delivery
from order_sync.delivery.json_text import as_json
from order_sync.delivery.staged_rows import Ahead, Carried, Portion, RowMaker
from order_sync.detection import Detection
from order_sync.rules.comparing import OrderAction
from order_sync.rules.order import RefusedRow
from order_sync.rules.states import BatchState, Biography

log = structlog.get_logger()

# Order lines whose rows are made together, portion by portion; the last number repeats. The first
# are few, so that the database has work early; those of two portions are in memory.
PORTIONS = (250, 500, 1_000)
AT_MOST = 5_000  # order lines of several customers that are loaded in one transaction

Portions = Ahead[Sequence[OrderAction], Portion]


async def stage(delivery: Delivery, found: Detection) -> list[str]:
    """Stage every action; returns the ids of the batches made."""
    d = delivery
    await d.write(_store_refusals, d, found)
    carried: Carried = await d.write(_take_over, d, found)
    by_customer: dict[str, list[OrderAction]] = {}
    for action in found.actions:
        by_customer.setdefault(action.order.customer, []).append(action)
    new = [batches.NewBatch(customer) for customer in by_customer]
    loads: list[tuple[list[NewBatch], Iterable[int]]] = []  # and the places of their portions
    parts: list[Sequence[OrderAction]] = []
    sizes = chain(PORTIONS, repeat(PORTIONS[-1]))
    for load in _together(new, by_customer):
        actions = [action for batch in load for action in by_customer[batch.customer]]
        begin = len(parts)
        parts += _cut(actions, sizes)
        loads.append((load, range(begin, len(parts))))
    with Ahead(RowMaker(d, carried, new).portion, parts) as portions:
        for load, numbers in loads:
            await d.write(_stage_batches, d, load, portions, numbers)
            for batch in load:
                of_batch = by_customer[batch.customer]
                log.info(
                    "batch staged", batch_id=batch.batch_id, orders=len(of_batch),
                    size_lines=sum(len(action.lines) for action in of_batch),
                )  # fmt: skip
    return [batch.batch_id for batch in new]


def _cut(actions: Sequence[OrderAction], sizes: Iterator[int]) -> Iterator[Sequence[OrderAction]]:
    begin = 0
    while begin < len(actions):
        end = begin + next(sizes)
        yield actions[begin:end]
        begin = end


def _together(
    new: Iterable[NewBatch], by_customer: Mapping[str, Sequence[OrderAction]]
) -> Iterator[list[NewBatch]]:
    """Batches that one transaction loads: a commit for each small customer takes long."""
    together: list[NewBatch] = []
    lines = 0
    for batch in new:
        of_batch = len(by_customer[batch.customer])
        if together and lines + of_batch > AT_MOST:
            yield together
            together, lines = [], 0
        together.append(batch)
        lines += of_batch
    if together:
        yield together


def _store_refusals(conn: Connection, d: Delivery, found: Detection) -> None:
    refused.store_errors(conn, d.tables, d.run, local_errors(found.refused, d.mapping.key[0]))
    refused.close_stale(
        conn, d.tables, d.run, found.judged,
        {(row.order_key, "", r.code) for row in found.refused for r in row.refusals}
        | {(error.order_key, error.size_key, error.error_type) for error in found.held},
        found.has_left,
        lambda key, size: key in found.sizes and size not in found.sizes[key],
    )  # fmt: skip


def local_errors(rows: Iterable[RefusedRow], number_column: str) -> list[ErrorRow]:
    """One ERR row per key and code; rows that share both stand in it together."""
    together: dict[tuple[str, str], tuple[RefusedRow, Any, list[object]]] = {}
    for row in rows:
        for refusal in row.refusals:
            entry = together.setdefault((row.order_key, refusal.code), (row, refusal, []))
            entry[2].append(dict(row.original))
    return [
        ErrorRow(
            unit=Unit.ITEM,
            order_key=key,
            customer=row.customer,
            order_number=str(row.original.get(number_column) or ""),
            error_type=code,
            error_class=refusal.error_class,
            error_message=refusal.message,
            field=refusal.field,
            value=refusal.value,
            original_data=as_json(originals[0] if len(originals) == 1 else originals),
            payload_hash=row.payload_hash,
        )
        for (key, code), (row, refusal, originals) in together.items()
    ]


def _take_over(conn: Connection, d: Delivery, found: Detection) -> Carried:
    """Drop waiting rows that are staged anew, or that the source no longer wants.

    Rows outside the filters, and rows of orders in doubt, stay as they are.
    """
    acting = {action.order.order_key for action in found.actions}
    dropped: list[StagedRow] = []
    notes: list[OrderEvent] = []
    for row in staging.pending_rows(conn, d.tables, d.run.board_id):
        key = row.order_key
        if key in found.in_doubt or key in found.cut_keys:
            continue
        if key in acting or key in found.judged or found.has_left(key):
            dropped.append(row)
            why = Biography.STAGED_ANEW if key in acting else Biography.DROPPED
            notes.append(OrderEvent(key, why, size_key=row.size_key, batch_id=row.batch_id))
    staging.drop_pending(conn, d.tables, dropped)
    events.add_events(conn, d.tables, d.run, notes)
    return staging.latest_attempts(dropped)


def _stage_batches(
    conn: Connection, d: Delivery, new: Sequence[NewBatch], portions: Portions,
    numbers: Iterable[int],
) -> None:  # fmt: skip
    """Batches of which the portions `numbers` are the rows."""
    batches.open_batches(conn, d.tables, d.run, new, "FULL_BATCH")
    last = 0
    for number in numbers:
        portion = portions[number]
        last, lines = _stage_items(conn, d, portion, last)
        _stage_lines(conn, d, portion, lines, partial(portions.begin, number + 1))
    batches.reach(conn, d.tables, [batch.batch_id for batch in new], BatchState.STAGING_LOADED)


def _stage_items(
    conn: Connection, d: Delivery, portion: Portion, after: int
) -> tuple[int, Columns]:
    """Stage order lines behind the staged row `after`.

    Returns:
        The id of the last one, and the size lines of those the database took.
    """
    created = engine.now(conn)
    items = {**portion.items, "stg_created_date": [created] * count_rows(portion.items)}
    refused_rows = staging.stage_columns(conn, d.tables.staging, items)
    parents = staging.staged_ids(conn, d.tables, [*set(items["stg_batch_id"])], after)
    lines = portion.lines
    if refused_rows:
        _refuse(conn, d, refused_rows)
        keys = {row["order_key"] for row, _ in refused_rows}
        lines = only(lines, [key not in keys for key in lines["order_key"]])
    lines = {
        **lines,
        "stg_created_date": [created] * count_rows(lines),
        "stg_parent_stg_id": [*map(parents.get, lines["order_key"])],
    }
    return max(parents.values(), default=after), lines


def _stage_lines(
    conn: Connection, d: Delivery, portion: Portion, lines: Columns, meanwhile: Meanwhile
) -> None:
    _refuse(conn, d, staging.stage_columns(conn, d.tables.staging_subitems, lines, meanwhile))
    events.add_events(conn, d.tables, d.run, portion.notes)


def _refuse(conn: Connection, d: Delivery, rows: Iterable[tuple[dict[str, Any], str]]) -> None:
    refused.store_errors(conn, d.tables, d.run, [_not_stored(row, why) for row, why in rows])


def _not_stored(row: dict[str, Any], why: str) -> ErrorRow:
    is_line = "size_key" in row
    return ErrorRow(
        unit=Unit.SUBITEM if is_line else Unit.ITEM,
        order_key=row["order_key"],
        size_key=row.get("size_key", ""),
        customer=row["stg_customer_batch"],
        order_number=str(json.loads(row["stg_api_payload"])["order_number"]),
        error_type="not_stored",
        error_class="data",
        error_message=f"the database refuses this row: {why}; correct the source",
        size_label=row.get("Size") if is_line else None,
        order_qty=row.get("Order Qty") if is_line else None,
        api_payload=row["stg_api_payload"],
        payload_hash=row["payload_hash"],
    )
