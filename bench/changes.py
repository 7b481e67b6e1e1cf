"""What a run costs when nothing, little or much has changed on a board that is full.

    .venv/bin/python bench/changes.py [--orders 2000] [--latency-ms 0]

Puts the orders on a sandbox board once, then measures a run without a change and runs in which
1, 10, 100 and 1000 orders have a new price and one new quantity. Exits 1 when the unchanged run
makes more than 3 calls, or a run sends anything but one mutation per changed item and size line.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import resource
import sqlite3
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import structlog

from delivery import MAPPING, board_server, fill
from order_sync.config import load_settings
from order_sync.progress import Silent
from order_sync.rules.filters import Filters
from order_sync.sync import run_sync

CHANGED = (1, 10, 100, 1000)
MOST_CALLS = 3  # of a run in which nothing has changed


@dataclass(frozen=True)
class Bench:
    """Where a run finds its database and its board."""

    path: Path
    url: str
    board_id: str


@dataclass(frozen=True)
class Result:
    """One run, measured in a process of its own."""

    calls: int
    seconds: float
    peak_mb: float
    exit_code: int


def run(bench: Bench) -> Result:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    environ = {
        "ORDER_SYNC_DATABASE__URL": f"sqlite:///{bench.path}",
        "ORDER_SYNC_MONDAY__API_URL": bench.url,
        "ORDER_SYNC_MONDAY__BOARD_ID": bench.board_id,
        "MONDAY_API_TOKEN": "benchmark",
    }
    settings = load_settings(config=None, env=None, environ=environ, cwd=bench.path.parent)
    began = time.perf_counter()
    report = run_sync(settings, MAPPING, Filters(), Silent())
    seconds = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    calls = report.read_calls + report.write_calls
    return Result(calls, seconds, peak_mb, int(report.exit_code))


def run_apart(bench: Bench) -> Result:
    """Run in a fresh process, so that its peak memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(run, bench).result()


def change(path: Path, orders: int) -> None:
    """Give the first so many orders a new price and one new quantity."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            'UPDATE ORDERS_UNIFIED SET "CUSTOMER PRICE" = "CUSTOMER PRICE" + 1, "M" = "M" + 1 '
            "WHERE rowid <= ?",
            (orders,),
        )


def requests(bench: Bench) -> list[dict[str, object]]:
    """What the board server was asked, newest first."""
    address = bench.url.removesuffix("/v2") + "/sandbox/requests?limit=10000"
    with urllib.request.urlopen(address) as answer:
        listed: list[dict[str, object]] = json.load(answer)["requests"]
    return listed


def mutations(bench: Bench, calls: int) -> int:
    """Single writes in the latest `calls` requests."""
    return sum(
        int(str(request["aliases"])) - ("complexity" in str(request["operations"]))
        for request in requests(bench)[:calls]
        if request["kind"] == "mutation"
    )


def measure(bench: Bench, orders: int) -> bool:
    """Print a line for every run; whether all of them cost what they may."""
    print(f"{'changed orders':>14} {'mutations':>10} {'wanted':>7} {'ratio':>6} {'calls':>6} "
          f"{'seconds':>8} {'peak MB':>8}")  # fmt: skip
    good = True
    for changed in (0, *(count for count in CHANGED if count <= orders)):
        change(bench.path, changed)
        result = run_apart(bench)
        sent, wanted = mutations(bench, result.calls), 2 * changed  # an item and a size line each
        ratio = f"{sent / wanted:.2f}" if wanted else "-"
        print(f"{changed:>14,} {sent:>10,} {wanted:>7,} {ratio:>6} {result.calls:>6,} "
              f"{result.seconds:>8.2f} {result.peak_mb:>8.0f}")  # fmt: skip
        good = good and sent == wanted and result.exit_code == 0
        good = good and (changed > 0 or result.calls <= MOST_CALLS)
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--latency-ms", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{arguments.orders:,} orders on the board, {arguments.latency_ms} ms latency")
    with (
        tempfile.TemporaryDirectory() as folder,
        board_server(arguments.latency_ms) as (url, board_id),
    ):
        bench = Bench(Path(folder) / "orders.db", url, board_id)
        fill(bench.path, arguments.orders)
        filled = run_apart(bench)
        print(f"filled in {filled.seconds:.0f} s with {filled.calls:,} calls\n")
        good = filled.exit_code == 0 and measure(bench, arguments.orders)
    if not good:
        print("\ntoo many calls, or mutations that no change asked for")
        sys.exit(1)


if __name__ == "__main__":
    main()
