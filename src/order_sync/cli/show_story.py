"""How the values of an order look: those of its source now, those that changed, those sent."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from order_sync.cli.output import safe, table, utc
from order_sync.cli.show_runs import counted, line
from order_sync.db.biography import Carrier
from order_sync.monday import stored
from order_sync.order_story import OrderStory, parts
from order_sync.rules.differences import Difference
from order_sync.source_now import Presence, SourceNow, SourceRow

if TYPE_CHECKING:
    from rich.console import RenderableType

_LONGEST = 60  # characters of a value among others


def in_words(one: Difference, *, full: bool) -> str:
    """A difference in words: `FOB 12 → 12.5`, `M Order Qty 5 → 7`."""
    what = f"{one.size} {one.field}" if one.size else one.field
    before = _value(one.before, full=full)
    certain = "" if one.is_certain else " (or something else)"
    return f"{what} {before}{certain} → {_value(one.after, full=full)}"


def _value(text: str | None, *, full: bool) -> str:
    if text is None:
        return "nothing"
    return text if full or len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


# The source ---------------------------------------------------------------------------------------


def source_parts(source: SourceNow, story: OrderStory, *, full: bool) -> Iterator[RenderableType]:
    """The source row as it is now: where it differs from the board, and why it may not be sent."""
    name = f"  {'source now':<13}"
    if source.presence is Presence.UNREACHABLE:
        yield line(f"{name} cannot be asked: {safe(source.problem)}", style="yellow")
        return
    if source.presence is Presence.GONE:
        yield line(f"{name} {safe(source.table)} has no row with this key", style="yellow")
        return
    if len(source.rows) > 1:
        yield line(f"{name} {len(source.rows)} rows of {safe(source.table)} have this key",
                   style="yellow")  # fmt: skip
    for row in source.rows:
        yield from _source_row(name, row, story)
        if full:
            yield table(["Source column", "Value"], row.cells.items(), fold="Value")


def _source_row(name: str, row: SourceRow, story: OrderStory) -> Iterator[RenderableType]:
    if row.refusals:
        yield line(f"{name} is refused: {safe('; '.join(row.refusals))}", style="bold red")
    elif story.known is None:
        yield line(f"{name} is there, and not on the board")
    elif not row.differences:
        yield line(f"{name} as the board is known to show it")
    else:
        differing = counted(len(row.differences), "value")
        yield line(f"{name} differs from the board in {differing}", style="yellow")
        yield table(
            ["Column", "Size", "Board", "Source now"],
            ([one.field, one.size, one.before, one.after] for one in row.differences),
            fold="Source now",
        )


# What was sent ------------------------------------------------------------------------------------


def document_parts(request: Carrier) -> Iterator[RenderableType]:
    """A request in full: the document, what it asked for this order, and the answer to that."""
    heading = f"request {request.request_id}, {request.kind}, sent {utc(request.first_sent_at)}"
    yield line(heading, style="bold")
    document = stored.document(request.body)
    if document is None:
        yield line("  its document is not on record")
        return
    if isinstance(document, dict):
        mine = {place.position for place in request.places}
        yield from (
            line(f"  {safe(text)}") for text in _own_lines(str(document.get("query", "")), mine)
        )
    for part in parts(request):
        yield line(f"  asked for {part.size_key or 'the order line'}:")
        yield from _indented(part.asked)
        yield line("  answered:")
        yield from _indented(part.answered)


def _own_lines(query: str, positions: Collection[int]) -> Iterator[str]:
    """The lines of a document that are about these rows; those of other orders are left out."""
    for text in query.splitlines():
        alias = re.match(r"\s*r(\d+):", text)
        if alias is None or int(alias[1]) in positions:
            # What a document declares is as long as it has rows, and says nothing of its own.
            yield re.sub(r" \(\$.*\) \{$", " {", text)


def _indented(value: Any) -> Iterator[RenderableType]:
    told = "nothing on record" if value is None else json.dumps(value, ensure_ascii=False, indent=2)
    yield from (line(f"    {safe(text)}") for text in told.splitlines())
