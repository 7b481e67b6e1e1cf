"""Every statement we can send to SQL Server is T-SQL, as a parser reads it.

A test of the grammar, not of SQL Server. What is sent at run time the stand-in checks itself, in
every test that runs on it; here are the tables, and whether the check can fail.
"""

from __future__ import annotations

import re

import pytest
from sqlalchemy.dialects.mssql import mssqlpython
from sqlalchemy.schema import CreateIndex, CreateTable

from order_sync.db.schema import Tables
from tests.tds.grammar import UNKNOWN, mistake_in

INDEX_BYTES, CLUSTERED_BYTES = 1_700, 900


@pytest.fixture(scope="module")
def ddl(tables: Tables) -> list[str]:
    mssql = mssqlpython.dialect(deprecate_large_types=True)
    mssql.server_version_info = (13, 0)
    found = [str(CreateTable(t).compile(dialect=mssql)) for t in tables.metadata.sorted_tables]
    for table in tables.metadata.sorted_tables:
        found += [str(CreateIndex(index).compile(dialect=mssql)) for index in table.indexes]
    return found


def test_tables_and_indexes_are_t_sql(ddl):
    assert [(mistake_in(statement), statement) for statement in ddl if mistake_in(statement)] == []


def test_all_text_is_unicode_and_compared_exactly(ddl):
    for statement in ddl:
        assert not re.search(r"(?<!N)VARCHAR|\bTEXT\b|\bDATETIME\b", statement)
        texts = re.findall(r"NVARCHAR\(\w+\)( COLLATE Latin1_General_100_BIN2)?", statement)
        assert all(texts)


def test_every_key_fits_into_its_index(tables):
    mssql = mssqlpython.dialect(deprecate_large_types=True)
    for table in tables.metadata.sorted_tables:
        keys = [(index.columns, INDEX_BYTES) for index in table.indexes]
        primary = table.primary_key
        is_clustered = primary.dialect_options["mssql"]["clustered"] is not False
        keys.append((primary.columns, CLUSTERED_BYTES if is_clustered else INDEX_BYTES))
        for columns, most in keys:
            assert sum(width(c.type.compile(mssql)) for c in columns) <= most, table.name


def width(declared: str) -> int:
    """Bytes of a key column at most."""
    text = re.match(r"NVARCHAR\((\d+)\)", declared)
    return 2 * int(text[1]) if text else 8


def test_a_unique_key_that_may_be_null_leaves_nulls_out(tables, ddl):
    """SQL Server takes two NULLs for the same."""
    for table in tables.metadata.sorted_tables:
        for index in table.indexes:
            if index.unique and any(column.nullable for column in index.columns):
                (statement,) = (s for s in ddl if f"INDEX [{index.name}]" in s)
                assert "IS NOT NULL" in statement
    assert not any("UNIQUE (board_id, fence)" in statement for statement in ddl)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT a FROM t JOIN LATERAL (SELECT 1 AS b) AS x ON 1 = 1 WHERE",
        "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
        "CREATE TABLE t (a INT, b INT, CHECK ((a IS NULL) = (b IS NULL)))",
        "SELECT a FROM t LIMIT 1",
        "SELECT a = 1 OR b = 2, (a IS NULL) AS c FROM t",
        "SELECT a FROM (SELECT a FROM t ORDER BY a) AS x",
        "ALTER TABLE t ADD COLUMN a INT",
        "SELECT a || b FROM t",
        "INSERT INTO t (a) VALUES (1) RETURNING a",
        "UPDATE t SET",
        "SELEKT 1",
    ],
)
def test_what_is_no_t_sql_is_noticed(statement):
    assert mistake_in(statement) is not None


@pytest.mark.parametrize(
    "statement",
    [
        "SAVE TRANSACTION a", "SET TRANSACTION ISOLATION LEVEL SNAPSHOT",
        "CREATE TABLE t (a INT NOT NULL, PRIMARY KEY NONCLUSTERED (a))",
    ],
)  # fmt: skip
def test_what_the_parser_does_not_know_is_listed(statement, monkeypatch):
    assert mistake_in(statement) is None
    monkeypatch.setattr("tests.tds.grammar.UNKNOWN", ())
    mistake_in.cache_clear()
    assert mistake_in(statement) is not None
    mistake_in.cache_clear()
    assert len(UNKNOWN) == 3
