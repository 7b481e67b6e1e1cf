"""How long people wait for what became of an order, a run or a batch, when the tables are large.

    .venv/bin/python bench/explain.py [--events 1000000] [--orders 200000]
        [--databases sqlite postgresql]

Each command runs as a process of its own, as a person starts it, and its queries are timed alone,
too. Prints the median of five, and exits 1 when a command takes longer than a second. On a machine
that has other work the processor time of the process says more than how long it took.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

from databases import KINDS, databases, settle
from history import BOARD, History
from order_sync import cli
from order_sync.profile import DEFAULT_PROFILE, load_profile

ENOUGH_S = 1.0
ROUNDS = 5


def commands(history: History) -> list[list[str]]:
    number = history.orders // 2
    key, run = history.key(number), f"{history.runs // 2:05}"
    return [
        ["explain", key],
        ["explain", key.partition("|")[0]],
        ["explain", key, "--output", "json"],
        ["explain", key[:-8]],  # nobody knows it; near ones are named
        ["runs", "--failed"],
        ["runs", "show", f"run-{run}"],
        ["batches", "show", f"batch-{run}"],
        ["errors", "show", history.key(0)],
        ["status"],
    ]


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def whole(words: list[str]) -> tuple[float, float]:
    """(seconds, seconds of a processor) of the command as a process."""
    program = Path(sys.executable).parent / "order-sync"
    began, used = time.perf_counter(), cpu_of_children()
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    took = time.perf_counter() - began, cpu_of_children() - used
    assert done.returncode in (0, 2), done.stderr
    assert done.returncode == 0 or "no run has seen" in done.stderr, done.stderr
    return took


def queries(words: list[str]) -> float:
    """Seconds of its queries alone, rows included that come with the first answer."""
    spent = 0.0
    began = 0.0

    def before(*_: object) -> None:
        nonlocal began
        began = time.perf_counter()

    def after(*_: object) -> None:
        nonlocal spent
        spent += time.perf_counter() - began

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    nowhere = io.TextIOWrapper(io.BytesIO())
    try:
        with (
            contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere),
            contextlib.suppress(SystemExit),
        ):  # fmt: skip
            cli.main(words)
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--orders", type=int, default=200_000)
    parser.add_argument("--databases", nargs="+", choices=list(KINDS), default=list(KINDS))
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    history = History(load_profile(DEFAULT_PROFILE), arguments.orders, arguments.events)
    missed = False
    for kind in arguments.databases:
        with databases(kind) as new, tempfile.TemporaryDirectory() as folder:
            url = new("explain")
            history.fill(url)
            settle(url)
            os.chdir(folder)
            os.environ |= {"ORDER_SYNC_DATABASE__URL": url, "ORDER_SYNC_MONDAY__BOARD_ID": BOARD}
            for words in commands(history):
                runs = [whole(words) for _ in range(ROUNDS)]
                process, cpu = (statistics.median(times) for times in zip(*runs, strict=True))
                alone = statistics.median(queries(words) for _ in range(ROUNDS))
                missed = missed or process > ENOUGH_S
                print(
                    f"{KINDS[kind]:<12}{' '.join(words):<44}{process * 1000:>7.0f} ms,"
                    f" processor {cpu * 1000:>5.0f} ms, queries {alone * 1000:>6.1f} ms",
                    flush=True,
                )
            os.chdir("/")
    sys.exit(missed)


if __name__ == "__main__":
    main()
