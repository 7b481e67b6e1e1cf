"""What the sandbox can be set to, and its faults."""

from __future__ import annotations

import dataclasses
import inspect as inspect_module
import re

from docs.generator.words import code, sentence, table
from order_sync.sandbox import available_faults
from order_sync.sandbox.options import PLANS, ImportLimits, Plan, SandboxOptions, setting_names


def fault_list() -> str:
    rows = ((code(name), sentence(what)) for name, what in available_faults().items())
    return table(("fault", "what happens"), rows)


def sandbox_settings() -> str:
    """What `--set` takes; the meaning is the comment behind the field."""
    return _sandbox_fields(SandboxOptions)


def sandbox_imports() -> str:
    return _sandbox_fields(ImportLimits)


def _sandbox_fields(owner: type[SandboxOptions | ImportLimits]) -> str:
    source = inspect_module.getsource(owner)
    comments = dict(re.findall(r"^    (\w+): .*?  # (.*)$", source, re.M))
    known = set(setting_names())
    rows = [
        (code(one.name), code(_written(one.default)), sentence(comments.get(one.name, "")))
        for one in dataclasses.fields(owner)
        if one.name in known
    ]
    return table(("setting", "default", "meaning"), rows)


def _written(default: object) -> str:
    """A default as `--set` reads it; none is a limit that is not there."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return "none" if default is None else str(default)


def sandbox_plans() -> str:
    rows = (
        (code(figure.name), *(f"{getattr(plan, figure.name):,}" for plan in PLANS.values()))
        for figure in dataclasses.fields(Plan)
    )
    return table(("figure", *PLANS), rows)


def sandbox_faults() -> str:
    return table(
        ("fault", "what happens"),
        ((code(name), sentence(says)) for name, says in available_faults().items()),
    )
