"""Every command with its options and exit codes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

import typer

from docs.generator.words import code, table
from order_sync.cli import app
from order_sync.cli.command import _FILTERS, _SHARED
from order_sync.errors import EXIT_MEANINGS, ExitCode

_ANY = (0, 1, 2, 130)
_RUN = tuple(int(code_) for code_ in ExitCode)
# What each command can end with, besides what every command can.
EXITS: dict[str, tuple[int, ...]] = {
    "demo": (143,),
    "init": (),
    "load": (5,),
    "check": (4, 5, 6, 8),
    "db upgrade": (5,),
    "plan": (4, 5, 6),
    "sync": _RUN,
    "retry": _RUN,
    "status": (5,),
    "runs": (5,),
    "batches": (5,),
    "metrics": (5,),
    "notify test": (5,),
    "notify check": (5,),
    "errors list": (5,),
    "errors show": (5,),
    "errors resolve": (5, 7),
    "explain": (5,),
    "adopt": (3, 4, 5, 6, 7, 143),
    "sandbox": (7,),
    "dashboard": (),
    "schema": (),
}
_EXIT_NOTES = {
    "notify test": "5 when an address did not take the message.",
    "notify check": "5 also when an address did not take a message.",
    "demo": "0 only when exactly the rows the sample marks as bad were refused, else 1.",
    "load": "1 also when you answer no to the question.",
    "errors resolve": "1 also when you answer no to the question.",
    "adopt": "3 when an order stands twice on the board, or is in doubt.",
    "check": "The code a run would stop with at the first check that fails.",
    "dashboard": "0 after Ctrl-C.",
    "sandbox": "0 after Ctrl-C; 7 when another sandbox works with the file of --state.",
}


def exit_codes() -> str:
    return table(("code", "meaning"), ((int(c), EXIT_MEANINGS[c]) for c in ExitCode))


def leaf_commands() -> dict[str, Any]:
    """Name as typed -> command, groups left out."""

    def leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        for sub, child in getattr(command, "commands", {}).items():
            typed = f"{name} {sub}".strip()
            if getattr(child, "commands", None):
                yield from leaves(child, typed)
            else:
                yield typed, child

    return dict(leaves(typer.main.get_command(app), ""))


def command_overview() -> str:
    return table(
        ("command", "what it does"),
        (
            (f"[`{name}`](#{name.replace(' ', '-')})", (command.help or "").strip())
            for name, command in leaf_commands().items()
        ),
    )


def command_shared() -> str:
    return _options(p for p in leaf_commands()["check"].params if p.name in _SHARED)


def command_filters() -> str:
    return _options(p for p in leaf_commands()["plan"].params if p.name in _FILTERS)


def command_list() -> str:
    return "\n\n".join(_command(name, c) for name, c in leaf_commands().items())


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    needed = [
        f"{p.opts[0]} {p.metavar.partition('|')[0]}"
        for p in command.params
        if p.required and p not in arguments
    ]
    usage = " ".join(["order-sync", name, *(p.metavar for p in arguments), *needed])
    filtered = {p.name for p in command.params} >= _FILTERS.keys()
    own = [
        p for p in command.params if p.name not in _SHARED and not (filtered and p.name in _FILTERS)
    ]
    parts = [f"### {name}", f"```\n{usage}\n```", (command.help or "").strip()]
    if own:
        parts.append(_options(own))
    if filtered:
        parts.append("Takes the [filters](#filters).")
    codes = ", ".join(str(c) for c in sorted({*_ANY, *EXITS[name]}))
    parts.append(f"Exit codes: {codes}. {_EXIT_NOTES.get(name, '')}".strip())
    return "\n\n".join(parts)


def _options(params: Iterable[Any]) -> str:
    return table(
        ("option", "meaning", "default"),
        ((_names(p), p.help or "", _option_default(p)) for p in params),
    )


def _names(param: Any) -> str:
    if param.param_type_name == "argument":
        return code(param.metavar)
    value = "" if getattr(param, "is_flag", False) else f" {_value(param)}"
    return ", ".join(code(option + value) for option in sorted(param.opts, key=len, reverse=True))


def _value(param: Any) -> str:
    if isinstance(param.default, Enum):
        return "|".join(str(choice.value) for choice in type(param.default))
    return str(param.metavar)


def _option_default(param: Any) -> str:
    value = getattr(param.default, "value", param.default)
    if param.required:
        return "required"
    if value is None or value is False or value == "" or callable(value):
        return ""
    return code(f"{value:g}" if isinstance(value, float) else value)
