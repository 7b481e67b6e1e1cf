"""What a person may decide about an order's refusals, and carrying it out.

A decision goes through the same function as `order-sync errors resolve`; it is made only from a
page of ours, by somebody with a session, about refusals that are as the page showed them.
"""

from __future__ import annotations

import hashlib
import hmac
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from order_sync.db.biography import Biography
from order_sync.db.engine import Database, board_lock
from order_sync.db.reports import ErrorSummary
from order_sync.db.resolving import Choice, ResolvedOrder, ResolvedRow, find, resolve
from order_sync.db.schema import Tables
from order_sync.errors import ConfigError
from order_sync.rules.mapping import Mapping
from order_sync.rules.resolutions import Resolution, fitting

MEANINGS = {
    Resolution.RETRY: "The cause is repaired: the next run tries it again.",
    Resolution.IGNORE: "It stays as it is and is not counted any more, until its data changes.",
    Resolution.RECREATE: "What is known of the item is forgotten; the next run makes it anew.",
    Resolution.FORGET: "What is known of the item is forgotten; it is not sent any more.",
}


@dataclass(frozen=True)
class Offer:
    """A decision that fits the open refusals with one code."""

    resolution: Resolution
    code: str
    order_key: str
    board_id: str
    seen: tuple[str, ...]  # the refusals it is about

    @property
    def meaning(self) -> str:
        return MEANINGS[self.resolution]

    def command(self, by: str = "", note: str = "") -> str:
        """The command line that does the same."""
        words = ["order-sync", "errors", "resolve", self.order_key, "--as", self.resolution.value,
                 "--code", self.code]  # fmt: skip
        words += ["--by", by] if by else []
        words += ["--note", note] if note else []
        return shlex.join(words)


def offers(story: Biography) -> list[Offer]:
    """The decisions there are, code by code, the most likely first."""
    found: list[Offer] = []
    open_ = [error.summary for error in story.errors if error.summary.resolved_at is None]
    for code in dict.fromkeys(summary.code for summary in open_):
        about = [summary for summary in open_ if summary.code == code]
        from_monday = any(summary.from_monday for summary in about)
        seen = seen_as(about)
        found += [
            Offer(choice, code, story.brief.order_key, story.brief.board_id, seen)
            for choice in fitting(code, from_monday=from_monday)
        ]
    return found


def seen_as(refusals: Iterable[ErrorSummary | ResolvedRow]) -> tuple[str, ...]:
    """Refusals in words that a form can carry and that stay the same while they are open."""
    return tuple(sorted(f"{one.unit}/{one.size_key}/{one.code}" for one in refusals))


class Stale(ConfigError):
    """The refusals are not those the person saw."""


Decide = Callable[[str, Choice, Sequence[str]], list[ResolvedOrder]]


def decider(url: str, tables: Tables, mapping: Mapping) -> Decide:
    """A function that carries a decision out: (board id, choice, what the person saw)."""

    def decide(board_id: str, choice: Choice, seen: Sequence[str]) -> list[ResolvedOrder]:
        database = Database(url)
        try:
            with board_lock(database, board_id):
                with database.begin() as conn:
                    found = find(conn, tables, board_id, choice)
                    _require_seen(found, seen)
                keys = frozenset(order.order_key for order in found)
                return database.run(
                    lambda conn: resolve(conn, tables, mapping, board_id, choice, keys)
                )
        finally:
            database.close()

    return decide


def _require_seen(found: Sequence[ResolvedOrder], seen: Sequence[str]) -> None:
    """Raises Stale: something else is open than the person saw, or a decision stands already."""
    rows = [row for order in found for row in order.rows]
    now = seen_as(rows)
    if any(row.before is not None for row in rows) or not set(seen) <= set(now):
        raise Stale(
            "these refusals have changed since the page was shown",
            hint="look at the order again, and decide anew",
        )


def form_key(token: str) -> str:
    """What forms of a session carry, so that no other page can send one."""
    return hmac.new(token.encode(), b"order-sync form", hashlib.sha256).hexdigest()
