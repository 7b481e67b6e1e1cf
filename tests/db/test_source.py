"""Reading the source: the same rows, keys and hashes that matter, whatever holds them."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from itertools import product

import pytest
from sqlalchemy import Column, MetaData, Table

from order_sync.db import engine, source
from order_sync.db.engine import Database
from order_sync.db.source_reading import Scope, SourceReader
from order_sync.errors import ConfigError
from order_sync.rules.filters import Filters
from order_sync.rules.order import OrderLine
from order_sync.rules.reading import OrderReader, needed_columns
from tests.runs.world import order

EVERYTHING = Filters()


@pytest.fixture
def fill(shipped):
    """Make ORDERS_UNIFIED of a database hold these rows, in columns of the given types."""

    def fill(database, rows, types=None, table="ORDERS_UNIFIED"):
        names = needed_columns(shipped)
        types = types or {}

        def work(conn):
            columns = ", ".join(f"{engine.quoted(n)} {types.get(n, 'TEXT')}" for n in names)
            engine.run_sql(conn, f"DROP TABLE IF EXISTS {engine.quoted(table)}")
            engine.run_sql(conn, f"CREATE TABLE {engine.quoted(table)} ({columns})")
            target = Table(table, MetaData(), *(Column(name) for name in names))
            engine.bulk_insert(conn, target, [{n: row.get(n) for n in names} for row in rows])

        database.run(work)

    return fill


@pytest.fixture
def look(shipped):
    """One look at the source: scope, keys, and (order, hash) of the rows to judge.

    `known`: (key, hash) of what is known; `only`: look for these keys instead.
    """

    def look(database, known=(), filters=EVERYTHING, only=None, table="ORDERS_UNIFIED"):
        read = OrderReader(shipped).read
        with database.begin() as conn:
            shape = source.inspect_source(conn, table, shipped)
            reader = SourceReader(conn, shape, shipped, filters, "seed")
            if only is None:
                scope = reader.compare(sorted((digest, key) for key, digest in known))
            else:
                scope = reader.find(set(only))
            found = [(read(row), digest) for row, digest in reader.rows()]
        return scope, scope.keys, found

    return look


def keys_of(found):
    return sorted(row.order_key for row, _ in found)


ROWS = [order(f"GRE-{n}") for n in range(6)]
KEYS = [f"gre-{n}|m01y09|dean blue" for n in range(6)]


def test_only_what_is_not_known_as_it_is_comes_out(database, fill, look):
    fill(database, ROWS)
    scope, keys, found = look(database)
    assert (scope.rows, scope.unchanged, scope.lost) == (6, 0, set())
    assert sorted(keys) == keys_of(found) == KEYS
    known = [(row.order_key, digest) for row, digest in found] + [("gone", "x"), ("gone 2", "0")]
    scope, _, found = look(database, known)
    assert (scope.rows, scope.unchanged, scope.lost, found) == (6, 6, {"gone", "gone 2"}, [])

    fill(database, [ROWS[0] | {"NOTES": ""}, ROWS[1] | {"M": 77}, *ROWS[2:]])
    scope, _, found = look(database, known)
    assert scope.unchanged == 4  # NULL and the empty text differ
    assert keys_of(found) == KEYS[:2]
    assert keys_of(look(database, known, only=[KEYS[4], "unknown"])[2]) == [KEYS[4]]
    assert look(database, known, only=[])[2] == []


def test_a_key_that_stands_twice_brings_all_its_rows_also_those_outside_the_filter(
    database, fill, look
):
    twin = ROWS[1] | {"PO NUMBER": "other", "CUSTOMER STYLE": " m01y09 "}
    fill(database, [*ROWS, twin])
    scope, keys, found = look(database, filters=Filters(po="other"))
    assert (scope.rows, keys, scope.doubled) == (1, {KEYS[1]}, {KEYS[1]})
    assert keys_of(found) == [KEYS[1]] * 2


def test_rows_that_are_alike_or_share_a_key_are_told_apart_from_single_ones(database, fill, look):
    fill(database, [ROWS[0], ROWS[0], ROWS[1], ROWS[1] | {"NOTES": "twin"}, ROWS[2]])
    scope, _, found = look(database)
    assert scope.doubled == set(KEYS[:2])
    assert keys_of(found) == sorted([*KEYS[:2], *KEYS[:2], KEYS[2]])
    assert look(database, only=KEYS[:3])[0].doubled == set(KEYS[:2])


def test_the_unchanged_row_of_a_key_comes_too_when_it_is_asked_for(database, fill, shipped):
    fill(database, ROWS[:2])
    with database.begin() as conn:
        shape = source.inspect_source(conn, "ORDERS_UNIFIED", shipped)
        reader = SourceReader(conn, shape, shipped, EVERYTHING, "seed")
        reader.compare(())
        known = sorted((digest, KEYS[n]) for n, (_, digest) in enumerate(reader.rows()))
    fill(database, [*ROWS[:2], ROWS[0] | {"NOTES": "twin"}])
    with database.begin() as conn:
        reader = SourceReader(conn, shape, shipped, EVERYTHING, "seed")
        assert reader.compare(known).keys == {KEYS[0]}
        assert reader.spell({KEYS[0]}).doubled == {KEYS[0]}
        assert len(list(reader.rows())) == 2


def test_known_hashes_in_another_order_stop_the_look(database, fill, shipped):
    fill(database, ROWS)
    with database.begin() as conn:
        shape = source.inspect_source(conn, "ORDERS_UNIFIED", shipped)
        reader = SourceReader(conn, shape, shipped, EVERYTHING, "seed")
        with pytest.raises(ValueError, match="not sorted"):
            reader.compare([("b", "x"), ("a", "y")])


def test_a_view_is_read_like_a_table(database, fill, look):
    fill(database, ROWS, table="LINES")
    database.run(lambda c: engine.replace_view(c, "ORDERS_UNIFIED", 'SELECT * FROM "LINES"'))
    _, _, found = look(database)
    known = [(row.order_key, digest) for row, digest in found if row.order_key != KEYS[3]]
    assert keys_of(look(database, known)[2]) == [KEYS[3]]


def test_a_missing_table_is_a_mistake(database, look):
    with pytest.raises(ConfigError, match="does not exist"):
        look(database, table="nowhere.orders")


# PostgreSQL ---------------------------------------------------------------------------------------


@pytest.fixture
def server(postgres_url):
    database = Database(postgres_url)
    yield database
    database.close()


@pytest.fixture
def file(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'file.db'}")
    yield database
    database.close()


TYPED = [
    ("CUSTOMER PRICE", "NUMERIC(18,4)", Decimal("28.86"), "28.86"),
    ("CUSTOMER PRICE", "DOUBLE PRECISION", 28.86, 28.86),
    ("CUSTOMER PRICE", "REAL", 28.86, "28.86"),
    ("CUSTOMER PRICE", "NUMERIC", Decimal("NaN"), "NaN"),
    ("EX FACTORY DATE", "DATE", date(2025, 9, 26), "2025-09-26"),
    ("EX FACTORY DATE", "TIMESTAMP", datetime(2025, 9, 26), "2025-09-26 00:00:00"),
    ("EX FACTORY DATE", "TIMESTAMPTZ", "2025-09-26 23:00:00+00", "2025-09-26 23:00:00"),
    ("EX FACTORY DATE", "DATE", None, None),
    ("NOTES", "CHAR(40)", "padded", "padded   "),
    ("NOTES", "VARCHAR(40)", "  kept inside ", "kept inside"),
    ("NOTES", "TEXT", "", None),
    ("NOTES", "BOOLEAN", True, "TRUE"),
    ("NOTES", "BIGINT", 4755, "4755"),
    ("NOTES", "DATE", date(2025, 9, 26), "2025-09-26"),
    ("M", "SMALLINT", 3, 3),
    ("M", "NUMERIC(10,2)", Decimal("3.00"), 3),
    ("M", "DOUBLE PRECISION", 3.0, 3.0),
    ("PO NUMBER", "INTEGER", 4755, "4755"),
]


@pytest.mark.parametrize(("column", "kind", "typed", "text"), TYPED)
def test_a_typed_column_says_what_a_text_would_say(
    server, file, fill, look, column, kind, typed, text
):
    fill(server, [ROWS[0] | {column: typed}], {column: kind})
    fill(file, [ROWS[0] | {column: text}], {column: ""})
    (there,), (here,) = look(server)[2], look(file)[2]
    assert isinstance(there[0], OrderLine)
    assert there[0].payload_hash == here[0].payload_hash
    assert there[0].values == here[0].values
    assert there[0].sizes == here[0].sizes


@pytest.mark.parametrize(("kind", "odd"), [
    ("DATE", "infinity"), ("DATE", "-infinity"), ("DATE", "0044-03-15 BC"),
    ("TIMESTAMP", "infinity"), ("TIMESTAMPTZ", "infinity"), ("DATE", "20000-01-01"),
])  # fmt: skip
def test_a_date_no_calendar_of_ours_has_is_refused_alone(server, fill, look, kind, odd):
    fill(server, [ROWS[0] | {"EX FACTORY DATE": odd}, ROWS[1]], {"EX FACTORY DATE": kind})
    found = {row.order_key: row for row, _ in look(server)[2]}
    assert isinstance(found[KEYS[1]], OrderLine)
    assert [r.code for r in found[KEYS[0]].refusals] == ["unreadable_date"]


@pytest.mark.parametrize("kind", ["UUID", "JSONB", "BYTEA", "INTERVAL", "TEXT[]", "MONEY"])
def test_other_types_end_no_run(server, fill, look, kind):
    text = {"UUID": "6f5a403e-0d45-4f09-96c5-2842eab36b7d", "JSONB": '{"a": 1}', "BYTEA": "\\x00ff",
            "INTERVAL": "1 day", "TEXT[]": "{a,b}", "MONEY": "12.50"}[kind]  # fmt: skip
    fill(server, [ROWS[0] | {"NOTES": text}], {"NOTES": kind})
    (row, _), = look(server)[2]  # fmt: skip
    assert row.values["NOTES"]


def test_partitions_search_path_and_names_in_small_letters(server, fill, look, shipped):
    fill(server, ROWS, table="lines")

    def arrange(conn):
        for statement in (
            "CREATE SCHEMA sales",
            "CREATE TABLE sales.orders_unified (LIKE lines) PARTITION BY HASH"
            ' ("AAG ORDER NUMBER")',
            *(f"CREATE TABLE sales.part_{n} PARTITION OF sales.orders_unified"
              f" FOR VALUES WITH (MODULUS 2, REMAINDER {n})" for n in (0, 1)),
            "INSERT INTO sales.orders_unified SELECT * FROM lines",
        ):  # fmt: skip
            engine.run_sql(conn, statement)

    server.run(arrange)
    _, keys, found = look(server, table="sales.ORDERS_UNIFIED")
    assert sorted(keys) == KEYS
    known = [(row.order_key, digest) for row, digest in found if row.order_key != KEYS[3]]
    assert keys_of(look(server, known, table="sales.orders_unified")[2]) == [KEYS[3]]


CELLS = [None, "", " ", "a", "A", "a ", "b|c", "b\\", "N/A", "é", "e\u0301", "%s"]


@pytest.mark.parametrize(
    "filters", [EVERYTHING, Filters(po="1"), Filters(key="a"), Filters(customer="x")]
)
def test_every_database_finds_the_same(server, file, fill, look, filters):
    rows = [
        order(number, style, PO_NUMBER=str(n % 3), CUSTOMER_NAME="xy"[n % 2])
        for n, (number, style) in enumerate(product(CELLS, CELLS))
    ]
    changed = [row | {"NOTES": "new"} if n % 7 == 0 else row for n, row in enumerate(rows)]
    seen = []
    for database in (server, file):
        fill(database, rows)
        _, _, found = look(database)
        times = Counter(keys_of(found))
        known = [(r.order_key, digest) for r, digest in found if times[r.order_key] == 1]
        fill(database, changed)
        scope, keys, found = look(database, known, filters)
        counts = (scope.rows, scope.unchanged, scope.lost, scope.doubled)
        some = sorted(keys)[::5]
        narrowed = look(database, (), filters, only=some)[2]
        seen.append((counts, keys, sorted(repr(r) for r, _ in found), keys_of(narrowed)))
    assert seen[0] == seen[1]
    assert len(seen[0][2]) > len(seen[0][3]) > 0


# One key -----------------------------------------------------------------------------------------


@pytest.fixture
def ask(shipped):
    """Rows of one key, and whether the database itself had to pass over the others."""

    def ask(database, key, **how):
        with database.begin() as conn:
            shape = source.inspect_source(conn, "ORDERS_UNIFIED", shipped)
            reader = SourceReader(conn, shape, shipped, EVERYTHING, "seed")
            scope = reader.find_one(key, **how)
            return scope, sorted(row["AAG ORDER NUMBER"] for row, _ in reader.rows())

    return ask


def test_one_key_is_found_in_every_spelling_and_few_rows_are_looked_at(database, fill, ask):
    rows = [*ROWS, order("  gre-\a3 "), order("GRE-33"), order("X-3")]
    fill(database, rows)
    scope, found = ask(database, KEYS[3])
    assert found == ["  gre-\a3 ", "GRE-3"]
    assert scope.rows == 4
    assert scope.doubled == {KEYS[3]}


def test_a_key_without_digits_or_with_a_number_column_is_found_by_looking_at_all(
    database, fill, ask
):  # fmt: skip
    fill(database, [order("ABC"), order("DEF")])
    assert ask(database, "abc|m01y09|dean blue")[1] == ["ABC"]
    assert ask(database, "gre-9|m01y09|dean blue") == (Scope(rows=2), [])


def test_an_order_number_brings_its_order_lines_and_no_others(database, fill, ask):
    fill(database, [*ROWS, order("GRE-33")])
    assert ask(database, "gre-3", or_of_number=True)[1] == ["GRE-3"]
    assert ask(database, "gre-3")[1] == []
