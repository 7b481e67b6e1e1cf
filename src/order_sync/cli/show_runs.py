"""How a run's report looks."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from order_sync.cli.output import safe, table
from order_sync.errors import ExitCode
from order_sync.outcome import RefusedOrder, ReportedChange, RunReport

if TYPE_CHECKING:
    from rich.console import RenderableType

_FEW = 10  # names shown of a longer list


def report_parts(report: RunReport) -> Iterator[RenderableType]:
    """What a person reads after a run."""
    name = safe(report.board_name) or "the board"
    yield line(f"{name} ({report.board_id}), run {report.run_id[:8]}", style="bold")
    if report.customers:
        yield _units(report)
    yield from refused_parts(report.refused)
    yield from reported_parts(report.reported)
    yield from (line(f"note: {safe(notice)}", style="yellow") for notice in report.notices)
    yield line(_report_sentence(report), style="bold")
    yield from _ending(report)


def _units(report: RunReport) -> RenderableType:
    units = list(dict.fromkeys(u for counts in report.customers.values() for u in counts))
    units = [u for u in units if any(c.get(u) for c in report.customers.values())]
    headings = [unit.replace("_", " ").capitalize() for unit in units]
    totals = [sum(c.get(u, 0) for c in report.customers.values()) for u in units]
    return table(
        ["Customer", *headings],
        ([name, *(c.get(u, 0) for u in units)] for name, c in sorted(report.customers.items())),
        right=headings,
        total=["Total", *totals] if len(report.customers) > 1 else None,
    )


def _report_sentence(report: RunReport) -> str:
    created = (
        (report.orders_created, "order line"),
        (report.size_lines_created, "size line"),
        (report.groups_created, "group"),
        (report.labels_created, "label"),
    )
    updated = ((report.orders_updated, "order line"), (report.size_lines_updated, "size line"))
    archived = ((report.orders_archived, "order line"),)
    done = [_some(created, "created"), _some(updated, "updated"), _some(archived, "archived")]
    if report.orders_adopted:
        done.append(f"{counted(report.orders_adopted, 'order line')} found on the board")
    what = ", ".join(filter(None, done)) or "Nothing was sent"
    calls = report.read_calls + report.write_calls
    sentence = (
        f"{what}, {report.unchanged:,} unchanged, in {report.seconds:.1f} s"
        f" with {counted(calls, 'call')} ({report.write_calls:,} writing"
        + (f", {report.retries:,} repeated" if report.retries else "")
        + ")."
    )
    return sentence[0].upper() + sentence[1:]


def _some(counts: Sequence[tuple[int, str]], verb: str) -> str:
    named = [counted(count, unit) for count, unit in counts if count]
    return f"{', '.join(named)} {verb}" if named else ""


def _ending(report: RunReport) -> Iterator[RenderableType]:
    if report.in_doubt:
        yield line(
            f"{counted(report.in_doubt, 'row')} in doubt: monday.com's answer was lost; the next"
            " run looks them up before it sends anything of theirs again.",
            style="yellow",
        )
    if report.pending:
        yield line(f"{counted(report.pending, 'row')} left for a later run.", style="yellow")
    if report.message:
        yield line(f"stopped: {safe(report.message)}", style="bold red")
    if report.hint:
        yield line(f"  do: {safe(report.hint)}", style="cyan")
    if report.refused:
        yield line("next: order-sync errors list", style="cyan")
    elif report.exit_code in (ExitCode.ROWS_LEFT, ExitCode.PAUSED):
        yield line("next: order-sync status, then order-sync sync again", style="cyan")


def refused_parts(refused: Sequence[RefusedOrder]) -> Iterator[RenderableType]:
    """Refusals by code, with what to do about the first of each."""
    if not refused:
        return
    counts = Counter(row.code for row in refused)
    first = {row.code: row for row in reversed(refused)}
    yield table(
        ["Refused", "Rows", "For example"],
        ([code, count, _example(first[code])] for code, count in counts.most_common()),
        right=["Rows"],
        fold="For example",
    )


def _example(row: RefusedOrder) -> str:
    order = row.order_key.split("|")[0].upper() or "(no order number)"
    return f"{order}: {row.message}"


def reported_parts(reported: Sequence[ReportedChange]) -> Iterator[RenderableType]:
    """Orders that have left the source, where the profile only lists them."""
    if not reported:
        return
    yield table(
        ["Left the source", "Customer"],
        ([change.order_key, change.customer] for change in reported[:_FEW]),
    )
    if len(reported) > _FEW:
        yield line(f"… and {len(reported) - _FEW:,} more (all of them: --output json)")
    yield line(
        f"{counted(len(reported), 'order line')} on the board left the source; the profile says to"
        " report them and send nothing ([deleted] policy).",
        style="yellow",
    )


def names(names: Iterable[str]) -> str:
    known = [safe(name) for name in names]
    more = f" … and {len(known) - _FEW} more" if len(known) > _FEW else ""
    return ", ".join(known[:_FEW]) + more


def counted(count: int, unit: str) -> str:
    """`1 order line`, `2 order lines`, `no calls`."""
    if count == 1:
        return f"1 {unit}"
    return f"{f'{count:,}' if count else 'no'} {unit}s"


def line(text: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(text, style=style)
