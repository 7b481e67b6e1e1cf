"""What adopt has learned, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from order_sync.cli.output import Linked, safe, table
from order_sync.cli.show_runs import counted, line, names

if TYPE_CHECKING:
    from rich.console import RenderableType

    from order_sync.adoption import AdoptReport, BoardRow

_FEW = 20  # rows shown of a longer list


def adopt_parts(report: AdoptReport) -> Iterator[RenderableType]:
    """What a person reads after an adoption."""
    name = safe(report.board_name) or "the board"
    yield line(f"{name} ({report.board_id}), run {report.run_id[:8]}", style="bold")
    known = report.adopted + report.refreshed
    rows = (
        ("items read", report.items_read),
        ("order lines learned for the first time", report.adopted),
        ("order lines known before, read again", report.refreshed),
        ("of both: as the source wants them", report.as_wanted),
        ("of both: they differ from the source", known - report.as_wanted),
        ("size lines", report.size_lines),
        ("size lines that differ from the source", report.size_lines_differing),
        ("items of no order of the source", len(report.unmatched)),
        ("items that stand twice", len(report.twice)),
        ("order lines known, and not on the board", len(report.missing)),
        ("order lines in doubt, left alone", report.in_doubt),
        ("order lines the board lacks", report.to_create),
        ("source rows that are refused", report.refused),
        ("keys written to the board", report.keys_written),
    )
    yield table(["Learned", "Rows"], ([what, rows_] for what, rows_ in rows), right=["Rows"])
    if report.differing:
        columns = [f"{title} ({count:,})" for title, count in report.differing.items()]
        yield line(f"Differs in: {names(columns)}")
    yield from _listed("Cannot be told apart: a person decides", report.twice)
    yield from _listed("Known, and not on the board", report.missing)
    yield from _listed("No order of the source: left to people", report.unmatched)
    if report.message:
        yield line(f"stopped: {safe(report.message)}", style="bold red")
        yield line(f"  do: {safe(report.hint)}", style="cyan")
    calls = counted(report.calls, "call")
    yield line(f"Done in {report.seconds:.1f} s with {calls}.", style="bold")
    yield line("next: order-sync plan --diff", style="cyan")


def _listed(heading: str, rows: Sequence[BoardRow]) -> Iterator[RenderableType]:
    if not rows:
        return
    yield table(
        ["Item", "Name", "Order key", heading],
        ([Linked(r.item_id, r.url), r.name, r.order_key, r.why] for r in rows[:_FEW]),
        fold="Name",
    )
    if len(rows) > _FEW:
        yield line(f"… and {len(rows) - _FEW:,} more (all of them: --output json)")
