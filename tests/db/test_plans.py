"""Commands that tell of one thing never read a table whole that grows with time.

The tables are large enough that the database has a choice, and its own choice is what counts:
nothing is forbidden to its planner.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from bench.history import BOARD, History
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from order_sync import cli
from order_sync.db.engine import Database
from tests.conftest import empty_database

ORDERS, EVENTS, RUNS, REFUSED_EVERY = 5_000, 30_000, 1_000, 5
# Lists walk along these, newest first, until they have what --limit says.
WALKED = {"ix_MON_SyncRuns_started", "ix_MON_BatchProcessing_start"}
ALL_OF_IT = ("(board_id=?)", "(board_id>?)")  # there is one board
EVENTS_READ = 'SELECT count(*) FROM "MON_OrderEvents"'
COMMANDS = [
    ["explain", "ord-0000700"],
    ["explain", "ord-0000700|m0|white", "--output", "json"],
    ["explain", "ord-0000700|m1|white", "--full"],
    ["explain", "ord-00007x"],
    ["runs"],
    ["runs", "--failed", "--command", "sync"],
    ["runs", "--since", "24h", "--status", "completed"],
    ["runs", "show", "run-00500"],
    ["batches"],
    ["batches", "show", "batch-00500"],
    ["errors", "show", "ord-0000700"],
    ["errors", "show", "ord-0000700|m0|white"],
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request, shipped, tmp_path_factory) -> Iterator[tuple[str, History]]:
    """The URL of large tables, with statistics where a server gathers them by itself."""
    history = History(shipped, ORDERS, EVENTS, RUNS, REFUSED_EVERY)
    folder = tmp_path_factory.mktemp("plans")
    with empty_database(request.param, folder, request) as url:
        history.fill(url)
        if request.param == "postgresql":
            with closing(Database(url)) as database, database.writing() as conn:
                conn.exec_driver_sql("ANALYZE")
        yield url, history


@pytest.fixture
def queries_of(filled, tmp_path, monkeypatch, capsys):
    """What a command asks the database."""
    for name in [n for n in os.environ if n.startswith(("ORDER_SYNC_", "MONDAY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORDER_SYNC_DATABASE__URL", filled[0])
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", BOARD)

    def queries_of(words: list[str]) -> list[tuple[str, Any]]:
        seen = []

        def remember(_conn, _cursor, statement, parameters, *_):
            if statement.startswith("SELECT"):
                seen.append((statement, parameters))

        event.listen(Engine, "before_cursor_execute", remember)
        try:
            with pytest.raises(SystemExit) as ended:
                cli.main(words)
        finally:
            event.remove(Engine, "before_cursor_execute", remember)
        assert ended.value.code in ((0, None) if words[1:2] != ["ord-00007x"] else (2,))
        capsys.readouterr()
        return seen

    return queries_of


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_table_that_grows_is_read_whole(filled, queries_of, tables, words):
    growing = {t.name for t in tables.metadata.sorted_tables} - {"MON_SchemaVersion"}
    queries = queries_of(words)
    with closing(Database(filled[0], read_only=True)) as database, database.begin() as conn:
        for statement, parameters in queries:
            if any(f'"{name}"' in statement for name in growing):
                assert whole_scans(conn, statement, parameters) == [], statement
    assert sum('"MON_' in statement for statement, _ in queries) > 1


def whole_scans(conn: Connection, statement: str, parameters: Any) -> list[str]:
    """The steps that read all of a table, of a board, or of an index that no list walks along."""
    if conn.dialect.name == "sqlite":
        plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        whole = (row[3] for row in plan if row[3].startswith("SCAN ") or row[3].endswith(ALL_OF_IT))
        return [step for step in whole if step.rpartition(" ")[2] not in WALKED]
    told = conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
    (plan,) = told if isinstance(told, list) else json.loads(told)
    return [
        f"{step['Node Type']} {step.get('Index Name', step.get('Relation Name'))}"
        for step in steps_of(plan["Plan"])
        if step["Node Type"] == "Seq Scan"
        or ("Index Name" in step and not narrows(step) and step["Index Name"] not in WALKED)
    ]


def narrows(step: dict[str, Any]) -> bool:
    """Whether a column besides the board says where in the index to look."""
    columns = set(re.findall(r'\(*"?(\w+)"?\)?(?:::\w+)? [=<>]', step.get("Index Cond", "")))
    return bool(columns - {"board_id"})


def steps_of(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for below in step.get("Plans", ()):
        yield from steps_of(below)


def test_the_check_itself_sees_a_whole_scan(filled):
    with closing(Database(filled[0], read_only=True)) as database, database.begin() as conn:
        for statement in (
            f"{EVENTS_READ} WHERE detail = 'x'",
            f"{EVENTS_READ} WHERE board_id = '{BOARD}'",
            'SELECT DISTINCT run_id FROM "MON_OrderEvents"',
        ):
            assert whole_scans(conn, statement, ()) != []
