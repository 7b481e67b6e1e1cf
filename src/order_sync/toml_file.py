"""TOML files written by people: reading them, and saying in which line a mistake stands."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from order_sync.errors import ConfigError

Place = tuple[str | int, ...]  # keys and indexes on the way to a value, as pydantic gives them

_HEADER = re.compile(r"\s*\[\[?\s*(?P<path>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^.\s]+)")


@dataclass(frozen=True)
class TomlFile:
    """A parsed file with its text, to find lines in."""

    origin: str  # the name shown in messages
    text: str
    content: dict[str, Any]

    def problem(self, place: Place, message: str) -> str:
        """One line for a person: file, line where it can be found, key path, what is wrong."""
        line = self._line_of(place)
        where = f"{self.origin}:{line}" if line else self.origin
        path = path_text(place)
        return f"{where}: {path}: {message}" if path else f"{where}: {message}"

    def _line_of(self, place: Place) -> int | None:
        """The line in which a value, or else what surrounds it, begins; None if not found."""
        for length in range(len(place), 0, -1):
            line = _search(self.text.splitlines(), place[:length])
            if line is not None:
                return line
        return None


def parse_toml(text: str, origin: str) -> TomlFile:
    """`text` as TOML.

    Raises:
        ConfigError: it is no TOML; the message names the line.
    """
    try:
        return TomlFile(origin, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        problem = f"{origin}: not valid TOML: {error}"
        raise ConfigError(problem, problems=(problem,)) from None


def path_text(place: Place) -> str:
    """A key path as a person writes it: `columns[12].title`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion to append to a message, "" when nothing is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f', did you mean "{near[0]}"?' if near else ""


def pydantic_problems(
    error: ValidationError, model: type[BaseModel], *, show_values: bool
) -> list[tuple[Place, str]]:
    """What pydantic found, as (place, sentence); `show_values` only where nothing is secret."""
    found = []
    for item in error.errors(include_url=False, include_context=False):
        place = tuple(item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            known = _fields_at(model, place[:-1])
            message = f"unknown key{did_you_mean(str(place[-1]), known)}"
        elif item["type"] == "missing":
            message = "is missing"
        elif show_values and isinstance(item["input"], (str, int, float)):
            message += f" (it is {item['input']!r})"
        found.append((place, message))
    return found


def _fields_at(model: type[BaseModel], place: Place) -> list[str]:
    """Names of the keys allowed at `place`."""
    schema: Any = model.model_json_schema()
    node = schema
    for part in place:
        node = node.get("items", {}) if isinstance(part, int) else _child(node, part)
        while "$ref" in node or "anyOf" in node:
            if "anyOf" in node:
                node = node["anyOf"][0]
            else:
                node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return list(node.get("properties", {}))


def _child(node: Any, key: str) -> Any:
    return node.get("properties", {}).get(key) or node.get("additionalProperties") or {}


def _search(lines: Sequence[str], place: Place) -> int | None:
    """Number of the line on which `place` is written, as far as simple layouts show it."""
    table: list[str] = []
    index: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(lines, start=1):
        header = _HEADER.match(line)
        if header:
            table = ["".join(part) for part in _PART.findall(header["path"])]
            if line.lstrip().startswith("[["):
                index[tuple(table)] = index.get(tuple(table), -1) + 1
            here: list[str | int] = [*table]
            if tuple(table) in index:
                here.append(index[tuple(table)])
            if tuple(here) == place:
                return number
            continue
        prefix: list[str | int] = [*table]
        if tuple(table) in index:
            prefix.append(index[tuple(table)])
        if list(place[: len(prefix)]) != prefix:
            continue
        rest = place[len(prefix) :]
        if rest and isinstance(rest[0], str) and _assigns(line, rest[0]):
            if len(rest) == 1:
                return number
            if isinstance(rest[1], int):
                return _entry(lines, number, rest[1])
    return None


def _assigns(line: str, key: str) -> bool:
    return re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line) is not None


def _entry(lines: Sequence[str], start: int, position: int) -> int | None:
    """The line of the entry of an array that has one inline table on each line."""
    seen = -1
    for number, line in enumerate(lines[start:], start=start + 1):
        if line.lstrip().startswith("{"):
            seen += 1
            if seen == position:
                return number
        elif line.lstrip().startswith("]"):
            return None
    return None
