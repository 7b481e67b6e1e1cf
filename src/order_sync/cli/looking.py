"""check, status, batches and errors: they look and change nothing."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from order_sync.cli.command import command
from order_sync.cli.output import from_json_text
from order_sync.cli.session import Session
from order_sync.errors import ConfigError
from order_sync.rules.filters import Filters
from order_sync.rules.values import key_part, parse_key

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from order_sync.db.reports import ErrorDetail, ErrorSummary
    from order_sync.db.schema import Tables


def add_to(app: typer.Typer) -> None:
    command(app, "check")(check)
    command(app, "status")(status)
    command(app, "batches")(batches)
    errors = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Refused orders, and what to do about them.",
    )
    command(errors, "errors list")(errors_list)
    command(errors, "errors show")(errors_show)
    app.add_typer(errors, name="errors")


def check(session: Session) -> int:
    """See whether a sync could run, and what to do if not."""
    from order_sync.checks import exit_code_of, run_checks
    from order_sync.cli.show_state import check_parts

    rows = run_checks(lambda: session.settings, lambda: session.profile)
    code = exit_code_of(rows)
    document = {"ok": code == 0, "exit_code": int(code), "checks": [asdict(row) for row in rows]}
    session.result(document, *check_parts(rows))
    return int(code)


def status(session: Session) -> None:
    """Last runs, what is on the board, in hand and refused."""
    from order_sync.cli.show_state import status_parts
    from order_sync.db import reports

    board_id = session.settings.monday.board_id

    def read(conn: Connection, tables: Tables) -> tuple[Any, ...]:
        looks = (reports.last_runs, reports.on_board, reports.staged, reports.open_errors)
        return tuple(look(conn, tables, board_id=board_id) for look in looks)

    runs, on_board, staged, errors = _read(session, read)
    session.result(
        {
            "board_id": board_id,
            "runs": runs,
            "on_board": on_board,
            "staged": staged,
            "open_errors": errors,
            "in_doubt": reports.in_doubt(staged),
        },
        *status_parts(runs, on_board, staged, errors),
    )


def batches(session: Session) -> None:
    """The latest 20 batches with their milestones."""
    from order_sync.cli.show_state import batch_parts
    from order_sync.db import reports

    board_id = session.settings.monday.board_id
    found = _read(session, lambda conn, t: reports.batches(conn, t, board_id=board_id))
    session.result({"batches": found}, *batch_parts(found))


def errors_list(
    session: Session,
    code: Annotated[
        str | None, typer.Option("--code", metavar="CODE", help="Only this error code.")
    ] = None,
    customer: Annotated[
        str | None,
        typer.Option("--customer", metavar="NAME", help="Source name, alias or label."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
) -> None:
    """Refused orders that are still open."""
    from order_sync.cli.show_state import error_list_parts
    from order_sync.db import reports

    filters = Filters(customer=customer)
    if code is not None and not code.strip():
        raise ConfigError("--code is blank: leave it out, or name a code")
    board_id = session.settings.monday.board_id
    found: list[ErrorSummary] = _read(
        session,
        lambda conn, t: reports.errors(conn, t, board_id=board_id, code=code, resolved_too=every),
    )
    if customer is not None:
        names = filters.customer_keys(session.profile)
        found = [error for error in found if key_part(error.customer) in names]
    session.result({"errors": found}, *error_list_parts(found))


def errors_show(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Order number, or whole order key.")],
) -> None:
    """Everything about one order's refusals, with its source row."""
    from order_sync.cli.show_state import error_parts
    from order_sync.db import reports

    Filters(key=key)
    board_id = session.settings.monday.board_id
    found: list[ErrorDetail] = _read(
        session,
        lambda conn, t: reports.errors_of_order(conn, t, parse_key(key), board_id=board_id),
    )
    documents = [
        asdict(e) | {"payload": from_json_text(e.payload), "original": from_json_text(e.original)}
        for e in found
    ]
    session.result({"key": parse_key(key), "errors": documents}, *error_parts(key, found))


def _read(session: Session, look: Any) -> Any:
    """What `look` finds in the tables of the profile; an older schema is an error."""
    from order_sync.db.schema import build_tables
    from order_sync.db.upgrade import inspect_schema, require_current

    tables = build_tables(session.profile)
    with session.reading() as database, database.begin() as conn:
        require_current(inspect_schema(conn, tables))
        return look(conn, tables)
