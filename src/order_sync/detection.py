"""What there is to do: the source against what the board is known to hold.

`plan` prints the result, `sync` applies it. Any error here stops the run: an error is never read
as "nothing known".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

from sqlalchemy import Connection

from order_sync.db import known, source_marks
from order_sync.db.engine import Database
from order_sync.db.refused import OpenError
from order_sync.db.schema import Tables
from order_sync.db.source import inspect_source
from order_sync.db.source_keys import HASH_VERSION, SourceShape
from order_sync.db.source_marks import Mark
from order_sync.db.source_reading import Scope, SourceReader
from order_sync.db.staging import Unit, chunks
from order_sync.errors import ConfigError
from order_sync.judging import Judge, JudgedRow, labels_by_title
from order_sync.known_state import KnownState
from order_sync.monday.columns import BoardMap
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
from order_sync.rules.order import OrderLine, RefusedRow
from order_sync.rules.reading import OrderReader
from order_sync.rules.states import ChangeType
from order_sync.rules.values import size_key
from order_sync.settings import SourceSettings

AT_ONCE = 2_000  # order lines judged and compared together
READ_AT_ONCE = 500  # rows of the source cleaned together
LABEL_REFUSED = "label_refused"  # the board lacked a label that could not be created


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
    judged: Collection[str] = frozenset()  # keys within the filters whose rows were read
    looked_for: frozenset[str] | None = None  # only these keys; None: every key
    sizes: dict[str, frozenset[str]] = field(default_factory=dict)  # good orders' size keys
    vanished: frozenset[str] | None = None  # known keys the source lacks; None: not a whole scope
    cut_keys: frozenset[str] = frozenset()  # keys whose actions --limit put off
    known_count: int = 0  # order lines MON_* knows on this board
    notices: tuple[str, ...] = ()
    limited_from: int | None = None  # order lines before --limit
    filtered: bool = False  # filters kept some orders out
    mark: Mark | None = None  # where the next look may start

    def has_left(self, key: str) -> bool:
        """Whether the source lacks an order that is in hand, or refused, or was looked for."""
        asked = self.looked_for is None or key in self.looked_for
        return self.vanished is not None and asked and key not in self.judged

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
    full: bool = False  # look at every row, also at those nobody has touched
    # Keys whose known values are true although their hash is withdrawn: they were only moved.
    trusted: frozenset[str] = frozenset()


class Detector:
    """Compares source and state for one board."""

    def __init__(
        self,
        mapping: Mapping,
        tables: Tables,
        state: Database,
        source: SourceSettings,
        board: BoardMap,
    ) -> None:
        self.mapping = mapping
        self.tables = tables
        self.state = state
        self.board = board
        self._settings = source
        self._reader = OrderReader(mapping, board.active_titles)

    def detect(self, request: Request) -> Detection:
        """Look at the source once, in one transaction.

        Raises:
            ConfigError: the source table is missing or lacks columns.
            Unreachable: a database cannot be read.
        """
        found = Detection()
        with self.state.begin() as conn, self._source(request.filters) as reader:
            state = KnownState.read(conn, self.tables, self.board.board_id)
            found.known_count = state.known_count
            found.notices = reader.shape.notices
            self._refuse_lost_sizes(reader.shape, conn, state)
            keys = self._narrowed(request, state)
            mark = self._mark(conn, request, found) if keys is None else None
            scope, lost = self._look(reader, conn, state, keys, mark)
            found.rows, found.unchanged = scope.rows, scope.unchanged
            found.judged, found.looked_for = scope.keys, keys
            found.filtered = not request.filters.is_empty
            if lost is not None and not found.filtered:
                found.vanished = frozenset(lost - scope.keys)
            if keys is None:
                found.mark = self._next_mark(reader, request, mark)
            judge = Judge(self.board, self.mapping)
            for rows in self._read(reader, scope, found):
                orders, refused_rows = judge.judge(rows)
                found.refused += refused_rows
                self._compare(orders, found, conn, state, request)
            self._compare_vanished(found, conn, state, request)
        if request.filters.limit is not None and len(found.actions) > request.filters.limit:
            found.limited_from = len(found.actions)
            cut = found.actions[request.filters.limit :]
            found.cut_keys = frozenset(action.order.order_key for action in cut)
            found.actions = found.actions[: request.filters.limit]
        return found

    @contextmanager
    def _source(self, filters: Filters) -> Iterator[SourceReader]:
        with (
            closing(Database(self._settings.url, read_only=True)) as database,
            database.begin() as conn,
        ):
            shape = inspect_source(
                conn, self._settings.table, self.mapping, self._settings.changed_column
            )
            hash_seed = "\x1f".join(sorted(self.board.active_titles))
            yield SourceReader(conn, shape, self.mapping, filters, hash_seed)

    def _look(
        self, reader: SourceReader, conn: Connection, state: KnownState,
        keys: frozenset[str] | None, mark: Mark | None,
    ) -> tuple[Scope, Set[str] | None]:  # fmt: skip
        """What has to be judged; and what may have left the source, if it is not among that.

        The latter is None when a row that has left cannot be seen.
        """
        if keys is not None:
            return reader.find(keys), keys
        again = state.looked_at_again()
        lost = state.unacknowledged(conn)
        if mark is not None:
            since = source_marks.before(mark.value, self._settings.changed_overlap_s)
            return reader.compare_since(since, partial(state.hashes_of, conn), again | lost), None
        scope = reader.compare(state.hashes(conn, again, lost))
        lost |= scope.lost
        # A new row with the key of one that is known as it is.
        scope.doubled |= reader.spell(state.known_among(conn, scope.keys) - lost).doubled
        return scope, lost

    def _mark(self, conn: Connection, request: Request, found: Detection) -> Mark | None:
        """The mark this look may start from; None: it is one at every row."""
        settings = self._settings
        if settings.changed_column is None or request.full or not request.filters.is_empty:
            return None
        mark = source_marks.read(
            conn, self.tables, self.board.board_id, self.mapping.name, self._basis()
        )
        if mark is None or mark.passes + 1 >= settings.full_pass_every:
            return None
        found.notices += (
            f"looked at the rows changed since {mark.value} by {settings.changed_column};"
            f" every row is looked at again in {settings.full_pass_every - mark.passes - 1} run(s)",
        )
        return mark

    def _next_mark(self, reader: SourceReader, request: Request, mark: Mark | None) -> Mark | None:
        """The mark to keep once all that was found is staged."""
        whole = request.filters.is_empty and request.filters.limit is None
        if self._settings.changed_column is None or not whole:
            return None
        newest = reader.newest()
        if not source_marks.can_be_kept(newest):
            return None
        return Mark(newest, 0 if mark is None else mark.passes + 1)

    def keep_mark(self, conn: Connection, found: Detection) -> None:
        """Let the next run start from where this look ended."""
        if found.mark is not None:
            source_marks.store(
                conn, self.tables, self.board.board_id, self.mapping.name, self._basis(),
                found.mark,
            )  # fmt: skip

    def _basis(self) -> str:
        settings = self._settings
        return source_marks.basis_of(
            HASH_VERSION, self.mapping.fingerprint, *sorted(self.board.active_titles),
            settings.safe_url, settings.table, settings.changed_column or "",
        )  # fmt: skip

    def _refuse_lost_sizes(self, shape: SourceShape, conn: Connection, state: KnownState) -> None:
        """A size column that is missing is no reason to take its pieces off the board."""
        keys = [size_key(name) for name in shape.absent_sizes]
        if not keys or not state.exists:
            return
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
        judge = Judge(self.board, self.mapping)
        with self._source(Filters()) as reader:
            scope = reader.find(keys)
            return [
                order
                for rows in self._read(reader, scope, Detection())
                for order, _ in judge.judge(rows)[0]
            ]

    def whole_source(self, filters: Filters) -> tuple[list[OrderLine], list[RefusedRow]]:
        """Every order line within the filters, whatever the board would say to it.

        Returns:
            One order line per key, and the rows that are none or contradict each other.
        """
        with self._source(filters) as reader:
            scope = reader.compare(())
            batches = self._read(reader, scope, Detection())
            return resolve_duplicates(row for rows in batches for row, _ in rows)

    def _narrowed(self, request: Request, state: KnownState) -> frozenset[str] | None:
        keys = request.keys
        if request.only_failed:
            failed = frozenset(state.errors)
            keys = failed if keys is None else keys & failed
        return keys

    def _read(
        self, reader: SourceReader, scope: Scope, found: Detection
    ) -> Iterator[list[JudgedRow]]:
        """Rows that have to be judged, some at a time; those of one key come together."""
        rows: list[JudgedRow] = []
        doubled: list[JudgedRow] = []
        brought = reader.rows()
        while some := [*islice(brought, READ_AT_ONCE)]:
            read = self._reader.read_all([raw for raw, _ in some])
            for row, (_, source_hash) in zip(read, some, strict=True):
                if row is None:
                    found.blank_rows += 1
                    continue
                (doubled if row.order_key in scope.doubled else rows).append((row, source_hash))
            if len(rows) >= AT_ONCE:
                yield rows
                rows = []
        yield rows
        yield doubled

    def labels_by_title(self) -> dict[str, frozenset[str]]:
        """Labels each status or dropdown column offers now, the Size column included."""
        return labels_by_title(self.board, self.mapping)

    def _compare(
        self, orders: list[tuple[OrderLine, str]], found: Detection, conn: Connection,
        state: KnownState, request: Request,
    ) -> None:  # fmt: skip
        """What orders of the source need, of which the board may hold something."""
        wanted = [order.order_key for order, _ in orders]
        holds = state.known_orders(conn, wanted, self.mapping)
        for order, source_hash in orders:
            key = order.order_key
            if key in state.errors:
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

    def _compare_vanished(
        self, found: Detection, conn: Connection, state: KnownState, request: Request
    ) -> None:
        """What the board holds and the source has no longer."""
        gone = sorted(found.vanished or ())
        for chunk in chunks(gone, AT_ONCE):
            holds = state.known_orders(conn, chunk, self.mapping)
            for key in chunk:
                if key in holds:
                    self._vanished(holds[key], found, state, request)
        if found.forgotten:
            found.notices += (
                f"{len(found.forgotten)} order line(s) are left out: a person resolved their"
                " errors as forget",
            )

    def _waits(self, key: str, customer: str, found: Detection, state: KnownState) -> bool:
        """Whether nothing can be said of an order now: in doubt, or taken out by a person."""
        if key in state.live.in_doubt:
            found.in_doubt[key] = customer
            return True
        if state.is_forgotten(key):
            found.forgotten.add(key)
            return True
        return False

    def _vanished(
        self, there: KnownOrder, found: Detection, state: KnownState, request: Request
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
        self, action: OrderAction, found: Detection, state: KnownState, request: Request
    ) -> None:
        """Keep an action unless an earlier refusal holds it, or parts of it, back."""
        key = action.order.order_key
        if key not in state.errors and key not in state.decided and not request.only_failed:
            found.actions.append(action)
            return
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
