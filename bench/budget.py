"""How much of what an account allows a client uses, and how often it is refused by its own fault.

    .venv/bin/python bench/budget.py [--minute-s 6] [--minutes 4] [--plans pro] [--costs 2024]

For each plan and price of a write, three clients create rows on a sandbox board for some minutes:
order-sync; a plain loop (one item a call, sleeps when told to); and the package `monday` from PyPI
in the same loop, if it is installed (requirements/bench.txt). A minute is shortened, windows and
quotas alike; `--minute-s 60` runs in real time. `used` is the share of the binding limit, points
or requests, over whole minutes from the first request on. Exits 1 when order-sync uses less than
95 % or is refused once.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import structlog

from delivery import MAPPING, fill
from order_sync.config import load_settings
from order_sync.progress import Silent
from order_sync.rules.filters import Filters
from order_sync.sandbox.options import PLANS, WRITE_COSTS
from order_sync.sync import run_sync

ENOUGH = 0.95
ROWS_PER_ORDER = 6  # the item and five size lines
LATENCY_MS = 10.0


@dataclass(frozen=True)
class Case:
    """An account, and for how long it is used."""

    plan: str
    costs: str
    minute_s: float
    minutes: int
    batch_size: int

    @property
    def writes_a_minute(self) -> float:
        """Rows the account allows in one (shortened) minute, at `batch_size` rows a request."""
        plan, share = PLANS[self.plan], self.minute_s / 60
        by_points = plan.personal_complexity_per_minute / WRITE_COSTS[self.costs]
        return min(by_points, plan.requests_per_minute * self.batch_size) * share

    @property
    def enough_orders(self) -> int:
        return round(self.writes_a_minute * (self.minutes + 0.7) / ROWS_PER_ORDER)


@dataclass(frozen=True)
class Used:
    """What became of a case."""

    share: float
    bound_by: str
    rows_per_s: float
    refusals: int


@contextmanager
def account(case: Case) -> Iterator[tuple[str, str, Callable[[], dict[str, Any]]]]:
    """(API address, board id, what happened) of a sandbox in another process."""
    script = Path(__file__).with_name("board_server.py")
    command = [
        sys.executable, str(script), "--latency-ms", str(LATENCY_MS), "--plan", case.plan,
        "--costs", case.costs, "--minute-s", str(case.minute_s),
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout
        url, board_id = stdout.readline().split()

        def ended() -> dict[str, Any]:
            stdin.close()
            happened: dict[str, Any] = json.loads(stdout.readline())
            return happened

        yield url, board_id, ended
        if not stdin.closed:
            stdin.close()


def used(case: Case, happened: dict[str, Any]) -> Used:
    """Of the whole minutes since the first request, as far as there was work."""
    accepted = happened["accepted"]
    minutes = min(case.minutes, int(accepted[-1][0] / case.minute_s))
    ends = minutes * case.minute_s
    inside = [(points, writes) for at, points, writes in accepted if at < ends]
    quota = happened["quota"]
    shares = {
        "points": sum(points for points, _ in inside) / (quota["points"] * minutes or 1),
        "requests": len(inside) / (quota["requests"] * minutes or 1),
    }
    bound_by = max(shares, key=lambda name: shares[name])
    rows = sum(writes for _, writes in inside)
    return Used(shares[bound_by], bound_by, rows / (ends or 1), happened["refusals"])


def by_order_sync(case: Case) -> Used:
    with tempfile.TemporaryDirectory() as folder, account(case) as (url, board_id, ended):
        path = Path(folder) / "orders.db"
        fill(path, case.enough_orders)
        environ = {
            "ORDER_SYNC_DATABASE__URL": f"sqlite:///{path}",
            "ORDER_SYNC_MONDAY__API_URL": url,
            "ORDER_SYNC_MONDAY__BOARD_ID": board_id,
            "ORDER_SYNC_MONDAY__BATCH_SIZE": str(case.batch_size),
            "MONDAY_API_TOKEN": "benchmark",
        }
        settings = load_settings(config=None, env=None, environ=environ, cwd=Path(folder))
        report = run_sync(settings, MAPPING, Filters(), Silent())
        assert report.exit_code == 0, report.message
        return used(case, ended())


def in_a_loop(case: Case, create: Callable[[str, str, str], float]) -> Used:
    """`create(url, board_id, name)` gives the seconds to sleep, 0.0 when the item was created."""
    with account(case) as (url, board_id, ended):
        ends = time.monotonic() + case.minute_s * (case.minutes + 0.3)
        number = 0
        while time.monotonic() < ends:
            wait = create(url, board_id, f"order {number}")
            number += wait == 0.0
            time.sleep(wait)
        return used(case, ended())


_DOCUMENT = (
    "mutation ($board: ID!, $name: String!) { complexity { query } "
    "create_item(board_id: $board, item_name: $name) { id } }"
)


def plain_loop() -> Callable[[str, str, str], float]:
    http = httpx2.Client(headers={"Authorization": "benchmark", "API-Version": "2026-10"})

    def create(url: str, board_id: str, name: str) -> float:
        body = {"query": _DOCUMENT, "variables": {"board": board_id, "name": name}}
        response = http.post(url, json=body)
        return float(response.headers.get("retry-after", 1)) if response.status_code == 429 else 0.0

    return create


def published_client() -> Callable[[str, str, str], float]:
    """The package `monday`: it raises on a 429, with the answer as its message."""
    import urllib3  # noqa: PLC0415 - only here, and only where it is installed

    from monday import MondayClient  # noqa: PLC0415

    client = MondayClient("benchmark")
    group = ""

    def create(url: str, board_id: str, name: str) -> float:
        nonlocal group
        client.items.client.endpoint = client.groups.client.endpoint = url
        try:
            if not group:
                (board,) = client.groups.get_groups_by_board(board_id)["data"]["boards"]
                group = board["groups"][0]["id"]
            client.items.create_item(board_id, group, name)
        except urllib3.exceptions.HTTPError as error:
            told = re.search(r'"retry_in_seconds":([0-9.]+)', str(error))
            return float(told[1]) if told else 1.0
        return 0.0

    return create


def clients() -> dict[str, Callable[[Case], Used]]:
    found: dict[str, Callable[[Case], Used]] = {
        "order-sync": by_order_sync,
        "a plain loop": lambda case: in_a_loop(case, plain_loop()),
    }
    if find_spec("monday") is not None:
        found["monday (PyPI)"] = lambda case: in_a_loop(case, published_client())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minute-s", type=float, default=6.0)
    parser.add_argument("--minutes", type=int, default=4)
    parser.add_argument("--plans", nargs="+", default=["standard", "pro", "enterprise"])
    parser.add_argument("--costs", nargs="+", default=list(WRITE_COSTS))
    parser.add_argument("--only", help="one client")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(
        f"{arguments.minutes} minutes of {arguments.minute_s:g} s, answers after {LATENCY_MS:g} ms"
    )
    print(f"{'plan':<11}{'points/write':>13}  {'client':<15}{'used':>7}  {'of':<9}"
          f"{'rows/s':>8}{'refused':>9}")  # fmt: skip
    good = True
    for plan in arguments.plans:
        for costs in arguments.costs:
            size = 15 if WRITE_COSTS[costs] > 1_000 else 2
            case = Case(plan, costs, arguments.minute_s, arguments.minutes, size)
            for name, run in clients().items():
                if arguments.only not in (None, name):
                    continue
                u = run(case)
                print(
                    f"{plan:<11}{WRITE_COSTS[costs]:>13,}  {name:<15}{u.share:>7.1%}  "
                    f"{u.bound_by:<9}{u.rows_per_s:>8.1f}{u.refusals:>9}",
                    flush=True,
                )
                good = good and (name != "order-sync" or (u.share >= ENOUGH and not u.refusals))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
