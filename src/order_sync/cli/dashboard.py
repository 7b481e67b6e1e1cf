"""dashboard: the monitoring pages."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from order_sync.cli.command import command
from order_sync.cli.session import Session
from order_sync.errors import ConfigError

PORT = 8321
SHORTEST_TOKEN = 24  # characters: too many to be guessed
TOKEN = re.compile(r"[A-Za-z0-9_-]+")  # what an address and a cookie carry as it is


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
    access_file: Annotated[
        Path | None,
        typer.Option("--access-file", metavar="FILE", show_default=False,
                     help="Take the token from this file; without it each start makes a new one."),
    ] = None,
) -> int:  # fmt: skip
    """Serve the monitoring pages until Ctrl-C."""
    from order_sync.cli.documents import DashboardDocument
    from order_sync.dashboard import create_app, serve
    from order_sync.dashboard.access import Access, is_loopback, new_token

    if access_file is not None:
        token: str | None = _token_of(session, access_file)
    else:
        token = new_token() if actions or not is_loopback(host) else None
    access = Access(host, token)

    def announce(address: str) -> None:
        # A token somebody keeps in a file is nobody's to print.
        shown = address if token is None or access_file else f"{address}/?token={token}"
        lines = [shown]
        if access_file is not None:
            lines.append(f"To act, open {address}/?token= followed by what {access_file} holds.")
        elif access.needs_token:
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


def _token_of(session: Session, path: Path) -> str:
    """The token in a file.

    Raises:
        ConfigError: there is no such file, or what it holds is no token.
    """
    from order_sync.private_files import warning_if_open

    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(
            f"--access-file {path} cannot be read: {why}",
            hint="name a file that is there and that you may read",
        ) from error
    if len(token) < SHORTEST_TOKEN or not TOKEN.fullmatch(token):
        raise ConfigError(
            f"--access-file {path} holds no token",
            hint=f"write {SHORTEST_TOKEN} or more letters, digits, - and _ into it,"
            " such as: openssl rand -hex 24",
        )
    warning = warning_if_open(path, "the token of the pages")
    if warning:
        session.note(warning)
    return token
