"""runs and batches: what was done, in lists and one by one."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from order_sync.cli.command import command
from order_sync.cli.looking import read_tables
from order_sync.cli.session import Session
from order_sync.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from order_sync.cli.documents import BatchDocument
    from order_sync.db.reports import RunSummary
    from order_sync.db.schema import Tables
    from order_sync.run_story import RunStory

LISTED = 20
FAILED_AMONG = 1_000  # the latest runs, among which --failed looks


class Show(StrEnum):
    """The word before an id."""

    SHOW = "show"


Word = Annotated[
    Show | None, typer.Argument(metavar="show", help="One in full, by its id.", show_default=False)
]
Identity = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="Or the beginning of its id.", show_default=False),
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The latest so many.")]


def add_to(app: typer.Typer) -> None:
    command(app, "runs")(runs)
    command(app, "batches")(batches)


def runs(
    session: Session,
    word: Word = None,
    identity: Identity = None,
    limit: Limit = LISTED,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only those that did not end with 0.")
    ] = False,
) -> None:
    """The latest runs, or one in full."""
    from order_sync.cli.documents import RunDocument, RunsDocument
    from order_sync.cli.show_history import run_list_parts, run_parts
    from order_sync.db import reports
    from order_sync.run_story import run_story

    board_id = session.settings.monday.board_id
    if word is None:

        def look(conn: Connection, tables: Tables) -> list[RunSummary]:
            among = FAILED_AMONG if failed else limit
            found = reports.last_runs(conn, tables, board_id=board_id, limit=among)
            return [run for run in found if not failed or run.exit_code != 0][:limit]

        found = read_tables(session, look)
        session.result(RunsDocument(found), *run_list_parts(found))
        return

    def look_at_one(conn: Connection, tables: Tables) -> RunStory:
        story = run_story(conn, tables, _the_one(conn, tables.runs, identity, "run"))
        assert story is not None
        return story

    story = read_tables(session, look_at_one)
    document = RunDocument(story.row, story.bands, story.customers, story.kinds, story.batches)
    session.result(document, *run_parts(story))


def batches(
    session: Session, word: Word = None, identity: Identity = None, limit: Limit = LISTED
) -> None:
    """The latest batches with their milestones, or one in full."""
    from order_sync.cli.documents import BatchDocument, BatchesDocument, StagedRows
    from order_sync.cli.show_history import one_batch_parts
    from order_sync.cli.show_state import batch_parts
    from order_sync.db import monitoring, reports

    board_id = session.settings.monday.board_id
    if word is None:
        found = read_tables(
            session, lambda conn, t: reports.batches(conn, t, board_id=board_id, limit=limit)
        )
        session.result(BatchesDocument(found), *batch_parts(found))
        return

    def look_at_one(conn: Connection, tables: Tables) -> BatchDocument:
        batch_id = _the_one(conn, tables.batches, identity, "batch")
        rows = monitoring.rows_of_batch(conn, tables, batch_id)
        return BatchDocument(
            monitoring.batch(conn, tables, batch_id), [StagedRows(*row) for row in rows]
        )

    document = read_tables(session, look_at_one)
    session.result(document, *one_batch_parts(document.batch, document.rows))


def _the_one(conn: Connection, table: Any, identity: str | None, what: str) -> str:
    """The id that is meant. Raises ConfigError: none, or more than one begins so."""
    from order_sync.db import monitoring

    hint = f"see: order-sync {what}{'es' if what == 'batch' else 's'}"
    if not identity:
        raise ConfigError(f"which {what}?", hint=hint)
    found = monitoring.ids_beginning(conn, table, f"{what}_id", identity)
    if not found:
        raise ConfigError(f"there is no {what} {identity}", hint=hint)
    if len(found) > 1 and found[0] != identity:
        raise ConfigError(f"more than one {what} begins with {identity}", hint="write more of it")
    return found[0]
