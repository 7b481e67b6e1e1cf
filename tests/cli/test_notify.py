"""Notifications, from a run that fails to the message that arrives."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from order_sync import notifying
from order_sync.rules.alerts import Alert
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer
from order_sync.sandbox.options import PLANS

from .conftest import GOOD, OTHER, TOKEN
from .receiver import receiving

BAD = "JOO-2,JOHNNIE O,M01,WHITE,4755,-3,,2025 FALL,,RECEIVED,PCE"
SECRET = "canary-hook-51d0"


@pytest.fixture
def heard(monkeypatch):
    with receiving(SECRET) as receiver:
        monkeypatch.setenv("ORDER_SYNC_NOTIFY__URLS", receiver.url)
        yield receiver


def change(folder, statement, *values):
    with sqlite3.connect(folder / "order-sync.db") as conn:
        conn.execute(statement, values)
    conn.close()


def hours_ago(hours):
    at = datetime.now(UTC) - timedelta(hours=hours)
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def test_a_run_that_fails_and_its_recovery_are_told_once(run, board, load, heard, monkeypatch):
    load(GOOD)
    with monkeypatch.context() as patch:
        patch.setenv("MONDAY_API_TOKEN", "wrong")
        assert [run("sync").exit_code for _ in range(2)] == [5, 5]
    assert heard.titles() == ["run_failed"]
    (post,) = heard.posts
    assert post["type"] == "failure"
    assert f"board {board.id}" in post["title"]
    for part in ("sync failed with exit code 5", "order-sync check", "refused: 0; in doubt: 0"):
        assert part in post["message"]
    assert [run("sync").exit_code for _ in range(2)] == [0, 0]
    assert heard.titles() == ["run_failed", "over: run_failed"]


@pytest.fixture
def account_of_few_calls(monkeypatch):
    """The sandbox of a board on an account that may make only so many calls a day."""
    plan = replace(PLANS["free"], requests_per_day=20)
    sandbox = Sandbox(SandboxOptions(token=TOKEN, plan_limits=plan))
    board = sandbox.add_board("customer-master-schedule", name="Schedule", customers=["JOHNNIE O"])
    with SandboxServer(sandbox, port=0) as server:
        settings = {"API_URL": server.api_url, "BOARD_ID": board.id, "BATCH_SIZE": "1"}
        for name, value in settings.items():
            monkeypatch.setenv(f"ORDER_SYNC_MONDAY__{name}", value)
        monkeypatch.setenv("MONDAY_API_TOKEN", TOKEN)
        yield sandbox


def test_a_run_that_pauses_is_told_and_so_is_that_it_went_on(
    run, account_of_few_calls, load, heard
):
    load(*(GOOD.replace("JOO-1", f"JOO-{n}") for n in range(14)))
    codes = [run("sync").exit_code]
    assert codes == [4]
    assert heard.titles() == ["paused"]
    (post,) = heard.posts
    for part in ("sync paused: monday.com's calls are used up for now", "order-sync status"):
        assert part in post["message"]
    assert run("sync").exit_code == 4
    assert heard.titles() == ["paused"]
    for _ in range(20):
        account_of_few_calls.clock.advance(86_400)
        codes.append(run("sync").exit_code)
        if codes[-1] == 0:
            break
    assert codes[-1] == 0
    assert heard.titles() == ["paused", "over: paused"]


def test_every_run_that_fails_tells_when_that_is_wanted(run, board, load, heard, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_NOTIFY__REPEAT", "every")
    monkeypatch.setenv("ORDER_SYNC_NOTIFY__RECOVERED", "false")
    load(GOOD)
    with monkeypatch.context() as patch:
        patch.setenv("MONDAY_API_TOKEN", "wrong")
        run("sync"), run("sync")
    run("sync")
    assert heard.titles() == ["run_failed", "run_failed"]


def test_guards_and_refusals_are_told_and_only_those_that_are_wanted(
    run, board, load, heard, monkeypatch
):
    load(GOOD, OTHER, BAD)
    assert run("sync", "--max-creates", "1").exit_code == 8
    assert heard.titles() == ["guard"]
    assert run("sync").exit_code == 3
    assert heard.titles() == ["guard", "over: guard", "refused_over"]
    assert "negative_quantity 1" in heard.posts[-1]["message"]
    monkeypatch.setenv("ORDER_SYNC_NOTIFY__ON", "guard, stale")
    load(GOOD, OTHER)
    run("sync")
    assert len(heard.posts) == 3


def test_a_notification_that_fails_changes_nothing_and_is_tried_again(run, board, load, heard):
    load(GOOD, BAD)
    heard.status = 500
    ended = run("sync")
    assert ended.exit_code == 3
    assert "a notification was not delivered" in ended.err
    assert "Traceback" not in ended.err
    heard.status = 200
    assert run("notify", "check").exit_code == 0
    assert heard.titles() == ["refused_over"]


def test_the_address_is_nowhere(run, board, load, heard, folder, monkeypatch):
    load(GOOD, BAD)
    monkeypatch.setenv("ORDER_SYNC_LOG__LEVEL", "debug")
    heard.status = 500
    shown = [run("sync", "-v"), run("notify", "test", "-v"), run("notify", "check", "-v")]
    heard.status = 200
    shown.append(run("notify", "check", "-o", "json"))
    monkeypatch.setenv("ORDER_SYNC_NOTIFY__URLS", f"nonsense://{SECRET} {heard.url}")
    shown += [run("notify", "test"), run("sync", "-v")]
    monkeypatch.setenv("ORDER_SYNC_NOTIFY__REPEAT", SECRET)
    shown.append(run("check"))
    for ended in shown:
        assert SECRET not in ended.out + ended.err
    for path in folder.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()
    assert SECRET not in str(heard.posts)


def test_late_syncs_and_old_doubts_are_found_by_the_check_alone(run, board, load, heard, folder):
    load(GOOD)
    run("sync")
    assert run("notify", "check", "-o", "json").document["sent"] == []
    change(folder, "UPDATE MON_SyncRuns SET started_at = ?1, ended_at = ?1", hours_ago(30))
    change(folder, "UPDATE MON_ApiRequests SET first_sent_at = ?", hours_ago(30))
    change(folder, "UPDATE STG_MON_CustMasterSchedule SET stg_status = 'UNCONFIRMED'")
    sent = run("notify", "check", "-o", "json").document["sent"]
    assert [one["alert"] for one in sent] == ["stale", "doubt"]
    assert run("notify", "check", "-o", "json").document["sent"] == []
    assert "no sync came to its end for 30.0 hours" in heard.posts[0]["message"]
    assert "1 rows in doubt" in heard.posts[1]["message"]


def test_each_address_is_told_for_itself(run, board, load, heard, monkeypatch):
    load(GOOD, BAD)
    with receiving() as second:
        monkeypatch.setenv("ORDER_SYNC_NOTIFY__URLS", f"{heard.url}\n{second.url}")
        second.status = 503
        run("sync")
        second.status = 200
        run("sync")
        assert heard.titles() == second.titles() == ["refused_over"]


def test_a_database_that_is_away_is_told_without_memory(run, board, heard, folder, monkeypatch):
    (folder / "order-sync.db").write_bytes(b"this is no database" * 100)
    assert [run("sync").exit_code for _ in range(2)] == [5, 5]
    assert heard.titles() == ["run_failed", "run_failed"]
    assert run("notify", "check").exit_code == 5


def test_what_comes_from_outside_does_not_work_in_a_message(run, board, load, heard, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_NAME", "<!channel> @everyone [x](https://e.vil)")
    load(GOOD)
    assert run("sync").exit_code == 6
    (post,) = heard.posts
    assert "everyone" in post["message"]
    for working in ("<!", "@everyone", "](", "https://e.vil"):
        assert working not in post["message"]


def test_a_test_message_goes_to_every_address(run, heard):
    ended = run("notify", "test", "-o", "json")
    assert ended.exit_code == 0
    assert ended.document["sent"] == [
        {"alert": "test", "address": 1, "is_trouble": False, "delivered": True}
    ]
    assert heard.titles() == ["test"]
    heard.status = 500
    assert run("notify", "test").exit_code == 5


def test_looking_at_a_board_nobody_worked_on_makes_no_tables(run, heard, folder, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", "1")
    assert run("notify", "check").exit_code == 0
    assert list(folder.iterdir()) == []
    assert heard.posts == []


@pytest.mark.parametrize("command", [["sync"], ["notify", "test"], ["notify", "check"]])
def test_without_apprise_a_configured_command_says_what_to_install(
    run, board, heard, command, monkeypatch
):
    monkeypatch.setattr(notifying, "find_spec", lambda _: None)
    ended = run(*command)
    assert ended.exit_code == 2
    assert "monday-order-sync[notify]" in ended.err
    assert board.sandbox.request_log == []


@pytest.mark.parametrize("command", ["test", "check"])
def test_without_an_address_the_command_says_what_to_set(run, command, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", "1")
    ended = run("notify", command)
    assert ended.exit_code == 2
    assert "ORDER_SYNC_NOTIFY__URLS" in ended.err


def test_addresses_come_from_a_file_and_never_stand_in_the_settings(
    run, heard, folder, monkeypatch
):
    monkeypatch.delenv("ORDER_SYNC_NOTIFY__URLS")
    (folder / "addresses").write_text(heard.url + "\n")
    settings = folder / "order-sync.toml"
    settings.write_text('[notify]\nurls_file = "addresses"\n')
    assert run("notify", "test").exit_code == 0
    assert heard.titles() == ["test"]
    settings.write_text(f'[notify]\nurls = "{heard.url}"\n')
    ended = run("notify", "test")
    assert ended.exit_code == 2
    assert "do not belong in a file" in ended.err
    assert SECRET not in ended.err


@pytest.mark.parametrize(
    ("setting", "value"), [("ON", "all"), ("REFUSED_OVER", "many"), ("STALE_HOURS", "0")]
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(run, heard, setting, value, monkeypatch):
    monkeypatch.setenv(f"ORDER_SYNC_NOTIFY__{setting}", value)
    ended = run("notify", "test")
    assert ended.exit_code == 2
    assert f"ORDER_SYNC_NOTIFY__{setting}" in ended.err


def test_without_addresses_a_run_remembers_nothing_of_them(run, board, load, folder):
    load(GOOD, BAD)
    run("sync")
    with sqlite3.connect(folder / "order-sync.db") as conn:
        assert conn.execute("SELECT count(*) FROM MON_Notifications").fetchone() == (0,)
    conn.close()


def test_every_alert_has_a_command_to_look_at():
    from order_sync.alerts import _LOOK

    assert set(_LOOK) == set(Alert)
