"""explain: what became of one order, told from the state tables alone."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import shlex
from dataclasses import asdict
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

    from order_sync.db.biography import Biography, Brief
    from order_sync.db.schema import Tables

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
) -> None:  # fmt: skip
    """Tell the story of an order: board, events, requests, refusals."""
    from order_sync.cli.show_explain import brief_parts, story_parts
    from order_sync.db import biography

    if not key_part(key):
        raise ConfigError("KEY is blank", hint="name an order number, or a whole order key")
    wanted = parse_key(key)
    board_id = session.settings.monday.board_id

    def look(conn: Connection, tables: Tables) -> tuple[list[Brief], list[Biography]]:
        on = [board_id] if board_id else biography.boards(conn, tables)
        found = [b for board in on for b in biography.briefs(conn, tables, board, wanted)]
        if not found:
            near = [k for b in on for k in biography.near_keys(conn, tables, b, wanted, NEAR_KEYS)]
            raise _unknown(wanted, near, board_id)
        # People see one order in full; of several they choose first.
        full = found if session.json or len(found) == 1 else []
        return found, [biography.biography(conn, tables, brief, limit) for brief in full]

    found, stories = read_tables(session, look)
    document = {"key": wanted, "orders": [_document(story) for story in stories]}
    session.result(
        document, *(story_parts(stories[0]) if len(found) == 1 else brief_parts(wanted, found))
    )


def _unknown(key: str, near: list[str], board_id: str | None) -> ConfigError:
    where = f"board {board_id}" if board_id else "any board"
    what = "order number or key" if len(key_parts(key)) == 1 else "order key"
    names = ", ".join(shlex.quote(safe(k)) for k in dict.fromkeys(near[:NEAR_KEYS]))
    hint = f"known are: {names}" if names else "see what a run would do: order-sync plan"
    return ConfigError(f'no run has seen the {what} "{safe(key)}" on {where}', hint=hint)


def _document(story: Biography) -> dict[str, Any]:
    """Everything about an order, with the JSON of the tables as JSON."""
    whole = asdict(story)
    brief: dict[str, Any] = whole.pop("brief") | {"standing": story.brief.standing}
    for row in whole["in_hand"]:
        row["fields"] = from_json_text(row["fields"])
    for error in whole["errors"]:
        error["payload"] = from_json_text(error["payload"])
        error["original"] = from_json_text(error["original"])
    return brief | whole
