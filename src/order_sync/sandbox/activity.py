"""What a board remembers of its changes: the entries of its activity log."""

import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import orjson

from order_sync.sandbox.errors import invalid_argument

ENTRIES_KEPT = 10_000  # of each board; the oldest go first
TICKS_PER_S = 10_000_000  # `created_at` counts these, as a text of 17 digits


@dataclass(frozen=True, slots=True)
class Event:
    """One entry. `at`: sandbox seconds; `entity`: `pulse` for items, `board` for the rest."""

    number: int
    at: float
    event: str
    entity: str
    user_id: str
    board_id: str
    group_id: str | None
    item_id: str | None
    column_id: str | None
    more: dict[str, Any]

    @property
    def id(self) -> str:
        return str(uuid.UUID(int=(int(self.board_id) << 64) | self.number))

    @property
    def created_at(self) -> str:
        return str(int(self.at * TICKS_PER_S))

    @property
    def data(self) -> str:
        places = {
            "board_id": int(self.board_id),
            "group_id": self.group_id,
            "pulse_id": int(self.item_id) if self.item_id else None,
            "column_id": self.column_id,
        }
        known = {name: value for name, value in places.items() if value is not None}
        return orjson.dumps({**known, **self.more}).decode()


class ActivityLog:
    """The entries of one board."""

    def __init__(self, board_id: str) -> None:
        self._board_id = board_id
        self._total = 0
        self._kept: deque[Event] = deque(maxlen=ENTRIES_KEPT)

    def add(
        self,
        at: float,
        event: str,
        user_id: str,
        *,
        group_id: str | None = None,
        item_id: str | None = None,
        column_id: str | None = None,
        **more: Any,
    ) -> None:
        self._total += 1
        entity = "board" if item_id is None else "pulse"
        places = (self._board_id, group_id, item_id, column_id)
        self._kept.append(Event(self._total, at, event, entity, user_id, *places, more))

    @property
    def span(self) -> tuple[int, int]:
        """Number of the last entry that had to go, and of the newest; from 1, 0 for none."""
        return self._total - len(self._kept), self._total

    def after(self, number: int) -> Iterator[Event]:
        """Those that are kept and younger than this one, newest first."""
        return takewhile(lambda entry: entry.number > number, reversed(self._kept))

    def restore(self, entry: Event) -> None:
        """Put an entry back; the oldest has to come first."""
        self._total = entry.number
        self._kept.append(entry)

    def newest_first(self) -> Iterator[Event]:
        return reversed(self._kept)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are asked for; None stands for all of them. Times are in sandbox seconds."""

    since: float | None
    until: float | None
    item_ids: Sequence[str] | None
    column_ids: Sequence[str] | None
    group_ids: Sequence[str] | None
    user_ids: Sequence[str] | None

    def has(self, entry: Event) -> bool:
        return (
            (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at <= self.until)
            and (self.item_ids is None or entry.item_id in self.item_ids)
            and (self.column_ids is None or entry.column_id in self.column_ids)
            and (self.group_ids is None or entry.group_id in self.group_ids)
            and (self.user_ids is None or entry.user_id in self.user_ids)
        )


def read_time(text: str | None) -> float | None:
    """Seconds since the epoch; a time without a zone is UTC.

    Raises:
        ApiError: not a time of ISO 8601.
    """
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise invalid_argument(f"{text!r} is not a time of ISO 8601") from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
