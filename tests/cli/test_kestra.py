"""What Kestra reads of a run."""

from __future__ import annotations

import json
import re

import pytest

from order_sync.errors import BoardMismatch, ExitCode, PausedByBudget
from order_sync.outcome import RunReport
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer

from .conftest import HEADER

TOKEN = "canary-5e7b1f20"
HEADER = HEADER + ",AAG SEASON,CUSTOMER SEASON,ORDER TYPE,UNIT OF MEASURE"
GOOD = "JOO-1,JOHNNIE O,M01,WHITE,4755,12,7,2025 FALL,,RECEIVED,PCE"
OTHER = "RHY-1,RHYTHM,M01,BLACK,4756,1,,2025 FALL,,RECEIVED,PCE"
BAD = "JOO-2,JOHNNIE O,M01,WHITE,4755,-3,,2025 FALL,,RECEIVED,PCE"

# As Kestra finds a line of ours among all lines of a task, on stdout and stderr.
PROTOCOL = re.compile(r"^::(\{.*})::$")
COUNTED = ("orders_created", "orders_updated", "orders_archived", "orders_unchanged",
           "size_lines_created", "size_lines_updated", "refused", "in_doubt", "pending",
           "calls")  # fmt: skip


@pytest.fixture
def sandbox():
    return Sandbox(SandboxOptions(token=TOKEN))


@pytest.fixture
def board(sandbox, monkeypatch):
    """An empty board, and settings that lead to it; returns its id."""
    board = sandbox.add_board(
        "customer-master-schedule", name="Schedule", customers=["JOHNNIE O", "RHYTHM"]
    )
    with SandboxServer(sandbox, port=0) as server:
        monkeypatch.setenv("ORDER_SYNC_MONDAY__API_URL", server.api_url)
        monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", board.id)
        monkeypatch.setenv("MONDAY_API_TOKEN", TOKEN)
        yield board.id


@pytest.fixture
def load(run, write_csv):
    def load(*rows):
        assert run("load", str(write_csv(*rows, header=HEADER))).exit_code == 0

    return load


def read(text):
    """(outputs, metrics) as Kestra would keep them; every line has to be one of ours."""
    outputs, metrics = {}, []
    for line in text.splitlines():
        content = json.loads(PROTOCOL.fullmatch(line)[1])
        assert content.keys() <= {"outputs", "metrics"}
        outputs |= content.get("outputs", {})
        metrics += content.get("metrics", [])
    return outputs, metrics


def require_protocol(text):
    outputs, metrics = read(text)
    assert len(text.splitlines()) == 2
    assert all(type(value) in (str, int, float) for value in outputs.values())
    for metric in metrics:
        assert metric.keys() == {"name", "type", "value", "tags"}
        assert metric["type"] in ("counter", "timer")
        assert type(metric["value"]) in (int, float)
        assert all(type(tag) is str for tag in metric["tags"].values())
    return outputs, metrics


# The lines ---------------------------------------------------------------------------------------


def test_a_good_sync_prints_two_lines_and_is_silent_beside_them(run, board, load):
    load(GOOD, OTHER)
    ended = run("sync", "--kestra")
    assert (ended.exit_code, ended.err) == (0, "")
    outputs, metrics = require_protocol(ended.out)
    made = (outputs["orders_created"], outputs["size_lines_created"], outputs["refused"])
    assert made == (2, 3, 0)
    assert (outputs["board_id"], outputs["exit_code"], outputs["message"]) == (board, 0, "")
    assert outputs["run_id"]
    counters = {m["name"]: m["value"] for m in metrics if m["type"] == "counter"}
    assert counters == {name: outputs[name] for name in COUNTED} | {"stopped": 0}
    (timer,) = [m for m in metrics if m["type"] == "timer"]
    assert (timer["name"], timer["value"]) == ("duration", outputs["seconds"])
    assert timer["tags"] == {"command": "sync", "board": board}


def test_a_plan_prints_what_would_change_and_cost(run, board, load, folder):
    load(GOOD, BAD)
    ended = run("plan", "--kestra", "--out", "approved.json", "--max-creates", "0")
    assert (ended.exit_code, ended.err) == (0, "")
    outputs, metrics = require_protocol(ended.out)
    plan = run("plan", "-o", "json").document
    assert (outputs["orders_new"], outputs["size_lines_created"], outputs["refused"]) == (1, 2, 1)
    assert (outputs["calls"], outputs["minutes"]) == (
        plan["cost"]["calls"], plan["cost"]["minutes"],
    )  # fmt: skip
    assert outputs["guards"] == 1
    assert "max-creates" in outputs["message"]
    assert (folder / outputs["plan_file"]).is_file()
    assert {m["tags"]["command"] for m in metrics} == {"plan"}
    assert "plan_file" not in read(run("sync", "--dry-run", "--kestra").out)[0]


