"""explain: what became of one order, told from the state tables and its source."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import shlex
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from order_sync.cli.command import command
from order_sync.cli.looking import read_tables
from order_sync.cli.output import from_json_text, safe
from order_sync.cli.session import Session
from order_sync.errors import ConfigError
from order_sync.rules.values import key_part, key_parts, parse_key

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from order_sync.cli.documents import ShownRequest
    from order_sync.db.biography import Carrier
    from order_sync.db.order_briefs import Brief
    from order_sync.db.schema import Tables
    from order_sync.order_story import OrderStory
    from order_sync.source_now import SourceNow

NEAR_KEYS = 10  # named when a key is unknown


def add_to(app: typer.Typer) -> None:
    command(app, "explain")(explain)


def explain(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Order number, or whole order key.")],
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=1,
                     help="The newest so many events and requests of an order."),
    ] = 200,
    full: Annotated[
        bool,
        typer.Option("--full", help="With the documents that were sent, and the answers to them."),
    ] = False,
    source: Annotated[
        bool, typer.Option("--source/--no-source", help="Look at the source row as it is now.")
    ] = True,
) -> None:  # fmt: skip
    """Tell the story of an order: source, board, events, requests, refusals."""
    from order_sync.cli.show_explain import brief_parts, story_parts
    from order_sync.db import order_briefs
    from order_sync.order_story import order_story
    from order_sync.source_now import look as look_at_source

    if not key_part(key):
        raise ConfigError("KEY is blank", hint="name an order number, or a whole order key")
    wanted = parse_key(key)
    settings, mapping = session.settings, session.profile
    board_id = settings.monday.board_id

    def look(conn: Connection, tables: Tables) -> tuple[list[Brief], list[OrderStory], list[str]]:
        on = [board_id] if board_id else order_briefs.boards(conn, tables)
        found = [b for board in on for b in order_briefs.briefs(conn, tables, board, wanted)]
        if not found:
            return [], [], [
                k for b in on for k in order_briefs.near_keys(conn, tables, b, wanted, NEAR_KEYS)
            ]  # fmt: skip
        # People see one order in full; of several they choose first.
        whole = found if session.json or len(found) == 1 else []
        return found, [order_story(conn, tables, mapping, brief, limit) for brief in whole], []

    found, stories, near = read_tables(session, look)
    if not found:
        unseen = _unseen(session, wanted) if source else []
        raise _unknown(wanted, unseen, near, board_id)
    # Another database, perhaps: not within the transaction that reads the state.
    sources: list[SourceNow | None] = [
        look_at_source(settings.source, mapping, story.told.brief.order_key, story.known)
        if source
        else None
        for story in stories
    ]
    web_url = settings.monday.web_url
    document: dict[str, Any] = {}
    if session.json:  # what describes documents takes as long to load as all the rest
        document = {
            "key": wanted,
            "orders": [
                _document(story, now, web_url, full=full)
                for story, now in zip(stories, sources, strict=True)
            ],
        }
    if len(found) > 1:
        session.result(document, *brief_parts(wanted, found, web_url))
    else:
        session.result(document, *story_parts(stories[0], sources[0], web_url, full=full))


def _unseen(session: Session, key: str) -> list[str]:
    """Keys of the source that are meant, and that no run has looked at; none if it cannot say."""
    from order_sync.errors import SyncError
    from order_sync.source_now import keys_in_source

    try:
        return keys_in_source(session.settings.source, session.profile, key)
    except SyncError as error:
        session.note(f"the source cannot be asked: {error.message}")
        return []


def _unknown(key: str, unseen: list[str], near: list[str], board_id: str | None) -> ConfigError:
    where = f"board {board_id}" if board_id else "any board"
    what = "order number or key" if len(key_parts(key)) == 1 else "order key"
    message = f'no run has seen the {what} "{safe(key)}" on {where}'
    if unseen:
        lines = f"{len(unseen)} order line(s)"
        call = f"order-sync plan --key {shlex.quote(safe(unseen[0]))}"
        return ConfigError(f"{message}; the source has {lines} of it", hint=f"see: {call}")
    names = ", ".join(shlex.quote(safe(k)) for k in dict.fromkeys(near[:NEAR_KEYS]))
    hint = f"known are: {names}" if names else "see what a run would do: order-sync plan"
    return ConfigError(message, hint=hint)


def _document(
    story: OrderStory, source: SourceNow | None, web_url: str | None, *, full: bool
) -> dict[str, Any]:
    """Everything about an order, with the JSON of the tables as JSON."""
    from order_sync.board_links import item_url

    told, brief = story.told, story.told.brief
    whole: dict[str, Any] = asdict(brief) | {
        "standing": brief.standing,
        "item": told.item,
        "lines": told.lines,
        "in_hand": [asdict(row) | {"fields": from_json_text(row.fields)} for row in told.in_hand],
        "events": story.moments,
        "events_in_all": told.events_in_all,
        "requests": [_request(request, full=full) for request in told.requests],
        "requests_in_all": told.requests_in_all,
        "errors": [
            asdict(error)
            | {
                "payload": from_json_text(error.payload),
                "original": from_json_text(error.original),
            }
            for error in told.errors
        ],
        "source": source,
        "url": item_url(web_url, brief.board_id, brief.item_id),
    }
    return whole


def _request(request: Carrier, *, full: bool) -> ShownRequest:
    from order_sync.cli.documents import ShownRequest
    from order_sync.db.biography import SentRequest
    from order_sync.monday import stored
    from order_sync.order_story import parts

    return ShownRequest(
        **{one.name: getattr(request, one.name) for one in fields(SentRequest)},
        parts=parts(request),
        document=stored.document(request.body) if full else None,
        answer=stored.document(request.answer) if full else None,
    )
