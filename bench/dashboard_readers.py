"""Whether people who look at the monitoring pages hold up a run.

    .venv/bin/python bench/dashboard_readers.py [--readers 50] [--rows 5000] [--rounds 3]

A run creates order lines with five sizes on a sandbox that answers after 100 ms, with and without
readers, in turns. Each reader asks for a page every three seconds, as an open page does. Prints
the seconds of each run, the answers readers got, and the ratio of the medians; exits 1 when a
reader met an error or the run was slower by more than a tenth.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import httpx2

from databases import KINDS, databases
from delivery import board_server
from runs_apart import Place, apart, sync
from wide import Source, wide_mapping, write_board

COLUMNS = 46  # as the shipped profile has
LATENCY_MS = 100
EVERY_S = 3.0
ROWS_EACH = 6  # of an order line with its five sizes
SLOWER = 1.1
PAGES = ("/", "/runs", "/errors", "/search?q=ORD-0000001", "/charts/throughput.svg")


@contextmanager
def dashboard(place: Place) -> Iterator[str]:
    """The address of the pages, served by the command."""
    environ = {
        "ORDER_SYNC_DATABASE__URL": place.state_url,
        "ORDER_SYNC_MONDAY__BOARD_ID": place.board_id,
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-c", "from order_sync.cli import main; main()", "dashboard",
             "--port", "0"],
            cwd=folder, env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@contextmanager
def reading(address: str, readers: int) -> Iterator[Counter[int]]:
    """Readers at work; counts answers by HTTP status, 0 for none."""
    answers: Counter[int] = Counter()
    ended, counting = threading.Event(), threading.Lock()

    def read(number: int) -> None:
        with httpx2.Client(base_url=address, timeout=30) as client:
            ended.wait(EVERY_S * number / readers)
            for path in cycle(PAGES[number % len(PAGES) :] + PAGES[: number % len(PAGES)]):
                began = time.monotonic()
                try:
                    status = client.get(path).status_code
                except httpx2.HTTPError:
                    status = 0
                with counting:
                    answers[status] += 1
                if ended.wait(max(0.0, EVERY_S - (time.monotonic() - began))):
                    return

    threads = [threading.Thread(target=read, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    yield answers
    ended.set()
    for thread in threads:
        thread.join()


def run(url: str, source: Source, lines: int, readers: int) -> tuple[float, Counter[int]]:
    """Seconds of one run on an empty board, and what readers were answered."""
    with tempfile.TemporaryDirectory() as folder:
        board = Path(folder) / "board.json"
        write_board(board, wide_mapping(COLUMNS))
        return run_on(board, url, source, lines, readers)


def run_on(
    board: Path, url: str, source: Source, lines: int, readers: int
) -> tuple[float, Counter[int]]:
    with board_server(LATENCY_MS, board) as (api_url, board_id):
        place = Place(url, url, api_url, board_id, COLUMNS)
        source.write(url, lines)
        if not readers:
            return apart(sync, place).seconds, Counter()
        with dashboard(place) as address, reading(address, readers) as answers:
            return apart(sync, place).seconds, answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--databases", nargs="+", choices=list(KINDS), default=list(KINDS))
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    source, lines = Source(wide_mapping(COLUMNS)), arguments.rows // ROWS_EACH
    missed = False
    for kind in arguments.databases:
        alone, read = [], []
        for number in range(arguments.rounds):
            with databases(kind) as new:
                alone.append(run(new(f"alone_{number}"), source, lines, 0)[0])
                seconds, answers = run(new(f"read_{number}"), source, lines, arguments.readers)
            read.append(seconds)
            told = ", ".join(f"{count} times {status}" for status, count in answers.items())
            print(f"{KINDS[kind]:<12}alone {alone[-1]:6.1f} s, read {seconds:6.1f} s ({told})")
            missed = missed or bool(answers.keys() - {200})
        ratio = statistics.median(read) / statistics.median(alone)
        missed = missed or ratio > SLOWER
        print(
            f"{KINDS[kind]:<12}{arguments.readers} readers: {ratio:.2f} times as long", flush=True
        )
    sys.exit(missed)


if __name__ == "__main__":
    main()
