"""One order line as people ask for it: what happened to it, in one line of time.

The tables tell it in several places: events, refusals, requests. Here they come together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from order_sync.db import biography, known
from order_sync.db.biography import Biography, Carrier, Happening
from order_sync.db.order_briefs import Brief
from order_sync.db.reports import ErrorDetail, exists
from order_sync.db.schema import Tables
from order_sync.monday import stored
from order_sync.rules.comparing import KnownOrder
from order_sync.rules.differences import Difference
from order_sync.rules.mapping import Mapping
from order_sync.rules.resolutions import Resolution
from order_sync.rules.states import Event

OPENED, CLOSED = "REFUSAL_OPENED", "REFUSAL_CLOSED"
_REFUSING = (Event.REFUSED, Event.GIVEN_UP, Event.PARENT_FAILED)


@dataclass(frozen=True)
class Moment:
    """Something that happened to an order line or to one of its size lines."""

    at: datetime  # UTC
    event: str  # an event, the code of a warning, or that a refusal was opened or closed
    level: str  # info | warning
    size_key: str | None  # None: the order line itself
    detail: str | None
    changes: tuple[Difference, ...]  # what was detected; () when nothing was compared
    run_id: str | None
    batch_id: str | None
    request_id: str | None


@dataclass(frozen=True)
class SentPart:
    """What a request asked for one part of the order, and what was answered about it."""

    size_key: str | None  # None: the order line itself
    asked: dict[str, Any]  # variables of its row in the document
    answered: Any  # {"data", "errors"}; None: no answer is on record


@dataclass(frozen=True)
class OrderStory:
    """Everything the state tables know of one order line."""

    told: Biography
    known: KnownOrder | None  # what the board is known to hold, to be compared with the source

    @property
    def moments(self) -> list[Moment]:
        """What happened, oldest first."""
        events = self.told.events
        # Of events that are left out, refusals are, too: the line of time has one beginning.
        since = events[0].at if self.told.events_in_all > len(events) else None
        moments = [_moment(event) for event in events]
        moments += [
            moment
            for error in self.told.errors
            for moment in _refusal(error, events)
            if since is None or moment.at >= since
        ]
        return sorted(moments, key=lambda moment: moment.at)


def order_story(
    conn: Connection, tables: Tables, mapping: Mapping, brief: Brief, limit: int
) -> OrderStory:
    """The story of the order line of `brief`.

    Args:
        limit: at most so many events, and as many requests; the newest are kept.
    """
    holds: dict[str, KnownOrder] = {}
    if exists(conn, tables.production) and exists(conn, tables.production_subitems):
        holds = known.known_orders(conn, tables, brief.board_id, [brief.order_key], mapping)
    told = biography.biography(conn, tables, brief, limit)
    return OrderStory(told, holds.get(brief.order_key))


def parts(request: Carrier) -> list[SentPart]:
    """The parts of the order that travelled in a request, in the order they stood in it."""
    return [
        SentPart(
            place.size_key,
            stored.asked(request.body, place.position),
            stored.answered(request.answer, place.position),
        )
        for place in request.places
    ]


def _moment(event: Happening) -> Moment:
    return Moment(
        event.at, event.event, event.level, event.size_key, event.detail, _changes(event.changes),
        event.run_id, event.batch_id, event.request_id,
    )  # fmt: skip


def _changes(text: str | None) -> tuple[Difference, ...]:
    return tuple(Difference(**one) for one in orjson.loads(text)) if text else ()


def _refusal(error: ErrorDetail, events: Iterable[Happening]) -> Iterator[Moment]:
    """When a refusal was opened and closed, unless an event says so already."""
    s = error.summary
    size = s.size_key or None
    told = {(e.event, e.size_key or "", e.request_id) for e in events}
    if not any((event, s.size_key, error.request_id) in told for event in _REFUSING):
        detail = f"{s.code}: {s.message}"
        yield Moment(
            s.created_at, OPENED, "warning", size, detail, (), error.run_id, error.batch_id,
            error.request_id,
        )  # fmt: skip
    # What a person decides is an event of its own.
    if s.resolved_at is not None and s.resolution not in set(Resolution):
        how = f"{s.code}: {s.resolution}"
        yield Moment(s.resolved_at, CLOSED, "info", size, how, (), None, None, None)
