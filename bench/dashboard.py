"""How long the monitoring pages take to be made from large tables.

    .venv/bin/python bench/dashboard.py [--events 1000000] [--databases sqlite postgresql]

A board of orders with five sizes and ten events each, a request for fifteen of them, five hundred
runs, and two thousand open refusals. Pages are asked for without a network between. Prints the
median of nine, and exits 1 when a page takes longer than 200 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from databases import KINDS, databases, settle
from order_sync.config import load_settings
from order_sync.dashboard import create_app
from order_sync.dashboard.access import Access
from order_sync.db import engine
from order_sync.db.engine import Database
from order_sync.db.schema import build_tables
from order_sync.profile import DEFAULT_PROFILE, load_profile
from wide import KnownBoard, Source

ENOUGH_MS = 200
ROUNDS = 9
EVENTS_EACH = 10  # of an order
IN_A_REQUEST = 15
WARNED = 50  # one order in so many
REFUSED = 2_000
RUNS = 500
CHUNK = 5_000
BOARD = "1234567890"
NOW = datetime.now(UTC)
PAGES = (
    "/", "/charts/throughput.svg", "/charts/throughput.svg?rows=1", "/runs", "/runs/run-0",
    "/charts/runs/run-0.svg", "/errors", "/errors?by=customer", "/orders?key={key}",
    "/search?q={number}", "/search?q={style}", "/search?q=nobody",
)  # fmt: skip

Row = dict[str, Any]


def runs() -> Iterator[Row]:
    for number in range(RUNS):
        at = NOW - timedelta(hours=number)
        yield {
            "run_id": f"run-{number}", "command": "sync", "filters": "{}", "profile": "benchmark",
            "profile_fingerprint": "0", "board_id": BOARD, "fence": RUNS - number, "host": "here",
            "pid": 1, "version": "1", "status": "COMPLETED", "started_at": at,
            "ended_at": at + timedelta(minutes=5), "exit_code": 3,
        }  # fmt: skip


def requests(count: int) -> Iterator[Row]:
    """Spread evenly over the runs, so over some weeks."""
    for number in range(count):
        at = NOW - timedelta(hours=RUNS) * (number / count)
        yield {
            "request_id": f"request-{number}", "run_id": f"run-{number * RUNS // count}",
            "board_id": BOARD, "fence": 1, "kind": "create_items", "aliases": IN_A_REQUEST,
            "idempotency_key": f"key-{number}", "send_no": 1, "first_sent_at": at,
            "last_sent_at": at, "answered_at": at, "state": "SETTLED", "http_status": 200,
            "duration_ms": 150.0, "cost": 900, "replays": 0,
        }  # fmt: skip


def events(keys: list[str]) -> Iterator[Row]:
    for number, key in enumerate(keys):
        for step in range(EVENTS_EACH):
            yield {
                "board_id": BOARD, "order_key": key, "at": NOW, "run_id": f"run-{step}",
                "request_id": f"request-{number // IN_A_REQUEST}",
                "event": "ACCEPTED" if number % WARNED else "total_differs",
                "level": "info" if number % WARNED else "warning",
            }  # fmt: skip


def refusals(keys: list[str]) -> Iterator[Row]:
    for number, key in enumerate(keys[:REFUSED]):
        yield {
            "board_id": BOARD, "order_key": key, "customer_batch": f"CUSTOMER {number % 20}",
            "order_number": key, "error_type": ("unknown_label", "too_long")[number % 2],
            "error_class": "data", "error_message": "benchmark", "field": "CUSTOMER",
            "value": "x", "original_data": json.dumps({"A": "x" * 2_000}), "run_id": "run-0",
            "retry_count": 0, "max_retries_reached": False, "created_date": NOW,
        }  # fmt: skip


def fill(url: str, count: int) -> dict[str, str]:
    """Fill the tables; returns what pages are asked for."""
    mapping = load_profile(DEFAULT_PROFILE)
    tables, orders = build_tables(mapping), count // EVENTS_EACH
    KnownBoard(mapping, BOARD).write([url], Source(mapping), orders)
    with closing(Database(url)) as database:
        with database.begin() as conn:
            p = tables.production
            keys = list(conn.execute(p.select().with_only_columns(p.c.order_key)).scalars())
        for table, rows in (
            (tables.runs, runs()), (tables.requests, requests(orders // IN_A_REQUEST * 2)),
            (tables.events, events(keys)), (tables.errors, refusals(keys)),
        ):  # fmt: skip
            while chunk := [row for _, row in zip(range(CHUNK), rows, strict=False)]:
                with database.writing() as conn:
                    engine.bulk_insert(conn, table, chunk)
    settle(url)
    number, style, _ = keys[len(keys) // 2].split("|")
    return {"key": "%7C".join(keys[7].split("|")), "number": number, "style": style}


async def measure(app: Any, path: str) -> float:
    """Median milliseconds."""
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1"
    ) as client:
        took = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            reply = await client.get(path)
            took.append(1000 * (time.perf_counter() - began))
            assert reply.status_code == 200, reply.text
    return statistics.median(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--databases", nargs="+", choices=list(KINDS), default=list(KINDS))
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    missed = False
    for kind in arguments.databases:
        with databases(kind) as new, tempfile.TemporaryDirectory() as folder:
            url = new("pages")
            asked = fill(url, arguments.events)
            environ = {"ORDER_SYNC_DATABASE__URL": url, "ORDER_SYNC_MONDAY__BOARD_ID": BOARD}
            settings = load_settings(config=None, env=None, environ=environ, cwd=Path(folder))
            with closing(Database(url, read_only=True)) as database:
                app = create_app(settings, load_profile(DEFAULT_PROFILE), database, Access())
                for path in PAGES:
                    took = asyncio.run(measure(app, path.format(**asked)))
                    missed = missed or took > ENOUGH_MS
                    print(f"{KINDS[kind]:<12}{path:<26}{took:>8.0f} ms", flush=True)
    sys.exit(missed)


if __name__ == "__main__":
    main()
