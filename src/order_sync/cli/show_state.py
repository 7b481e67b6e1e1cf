"""How checks, the state of the tables and refused orders look."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from order_sync.checks import CheckRow, Verdict
from order_sync.cli.output import from_json_text, local_time, safe, table
from order_sync.cli.show_runs import counted
from order_sync.db.reports import (
    BatchSummary,
    ErrorDetail,
    ErrorSummary,
    OnBoard,
    OpenErrors,
    RunSummary,
    StagedCount,
    in_doubt,
)
from order_sync.db.staging import Unit

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
    numbers = ["Orders", "Size lines", "Refused", "Calls", "Exit"]
    return table(
        ["Last runs", *board, "Command", "Status", *numbers],
        (
            [
                local_time(run.started_at),
                *([run.board_name or run.board_id] if several else []),
                run.command,
                run.status,
                run.orders_created,
                run.subitems_created,
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


def error_list_parts(errors: Sequence[ErrorSummary]) -> Iterator[RenderableType]:
    """Refused rows, each with what is wrong and what to do."""
    from rich.padding import Padding
    from rich.text import Text

    if not errors:
        yield line("No refused orders.", style="bold green")
        return
    for error in errors:
        closed = f" ({error.resolution})" if error.resolved_at else ""
        yield Text.assemble((safe(_order(error)), "bold"), f"  {error.code}{closed}", no_wrap=True)
        yield Padding(Text(safe(error.message)), (0, 0, 0, 4))
    yield line(
        f"{counted(len(errors), 'refused row')}. next: order-sync errors show KEY", style="cyan"
    )


def _order(error: ErrorSummary) -> str:
    size = f" / {error.size_key}" if error.size_key else ""
    return (error.order_key or "(no key)") + size


def error_parts(key: str, errors: Sequence[ErrorDetail]) -> Iterator[RenderableType]:
    """Everything that is known of one order's refusals."""
    if not errors:
        yield line(f"No errors of {safe(key)}.", style="bold green")
    for error in errors:
        s = error.summary
        yield line(f"{s.code}: {_order(s)}", style="bold")
        yield line(f"  {safe(s.message)}")
        for name, value in _facts(error):
            yield line(f"  {name:<12} {safe(value)}")
        yield from _json_lines("payload", error.payload)
        yield from _json_lines("source row", error.original)


def _facts(error: ErrorDetail) -> Iterator[tuple[str, object]]:
    s = error.summary
    closed = f"{local_time(s.resolved_at)} by {s.resolved_by} ({s.resolution})"
    facts = (
        ("customer", s.customer),
        ("field", s.field),
        ("value", s.value),
        ("item", error.item_name),
        ("group", error.group_name),
        ("HTTP status", error.http_status),
        ("refused at", local_time(s.created_at)),
        ("tried again", f"{s.retry_count} times" if s.retry_count else ""),
        ("next try", local_time(s.next_try_at)),
        ("closed", closed if s.resolved_at else ""),
        ("request", error.request_id),
    )
    return ((name, value) for name, value in facts if value not in (None, ""))


def _json_lines(title: str, text: str | None) -> Iterator[RenderableType]:
    content = from_json_text(text)
    if content is None:
        return
    yield line(f"  {title}")
    if not isinstance(content, dict):
        yield line(f"    {safe(content)}")
        return
    for name, value in content.items():
        if value not in (None, "", {}, []):
            yield line(f"    {safe(name)}: {safe(value)}")
