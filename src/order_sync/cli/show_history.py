"""How runs and batches look, in lists and one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from order_sync.cli.output import local_time, safe, table
from order_sync.cli.show_runs import counted, line
from order_sync.cli.show_state import batch_parts
from order_sync.db.reports import BatchSummary, RunSummary
from order_sync.errors import EXIT_MEANINGS, ExitCode
from order_sync.run_story import BANDS, RunStory

if TYPE_CHECKING:
    from rich.console import RenderableType

    from order_sync.cli.documents import StagedRows

_SHORT = 8  # characters of an id that is enough to ask for it


def run_list_parts(runs: Sequence[RunSummary]) -> Iterator[RenderableType]:
    """Runs, newest first, each with how it ended."""
    if not runs:
        yield line("No such run. next: order-sync plan", style="bold")
        return
    numbers = ["Seconds", "Created", "Changed", "Refused", "In doubt", "Calls"]
    yield table(
        ["Run", "Started", "Command", *numbers, "Ended with"],
        (
            [
                run.run_id[:_SHORT],
                local_time(run.started_at),
                run.command,
                _seconds(run),
                run.orders_created,
                run.orders_updated,
                run.rows_refused,
                run.rows_in_doubt,
                run.api_calls,
                ending(run.exit_code),
            ]
            for run in runs
        ),
        right=numbers,
        fold="Ended with",
    )
    yield line(f"next: order-sync runs show {runs[0].run_id[:_SHORT]}", style="cyan")


def _seconds(run: RunSummary) -> str:
    return "" if run.ended_at is None else f"{(run.ended_at - run.started_at).total_seconds():.1f}"


def ending(exit_code: int | None) -> str:
    """An exit code with what it means; a run at work has none."""
    if exit_code is None:
        return "at work, or killed"
    known = exit_code in set(ExitCode)
    return f"{exit_code} {EXIT_MEANINGS[ExitCode(exit_code)]}" if known else str(exit_code)


def run_parts(story: RunStory) -> Iterator[RenderableType]:
    """One run: what it was asked, what became of its rows, its calls and batches."""
    row = story.row
    yield line(f"{row['command']}, {ending(row['exit_code'])}", style="bold")
    asked = " ".join(
        f"--{name.replace('_', '-')} {value}" for name, value in row["filters"].items() if value
    )
    for name, value in (
        ("run", row["run_id"]),
        ("started", f"{local_time(row['started_at'])}, {story.seconds:.1f} s"),
        ("board", f"{row['board_name'] or ''} {row['board_id']}".strip()),
        ("asked for", asked or "the whole source"),
        ("profile", row["profile"]),
        ("process", f"{row['pid']} on {row['host']}, version {row['version']}"),
        ("stopped", row["error_message"]),
    ):
        if value:
            yield line(f"  {name:<10} {safe(value)}")
    yield _found(story)
    if story.customers:
        yield _customers(story)
    if story.kinds:
        yield _calls(story)
    if story.batches:
        yield from batch_parts(story.batches)
    if row["rows_refused"]:
        refused = counted(row["rows_refused"], "row")
        yield line(f"{refused} refused; next: order-sync errors list", style="cyan")


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


def one_batch_parts(batch: BatchSummary, rows: Sequence[StagedRows]) -> Iterator[RenderableType]:
    """One batch: its milestones, and its rows by operation and state."""
    yield from batch_parts([batch])
    yield line(f"  batch {batch.batch_id}, of run {batch.run_id}")
    if batch.error_summary:
        yield line(f"  {safe(batch.error_summary)}", style="yellow")
    if rows:
        yield table(
            ["Rows of", "Operation", "State", "Rows"],
            ([row.unit.value, row.operation, row.state, row.rows] for row in rows),
            right=["Rows"],
        )
    yield line(f"next: order-sync runs show {batch.run_id[:_SHORT]}", style="cyan")
