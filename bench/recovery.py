"""After a kill: how soon new work is sent again, and how soon doubts are settled.

    .venv/bin/python bench/recovery.py [--orders 2000]

Kills a run (kill -9) while it fills a sandbox board, starts the next one and prints the seconds
from its start to the first new order on its way, and from the moment a doubt may be settled to
its end. The waits before that moment are shortened. Exits 1 when new work takes more than 5 s or
a doubt more than 10 s.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from delivery import board_server, fill

NEW_WORK_S, SETTLED_S = 5.0, 10.0
WAITS = {"SEND_WINDOW_S": 1.0, "SERVER_LIMIT_S": 2.0, "READ_LAG_S": 2.0}
LATENCY_MS = 200


def requests_of(url: str, count: int = 500) -> list[dict[str, Any]]:
    """The latest requests of the sandbox, newest first."""
    address = url.replace("/v2", f"/sandbox/requests?limit={count}")
    with urllib.request.urlopen(address) as answer:
        found: list[dict[str, Any]] = json.load(answer)["requests"]
        return found


def start(environ: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    command = [Path(sys.executable).with_name("order-sync"), "sync", "-o", "json"]
    return subprocess.Popen(
        command, env=os.environ | environ, cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def creates(url: str) -> list[dict[str, Any]]:
    return [r for r in requests_of(url) if "create_item" in r["operations"]]


def kill_amid_work(environ: dict[str, str], folder: Path, url: str) -> None:
    """End a run that has some requests on their way."""
    process = start(environ, folder)
    while len(creates(url)) < 10:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.5)  # what is on its way arrives


def new_work_after(environ: dict[str, str], folder: Path, url: str) -> float:
    """Seconds from the start of the next run to its first new order; it runs to its end."""
    known = {r["number"] for r in creates(url)}
    began = time.time()
    process = start(environ, folder)
    first = None
    while process.poll() is None:
        fresh = [r for r in creates(url) if r["number"] not in known] if first is None else []
        first = min((r["at"] for r in fresh), default=first)
        time.sleep(0.02)
    assert process.returncode == 0, process.returncode
    assert first is not None
    return first - began


def settled_after(path: Path) -> list[float]:
    """For each doubt, seconds from the moment it may be settled to its end."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT r.last_sent_at, min(e.at) FROM MON_OrderEvents e"
            " JOIN MON_ApiRequests r USING (request_id)"
            " WHERE e.event IN ('FOUND', 'NOT_FOUND') GROUP BY r.request_id"
        ).fetchall()
    allowed = sum(WAITS.values())
    return [(_time(settled) - _time(sent)) - allowed for sent, settled in rows]


def _time(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=2_000)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with (
        tempfile.TemporaryDirectory() as name,
        board_server(LATENCY_MS) as (url, board_id),
    ):
        folder = Path(name)
        path = folder / "orders.db"
        fill(path, arguments.orders)
        environ = {
            "ORDER_SYNC_DATABASE__URL": f"sqlite:///{path}",
            "ORDER_SYNC_MONDAY__API_URL": url,
            "ORDER_SYNC_MONDAY__BOARD_ID": board_id,
            "MONDAY_API_TOKEN": "benchmark",
        } | {f"ORDER_SYNC_MONDAY__{key}": str(value) for key, value in WAITS.items()}
        kill_amid_work(environ, folder, url)
        new_work = new_work_after(environ, folder, url)
        doubts = settled_after(path)
    print(f"{arguments.orders} orders, answers after {LATENCY_MS} ms, killed amid its creates")
    print(f"new work after {new_work:.1f} s")
    print(f"{len(doubts)} doubts settled {max(doubts):.1f} s after that was allowed, at the latest")
    sys.exit(0 if new_work <= NEW_WORK_S and max(doubts) <= SETTLED_S else 1)


if __name__ == "__main__":
    main()
