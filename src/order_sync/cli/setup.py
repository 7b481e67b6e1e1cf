"""init, load and db: they write the settings, and the tables a run works on."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import shlex
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from order_sync.cli.command import command
from order_sync.cli.session import Session
from order_sync.order_files.cells import DateOrder


class Mode(StrEnum):
    """What becomes of the rows that are there."""

    REPLACE = "replace"
    APPEND = "append"


def add_to(app: typer.Typer) -> None:
    command(app, "init")(init)
    command(app, "load")(load)
    database = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="The tables order-sync works in."
    )
    command(database, "db upgrade")(db_upgrade)
    app.add_typer(database, name="db")


def init(
    session: Session,
    path: Annotated[
        Path | None,
        typer.Option("--path", metavar="FILE", help="Write this file, not order-sync.toml here."),
    ] = None,
    board_id: Annotated[
        str | None, typer.Option("--board-id", metavar="ID", help="Set monday.board_id.")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option("--database-url", metavar="URL", help="Set database.url.")
    ] = None,
    source_table: Annotated[
        str | None, typer.Option("--source-table", metavar="NAME", help="Set source.table.")
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile", metavar="FILE", help="Write a profile of your own there, to be changed."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file when there is one.")
    ] = False,
) -> None:
    """Write an order-sync.toml with every setting explained."""
    from order_sync.cli.documents import InitDocument
    from order_sync.cli.show_setup import init_parts, profile_parts
    from order_sync.config import CONFIG_FILE, find_config
    from order_sync.starter_settings import (
        Known,
        named_in,
        write_profile,
        write_settings,
        write_settings_and_profile,
    )

    file = (path or session.config or Path(CONFIG_FILE)).absolute()
    known = Known(board_id, database_url, source_table)
    stays = profile is not None and file.exists() and not force and not known.values()
    if profile is None:
        write_settings(file, known, replace=force)
    elif stays:
        write_profile(profile)
    else:
        write_settings_and_profile(file, profile, known, replace=force)
    option = "" if find_config(Path.cwd()) == file else f" --config {shlex.quote(str(file))}"
    commands = [f"order-sync {name}{option}" for name in ("check", "load FILE", "plan")]
    session.result(
        InitDocument(
            str(file), None if profile is None else str(profile.absolute()), not stays, commands
        ),
        *(
            profile_parts(file, profile, named_in(file, profile))
            if profile is not None and stays
            else init_parts(file, profile, commands, has_board=board_id is not None)
        ),
    )


def load(
    session: Session,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV (UTF-8), Excel or Parquet; the first row names the columns."
        ),
    ],
    mode: Annotated[
        Mode, typer.Option("--mode", help="Replace the rows that are there, or add to them.")
    ] = Mode.REPLACE,
    sheet: Annotated[
        str | None,
        typer.Option("--sheet", metavar="NAME", help="Of an Excel file with more than one."),
    ] = None,
    dates: Annotated[
        DateOrder | None,
        typer.Option(
            "--dates",
            metavar="day-first|month-first",
            help="How to read dates such as 03/02/2026; without it they are refused.",
        ),
    ] = None,
) -> int:
    """Load a file of orders into the source table."""
    from order_sync import loading
    from order_sync.cli.show_setup import load_parts
    from order_sync.order_files import open_orders

    settings = session.settings
    orders = open_orders(file, session.profile, sheet=sheet, dates=dates)
    for notice in orders.notices:
        session.note(notice)
    if mode is Mode.REPLACE:
        present = loading.rows_present(settings)
        question = f"{settings.source.table} holds {present:,} rows. Replace them?"
        if present and not session.confirm(question):
            return session.declined("nothing was loaded")
    report = loading.load(settings, session.profile, orders, loading.LoadMode(mode.value))
    undated = [name for name, kind in orders.columns if kind == "DATE" and not dates]
    session.result(
        report,
        *load_parts(
            report,
            sizes=session.profile.sizes.names,
            ask_for_dates=any(name in report.unreadable for name in undated),
        ),
    )
    return 0


def db_upgrade(session: Session) -> None:
    """Create missing tables and columns. Never drops data."""
    from order_sync.cli.documents import UpgradeDocument
    from order_sync.cli.show_setup import upgrade_parts
    from order_sync.db.engine import Database
    from order_sync.db.schema import SCHEMA_VERSION, build_tables
    from order_sync.db.upgrade import upgrade

    settings = session.settings
    tables = build_tables(session.profile)
    with closing(Database(settings.database.url)) as database:
        found = database.run(lambda conn: upgrade(conn, tables))
    document = UpgradeDocument(
        was_current=found.is_current,
        from_version=found.version,
        to_version=SCHEMA_VERSION,
        created_tables=found.missing_tables,
        added_columns=[".".join(place) for place in found.missing_columns],
    )
    session.result(document, *upgrade_parts(found, settings.database.safe_url))