def test_refused_rows_are_counted_and_retry_speaks_too(run, board, load):
    load(GOOD, BAD)
    outputs, _ = require_protocol(run("sync", "--kestra").out)
    assert (outputs["exit_code"], outputs["refused"], outputs["error_code"]) == (3, 1, "")
    ended = run("retry", "--kestra")
    outputs, metrics = require_protocol(ended.out)
    assert (ended.exit_code, outputs["exit_code"]) == (3, 3)
    assert {m["tags"]["command"] for m in metrics} == {"retry"}


def test_a_run_that_stops_at_a_check_prints_why(run, board, load, monkeypatch):
    load(GOOD)
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_NAME", "Another")
    ended = run("sync", "--kestra")
    outputs, metrics = require_protocol(ended.out)
    assert (ended.exit_code, outputs["exit_code"]) == (6, 6)
    assert outputs["error_code"] == BoardMismatch.code
    assert "Another" in outputs["message"]
    assert [(m["name"], m["value"]) for m in metrics] == [("stopped", 1)]
    assert ended.err.startswith("error: ")


def test_an_error_in_the_settings_is_printed_too(run):
    outputs, _ = require_protocol(run("sync", "--kestra").out)
    assert (outputs["exit_code"], outputs["error_code"]) == (2, "config")
    assert outputs["hint"]


def test_a_run_that_stops_amid_its_work_names_the_reason(run, board, monkeypatch):
    report = RunReport("r", board, exit_code=ExitCode.PAUSED, message="no calls left", hint="wait")
    monkeypatch.setattr("order_sync.sync.run_sync", lambda *_, **__: report)
    ended = run("sync", "--kestra")
    outputs, metrics = require_protocol(ended.out)
    assert (ended.exit_code, outputs["exit_code"]) == (4, 4)
    assert (outputs["error_code"], outputs["message"]) == (PausedByBudget.code, "no calls left")
    assert {"name": "stopped", "type": "counter", "value": 1}.items() <= metrics[-2].items()


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [(RuntimeError("odd"), "unexpected", 1), (KeyboardInterrupt(), "interrupted", 130)],
)
def test_an_end_nobody_expected_is_printed_too(run, monkeypatch, error, code, exit_code):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("order_sync.planning.make_plan", broken)
    ended = run("plan", "--kestra")
    outputs, _ = require_protocol(ended.out)
    assert (ended.exit_code, outputs["exit_code"], outputs["error_code"]) == (
        exit_code, exit_code, code,
    )  # fmt: skip


@pytest.mark.parametrize(
    "evil",
    ['a::{"outputs":{"exit_code":0}}::b', ":::::", 'x\n::{"outputs":{}}::', "\x1b[2J'\"\\ñ😀"],
)
def test_a_hostile_message_stays_a_text_in_its_line(run, board, monkeypatch, evil):
    report = RunReport("r", board, exit_code=ExitCode.UNREACHABLE, message=evil, hint=evil)
    monkeypatch.setattr("order_sync.sync.run_sync", lambda *_, **__: report)
    out = run("sync", "--kestra").out
    outputs, _ = require_protocol(out)
    assert outputs["message"] == "".join(c if c.isprintable() else " " for c in evil)
    assert outputs["exit_code"] == 5
    for line in out.splitlines():
        assert line.isascii()
        assert "::" not in line[2:-2]


def test_a_long_message_is_cut(run, board, monkeypatch):
    report = RunReport("r", board, exit_code=ExitCode.UNREACHABLE, message="m" * 100_000)
    monkeypatch.setattr("order_sync.sync.run_sync", lambda *_, **__: report)
    assert len(run("sync", "--kestra").out.splitlines()[0]) < 2_000


@pytest.mark.parametrize("command", ["plan", "sync", "retry"])
def test_kestra_and_json_exclude_each_other(run, command):
    ended = run(command, "--kestra", "--output", "json")
    assert ended.exit_code == 2
    assert ended.document["error"]["code"] == "config"
    assert "--kestra and --output json" in ended.err


def test_logs_are_there_when_asked_for(run, board, load, monkeypatch):
    load(GOOD)
    monkeypatch.setenv("ORDER_SYNC_LOG__LEVEL", "info")
    ended = run("sync", "--kestra")
    assert "info" in ended.err
    assert not any(PROTOCOL.match(line) for line in ended.err.splitlines())
    require_protocol(ended.out)
