"""runs and batches: what was done, in lists and one by one."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from order_sync.board_links import board_url, item_url
from order_sync.cli.command import command
from order_sync.cli.looking import read_tables
from order_sync.cli.session import Session
from order_sync.cli.since import point_in_time
from order_sync.errors import ConfigError
from order_sync.rules.states import RunState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from order_sync.cli.documents import (
        BatchDocument,
        RefusedWith,
        RunDocument,
        RunsDocument,
        WarnedOf,
    )
    from order_sync.db.monitoring import CodeCount
    from order_sync.db.reports import RunFilter
    from order_sync.db.schema import Tables
    from order_sync.run_story import RunStory

LISTED = 20


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


class Command(StrEnum):
    """What a run was started with."""

    SYNC = "sync"
    RETRY = "retry"
    ADOPT = "adopt"
    RESOLVE = "errors resolve"


def add_to(app: typer.Typer) -> None:
    command(app, "runs")(runs)
    command(app, "batches")(batches)


def runs(
    session: Session,
    word: Word = None,
    identity: Identity = None,
    limit: Limit = LISTED,
    failed: Annotated[
        bool,
        typer.Option("--failed", help="Only those that ended otherwise than with 0, or were"
                     " killed."),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE|7d|24h", help="Only those begun since then."),
    ] = None,
    command: Annotated[
        Command | None,
        typer.Option("--command", metavar="NAME",
                     help="Only those of sync, retry, adopt or 'errors resolve'."),
    ] = None,
    status: Annotated[
        RunState | None,
        typer.Option("--status", metavar="STATUS", case_sensitive=False,
                     help="Only those with this status, such as STOPPED or DIED."),
    ] = None,
    exit_code: Annotated[
        int | None, typer.Option("--exit-code", metavar="N", help="Only those that ended with it.")
    ] = None,
) -> None:  # fmt: skip
    """The latest runs, or one in full."""
    from order_sync.cli.show_history import run_list_parts, run_parts
    from order_sync.db.reports import RunFilter
    from order_sync.run_story import run_story

    if word is None:
        now = datetime.now().astimezone()
        wanted = RunFilter(
            command=command, status=status, exit_code=exit_code, failed=failed,
            since=None if since is None else point_in_time(since, now),
        )  # fmt: skip
        found = read_tables(session, lambda conn, t: _listed(session, conn, t, wanted, limit))
        session.result(found, *run_list_parts(found, now))
        return

    def look_at_one(conn: Connection, tables: Tables) -> RunStory:
        story = run_story(conn, tables, _the_one(conn, tables.runs, identity, "run"))
        assert story is not None
        return story

    story = read_tables(session, look_at_one)
    document = _run_document(session, story)
    session.result(document, *run_parts(story, document, session.profile.name))


def _listed(
    session: Session, conn: Connection, tables: Tables, wanted: RunFilter, limit: int
) -> RunsDocument:
    from order_sync.cli.documents import RunsDocument
    from order_sync.db import reports

    board_id = session.settings.monday.board_id
    found = reports.last_runs(conn, tables, board_id=board_id, limit=limit, wanted=wanted)
    unended = [run.run_id for run in found if run.ended_at is None]
    return RunsDocument(found, reports.last_calls(conn, tables, unended))


def _run_document(session: Session, story: RunStory) -> RunDocument:
    from order_sync.cli.documents import RunDocument

    return RunDocument(
        run=story.row,
        is_of_this_profile=story.row["profile"] == session.profile.name,
        board_url=board_url(session.settings.monday.web_url, story.row["board_id"]),
        last_call_at=story.last_call_at,
        bands=story.bands,
        customers=story.customers,
        calls=story.kinds,
        batches=story.batches,
        refusals=_refused(story.refusals),
        warnings=_warned(story.warnings),
    )


def batches(
    session: Session,
    word: Word = None,
    identity: Identity = None,
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=1,
                     help="The latest so many; of one batch, its first so many order lines."),
    ] = LISTED,
) -> None:  # fmt: skip
    """The latest batches with their milestones, or one in full."""
    from order_sync.cli.documents import BatchesDocument
    from order_sync.cli.show_history import one_batch_parts
    from order_sync.cli.show_state import batch_parts
    from order_sync.db import reports

    board_id = session.settings.monday.board_id
    if word is None:
        found = read_tables(
            session, lambda conn, t: reports.batches(conn, t, board_id=board_id, limit=limit)
        )
        session.result(BatchesDocument(found), *batch_parts(found))
        return
    document = read_tables(
        session, lambda conn, t: _batch_document(session, conn, t, identity, limit)
    )
    session.result(document, *one_batch_parts(document, session.profile.name))


def _batch_document(
    session: Session, conn: Connection, tables: Tables, identity: str | None, limit: int
) -> BatchDocument:
    from order_sync.cli.documents import BatchDocument, StagedRows, ToldItem
    from order_sync.db import monitoring

    batch_id = _the_one(conn, tables.batches, identity, "batch")
    batch = monitoring.batch(conn, tables, batch_id)
    profile = monitoring.profile_of(conn, tables, batch.run_id)
    refusals, warnings = monitoring.codes_of_run(conn, tables, batch.run_id, batch_id)
    web_url = session.settings.monday.web_url
    return BatchDocument(
        batch=batch,
        profile=profile,
        is_of_this_profile=profile == session.profile.name,
        board_url=board_url(web_url, batch.board_id),
        rows=[StagedRows(*row) for row in monitoring.rows_of_batch(conn, tables, batch_id)],
        items=[
            ToldItem(**asdict(item), url=item_url(web_url, batch.board_id, item.item_id))
            for item in monitoring.items_of_batch(conn, tables, batch_id, limit)
        ],
        refusals=_refused(refusals),
        warnings=_warned(warnings),
    )


def _refused(codes: Sequence[CodeCount]) -> list[RefusedWith]:
    from order_sync.cli.documents import RefusedWith
    from order_sync.rules.resolutions import what_to_do

    return [RefusedWith(one.code, one.rows, one.open, what_to_do(one.code)) for one in codes]


def _warned(codes: Sequence[CodeCount]) -> list[WarnedOf]:
    from order_sync.cli.documents import WarnedOf
    from order_sync.rules.refusals import what_it_means

    return [WarnedOf(one.code, one.rows, what_it_means(one.code)) for one in codes]


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
