"""adopt: learn a board that is there already."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from order_sync.cli.command import command
from order_sync.cli.progress import watched
from order_sync.cli.session import Session, stop_of


def add_to(app: typer.Typer) -> None:
    command(app, "adopt", filtered=True)(adopt)


def adopt(
    session: Session,
    write_keys: Annotated[
        bool,
        typer.Option("--write-keys", help="Fill the ORDER SYNC KEY columns of matched rows."),
    ] = False,
) -> int:
    """Learn an existing board; writes nothing to it."""
    from order_sync.adoption import run_adopt
    from order_sync.cli.show_adopt import adopt_parts

    settings, profile = session.settings, session.profile
    with watched(logged=session.logs_json) as progress:
        report = run_adopt(settings, profile, session.filters, progress, fill_keys=write_keys)
    session.result(asdict(report), *adopt_parts(report), error=stop_of(report))
    return int(report.exit_code)
