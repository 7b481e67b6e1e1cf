"""Faults written in a TOML file.

seed = 7  # of all chances in the file; a fault may have a seed of its own

[[fault]]
name = "429"
times = 0
probability = 0.05

[[fault]]
name = "lose-answer-after-write"
match = "create_item"
"""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any

from order_sync.sandbox.faults import Fault, make_fault

_KEYS = ("fault", "seed")
_HEADER = re.compile(r"\s*\[\[\s*[\"']?fault[\"']?\s*\]\]")


class FaultFileError(ValueError):
    """A file of faults that cannot be used; `problems` has a line for each fault with a mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def read_faults(path: str | Path, seed: int = 0) -> list[Fault]:
    """The faults of a file; the first that fits a request strikes.

    seed: where the file has none. Each fault draws from chances of its own, so that two of the
    same probability do not strike together.

    Raises:
        FaultFileError: with the mistakes of all faults. OSError: the file cannot be read.
    """
    try:
        text = Path(path).read_text("utf-8")
        content = tomllib.loads(text)
    except ValueError as error:  # also what is no text at all
        raise FaultFileError([f"{path}: not valid TOML: {error}"]) from None
    problems = [f"{path}: {_unknown(key)}" for key in content if key not in _KEYS]
    seed, given = content.get("seed", seed), content.get("fault", [])
    if type(seed) is not int:
        problems.append(f"{path}: seed has to be a whole number, not {seed!r}")
        seed = 0
    if not isinstance(given, list):
        problems.append(f"{path}: write [[fault]] above each fault")
        given = []
    lines = [n for n, line in enumerate(text.splitlines(), start=1) if _HEADER.match(line)]
    faults = []
    for position, settings in enumerate(given):
        try:
            faults.append(_fault(settings, seed + position))
        except ValueError as error:
            place = f"{path}:{lines[position]}" if position < len(lines) else f"{path}"
            problems.append(f"{place}: fault {position + 1}: {error}")
    if problems:
        raise FaultFileError(problems)
    return faults


def _fault(settings: Any, seed: int) -> Fault:
    if not isinstance(settings, dict) or not isinstance(settings.get("name"), str):
        raise ValueError("has no name")
    rest = {key: value for key, value in settings.items() if key != "name"}
    return make_fault(settings["name"], **{"seed": seed, **rest})


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, _KEYS, n=1)
    return f"unknown key {key!r}" + (f", did you mean {near[0]!r}?" if near else "")
