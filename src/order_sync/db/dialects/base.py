"""What order-sync asks of a database, beyond the SQL that all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from order_sync.database_url import shown, without_secrets
from order_sync.db.columnar import Columns
from order_sync.errors import LockHeld, Unreachable
from order_sync.rules.remembered import Remembered

BUSY_TIMEOUT_S = 30  # how long a statement waits for a lock
REMEMBERED = 2_048  # cells of a column that were made fit for the driver
_PREPARED = "order_sync_prepared"  # what a connection remembers: type of a column -> its cells


Meanwhile = Callable[[], object]


class Dialect(ABC):
    """One kind of database. Functions that take a connection never end its transaction."""

    hint: ClassVar[str]  # what to look at when the database cannot be used
    adding_column: ClassVar[str] = "ADD COLUMN"  # after ALTER TABLE
    text_type: ClassVar[str] = "TEXT"  # of a column for text of any length

    # Connecting --------------------------------------------------------------------------------

    @abstractmethod
    def engine(self, url: URL, *, read_only: bool) -> Engine:
        """An engine whose transactions write; their commits are durable.

        Args:
            read_only: the database refuses writes.

        Raises:
            ConfigError: the URL cannot be used, or the driver is missing.
        """

    @abstractmethod
    def reading(self, engine: Engine) -> Engine:
        """The same engine for transactions that only read, each one consistent look."""

    @abstractmethod
    def driver_errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises by itself, outside SQLAlchemy."""

    @abstractmethod
    def is_passing(self, error: DBAPIError) -> bool:
        """Whether the database was busy, full or away, so that the same may succeed later."""

    @abstractmethod
    def is_in_doubt(self, error: DBAPIError) -> bool:
        """Whether a COMMIT that ended in `error` may have been made all the same."""

    # Taking turns ------------------------------------------------------------------------------

    @abstractmethod
    def board_lock(self, engine: Engine, url: URL, board_id: str) -> AbstractContextManager[None]:
        """Hold the board's lock for the length of the block; it dies with its holder.

        Raises:
            LockHeld: another run holds it.
        """

    @abstractmethod
    def share_board(self, conn: Connection, board_id: str) -> None:
        """Let no new run of the board begin before this transaction has ended.

        Raises:
            StaleFence: the lock that was held when the run began is lost.
        """

    @abstractmethod
    def take_board(self, conn: Connection, board_id: str) -> None:
        """Wait until no transaction is under way that has shared the board, and let none begin."""

    @abstractmethod
    def lock_schema(self, conn: Connection) -> None:
        """Create or change tables alone, until the transaction ends."""

    # SQL ---------------------------------------------------------------------------------------

    @abstractmethod
    def run_sql(self, conn: Connection, statement: str) -> None:
        """A statement without parameters, whatever characters its names hold."""

    @abstractmethod
    def now(self, conn: Connection) -> datetime:
        """The database's clock, not the beginning of the transaction."""

    @abstractmethod
    def bulk_insert(
        self, conn: Connection, table: Table, columns: Columns, meanwhile: Meanwhile
    ) -> None:
        """Insert rows by the driver's fast path.

        Args:
            meanwhile: called, perhaps again, when there is the most time for something else.
        """

    @abstractmethod
    def upsert(
        self, conn: Connection, table: Table, names: Sequence[str], source: Select[Any], *,
        key: Sequence[str], kept: Sequence[str], emptied: Sequence[str],
    ) -> None:  # fmt: skip
        """Insert the rows of `source`; where `key` exists already, update instead."""

    @abstractmethod
    def columns_of(self, conn: Connection, table: str, schema: str | None) -> list[str]:
        """Column names of a table or view, in order; empty when it does not exist."""

    @abstractmethod
    def spellings(self, name: str) -> tuple[str, ...]:
        """What the database may have made of a table name, the likeliest first."""

    @abstractmethod
    def any_type(self) -> str:
        """SQL type of a column that keeps every cell of a file as it is; may be blank."""

    @abstractmethod
    def row_text(self, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
        """An unambiguous text of these cells: NULL and '' differ, and no cell runs into another."""

    @abstractmethod
    def row_hash(self, seed: str, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
        """The SHA-256 of `seed` and the cells: 64 lower-case hexadecimals, sorted byte by byte.

        Comparable with others of the same kind of database only.
        """

    def stream(
        self, conn: Connection, query: Select[*tuple[Any, ...]], chunk: int
    ) -> Iterator[Sequence[Any]]:
        """Rows as they come, about `chunk` of them in memory; one stream at a time."""
        with conn.execute(query, execution_options={"yield_per": chunk}) as result:
            yield from result

    def own_hash(self) -> Callable[[str, Sequence[object]], str] | None:
        """`row_hash` of cells that were fetched anyway; None: the database has to be asked."""
        return None

    @abstractmethod
    def bytewise(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        """`text` as ORDER BY sorts it byte by byte."""

    @abstractmethod
    def one_of(self, text: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
        """Whether `text` is one of any number of values, character by character."""

    def only_tested(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """`column`, for a condition that is no reason to choose an index of it."""
        return column

    @abstractmethod
    def seconds_since(self, at: ColumnElement[Any], since: datetime) -> ColumnElement[int]:
        """The whole seconds from `since`, which has no parts of seconds, to a later `at`."""

    @abstractmethod
    def age_seconds(self, column: str) -> str:
        """SQL for the whole seconds since a quoted column."""

    @abstractmethod
    def hours_ago(self, hours: int) -> str:
        """SQL for the point in time `hours` ago, comparable with a stored one."""


def driver_cells(conn: Connection, table: Table, columns: Columns) -> list[Sequence[Any]]:
    """The cells of each column as the driver takes them; equal ones are stored alike."""
    known: dict[TypeEngine[Any], Remembered[Any] | None] = conn.info.setdefault(_PREPARED, {})
    cells: list[Sequence[Any]] = []
    for name, column in columns.items():
        kind = table.c[name].type
        if kind not in known:
            prepare = kind.dialect_impl(conn.dialect).bind_processor(conn.dialect)
            known[kind] = Remembered(prepare, REMEMBERED) if prepare else None
        prepared = known[kind]
        cells.append([*map(prepared.__getitem__, column)] if prepared is not None else column)
    return cells


def quoted(identifier: str) -> str:
    """`identifier` as a quoted SQL name, whatever characters it holds."""
    return '"' + identifier.replace('"', '""') + '"'


def safe_url(url: URL | str) -> str:
    """The URL without its password."""
    return shown(make_url(url))


def unreachable(url: URL, error: BaseException, hint: str) -> Unreachable:
    """The database said no, or nothing; its words without the password."""
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    cause = without_secrets(said.splitlines()[0], url)
    return Unreachable(f"the database {safe_url(url)} cannot be used: {cause}", hint=hint)


def lock_held(board_id: str) -> LockHeld:
    return LockHeld(
        f"another run is working on board {board_id}",
        hint="wait until it has ended, or look at it with: order-sync status",
    )
