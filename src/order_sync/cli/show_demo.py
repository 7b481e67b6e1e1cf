"""How the demo looks."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from order_sync.cli.output import table
from order_sync.cli.show_runs import counted, refused_parts
from order_sync.cli.show_state import line
from order_sync.demo import SHOWN_GROUP, BoardCount, DemoReport, World
from order_sync.loading import LoadReport
from order_sync.outcome import Plan, RunReport

if TYPE_CHECKING:
    from rich.console import RenderableType

# Tables worth a look, what they show, and a query to begin with.
_LOOKS = (
    (
        "MON_CustMasterSchedule, ..._Subitems",
        "what the board holds",
        'SELECT "Title", "Group", "Item ID" FROM MON_CustMasterSchedule',
    ),
    (
        "ERR_MON_CustMasterSchedule",
        "what was refused, and what to do",
        "SELECT error_type, error_message FROM ERR_MON_CustMasterSchedule",
    ),
    (
        "MON_BatchProcessing",
        "batches per customer",
        "SELECT customer_name, status FROM MON_BatchProcessing",
    ),
    (
        "MON_OrderEvents",
        "the story of each order",
        "SELECT order_key, event, at FROM MON_OrderEvents",
    ),
)


@dataclass(frozen=True)
class DemoDocument:
    """What the demo did."""

    ok: bool  # everything is as the sample says
    differences: tuple[str, ...]
    on_board: BoardCount
    loaded: LoadReport
    plan: Plan
    first: RunReport
    second: RunReport
    repeated_mutations: int  # of the second sync
    folder: str  # holds settings and tables until the demo ends
    board_url: str


def demo_parts(report: DemoReport, world: World, *, kept: bool) -> Iterator[RenderableType]:
    """What happened, on the board and beside it."""
    yield line("Sample orders to a board of the stand-in for monday.com", style="bold")
    yield _groups(report)
    yield from refused_parts(report.first.refused)
    yield table(
        ["", "Orders", "Size lines", "Groups", "Writing calls", "All calls", "Seconds"],
        (
            [name, run.orders_created, run.size_lines_created, run.groups_created,
             run.write_calls, run.read_calls + run.write_calls, f"{run.seconds:.1f}"]
            for name, run in (("first sync", report.first), ("second sync", report.second))
        ),
        right=["Orders", "Size lines", "Groups", "Writing calls", "All calls", "Seconds"],
    )  # fmt: skip
    orders, lines = report.on_board.groups.get(SHOWN_GROUP, (0, 0))
    yield line(f"{SHOWN_GROUP}: {orders} orders, {lines} subitems on the board.", style="bold")
    planned = counted(report.plan.orders_to_send, "order")
    yield line(
        f"{counted(report.loaded.rows, 'row')} loaded, {planned} planned,"
        f" {report.on_board.orders:,} on the board, {len(report.first.refused):,}"
        f" refused; the second sync sent {report.repeated} mutations."
    )
    if report.ok:
        yield line("Everything is as the sample says.", style="bold green")
    for difference in report.differences:
        yield line(f"differs: {difference}", style="bold red")
    yield from _where(world, kept=kept)


def _groups(report: DemoReport) -> RenderableType:
    rows = sorted(report.on_board.groups.items())
    return table(
        ["Group on the board", "Orders", "Size lines"],
        ([title, *counts] for title, counts in rows),
        right=["Orders", "Size lines"],
        total=["Total", report.on_board.orders, report.on_board.size_lines],
    )


def _where(world: World, *, kept: bool) -> Iterator[RenderableType]:
    """Where to look: the tables and the board's page."""
    from rich.text import Text

    yield line("")
    yield table(["Tables to look into", "What they show"], (look[:2] for look in _LOOKS))
    if not kept:
        yield line(
            f"The board's page was {world.board_url}; it and the tables are gone."
            " To keep them open: order-sync demo --keep",
            style="cyan",
        )
        return
    yield line(f"The board: {world.board_url}", style="cyan")
    yield line(f"Any command: order-sync status --config {world.settings.config_file}")
    for _, what, query in _LOOKS:
        yield Text(f"sqlite3 {world.database} '{query} LIMIT 10'  # {what}", no_wrap=True)
    yield line("Ctrl-C ends the sandbox and removes the folder.", style="bold")
