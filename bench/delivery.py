"""How many calls and how much time a created row costs, against the sandbox with some latency.

    .venv/bin/python bench/delivery.py [--orders 600] [--latency-ms 20]

Runs the same orders with documents of one row and with documents of 15 in one go and prints the
ratio; a row is an item or a subitem.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from order_sync.config import load_settings
from order_sync.profile import load_profile
from order_sync.progress import Silent
from order_sync.rules.filters import Filters
from order_sync.rules.reading import needed_columns
from order_sync.sync import run_sync

MAPPING = load_profile("customer-master-schedule")
SIZES = {"XS": 22, "S": 104, "M": 177, "L": 125, "XL": 72}


@dataclass(frozen=True)
class Result:
    rows: int
    calls: int
    seconds: float
    cpu_seconds: float


@contextmanager
def board_server(latency_ms: int, board: Path | None = None) -> Iterator[tuple[str, str]]:
    """(API address, board id) of a sandbox in another process; `board`: its description."""
    script = Path(__file__).with_name("board_server.py")
    described = [] if board is None else ["--board", str(board)]
    with subprocess.Popen(
        [sys.executable, str(script), "--latency-ms", str(latency_ms), *described],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        url, board_id = process.stdout.readline().split()
        yield url, board_id
        process.stdin.close()


def fill(path: Path, orders: int) -> None:
    names = needed_columns(MAPPING)
    columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    marks = ", ".join("?" * len(names))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"CREATE TABLE ORDERS_UNIFIED ({columns})")
        db.executemany(
            f"INSERT INTO ORDERS_UNIFIED VALUES ({marks})",
            ([order(i).get(name) for name in names] for i in range(orders)),
        )


def order(number: int) -> dict[str, object]:
    return {
        "AAG ORDER NUMBER": f"GRE-{number // 4:05}",
        "CUSTOMER NAME": ("GREYSON CLOTHIERS", "JOHNNIE O", "LORNA JANE")[number % 3],
        "CUSTOMER STYLE": f"M{number:05}",
        "CUSTOMER COLOUR DESCRIPTION": "DEAN BLUE/WHITE",
        "AAG SEASON": "2025 FALL",
        "CUSTOMER SEASON": "FW25",
        "ORDER TYPE": "ACTIVE",
        "UNIT OF MEASURE": "PCE",
        "PO NUMBER": "4755",
        "STYLE DESCRIPTION": "NALLA POLO",
        "CUSTOMER PRICE": "28.86",
        "EX FACTORY DATE": "2025-09-26",
        "TOTAL QTY": sum(SIZES.values()),
        **SIZES,
    }


def measure(orders: int, latency_ms: int, batch_size: int) -> Result:
    with (
        tempfile.TemporaryDirectory() as folder,
        board_server(latency_ms) as (url, board_id),
    ):
        path = Path(folder) / "orders.db"
        fill(path, orders)
        environ = {
            "ORDER_SYNC_DATABASE__URL": f"sqlite:///{path}",
            "ORDER_SYNC_MONDAY__API_URL": url,
            "ORDER_SYNC_MONDAY__BOARD_ID": board_id,
            "ORDER_SYNC_MONDAY__BATCH_SIZE": str(batch_size),
            "MONDAY_API_TOKEN": "benchmark",
        }
        settings = load_settings(config=None, env=None, environ=environ, cwd=Path(folder))
        began, cpu = time.perf_counter(), _cpu()
        report = run_sync(settings, MAPPING, Filters(), Silent())
        seconds, cpu_seconds = time.perf_counter() - began, _cpu() - cpu
    rows = report.orders_created + report.size_lines_created
    assert rows == orders * (1 + len(SIZES)), f"exit {report.exit_code}: {report.message}"
    return Result(rows, report.read_calls + report.write_calls, seconds, cpu_seconds)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=600)
    parser.add_argument("--latency-ms", type=int, default=20)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{arguments.orders} orders with {len(SIZES)} sizes, {arguments.latency_ms} ms latency")
    few = max(20, arguments.orders // 10)  # one row per request is slow: a tenth will do
    results = {
        "1 row per request": measure(few, arguments.latency_ms, 1),
        "15 rows per request": measure(arguments.orders, arguments.latency_ms, 15),
    }
    for name, r in results.items():
        print(
            f"{name:<20} {r.rows:>6} rows  {r.calls / r.rows:6.3f} calls/row  "
            f"{r.rows / r.seconds:8.1f} rows/s  {1000 * r.cpu_seconds / r.rows:6.2f} ms CPU/row"
        )
    one, many = results.values()
    ratio = (many.rows / many.seconds) / (one.rows / one.seconds)
    print(f"15 rows per request are {ratio:.1f} times as fast")


if __name__ == "__main__":
    main()
