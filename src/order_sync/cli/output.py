"""Text for people, one JSON document for programs; both on stdout, everything else on stderr."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

SCHEMA_VERSION = 1  # of every JSON document; grows when a name in one changes its meaning
_PIPE_WIDTH = 200  # columns of a table nobody's window bounds
_LONGEST_CELL = 80  # characters of a cell that does not wrap


@dataclass(frozen=True)
class Problem:
    """Why a command ended as it did."""

    code: str  # never renamed
    message: str  # what is wrong
    hint: str = ""  # what to do
    problems: tuple[str, ...] = ()  # every mistake, one line each, where several were found


@dataclass(frozen=True)
class Envelope:
    """What every document begins with; the fields of its command stand beside these."""

    schema_version: int  # grows when a field goes or means something else
    command: str  # as it is typed
    exit_code: int  # what the process ends with
    error: Problem | None  # null: the command came to its end


def console(stream: TextIO) -> Console:
    """A rich console on `stream` that goes quiet when its reader leaves."""
    from rich.console import Console

    class Quiet(Console):
        def on_broken_pipe(self) -> None:
            self.quiet = True
            leave_quietly(stream)

    bounded = stream.isatty() or "COLUMNS" in os.environ
    return Quiet(file=stream, width=None if bounded else _PIPE_WIDTH, highlight=False, emoji=False)


def leave_quietly(stream: TextIO) -> None:
    """The reader has gone: what follows goes nowhere, and the exit code stays the command's."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def write_json(document: Mapping[str, Any]) -> None:
    """Print the one JSON document of a command."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **document}, default=_plain, indent=2)
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        leave_quietly(sys.stdout)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def from_json_text(text: str | None) -> object:
    """The value of a JSON column; text that is no JSON stays as it is."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def safe(value: object) -> str:
    """`value` on one line and without control characters: data may not steer a terminal."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


@dataclass(frozen=True)
class Linked:
    """A text for people that leads to a page, where their terminal can follow links."""

    text: object
    url: str | None  # None: only the text


def linked(value: Linked) -> Text:
    """`value` for a line or a cell; without a terminal nothing but its text is printed."""
    from rich.style import Style
    from rich.text import Text

    # What is not printable would steer the terminal.
    leads = value.url is not None and value.url.isprintable()
    return Text(safe(value.text), style=Style(link=value.url) if leads else "")


def number(value: int | None) -> str:
    """A count for a table: thousands separated, nothing for none."""
    return f"{value:,}" if value else "" if value is None else "·"


def local_time(at: datetime | None) -> str:
    """A point in time on the clock of the person who reads it."""
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def utc(at: datetime | None) -> str:
    """A point in time as the tables, the logs and other people have it."""
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Iterable[str] = (),
    total: Sequence[object] | None = None,
    fold: str | None = None,
) -> Table:
    """A plain table; `right` names columns of numbers, `fold` the one that may wrap."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    numbers = set(right)
    for header in headers:
        made.add_column(
            Text(header),
            justify="right" if header in numbers else "left",
            no_wrap=header != fold,
            overflow="fold" if header == fold else "ellipsis",
        )
    for row in rows:
        cells = zip(headers, row, strict=True)
        made.add_row(*(_cell(value, whole=header == fold) for header, value in cells))
    if total is not None:
        made.add_section()
        made.add_row(*(_cell(value, whole=True) for value in total), style="bold")
    return made


def _cell(value: object, *, whole: bool) -> Text:
    from rich.text import Text

    if isinstance(value, Linked):
        return linked(value)
    if isinstance(value, int):
        return Text(number(value))
    text = safe(value)
    return Text(text if whole or len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…")
