"""Rows in the text format of COPY, made column by column: far quicker than cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

_NULL = "\\N"
# What the server reads as Python writes it.
_PLAIN = frozenset({int, float, Decimal, date, datetime})


def copy_text(cells: Sequence[Sequence[object]]) -> bytes:
    """UTF-8 of rows, given column by column.

    Cells are texts, numbers, truths, dates, times, bytes and None.

    NUL characters fall out, halves of surrogate pairs become question marks.
    """
    rows, nulls = len(cells[0]), sum(column.count(None) for column in cells)
    text = _joined(map(_texts, cells))
    # Few texts hold what has to be escaped: counting tells whether one does.
    if not (
        text.count("\t") == rows * (len(cells) - 1)
        and text.count("\n") == rows
        and text.count("\\") == nulls
        and "\r" not in text
        and "\x00" not in text
    ):
        text = _joined(map(_escaped, cells))
    return text.encode("utf-8", "replace")


def _joined(columns: Iterable[Iterable[str]]) -> str:
    return "\n".join([*map("\t".join, zip(*columns, strict=True)), ""])


def _texts(column: Sequence[object]) -> Iterable[str]:
    types = set(map(type, column))
    if types == {str}:
        return column  # type: ignore[return-value]
    types.discard(type(None))
    if types <= {str}:
        return [_NULL if cell is None else cell for cell in column]  # type: ignore[misc]
    write = str if types <= _PLAIN else _as_text
    return [_NULL if cell is None else write(cell) for cell in column]


def _as_text(cell: object) -> str:
    """A cell as the server reads it."""
    if isinstance(cell, bool):
        return "t" if cell else "f"
    return f"\\x{cell.hex()}" if isinstance(cell, bytes) else str(cell)


def _escaped(column: Sequence[object]) -> Iterable[str]:
    return [_NULL if cell is None else _escape(_as_text(cell)) for cell in column]


def _escape(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return text.replace("\r", "\\r").replace("\x00", "")
