"""A column that grows with every change limits what a run looks at, never what it finds."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from order_sync.db import resolving
from order_sync.db.engine import Database
from order_sync.db.resolving import Choice
from order_sync.db.schema import build_tables
from order_sync.errors import ConfigError, ExitCode, GuardStopped
from order_sync.guards import Limits
from order_sync.rules.filters import Filters
from order_sync.rules.reading import needed_columns
from order_sync.rules.resolutions import Resolution

from .world import MAPPING, World, order

pytestmark = pytest.mark.databases

COLUMN = "ROW CHANGED"
NOON = datetime(2026, 3, 1, 12)
MANY = [order(f"GRE-{n}") for n in range(5)]


def has(world: World, *rows: dict[str, object]) -> None:
    if not world.server_url:
        rows = tuple(row | {COLUMN: _in_sqlite(row[COLUMN])} for row in rows)
    world.store.replace_source([*needed_columns(MAPPING), COLUMN], rows)


def _in_sqlite(mark: object) -> object:
    """SQLite has no times and decimals."""
    if isinstance(mark, Decimal):
        return float(mark)
    return mark.isoformat(" ") if isinstance(mark, datetime) else mark


def touched(row: dict[str, object], at: object, **cells: object) -> dict[str, object]:
    return row | {name.replace("_", " "): cell for name, cell in cells.items()} | {COLUMN: at}


@pytest.fixture
def followed(world: World) -> World:
    """A world that follows `COLUMN`; five orders, touched at 1 to 5, are on the board."""
    world.extra["ORDER_SYNC_SOURCE__CHANGED_COLUMN"] = COLUMN.lower()
    world.extra["ORDER_SYNC_SOURCE__FULL_PASS_EVERY"] = "3"
    has(world, *(touched(row, n) for n, row in enumerate(MANY, 1)))
    first = world.sync()
    assert (first.exit_code, first.rows_read) == (ExitCode.DONE, 5)
    return world


def test_only_touched_rows_are_looked_at_and_a_full_pass_finds_the_others(followed):
    rows = [touched(row, n) for n, row in enumerate(MANY, 1)]
    rows[1] = touched(rows[1], 6, NOTES="touched")
    rows[2] = touched(rows[2], 3, NOTES="changed, but nobody said so")
    has(followed, *rows)
    plan, report = followed.plan(), followed.sync()
    assert [order.order_key for order in plan.orders] == ["gre-1|m01y09|dean blue"]
    assert (report.rows_read, report.unchanged, report.orders_updated) == (2, 1, 1)
    assert any("since 5" in notice for notice in report.notices)
    assert followed.sync().rows_read == 1
    report = followed.sync()  # every third run
    assert (report.rows_read, report.orders_updated) == (5, 1)
    followed.assert_board_shows(rows)
    assert followed.sync().rows_read == 1


def test_a_full_pass_can_be_asked_for(followed):
    rows = [touched(row, n, NOTES="untold") for n, row in enumerate(MANY, 1)]
    has(followed, *rows)
    assert followed.sync().orders_updated == 1  # the newest mark is looked at again
    assert followed.sync(full=True).orders_updated == 4
    followed.assert_board_shows(rows)


def test_a_new_row_with_the_key_of_an_untouched_one_is_refused(followed):
    twin = touched(order("gre-0", NOTES="another"), 9)
    has(followed, *(touched(row, n) for n, row in enumerate(MANY, 1)), twin)
    report = followed.sync()
    assert [refusal.code for refusal in report.refused] == ["duplicate_key"]
    assert report.orders_updated == 0


def test_refused_orders_are_looked_at_again_although_nobody_touched_them(followed):
    rows = [touched(row, n) for n, row in enumerate(MANY, 1)]
    has(followed, *rows, touched(order("GRE-8", UNIT_OF_MEASURE="BARREL"), 6))
    assert [refusal.code for refusal in followed.sync().refused] == ["unknown_label"]
    has(followed, *rows, touched(order("GRE-8"), 2))  # repaired, under an older mark
    report = followed.sync()
    assert (report.exit_code, report.orders_created) == (ExitCode.DONE, 1)


def test_a_run_that_was_stopped_leaves_the_mark_where_it_was(followed):
    rows = [touched(row, n) for n, row in enumerate(MANY, 1)]
    rows += [touched(order("GRE-8"), 6), touched(order("GRE-9"), 7)]
    has(followed, *rows)
    with pytest.raises(GuardStopped):
        followed.sync(limits=Limits(max_creates=1))
    assert followed.sync(Filters(limit=1)).orders_created == 1
    assert followed.sync(Filters(key="GRE-1")).orders_created == 0
    assert followed.sync().orders_created == 1
    followed.assert_board_equals_source(rows)


def test_what_a_person_decides_is_looked_at_whenever_it_was_touched(make_world):
    world = make_world(idempotency=False)
    world.extra["ORDER_SYNC_SOURCE__CHANGED_COLUMN"] = COLUMN
    world.extra["ORDER_SYNC_MONDAY__MAX_ATTEMPTS"] = "2"
    has(world, touched(MANY[0], 1), touched(MANY[1], 2))
    world.sandbox.add_fault("lose-answer-before-write", times=0, match="create_item")
    assert world.sync().exit_code is ExitCode.ROWS_LEFT
    world.sandbox.clear_faults()
    choice = Choice(Resolution.RETRY, "gre-0", by="anna")
    with closing(Database(world.settings.database.url)) as database:
        database.run(
            lambda conn: resolving.resolve(
                conn, build_tables(MAPPING), MAPPING, world.board.id, choice
            )
        )
    assert world.sync().orders_created == 1


def test_another_profile_looks_at_every_row(followed):
    followed.treats_vanished_orders("archive")
    has(followed, *(touched(row, n) for n, row in enumerate(MANY[:4], 1)))
    report = followed.sync(limits=Limits(max_removals="1"))
    assert (report.rows_read, report.orders_archived) == (4, 1)


@pytest.mark.parametrize(
    "later",
    [
        lambda n: NOON + timedelta(hours=n),
        lambda n: (NOON + timedelta(hours=n)).isoformat(" "),
        lambda n: (NOON + timedelta(days=n)).date().isoformat(),
        lambda n: Decimal(n) / 2,
    ],
)
def test_marks_of_every_type_are_understood_by_the_next_run(world, later):
    world.extra["ORDER_SYNC_SOURCE__CHANGED_COLUMN"] = COLUMN
    rows = [touched(row, later(n)) for n, row in enumerate(MANY, 1)]
    has(world, *rows)
    world.sync()
    rows[0] = touched(rows[0], later(9), NOTES="touched")
    has(world, *rows)
    report = world.sync()
    assert (report.rows_read, report.orders_updated) == (2, 1)
    world.assert_board_shows(rows)


def test_times_are_taken_back_for_transactions_that_are_committed_late(make_world):
    world = make_world()
    world.extra["ORDER_SYNC_SOURCE__CHANGED_COLUMN"] = COLUMN
    rows = [touched(row, NOON) for row in MANY]
    has(world, *rows)
    world.sync()
    late = touched(order("GRE-9"), NOON - timedelta(minutes=9))
    has(world, *rows, late, touched(order("GRE-10"), None))
    assert world.sync().orders_created == (2 if world.server_url else 1)


def test_a_column_that_is_not_there_is_a_mistake(followed):
    followed.extra["ORDER_SYNC_SOURCE__CHANGED_COLUMN"] = "NOBODY KNOWS"
    with pytest.raises(ConfigError, match="NOBODY KNOWS"):
        followed.sync()
