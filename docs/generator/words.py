"""Tables and words of Markdown, and what the source says behind its names."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

Rows = Iterable[Iterable[object]]


def table(headings: Iterable[str], rows: Rows) -> str:
    names = list(headings)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    for row in rows:
        cells = [str(cell).replace("|", "\\|").replace("\n", " ") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def code(text: object) -> str:
    return f"`{text}`"


def sentence(text: str) -> str:
    """`text` as a sentence: a first capital, unless it names something, and a full stop."""
    text = text.strip()
    text = text[0].upper() + text[1:] if text[:1].islower() else text
    return text if text.endswith((".", "!", "?")) else f"{text}."


def comments(enum: type[StrEnum]) -> dict[str, str]:
    """What stands beside each member of an enum in the source."""
    text = Path(str(sys.modules[enum.__module__].__file__)).read_text(encoding="utf-8")
    body = next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and node.name == enum.__name__
    )
    lines = text.splitlines()[body.lineno : body.end_lineno]
    found = (re.match(r'\s+(\w+) = "\w+"(?:\s+# (.*))?$', line) for line in lines)
    return {match[1]: match[2] or "" for match in found if match}
