"""One order: where each part of it stands, what happened to it, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from order_sync.dashboard.decisions import Offer, offers
from order_sync.dashboard.rendering import counted
from order_sync.dashboard.site import Site
from order_sync.db import order_briefs
from order_sync.db.biography import Biography, InHand
from order_sync.db.order_briefs import Brief, Standing
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit
from order_sync.order_story import Moment, order_story, parts
from order_sync.rules.comparing import KnownOrder
from order_sync.rules.mapping import Mapping
from order_sync.rules.resolutions import Resolution, what_to_do
from order_sync.rules.states import IN_DOUBT, RowState
from order_sync.rules.values import key_part, key_parts, parse_key
from order_sync.source_now import SourceNow

EVENTS = 200  # and requests; the newest
NEAR = 20  # keys that are offered when none fits

WORDS = {
    Standing.IN_DOUBT: ("in doubt", "warn"),
    Standing.WAITING: ("waiting", "run"),
    Standing.REFUSED: ("refused", "bad"),
    Standing.INCOMPLETE: ("not all acknowledged", "warn"),
    Standing.ON_BOARD: ("on the board", "good"),
    Standing.NOT_ON_BOARD: ("not on the board", "run"),
}


@dataclass(frozen=True)
class Node:
    """A size line in the tree of its order."""

    name: str
    pieces: int | None
    subitem_id: str | None
    state: str
    style: str


@dataclass(frozen=True)
class OrderPage:
    story: Biography
    known: KnownOrder | None  # what the board is known to hold
    moments: list[Moment]
    item_state: tuple[str, str]
    nodes: list[Node]
    offers: list[Offer]
    source: SourceNow | None = None  # None: nobody has asked for it


def order(site: Site, request: Request) -> Response:
    """One order line in full, or the order lines of an order number."""
    text = request.query_params.get("key", "")
    board = request.query_params.get("board", "")
    if not key_part(text):
        return site.renderer.problem(
            request, 404, "No such order", "The address names no order.", "search for it"
        )
    key = parse_key(text)

    def look(
        conn: Connection, tables: Tables, board_id: str | None
    ) -> tuple[list[Brief], OrderPage | None]:
        boards = [b for b in (board, board_id) if b][:1] or order_briefs.boards(conn, tables)
        found = [b for one in boards for b in order_briefs.briefs(conn, tables, one, key)]
        exact = [brief for brief in found if brief.order_key == key] or found
        if len(exact) != 1:
            return found, None
        return found, page_of(conn, tables, exact[0], site.mapping)

    found, shown = site.reader.read(look)
    if not found:
        return site.renderer.problem(
            request, 404, "No such order", "No run has seen an order with this number or key.",
            "search for a part of it, or see what a run would do: order-sync plan",
        )  # fmt: skip
    if shown is None:
        return site.renderer.page(request, "found.html", found=found, asked=text, words=WORDS)
    if request.query_params.get("source") == "now":
        # A look at every key of the source takes longer than a page may: it has to be asked for.
        now = site.look_at_source(shown.story.brief.order_key, shown.known)
        shown = replace(shown, source=now)
    return show_order(site, request, shown, said=_done(request))


def _done(request: Request) -> str:
    """What the decision did that led here; the address says how, in words of ours alone."""
    done, rows = (request.query_params.get(name, "") for name in ("done", "rows"))
    if done not in list(Resolution) or not (rows.isascii() and rows.isdigit() and len(rows) < 7):
        return ""
    return f"Decided as {done}: {counted(int(rows), 'refusal')} closed."


def show_order(
    site: Site, request: Request, shown: OrderPage, said: str = "", problem: str = ""
) -> Response:
    """The page of one order; `said` tells what was just done, `problem` what was not."""
    return site.renderer.page(
        request, "order.html", 409 if problem else 200, shown=shown, words=WORDS,
        what_to_do=what_to_do, parts=parts, said=said, problem=problem, form_key=site.form_key,
    )  # fmt: skip


def page_of(conn: Connection, tables: Tables, brief: Brief, mapping: Mapping) -> OrderPage:
    whole = order_story(conn, tables, mapping, brief, EVENTS)
    story = whole.told
    return OrderPage(
        story, whole.known, whole.moments, _item_state(story), _nodes(story), offers(story)
    )


def _item_state(story: Biography) -> tuple[str, str]:
    for row in story.in_hand:
        if row.unit is Unit.ITEM:
            return _in_hand(row)
    if any(not e.summary.size_key and e.summary.resolved_at is None for e in story.errors):
        return "refused", "bad"
    if story.item is None:
        return "not on the board", "run"
    return ("on the board", "good") if story.item.payload_hash else ("not acknowledged", "warn")


def _nodes(story: Biography) -> list[Node]:
    """Every size line anybody knows of, by size key."""
    nodes: dict[str, Node] = {}
    for held in story.lines:
        state = ("on the board", "good") if held.payload_hash else ("not acknowledged", "warn")
        nodes[held.size_key] = Node(held.size, held.pieces, held.subitem_id, *state)
    for error in story.errors:
        size = error.summary.size_key
        if size and error.summary.resolved_at is None:
            there: Any = nodes.get(size, Node(size, None, None, "", ""))
            nodes[size] = Node(there.name, there.pieces, there.subitem_id, "refused", "bad")
    for row in story.in_hand:
        if row.unit is Unit.SUBITEM:
            there = nodes.get(row.size_key, Node(row.size_key, None, row.item_id, "", ""))
            nodes[row.size_key] = Node(there.name, there.pieces, there.subitem_id, *_in_hand(row))
    return [nodes[key] for key in sorted(nodes)]


def _in_hand(row: InHand) -> tuple[str, str]:
    state = RowState(row.state)
    if state in IN_DOUBT:
        return "in doubt", "warn"
    return ("waiting", "run") if state is RowState.PENDING else ("being sent", "run")


def search(site: Site, request: Request) -> Response:
    """Orders by number, key, purchase order or style; exact ones, else those that begin so."""
    text = request.query_params.get("q", "").strip()
    found: list[Brief] = []
    if key_part(text) and key_parts(parse_key(text))[0]:
        found = site.reader.read(
            lambda conn, t, board: _search(conn, t, board, text, site.searched)
        )
    return site.renderer.page(request, "found.html", found=found, asked=text, words=WORDS)


def _search(
    conn: Connection, tables: Tables, board_id: str | None, text: str, fields: Sequence[str]
) -> list[Brief]:
    key = parse_key(text)
    found: list[Brief] = []
    for board in [board_id] if board_id else order_briefs.boards(conn, tables):
        exact = order_briefs.briefs(conn, tables, board, key)
        keys = [] if exact else order_briefs.near_keys(conn, tables, board, key, NEAR)
        keys += order_briefs.keys_by_value(conn, tables, board, fields, text, NEAR)
        known = {brief.order_key for brief in exact}
        found += exact
        for near in dict.fromkeys(keys):
            if near not in known:
                found += [b for b in order_briefs.briefs(conn, tables, board, near)
                          if b.order_key == near]  # fmt: skip
    return found[: 4 * NEAR]
