"""How the story of an order looks."""

# ruff: noqa: PLC0415 - rich loads when there is something to show, so that help is quick

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from order_sync.board_links import item_url
from order_sync.cli.output import Linked, from_json_text, safe, table, utc
from order_sync.cli.show_runs import counted, line
from order_sync.cli.show_story import document_parts, in_words, source_parts
from order_sync.db.biography import Biography, HeldItem
from order_sync.db.order_briefs import Brief, Standing
from order_sync.db.reports import ErrorDetail
from order_sync.db.staging import Unit
from order_sync.order_story import Moment, OrderStory
from order_sync.rules.resolutions import what_to_do
from order_sync.source_now import SourceNow

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


def brief_parts(key: str, found: Sequence[Brief], web_url: str | None) -> Iterator[RenderableType]:
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
                Linked(b.item_id, item_url(web_url, b.board_id, b.item_id)),
                b.group,
                b.size_lines,
                ", ".join(b.refused),
                utc(b.last_event_at),
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


def story_parts(
    story: OrderStory, source: SourceNow | None, web_url: str | None, *, full: bool
) -> Iterator[RenderableType]:
    """All about one order: where it is, its source, its sizes, what happened, what was refused."""
    told = story.told
    yield line(_sentence(told.brief), style=_STYLES[told.brief.standing])
    if told.item is not None:
        url = item_url(web_url, told.brief.board_id, told.item.item_id)
        facts = (*_facts(told.item), *([("link", url)] if url else []))
        yield from (line(f"  {name:<13} {safe(value)}") for name, value in facts)
    if source is not None:
        yield from source_parts(source, story, full=full)
    if told.lines:
        yield _size_lines(told)
    if told.in_hand:
        yield _in_hand(told)
    if story.moments:
        yield _timeline(story.moments, full=full)
    if told.requests:
        yield _requests(told)
    yield from _documents(told, full=full)
    for error in told.errors:
        yield from _error(error)
    if told.errors:
        yield _command("errors show", told.brief.order_key)


def _documents(told: Biography, *, full: bool) -> Iterator[RenderableType]:
    """What was sent, word by word; or how to see that and what is older."""
    left_out = _left_out(told)
    if left_out:
        yield line(left_out)
    if full:
        for request in told.requests:
            yield from document_parts(request)
    elif told.requests:
        yield line("the documents that were sent, and the answers: add --full")


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
    yield "whole order", ("acknowledged" if item.source_hash else "looked at again by the next run")
    yield "first written", utc(item.created_at)
    yield "last written", f"{utc(item.updated_at)}, run {_short(item.last_run_id)}"


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
                utc(held.updated_at),
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
                utc(row.staged_at),
                row.size_key,
                row.operation,
                row.state,
                row.attempts,
                utc(row.next_try_at),
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


def _timeline(moments: Sequence[Moment], *, full: bool) -> RenderableType:
    return table(
        ["When (UTC)", "Run", "Batch", "What", "Size", "Request", "Detail"],
        (
            [
                utc(moment.at),
                _short(moment.run_id),
                _short(moment.batch_id),
                f"warning {moment.event}" if moment.level == "warning" else moment.event,
                moment.size_key,
                _short(moment.request_id),
                _detail(moment, full=full),
            ]
            for moment in moments
        ),
        fold="Detail",
    )


def _detail(moment: Moment, *, full: bool) -> str:
    """What there is to say; the columns that changed are named with their values."""
    if not moment.changes:
        return moment.detail or ""
    changed = "; ".join(in_words(one, full=full) for one in moment.changes)
    return f"{(moment.detail or '').partition(':')[0]}: {changed}"


def _requests(story: Biography) -> RenderableType:
    headings = ["HTTP", "ms", "Cost", "Sent"]
    return table(
        ["Request", "First sent (UTC)", "Kind", "State", *headings, "Error", "monday.com's id"],
        (
            [
                _short(request.request_id),
                utc(request.first_sent_at),
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
        heading, style = f"open since {utc(s.created_at)}", "bold red"
    else:
        note = f": {s.resolution_note}" if s.resolution_note else ""
        closed = f"{s.resolution} by {s.resolved_by}{note}"
        heading, style = f"closed {utc(s.resolved_at)}, {closed}", ""
    yield line(f"{safe(s.code)}{safe(size)} ({safe(heading)})", style=style)
    yield line(f"  {safe(s.message)}")
    if s.resolved_at is None:
        if s.next_try_at is not None:
            yield line(f"  tried again by itself after {utc(s.next_try_at)}")
        advice = what_to_do(s.code)
        if advice:
            yield line(f"  do: {advice}", style="cyan")


def _short(identity: str | None) -> str:
    return (identity or "")[:_SHORT]


def _command(command: str, key: str) -> RenderableType:
    from rich.text import Text

    call = f"order-sync {command} {shlex.quote(safe(key))}"
    return Text.assemble("next: ", (call, "cyan"), no_wrap=True)
