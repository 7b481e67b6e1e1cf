"""dashboard: the monitoring pages."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import sys
from typing import Annotated

import typer

from order_sync.cli.command import command
from order_sync.cli.session import Session
from order_sync.errors import ConfigError

PORT = 8321


def add_to(app: typer.Typer) -> None:
    command(app, "dashboard")(dashboard)


def dashboard(
    session: Session,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0: any free one.")
    ] = PORT,
    host: Annotated[
        str,
        typer.Option("--host", metavar="NAME",
                     help="Address to listen on; any but this machine's own asks for a token."),
    ] = "127.0.0.1",
    actions: Annotated[
        bool,
        typer.Option("--actions", help="Print an address with a token that lets a person act."),
    ] = False,
) -> int:  # fmt: skip
    """Serve the monitoring pages until Ctrl-C."""
    from order_sync.cli.documents import DashboardDocument
    from order_sync.dashboard import create_app, serve
    from order_sync.dashboard.access import Access, is_loopback, new_token

    token = new_token() if actions or not is_loopback(host) else None
    access = Access(host, token)

    def announce(address: str) -> None:
        shown = address if token is None else f"{address}/?token={token}"
        lines = [shown]
        if access.needs_token:
            lines.append("Whoever has this address may look and act; nobody may without it.")
        elif token is not None:
            lines.append("Whoever has this address may act; without the token they may look.")
        lines.append("Ctrl-C ends it.")
        session.result(DashboardDocument(address, shown), "\n".join(lines))
        sys.stdout.flush()

    with session.reading() as database:
        app = create_app(session.settings, session.profile, database, access)
        try:
            serve(app, host, port, announce)
        except KeyboardInterrupt:
            session.say("the dashboard has ended")
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                hint="choose another --port or --host",
            ) from error
    return 0
