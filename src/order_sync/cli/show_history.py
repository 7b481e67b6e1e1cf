"""How runs and batches look, in lists and one by one."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from order_sync.cli.output import Linked, linked, local_time, safe, table
from order_sync.cli.show_runs import counted, line
from order_sync.cli.show_state import batch_parts
from order_sync.db.reports import RunSummary
from order_sync.db.staging import Unit
from order_sync.errors import EXIT_MEANINGS, ExitCode
from order_sync.rules.states import RunState
from order_sync.run_story import BANDS, RunStory

if TYPE_CHECKING:
    from rich.console import RenderableType

    from order_sync.cli.documents import (
        BatchDocument,
        RefusedWith,
        RunDocument,
        RunsDocument,
        WarnedOf,
    )

_SHORT = 8  # characters of an id that is enough to ask for it


def run_list_parts(listed: RunsDocument, now: datetime) -> Iterator[RenderableType]:
    """Runs, newest first, each with how it ended."""
    if not listed.runs:
        yield line("No such run. next: order-sync plan", style="bold")
        return
    numbers = ["Seconds", "Created", "Changed", "Refused", "In doubt", "Calls"]
    yield table(
        ["Run", "Started", "Command", "Host", *numbers, "Ended with"],
        (
            [
                run.run_id[:_SHORT],
                local_time(run.started_at),
                run.command,
                run.host,
                _seconds(run),
                run.orders_created,
                run.orders_updated,
                run.rows_refused,
                run.rows_in_doubt,
                run.api_calls,
                ending(run.status, run.exit_code, listed.last_calls.get(run.run_id), now),
            ]
            for run in listed.runs
        ),
        right=numbers,
        fold="Ended with",
    )
    yield line(f"next: order-sync runs show {listed.runs[0].run_id[:_SHORT]}", style="cyan")


def _seconds(run: RunSummary) -> str:
    return "" if run.ended_at is None else f"{(run.ended_at - run.started_at).total_seconds():.1f}"


def ending(status: str, exit_code: int | None, last_call: datetime | None, now: datetime) -> str:
    """How a run ended: its exit code with what that means, or how it came to have none.

    Nobody tells a run that works from one that was killed before the next run of its board begins:
    the last call is the last sign of life.
    """
    if status == RunState.DIED:
        return "killed: a later run found it dead"
    if exit_code is None:
        sign = "no call yet" if last_call is None else f"last call {_ago(now - last_call)} ago"
        return f"at work ({sign}), or killed"
    known = exit_code in set(ExitCode)
    return f"{exit_code} {EXIT_MEANINGS[ExitCode(exit_code)]}" if known else str(exit_code)


def _ago(span: timedelta) -> str:
    seconds = max(0, round(span.total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def run_parts(story: RunStory, document: RunDocument, profile: str) -> Iterator[RenderableType]:
    """One run: what it was asked, what became of its rows, its calls and batches.

    Args:
        profile: the name of the reader's.
    """
    row = story.row
    ended = ending(row["status"], row["exit_code"], story.last_call_at, story.now)
    yield line(f"{row['command']}, {ended}", style="bold")
    for name, value in _facts(story):
        if value:
            yield line(f"  {name:<10} {safe(value)}")
    yield from _board(row["board_name"], row["board_id"], document.board_url)
    yield _found(story)
    if not document.is_of_this_profile:
        yield _of_another(row["profile"], profile)
    if story.customers:
        yield _customers(story)
    if story.kinds:
        yield _calls(story)
    if story.batches:
        yield from batch_parts(story.batches)
    yield from _codes(document.refusals, document.warnings)
    if row["rows_refused"]:
        refused = counted(row["rows_refused"], "row")
        yield line(f"{refused} refused; next: order-sync errors list", style="cyan")


def _facts(story: RunStory) -> Iterator[tuple[str, str | None]]:
    row = story.row
    asked = " ".join(
        f"--{name.replace('_', '-')} {value}" for name, value in row["filters"].items() if value
    )
    yield "run", row["run_id"]
    yield "started", f"{local_time(row['started_at'])}, {story.seconds:.1f} s"
    yield "asked for", asked or "the whole source"
    yield "profile", row["profile"]
    yield "process", f"{row['pid']} on {row['host']}, version {row['version']}"
    waits = row["waits"]
    yield "waited", f"{counted(waits, 'time')} for a limit of monday.com" if waits else None
    yield "stopped", row["error_message"]


def _board(name: str | None, board_id: str, url: str | None) -> Iterator[RenderableType]:
    from rich.text import Text

    shown = linked(Linked(f"{name or ''} {board_id}".strip(), url))
    yield Text.assemble(f"  {'board':<10} ", shown)


def _of_another(theirs: str, ours: str) -> RenderableType:
    return line(
        f"It worked with the profile {safe(theirs)}, so its rows stand in other tables than those"
        f" of {safe(ours)}. do: set `profile` to see them",
        style="yellow",
    )


def _codes(
    refusals: Sequence[RefusedWith], warnings: Sequence[WarnedOf]
) -> Iterator[RenderableType]:
    if refusals:
        yield table(
            ["Refused", "Rows", "Still open", "What to do"],
            ([one.code, one.rows, one.open, one.to_do] for one in refusals),
            right=["Rows", "Still open"],
            fold="What to do",
        )
    if warnings:
        yield table(
            ["Warning", "Times", "What it means"],
            ([one.code, one.times, one.meaning] for one in warnings),
            right=["Times"],
            fold="What it means",
        )


def _found(story: RunStory) -> RenderableType:
    row = story.row
    headings = ["New", "Changed", "Cancelled", "Left the source", "Unchanged", "In doubt"]
    return table(
        ["Found", *headings],
        [["order lines", row["orders_new"], row["orders_changed"], row["orders_cancelled"],
          row["orders_deleted"], row["orders_unchanged"], row["rows_in_doubt"]]],
        right=headings,
    )  # fmt: skip


def _customers(story: RunStory) -> RenderableType:
    headings = ["Order lines done", "Size lines done", *(b.capitalize() for b in BANDS[1:])]
    return table(
        ["Customer", *headings],
        (
            [
                one.customer, one.order_lines["done"], one.size_lines["done"],
                *(one.order_lines[band] + one.size_lines[band] for band in BANDS[1:]),
            ]
            for one in story.customers
        ),
        right=headings,
    )  # fmt: skip


def _calls(story: RunStory) -> RenderableType:
    headings = ["Count", "Rows", "Repeated", "Refused or lost", "Points", "Seconds"]
    return table(
        ["Calls", *headings],
        (
            [k.kind, k.calls, k.rows, k.repeats, k.refused, k.points, f"{k.seconds:.1f}"]
            for k in story.kinds
        ),
        right=headings,
    )


def one_batch_parts(document: BatchDocument, profile: str) -> Iterator[RenderableType]:
    """One batch: its milestones, its rows by operation and state, its first order lines.

    Args:
        profile: the name of the reader's.
    """
    batch = document.batch
    yield from batch_parts([batch])
    yield line(f"  {'batch':<10} {batch.batch_id}, of run {batch.run_id}")
    yield from _board(None, batch.board_id, document.board_url)
    if batch.error_summary:
        yield line(f"  {safe(batch.error_summary)}", style="yellow")
    if not document.is_of_this_profile:
        yield _of_another(document.profile, profile)
    if document.rows:
        yield table(
            ["Rows of", "Operation", "State", "Rows"],
            ([row.unit.value, row.operation, row.state, row.rows] for row in document.rows),
            right=["Rows"],
        )
    if document.items:
        yield from _items(document)
    yield from _codes(document.refusals, document.warnings)
    yield line(f"next: order-sync runs show {batch.run_id[:_SHORT]}", style="cyan")


def _items(document: BatchDocument) -> Iterator[RenderableType]:
    yield table(
        ["Order line", "Operation", "State", "Item"],
        (
            [item.order_key, item.operation, item.state, Linked(item.item_id, item.url)]
            for item in document.items
        ),
    )
    there = sum(row.rows for row in document.rows if row.unit is Unit.ITEM)
    more = there - len(document.items)
    if more:
        yield line(f"… and {more:,} more; add --limit {there} to see all")
