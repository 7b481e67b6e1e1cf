"""Logs go to stderr, in one form, and never show the token."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest
import structlog

from order_sync.config import load_settings
from order_sync.logs import setup_logs

from .conftest import GOOD, OTHER, TOKEN


class Terminal(io.StringIO):
    def isatty(self):
        return True


def lines_of(text):
    """Every line of a log as an object; a line that is none fails."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(autouse=True)
def as_before():
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_text_logs_name_event_and_values_on_stderr(capsys):
    setup_logs("info")
    structlog.get_logger().info("run started", board_id="1")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "run started" in shown.err
    assert "board_id=1" in shown.err


def test_json_logs_are_one_object_a_line(capsys):
    setup_logs("info", "json")
    structlog.contextvars.bind_contextvars(run_id="r-1")
    structlog.get_logger().info("first")
    logging.getLogger("somebody.else").warning("second %s", "line")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"], line["run_id"]) for line in lines] == [
        ("first", "info", "r-1"),
        ("second line", "warning", "r-1"),
    ]


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_level_silences_what_is_below_it(capsys, style):
    setup_logs("warning", style)
    structlog.get_logger().info("too small")
    structlog.get_logger().warning("big enough")
    shown = capsys.readouterr().err
    assert "too small" not in shown
    assert "big enough" in shown


def test_a_second_setup_replaces_the_first(capsys):
    setup_logs("info")
    setup_logs("info")
    structlog.get_logger().info("once")
    assert capsys.readouterr().err.count("once") == 1


@pytest.mark.parametrize("style", ["text", "json"])
def test_the_token_is_taken_out_of_every_line(capsys, style):
    setup_logs("debug", style, secrets={"canary-8c2f": "[token]"})
    structlog.get_logger().info("sent", header="canary-8c2f")
    try:
        raise ValueError("refused canary-8c2f")
    except ValueError:
        logging.getLogger("x").exception("broken canary-8c2f")
    shown = capsys.readouterr().err
    assert "canary-8c2f" not in shown
    assert "[token]" in shown


