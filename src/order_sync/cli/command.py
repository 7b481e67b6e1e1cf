"""How a function becomes a command: the options all commands share, and how each one ends."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from order_sync.cli.session import Session
from order_sync.rules.filters import Filters


class Output(StrEnum):
    """Who reads the result."""

    TABLE = "table"  # a person
    JSON = "json"  # a program


def _option(kind: Any, default: object, *flags: str, **more: Any) -> tuple[Any, object]:
    """(annotation, default) of an option."""
    return Annotated[kind, typer.Option(*flags, **more)], default


_TEXT: Any = str | None
_SHARED = {
    "yes": _option(bool, False, "--yes", "-y", help="Ask nothing."),
    "output": _option(
        Output, Output.TABLE, "--output", "-o", help="Text for people, or one JSON document."
    ),
    "env": _option(_TEXT, None, "--env", metavar="NAME", help="Environment of the settings."),
    "config": _option(
        Path | None, None, "--config", metavar="FILE",
        help="Settings; else order-sync.toml here or above.",
    ),
    "verbose": _option(
        bool, False, "--verbose", "-v", help="Log what happens, and show tracebacks."
    ),
}  # fmt: skip
_FILTERS = {
    "customer": _option(
        _TEXT, None, "--customer", metavar="NAME", help="Source name, alias or label."
    ),
    "po": _option(_TEXT, None, "--po", metavar="NUMBER", help="Purchase order."),
    "aag_season": _option(_TEXT, None, "--aag-season", metavar="SEASON", help="AAG season."),
    "customer_season": _option(
        _TEXT, None, "--customer-season", metavar="SEASON", help="Customer season."
    ),
    "key": _option(_TEXT, None, "--key", metavar="KEY", help="Order number, or whole order key."),
    "limit": _option(int | None, None, "--limit", metavar="N", help="At most so many order lines."),
}

Body = Callable[..., int | None]


def command(app: typer.Typer, name: str, *, filtered: bool = False) -> Callable[[Body], Body]:
    """Register a function as a command.

    The function takes a `Session` and its own options, and returns the exit code (None: 0).
    It gets the options every command has, and with `filtered` the filters, as `session`.
    """

    def register(body: Body) -> Body:
        own = list(inspect.signature(body, eval_str=True).parameters.values())[1:]
        added = (_FILTERS if filtered else {}) | _SHARED

        def run(**given: Any) -> None:
            chosen = {option: given.pop(option) for option in added}
            session = Session(
                name=name,
                yes=chosen["yes"],
                json=chosen["output"] is Output.JSON,
                env=chosen["env"],
                config=chosen["config"],
                verbose=chosen["verbose"],
            )

            def work() -> int | None:
                if filtered:
                    session.filters = Filters(**{option: chosen[option] for option in _FILTERS})
                return body(session, **given)

            raise typer.Exit(session.run(work))

        parameters = own + [
            inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
            )
            for option, (annotation, default) in added.items()
        ]
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
        run.__doc__ = body.__doc__
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        vars(run)["__signature__"] = inspect.Signature(parameters)
        app.command(name.rpartition(" ")[2])(run)
        return body

    return register
