"""Doubts: settled beside the sending, waited for with an end in sight, or left to the next run."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from order_sync.cli.progress import LineProgress
from order_sync.errors import ExitCode
from order_sync.rules.filters import Filters
from order_sync.sync import run_sync

from .world import order

ROWS = [order(f"GRE-{number}") for number in range(4)]
STATES = "SELECT DISTINCT stg_status FROM STG_MON_CustMasterSchedule ORDER BY 1"


def test_a_run_that_does_not_wait_leaves_its_doubts_to_the_next(world):
    world.extra["ORDER_SYNC_MONDAY__READ_LAG_S"] = "3"
    world.sandbox.add_fault("lose-answer-after-write", match="create_item")
    world.has_orders(*ROWS)
    began = time.monotonic()

    report = world.sync(waits=False)

    assert time.monotonic() - began < 3
    assert report.exit_code is ExitCode.ROWS_LEFT
    assert report.in_doubt == len(ROWS)
    assert world.query(STATES) == [("UNCONFIRMED",)]
    assert world.query("SELECT count(*) FROM MON_CustMasterSchedule") == [(0,)]
    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)


def test_a_run_that_does_not_wait_still_sends_everything_else(world):
    world.extra |= {"ORDER_SYNC_MONDAY__READ_LAG_S": "3", "ORDER_SYNC_MONDAY__BATCH_SIZE": "1"}
    world.sandbox.add_fault("lose-answer-after-write", match="create_item")
    world.sandbox.add_fault("423-alias", match="create_item", skip=1)
    world.has_orders(*ROWS)

    report = world.sync(waits=False)

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert report.in_doubt == 1
    assert report.orders_created == len(ROWS) - 1
    assert report.size_lines_created == 2 * (len(ROWS) - 1)


def test_progress_tells_until_when_doubts_are_waited_for(world):
    world.sandbox.add_fault("lose-answer-after-write", match="create_item")
    world.has_orders(*ROWS)
    out = io.StringIO()

    report = run_sync(world.settings, world.mapping, Filters(), LineProgress(out))

    assert report.exit_code is ExitCode.DONE
    told = out.getvalue()
    assert "\n1 request without a certain answer, looked up at " in told
    assert "\nwaiting until " in told


def start_sync(world):
    command = [Path(sys.executable).with_name("order-sync"), "sync", "-o", "json"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(world.folder)} | world.environ
    return subprocess.Popen(
        command, env=environ, cwd=world.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_for(condition):
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.01)


def test_a_second_signal_ends_at_once_and_the_next_run_goes_on(world):
    world.extra["ORDER_SYNC_MONDAY__SERVER_LIMIT_S"] = "20"
    world.sandbox.add_fault("hang", seconds=15, match="create_item")
    world.has_orders(*ROWS)
    process = start_sync(world)
    wait_for(world.items)  # the answer is held back

    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None  # the request in flight is waited for
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)

    assert process.returncode == ExitCode.TERMINATED
    assert out == b""
    assert b"press again to end at once" in err
    assert b"Traceback" not in err
    assert world.query(STATES) == [("SENDING",)]
    world.extra["ORDER_SYNC_MONDAY__SERVER_LIMIT_S"] = "0.6"
    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_equals_source(ROWS)


def test_a_signal_before_anything_is_read_is_an_end_on_record(world):
    world.sandbox.add_fault("hang", seconds=2, match="boards")
    world.has_orders(*ROWS)
    process = start_sync(world)
    wait_for(lambda: world.sandbox.request_log)

    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)

    assert process.returncode == ExitCode.TERMINATED, err
    assert world.query("SELECT status, exit_code FROM MON_SyncRuns") == [("STOPPED", 143)]
    assert world.items() == []
