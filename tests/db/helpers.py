"""Staged rows for tests, without a run around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, Table

from order_sync.db import batches, engine, runs, staging
from order_sync.db.columnar import by_column
from order_sync.db.runs import RequestRef, RunRef
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit
from order_sync.rules.mapping import Mapping
from order_sync.rules.states import Operation, RowState

BOARD = "4711"


def start(conn: Connection, tables: Tables, mapping: Mapping) -> RunRef:
    return runs.start_run(conn, tables, mapping, "sync", {}, BOARD)


def stage_items(
    conn: Connection,
    tables: Tables,
    run: RunRef,
    *keys: str,
    operation: Operation = Operation.CREATE,
) -> str:
    """Stage order lines with these keys; returns the batch."""
    new = batches.NewBatch("GREYSON CLOTHIERS")
    batches.open_batches(conn, tables, run, [new], "FULL_BATCH")
    batch = new.batch_id
    rows = [item_row(conn, run, batch, key, operation) for key in keys]
    assert stage_rows(conn, tables.staging, rows) == []
    return batch


def stage_rows(
    conn: Connection, table: Table, rows: Sequence[dict[str, Any]]
) -> list[tuple[dict[str, Any], str]]:
    return staging.stage_columns(conn, table, by_column(rows))


def item_row(
    conn: Connection, run: RunRef, batch: str, key: str, operation: Operation = Operation.CREATE
) -> dict[str, Any]:
    return {
        **_common(conn, run, batch, key, operation),
        "source_hash": "s" * 64,
        "Title": key.upper(),
        "Group": "GREYSON CLOTHIERS 2025 FALL",
        "group_key": "greyson clothiers 2025 fall",
        "AAG ORDER NUMBER": key.upper(),
    }


def line_row(
    conn: Connection, run: RunRef, batch: str, key: str, size: str, parent: int | None = None,
    parent_item: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    return {
        **_common(conn, run, batch, key, Operation.CREATE),
        "size_key": size.lower(),
        "stg_parent_stg_id": parent,
        "stg_monday_parent_item_id": parent_item,
        "stg_size_label": size,
        "Title": f"Size {size}",
        "Size": size,
        "Order Qty": 5,
    }


def _common(
    conn: Connection, run: RunRef, batch: str, key: str, operation: Operation
) -> dict[str, Any]:
    return {
        "stg_batch_id": batch,
        "stg_run_id": run.run_id,
        "stg_customer_batch": "GREYSON CLOTHIERS",
        "stg_status": RowState.PENDING.value,
        "board_id": BOARD,
        "order_key": key,
        "update_operation": operation.value,
        "payload_hash": "h" * 64,
        "stg_api_payload": '{"name": "N", "order_number": "N"}',
        "stg_attempts": 0,
        "stg_retry_count": 0,
        "stg_created_date": engine.now(conn),
    }


def plan_of(conn: Connection, statement: str, parameters: Any = ()) -> list[str]:
    """How the database would find the rows; a step that begins with SCAN reads a whole table."""
    if conn.dialect.name == "sqlite":
        plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row[3] for row in plan]
    if conn.dialect.name == "mssql":
        pytest.skip("SQL Server shows its plans in another way")
    # A small table is read whole, index or not, unless that is forbidden.
    conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
    steps = conn.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars()
    return [step.strip(" ->").replace("Seq Scan", "SCAN") for step in steps]


def send(
    conn: Connection, tables: Tables, run: RunRef, batch: str, unit: Unit = Unit.ITEM
) -> RequestRef:
    """Bind every waiting row of a batch to one request."""
    rows = staging.waiting_rows(conn, tables, unit, run, batch)
    request = runs.open_request(
        conn, tables, run, kind="create_items", aliases=len(rows), idempotency_key="key",
        body=b"{}", batch_id=batch, carries_rows=True,
    )  # fmt: skip
    staging.claim(conn, tables, unit, rows, request)
    return request


def states(conn: Connection, tables: Tables, unit: Unit = Unit.ITEM) -> dict[str, str]:
    t = staging.table_of(tables, unit)
    return {row.order_key: row.stg_status for row in conn.execute(t.select())}
