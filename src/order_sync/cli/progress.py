"""How far a run has come: a bar on a terminal, a line now and then elsewhere. Always on stderr."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TextIO

from order_sync.cli.output import console, leave_quietly, safe
from order_sync.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from structlog.stdlib import BoundLogger

LINE_EVERY_S = 10.0


@contextmanager
def watched(stream: TextIO | None = None, *, logged: bool = False) -> Iterator[Progress]:
    """Progress of one run, on stderr unless another stream is given.

    Args:
        logged: as lines of the log, which programs read.
    """
    out = sys.stderr if stream is None else stream
    if logged:
        yield LogProgress(out)
        return
    if not out.isatty():
        yield LineProgress(out)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console(out), transient=True) as bar:
        yield BarProgress(bar)


def _log() -> BoundLogger:
    import structlog

    logger: BoundLogger = structlog.get_logger()
    return logger


def _until(seconds: float) -> str:
    return (datetime.now().astimezone() + timedelta(seconds=seconds)).strftime("%H:%M:%S")


def _doubts(requests: int, seconds: float) -> str:
    answers = "1 request" if requests == 1 else f"{requests} requests"
    return f"{answers} without a certain answer, looked up at {_until(seconds)}"


class BarProgress:
    """A progress bar whose text is the step."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._step = "starting"
        self._task = bar.add_task(self._step, total=None)

    def step(self, text: str) -> None:
        self._step = safe(text)
        self._bar.update(self._task, description=self._step)

    def total(self, rows: int) -> None:
        self._bar.update(self._task, total=rows)

    def done(self, rows: int) -> None:
        self._bar.update(self._task, advance=rows, description=self._step)

    def waiting(self, reason: str, seconds: float) -> None:
        text = f"waiting until {_until(seconds)} because {safe(reason)}"
        self._bar.update(self._task, description=text)

    def in_doubt(self, requests: int, seconds: float) -> None:
        text = f"{self._step}; {_doubts(requests, seconds)}"
        self._bar.update(self._task, description=text)

    def leave(self) -> None:
        self._bar.stop()


class LineProgress:
    """Lines for log files: one for each step, and counts at most every ten seconds."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._total = 0
        self._done = 0
        self._told_at = clock()
        self._waiting_for = ""
        self._doubts = 0

    def step(self, text: str) -> None:
        self._tell(safe(text))

    def total(self, rows: int) -> None:
        self._total = rows

    def done(self, rows: int) -> None:
        self._done += rows
        self._waiting_for = ""
        if self._clock() - self._told_at >= LINE_EVERY_S:
            self._tell(f"{self._done:,} of {self._total:,} rows")

    def waiting(self, reason: str, seconds: float) -> None:
        if reason == self._waiting_for and self._clock() - self._told_at < LINE_EVERY_S:
            return
        self._waiting_for = reason
        self._tell(f"waiting until {_until(seconds)} because {safe(reason)}")

    def in_doubt(self, requests: int, seconds: float) -> None:
        if requests != self._doubts or self._clock() - self._told_at >= LINE_EVERY_S:
            self._doubts = requests
            self._tell(_doubts(requests, seconds))

    def leave(self) -> None:
        """Lines are whole already."""

    def _tell(self, text: str) -> None:
        self._told_at = self._clock()
        try:
            print(text, file=self._out, flush=True)
        except BrokenPipeError:
            leave_quietly(self._out)


class LogProgress(LineProgress):
    """The same as lines of the log."""

    def _tell(self, text: str) -> None:
        self._told_at = self._clock()
        _log().info("progress", text=text, rows_done=self._done, rows=self._total)
