"""One order line as its source has it at this moment, and how that differs from the board."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum

from order_sync.db.engine import Database
from order_sync.db.source import inspect_source
from order_sync.db.source_reading import SourceReader
from order_sync.errors import SyncError
from order_sync.rules.comparing import KnownOrder
from order_sync.rules.differences import Difference, from_board
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.order import OrderLine, RefusedRow
from order_sync.rules.reading import OrderReader
from order_sync.settings import SourceSettings


class Presence(StrEnum):
    """What a look at the source has found."""

    THERE = "there"
    GONE = "gone"  # no row has this key
    UNREACHABLE = "unreachable"  # the source could not be asked


@dataclass(frozen=True)
class SourceRow:
    """A row of the source that has the key."""

    cells: dict[str, object]  # mapped columns and sizes that are filled -> value as it stands
    refusals: tuple[str, ...]  # why it cannot be sent, whatever the board says
    differences: tuple[Difference, ...]  # from what the board is known to hold; () without that


@dataclass(frozen=True)
class SourceNow:
    """The rows of one order line, as they are now."""

    presence: Presence
    table: str
    rows: tuple[SourceRow, ...] = ()  # more than one: the key is not unique
    problem: str = ""  # why the source could not be asked, and what to do


def look(
    source: SourceSettings, mapping: Mapping, order_key: str, known: KnownOrder | None
) -> SourceNow:
    """Ask the source for one order line; a source that does not answer is a finding, too.

    Args:
        known: what the board is known to hold of it; None: nothing.
    """
    try:
        with _reader(source, mapping) as reader:
            reader.find_one(order_key)
            read = OrderReader(mapping).read
            found = [(read(cells), cells) for cells, _ in reader.rows()]
    except SyncError as error:
        problem = f"{error.message}; {error.hint}" if error.hint else error.message
        return SourceNow(Presence.UNREACHABLE, source.table, problem=problem)
    rows = tuple(_judged(row, cells, known, mapping) for row, cells in found)
    return SourceNow(Presence.THERE if rows else Presence.GONE, source.table, rows)


def keys_in_source(source: SourceSettings, mapping: Mapping, key: str) -> list[str]:
    """The source's keys that are `key`, or that it is the first part of; sorted.

    Raises:
        SyncError: the source cannot be asked.
    """
    with _reader(source, mapping) as reader:
        return sorted(reader.find_one(key, or_of_number=True).keys)


@contextmanager
def _reader(source: SourceSettings, mapping: Mapping) -> Iterator[SourceReader]:
    with closing(Database(source.url, read_only=True)) as database, database.begin() as conn:
        shape = inspect_source(conn, source.table, mapping)
        yield SourceReader(conn, shape, mapping, Filters(), hash_seed="")


def _judged(
    row: OrderLine | RefusedRow | None, cells: dict[str, object], known: KnownOrder | None,
    mapping: Mapping,
) -> SourceRow:  # fmt: skip
    if row is None:
        return SourceRow(cells, (), ())
    if isinstance(row, RefusedRow):
        return SourceRow(dict(row.original), tuple(r.message for r in row.refusals), ())
    differences = () if known is None else from_board(row, known, mapping)
    return SourceRow(dict(row.original), (), differences)
