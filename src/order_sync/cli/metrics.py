"""metrics: the figures of the database, as Prometheus reads them."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from order_sync.cli.command import command
from order_sync.cli.looking import read_tables
from order_sync.cli.session import Session


def add_to(app: typer.Typer) -> None:
    command(app, "metrics")(metrics)


def metrics(
    session: Session,
    textfile: Annotated[
        Path | None,
        typer.Option("--textfile", metavar="FILE",
                     help="Write this file in one step, for node_exporter's textfile collector."),
    ] = None,
) -> None:  # fmt: skip
    """Figures of the board from the database, as Prometheus reads them."""
    from order_sync import metrics as figures_of
    from order_sync.db.figures import read_figures

    settings, profile = session.settings, session.profile
    board_id = settings.require_board()
    found = read_tables(session, lambda conn, t: read_figures(conn, t, board_id, profile.name))
    common = (board_id, profile.name, settings.environment)
    registry = figures_of.registry_of(found, common)
    if textfile is not None:
        figures_of.write_file(registry, textfile)
    if session.json:
        listed = [asdict(sample) for sample in figures_of.samples(found, common)]
        session.result({"metrics": listed, "textfile": None if textfile is None else str(textfile)})
    elif textfile is None:
        typer.echo(figures_of.as_text(registry), nl=False)
