"""How a plan looks."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from order_sync.board_links import item_url
from order_sync.cli.output import Linked, linked, safe, table
from order_sync.cli.show_runs import counted, line, names, refused_parts, reported_parts
from order_sync.outcome import Plan, PlanCost, PlannedOrder, WarnedOrder
from order_sync.rules.states import ChangeType

if TYPE_CHECKING:
    from rich.console import RenderableType

_DIFFS = 100  # orders shown with their values; a file or JSON has all
_COLUMNS = (  # of the table per customer: heading, field of CustomerPlan
    ("New", "new"),
    ("Taken over", "taken_over"),
    ("To complete", "completed"),
    ("Changed", "changed"),
    ("Cancelled", "cancelled"),
    ("Deleted", "deleted"),
    ("Left the source", "reported"),
    ("Refused", "refused"),
    ("In doubt", "in_doubt"),
    ("New size lines", "size_lines"),
    ("Changed size lines", "size_lines_changed"),
)
_ALWAYS = ("New", "Changed", "New size lines")
_WORDS = {
    ChangeType.NEW: "new",
    ChangeType.CHANGED: "changed",
    ChangeType.CANCELLED: "cancelled",
    ChangeType.DELETED: "deleted",
    ChangeType.UNCHANGED: "to complete",
}
_STYLES = {ChangeType.NEW: "green", ChangeType.CANCELLED: "red", ChangeType.DELETED: "red"}


def plan_parts(
    plan: Plan, *, diff: bool, out: Path | None, filtered: bool = False, web_url: str | None = None
) -> Iterator[RenderableType]:
    """What a person reads of a plan.

    Args:
        web_url: the setting `monday.web_url`; None: items are no links.
    """
    name = safe(plan.board_name) or "the board"
    yield line(f"Plan for {name} ({plan.board_id}), profile {plan.profile}", style="bold")
    if plan.customers:
        yield _customers(plan)
    if diff:
        yield from _diff_parts(plan, web_url)
    if plan.new_groups:
        yield line(f"New groups ({len(plan.new_groups)}): {names(plan.new_groups)}")
    for title, labels in plan.new_labels.items():
        yield line(f"New labels in {safe(title)} ({len(labels)}): {names(labels)}")
    yield from refused_parts(plan.refused)
    yield from _warned_parts(plan.warned)
    yield from reported_parts(plan.reported)
    yield from (line(f"note: {safe(notice)}", style="yellow") for notice in plan.notices)
    yield line(_sentence(plan), style="bold")
    if plan.orders_to_send:
        yield line(_cost(plan.cost))
    for guard in plan.guards:
        yield line(f"a sync would stop: {safe(guard.message)}", style="bold red")
        yield line(f"  do: {safe(guard.hint)}", style="cyan")
    if out is not None:
        yield line(f"the plan is in {out}; do it with: order-sync sync --plan {out}", style="cyan")
    elif plan.orders_to_send and not plan.guards:
        same = ", with the same filters" if filtered else ""
        yield line(f"next: order-sync sync{same}", style="cyan")


def _warned_parts(warned: Sequence[WarnedOrder]) -> Iterator[RenderableType]:
    """Warnings by code, each with the first order it is about."""
    if not warned:
        return
    counts = Counter(one.code for one in warned)
    first = {one.code: one for one in reversed(warned)}
    yield table(
        ["Warning, sent all the same", "Orders", "For example"],
        (
            [code, count, f"{first[code].order_key.split('|')[0].upper()}: {first[code].message}"]
            for code, count in counts.most_common()
        ),
        right=["Orders"],
        fold="For example",
    )
    if len(warned) > len(counts):
        yield line("all of them: order-sync plan --output json, under warned", style="cyan")


def _customers(plan: Plan) -> RenderableType:
    totals = {
        heading: sum(getattr(c, field) for c in plan.customers) for heading, field in _COLUMNS
    }
    shown = [(h, f) for h, f in _COLUMNS if totals[h] or h in _ALWAYS]
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


def _diff_parts(plan: Plan, web_url: str | None) -> Iterator[RenderableType]:
    """Orders with what stands on the board and what would stand there."""
    for order in plan.orders[:_DIFFS]:
        yield from _one_diff(order, item_url(web_url, plan.board_id, order.item_id))
    if len(plan.orders) > _DIFFS:
        more = len(plan.orders) - _DIFFS
        yield line(f"… and {more:,} more orders (all of them: --output json, or --out FILE)")
    if plan.orders:
        yield line("")


def _one_diff(order: PlannedOrder, url: str | None) -> Iterator[RenderableType]:
    from rich.text import Text

    what = "taken over" if order.taken_over else _WORDS[order.change]
    item = (" (item ", linked(Linked(order.item_id, url)), ")") if order.item_id else ()
    yield Text.assemble(
        f"{what}: {safe(order.name)}", *item, f", {safe(order.group)}",
        style=f"bold {_STYLES.get(order.change, 'yellow')}",
    )  # fmt: skip
    if order.whole:
        yield line("    every mapped column is written: what the board shows is not certain")
    for column in order.columns:
        yield line(f"    {safe(column.title)}: {_shown(column.before)} → {_shown(column.after)}")
    for size in order.lines:
        before = "none" if size.before is None else f"{size.before:,}"
        yield line(f"    size {safe(size.label)}: {before} → {size.after:,}")


def _shown(value: str | None) -> str:
    return "(empty)" if value is None else safe(value)


def _sentence(plan: Plan) -> str:
    created = sum(c.size_lines for c in plan.customers)
    changed = sum(c.size_lines_changed for c in plan.customers)
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
    return f"To send: {orders} and {counted(created + changed, 'size line')}. {rows}."


def _cost(cost: PlanCost) -> str:
    guess = "" if cost.complexity_measured else ", partly guessed"
    text = (
        f"Cost: {counted(cost.calls, 'call')} ({cost.reading:,} reading) for"
        f" {counted(cost.mutations, 'write')}, about {cost.complexity:,} complexity points{guess};"
        f" about {_duration(cost.minutes)}, bound by {cost.bound_by}"
    )
    if cost.share_of_day is not None:
        text += f"; {cost.share_of_day:.1%} of the account's {cost.calls_per_day:,} calls a day"
    return f"{text}."


def _duration(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes >= 2 else f"{max(1, round(minutes * 60))} s"
