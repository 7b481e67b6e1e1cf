"""How the story of an order looks."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from order_sync.cli.output import from_json_text, local_time, safe, table
from order_sync.cli.show_runs import counted, line
from order_sync.db.biography import Biography, Brief, HeldItem, Standing
from order_sync.db.reports import ErrorDetail
from order_sync.db.staging import Unit
from order_sync.rules.resolutions import what_to_do

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHORT = 8  # characters of an id that only has to be told from its neighbours
_STYLES = {
    Standing.IN_DOUBT: "bold yellow",
    Standing.WAITING: "bold yellow",
    Standing.REFUSED: "bold red",
    Standing.INCOMPLETE: "bold yellow",
    Standing.ON_BOARD: "bold green",
    Standing.NOT_ON_BOARD: "bold",
}
_WORDS = {
    Standing.IN_DOUBT: "in doubt",
    Standing.WAITING: "waiting",
    Standing.REFUSED: "refused",
    Standing.INCOMPLETE: "not all acknowledged",
    Standing.ON_BOARD: "on the board",
    Standing.NOT_ON_BOARD: "not on the board",
}


# Several orders ----------------------------------------------------------------------------------


def brief_parts(key: str, found: Sequence[Brief]) -> Iterator[RenderableType]:
    """Each order line in short, and how to see one in full."""
    boards = {brief.board_id for brief in found}
    yield line(f"{safe(key)}: {counted(len(found), 'order line')}", style="bold")
    yield table(
        ["Order line", *(["Board"] if len(boards) > 1 else []), "State", "Item", "Group",
         "Size lines", "Refused", "Last event"],
        (
            [
                b.order_key,
                *([b.board_id] if len(boards) > 1 else []),
                _WORDS[b.standing],
                b.item_id,
                b.group,
                b.size_lines,
                ", ".join(b.refused),
                local_time(b.last_event_at),
            ]
            for b in found
        ),
        right=["Size lines"],
        fold="Group",
    )  # fmt: skip
    if len(boards) > 1:
        yield line("One board alone: set monday.board_id or ORDER_SYNC_MONDAY__BOARD_ID.")
    if len({brief.order_key for brief in found}) > 1:
        yield _command("explain", found[0].order_key)


# One order ---------------------------------------------------------------------------------------


def story_parts(story: Biography) -> Iterator[RenderableType]:
    """All about one order: where it is, its sizes, what happened, and what was refused."""
    yield line(_sentence(story.brief), style=_STYLES[story.brief.standing])
    if story.item is not None:
        yield from (line(f"  {name:<13} {safe(value)}") for name, value in _facts(story.item))
    if story.lines:
        yield _size_lines(story)
    if story.in_hand:
        yield _in_hand(story)
    if story.events:
        yield _timeline(story)
    if story.requests:
        yield _requests(story)
    left_out = _left_out(story)
    if left_out:
        yield line(left_out)
    for error in story.errors:
        yield from _error(error)
    if story.errors:
        yield _command("errors show", story.brief.order_key)


def _sentence(brief: Brief) -> str:
    """Where the order is, in one sentence."""
    parts = [f"{safe(brief.order_key)} is not on board {brief.board_id}"]
    if brief.item_id is not None:
        parts = [
            f"{safe(brief.order_key)} is on board {brief.board_id} as item {safe(brief.item_id)}"
            f" in {safe(brief.group)}, with {counted(brief.size_lines, 'size line')}"
        ]
    if brief.in_doubt:
        parts.append(
            f"{counted(brief.in_doubt, 'row')} in doubt, because monday.com's answer was lost"
        )
    if brief.waiting:
        parts.append(f"{counted(brief.waiting, 'row')} in hand")
    if brief.refused:
        parts.append(f"refused with {', '.join(map(safe, brief.refused))}")
    if brief.standing is Standing.INCOMPLETE:
        parts.append("but monday.com has not acknowledged all of it")
    return "; ".join(parts) + "."


def _facts(item: HeldItem) -> Iterator[tuple[str, str]]:
    yield "name", item.name
    yield "customer", item.customer
    yield "group", f"{item.group} ({item.group_id})"
    yield "columns", _acknowledged(item.payload_hash)
    yield "source row", "as acknowledged" if item.source_hash else "looked at again by the next run"
    yield "first written", local_time(item.created_at)
    yield "last written", f"{local_time(item.updated_at)}, run {_short(item.last_run_id)}"


def _acknowledged(payload_hash: str | None) -> str:
    return "acknowledged" if payload_hash else "not acknowledged"


def _size_lines(story: Biography) -> RenderableType:
    return table(
        ["Size", "Pieces", "Subitem", "Values", "Last written", "Run"],
        (
            [
                held.size,
                held.pieces,
                held.subitem_id,
                _acknowledged(held.payload_hash),
                local_time(held.updated_at),
                _short(held.last_run_id),
            ]
            for held in story.lines
        ),
        right=["Pieces"],
    )


def _in_hand(story: Biography) -> RenderableType:
    return table(
        ["In hand", "Size", "Operation", "State", "Tries", "Next try", "Writes"],
        (
            [
                local_time(row.staged_at),
                row.size_key,
                row.operation,
                row.state,
                row.attempts,
                local_time(row.next_try_at),
                _names(row.fields) or ("the whole item" if row.unit is Unit.ITEM else ""),
            ]
            for row in story.in_hand
        ),
        right=["Tries"],
        fold="Writes",
    )


def _names(fields: str | None) -> str:
    content = from_json_text(fields)
    return ", ".join(map(str, content)) if isinstance(content, list) else str(content or "")


def _timeline(story: Biography) -> RenderableType:
    return table(
        ["When", "Run", "Batch", "What", "Size", "Request", "Detail"],
        (
            [
                local_time(event.at),
                _short(event.run_id),
                _short(event.batch_id),
                f"warning {event.event}" if event.level == "warning" else event.event,
                event.size_key,
                _short(event.request_id),
                event.detail,
            ]
            for event in story.events
        ),
        fold="Detail",
    )


def _requests(story: Biography) -> RenderableType:
    headings = ["HTTP", "ms", "Cost", "Sent"]
    return table(
        ["Request", "First sent", "Kind", "State", *headings, "Error", "monday.com's id"],
        (
            [
                _short(request.request_id),
                local_time(request.first_sent_at),
                request.kind,
                request.state,
                "" if request.http_status is None else str(request.http_status),
                None if request.duration_ms is None else round(request.duration_ms),
                request.cost,
                f"{request.send_no}×",
                request.error_code,
                request.monday_request_id,
            ]
            for request in story.requests
        ),
        right=headings,
        fold="monday.com's id",
    )


def _left_out(story: Biography) -> str:
    """What --limit has kept back; "" when nothing."""
    events = story.events_in_all - len(story.events)
    requests = story.requests_in_all - len(story.requests)
    older = [counted(n, unit) for n, unit in ((events, "event"), (requests, "request")) if n]
    if not older:
        return ""
    every = max(story.events_in_all, story.requests_in_all)
    return f"{' and '.join(older)} before these; add --limit {every} to see all"


def _error(error: ErrorDetail) -> Iterator[RenderableType]:
    """A refusal: open with what to do, or closed with how."""
    s = error.summary
    size = f" / {s.size_key}" if s.size_key else ""
    if s.resolved_at is None:
        heading, style = f"open since {local_time(s.created_at)}", "bold red"
    else:
        note = f": {s.resolution_note}" if s.resolution_note else ""
        closed = f"{s.resolution} by {s.resolved_by}{note}"
        heading, style = f"closed {local_time(s.resolved_at)}, {closed}", ""
    yield line(f"{safe(s.code)}{safe(size)} ({safe(heading)})", style=style)
    yield line(f"  {safe(s.message)}")
    if s.resolved_at is None:
        if s.next_try_at is not None:
            yield line(f"  tried again by itself after {local_time(s.next_try_at)}")
        advice = what_to_do(s.code)
        if advice:
            yield line(f"  do: {advice}", style="cyan")


def _short(identity: str | None) -> str:
    return (identity or "")[:_SHORT]


def _command(command: str, key: str) -> RenderableType:
    from rich.text import Text

    call = f"order-sync {command} {shlex.quote(safe(key))}"
    return Text.assemble("next: ", (call, "cyan"), no_wrap=True)
