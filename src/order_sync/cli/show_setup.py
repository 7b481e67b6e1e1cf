"""How a load and an upgrade of the tables look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from order_sync.cli.output import safe, table
from order_sync.cli.show_runs import counted
from order_sync.cli.show_state import line
from order_sync.db.upgrade import SchemaState
from order_sync.loading import LoadMode, LoadReport

if TYPE_CHECKING:
    from rich.console import RenderableType


def load_parts(report: LoadReport) -> Iterator[RenderableType]:
    """What went into the source table, and what in it is odd."""
    if report.unreadable:
        yield table(
            ["Column", "Unreadable cells, kept as text"],
            sorted(report.unreadable.items()),
            right=["Unreadable cells, kept as text"],
        )
    if report.absent:
        yield line(
            f"{counted(len(report.absent), 'column')} of the profile not in the file: left empty."
        )
    added = "added to" if report.mode is LoadMode.APPEND else "loaded into"
    replaced = f", {report.replaced:,} replaced" if report.replaced else ""
    yield line(
        f"{counted(report.rows, 'row')} {added} {safe(report.table)}{replaced}.", style="bold"
    )
    yield line("next: order-sync plan", style="cyan")


def upgrade_parts(found: SchemaState, url: str) -> Iterator[RenderableType]:
    """What an upgrade changed."""
    for name in found.missing_tables:
        yield line(f"created  {name}")
    for name, column in found.missing_columns:
        yield line(f"added    {name}.{column}")
    what = "The tables were up to date already" if found.is_current else "The tables are up to date"
    yield line(f"{what}: {url}", style="bold")
