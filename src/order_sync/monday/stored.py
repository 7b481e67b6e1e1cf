"""Requests and answers on record, one row of them at a time.

Other orders travel in the same document, so whoever asks about one order is shown its part alone.
"""

from __future__ import annotations

import re
from typing import Any

import orjson


def document(content: bytes | None) -> Any:
    """A stored body or answer as JSON; a text when it is none, None when nothing is stored."""
    if content is None:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")


def asked(body: bytes | None, position: int) -> dict[str, Any]:
    """What a request asked for its row `position`: the variables of that row, by their names.

    A variable that holds JSON as a text, as monday.com wants column values, is read.
    """
    sent = document(body)
    variables = sent.get("variables") if isinstance(sent, dict) else None
    if not isinstance(variables, dict):
        return {}
    # Names of a whole document have no number; those of a row end with its own.
    numbered = re.compile(rf"([a-z_]+){position}")
    return {
        match[1]: _read(value)
        for name, value in variables.items()
        if (match := numbered.fullmatch(name)) is not None
    }


def answered(answer: bytes | None, position: int) -> Any:
    """What the answer says about row `position`: {"data", "errors"}, each only if there is one.

    An error without a path is about every row. An answer that is no JSON is told as a text.
    """
    said = document(answer)
    if not isinstance(said, dict):
        return said
    alias = f"r{position}"
    data, errors = said.get("data"), said.get("errors")
    found: dict[str, Any] = {}
    if isinstance(data, dict) and data.get(alias) is not None:
        found["data"] = data[alias]
    mine = [e for e in errors if _is_about(e, alias)] if isinstance(errors, list) else []
    # Answers before GraphQL looked at the document have other shapes, and are short.
    return found | ({"errors": mine} if mine else {}) if data or errors else said


def _is_about(error: Any, alias: str) -> bool:
    path = error.get("path") if isinstance(error, dict) else None
    return not path or not isinstance(path, list) or path[0] == alias


def _read(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value
