"""check and status: they look and change nothing."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from order_sync.board_links import board_url
from order_sync.cli.command import command
from order_sync.cli.session import Session

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from order_sync.db.schema import Tables


def add_to(app: typer.Typer) -> None:
    command(app, "check")(check)
    command(app, "status")(status)


def check(
    session: Session,
    create_key_columns: Annotated[
        bool,
        typer.Option("--create-key-columns",
                     help="Add the column ORDER SYNC KEY to the board and its subitem board."),
    ] = False,
    export_board: Annotated[
        Path | None,
        typer.Option("--export-board", metavar="FILE",
                     help="Write the board's structure there, for order-sync sandbox --board."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace that file when there is one.")
    ] = False,
) -> int:  # fmt: skip
    """See whether a sync could run, and what to do if not."""
    from order_sync.board_export import refuse_existing
    from order_sync.checks import Export, exit_code_of, run_checks
    from order_sync.cli.documents import CheckDocument
    from order_sync.cli.show_state import check_parts

    if export_board is not None and not force:
        refuse_existing(export_board)
    may_add = session.confirm if create_key_columns else None
    export = None if export_board is None else Export(export_board, replace=force)
    rows = run_checks(lambda: session.settings, lambda: session.profile, may_add, export)
    code = exit_code_of(rows)
    session.result(CheckDocument(code == 0, int(code), rows), *check_parts(rows))
    return int(code)


def status(session: Session) -> None:
    """Last runs, what is on the board, in hand and refused."""
    from order_sync.cli.documents import StatusDocument
    from order_sync.cli.show_state import status_parts
    from order_sync.db import reports

    board_id = session.settings.monday.board_id

    def read(conn: Connection, tables: Tables) -> tuple[Any, ...]:
        looks = (reports.last_runs, reports.on_board, reports.staged, reports.open_errors)
        return tuple(look(conn, tables, board_id=board_id) for look in looks)

    runs, on_board, staged, errors = read_tables(session, read)
    document = StatusDocument(
        board_id=board_id,
        board_url=board_url(session.settings.monday.web_url, board_id),
        runs=runs,
        on_board=on_board,
        staged=staged,
        open_errors=errors,
        in_doubt=reports.in_doubt(staged),
    )
    session.result(document, *status_parts(runs, on_board, staged, errors))


def read_tables(session: Session, look: Any) -> Any:
    """What `look` finds in the tables of the profile; an older schema is an error."""
    from order_sync.db.schema import build_tables
    from order_sync.db.upgrade import inspect_schema, require_current

    tables = build_tables(session.profile)
    with session.reading() as database, database.begin() as conn:
        require_current(inspect_schema(conn, tables))
        return look(conn, tables)
