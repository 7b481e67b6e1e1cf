"""What a large source costs: a run without a change, a plan with few, a first load up to staging.

    .venv/bin/python bench/sources.py [--lines 10000 100000] [--staged 5000] [--json sources.json]

Order lines have 120 mapped columns and 161 size columns, of which five are filled; the board is a
sandbox, the databases are made for the benchmark. `MON_*` is filled as if the board held every
order line, without source hashes: one run judges all and learns them (`judge all`). Then follow
runs without a change (median of three), and a plan with one order line in a hundred changed.
`stage` is a run on an empty board up to its first request, with 46 mapped columns, as the shipped
profile has, and with 120; rows are made while others load, and only what the load waits for counts
as their making. Memory is the peak of the process; a server's is not in it.

`--lines 1000000` takes long and needs some 20 GB of disk. Exits 1 when a figure misses its target.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from databases import KINDS, NewDatabase, databases, settle
from delivery import board_server
from runs_apart import Place, Result, apart, plan, stage, sync
from wide import KnownBoard, Source, change, wide_mapping, write_board

COLUMNS = 120
CHANGED_OF = 100  # one order line in so many
MOST_CALLS = 3
MOST_SECONDS = {"SQLite": 5.0, "PostgreSQL": 2.0}  # no change in 100,000 order lines
FLAT = 1.5  # peak memory at ten times the order lines, at most so many times as much
STAGED_PER_S = 5_000  # order lines a second


@dataclass(frozen=True)
class Measured:
    """One figure of the table."""

    database: str
    work: str
    lines: int
    columns: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    calls: int
    writes: int
    shares: dict[str, float]

    @property
    def lines_per_s(self) -> float:
        return self.lines / self.seconds


@contextmanager
def board_of(columns: int) -> Iterator[tuple[str, str]]:
    """(API address, board id) of an empty board with all mapped columns."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "board.json"
        write_board(path, wide_mapping(columns))
        with board_server(0, path) as served:
            yield served


def known_source(kind: str, new: NewDatabase, lines: int, *, two: bool) -> Iterator[Measured]:
    """Figures of a source whose order lines all stand on the board.

    Args:
        two: also with a state in a database of its own.
    """
    mapping = wide_mapping(COLUMNS)
    source = Source(mapping)
    with board_of(COLUMNS) as (api_url, board_id):
        url = new(f"both_{lines}")
        urls = [url, new(f"state_{lines}")] if two else [url]
        source.write(url, lines)
        KnownBoard(mapping, board_id).write(urls, source, lines)
        for state_url in urls:
            settle(state_url)
            place = Place(url, state_url, api_url, board_id, COLUMNS)
            where = "" if state_url == url else ", two databases"
            yield measured(kind, f"judge all{where}", lines, judge_all(place, lines))
            settle(state_url)
            yield measured(kind, f"no change{where}", lines, unchanged(place, lines))
        change(url, source, CHANGED_OF)
        place = Place(url, url, api_url, board_id, COLUMNS)
        few = -(-lines // CHANGED_OF)
        result = apart(plan, place)
        wanted = {
            "new": 0, "refused": 0, "changed": few, "size lines changed": few,
            "unchanged": lines - few,
        }  # fmt: skip
        assert result.counts == wanted, f"{result.counts} instead of {wanted}"
        yield measured(kind, "plan, 1 % changed", lines, result)


def judge_all(place: Place, lines: int) -> Result:
    """One run that cleans and compares every order line."""
    result = apart(sync, place)
    assert result.counts["unchanged"] == lines
    return result


def unchanged(place: Place, lines: int) -> Result:
    results = [apart(sync, place) for _ in range(3)]
    assert all(result.counts == {"unchanged": lines, "planned": 0} for result in results)
    return sorted(results, key=lambda result: result.seconds)[1]


def staged(kind: str, new: NewDatabase, lines: int, columns: int) -> Measured:
    """Order lines that are new, read and loaded into staging, a process each time."""
    source_url = new(f"source_{columns}")
    Source(wide_mapping(columns)).write(source_url, lines)
    settle(source_url)
    with board_of(columns) as (api_url, board_id):
        places = [
            Place(source_url, new(f"new_{columns}_{n}"), api_url, board_id, columns)
            for n in range(3)
        ]
        results = [settled(place) for place in places]
    assert all(r.counts == {"items": lines, "size lines": 5 * lines} for r in results)
    result = sorted(results, key=lambda result: result.seconds)[1]
    return measured(kind, "stage", lines, result, columns)


def settled(place: Place) -> Result:
    settle(place.state_url)
    return apart(stage, place)


def measured(kind: str, work: str, lines: int, result: Result, columns: int = COLUMNS) -> Measured:
    return Measured(
        KINDS[kind], work, lines, columns, result.seconds, result.cpu_seconds, result.peak_mb,
        result.calls, result.writes, result.shares,
    )  # fmt: skip


def show(m: Measured) -> None:
    print(f"{m.database:<12}{m.work:<28}{m.columns:>8}{m.lines:>11,}{m.seconds:>9.2f}"
          f"{m.cpu_seconds:>8.2f}{m.lines_per_s:>10,.0f}{m.peak_mb:>9.0f}{m.calls:>7}"
          f"{m.writes:>8}", flush=True)  # fmt: skip
    for step, seconds in m.shares.items():
        print(f"{'':<14}{step:<26}{seconds / m.seconds:>8.0%}", flush=True)


def misses(results: list[Measured]) -> Iterator[str]:
    """Every target that was not reached, in words."""
    peaks: dict[str, dict[int, float]] = {}
    for m in results:
        if m.work == "stage" and m.columns != COLUMNS and m.lines_per_s < STAGED_PER_S:
            yield f"{m.database}: {m.lines_per_s:,.0f} order lines a second are staged"
        if not m.work.startswith("no change"):
            continue
        peaks.setdefault(m.database, {}).setdefault(m.lines, m.peak_mb)
        if m.writes or m.calls > MOST_CALLS:
            yield f"{m.database}: {m.calls} calls, {m.writes} writes without a change"
        if m.lines == 100_000 and m.seconds > MOST_SECONDS[m.database]:
            yield f"{m.database}: {m.seconds:.1f} s without a change"
    for database, peak in peaks.items():
        small, large = peak.get(100_000), peak.get(1_000_000)
        if small and large and large > FLAT * small:
            yield f"{database}: {small:.0f} MB at 100,000 order lines, {large:.0f} MB at 1,000,000"


def measure(kind: str, counts: list[int], staged_lines: int) -> Iterator[Measured]:
    for columns in (46, COLUMNS):
        with databases(kind) as new:
            yield staged(kind, new, staged_lines, columns)
    for lines in counts:
        with databases(kind) as new:
            two = kind == "postgresql" and lines == 100_000
            yield from known_source(kind, new, lines, two=two)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--staged", type=int, default=5_000)
    parser.add_argument("--databases", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--json", type=Path, help="write the results to this file, too")
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(machine)
    print(f"{'database':<12}{'work':<28}{'columns':>8}{'lines':>11}{'seconds':>9}{'CPU':>8}"
          f"{'lines/s':>10}{'peak MB':>9}{'calls':>7}{'writes':>8}")  # fmt: skip
    results: list[Measured] = []
    for kind in arguments.databases:
        for m in measure(kind, arguments.lines, arguments.staged):
            show(m)
            results.append(m)
    if arguments.json:
        found = {"machine": machine, "sources": [asdict(m) for m in results]}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    missed = list(misses(results))
    print("", *missed, sep="\n")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
