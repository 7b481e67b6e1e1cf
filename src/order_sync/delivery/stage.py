"""Actions become staged rows, in batches per customer; refusals become ERR rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from order_sync.db import batches, engine, events, refused, staging
from order_sync.db.events import OrderEvent
from order_sync.db.refused import ErrorRow
from order_sync.db.staging import StagedRow, Unit
from order_sync.delivery.context import Delivery
from order_sync.delivery.staged_rows import Ahead, Carried, Portion, RowMaker, as_json
from order_sync.detection import Detection
from order_sync.rules.comparing import OrderAction
from order_sync.rules.order import RefusedRow
from order_sync.rules.states import BatchState, Biography

log = structlog.get_logger()

AT_ONCE = 500  # order lines whose rows are made together; those of two portions are in memory

Portions = Ahead[Sequence[OrderAction], Portion]


async def stage(delivery: Delivery, found: Detection) -> list[str]:
    """Stage every action; returns the ids of the batches made."""
    d = delivery
    await d.write(_store_refusals, d, found)
    carried: Carried = await d.write(_take_over, d, found)
    by_customer: dict[str, list[OrderAction]] = {}
    for action in found.actions:
        by_customer.setdefault(action.order.customer, []).append(action)
    parts: list[Sequence[OrderAction]] = []
    numbers: dict[str, list[int]] = {}  # customer -> places of its actions in `parts`
    for customer, actions in by_customer.items():
        of_customer = [*staging.chunks(actions, AT_ONCE)]
        numbers[customer] = [*range(len(parts), len(parts) + len(of_customer))]
        parts += of_customer
    batch_ids = []
    with Ahead(RowMaker(d, carried).portion, parts) as portions:
        for customer, actions in by_customer.items():
            batch_id = await d.write(_stage_batch, d, customer, portions, numbers[customer])
            log.info(
                "batch staged", batch_id=batch_id, orders=len(actions),
                size_lines=sum(len(action.lines) for action in actions),
            )  # fmt: skip
            batch_ids.append(batch_id)
    return batch_ids


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


def _stage_batch(
    conn: Connection, d: Delivery, customer: str, portions: Portions, numbers: Sequence[int]
) -> str:
    """One batch of the portions `numbers`."""
    batch_id = batches.open_batch(conn, d.tables, d.run, customer, "FULL_BATCH")
    common = {
        "stg_batch_id": batch_id,
        "stg_customer_batch": customer,
        "stg_created_date": engine.now(conn),
    }
    last = 0
    with bound_contextvars(batch_id=batch_id):
        for number in numbers:
            last = _stage_portion(conn, d, portions[number], common, last)
    batches.reach(conn, d.tables, batch_id, BatchState.STAGING_LOADED)
    return batch_id


def _stage_portion(
    conn: Connection, d: Delivery, portion: Portion, common: dict[str, Any], after: int
) -> int:
    """Stage rows behind the staged row `after`; returns the last item row's id."""
    batch_id = common["stg_batch_id"]
    for item in portion.items:
        item.update(common)
    bad = staging.stage_rows(conn, d.tables.staging, portion.items)
    refused_keys = {row["order_key"] for row, _ in bad}
    parents = staging.staged_ids(conn, d.tables, batch_id, after)
    lines = []
    for key, rows in portion.lines:
        if key not in refused_keys:
            parent = {**common, "stg_parent_stg_id": parents.get(key)}
            for row in rows:
                row.update(parent)
            lines += rows
    bad_lines = staging.stage_rows(conn, d.tables.staging_subitems, lines)
    refused.store_errors(
        conn, d.tables, d.run, [_not_stored(row, why) for row, why in (*bad, *bad_lines)]
    )
    events.add_events(conn, d.tables, d.run, portion.notes, batch_id=batch_id)
    return max(parents.values(), default=after)


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
