"""What a person decides between two runs is what the next run does."""

from __future__ import annotations

from contextlib import closing

from order_sync.db import refused, resolving, runs
from order_sync.db.engine import Database
from order_sync.db.refused import ErrorRow
from order_sync.db.resolving import Choice, ResolvedOrder
from order_sync.db.schema import build_tables
from order_sync.db.staging import Unit
from order_sync.errors import ExitCode
from order_sync.rules.resolutions import Resolution

from .world import MAPPING, World, order

TABLES = build_tables(MAPPING)
KEY = "gre-1|m01y09|dean blue"


def decide(world: World, resolution: Resolution, key: str) -> list[ResolvedOrder]:
    choice = Choice(resolution, key, by="anna")
    with closing(Database(world.settings.database.url)) as database:
        return database.run(
            lambda conn: resolving.resolve(conn, TABLES, MAPPING, world.board.id, choice)
        )


def refuse_as_gone(world: World) -> None:
    row = ErrorRow(
        Unit.ITEM, KEY, "GREYSON CLOTHIERS", "GRE-1", "gone_from_board", "board", "it is gone"
    )
    with closing(Database(world.settings.database.url)) as database:

        def write(conn):
            run = runs.start_run(conn, TABLES, MAPPING, "sync", {}, world.board.id)
            refused.store_errors(conn, TABLES, run, [row])

        database.run(write)


def test_a_retried_order_goes_out_at_once(make_world):
    world = make_world(idempotency=False)
    world.extra["ORDER_SYNC_MONDAY__MAX_ATTEMPTS"] = "2"
    rows = [order("GRE-1")]
    world.has_orders(*rows)
    world.sandbox.add_fault("lose-answer-before-write", times=0, match="create_item")
    assert world.sync().exit_code is ExitCode.ROWS_LEFT
    assert [code for _, code in world.errors()] == ["outcome_unknown"]
    world.sandbox.clear_faults()

    decide(world, Resolution.RETRY, "gre-1")

    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_equals_source(rows)


def test_an_order_that_is_recreated_while_its_item_stands_is_taken_over(world):
    rows = [order("GRE-1"), order("GRE-2")]
    world.has_orders(*rows)
    world.sync()
    before = [item.id for item in world.items()]
    refuse_as_gone(world)

    assert decide(world, Resolution.RECREATE, "gre-1")[0].item_id in before

    assert world.sync().exit_code is ExitCode.DONE
    assert [item.id for item in world.items()] == before
    world.assert_board_equals_source(rows)


def test_an_order_whose_item_is_gone_is_made_anew(world):
    rows = [order("GRE-1"), order("GRE-2")]
    world.has_orders(*rows)
    world.sync()
    world.sandbox.person_deletes(
        next(item.id for item in world.items() if item.name.endswith("GRE-1"))
    )
    refuse_as_gone(world)

    decide(world, Resolution.RECREATE, "gre-1")

    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_equals_source(rows)


def test_an_ignored_refusal_is_no_reason_for_exit_3_until_the_row_changes(world):
    good = order("GRE-1")
    world.has_orders(good, order("GRE-9", L=-4))
    assert world.sync().exit_code is ExitCode.ROWS_LEFT

    decide(world, Resolution.IGNORE, "gre-9")

    assert world.sync().exit_code is ExitCode.DONE
    world.has_orders(good, order("GRE-9", L=-5))
    assert world.sync().exit_code is ExitCode.ROWS_LEFT
