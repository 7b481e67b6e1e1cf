"""How a plan and a run's report look."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from order_sync.cli.output import safe, table
from order_sync.errors import ExitCode
from order_sync.outcome import Plan, RefusedOrder, ReportedChange, RunReport

if TYPE_CHECKING:
    from rich.console import RenderableType

_FEW = 10  # names shown of a longer list

# Columns of a plan's table: heading, field of CustomerPlan.
_PLAN_COLUMNS = (
    ("New", "new"),
    ("To complete", "completed"),
    ("Changed", "changed"),
    ("Cancelled", "cancelled"),
    ("Deleted", "deleted"),
    ("Refused", "refused"),
    ("In doubt", "in_doubt"),
    ("Size lines", "size_lines"),
)
_ALWAYS = ("New", "Size lines")


def plan_parts(plan: Plan) -> Iterator[RenderableType]:
    """What a person reads of a plan."""
    name = safe(plan.board_name) or "the board"
    yield _line(f"Plan for {name} ({plan.board_id}), profile {plan.profile}", style="bold")
    if plan.customers:
        yield _customers(plan)
    if plan.new_groups:
        yield _line(f"New groups ({len(plan.new_groups)}): {_names(plan.new_groups)}")
    for title, labels in plan.new_labels.items():
        yield _line(f"New labels in {safe(title)} ({len(labels)}): {_names(labels)}")
    yield from refused_parts(plan.refused)
    yield from _reported_parts(plan.reported)
    yield from (_line(f"note: {safe(notice)}", style="yellow") for notice in plan.notices)
    yield _line(_plan_sentence(plan), style="bold")
    if plan.orders_to_send:
        yield _line("next: order-sync sync", style="cyan")


def _customers(plan: Plan) -> RenderableType:
    totals = {
        heading: sum(getattr(c, field) for c in plan.customers) for heading, field in _PLAN_COLUMNS
    }
    shown = [(h, f) for h, f in _PLAN_COLUMNS if totals[h] or h in _ALWAYS]
    headings = [heading for heading, _ in shown]
    return table(
        ["Customer", *headings],
        (
            [c.customer or "(none)", *(getattr(c, field) for _, field in shown)]
            for c in plan.customers
        ),
        right=headings,
        total=["Total", *(totals[h] for h in headings)] if len(plan.customers) > 1 else None,
    )


def _plan_sentence(plan: Plan) -> str:
    size_lines = sum(c.size_lines for c in plan.customers)
    rows = f"{counted(plan.rows_read, 'source row')} read"
    if plan.blank_rows:
        rows += f", {plan.blank_rows:,} of them blank"
    if plan.unchanged:
        rows += f", {counted(plan.unchanged, 'order line')} unchanged"
    if plan.warnings:
        rows += f", {counted(plan.warnings, 'warning')}"
    if not plan.orders_to_send:
        return f"Nothing to send. {rows}."
    orders = counted(plan.orders_to_send, "order line")
    if plan.limited_from is not None:
        orders += f" (of {plan.limited_from:,}, cut by --limit)"
    return (
        f"To send: {orders} and {counted(size_lines, 'size line')}"
        f" in about {counted(plan.calls_estimated, 'call')}. {rows}."
    )


def report_parts(report: RunReport) -> Iterator[RenderableType]:
    """What a person reads after a run."""
    name = safe(report.board_name) or "the board"
    yield _line(f"{name} ({report.board_id}), run {report.run_id[:8]}", style="bold")
    if report.customers:
        yield _units(report)
    yield from refused_parts(report.refused)
    yield from _reported_parts(report.reported)
    yield from (_line(f"note: {safe(notice)}", style="yellow") for notice in report.notices)
    yield _line(_report_sentence(report), style="bold")
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
    done = [_some(created, "created"), _some(updated, "updated")]
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
        yield _line(
            f"{counted(report.in_doubt, 'row')} in doubt: monday.com's answer was lost; the next"
            " run looks them up before it sends anything of theirs again.",
            style="yellow",
        )
    if report.pending:
        yield _line(f"{counted(report.pending, 'row')} left for a later run.", style="yellow")
    if report.message:
        yield _line(f"stopped: {safe(report.message)}", style="bold red")
    if report.hint:
        yield _line(f"  do: {safe(report.hint)}", style="cyan")
    if report.refused:
        yield _line("next: order-sync errors list", style="cyan")
    elif report.exit_code in (ExitCode.ROWS_LEFT, ExitCode.PAUSED):
        yield _line("next: order-sync status, then order-sync sync again", style="cyan")


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


def _reported_parts(reported: Sequence[ReportedChange]) -> Iterator[RenderableType]:
    """Changes this version sees and does not send."""
    if not reported:
        return
    yield table(
        ["Not sent", "Order", "Customer", "Differs in"],
        (
            [change.change.value, change.order_key, change.customer, _names(change.columns)]
            for change in reported[:_FEW]
        ),
        fold="Differs in",
    )
    if len(reported) > _FEW:
        yield _line(f"… and {len(reported) - _FEW:,} more (all of them: --output json)")
    yield _line(
        f"{counted(len(reported), 'change')} of order lines that are on the board already:"
        " this version reports such changes and does not send them.",
        style="yellow",
    )


def _names(names: Iterable[str]) -> str:
    known = [safe(name) for name in names]
    more = f" … and {len(known) - _FEW} more" if len(known) > _FEW else ""
    return ", ".join(known[:_FEW]) + more


def counted(count: int, unit: str) -> str:
    """`1 order line`, `2 order lines`, `no calls`."""
    if count == 1:
        return f"1 {unit}"
    return f"{f'{count:,}' if count else 'no'} {unit}s"


def _line(text: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(text, style=style)
