"""What the headers and hints of an answer say: limits, waits, version, replay. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from order_sync.rules.budget import Complexity, Limit

LONGEST_HINT_S = 86_400.0  # no limit of monday.com lasts longer than a day
DEEPEST = 6  # levels of an error in which a hint is looked for

# One member of a structured-field list: "name";key=value;key="value"
_MEMBER = re.compile(r'"([^"]*)"((?:\s*;\s*[A-Za-z*][\w.*-]*\s*=\s*(?:"[^"]*"|[^;,\s"]+))*)')
_PARAMETER = re.compile(r';\s*([A-Za-z*][\w.*-]*)\s*=\s*(?:"([^"]*)"|([^;,\s"]+))')

# Waits as the bodies name them, without case and separators, in seconds per unit.
_HINT_UNITS = {
    "retryinseconds": 1.0,
    "retryafterseconds": 1.0,
    "retryafter": 1.0,
    "retryafterms": 0.001,
}


def seconds(value: object, unit: float = 1.0) -> float | None:
    """A wait as a sane number of seconds; None when it is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value) * unit
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else min(max(number, 0.0), LONGEST_HINT_S)


def hints(node: object, depth: int = 0) -> Iterator[float]:
    """Every wait named anywhere inside an error, in seconds."""
    if depth > DEEPEST:
        return
    if isinstance(node, Mapping):
        for key, value in node.items():
            unit = _HINT_UNITS.get(str(key).replace("_", "").replace("-", "").casefold())
            wait = None if unit is None else seconds(value, unit)
            if wait is not None:
                yield wait
            yield from hints(value, depth + 1)
    elif isinstance(node, list):
        for value in node:
            yield from hints(value, depth + 1)


def limits(headers: Mapping[str, str]) -> tuple[Limit, ...]:
    """`RateLimit-Policy` and `RateLimit` together, one entry per name; unknown names stay in.

    headers: names in lower case.
    """
    policies = _members(headers.get("ratelimit-policy", ""))
    states = _members(headers.get("ratelimit", ""))
    return tuple(
        Limit(
            name=name,
            quota=_whole(policies.get(name, {}).get("q")),
            remaining=_whole(states.get(name, {}).get("r")),
            reset_s=seconds(states.get(name, {}).get("t")),
            window_s=seconds(policies.get(name, {}).get("w")) or None,
        )
        for name in dict.fromkeys([*policies, *states])
    )


def _members(header: str) -> dict[str, dict[str, str]]:
    return {
        name: {key: quoted or bare for key, quoted, bare in _PARAMETER.findall(rest)}
        for name, rest in _MEMBER.findall(header)
    }


def _whole(value: object) -> int | None:
    """A count, not below zero; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return max(0, int(float(value)))
    except (ValueError, OverflowError):
        return None


def complexity(data: Mapping[str, Any]) -> Complexity | None:
    """The `complexity` field of an answer; None when it is missing or not whole."""
    field = data.get("complexity")
    if not isinstance(field, dict):
        return None
    before, query, after = (_whole(field.get(key)) for key in ("before", "query", "after"))
    reset = seconds(field.get("reset_in_x_seconds"))
    if before is None or query is None or after is None or reset is None:
        return None
    return Complexity(before=before, query=query, after=after, reset_s=reset)
