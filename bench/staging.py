"""How fast staged rows are loaded, against pandas and SQLAlchemy on the same rows.

    .venv/bin/python bench/staging.py [--items 4000] [--rounds 3] [--json staging.json]

Stages orders of a profile that gives rows of 85 columns, catches the rows, and loads them into
empty copies of the same tables: item rows of 85 columns and size lines, five to an order. Everyone
gets the same connection, one transaction and rows that are ready; a round measures one after the
other; "multi" gets a tenth of the rows, it would take minutes. "driver, bare table" is the most
this machine can do: cells made before, no keys, indexes or checks. `ratio` is ours to theirs
within one round, median. Exits 1 when ours load fewer than 20,000 item rows a second, or fewer
than pandas or SQLAlchemy on either kind of row.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Column, Connection, MetaData, Table, func, insert, select

from databases import KINDS, databases, settle
from delivery import board_server
from order_sync.db.columnar import by_column
from order_sync.db.dialects.base import driver_cells
from order_sync.db.dialects.postgres_copy import copy_text
from order_sync.db.engine import Database, quoted
from order_sync.db.schema import Tables, build_tables
from order_sync.db.staging import stage_columns
from order_sync.db.upgrade import ensure_tables
from runs_apart import Place, StagedRows, apart, staged_rows
from wide import Source, wide_mapping, write_board

WIDTH = 85  # columns of an item row
TECHNICAL = 21  # of them not from the profile
ENOUGH = 20_000  # item rows a second
PARAMETERS = {"sqlite": 32_000, "postgresql": 65_000}  # most of one statement
OURS = "order-sync"
FLOOR = "driver, bare table"
MULTI = "pandas to_sql, multi"
TENTH = 10

Rows = Sequence[dict[str, Any]]
Load = Callable[[Connection, Table, Rows], None]


@dataclass(frozen=True)
class Measured:
    """One way on one kind of row; medians over the rounds."""

    database: str
    rows: str
    columns: int
    way: str
    rows_per_s: float
    ratio: float  # ours to this


def by_order_sync(conn: Connection, table: Table, rows: Rows) -> None:
    assert not stage_columns(conn, table, by_column(rows))


def by_executemany(conn: Connection, table: Table, rows: Rows) -> None:
    conn.execute(insert(table), list(rows))


class ByPandas:
    """`DataFrame.to_sql`, given the types of the columns; the frame is made before."""

    def __init__(self, method: Any = None) -> None:
        self._method = method
        self._frames: dict[int, pd.DataFrame] = {}

    def prepare(self, _conn: Connection, _table: Table, rows: Rows) -> None:
        self._frames[id(rows)] = pd.DataFrame(rows, dtype=object)

    def __call__(self, conn: Connection, table: Table, rows: Rows) -> None:
        frame = self._frames[id(rows)]
        chunk = None
        if self._method is not None:
            chunk = PARAMETERS[conn.dialect.name] // len(frame.columns)
        types: Any = {name: table.c[name].type for name in frame.columns}
        frame.to_sql(
            table.name, conn, if_exists="append", index=False, dtype=types, chunksize=chunk,
            method=self._method,
        )  # fmt: skip


class ByDriver:
    """The least a load can take: cells made before, and tables without keys, indexes and checks."""

    def __init__(self) -> None:
        self._cells: dict[int, tuple[list[str], Any]] = {}

    def prepare(self, conn: Connection, table: Table, rows: Rows) -> None:
        names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
        cells = by_column(rows)
        columns = driver_cells(conn, table, {name: cells[name] for name in names})
        is_sqlite = conn.dialect.name == "sqlite"
        ready: Any = [*zip(*columns, strict=True)] if is_sqlite else copy_text(columns)
        self._cells[id(rows)] = names, ready

    def __call__(self, conn: Connection, table: Table, rows: Rows) -> None:
        names, cells = self._cells[id(rows)]
        listed, target = ", ".join(map(quoted, names)), quoted(table.name)
        driver: Any = conn.connection.driver_connection
        if conn.dialect.name == "sqlite":
            marks = ", ".join("?" * len(names))
            driver.executemany(f"INSERT INTO {target} ({listed}) VALUES ({marks})", cells)
        else:
            with (
                driver.cursor() as cursor,
                cursor.copy(f"COPY {target} ({listed}) FROM STDIN") as c,
            ):
                c.write(cells)


def bare(tables: Tables) -> Tables:
    """Staging as nothing but columns."""
    metadata = MetaData()

    def columns_only(table: Table) -> Table:
        columns = (Column(c.name, c.type, primary_key=c.name == "stg_id") for c in table.columns)
        storage = dict(table.dialect_options["postgresql"])["with"]
        return Table(table.name, metadata, *columns, postgresql_with=storage)

    return replace(
        tables,
        metadata=metadata,
        staging=columns_only(tables.staging),
        staging_subitems=columns_only(tables.staging_subitems),
    )


def ways() -> dict[str, Load]:
    return {
        OURS: by_order_sync,
        FLOOR: ByDriver(),
        "SQLAlchemy executemany": by_executemany,
        "pandas to_sql": ByPandas(),
        MULTI: ByPandas("multi"),
    }


def caught_rows(items: int, width: int) -> tuple[Tables, StagedRows]:
    """Real staged rows, item rows with `width` columns."""
    columns = width - TECHNICAL
    mapping = wide_mapping(columns)
    with databases("sqlite") as new, tempfile.TemporaryDirectory() as folder:
        board = Path(folder) / "board.json"
        write_board(board, mapping)
        with board_server(0, board) as (api_url, board_id):
            source_url = new("source")
            Source(mapping).write(source_url, items)
            place = Place(source_url, new("state"), api_url, board_id, columns)
            rows: StagedRows = apart(staged_rows, place)
    assert len(rows.items[0]) == width
    return build_tables(mapping), rows


def load_all(url: str, tables: Tables, caught: StagedRows, load: Load) -> tuple[float, float]:
    """Seconds for item rows and for size lines, each in one durable transaction."""
    with closing(Database(url)) as database:
        if isinstance(load, ByDriver):
            tables = bare(tables)
            with database.writing() as conn:
                tables.metadata.create_all(conn)
        else:
            database.run(lambda conn: ensure_tables(conn, tables))
            with database.writing() as conn:
                conn.execute(insert(tables.runs), caught.runs)
                conn.execute(insert(tables.batches), caught.batches)
        settle(url)
        items = load_once(database, tables.staging, caught.items, load)
        return items, load_once(database, tables.staging_subitems, caught.lines, load)


def load_once(database: Database, table: Table, rows: Rows, load: Load) -> float:
    if isinstance(load, ByPandas | ByDriver):
        with database.begin() as conn:
            load.prepare(conn, table, rows)
    began = time.perf_counter()
    with database.writing() as conn:
        load(conn, table, rows)
    seconds = time.perf_counter() - began
    with database.begin() as conn:
        assert conn.execute(select(func.count()).select_from(table)).scalar_one() == len(rows)
    return seconds


def first_of(caught: StagedRows, share: int) -> StagedRows:
    """One in `share` of the item rows, and their size lines."""
    items, lines = len(caught.items) // share, len(caught.lines) // share
    return replace(caught, items=caught.items[:items], lines=caught.lines[:lines])


def measure(kind: str, tables: Tables, caught: StagedRows, rounds: int) -> Iterator[Measured]:
    """Every way in turn, several times."""
    names = ("item rows", "size lines")
    taken: dict[tuple[str, str], list[float]] = {}
    with databases(kind) as new:
        for number in range(rounds):
            for at, (way, load) in enumerate(ways().items()):
                share = TENTH if way == MULTI else 1
                url, few = new(f"load_{number}_{at}"), first_of(caught, share)
                for name, one in zip(names, load_all(url, tables, few, load), strict=True):
                    taken.setdefault((name, way), []).append(one * share)
    for (name, way), seconds in taken.items():
        rows = caught.items if name == "item rows" else caught.lines
        ours = taken[name, OURS]
        ratio = statistics.median(one / our for one, our in zip(seconds, ours, strict=True))
        per_s = len(rows) / statistics.median(seconds)
        yield Measured(KINDS[kind], name, len(rows[0]), way, per_s, ratio)


def is_good(m: Measured) -> bool:
    if m.way == FLOOR:
        return True
    if m.way != OURS:
        return m.ratio > 1
    return m.rows != "item rows" or m.rows_per_s >= ENOUGH


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--databases", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--json", type=Path, help="write the results to this file, too")
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(machine)
    tables, caught = caught_rows(arguments.items, WIDTH)
    print(f"{len(caught.items):,} item rows, {len(caught.lines):,} size lines, "
          f"median of {arguments.rounds} rounds")  # fmt: skip
    print(f"{'database':<12}{'rows':<12}{'columns':>8}  {'way':<24}{'rows/s':>9}{'ratio':>8}")
    results: list[Measured] = []
    for kind in arguments.databases:
        for m in measure(kind, tables, caught, arguments.rounds):
            print(f"{m.database:<12}{m.rows:<12}{m.columns:>8}  {m.way:<24}"
                  f"{m.rows_per_s:>9,.0f}{m.ratio:>8.1f}", flush=True)  # fmt: skip
            results.append(m)
    if arguments.json:
        found = {"machine": machine, "staging": [asdict(m) for m in results]}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    if not all(is_good(m) for m in results):
        print("\ntoo slow, or slower than another way")
        sys.exit(1)


if __name__ == "__main__":
    main()
