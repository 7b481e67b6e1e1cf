"""The command line: arguments in, text and exit code out."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from order_sync import __version__
from order_sync.cli import (
    adopt,
    dashboard,
    demo,
    errors,
    explain,
    history,
    looking,
    metrics,
    notify,
    runs,
    sandbox,
    schema,
    setup,
)

app = typer.Typer(
    name="order-sync",
    help="Publish a SQL table of orders to a monday.com board, exactly once.",
    epilog="New here? order-sync demo shows it all in a minute, without an account.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help is there in half the time
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"order-sync {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


for commands in (
    demo, setup, looking, history, metrics, notify, dashboard, errors, explain, adopt, runs,
    sandbox, schema,
):  # fmt: skip
    commands.add_to(app)


def main(argv: list[str] | None = None) -> None:
    """The console script; ends by SystemExit with the command's exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a customer's name must not end a run.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    app(args=argv, prog_name="order-sync")
