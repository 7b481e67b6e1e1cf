"""State tables as a long time leaves them: orders, runs, batches, requests, events, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from order_sync.db import engine
from order_sync.db.engine import Database
from order_sync.db.schema import Tables, build_tables
from order_sync.db.upgrade import ensure_tables
from order_sync.rules.mapping import Mapping

BOARD = "1234567890"
LINES = 2  # order lines of an order number
SIZES = ("s", "m")
IN_A_REQUEST = 15
CUSTOMERS = 20
LIVE = 200  # staged rows of each kind that are not at their end
CHUNK = 5_000
BODY = json.dumps({"query": "mutation { r0: create_item { id } }", "variables": {}}).encode()
NOW = datetime.now(UTC).replace(microsecond=0)

Row = dict[str, Any]


@dataclass(frozen=True)
class History:
    """What there is of each.

    The orders were staged by one run after the other, `orders / runs` by each, and every event of
    an order was seen by a run of its own.
    """

    mapping: Mapping
    orders: int
    events: int
    runs: int = 500
    refused_every: int = 50  # one order of so many was refused once; a tenth of them still is

    def key(self, number: int) -> str:
        return f"ord-{number // LINES:07}|m{number % LINES}|white"

    def fill(self, url: str) -> None:
        """Make the tables in an empty database and fill them."""
        tables = build_tables(self.mapping)
        with closing(Database(url)) as database:
            database.run(lambda conn: ensure_tables(conn, tables))
            for table, rows in self._rows(tables):
                while chunk := list(islice(rows, CHUNK)):
                    with database.writing() as conn:
                        engine.bulk_insert(conn, table, chunk)

    def _rows(self, tables: Tables) -> list[tuple[Any, Iterator[Row]]]:
        return [
            (tables.runs, self._runs()),
            (tables.batches, self._batches()),
            (tables.requests, self._requests()),
            (tables.production, self._items()),
            (tables.production_subitems, self._lines()),
            (tables.staging, self._staged_items()),
            (tables.staging_subitems, self._staged_lines()),
            (tables.errors, self._refused()),
            (tables.errors_subitems, self._refused_lines()),
            (tables.events, self._events()),
        ]

    def _run_of(self, number: int) -> int:
        return number * self.runs // self.orders

    def _runs(self) -> Iterator[Row]:
        for number in range(self.runs):
            at = NOW - timedelta(hours=self.runs - number)
            yield {
                "run_id": f"run-{number:05}", "command": "sync", "filters": "{}",
                "profile": self.mapping.name, "profile_fingerprint": "0", "board_id": BOARD,
                "fence": number + 1, "host": "here", "pid": 1, "version": "1",
                "status": "COMPLETED", "started_at": at, "ended_at": at + timedelta(minutes=5),
                "exit_code": 0 if number % 10 else 3,
            }  # fmt: skip

    def _batches(self) -> Iterator[Row]:
        for number in range(self.runs):
            at = NOW - timedelta(hours=self.runs - number)
            counts = ("orders_total", "orders_processed", "orders_failed", "subitems_total",
                      "subitems_processed", "subitems_failed", "api_calls_made", "api_failures",
                      "retries_attempted")  # fmt: skip
            yield {
                "batch_id": f"batch-{number:05}", "run_id": f"run-{number:05}", "board_id": BOARD,
                "customer_name": f"CUSTOMER {number % CUSTOMERS}", "batch_type": "FULL_BATCH",
                "status": "COMPLETED", "start_time": at, "end_time": at, **dict.fromkeys(counts, 1),
            }  # fmt: skip

    def _requests(self) -> Iterator[Row]:
        for number in range(self.orders // IN_A_REQUEST + 1):
            run = self._run_of(min(number * IN_A_REQUEST, self.orders - 1))
            at = NOW - timedelta(hours=self.runs - run)
            yield {
                "request_id": f"request-{number:07}", "run_id": f"run-{run:05}", "board_id": BOARD,
                "fence": run + 1, "batch_id": f"batch-{run:05}", "kind": "create_items",
                "aliases": IN_A_REQUEST, "idempotency_key": f"key-{number}", "send_no": 1,
                "first_sent_at": at, "last_sent_at": at, "answered_at": at, "state": "SETTLED",
                "http_status": 200, "duration_ms": 150.0, "cost": 900, "replays": 0,
                "body": BODY,
            }  # fmt: skip

    def _items(self) -> Iterator[Row]:
        for number in range(self.orders):
            key = self.key(number)
            yield {
                "board_id": BOARD, "order_key": key, "Item ID": str(10**9 + number),
                "Title": key.upper(), "Group": "GROUP", "group_id": "group",
                "customer_name": f"CUSTOMER {number % CUSTOMERS}", **self._written(number),
            }  # fmt: skip

    def _lines(self) -> Iterator[Row]:
        for number in range(self.orders):
            for place, size in enumerate(SIZES):
                yield {
                    "board_id": BOARD, "order_key": self.key(number), "size_key": size,
                    "subitem_id": str(2 * 10**9 + number * len(SIZES) + place),
                    "parent_item_id": str(10**9 + number), "subitem_board_id": "9",
                    "Title": f"Size {size}", "Size": size.upper(), "Order Qty": 5,
                    **self._written(number),
                }  # fmt: skip

    def _written(self, number: int) -> Row:
        return {"payload_hash": "h" * 64, "created_date": NOW, "UpdateDate": NOW,
                "last_run_id": f"run-{self._run_of(number):05}"}  # fmt: skip

    def _staged_items(self) -> Iterator[Row]:
        for number in range(self.orders):
            yield {
                "stg_id": number + 1, **self._staged(number),
                "stg_monday_item_id": str(10**9 + number), "Title": "T", "Group": "GROUP",
                "group_key": "group",
            }  # fmt: skip

    def _staged_lines(self) -> Iterator[Row]:
        for number in range(self.orders):
            for place, size in enumerate(SIZES):
                yield {
                    "stg_id": number * len(SIZES) + place + 1, "stg_parent_stg_id": number + 1,
                    **self._staged(number), "size_key": size,
                    "stg_monday_subitem_id": str(2 * 10**9 + number * len(SIZES) + place),
                    "stg_monday_parent_item_id": str(10**9 + number),
                    "stg_size_label": size.upper(), "Title": f"Size {size}",
                    "Size": size.upper(), "Order Qty": 5,
                }  # fmt: skip

    def _staged(self, number: int) -> Row:
        run = self._run_of(number)
        live = number >= self.orders - LIVE
        state = ("PENDING", "SENDING")[number % 2] if live else "PROMOTED"
        return {
            "stg_batch_id": f"batch-{run:05}", "stg_run_id": f"run-{run:05}",
            "stg_customer_batch": f"CUSTOMER {number % CUSTOMERS}", "stg_status": state,
            "board_id": BOARD, "order_key": self.key(number), "update_operation": "CREATE",
            "change_type": "NEW", "payload_hash": "h" * 64,
            "stg_api_payload": json.dumps({"name": "N" * 500}),
            "stg_request_id": f"request-{number // IN_A_REQUEST:07}", "stg_attempts": 1,
            "stg_retry_count": 0, "stg_created_date": NOW,
        }  # fmt: skip

    def _refused(self) -> Iterator[Row]:
        for number in range(0, self.orders, self.refused_every):
            is_open = number // self.refused_every % 10 == 0
            run = self._run_of(number)
            yield {
                "board_id": BOARD, "order_key": self.key(number),
                "customer_batch": f"CUSTOMER {number % CUSTOMERS}", "order_number": "ORD",
                "error_type": ("unknown_label", "too_long")[number % 2], "error_class": "data",
                "error_message": "refused", "field": "CUSTOMER", "value": "x",
                "original_data": json.dumps({"A": "x" * 500}), "batch_id": f"batch-{run:05}",
                "run_id": f"run-{run:05}", "retry_count": 0, "max_retries_reached": False,
                "created_date": NOW, "resolved_date": None if is_open else NOW,
                "resolved_by": None if is_open else "order-sync",
                "resolution": None if is_open else "sent",
            }  # fmt: skip

    def _refused_lines(self) -> Iterator[Row]:
        for row in self._refused():
            yield {**row, "size_key": "s", "size_label": "S", "order_qty": 5}

    def _events(self) -> Iterator[Row]:
        each = max(1, self.events // self.orders)
        for step in range(each):
            for number in range(self.orders):
                run = min(self._run_of(number) + step, self.runs - 1)
                yield {
                    "board_id": BOARD, "order_key": self.key(number), "at": NOW,
                    "run_id": f"run-{run:05}", "batch_id": f"batch-{run:05}",
                    "request_id": f"request-{number // IN_A_REQUEST:07}",
                    "event": "unknown_season" if step == each - 1 else "ACCEPTED",
                    "level": "warning" if step == each - 1 else "info",
                }  # fmt: skip
