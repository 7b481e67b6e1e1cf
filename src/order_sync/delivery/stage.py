"""Actions become staged rows, in batches per customer; refusals become ERR rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from order_sync.db import batches, engine, events, refused, staging
from order_sync.db.events import OrderEvent
from order_sync.db.refused import ErrorRow
from order_sync.db.staging import StagedRow, Unit
from order_sync.delivery.context import Delivery
from order_sync.delivery.lookup import lookup_text
from order_sync.detection import Detection
from order_sync.rules.columns import wire_values
from order_sync.rules.comparing import OrderAction
from order_sync.rules.differences import differences
from order_sync.rules.order import RefusedRow
from order_sync.rules.states import BatchState, Biography, Operation, RowState
from order_sync.rules.values import key_part

log = structlog.get_logger()

AT_ONCE = 2_000  # order lines whose rows are in memory together
_NO_ATTEMPTS: dict[str, Any] = {"stg_attempts": 0, "stg_travel_limit": None}
Carried = dict[tuple[str, str | None], StagedRow]


async def stage(delivery: Delivery, found: Detection) -> list[str]:
    """Stage every action; returns the ids of the batches made."""
    d = delivery
    await d.write(_store_refusals, d, found)
    carried: Carried = await d.write(_take_over, d, found)
    by_customer: dict[str, list[OrderAction]] = {}
    for action in found.actions:
        by_customer.setdefault(action.order.customer, []).append(action)
    batch_ids = []
    for customer, actions in by_customer.items():
        batch_id = await d.write(_stage_batch, d, customer, actions, carried)
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


def as_json(value: object) -> str:
    """JSON of whatever a source delivers; what JSON does not know becomes a text."""
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except TypeError:  # half a surrogate pair, or an integer of more than 64 bits
        return json.dumps(value, ensure_ascii=False, default=str)


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
    conn: Connection, d: Delivery, customer: str, actions: Sequence[OrderAction], carried: Carried
) -> str:
    batch_id = batches.open_batch(conn, d.tables, d.run, customer, "FULL_BATCH")
    made = _Rows(d, batch_id, customer, carried, engine.now(conn))
    last = 0
    with bound_contextvars(batch_id=batch_id):
        for some in staging.chunks(actions, AT_ONCE):
            last = _stage_some(conn, d, batch_id, some, made, last)
    batches.reach(conn, d.tables, batch_id, BatchState.STAGING_LOADED)
    return batch_id


def _stage_some(
    conn: Connection, d: Delivery, batch_id: str, actions: Sequence[OrderAction], made: _Rows,
    after: int,
) -> int:  # fmt: skip
    """Stage actions behind the staged row `after`; returns the last row's id."""
    items = [made.item(a) for a in actions if a.operation is not None]
    bad = staging.stage_rows(conn, d.tables.staging, items)
    refused_keys = {row["order_key"] for row, _ in bad}
    parents = staging.staged_ids(conn, d.tables, batch_id, after)
    lines = [
        line
        for a in actions
        if a.lines and a.order.order_key not in refused_keys
        for line in made.lines(a, parents.get(a.order.order_key))
    ]
    bad_lines = staging.stage_rows(conn, d.tables.staging_subitems, lines)
    refused.store_errors(
        conn, d.tables, d.run, [_not_stored(row, why) for row, why in (*bad, *bad_lines)]
    )
    events.add_events(conn, d.tables, d.run, made.notes(actions))
    return max(parents.values(), default=after)


