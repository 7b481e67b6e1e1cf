"""One consistent look at the source: which rows are not as the board is known to hold them.

The database hashes its rows and sorts the hashes; the known hashes come sorted, too, from
whatever database holds them. Both streams are walked side by side, so neither is ever in memory,
and of a row that is as it was nothing but its hash leaves the database. Whole rows come only for
the order keys that have to be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    cast,
    column,
    func,
    literal,
    null,
    or_,
    select,
    true,
)
from sqlalchemy import table as table_named
from sqlalchemy.sql import quoted_name

from order_sync.db import engine
from order_sync.db.source_keys import (
    SourceShape,
    key_function,
    key_inputs,
    scope_function,
    seed,
)
from order_sync.rules.changes import picking
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.values import key_parts

CHUNK = 2_000  # rows fetched at a time
MOST_TEXT = 4_000  # characters of a key column that are looked at
MOST_LISTED = 50_000  # keys named in a query at most; for more, every row is read

Known = tuple[str, str]  # (acknowledged source hash, order key)


@dataclass
class Scope:
    """What a look at hashes and keys has found."""

    rows: int = 0  # source rows within the filters
    unchanged: int = 0  # known order lines whose source row is as it was
    keys: set[str] = field(default_factory=set)  # order keys whose rows have to be judged
    doubled: set[str] = field(default_factory=set)  # those that may stand more than once
    lost: set[str] = field(default_factory=set)  # known keys whose row is not as it was, or gone


class SourceReader:
    """Reads the source inside the caller's transaction, as often as it is asked.

    Args:
        hash_seed: whatever besides the row decides what the board gets.
    """

    def __init__(
        self, conn: Connection, shape: SourceShape, mapping: Mapping, filters: Filters,
        hash_seed: str,
    ) -> None:  # fmt: skip
        self.shape = shape
        self._conn = conn
        self._whole = filters.is_empty
        self._columns: dict[str, ColumnElement[Any]] = {
            name: column(quoted_name(real, True)) for name, real in shape.columns.items()
        }
        schema = None if shape.schema is None else quoted_name(shape.schema, True)
        self._table = table_named(quoted_name(shape.table, True), schema=schema)
        mapped = {c.source for c in mapping.columns}
        self._sizes = set(mapping.sizes.names) - mapped
        scope_names, in_scope = scope_function(filters, mapping, shape)
        key_names = key_inputs(mapping)
        self._looked_at = list(dict.fromkeys([*key_names, *scope_names]))
        self._key = _picking(key_function(mapping), self._looked_at, key_names)
        self._scope_test = _picking(in_scope, self._looked_at, scope_names)
        self._key_column = mapping.key[0]
        self._narrow: ColumnElement[bool] = true()  # what a wanted row fulfils in any case
        present = [self._columns[name] for name in key_names if name in self._columns]
        self._raw_key = engine.row_text(conn, present)
        self._seed = seed(mapping, hash_seed)
        self._hash = engine.row_hash(conn, self._seed, list(self._columns.values()))
        self._wanted: set[str] | None = set()  # order keys whose rows are brought; None: all
        self._spellings: set[str] | None = set()  # as the source has them; None: too many to list

    def compare(self, known: Iterable[Known]) -> Scope:
        """Find the keys of all rows within the filters that are not known as they are.

        Args:
            known: sorted by hash, byte by byte.

        Raises:
            ValueError: a stream is not sorted, so that nothing it says can be trusted.
        """
        scope = Scope()
        held = _Held(known, scope.lost)
        if held.is_empty:
            return self._all() if self._whole else self._find(None)
        last = ""
        cells = [self._hash.label("os_hash"), self._raw_key, *self._cells(self._looked_at)]
        for row in self._stream(select(*cells).select_from(self._table).order_by("os_hash")):
            digest, raw_key, *looked_at = row
            if digest < last:
                raise ValueError("the database does not sort hashes byte by byte")
            if not self._whole and not self._scope_test(looked_at):
                continue
            scope.rows += 1
            if held.has(digest):
                scope.unchanged += digest != last
            else:
                self._note(scope, self._key(looked_at), raw_key)
            last = digest
        held.finish()
        if not self._whole:
            scope.doubled = self.spell(scope.keys).doubled
        return scope

    def compare_since(
        self, mark: object, hashes_of: Callable[[Collection[str]], dict[str, str]],
        always: Collection[str],
    ) -> Scope:  # fmt: skip
        """Like `compare`, of the rows that were touched since `mark` and those of some keys.

        Whether a known row has left the source cannot be seen.

        Args:
            mark: a value of the column of changes; rows with this value and with none count.
            hashes_of: acknowledged source hashes of order keys, as far as they have one.
            always: keys to judge whether they were touched or not.
        """
        scope = Scope()
        changed = self._changed_column()
        query = select(self._hash, *self._cells(self._looked_at)).select_from(self._table)
        touched = self._stream(query.where(or_(changed >= literal(mark), changed.is_(None))))
        wanted = set(always)
        while rows := list(islice(touched, CHUNK)):
            scope.rows += len(rows)
            digests = [(self._key(row[1:]), row[0]) for row in rows]
            keys = {key for key, _ in digests}
            known = hashes_of(keys)
            new = {key for key, digest in digests if known.get(key) != digest}
            scope.unchanged += len(keys - new)
            wanted |= new
        found = self.spell(wanted)
        scope.keys, scope.doubled = found.keys, found.doubled
        return scope

    def newest(self) -> object | None:
        """The highest value of the column of changes; None when it has none."""
        query = select(func.max(self._changed_column())).select_from(self._table)
        return self._conn.execute(query).scalar()

    def _changed_column(self) -> ColumnElement[Any]:
        assert self.shape.changed is not None
        return column(quoted_name(self.shape.changed, True))

    def _all(self) -> Scope:
        """Let `rows` bring every row; neither hashes nor spellings of keys are needed."""
        self._wanted = self._spellings = None
        scope = Scope()
        looked_at = self._cells(self._looked_at)
        for cells in self._stream(select(*looked_at).select_from(self._table)):
            scope.rows += 1
            self._note(scope, self._key(cells), "")
        return scope

    def find(self, keys: Collection[str]) -> Scope:
        """Look for these keys only, within the filters; nothing is hashed."""
        return self._find(keys.__contains__)

    def find_one(self, key: str, *, or_of_number: bool = False) -> Scope:
        """Look for one key in the whole source; the database itself passes over most rows.

        Args:
            or_of_number: `key` may also be the first part alone of the keys that are meant.

        Folding case and blanks never makes a digit of another character, so a row of the key has
        the key's digits in their order. What is not found so is looked for among all rows: a
        column that is a number may write its digits otherwise.
        """

        def is_wanted(found: str) -> bool:
            return found == key or (or_of_number and found.startswith(f"{key}|"))

        digits = [c for c in key_parts(key)[0] if c.isascii() and c.isdigit()]
        if digits:
            first = cast(self._columns[self._key_column], String(MOST_TEXT))
            self._narrow = first.like(f"%{'%'.join(digits)}%")
            scope = self._find(is_wanted)
            if scope.keys:
                return scope
            self._narrow = true()
        return self._find(is_wanted)

    def _find(self, is_wanted: Callable[[str], bool] | None) -> Scope:
        """Look for the keys that are wanted, None: for every key."""
        scope = Scope()
        for row in self._key_rows():
            if self._whole or self._scope_test(row[1:]):
                scope.rows += 1
                key = self._key(row[1:])
                if is_wanted is None or is_wanted(key):
                    self._note(scope, key, row[0])
        if not self._whole:
            scope.doubled = self.spell(scope.keys).doubled
        return scope

    def spell(self, keys: Collection[str]) -> Scope:
        """Let `rows` bring every row of these keys, within the filters or not, changed or not.

        Whether a key stands twice is a question to the whole source.

        Returns:
            Which of the keys the source has, and which stand more than once.
        """
        found = Scope()
        for row in self._key_rows() if keys else ():
            found.rows += 1
            key = self._key(row[1:])
            if key in keys:
                self._note(found, key, row[0])
        return found

    def _note(self, scope: Scope, key: str, raw: str) -> None:
        if key in scope.keys:
            scope.doubled.add(key)
        scope.keys.add(key)
        if self._wanted is not None:
            self._wanted.add(key)
        if self._spellings is not None:
            self._spellings.add(raw)
            if len(self._spellings) > MOST_LISTED:
                self._spellings = None

    def rows(self) -> Iterator[tuple[dict[str, object], str]]:
        """(source row by profile names, its source hash) of every key that was found.

        Sizes that are NULL, blank or 0 are left out: of a hundred and more, most are.
        """
        names = list(self._columns)
        sizes = [name for name in names if name in self._sizes]
        others = [name for name in names if name not in self._sizes]
        sizes_of, others_of = picking(map(names.index, sizes)), picking(map(names.index, others))
        wanted = self._wanted
        pick = [names.index(n) if n in self._columns else None for n in self._looked_at]
        own_hash = engine.own_hash(self._conn)
        hashed = () if own_hash else (self._hash,)
        for found in self._wanted_rows(hashed):
            cells = found[len(hashed) :]
            if wanted is not None:
                looked_at = [None if at is None else cells[at] for at in pick]
                if self._key(looked_at) not in wanted:
                    continue
            row = dict(zip(others, others_of(cells), strict=True))
            pieces = sizes_of(cells)
            row.update(compress(zip(sizes, pieces, strict=True), pieces))
            yield row, own_hash(self._seed, cells) if own_hash else found[0]

    def _wanted_rows(self, before: Sequence[ColumnElement[Any]]) -> Iterator[Sequence[Any]]:
        """The columns `before` and the whole row, of what is wanted and perhaps of some more."""
        if self._wanted is not None and not self._wanted:
            return iter(())
        query = select(*before, *self._columns.values()).select_from(self._table)
        query = query.where(self._narrow)
        if self._spellings is not None:
            spellings = sorted(self._spellings)
            query = query.where(engine.one_of(self._conn, self._raw_key, spellings))
        return self._stream(query)

    def _key_rows(self) -> Iterator[Sequence[Any]]:
        """The raw key and the cells that keys and filters look at, of every row."""
        query = select(self._raw_key, *self._cells(self._looked_at)).select_from(self._table)
        return self._stream(query.where(self._narrow))

    def _cells(self, names: Sequence[str]) -> list[ColumnElement[Any]]:
        """Columns of the profile; NULL where the source has none."""
        return [self._columns.get(name, null()) for name in names]

    def _stream(self, query: Select[*tuple[Any, ...]]) -> Iterator[Sequence[Any]]:
        """Rows as they come, a chunk in memory at a time."""
        return engine.stream(self._conn, query, CHUNK)


class _Held:
    """The known hashes, asked in ascending order; what was never asked for goes to `lost`."""

    def __init__(self, known: Iterable[Known], lost: set[str]) -> None:
        self._known = iter(known)
        self._lost = lost
        self._next = next(self._known, None)
        self._matched = ""

    def has(self, digest: str) -> bool:
        """Whether an order is known with this hash."""
        if digest == self._matched:
            return True
        while self._next is not None and self._next[0] < digest:
            self._lost.add(self._next[1])
            self._advance()
        if self._next is None or self._next[0] != digest:
            return False
        while self._next is not None and self._next[0] == digest:
            self._advance()
        self._matched = digest
        return True

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known at all."""
        return self._next is None and not self._matched and not self._lost

    def finish(self) -> None:
        """Call what was never asked for lost."""
        while self._next is not None:
            self._lost.add(self._next[1])
            self._advance()

    def _advance(self) -> None:
        before, self._next = self._next, next(self._known, None)
        if before is not None and self._next is not None and self._next[0] < before[0]:
            raise ValueError("the known hashes are not sorted byte by byte")


def _picking(
    function: Callable[..., Any], names: Sequence[str], wanted: Sequence[str]
) -> Callable[[Sequence[Any]], Any]:
    """`function` of the cells called `wanted`, out of cells called `names`."""
    if not wanted:
        return lambda _cells: function()
    if len(wanted) == 1:
        at = names.index(wanted[0])
        return lambda cells: function(cells[at])
    pick = itemgetter(*(names.index(name) for name in wanted))
    return lambda cells: function(*pick(cells))
