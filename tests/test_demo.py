"""The demo shows the whole way, and says honestly whether it worked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from order_sync import demo
from order_sync.cli import main
from order_sync.demo import compare, count_board, demo_world, run_demo
from order_sync.outcome import RefusedOrder
from order_sync.progress import Silent
from tests.documents import check_document


@pytest.fixture(scope="module")
def shown():
    """One demo, with its world gone as it is afterwards."""
    with demo_world() as world:
        report = run_demo(world, Silent())
        yield world, report


def test_the_demo_ends_as_the_sample_says(shown):
    _, report = shown
    assert report.differences == ()
    assert report.ok


def test_the_greyson_group_has_its_orders_and_subitems_on_the_board(shown):
    world, report = shown
    assert report.on_board.groups["GREYSON CLOTHIERS 2025 FALL"] == (69, 264)
    assert count_board(world.sandbox, world.settings.require_board()) == report.on_board


def test_the_second_sync_writes_nothing(shown):
    _, report = shown
    assert report.repeated == report.second.write_calls == 0
    assert report.second.orders_created == report.second.size_lines_created == 0


def differences(report, *, expected=None, promised=None, refused=None):
    """What the comparison says when one side is another than it was."""
    actual = frozenset((row.order_key, row.code) for row in report.first.refused)
    return list(
        compare(
            expected,
            actual if promised is None else promised(actual),
            replace(report.first, refused=refused or report.first.refused),
            report.repeated,
            report.on_board,
        )
    )


def test_an_order_that_is_missing_on_the_board_is_a_difference(shown):
    world, report = shown
    expected = world.expected | {"orders": world.expected["orders"] + 1}
    assert differences(report, expected=expected) == [
        f"order lines on the board: {report.on_board.orders}, expected {expected['orders']}"
    ]


def test_a_group_that_is_missing_on_the_board_is_a_difference(shown):
    world, report = shown
    expected = world.expected | {"groups": [*world.expected["groups"], "NEW 2030"]}
    assert differences(report, expected=expected) == ['group "NEW 2030" is not on the board']


def test_a_refusal_the_sample_does_not_promise_is_a_difference(shown):
    world, report = shown
    extra = RefusedOrder("joo-9|m|w", "JOHNNIE O", "too_long", "", "", "")
    refused = (*report.first.refused, extra)
    assert differences(report, expected=world.expected, refused=refused) == [
        "too_long of joo-9|m|w: refused"
    ]


def test_a_refusal_that_does_not_happen_is_a_difference(shown):
    world, report = shown
    found = differences(
        report, expected=world.expected, promised=lambda actual: actual | {("joo-8|m|w", "x")}
    )
    assert found == ["x of joo-8|m|w: not refused"]


def test_the_command_exits_1_when_something_differs(monkeypatch, capsys):
    real = demo.compare
    monkeypatch.setattr(demo, "compare", lambda *given: [*real(*given), "a difference"])
    with pytest.raises(SystemExit) as ended:
        main(["demo"])
    assert ended.value.code == 1
    assert "differs: a difference" in capsys.readouterr().out


def test_no_setting_from_outside_reaches_the_demo(tmp_path):
    """Settings of a real board, right or wrong, stay out; and nothing stays behind."""
    (tmp_path / "order-sync.toml").write_text("this is broken")
    hostile = {
        "ORDER_SYNC_ENV": "nonsense",
        "ORDER_SYNC_DATABASE__URL": "sqlite:////nowhere/x.db",
        "ORDER_SYNC_MONDAY__BOARD_ID": "x",
        "ORDER_SYNC_MONDAY__API_URL": "https://api.monday.invalid/v2",
        "ORDER_SYNC_PROFILE": "nonsense",
        "MONDAY_API_TOKEN": "canary-token",
        "TMPDIR": str(tmp_path / "tmp"),
    }
    (tmp_path / "tmp").mkdir()
    command = Path(sys.executable).parent / "order-sync"
    done = subprocess.run(
        [command, "demo", "--output", "json"], env=os.environ | hostile, cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = check_document(done.stdout, 0)
    assert document["ok"] is True
    assert document["on_board"]["groups"]["GREYSON CLOTHIERS 2025 FALL"] == [69, 264]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert "canary-token" not in done.stdout + done.stderr


def test_keep_leaves_board_and_tables_until_ctrl_c():
    command = Path(sys.executable).parent / "order-sync"
    process = subprocess.Popen(
        [command, "demo", "--keep"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"COLUMNS": "300", "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        shown = ""
        while "Ctrl-C ends" not in shown:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            shown += line
        board = re.search(r"The board: (http://\S+)", shown)[1]
        with closing(urllib.request.urlopen(board, timeout=10)) as page:
            assert page.status == 200
        config = Path(re.search(r"--config (\S+)", shown)[1])
        status = subprocess.run(
            [command, "status", "--config", config, "-o", "json"],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert len(json.loads(status.stdout)["runs"]) == 2
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
        process.wait(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert "is removed" in err
    assert not config.parent.exists()


def test_ctrl_c_in_the_middle_ends_the_demo_with_130(tmp_path):
    (tmp_path / "tmp").mkdir()
    command = Path(sys.executable).parent / "order-sync"
    process = subprocess.Popen(
        [command, "demo", "--keep"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp"), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        while (line := process.stderr.readline()) != "sending\n":
            assert line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert list((tmp_path / "tmp").iterdir()) == []
