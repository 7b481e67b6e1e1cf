"""What there is to do: the source against what the board is known to hold.

`plan` prints the result, `sync` applies it. Any error here stops the run: an error is never read
as "nothing known".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from order_sync.db import engine, known, refused, source, staging
from order_sync.db.engine import Database
from order_sync.db.refused import Decision, OpenError
from order_sync.db.schema import Tables
from order_sync.db.source import SourceReader, SourceShape
from order_sync.db.staging import LiveKeys, Unit
from order_sync.errors import ConfigError
from order_sync.monday.columns import BoardMap
from order_sync.monday.labels import room_for_labels
from order_sync.outcome import ReportedChange
from order_sync.rules import columns
from order_sync.rules.changes import resolve_duplicates
from order_sync.rules.comparing import (
    VANISHED,
    KnownOrder,
    OrderAction,
    archive_vanished,
    compare,
    compare_vanished,
    is_acknowledged,
)
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import DeletedPolicy, Mapping
from order_sync.rules.order import OrderLine, Refusal, RefusedRow
from order_sync.rules.reading import OrderReader
from order_sync.rules.refusals import OWN_CODES, Again
from order_sync.rules.resolutions import Resolution
from order_sync.rules.states import ChangeType
from order_sync.rules.values import size_key

LABEL_REFUSED = "label_refused"  # the board lacked a label that could not be created
# Refusals that only a person can decide about, whatever the payload says now.
FOR_A_PERSON = frozenset(code.code for code in OWN_CODES if code.again is Again.PERSON)


@dataclass
class Detection:
    """Everything one look at the source has found."""

    rows: int = 0  # source rows within the filters
    blank_rows: int = 0
    unchanged: int = 0  # order lines
    actions: list[OrderAction] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    reported: list[ReportedChange] = field(default_factory=list)
    held: list[OpenError] = field(default_factory=list)  # refused earlier, and not to be sent now
    in_doubt: dict[str, str] = field(default_factory=dict)  # order key -> customer
    forgotten: set[str] = field(default_factory=set)  # a person decided not to publish these
    acknowledged: list[tuple[str, str]] = field(default_factory=list)  # (key, new source hash)
    rehashed: list[tuple[str, str]] = field(default_factory=list)  # (key, new payload hash)
    scope_keys: frozenset[str] = frozenset()  # every key within the filters
    judged: set[str] = field(default_factory=set)  # keys whose rows were read
    sizes: dict[str, frozenset[str]] = field(default_factory=dict)  # good orders' size keys
    vanished: frozenset[str] | None = None  # known keys the source lacks; None: not a whole scope
    cut_keys: frozenset[str] = frozenset()  # keys whose actions --limit put off
    known_count: int = 0  # order lines MON_* knows on this board
    notices: tuple[str, ...] = ()
    limited_from: int | None = None  # order lines before --limit

    @property
    def warnings(self) -> int:
        return sum(len(action.order.warnings) for action in self.actions)

    @property
    def creates(self) -> int:
        """Order lines that would be created."""
        return sum(action.is_new for action in self.actions)

    @property
    def removals(self) -> int:
        """Vanished order lines that would be cancelled or archived."""
        return sum(action.change is ChangeType.DELETED for action in self.actions)


@dataclass(frozen=True)
class Request:
    """What to look at."""

    filters: Filters
    keys: frozenset[str] | None = None  # only these, as far as the filters let them through
    only_failed: bool = False  # only keys with an open ERR row, whether it is due or not
    # Keys whose known values are true although their hash is withdrawn: they were only moved.
    trusted: frozenset[str] = frozenset()


class Detector:
    """Compares source and state for one board."""

    def __init__(
        self, mapping: Mapping, tables: Tables, state: Database, source_url: str,
        source_table: str, board: BoardMap,
    ) -> None:  # fmt: skip
        self.mapping = mapping
        self.tables = tables
        self.state = state
        self.board = board
        self._source_url = source_url
        self._source_table = source_table
        self._reader = OrderReader(mapping, board.active_titles)
        self._types = {title: column.type for title, column in board.columns.items()}

    def detect(self, request: Request) -> Detection:
        """Look at the source once, in one transaction.

        Raises:
            ConfigError: the source table is missing or lacks columns.
            Unreachable: a database cannot be read.
        """
        with self.state.begin() as conn:
            state = _State.read(conn, self.tables, self.board.board_id)
        found = Detection()
        with (
            closing(Database(self._source_url, read_only=True)) as database,
            database.begin() as conn,
        ):
            shape = source.inspect_source(conn, self._source_table, self.mapping)
            found.notices = shape.notices
            self._refuse_lost_sizes(shape, state)
            reader = source.open_reader(
                conn, shape, self.mapping, request.filters, self._hash_seed()
            )
            scope = reader.scan(state.source_hashes)
            found.rows, found.unchanged, found.vanished = (
                scope.rows,
                scope.unchanged,
                scope.vanished,
            )
            found.scope_keys = reader.keys_in_scope()
            narrowed = self._narrowed(request, state)
            if narrowed is not None:
                reader.narrow_to(narrowed)
            rows = self._read(reader, found)
        orders = self._judge(rows, found)
        self._compare(orders, found, state, request)
        if request.filters.limit is not None and len(found.actions) > request.filters.limit:
            found.limited_from = len(found.actions)
            cut = found.actions[request.filters.limit :]
            found.cut_keys = frozenset(action.order.order_key for action in cut)
            found.actions = found.actions[: request.filters.limit]
        return found

    def _refuse_lost_sizes(self, shape: SourceShape, state: _State) -> None:
        """A size column that is missing is no reason to take its pieces off the board."""
        keys = [size_key(name) for name in shape.absent_sizes]
        if not keys or not state.exists:
            return
        with self.state.begin() as conn:
            lost = known.sizes_with_pieces(conn, self.tables, self.board.board_id, keys)
        if lost:
            raise ConfigError(
                f"the source lacks the size column(s) {', '.join(lost[:10])}, and the board holds"
                " pieces of them",
                hint="bring the column back, or name it in the profile; an empty column means that"
                " nobody orders the size any more",
            )

    def payloads_now(self, keys: Collection[str]) -> dict[tuple[str, str | None], str]:
        """(order_key, size_key or None) -> payload hash the source wants now, for `keys`."""
        found = self.detect_orders(frozenset(keys))
        hashes: dict[tuple[str, str | None], str] = {}
        for order in found:
            hashes[order.order_key, None] = order.payload_hash
            for line in order.sizes:
                hashes[order.order_key, line.size_key] = line.payload_hash
        return hashes

    def detect_orders(self, keys: frozenset[str]) -> list[OrderLine]:
        """The orders of `keys` as the source has them now, whatever the filters of the run."""
        found = Detection()
        with (
            closing(Database(self._source_url, read_only=True)) as database,
            database.begin() as conn,
        ):
            shape = source.inspect_source(conn, self._source_table, self.mapping)
            reader = source.open_reader(conn, shape, self.mapping, Filters(), self._hash_seed())
            reader.scan(())
            reader.narrow_to(keys)
            rows = self._read(reader, found)
        return [order for order, _ in self._judge(rows, found)]

    def whole_source(self, filters: Filters) -> tuple[list[OrderLine], list[RefusedRow]]:
        """Every order line within the filters, whatever the board would say to it.

        Returns:
            One order line per key, and the rows that are none or contradict each other.
        """
        found = Detection()
        with (
            closing(Database(self._source_url, read_only=True)) as database,
            database.begin() as conn,
        ):
            shape = source.inspect_source(conn, self._source_table, self.mapping)
            reader = source.open_reader(conn, shape, self.mapping, filters, self._hash_seed())
            reader.scan(())
            rows = self._read(reader, found)
        return resolve_duplicates(row for row, _ in rows)

    def _hash_seed(self) -> str:
        return "\x1f".join(sorted(self.board.active_titles))

    def _narrowed(self, request: Request, state: _State) -> frozenset[str] | None:
        keys = request.keys
        if request.only_failed:
            failed = frozenset(state.errors)
            keys = failed if keys is None else keys & failed
        return keys

    def _read(
        self, reader: SourceReader, found: Detection
    ) -> list[tuple[OrderLine | RefusedRow, str]]:
        rows: list[tuple[OrderLine | RefusedRow, str]] = []
        for raw, source_hash in reader.candidate_rows():
            row = self._reader.read(raw)
            if row is None:
                found.blank_rows += 1
                continue
            found.judged.add(row.order_key)
            rows.append((row, source_hash))
        return rows

    def _judge(
        self, rows: list[tuple[OrderLine | RefusedRow, str]], found: Detection
    ) -> list[tuple[OrderLine, str]]:
        """Sort out what cannot be sent, whatever the board holds."""
        hashes = {row.order_key: source_hash for row, source_hash in reversed(rows)}
        unique, refused_rows = resolve_duplicates(row for row, _ in rows)
        found.refused += refused_rows
        labels = self.labels_by_title()
        room = self._label_room()
        good: list[tuple[OrderLine, str]] = []
        for order in unique:
            refusals = columns.length_refusals(order, self._types)
            refusals += columns.label_refusals(order, self.mapping, labels)
            if not refusals:
                refusals = self._over_cap(order, labels, room)
            if refusals:
                found.refused.append(_refuse(order, refusals))
            else:
                good.append((order, hashes[order.order_key]))
        return good

    def labels_by_title(self) -> dict[str, frozenset[str]]:
        """Labels each status or dropdown column offers now, the Size column included."""
        by_title = {
            title: frozenset(label.text for label in column.labels if label.active)
            for title, column in self.board.columns.items()
            if column.type in columns.LABEL_TYPES
        }
        size = self.board.subitem_label
        if size.type in columns.LABEL_TYPES:
            by_title[self.mapping.sizes.label_title] = frozenset(
                label.text for label in size.labels if label.active
            )
        return by_title

    def _label_room(self) -> dict[str, int]:
        room = {
            title: room_for_labels(column)
            for title, column in self.board.columns.items()
            if column.type in columns.LABEL_TYPES
        }
        size = self.board.subitem_label
        if size.type in columns.LABEL_TYPES:
            room[self.mapping.sizes.label_title] = room_for_labels(size)
        return room

    def _over_cap(
        self, order: OrderLine, labels: dict[str, frozenset[str]], room: dict[str, int]
    ) -> list[Refusal]:
        """Refuse an order whose new labels no longer fit; else take their places."""
        wanted = columns.missing_labels([order], self.mapping, labels)
        size_title = self.mapping.sizes.label_title
        if size_title in labels:
            sizes = columns.missing_size_labels([order], self.mapping, labels[size_title])
            if sizes:
                wanted[size_title] = sizes
        over = [title for title, new in wanted.items() if len(new) > room[title]]
        if over:
            return [columns.label_limit(title, sorted(wanted[title])[0]) for title in over]
        for title, new in wanted.items():
            room[title] -= len(new)
            labels[title] = labels[title] | new
        return []

    def _compare(
        self, orders: list[tuple[OrderLine, str]], found: Detection, state: _State,
        request: Request,
    ) -> None:  # fmt: skip
        gone = found.vanished or frozenset()
        if request.keys is not None:
            gone &= request.keys
        wanted = [order.order_key for order, _ in orders]
        with self.state.begin() as conn:
            holds = state.known_orders(conn, [*wanted, *gone], self.mapping)
        found.known_count = len(state.source_hashes)
        for order, source_hash in orders:
            key = order.order_key
            found.sizes[key] = frozenset(line.size_key for line in order.sizes)
            if self._waits(key, order.customer, found, state):
                continue
            there = holds.get(key)
            comparison = compare(
                order, source_hash, there, self.mapping, trusted=key in request.trusted
            )
            if comparison.same_under_another_hash:
                found.rehashed.append((key, order.payload_hash))
            if comparison.action is not None:
                self._add_action(comparison.action, found, state, request)
                continue
            found.unchanged += 1
            same = comparison.same_under_another_hash
            if there is not None and (same or is_acknowledged(order, there)):
                found.acknowledged.append((key, source_hash))
        for key in sorted(gone & holds.keys()):
            self._vanished(holds[key], found, state, request)
        if found.forgotten:
            found.notices += (
                f"{len(found.forgotten)} order line(s) are left out: a person resolved their"
                " errors as forget",
            )

    def _waits(self, key: str, customer: str, found: Detection, state: _State) -> bool:
        """Whether nothing can be said of an order now: in doubt, or taken out by a person."""
        if key in state.live.in_doubt:
            found.in_doubt[key] = customer
            return True
        if state.is_forgotten(key):
            found.forgotten.add(key)
            return True
        return False

    def _vanished(
        self, there: KnownOrder, found: Detection, state: _State, request: Request
    ) -> None:
        """What the profile wants for an order that has left the source."""
        if self._waits(there.order_key, there.customer, found, state):
            return
        policy = self.mapping.deleted
        if policy is DeletedPolicy.REPORT:
            found.reported.append(
                ReportedChange(there.order_key, there.customer, ChangeType.DELETED)
            )
            return
        action: OrderAction | None = archive_vanished(there)
        if policy is DeletedPolicy.CANCEL:
            action = compare_vanished(there, self.board.active_titles, self.mapping)
        if action is not None:
            self._add_action(action, found, state, request)
        elif there.source_hash is None:
            found.acknowledged.append((there.order_key, VANISHED))

    def _add_action(
        self, action: OrderAction, found: Detection, state: _State, request: Request
    ) -> None:
        """Keep an action unless an earlier refusal holds it, or parts of it, back."""
        key = action.order.order_key
        errors = [e for e in state.errors.get(key, []) if not self._label_is_there(e, action)]
        again = request.only_failed
        if action.change is ChangeType.DELETED and again and not errors:
            return
        held = [
            e
            for e in errors
            if e.unit is Unit.ITEM and state.holds(e, action.order.payload_hash, again=again)
        ]
        if held or state.is_ignored(key, "", action.order.payload_hash):
            found.held += held
            return
        lines = []
        for line in action.lines:
            size_key, payload_hash = line.line.size_key, line.line.payload_hash
            stopped = [
                e
                for e in errors
                if e.unit is Unit.SUBITEM
                and e.size_key == size_key
                and state.holds(e, payload_hash, again=again)
            ]
            found.held += stopped
            if not stopped and not state.is_ignored(key, size_key, payload_hash):
                lines.append(line)
        if action.operation is None and not lines:
            return
        found.actions.append(replace(action, lines=tuple(lines)))

    def _label_is_there(self, error: OpenError, action: OrderAction) -> bool:
        """Whether a row refused for want of a label finds it on the board by now."""
        if error.error_type != LABEL_REFUSED:
            return False
        labels = self.labels_by_title()
        if error.unit is Unit.ITEM:
            return not columns.missing_labels([action.order], self.mapping, labels)
        known = labels.get(self.mapping.sizes.label_title, frozenset())
        return any(
            line.line.size_key == error.size_key and line.line.label in known
            for line in action.lines
        )


@dataclass
class _State:
    """What the state tables say about a board, read in one transaction."""

    tables: Tables
    board_id: str
    exists: bool
    source_hashes: list[tuple[str, str]]
    live: LiveKeys
    errors: dict[str, list[OpenError]]
    decided: dict[str, list[Decision]]
    now: datetime

    @classmethod
    def read(cls, conn: Connection, tables: Tables, board_id: str) -> _State:
        exists = bool(engine.columns_of(conn, tables.production.name))
        errors: dict[str, list[OpenError]] = {}
        decided: dict[str, list[Decision]] = {}
        if exists:
            for decision in refused.decisions(conn, tables, board_id):
                decided.setdefault(decision.order_key, []).append(decision)
            for error in refused.open_errors(conn, tables, board_id):
                errors.setdefault(error.order_key, []).append(error)
        live = LiveKeys(frozenset(), frozenset())
        if exists:
            live = staging.live_keys(conn, tables, board_id)
        return cls(
            tables=tables,
            board_id=board_id,
            exists=exists,
            source_hashes=[
                # What is refused or half-way is looked at again, also if its row is as it was.
                (key, "" if key in errors or key in live.pending else digest)
                for key, digest in (known.source_hashes(conn, tables, board_id) if exists else ())
            ],
            live=live,
            errors=errors,
            decided=decided,
            now=engine.now(conn),
        )

    def known_orders(
        self, conn: Connection, keys: Iterable[str], mapping: Mapping
    ) -> dict[str, KnownOrder]:
        if not self.exists:
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


def _refuse(order: OrderLine, refusals: list[Refusal]) -> RefusedRow:
    return RefusedRow(
        order.order_key, order.customer, tuple(refusals), order.original, order.payload_hash
    )
