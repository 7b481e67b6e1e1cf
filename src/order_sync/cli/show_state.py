"""How checks and the state of the tables look."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from order_sync.cli.output import local_time, safe, table
from order_sync.cli.show_runs import counted
from order_sync.db.reports import (
    BatchSummary,
    OnBoard,
    OpenErrors,
    RunSummary,
    StagedCount,
    in_doubt,
)
from order_sync.db.staging import Unit
from order_sync.outcome import CheckRow, Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

_MARKS = {
    Verdict.OK: ("ok", "green"),
    Verdict.WARN: ("note", "yellow"),
    Verdict.FAIL: ("FAIL", "bold red"),
}
_UNITS = {Unit.ITEM: "order line", Unit.SUBITEM: "size line"}


def line(text: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(text, style=style)


def check_parts(rows: Sequence[CheckRow]) -> Iterator[RenderableType]:
    """One line for each check, with what is wrong and what to do below it."""
    from rich.text import Text

    for row in rows:
        mark, style = _MARKS[row.verdict]
        yield Text.assemble((f"{mark:<5}", style), (f"{row.name:<9} ", "bold"), safe(row.what))
        for problem in row.problems:
            yield line(f"                 - {safe(problem)}")
        if row.to_do:
            yield line(f"           do: {safe(row.to_do)}", style="cyan")
    failed = sum(row.verdict is Verdict.FAIL for row in rows)
    if failed:
        yield line(f"{counted(failed, 'check')} failed: a sync would stop.", style="bold red")
    else:
        yield line("Ready. next: order-sync plan", style="bold green")


def status_parts(
    runs: Sequence[RunSummary],
    on_board: Sequence[OnBoard],
    staged: Sequence[StagedCount],
    errors: Sequence[OpenErrors],
) -> Iterator[RenderableType]:
    """Last runs, what the board holds, what is in hand, what was refused."""
    if not runs:
        yield line("No run yet. next: order-sync plan", style="bold")
    else:
        yield _runs(runs)
    if on_board:
        yield _on_board(on_board)
    if staged:
        yield table(
            ["In staging", "State", "Rows"],
            ([_UNITS[c.unit], c.state, c.rows] for c in staged),
            right=["Rows"],
        )
    if errors:
        yield table(
            ["Open errors", "Of", "Rows", "Customers"],
            ([e.code, _UNITS[e.unit], e.rows, e.customers] for e in errors),
            right=["Rows", "Customers"],
        )
        yield line("next: order-sync errors list", style="cyan")
    doubtful = in_doubt(staged)
    if doubtful:
        yield line(
            f"{counted(doubtful, 'row')} in doubt: monday.com's answer was lost; the next run"
            " looks them up before it sends anything of theirs again.",
            style="yellow",
        )


def _runs(runs: Sequence[RunSummary]) -> RenderableType:
    several = len({run.board_id for run in runs}) > 1
    board = ["Board"] if several else []
    numbers = ["New", "Updated", "Archived", "Size lines", "Refused", "Calls", "Exit"]
    return table(
        ["Last runs", *board, "Command", "Status", *numbers],
        (
            [
                local_time(run.started_at),
                *([run.board_name or run.board_id] if several else []),
                run.command,
                run.status,
                run.orders_created,
                run.orders_updated,
                run.orders_archived,
                (run.subitems_created or 0) + (run.subitems_updated or 0),
                run.rows_refused,
                run.api_calls,
                "" if run.exit_code is None else str(run.exit_code),
            ]
            for run in runs
        ),
        right=numbers,
    )


def _on_board(rows: Sequence[OnBoard]) -> RenderableType:
    several = len({row.board_id for row in rows}) > 1
    board = ["Board"] if several else []
    totals = [sum(row.orders for row in rows), sum(row.size_lines for row in rows)]
    return table(
        [*board, "On the board", "Orders", "Size lines"],
        (
            [*([row.board_id] if several else []), row.customer, row.orders, row.size_lines]
            for row in rows
        ),
        right=["Orders", "Size lines"],
        total=[*([""] if several else []), "Total", *totals] if len(rows) > 1 else None,
    )


def batch_parts(batches: Sequence[BatchSummary]) -> Iterator[RenderableType]:
    """Batches with their milestones, newest first."""
    if not batches:
        yield line("No batch yet.", style="bold")
        return
    yield table(
        ["Started", "Customer", "Status", "Orders", "Size lines", " · ".join(_MILESTONES)],
        (
            [
                local_time(b.start_time),
                b.customer_name,
                b.status,
                f"{b.orders_processed}/{b.orders_total}",
                f"{b.subitems_processed}/{b.subitems_total}",
                _milestones(b),
            ]
            for b in batches
        ),
        right=["Orders", "Size lines"],
        fold=" · ".join(_MILESTONES),
    )


_MILESTONES = ("staged", "items", "subitems", "promoted", "ended")


def _milestones(batch: BatchSummary) -> str:
    """How many seconds after its start a batch came to each milestone."""
    places = (
        batch.staging_load_completed,
        batch.items_creation_completed,
        batch.subitems_creation_completed,
        batch.promotion_completed,
        batch.end_time,
    )
    seconds = [f"{(at - batch.start_time).total_seconds():.1f}" if at else "–" for at in places]
    return " · ".join(seconds) + " s"
