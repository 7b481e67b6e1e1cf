"""What every command has in common: its options, how it fails, what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from order_sync.cli import looking, runs
from order_sync.errors import Unreachable

COMMANDS = [
    "demo", "init", "check", "load", "db", "plan", "sync", "retry", "adopt", "status", "runs",
    "batches", "errors", "explain", "metrics", "notify", "dashboard", "sandbox", "schema",
]  # fmt: skip
LEAVES = [
    ["demo"], ["init"], ["check"], ["load"], ["db", "upgrade"], ["plan"], ["sync"], ["retry"],
    ["adopt"], ["status"], ["runs"], ["batches"], ["errors", "list"], ["errors", "show"],
    ["errors", "resolve"], ["explain"], ["metrics"], ["notify", "test"], ["notify", "check"],
    ["dashboard"], ["sandbox"], ["schema"],
]  # fmt: skip
READ_ONLY = [
    ["plan"], ["sync", "--dry-run"], ["status"], ["batches"], ["check"],
    ["errors", "list"], ["errors", "show", "JOO-1"], ["explain", "JOO-1"], ["metrics"],
]  # fmt: skip
FILTERS = ["--customer", "--po", "--aag-season", "--customer-season", "--key"]


def order_sync(*argv, **environ):
    """The installed command, in a process of its own."""
    command = Path(sys.executable).parent / "order-sync"
    return subprocess.run(
        [command, *argv],
        capture_output=True,
        text=True,
        env=os.environ | environ,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def test_help_lists_exactly_the_commands_there_are(run):
    listed = run("--help").out.split("Commands:")[1]
    assert sorted(re.findall(r"^  (\w+)  ", listed, re.M)) == sorted(COMMANDS)


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_every_command_takes_the_common_options(run, command):
    ended = run(*command, "--help")
    assert ended.exit_code == 0
    for option in ("--yes", "--output", "--env", "--config", "--verbose"):
        assert option in ended.out


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_no_command_takes_a_monday_token(run, command):
    ended = run(*command, "--help")
    assert ended.exit_code == 0
    assert "--token" not in ended.out


@pytest.mark.parametrize("command", ["plan", "sync", "retry", "adopt"])
@pytest.mark.parametrize("option", FILTERS)
def test_a_blank_filter_is_an_error_and_never_means_everything(run, command, option):
    ended = run(command, option, " ")
    assert ended.exit_code == 2
    assert option in ended.err


@pytest.mark.parametrize("command", ["plan", "sync", "retry", "adopt"])
@pytest.mark.parametrize("limit", ["0", "-1", "x"])
def test_a_limit_below_one_is_a_usage_error(run, command, limit):
    assert run(command, "--limit", limit).exit_code == 2


@pytest.mark.parametrize("option", [*FILTERS, "--limit"])
def test_a_filter_without_a_value_is_a_usage_error(run, option):
    assert run("sync", option).exit_code == 2


@pytest.mark.parametrize("command", [["load"], ["errors", "show"], ["nonsense"], ["sync", "--x"]])
def test_a_wrong_command_line_exits_2(run, command):
    assert run(*command).exit_code == 2


@pytest.mark.parametrize("command", READ_ONLY, ids=" ".join)
def test_a_command_that_only_looks_creates_nothing(run, folder, command):
    run(*command)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("command", [c for c in READ_ONLY if c != ["check"]], ids=" ".join)
def test_an_unknown_profile_exits_2_and_names_the_known_ones(run, monkeypatch, command):
    monkeypatch.setenv("ORDER_SYNC_PROFILE", "nonsense")
    ended = run(*command)
    assert ended.exit_code == 2
    assert "customer-master-schedule" in ended.err


def test_a_broken_settings_file_exits_2_and_names_the_place(run, folder):
    (folder / "order-sync.toml").write_text("[monday]\nboard_id = \n")
    ended = run("status")
    assert ended.exit_code == 2
    assert "order-sync.toml" in ended.err


def test_every_mistake_in_the_settings_is_told(run, folder):
    (folder / "order-sync.toml").write_text("[monday]\nboard_id = 'x'\nconcurrency = 0\n")
    ended = run("status")
    assert ended.exit_code == 2
    assert "board_id" in ended.err
    assert "concurrency" in ended.err


def test_a_missing_directory_exits_2(run, folder, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_DATABASE__URL", "sqlite:///nowhere/order-sync.db")
    assert run("status").exit_code == 2
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "command", [["status"], ["batches"], ["errors", "list"], ["db", "upgrade"]]
)
def test_a_file_that_is_no_database_exits_5_and_stays_as_it_is(run, folder, command):
    (folder / "order-sync.db").write_text("this is no database, and somebody may need it\n" * 100)
    before = (folder / "order-sync.db").read_bytes()
    ended = run(*command)
    assert ended.exit_code == 5
    assert "do: " in ended.err
    assert (folder / "order-sync.db").read_bytes() == before


def test_an_error_is_one_line_and_what_to_do(run):
    ended = run("plan")
    assert ended.exit_code == 2
    assert ended.out == ""
    error, hint = [line for line in ended.err.splitlines() if not line.startswith("reading")]
    assert error.startswith("error: ")
    assert hint.startswith("  do: ")


@pytest.mark.parametrize("command", ["plan", "sync", "retry", "adopt"])
def test_in_json_mode_an_error_is_a_document_too(run, command):
    ended = run(command, "--output", "json")
    assert ended.exit_code == 2
    assert ended.document["schema_version"] == 1
    assert set(ended.document["error"]) == {"code", "message", "hint", "problems"}
    assert ended.document["error"]["code"] == "config"


@pytest.mark.parametrize(
    "command", [["status"], ["batches"], ["errors", "list"], ["errors", "show", "J-1"], ["check"]],
    ids=" ".join,
)  # fmt: skip
def test_json_output_is_one_document_with_a_schema_version(run, command):
    document = run(*command, "-o", "json").document
    assert document["schema_version"] == 1
    assert document["error"] is None


def test_an_unexpected_error_is_one_line_and_exits_1(run, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr("order_sync.planning.make_plan", broken)
    ended = run("plan")
    assert ended.exit_code == 1
    assert "unexpected RuntimeError: first line" in ended.err
    assert "run again with -v" in ended.err
    assert "Traceback" not in ended.err
    assert "second line" not in ended.err


def test_with_v_an_unexpected_error_shows_its_traceback(run, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("oops")

    monkeypatch.setattr("order_sync.planning.make_plan", broken)
    ended = run("plan", "-v")
    assert ended.exit_code == 1
    assert "Traceback" in ended.err


def test_ctrl_c_exits_130_without_a_traceback(run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("order_sync.planning.make_plan", interrupted)
    ended = run("plan")
    assert ended.exit_code == 130
    assert "Traceback" not in ended.err


def test_an_error_keeps_the_exit_code_of_its_kind(run, monkeypatch):
    def away(*_, **__):
        raise Unreachable("monday.com is away", hint="wait")

    monkeypatch.setattr("order_sync.planning.make_plan", away)
    ended = run("plan", "-o", "json")
    assert ended.exit_code == 5
    assert ended.document["error"]["code"] == "unreachable"


def test_the_token_is_nowhere_in_what_a_command_says(run, monkeypatch):
    token = "canary-token-5d41402abc4b2a76"

    def talkative(settings, *_, **__):
        import structlog

        structlog.get_logger().warning("sent", header=token)
        raise RuntimeError(repr(settings))

    monkeypatch.setenv("MONDAY_API_TOKEN", token)
    monkeypatch.setattr("order_sync.planning.make_plan", talkative)
    ended = run("plan", "-v", "-o", "json")
    assert "[token]" in ended.err
    assert token not in ended.err + ended.out


def test_a_setting_nobody_knows_is_told(run, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_BOARD", "1")
    assert "ORDER_SYNC_BOARD" in run("status").err


def test_help_loads_neither_database_nor_client():
    code = (
        "import sys, order_sync.cli as c\n"
        "try: c.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'graphql', 'uvicorn', 'httpx2', 'pydantic', 'rich.console'}\n"
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_installed_command_shows_its_version():
    done = order_sync("--version")
    assert re.fullmatch(r"order-sync \d+\.\d+\.\d+\n", done.stdout)


def test_the_exit_code_reaches_the_shell(folder):
    done = order_sync("status", ORDER_SYNC_PROFILE="nonsense")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_a_reader_who_leaves_is_no_error(folder):
    """`order-sync status | head -0` ends quietly, with the exit code of the command."""
    reader, writer = os.pipe()
    os.close(reader)
    command = Path(sys.executable).parent / "order-sync"
    for output in ("table", "json"):
        done = subprocess.run(
            [command, "errors", "list", "--output", output],
            stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
    os.close(writer)


def test_a_command_is_documented_by_its_first_line():
    for body in (looking.check, looking.status, runs.plan, runs.sync, runs.retry):
        assert body.__doc__
        assert len(body.__doc__.splitlines()[0]) < 72


def test_json_is_all_there_is_on_stdout(folder):
    done = order_sync("status", "--output", "json")
    assert json.loads(done.stdout)["command"] == "status"


@pytest.mark.parametrize("variable", ["ORDER_SYNC_PROFILE", "ORDER_SYNC_MONDAY__BOARD_ID"])
def test_check_fails_at_a_setting_that_is_wrong(run, monkeypatch, variable):
    monkeypatch.setenv(variable, "nonsense")
    ended = run("check", "-o", "json")
    assert ended.exit_code == ended.document["exit_code"] == 2
    failed = [row for row in ended.document["checks"] if row["verdict"] == "fail"]
    assert "nonsense" in failed[0]["what"] or "BOARD_ID" in failed[0]["what"]


def test_an_upgrade_creates_the_tables_and_then_has_nothing_to_do(run):
    first = run("db", "upgrade", "-o", "json").document
    assert "MON_CustMasterSchedule" in first["created_tables"]
    assert run("db", "upgrade", "-o", "json").document["was_current"] is True
    assert "up to date already" in run("db", "upgrade").out
