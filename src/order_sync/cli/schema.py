"""schema: what programs may rely on, as JSON Schema."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from order_sync.cli.command import command
from order_sync.cli.output import leave_quietly
from order_sync.cli.session import Session
from order_sync.errors import ConfigError


def add_to(app: typer.Typer) -> None:
    command(app, "schema")(schema)


def schema(
    session: Session,  # noqa: ARG001 - how it ends is its own affair
    name: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Of its JSON document; without one: of all."),
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Of a profile.")] = False,
    settings: Annotated[bool, typer.Option("--settings", help="Of order-sync.toml.")] = False,
) -> None:
    """Print the JSON Schema of what a command prints with --output json."""
    asked = " ".join(name or ())
    if profile + settings + bool(asked) > 1:
        raise ConfigError(
            "COMMAND, --profile and --settings exclude each other", hint="ask for one of them"
        )
    _print(_profile() if profile else _settings() if settings else _documents(asked))


def _documents(asked: str) -> dict[str, Any]:
    from order_sync.cli.schemas import DOCUMENTS, WITHOUT_DOCUMENT, schema_of

    if asked in WITHOUT_DOCUMENT:
        raise ConfigError(
            f"{asked} prints {WITHOUT_DOCUMENT[asked]}: it has no document",
            hint="leave COMMAND out for the documents of all others",
        )
    if asked and asked not in DOCUMENTS:
        known = ", ".join(DOCUMENTS)
        raise ConfigError(f'there is no command "{asked}"', hint=f"those with a document: {known}")
    return schema_of([asked] if asked else DOCUMENTS)


def _profile() -> dict[str, Any]:
    from order_sync.profile import profile_schema

    return profile_schema()


def _settings() -> dict[str, Any]:
    from order_sync.settings import settings_schema

    return settings_schema()


def _print(found: dict[str, Any]) -> None:
    """One schema, whichever output is asked for: it is for programs anyway."""
    try:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        leave_quietly(sys.stdout)
