"""What the state tables say about a board, and what that holds back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from order_sync.db import engine, known, refused, staging
from order_sync.db.refused import Decision, OpenError
from order_sync.db.schema import Tables
from order_sync.db.staging import LiveKeys, Unit
from order_sync.rules.comparing import KnownOrder
from order_sync.rules.mapping import Mapping
from order_sync.rules.refusals import OWN_CODES, Again
from order_sync.rules.resolutions import Resolution

# Refusals that only a person can decide about, whatever the payload says now.
FOR_A_PERSON = frozenset(code.code for code in OWN_CODES if code.again is Again.PERSON)


@dataclass
class KnownState:
    """What is in hand and refused on a board; what the board holds is asked for by key."""

    tables: Tables
    board_id: str
    exists: bool  # the tables do
    known_count: int  # order lines the board is known to hold
    live: LiveKeys
    errors: dict[str, list[OpenError]]
    decided: dict[str, list[Decision]]
    now: datetime

    @classmethod
    def read(cls, conn: Connection, tables: Tables, board_id: str) -> KnownState:
        exists = bool(engine.columns_of(conn, tables.production.name))
        errors: dict[str, list[OpenError]] = {}
        decided: dict[str, list[Decision]] = {}
        if exists:
            for decision in refused.decisions(conn, tables, board_id):
                decided.setdefault(decision.order_key, []).append(decision)
            for error in refused.open_errors(conn, tables, board_id):
                errors.setdefault(error.order_key, []).append(error)
        return cls(
            tables=tables,
            board_id=board_id,
            exists=exists,
            known_count=known.known_count(conn, tables, board_id) if exists else 0,
            live=(
                staging.live_keys(conn, tables, board_id)
                if exists
                else LiveKeys(frozenset(), frozenset())
            ),
            errors=errors,
            decided=decided,
            now=engine.now(conn),
        )

    def looked_at_again(self) -> set[str]:
        """What is refused, left out or half-way is looked at in every run, also if its row is as
        it was: nothing of it need be known by its hash.
        """
        return set(self.errors) | set(self.decided) | self.live.pending | self.live.in_doubt

    def hashes(
        self, conn: Connection, again: set[str], unacknowledged: set[str]
    ) -> Iterator[tuple[str, str]]:
        """(source hash, order key) of what is known as it is, sorted by hash.

        Args:
            again: keys to leave out, see `looked_at_again`.
            unacknowledged: gets the known keys among them.
        """
        if not self.exists:
            return
        for digest, key in known.source_hashes(conn, self.tables, self.board_id):
            if key in again:
                unacknowledged.add(key)
            else:
                yield digest, key

    def unacknowledged(self, conn: Connection) -> set[str]:
        """Known order lines of which not every part is acknowledged."""
        if not self.exists:
            return set()
        return known.unacknowledged_keys(conn, self.tables, self.board_id)

    def hashes_of(self, conn: Connection, keys: Collection[str]) -> dict[str, str]:
        """order_key -> acknowledged source hash, of those among `keys` that have one."""
        if not self.exists:
            return {}
        return known.source_hashes_of(conn, self.tables, self.board_id, keys)

    def known_among(self, conn: Connection, keys: set[str]) -> set[str]:
        """Which of these order lines the board is known to hold."""
        if not self.known_count:
            return set()
        return known.keys_known(conn, self.tables, self.board_id, keys)

    def known_orders(
        self, conn: Connection, keys: Iterable[str], mapping: Mapping
    ) -> dict[str, KnownOrder]:
        if not self.known_count:
            return {}
        return known.known_orders(conn, self.tables, self.board_id, list(keys), mapping)

    def is_forgotten(self, key: str) -> bool:
        """Whether a person has decided not to publish the order line any more."""
        return any(
            d.resolution is Resolution.FORGET and d.unit is Unit.ITEM
            for d in self.decided.get(key, ())
        )

    def is_ignored(self, key: str, size_key: str, payload_hash: str) -> bool:
        """Whether a person has decided to leave an order line ("") or size line as it is.

        A refusal of ours that a person ignores is judged anew in every run, so it holds nothing.
        One without a payload is about the item, whatever the order's data.
        """
        return any(
            d.resolution is Resolution.FORGET
            or (
                d.payload_hash in (None, payload_hash)
                and (d.from_monday or d.error_type in FOR_A_PERSON)
            )
            for d in self.decided.get(key, ())
            if d.size_key == size_key
        )

    def holds(self, error: OpenError, payload_hash: str, *, again: bool) -> bool:
        """Whether an open ERR row keeps this payload from being sent now."""
        if error.error_type in FOR_A_PERSON:
            return True
        if not error.from_monday or again or error.payload_hash != payload_hash:
            return False  # local refusals are judged anew in every run
        if error.max_retries_reached:
            return True
        return error.next_try_at is not None and error.next_try_at > self.now
