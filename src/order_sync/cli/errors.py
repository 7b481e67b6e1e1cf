"""errors list, show and resolve: refused orders, and what a person decides about them."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import getpass
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from order_sync.cli.command import command
from order_sync.cli.looking import read_tables
from order_sync.cli.output import from_json_text
from order_sync.cli.session import Session
from order_sync.errors import ConfigError
from order_sync.rules.filters import Filters
from order_sync.rules.resolutions import GroupBy, Resolution
from order_sync.rules.values import key_part, one_line, parse_key, size_key

if TYPE_CHECKING:
    from order_sync.db.reports import ErrorDetail, ErrorSummary
    from order_sync.db.resolving import Choice, ResolvedOrder

SHOWN_TO_PEOPLE = 50  # rows of a list, unless more are asked for
_LONGEST_NAME = 255  # characters of `resolved_by`

Key = Annotated[str, typer.Argument(metavar="KEY", help="Order number, or whole order key.")]
Code = Annotated[str | None, typer.Option("--code", metavar="CODE", help="Only this error code.")]


def add_to(app: typer.Typer) -> None:
    errors = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Refused orders, and what to do about them.",
    )
    command(errors, "errors list")(errors_list)
    command(errors, "errors show")(errors_show)
    command(errors, "errors resolve")(errors_resolve)
    app.add_typer(errors, name="errors")


def errors_list(
    session: Session,
    code: Code = None,
    customer: Annotated[
        str | None,
        typer.Option("--customer", metavar="NAME", help="Source name, alias or label."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
    group_by: Annotated[
        GroupBy, typer.Option("--group-by", help="What they are counted by.")
    ] = GroupBy.CODE,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", min=1,
            help=f"Show at most so many; people see {SHOWN_TO_PEOPLE}, programs all.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Refused orders that are still open, counted and one by one."""
    from order_sync.cli.documents import ErrorsDocument
    from order_sync.cli.show_errors import error_list_parts
    from order_sync.db import reports

    filters = Filters(customer=customer)
    _require_filled(code=code)
    board_id = session.settings.monday.board_id
    found: list[ErrorSummary] = read_tables(
        session,
        lambda conn, t: reports.errors(conn, t, board_id=board_id, code=code, resolved_too=every),
    )
    if customer is not None:
        names = filters.customer_keys(session.profile)
        found = [error for error in found if key_part(error.customer) in names]
    groups = reports.group_errors(found, group_by)
    document = ErrorsDocument(group_by, groups, errors=found[:limit], total=len(found))
    shown = found[: limit or SHOWN_TO_PEOPLE]
    session.result(document, *error_list_parts(groups, shown, len(found), group_by))


def errors_show(session: Session, key: Key) -> None:
    """Everything about one order's refusals, with its source row and what can be decided."""
    from order_sync.cli.show_errors import error_parts
    from order_sync.db import reports

    Filters(key=key)
    board_id = session.settings.monday.board_id
    found: list[ErrorDetail] = read_tables(
        session,
        lambda conn, t: reports.errors_of_order(conn, t, parse_key(key), board_id=board_id),
    )
    documents = [
        asdict(e) | {"payload": from_json_text(e.payload), "original": from_json_text(e.original)}
        for e in found
    ]
    session.result({"key": parse_key(key), "errors": documents}, *error_parts(key, found))


def errors_resolve(
    session: Session,
    key: Key,
    as_: Annotated[
        Resolution,
        typer.Option(
            "--as", metavar="retry|ignore|recreate|forget",
            help="retry: try it again at once. ignore: leave it and stop counting it until its "
            "data changes. recreate: forget the item and make it anew. forget: never publish it.",
        ),
    ],
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="Why, for those who look later.")
    ] = None,
    code: Code = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="SIZE", help="Only this size line.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Who decides; else the user of this computer."),
    ] = None,
) -> int:  # fmt: skip
    """Decide about refused orders that wait for a person."""
    from order_sync.cli.documents import ResolvedDocument
    from order_sync.cli.show_errors import resolved_parts
    from order_sync.db import resolving
    from order_sync.db.engine import Database, board_lock
    from order_sync.db.schema import build_tables

    Filters(key=key)
    _require_filled(code=code, size=size, by=by)
    board_id = session.settings.require_board()
    choice = resolving.Choice(
        resolution=as_,
        key=parse_key(key),
        by=one_line(by or _user())[:_LONGEST_NAME],
        note=one_line(note or ""),
        code=code,
        size_key=None if size is None else size_key(size),
    )
    found = read_tables(session, lambda conn, t: resolving.find(conn, t, board_id, choice))
    if not _agreed(session, choice, found):
        return session.declined("nothing was resolved")
    keys = frozenset(order.order_key for order in found)
    tables = build_tables(session.profile)
    with (
        closing(Database(session.settings.database.url)) as database,
        board_lock(database, board_id),
    ):
        done = database.run(
            lambda conn: resolving.resolve(conn, tables, session.profile, board_id, choice, keys)
        )
    document = ResolvedDocument(as_, by=choice.by, note=choice.note, orders=done)
    session.result(document, *resolved_parts(choice, done))
    return 0


def _agreed(session: Session, choice: Choice, found: list[ResolvedOrder]) -> bool:
    """Whether the person means it: asked when it forgets something, or is about several orders."""
    from order_sync.cli.show_errors import named

    forgets = choice.resolution in (Resolution.RECREATE, Resolution.FORGET)
    if not forgets and len(found) == 1:
        return True
    what = named(found[0])
    if len(found) > 1:
        what = f"these {len(found)} order lines"
        for order in found:
            session.say(f"{named(order)}: {', '.join(order.codes)}")
    meaning = {
        Resolution.RECREATE: "What is known on the board is forgotten, and it is made anew. ",
        Resolution.FORGET: "What is known on the board is forgotten, and it is not sent any more. ",
    }.get(choice.resolution, "")
    return session.confirm(f"{meaning}Resolve {what} as {choice.resolution}?")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return "unknown"


def _require_filled(**options: str | None) -> None:
    for name, value in options.items():
        if value is not None and not key_part(value):
            raise ConfigError(f"--{name} is blank: leave it out, or say what it is")
