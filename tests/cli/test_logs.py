"""Logs go to stderr, in one form, and never show the token."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from order_sync.logs import setup_logs


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
    setup_logs("debug", style, secret="canary-8c2f")
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
