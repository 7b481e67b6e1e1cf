"""errors list, show and resolve: refused orders, and what a person decides about them."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import getpass
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from order_sync.board_links import item_url
from order_sync.cli.command import command
from order_sync.cli.looking import read_tables
from order_sync.cli.output import from_json_text
from order_sync.cli.session import Session
from order_sync.errors import ConfigError
from order_sync.rules.filters import Filters
from order_sync.rules.resolutions import GroupBy, Resolution
from order_sync.rules.values import key_part, one_line, parse_key, size_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from order_sync.cli.documents import LinkedError, ListedError
    from order_sync.db.reports import ErrorDetail, ErrorSummary
    from order_sync.db.resolving import Choice, ResolvedOrder
    from order_sync.db.schema import Tables

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
    names = None if customer is None else filters.customer_keys(session.profile)
    listed = limit if session.json else limit or SHOWN_TO_PEOPLE

    def look(conn: Connection, tables: Tables) -> tuple[list[ErrorSummary], list[ListedError]]:
        found = reports.errors(conn, tables, board_id=board_id, code=code, resolved_too=every)
        found = [e for e in found if names is None or key_part(e.customer) in names]
        item_ids = reports.item_ids(conn, tables, found[:listed])
        return found, [_listed(session, error, item_ids) for error in found[:listed]]

    found, shown = read_tables(session, look)
    groups = reports.group_errors(found, group_by)
    document = ErrorsDocument(group_by, groups, errors=shown, total=len(found))
    session.result(document, *error_list_parts(groups, shown, len(found), group_by))


def _listed(
    session: Session, error: ErrorSummary, item_ids: Mapping[tuple[str, str], str]
) -> ListedError:
    from order_sync.cli.documents import ListedError

    item_id = item_ids.get((error.board_id, error.order_key))
    url = item_url(session.settings.monday.web_url, error.board_id, item_id)
    return ListedError(**vars(error), item_id=item_id, url=url)


def errors_show(session: Session, key: Key) -> None:
    """Everything about one order's refusals, with its source row and what can be decided."""
    from order_sync.cli.documents import LinkedError, OrderErrorsDocument
    from order_sync.cli.show_errors import error_parts
    from order_sync.db import reports

    Filters(key=key)
    settings = session.settings.monday

    def look(conn: Connection, tables: Tables) -> list[LinkedError]:
        found = reports.errors_of_order(conn, tables, parse_key(key), board_id=settings.board_id)
        item_ids = reports.item_ids(conn, tables, (error.summary for error in found))
        return [linked(e, item_ids.get((e.summary.board_id, e.summary.order_key))) for e in found]

    def linked(error: ErrorDetail, item_id: str | None) -> LinkedError:
        parsed = {name: from_json_text(getattr(error, name)) for name in ("payload", "original")}
        url = item_url(settings.web_url, error.summary.board_id, item_id)
        return LinkedError(**{**vars(error), **parsed}, item_id=item_id, url=url)

    found = read_tables(session, look)
    session.result(OrderErrorsDocument(parse_key(key), found), *error_parts(key, found))


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
    from order_sync.cli.documents import LinkedOrder, ResolvedDocument
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
    web_url = session.settings.monday.web_url
    orders = [
        LinkedOrder(**vars(one), url=item_url(web_url, board_id, one.item_id)) for one in done
    ]
    document = ResolvedDocument(as_, by=choice.by, note=choice.note, orders=orders)
    session.result(document, *resolved_parts(choice, orders))
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
