"""Runs in processes of their own, so that time and peak memory are theirs alone."""

from __future__ import annotations

import logging
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import wraps
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import select

from order_sync.config import load_settings
from order_sync.db import staging
from order_sync.db.columnar import count_rows, row_at
from order_sync.db.engine import Database
from order_sync.db.schema import build_tables
from order_sync.planning import make_plan
from order_sync.progress import Silent
from order_sync.rules.filters import Filters
from order_sync.rules.reading import OrderReader
from order_sync.settings import Settings
from order_sync.sync import run_sync
from wide import wide_mapping

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where a run finds source, state and board."""

    source_url: str
    state_url: str
    api_url: str
    board_id: str
    columns: int  # mapped ones, of `wide_mapping`

    def settings(self) -> Settings:
        environ = {
            "ORDER_SYNC_DATABASE__URL": self.state_url,
            "ORDER_SYNC_SOURCE__URL": self.source_url,
            "ORDER_SYNC_MONDAY__API_URL": self.api_url,
            "ORDER_SYNC_MONDAY__BOARD_ID": self.board_id,
            "MONDAY_API_TOKEN": "benchmark",
        }
        return load_settings(config=None, env=None, environ=environ, cwd=Path("/"))


@dataclass(frozen=True)
class Result:
    """What a run took."""

    seconds: float
    cpu_seconds: float  # of this process; a database server's come on top
    peak_mb: float
    calls: int = 0
    writes: int = 0  # calls that change the board
    counts: dict[str, int] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)  # seconds, by step


def apart(work: Callable[..., T], *arguments: object) -> T:
    """`work` in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def sync(place: Place) -> Result:
    """A whole run."""
    _be_quiet()
    settings, mapping = place.settings(), wide_mapping(place.columns)
    began, cpu = time.perf_counter(), time.process_time()
    report = run_sync(settings, mapping, Filters(), Silent())
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert report.exit_code == 0, f"exit {report.exit_code}: {report.message}"
    counts = {"unchanged": report.unchanged, "planned": report.orders_planned}
    calls = report.read_calls + report.write_calls
    return Result(seconds, cpu, _peak_mb(), calls, report.write_calls, counts)


def plan(place: Place) -> Result:
    """A plan of a whole run."""
    _be_quiet()
    settings, mapping = place.settings(), wide_mapping(place.columns)
    began, cpu = time.perf_counter(), time.process_time()
    made = make_plan(settings, mapping, Filters(), Silent())
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    counts: Counter[str] = Counter()
    for customer in made.customers:
        counts["new"] += customer.new
        counts["changed"] += customer.changed
        counts["size lines changed"] += customer.size_lines_changed
        counts["refused"] += customer.refused
    counts["unchanged"] = made.unchanged
    return Result(seconds, cpu, _peak_mb(), counts=dict(counts))


@dataclass(frozen=True)
class StagedRows:
    """Rows as a run loads them, in their order, with the runs and batches they point to."""

    items: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)


def staged_rows(place: Place) -> StagedRows:
    """What a run on an empty board would stage."""
    _be_quiet()
    mapping, caught = wide_mapping(place.columns), StagedRows()
    tables, load = build_tables(mapping), staging.stage_columns

    def catching(conn: Any, table: Any, columns: Any, *more: Any) -> Any:
        into = caught.items if table.name == tables.staging.name else caught.lines
        into.extend(row_at(columns, place) for place in range(count_rows(columns)))
        return load(conn, table, columns, *more)

    staging.stage_columns = catching
    run_sync(place.settings(), mapping, Filters(), _Watch())
    with closing(Database(place.state_url)) as database, database.begin() as conn:
        for table, rows in ((tables.runs, caught.runs), (tables.batches, caught.batches)):
            rows.extend(dict(row) for row in conn.execute(select(table)).mappings())
    return caught


def stage(place: Place) -> Result:
    """A run on an empty board that is stopped, as by Ctrl-C, when it begins to send."""
    _be_quiet()
    settings, mapping = place.settings(), wide_mapping(place.columns)
    watch = _Watch()
    spent: Counter[str] = Counter()
    staged: Counter[str] = Counter()
    OrderReader.read_all = _timed(OrderReader.read_all, spent, "read")  # type: ignore[method-assign]
    load = _timed(staging.stage_columns, spent, "load")

    def counted(conn: Any, table: Any, columns: Any, *more: Any) -> Any:
        refused = load(conn, table, columns, *more)
        staged[table.name] += count_rows(columns) - len(refused)
        return refused

    staging.stage_columns = counted
    run_sync(settings, mapping, Filters(), watch)
    detecting, staged_in = watch.at["staging"], watch.at["sending"]
    shares = {
        "find, hash, compare": detecting - watch.at["comparing"] - spent["read"],
        "clean, payload hash": spent["read"],
        "unpivot, payloads": staged_in - detecting - spent["load"],
        "load": spent["load"],
    }
    tables = mapping.tables
    counts = {
        "items": staged[tables.staging],
        "size lines": staged[tables.staging_subitems],
    }
    cpu = watch.cpu["sending"] - watch.cpu["comparing"]
    return Result(sum(shares.values()), cpu, _peak_mb(), counts=counts, shares=shares)


class _Watch(Silent):
    """Notes when the steps of a run begin, and presses Ctrl-C before anything is sent."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}  # first word of the step -> seconds
        self.cpu: dict[str, float] = {}

    def step(self, text: str) -> None:
        self.at.setdefault(text.split(maxsplit=1)[0], time.perf_counter())
        self.cpu.setdefault(text.split(maxsplit=1)[0], time.process_time())
        if text == "sending":
            os.kill(os.getpid(), signal.SIGINT)


def _timed(work: Callable[..., T], spent: Counter[str], name: str) -> Callable[..., T]:
    clock = time.perf_counter

    @wraps(work)
    def timed(*arguments: Any) -> T:
        began = clock()
        result = work(*arguments)
        spent[name] += clock() - began  # type: ignore[assignment]
        return result

    return timed


def _be_quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def _peak_mb() -> float:
    """Of this process since it began; `ru_maxrss` would begin with its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
