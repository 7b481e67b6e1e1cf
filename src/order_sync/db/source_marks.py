"""How far a board has followed the source's own column of changes, so that a run need not look
at rows that were not touched since.

A mark holds for one way of looking: when the profile, the board's columns or the source's name
change, every row is looked at again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, select

from order_sync.db import engine
from order_sync.db.schema import Tables

# kind -> (type, text of a value, value of a text); a datetime is a date, too, so it comes first.
_KINDS: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "time": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "int": (int, str, int),
    "number": (Decimal, str, Decimal),
    "float": (float, repr, float),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
    "text": (str, str, str),
}


@dataclass(frozen=True)
class Mark:
    """The newest change that was seen, and how long ago every row was looked at."""

    value: object  # of the column of changes, as the driver gave it
    passes: int  # looks since the last one at every row; 0: that was one


def basis_of(*parts: str) -> str:
    """What a mark depends on, in 64 hexadecimals."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()


def can_be_kept(value: object) -> bool:
    """Whether a value of the column can be a mark."""
    return not isinstance(value, bool) and any(
        isinstance(value, kind) for kind, _, _ in _KINDS.values()
    )


def before(value: object, seconds: float) -> object:
    """Where to start looking: times are taken back by `seconds`, other values stand."""
    if isinstance(value, datetime):
        return value - timedelta(seconds=seconds)
    return value


def read(conn: Connection, tables: Tables, board_id: str, profile: str, basis: str) -> Mark | None:
    """The mark of a board and profile; None: every row has to be looked at."""
    t = tables.source_marks
    if not engine.columns_of(conn, t.name):
        return None
    row = conn.execute(
        select(t.c.kind, t.c.value, t.c.passes).where(
            t.c.board_id == board_id, t.c.profile == profile, t.c.basis == basis
        )
    ).first()
    return None if row is None else Mark(_KINDS[row.kind][2](row.value), row.passes)


def store(
    conn: Connection, tables: Tables, board_id: str, profile: str, basis: str, mark: Mark
) -> None:
    """Remember a mark; it replaces the one before.

    Raises:
        ValueError: its value is of no kind that `can_be_kept`.
    """
    t = tables.source_marks
    conn.execute(delete(t).where(t.c.board_id == board_id, t.c.profile == profile))
    for kind, (python_type, as_text, _) in _KINDS.items():
        if isinstance(mark.value, python_type):
            conn.execute(
                t.insert().values(
                    board_id=board_id, profile=profile, basis=basis, kind=kind,
                    value=as_text(mark.value), passes=mark.passes, marked_at=engine.now(conn),
                )
            )  # fmt: skip
            return
    raise ValueError(f"a {type(mark.value).__name__} cannot be a mark")


def forget(conn: Connection, tables: Tables, board_id: str) -> None:
    """Let the next run of the board look at every row."""
    t = tables.source_marks
    conn.execute(delete(t).where(t.c.board_id == board_id))
