"""Cases in which two things go wrong at once, or in an unlucky order."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from order_sync.config import load_settings
from order_sync.db import runs
from order_sync.db.engine import Database
from order_sync.db.schema import build_tables
from order_sync.errors import ExitCode, StaleFence, Unreachable
from order_sync.monday.client import MondayClient
from order_sync.profile import DEFAULT_PROFILE, load_profile
from order_sync.profiles import __path__ as profile_folders
from order_sync.progress import Silent
from order_sync.rules.filters import Filters
from order_sync.sync import run_sync

from .dying import KILLED, SEND, Death, start
from .world import MAPPING, order

pytestmark = pytest.mark.databases

GREYSON, JOHNNIE = order("GRE-1"), order("JOO-1", CUSTOMER_NAME="JOHNNIE O")
BY_HAND = {"AAG ORDER NUMBER": "GRE-2", "STYLE": "M01Y09", "COLOR": "DEAN BLUE"}


@pytest.mark.parametrize("memory", [True, False], ids=["with memory", "without memory"])
@pytest.mark.parametrize("alias", [0, 1])
def test_half_a_document_of_groups_in_doubt_doubles_no_group(make_world, alias, memory):
    world = make_world(idempotency=memory)
    world.has_orders(GREYSON, JOHNNIE)
    world.sandbox.add_fault("500-alias", times=1, match="create_group", alias=alias)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    titles = [group.title for group in world.sandbox.groups(world.board.id)]
    assert len(titles) == len(set(titles))
    assert {item.name[-5:]: item.group_title for item in world.items()} == {
        "GRE-1": "GREYSON CLOTHIERS 2025 FALL",
        "JOO-1": "JOHNNIE O 2025 FALL",
    }


@pytest.mark.parametrize("number", [22, 25, 28, 31, 34, 37])
def test_a_run_that_died_while_a_move_waited_is_taken_over(world, number):
    """Size lines may be ahead of the move of their item; taking the move over keeps them."""
    world.has_orders(order("GRE-1"))
    world.sync()
    world.sandbox.person_creates(world.board.id, "By hand", "x", BY_HAND)
    rows = [order("GRE-1"), order("GRE-2")]
    world.has_orders(*rows)
    world.sandbox.add_fault("423-alias", times=2, match="move_item")
    world.sync_that_dies("after-write", number)
    world.sandbox.clear_faults()

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    world.assert_board_equals_source(rows)


def test_a_stopped_run_sends_nothing_that_only_waited_for_its_turn(world, monkeypatch):
    world.extra |= {"ORDER_SYNC_MONDAY__CONCURRENCY": "1", "ORDER_SYNC_MONDAY__BATCH_SIZE": "1"}
    world.has_orders(*(order(f"GRE-{n}") for n in range(12)))
    send, sent = MondayClient.send, []

    async def stop_at_the_second(self, body, **options):
        if b"create_item" in body and options["is_mutation"]:
            sent.append(body)
            if len(sent) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
        return await send(self, body, **options)

    monkeypatch.setattr(MondayClient, "send", stop_at_the_second)

    assert world.sync().exit_code is ExitCode.TERMINATED
    assert len(sent) <= 3
    assert len(world.query("SELECT 1 FROM MON_CustMasterSchedule")) == len(world.items())


def test_another_profile_on_the_board_does_not_settle_our_doubts(world):
    text = Path(profile_folders[0], f"{DEFAULT_PROFILE}.toml").read_text(encoding="utf-8")
    second = world.folder / "second.toml"
    second.write_text(text.replace('suffix = "CustMasterSchedule"', 'suffix = "Second"'))
    world.has_orders(GREYSON)
    intent = Death(SEND, "before", "create_items")  # it is stored, and nobody knows its outcome
    assert start(world.environ, world.folder, ["sync"], intent).ended()[0] == KILLED
    assert world.query("SELECT stg_status FROM STG_MON_CustMasterSchedule") == [("SENDING",)]
    world.execute('CREATE TABLE "OTHERS" AS SELECT * FROM ORDERS_UNIFIED')
    world.execute("UPDATE OTHERS SET \"AAG ORDER NUMBER\" = 'JOO-9'")
    environ = world.environ | {"ORDER_SYNC_SOURCE__TABLE": "OTHERS"}
    settings = load_settings(config=None, env=None, environ=environ, cwd=world.folder)
    run_sync(settings, load_profile(str(second)), Filters(), Silent())

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    assert sum("GRE-1" in item.name for item in world.items()) == 1


def test_a_size_nobody_ordered_on_an_item_made_by_hand_is_set_to_zero(world):
    world.has_orders(order("GRE-1"))
    world.sync()
    made = world.sandbox.person_creates(world.board.id, "By hand", "x", BY_HAND)
    world.sandbox.person_creates_subitem(
        getattr(made, "id", made), "Size XS", {"Size": "XS", "Order Qty": "12"}
    )
    world.has_orders(order("GRE-1"), order("GRE-2"))

    report = world.sync()

    assert report.exit_code is ExitCode.DONE
    assert ("M01Y09 DEAN BLUE GRE-2", "XS", "0") in world.lines_on_board()


def test_the_error_of_a_size_line_closes_when_the_size_leaves_the_order(world):
    world.extra["ORDER_SYNC_MONDAY__MAX_ATTEMPTS"] = "1"
    world.has_orders(order("GRE-1"))
    world.sandbox.add_fault("423-alias", times=0, match="create_item")
    assert world.sync().exit_code is ExitCode.ROWS_LEFT
    world.sandbox.clear_faults()
    world.has_orders(order("GRE-1", L=None, TOTAL_QTY=3))

    assert world.sync(command="retry", only_failed=True).exit_code is ExitCode.DONE
    assert world.sync().exit_code is ExitCode.DONE


def test_tries_of_a_row_add_up_over_runs_until_a_person_has_to_decide(world):
    world.extra["ORDER_SYNC_MONDAY__MAX_ATTEMPTS"] = "1"
    world.has_orders(order("GRE-1"))
    world.sandbox.add_fault("423-alias", times=0, match="create_item")
    world.sync()
    for _ in range(12):
        world.sync(command="retry", only_failed=True)
    told = world.query(
        "SELECT retry_count >= 12, max_retries_reached, next_try_at FROM ERR_MON_CustMasterSchedule"
    )
    assert told == [(1, 1, None)]


def test_a_run_that_stops_while_it_makes_labels_leaves_no_batch_open(world, monkeypatch):
    async def away(*_args):
        raise Unreachable("monday.com went away")

    monkeypatch.setattr("order_sync.delivery.labels.read_revisions", away)
    world.has_orders(GREYSON)

    assert world.sync().exit_code is ExitCode.UNREACHABLE
    assert world.query("SELECT status FROM MON_BatchProcessing") == [("FAILED",)]


def test_a_run_that_lost_the_board_records_and_sends_nothing_more(world, monkeypatch):
    """Its lock was lost alive: the fence of the newer run stops it in the middle."""
    world.extra |= {"ORDER_SYNC_MONDAY__CONCURRENCY": "1", "ORDER_SYNC_MONDAY__BATCH_SIZE": "1"}
    rows = [order(f"GRE-{n}") for n in range(4)]
    world.has_orders(*rows)
    send, sent = MondayClient.send, []
    tables = build_tables(MAPPING)

    async def lose_the_board(self, body, **options):
        answer = await send(self, body, **options)
        if b"create_item" in body and options["is_mutation"]:
            sent.append(body)
            other = Database(world.settings.database.url)
            other.run(lambda c: runs.start_run(c, tables, MAPPING, "sync", {}, world.board.id))
            other.close()
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(MondayClient, "send", lose_the_board)
        with pytest.raises(StaleFence):
            world.sync()

    assert len(sent) == 1
    assert world.query("SELECT 1 FROM MON_CustMasterSchedule") == []
    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_equals_source(rows)
