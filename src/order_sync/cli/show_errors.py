"""How refused orders look, and what was decided about them."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from order_sync.cli.output import Linked, linked, local_time, safe, table
from order_sync.cli.show_runs import counted
from order_sync.cli.show_state import line
from order_sync.db.reports import ErrorGroup, ErrorSummary
from order_sync.db.resolving import Choice, ResolvedOrder
from order_sync.rules.resolutions import STANDING, GroupBy, Resolution, fitting, what_to_do

if TYPE_CHECKING:
    from rich.console import RenderableType

    from order_sync.cli.documents import LinkedError, LinkedOrder, ListedError

_LONGEST_VALUE = 80  # characters, where the whole value stands elsewhere

_MEANS = {
    Resolution.RETRY: "the cause is repaired: try it again at once",
    Resolution.RECREATE: "forget the item and make it anew",
    Resolution.IGNORE: "leave it and stop counting it until its data changes",
    Resolution.FORGET: "never publish it",
}


# The list -----------------------------------------------------------------------------------------


def error_list_parts(
    groups: Sequence[ErrorGroup], errors: Sequence[ListedError], total: int, by: GroupBy
) -> Iterator[RenderableType]:
    """How many rows have something in common; then the rows, each with what to do.

    Args:
        total: rows there are; `errors` may be only the first of them.
    """
    from rich.padding import Padding
    from rich.text import Text

    if not errors:
        yield line("No refused orders.", style="bold green")
        return
    yield _groups(groups, by)
    for error in errors:
        order = linked(Linked(_order(error), error.url))
        order.stylize("bold")
        yield Text.assemble(order, f"  {error.code}{_closed(error)}", no_wrap=True)
        yield Padding(Text(safe(error.message)), (0, 0, 0, 4))
    if total > len(errors):
        yield line(f"… and {total - len(errors):,} more; add --limit {total} to see all")
    yield line(f"{counted(total, 'refused row')}. next: order-sync errors show KEY", style="cyan")


def _groups(groups: Sequence[ErrorGroup], by: GroupBy) -> RenderableType:
    heading = {GroupBy.CODE: "Code", GroupBy.CUSTOMER: "Customer", GroupBy.COLUMN: "Column"}[by]
    # Who counts by code has the code already; else the most frequent one says what to do.
    code = [] if by is GroupBy.CODE else ["Mostly"]
    closed = ["Closed"] if any(group.rows != group.open_rows for group in groups) else []
    return table(
        [heading, "Open", *closed, *code, "Newest", "For example", "What to do"],
        (
            [
                group.name or "(none)",
                group.open_rows,
                *([group.rows - group.open_rows] if closed else []),
                *([group.code] if code else []),
                local_time(group.newest),
                group.example or "(no key)",
                group.to_do,
            ]
            for group in groups
        ),
        right=["Open", "Closed"],
        fold="What to do",
    )


def _order(error: ErrorSummary) -> str:
    size = f" / {error.size_key}" if error.size_key else ""
    return safe((error.order_key or "(no key)") + size)


def _closed(error: ErrorSummary) -> str:
    """How a row was closed; "" for an open one."""
    if error.resolved_at is None:
        return ""
    note = f": {safe(error.resolution_note)}" if error.resolution_note else ""
    return f" ({error.resolution} by {safe(error.resolved_by)}{note})"


# One order ----------------------------------------------------------------------------------------


def error_parts(key: str, errors: Sequence[LinkedError]) -> Iterator[RenderableType]:
    """Everything that is known of one order's refusals; each source row once, at the end."""
    from rich.text import Text

    if not errors:
        yield line(f"No errors of {safe(key)}.", style="bold green")
    latest = {_identity(error.summary): error for error in errors}
    for error in errors:
        s = error.summary
        yield line(f"{s.code}: {_order(s)}", style="bold")
        yield line(f"  {safe(s.message)}")
        for name, value in _facts(error):
            url = error.url if name == "item" else None
            yield Text.assemble(f"  {name:<12} ", linked(Linked(value, url)))
        yield from _cells("payload", error.payload)
        if latest[_identity(s)] is error:
            yield from _decisions(s)
    for content in _each_once(error.original for error in errors):
        for row in content if isinstance(content, list) else [content]:
            yield from _cells("source row", row, whole=True)


