"""Orders in one database, state in another, of another kind: the board is the same."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from order_sync.errors import ExitCode
from order_sync.profile import load_profile
from order_sync.rules.filters import Filters
from order_sync.rules.reading import needed_columns

from .changes import full_order
from .stores import PostgresStore, SqliteStore
from .world import order

NAMES = needed_columns(load_profile("customer-master-schedule"))
ROWS = [
    full_order("GRE-1"),
    order("GRE-2", NOTES="100 % \\N\n, \U0001f9f5"),
    order("JOO-3", NOTES=None),
]
HOSTILE = order("GRE-9", NOTES="zero \x00 byte", L=-1)


@pytest.fixture
def other(world, postgres_url):
    """Source in SQLite and state in PostgreSQL, or the other way round."""

    def arrange(source_kind):
        stores = {"sqlite": SqliteStore(world.path), "postgresql": PostgresStore(postgres_url)}
        source = stores.pop(source_kind)
        if source_kind == "sqlite":
            world.server_url = postgres_url
        assert source.url != world.store.url
        world.extra["ORDER_SYNC_SOURCE__URL"] = source.url
        return source

    return arrange


@pytest.mark.parametrize("source_kind", ["sqlite", "postgresql"])
def test_source_and_state_may_be_of_different_kinds(world, other, source_kind):
    source = other(source_kind)
    source.replace_source(NAMES, ROWS)
    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_shows(ROWS)
    world.assert_nothing_left_to_do()

    changed = [ROWS[0] | {"NOTES": "other words", "M": 9, "TOTAL QTY": 13}, *ROWS[1:]]
    source.replace_source(NAMES, changed)
    report = world.sync(Filters(key="GRE-1"))
    assert report.orders_done == {"CHANGED": 1}
    world.assert_board_shows(changed)
    source.replace_source(NAMES, changed[:2])
    assert [c.order_key for c in world.sync().reported] == ["joo-3|m01y09|dean blue"]


def test_what_postgresql_cannot_store_ends_no_run(world, other):
    source = other("sqlite")
    source.replace_source(NAMES, [*ROWS, HOSTILE])
    assert world.sync().exit_code is ExitCode.ROWS_LEFT
    assert [code for _, code in world.errors()] == ["negative_quantity"]
    world.assert_board_shows(ROWS)


def test_the_same_orders_from_another_kind_of_database_are_no_change(world, other):
    """Typed columns say the same as texts: prices, dates, numbers."""
    world.has_orders(*ROWS)
    world.sync()
    typed = [
        row | {
            "CUSTOMER PRICE": Decimal(row["CUSTOMER PRICE"]).quantize(Decimal("0.0001")),
            "EX FACTORY DATE": row.get("EX FACTORY DATE") and date.fromisoformat(
                row["EX FACTORY DATE"]),
        }
        for row in ROWS
    ]  # fmt: skip
    source = other("postgresql")
    source.replace_source(NAMES, typed)
    world.assert_nothing_left_to_do()