class _Rows:
    """Makes the staged rows of one batch."""

    def __init__(
        self, d: Delivery, batch_id: str, customer: str, carried: Carried, at: object
    ) -> None:
        self._d = d
        self._carried = carried
        self._types = {title: column.type for title, column in d.board.columns.items()}
        self._label_ids = {
            title: {label.text: label.id for label in column.labels}
            for title, column in d.board.columns.items()
            if column.type == "status"
        }
        self._fields = [(column.field, column.title) for column in d.mapping.columns]
        self._batch_id = batch_id
        self._common = {
            "stg_batch_id": batch_id,
            "stg_run_id": d.run.run_id,
            "stg_customer_batch": customer,
            "stg_status": RowState.PENDING.value,
            "board_id": d.run.board_id,
            "stg_retry_count": 0,
            "stg_created_date": at,
        }

    def _attempts(self, key: str, size_key: str | None, payload_hash: str) -> dict[str, Any]:
        before = self._carried.get((key, size_key)) if self._carried else None
        if before is None or before.payload_hash != payload_hash:
            return _NO_ATTEMPTS
        return {"stg_attempts": before.attempts, "stg_travel_limit": before.travel_limit}

    def item(self, action: OrderAction) -> dict[str, Any]:
        order = action.order
        operation = action.operation or Operation.UPDATE
        values = order.values
        if operation is not Operation.CREATE:
            values = {title: values[title] for title in action.columns if title in values}
        payload = {
            "name": order.name,
            "group": order.group_title,
            "order_number": lookup_text(self._d, order),
            "values": wire_values(
                values,
                self._types,
                clear_blanks=operation is not Operation.CREATE,
                label_ids=self._label_ids,
            ),
        }
        return {
            **self._common,
            **self._attempts(order.order_key, None, order.payload_hash),
            "order_key": order.order_key,
            "update_operation": operation.value,
            "change_type": action.change.value,
            "update_fields": _fields(action.columns),
            "payload_hash": order.payload_hash,
            "stg_api_payload": as_json(payload),
            "stg_monday_item_id": action.item_id,
            "source_hash": action.source_hash,
            "original_data": as_json(dict(order.original)),
            "Title": order.name,
            "Group": order.group_title,
            "group_key": key_part(order.group_title),
            **{field: order.values.get(title) for field, title in self._fields},
        }

    def lines(self, action: OrderAction, parent_stg_id: int | None) -> Iterator[dict[str, Any]]:
        key = action.order.order_key
        number = lookup_text(self._d, action.order)
        shared = {
            **self._common,
            "stg_parent_stg_id": parent_stg_id,
            "order_key": key,
            "change_type": action.change.value,
            "stg_monday_parent_item_id": action.item_id,
        }
        for line in action.lines:
            size = line.line
            payload = {
                "name": size.name,
                "label": size.label,
                "quantity": size.quantity,
                "order_number": number,
            }
            yield {
                **shared,
                **self._attempts(key, size.size_key, size.payload_hash),
                "size_key": size.size_key,
                "update_operation": line.operation.value,
                "update_fields": _fields(line.columns),
                "payload_hash": size.payload_hash,
                "stg_api_payload": as_json(payload),
                "stg_monday_subitem_id": line.subitem_id,
                "stg_size_label": size.label,
                "Title": size.name,
                "Size": size.label,
                "Order Qty": size.quantity,
            }

    def notes(self, actions: Sequence[OrderAction]) -> list[OrderEvent]:
        """What goes into the orders' biographies: staged, and every warning."""
        notes: list[OrderEvent] = []
        for action in actions:
            key = action.order.order_key
            what = action.operation.value if action.operation else "size lines"
            changed = f": {', '.join(action.columns)}" if action.columns else ""
            differing = differences(action, self._d.mapping)
            notes.append(
                OrderEvent(
                    key,
                    Biography.STAGED,
                    f"{action.change} {what}{changed}",
                    batch_id=self._batch_id,
                    changes=as_json([asdict(one) for one in differing]) if differing else None,
                )
            )
            notes += [
                OrderEvent(key, w.code, w.message, batch_id=self._batch_id, level="warning")
                for w in action.order.warnings
            ]
        return notes


def _fields(columns: Sequence[str]) -> str | None:
    return json.dumps(columns, ensure_ascii=False) if columns else None


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