def _each_once(contents: Iterable[object]) -> list[object]:
    found: list[object] = []
    for content in contents:
        if content is not None and content not in found:
            found.append(content)
    return found


def _identity(error: ErrorSummary) -> tuple[object, ...]:
    return error.board_id, error.unit, error.order_key, error.size_key, error.code


def _facts(error: LinkedError) -> Iterator[tuple[str, object]]:
    s = error.summary
    closed = f"{local_time(s.resolved_at)}{_closed(s)}"
    facts = (
        ("customer", s.customer),
        ("field", s.field),
        ("value", s.value if error.original is None else _cut(s.value)),
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


def _decisions(error: ErrorSummary) -> Iterator[RenderableType]:
    """What to do about a refusal, with the commands that a person may choose from."""
    if error.resolved_at is None:
        advice = what_to_do(error.code)
        if advice:
            yield line(f"  do: {advice}", style="cyan")
        for resolution in fitting(error.code, from_monday=error.from_monday):
            yield _command(error, resolution, _MEANS[resolution])
    elif error.resolution in STANDING:
        yield _command(error, Resolution.RETRY, "take the decision back")


def _command(error: ErrorSummary, resolution: Resolution, meaning: str) -> RenderableType:
    from rich.text import Text

    size = f" --size {shlex.quote(safe(error.size_key))}" if error.size_key else ""
    key = shlex.quote(safe(error.order_key))
    call = f"order-sync errors resolve {key} --code {error.code}{size} --as {resolution}"
    return Text.assemble(("  ", ""), (call, "cyan"), f"  # {meaning}", no_wrap=True)


def _cells(title: str, content: object, *, whole: bool = False) -> Iterator[RenderableType]:
    """Names and values that are not empty, one a line; long ones cut unless `whole`."""
    if content is None:
        return
    yield line(f"  {title}")
    for name, value in _flat(content):
        text = value if whole else _cut(str(value))
        yield line(f"    {safe(name)}: {safe(text)}" if name else f"    {safe(text)}")


def _flat(content: object, name: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(content, Mapping):
        for inner, value in content.items():
            yield from _flat(value, str(inner))
    elif content not in (None, "", []):
        yield name, content


def _cut(text: str) -> str:
    if len(text) <= _LONGEST_VALUE:
        return text
    return f"{text[:_LONGEST_VALUE]}… ({len(text):,} characters)"


# A decision ---------------------------------------------------------------------------------------


def named(order: ResolvedOrder) -> str:
    """The order line, or those of its sizes a decision is about."""
    sizes = f" / {', '.join(order.sizes)}" if order.sizes else ""
    return safe(order.order_key or "(no key)") + safe(sizes)


def resolved_parts(choice: Choice, done: Sequence[LinkedOrder]) -> Iterator[RenderableType]:
    """What a decision has changed."""
    from rich.text import Text

    for order in done:
        codes = ", ".join(order.codes)
        yield line(f"{named(order)}: {codes} resolved as {choice.resolution} by {safe(choice.by)}")
        if order.item_id is not None:
            item = linked(Linked(order.item_id, order.url))
            yield Text.assemble("  item ", item, " is forgotten")
        if order.size_lines:
            yield line(f"  {counted(order.size_lines, 'size line')} forgotten")
        if order.dropped:
            yield line(f"  {counted(order.dropped, 'waiting row')} dropped")
    if choice.resolution in (Resolution.RETRY, Resolution.RECREATE):
        yield line("next: order-sync sync", style="cyan")
