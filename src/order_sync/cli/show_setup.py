"""How new settings, a load and an upgrade of the tables look."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from order_sync.cli.output import safe, table
from order_sync.cli.show_runs import counted
from order_sync.cli.show_state import line
from order_sync.db.schema import SCHEMA_VERSION
from order_sync.db.upgrade import SchemaState
from order_sync.loading import LoadMode, LoadReport

if TYPE_CHECKING:
    from rich.console import RenderableType


def init_parts(
    path: Path, profile: Path | None, commands: Sequence[str], *, has_board: bool
) -> Iterator[RenderableType]:
    """Where the settings are, what they still need, and the next three commands."""
    yield line(f"{safe(path)} is written.", style="bold")
    if profile is not None:
        yield line(f"{safe(profile)} is written: the shipped profile. Name your columns in it.")
    needed = "MONDAY_API_TOKEN" if has_board else "monday.board_id in it and MONDAY_API_TOKEN"
    yield line(f"Set {needed}, and source.table if your orders are in a table already. Then:")
    explained = ("is everything ready?", "unless your table is the source", "what a sync would do")
    width = max(map(len, commands))
    for command, why in zip(commands, explained, strict=True):
        yield line(f"  {safe(command):<{width}}  # {why}", style="cyan")


def profile_parts(path: Path, profile: Path, named: str) -> Iterator[RenderableType]:
    """Where a profile is, and how settings that were there already come to use it."""
    yield line(f"{safe(profile)} is written: the shipped profile. Name your columns in it.")
    yield line(f"{safe(path)} was there and stays as it is.", style="bold")
    yield line("Set in it, above the first line with a [:")
    yield line(f"  profile = {json.dumps(safe(named), ensure_ascii=False)}", style="cyan")


def load_parts(
    report: LoadReport, *, sizes: Sequence[str], ask_for_dates: bool
) -> Iterator[RenderableType]:
    """What went into the source table, and what in it is odd."""
    if report.unreadable:
        yield table(
            ["Column", "Unreadable cells, kept as text"],
            sorted(report.unreadable.items()),
            right=["Unreadable cells, kept as text"],
        )
        yield line("Numbers are read with a decimal point, dates as YYYY-MM-DD.")
    if report.decimal_commas:
        column, cell = next(iter(report.decimal_commas.items()))
        names = ", ".join(safe(name) for name in report.decimal_commas)
        yield line(
            f"Decimal commas, it seems, in {names}: {safe(cell)} in {safe(column)} is not guessed"
            " at, and a cell such as 1,234 is read as 1234.",
            style="yellow",
        )
        yield line("  do: write numbers with a point (12.50) and load again", style="cyan")
    if ask_for_dates:
        yield line("Dates such as 03/02/2026? Load again with --dates day-first or month-first.")
    if report.absent:
        absent_sizes = len(set(sizes).intersection(report.absent))
        columns = counted(len(report.absent) - absent_sizes, "column")
        yield line(
            f"{columns} and {counted(absent_sizes, 'size')} of the profile not in the file:"
            " left empty."
        )
    if report.further:
        names = ", ".join(safe(name) for name in report.further)
        yield line(f"Not in the profile, so never sent: {names}.", style="yellow")
    added = "added to" if report.mode is LoadMode.APPEND else "loaded into"
    replaced = f", {report.replaced:,} replaced" if report.replaced else ""
    yield line(
        f"{counted(report.rows, 'row')} {added} {safe(report.table)}{replaced}.", style="bold"
    )
    yield line("next: order-sync plan", style="cyan")


def upgrade_parts(found: SchemaState, url: str) -> Iterator[RenderableType]:
    """What an upgrade changed."""
    if found.version is not None and found.version < SCHEMA_VERSION:
        yield line(f"version  {found.version} is now {SCHEMA_VERSION}")
    for name in found.missing_tables:
        yield line(f"created  {name}")
    for name, column in found.missing_columns:
        yield line(f"added    {name}.{column}")
    what = "The tables were up to date already" if found.is_current else "The tables are up to date"
    yield line(f"{what}: {url}", style="bold")