def test_libraries_do_not_tell_every_request(capsys):
    setup_logs("debug")
    logging.getLogger("httpcore2.connection").info("connect_tcp.started")
    logging.getLogger("uvicorn.access").info("GET /")
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_short_lines_in_colours_unless_it_wants_none(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    setup_logs("info")
    structlog.get_logger().info("seen", board_id="1")
    shown = terminal.getvalue()
    assert "\x1b[" in shown
    assert str(datetime.now(UTC).year) not in shown
    monkeypatch.setenv("NO_COLOR", "1")
    setup_logs("info")
    structlog.get_logger().info("plain")
    assert "\x1b[" not in terminal.getvalue()[len(shown) :]


@pytest.mark.parametrize("style", ["auto", "text"])
def test_a_file_gets_plain_lines_with_date_and_zone(capsys, style):
    setup_logs("info", style)
    structlog.get_logger().info("kept")
    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b[" not in line
    assert datetime.fromisoformat(line.split()[0]).tzinfo == UTC


@pytest.mark.parametrize("style", ["console", "text"])
def test_data_neither_steers_a_terminal_nor_begins_a_line(capsys, style):
    setup_logs("info", style)
    structlog.get_logger().info("group \x1b[2J\nerror: forged", customer="\x1b[31m\r\nx")
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize("style", ["text", "json"])
def test_no_line_shows_a_password_of_a_database_however_it_is_written(capsys, tmp_path, style):
    word = "s%3Ccr%20et"
    url = f"postgresql://ann:{word}" + "@host/orders"
    environ = {
        "ORDER_SYNC_DATABASE__URL": url,
        "ORDER_SYNC_SOURCE__URL": f"mssql://bob@host/orders?Pwd={word}est",
    }
    settings = load_settings(config=None, env=None, environ=environ, cwd=tmp_path)
    setup_logs("info", style, secrets=settings.secrets())
    log = structlog.get_logger()
    log.info(f"connecting to {url}", options={"password": "s<cr et"}, args=["s<cr etest"])
    log.info("refused", raw=b"s%3Ccr+et", error=ValueError(url))
    logging.getLogger("driver").warning("login of %s failed", url)
    shown = capsys.readouterr().err
    assert shown.count("***") == 6
    for secret in ("s<cr", "s%3Ccr", "etest", r"s\u003ccr"):
        assert secret not in shown


# A real run --------------------------------------------------------------------------------------


def test_every_line_of_a_run_is_json_and_names_run_board_and_batch(run, board, load, monkeypatch):
    load(GOOD, OTHER)
    monkeypatch.setenv("ORDER_SYNC_LOG__FORMAT", "json")
    monkeypatch.setenv("ORDER_SYNC_LOG__LEVEL", "debug")
    ended = run("sync", "--output", "json")
    lines = lines_of(ended.err)
    assert TOKEN not in ended.err
    assert all(datetime.fromisoformat(line["timestamp"]).tzinfo == UTC for line in lines)

    assert (lines[0]["event"], lines[-1]["event"]) == ("run started", "run ended")
    assert {line["run_id"] for line in lines} == {ended.document["run_id"]}
    assert {line["board_id"] for line in lines} == {board.id}

    batch_ids = {batch["batch_id"] for batch in run("batches", "-o", "json").document["batches"]}
    for event in ("batch staged", "batch ended"):
        assert sorted(line["batch_id"] for line in lines if line["event"] == event) == sorted(
            batch_ids
        )
    answered = [line for line in lines if line["event"] == "request answered"]
    rows = [line for line in answered if line["kind"] in ("create_items", "create_subitems")]
    assert len(answered) == board.mutations()
    assert {line["batch_id"] for line in rows} == batch_ids
    assert {line["level"] for line in answered} == {"debug"}
    # What an order holds stands in no line, of whatever level.
    assert not [word for word in ("M01", "JOHNNIE O", "4755", "WHITE") if word in ended.err]


def test_the_level_of_the_settings_decides_what_a_run_logs(run, board, load, monkeypatch):
    load(GOOD)
    monkeypatch.setenv("ORDER_SYNC_LOG__FORMAT", "json")
    told = {line["level"] for line in lines_of(run("sync").err)}
    assert told == {"info"}
    monkeypatch.setenv("ORDER_SYNC_LOG__LEVEL", "warning")
    assert run("sync").err == ""


def test_a_lost_answer_is_a_warning_of_its_batch(run, board, load, monkeypatch):
    load(GOOD)
    monkeypatch.setenv("ORDER_SYNC_LOG__FORMAT", "json")
    monkeypatch.setenv("ORDER_SYNC_LOG__LEVEL", "warning")
    board.sandbox.add_fault("lose-answer-after-write", match="create_item")
    ended = run("sync", "--no-wait")
    assert ended.exit_code == 3
    (line,) = lines_of(ended.err)
    assert (line["level"], line["event"], line["rows"]) == ("warning", "answer lost", 1)
    (batch,) = run("batches", "-o", "json").document["batches"]
    assert line["batch_id"] == batch["batch_id"]


def test_an_error_is_a_line_of_json_too(run, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_LOG__FORMAT", "json")
    monkeypatch.setenv("ORDER_SYNC_LOGG__LEVEL", "x")
    *notes, error = lines_of(run("sync").err)
    assert [note["level"] for note in notes] == ["warning"]
    assert (error["level"], error["error_code"], error["exit_code"]) == ("error", "config", 2)
    assert error["event"] == "no board is set"
    assert error["hint"]


def test_a_mistake_in_the_settings_is_told_in_the_form_the_environment_asks_for(run, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_LOG__FORMAT", "json")
    monkeypatch.setenv("ORDER_SYNC_LOG__LEVEL", "loud")
    ended = run("status")
    (error,) = lines_of(ended.err)
    assert (ended.exit_code, ended.out) == (2, "")
    assert len(error["problems"]) == 1


def test_what_the_thread_of_the_database_tells_names_its_run(run, board, load, folder, monkeypatch):
    """A batch is left open, as by a kill: the next run closes it in a transaction."""
    load(GOOD)
    run("sync")
    with closing(sqlite3.connect(folder / "order-sync.db")) as db, db:
        db.execute("UPDATE MON_BatchProcessing SET status = 'PROMOTED', end_time = NULL")
    monkeypatch.setenv("ORDER_SYNC_LOG__FORMAT", "json")
    monkeypatch.setenv("ORDER_SYNC_LOG__LEVEL", "warning")
    ended = run("sync", "--output", "json")
    (line,) = lines_of(ended.err)
    assert (line["event"], line["batches"]) == ("an earlier run died", 1)
    assert (line["run_id"], line["board_id"]) == (ended.document["run_id"], board.id)
