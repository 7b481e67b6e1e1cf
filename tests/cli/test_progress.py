"""Progress is for people: short lines in log files, a bar on terminals, never on stdout."""

from __future__ import annotations

import io
import re

import pytest

from order_sync.cli.progress import BarProgress, LineProgress, watched


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def progress(out, clock):
    return LineProgress(out, clock)


def test_each_step_is_a_line(progress, out):
    progress.step("reading the board")
    progress.step("sending")
    assert out.getvalue() == "reading the board\nsending\n"


def test_counts_are_told_at_most_every_ten_seconds(progress, out, clock):
    progress.total(2_000)
    for second in range(25):
        clock.now = float(second)
        progress.done(50)
    assert out.getvalue() == "550 of 2,000 rows\n1,050 of 2,000 rows\n"


def test_a_wait_is_told_once_with_its_end_and_reason(progress, out):
    for _ in range(5):
        progress.waiting("the minute's calls are used up", 20)
    assert re.fullmatch(
        r"waiting until \d\d:\d\d:\d\d because the minute's calls are used up\n", out.getvalue()
    )


def test_a_long_wait_is_told_again(progress, out, clock):
    progress.waiting("settling", 60)
    clock.now = 10.0
    progress.waiting("settling", 50)
    assert out.getvalue().count("waiting until") == 2


def test_data_in_a_step_cannot_steer_the_terminal(progress, out):
    progress.step("group \x1b[2J\x07evil\nline")
    assert out.getvalue() == "group  [2J evil line\n"


def test_a_stream_that_is_no_terminal_gets_lines(out):
    with watched(out) as progress:
        assert isinstance(progress, LineProgress)


def test_a_terminal_gets_a_bar_that_follows_the_run(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    with watched(terminal) as progress:
        assert isinstance(progress, BarProgress)
        progress.step("sending [bold]")
        progress.total(10)
        progress.done(4)
        progress.waiting("of a limit", 5)
    shown = terminal.getvalue()
    assert "4/10" in shown
    assert "because of a limit" in shown
