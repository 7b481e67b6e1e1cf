"""Connecting: the rest of `db/` asks here, and `dialects/` answers for each database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import islice, repeat
from operator import is_not
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, inspect, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError

from order_sync.db.columnar import Columns, by_column, count_rows
from order_sync.db.dialects import dialect_of, dialect_of_url, safe_url
from order_sync.db.dialects.base import Meanwhile, quoted, unreachable
from order_sync.errors import SyncError, Unreachable

__all__ = ["COMMIT_TRIES", "Database", "board_lock", "quoted", "safe_url"]

T = TypeVar("T")

COMMIT_TRIES = 5  # a commit that fails for want of a lock or of space is tried so often


class Database:
    """One database: short transactions that write, and reads that create nothing.

    Args:
        url: SQLAlchemy URL.
        read_only: connections refuse writes; a missing SQLite file reads as an empty database.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url = make_url(url)
        self.dialect = dialect_of_url(self.url)
        self.read_only = read_only
        self.engine = self.dialect.engine(self.url, read_only=read_only)
        self.reading = self.dialect.reading(self.engine)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction that only reads; it never waits for a writer, nor holds one up."""
        with translated(self.url), self.reading.begin() as conn:
            yield conn

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes: committed at the end, rolled back on any exception.

        For work that cannot be repeated, such as reading a file; everything else uses `run`.
        """
        with translated(self.url), self.engine.begin() as conn:
            yield conn

    def run(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction, tried again when the database was busy, full or away.

        `work` must be safe to repeat: it sees a rolled-back database each time.

        Raises:
            Unreachable: the database still refuses after `COMMIT_TRIES` tries, or was lost while
                it committed, so that nobody knows whether it did.
        """
        for attempt in range(1, COMMIT_TRIES + 1):
            committing = False
            try:
                with self.engine.begin() as conn:
                    result = work(conn)
                    committing = True
            except IntegrityError:
                raise  # a bug of ours, not a database that is away
            except DBAPIError as error:
                unknown = committing and self.dialect.is_in_doubt(error)
                if attempt == COMMIT_TRIES or unknown or not self.dialect.is_passing(error):
                    raise self._unreachable(error) from error
                time.sleep(0.2 * attempt)
            else:
                return result
        raise AssertionError("unreachable")

    def has_table(self, name: str) -> bool:
        with self.begin() as conn:
            return inspect(conn).has_table(name)

    def _unreachable(self, error: DBAPIError) -> Unreachable:
        return unreachable(self.url, error, self.dialect.hint)


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Errors of the driver become ours at this border."""
    dialect = dialect_of_url(url)
    ours: tuple[type[Exception], ...] = (DBAPIError, OSError, *dialect.driver_errors())
    try:
        yield
    except SyncError:
        raise
    except ours as error:
        raise unreachable(url, error, dialect.hint) from error


def board_lock(database: Database, board_id: str) -> AbstractContextManager[None]:
    """Hold the board's lock for the length of the block; it dies with the process.

    Raises:
        LockHeld: another run holds it.
    """
    return database.dialect.board_lock(database.engine, database.url, board_id)


def share_board(conn: Connection, board_id: str) -> None:
    """Let no new run of the board begin before this transaction has ended.

    Raises:
        StaleFence: the lock that was held when the run began is lost.
    """
    dialect_of(conn).share_board(conn, board_id)


def take_board(conn: Connection, board_id: str) -> None:
    """Wait until no transaction that has shared the board is under way, and let none begin."""
    dialect_of(conn).take_board(conn, board_id)


def lock_schema(conn: Connection) -> None:
    """Create or change tables alone, until the transaction ends."""
    dialect_of(conn).lock_schema(conn)


def is_passing(conn: Connection, error: DBAPIError) -> bool:
    """Whether the database was busy, full or away, so that the same may succeed later."""
    return dialect_of(conn).is_passing(error)


def reason(error: DBAPIError) -> str:
    """What the database said, without the row it said it of."""
    return (str(error.orig).splitlines() or [""])[0]


def run_sql(conn: Connection, statement: str) -> None:
    """A statement without parameters, whatever characters its names hold."""
    dialect_of(conn).run_sql(conn, statement)


def now(conn: Connection) -> datetime:
    """The database's clock, UTC."""
    return dialect_of(conn).now(conn)


def bulk_insert(conn: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert `rows` by the driver's fast path; all rows name the same columns.

    Columns of `table` have no defaults: what is not named is NULL.

    Raises:
        sqlalchemy.exc.DBAPIError: a row was refused; nothing of this call is kept by the caller's
            savepoint.
    """
    insert_columns(conn, table, by_column(rows))


def insert_columns(
    conn: Connection, table: Table, columns: Columns, meanwhile: Meanwhile = lambda: None
) -> None:
    """`bulk_insert` of rows that come column by column.

    Args:
        meanwhile: called, perhaps again, when there is the most time for something else.
    """
    if count_rows(columns):
        # A column that no row fills is left out: to name it costs as much as to fill it.
        filled = {n: cells for n, cells in columns.items() if any(map(is_not, cells, repeat(None)))}
        dialect_of(conn).bulk_insert(
            conn, table, filled or dict(islice(columns.items(), 1)), meanwhile
        )


def upsert(
    conn: Connection, table: Table, names: Sequence[str], source: Select[Any], *,
    key: Sequence[str], kept: Sequence[str], emptied: Sequence[str] = (),
) -> None:  # fmt: skip
    """Insert the rows of `source`; where `key` exists already, update instead.

    Args:
        names: columns of `table` in the order `source` selects them.
        kept: columns an update leaves as they are.
        emptied: columns an update sets to NULL.
    """
    dialect_of(conn).upsert(conn, table, names, source, key=key, kept=kept, emptied=emptied)


def find_table(
    conn: Connection, table: str, schema: str | None = None
) -> tuple[str, list[str]] | None:
    """(name as the database has it, column names) of a table or view; None when there is none."""
    for name in dialect_of(conn).spellings(table):
        columns = columns_of(conn, name, schema)
        if columns:
            return name, columns
    return None


def columns_of(conn: Connection, table: str, schema: str | None = None) -> list[str]:
    """Column names of a table or view, in order; empty when it does not exist."""
    return dialect_of(conn).columns_of(conn, table, schema)


def add_column(
    conn: Connection, table: str, column: str, ddl_type: str, schema: str | None = None
) -> None:
    """ALTER TABLE ... ADD COLUMN, for upgrades."""
    name = f"{quoted(schema)}.{quoted(table)}" if schema else quoted(table)
    adding = dialect_of(conn).adding_column
    run_sql(conn, f"ALTER TABLE {name} {adding} {quoted(column)} {ddl_type}")


def replace_view(conn: Connection, name: str, select: str) -> None:
    run_sql(conn, f"DROP VIEW IF EXISTS {quoted(name)}")
    run_sql(conn, f"CREATE VIEW {quoted(name)} AS {select}")


def any_type(conn: Connection) -> str:
    """SQL type of a column that keeps every cell of a file as it is; may be blank."""
    return dialect_of(conn).any_type()


def text_type(conn: Connection) -> str:
    """SQL type of a column for text of any length."""
    return dialect_of(conn).text_type


def row_text(conn: Connection, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
    """An unambiguous text of these cells: NULL and the empty text differ."""
    return dialect_of(conn).row_text(columns)


def row_hash(
    conn: Connection, seed: str, columns: Sequence[ColumnElement[Any]]
) -> ColumnElement[str]:
    """The SHA-256 of `seed` and the cells: 64 lower-case hexadecimals, sorted byte by byte."""
    return dialect_of(conn).row_hash(seed, columns)


def stream(
    conn: Connection, query: Select[*tuple[Any, ...]], chunk: int
) -> Iterator[Sequence[Any]]:
    """Rows as they come, about `chunk` of them in memory; one stream at a time."""
    return dialect_of(conn).stream(conn, query, chunk)


def own_hash(conn: Connection) -> Callable[[str, Sequence[object]], str] | None:
    """`row_hash` of cells that were fetched anyway; None: the database has to be asked."""
    return dialect_of(conn).own_hash()


def bytewise(conn: Connection, text: ColumnElement[Any]) -> ColumnElement[Any]:
    """`text` as ORDER BY sorts it byte by byte."""
    return dialect_of(conn).bytewise(text)


def one_of(
    conn: Connection, text: ColumnElement[str], values: Sequence[str]
) -> ColumnElement[bool]:
    """Whether `text` is one of any number of values, character by character."""
    return dialect_of(conn).one_of(text, values)


def only_tested(conn: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """`column`, for a condition that is no reason to choose an index of it."""
    return dialect_of(conn).only_tested(column)


def seconds_since(conn: Connection, at: ColumnElement[Any], since: datetime) -> ColumnElement[int]:
    """The whole seconds from `since`, which has no parts of seconds, to a later `at`."""
    return dialect_of(conn).seconds_since(at, since)


def age_seconds(conn: Connection, column: str) -> str:
    """SQL for the whole seconds since `column`."""
    return dialect_of(conn).age_seconds(quoted(column))


def hours_ago(conn: Connection, hours: int) -> str:
    """SQL for the point in time `hours` ago, comparable with a stored one."""
    return dialect_of(conn).hours_ago(hours)
