"""Connecting: the only file that knows which database it talks to.

Only SQLite is spoken so far. Write transactions begin IMMEDIATE, so that a transaction that
will write never waits in the middle, and every commit is durable (`synchronous=FULL`).
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, Select, Table, create_engine, event, make_url, null
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import StaticPool

from order_sync.errors import ConfigError, LockHeld, SyncError, Unreachable

T = TypeVar("T")

BUSY_TIMEOUT_S = 30
_READS = "order_sync_reads"  # execution option: the transaction writes nothing
COMMIT_TRIES = 5  # a commit that fails for want of a lock or of space is tried so often


class Database:
    """One database: short transactions that write, and reads that create nothing.

    Args:
        url: SQLAlchemy URL.
        read_only: connections refuse writes; a missing SQLite file reads as an empty database.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url = make_url(url)
        if self.url.get_backend_name() != "sqlite":
            raise ConfigError(
                f"this version cannot use {self.url.get_backend_name()} yet",
                hint="set database.url to a sqlite:/// URL",
            )
        self.read_only = read_only
        self.engine = _sqlite_engine(self.url, read_only=read_only)
        self.reading = self.engine.execution_options(**{_READS: True})

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
        """`work` in one transaction, tried again when the database was busy or full.

        `work` must be safe to repeat: it sees a rolled-back database each time.

        Raises:
            Unreachable: the database still refuses after `COMMIT_TRIES` tries.
        """
        for attempt in range(1, COMMIT_TRIES + 1):
            try:
                with self.engine.begin() as conn:
                    return work(conn)
            except IntegrityError:
                raise  # a bug of ours, not a database that is away
            except DBAPIError as error:
                if attempt == COMMIT_TRIES or not is_passing(error):
                    raise _unreachable(self.url, error) from error
                time.sleep(0.2 * attempt)
        raise AssertionError("unreachable")

    def has_table(self, name: str) -> bool:
        with self.begin() as conn:
            return self.engine.dialect.has_table(conn, name)


def safe_url(url: URL | str) -> str:
    """The URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Errors of the driver become ours at this border."""
    try:
        yield
    except SyncError:
        raise
    except (DBAPIError, sqlite3.Error, OSError) as error:
        raise _unreachable(url, error) from error


def _unreachable(url: URL, error: BaseException) -> Unreachable:
    cause = str(getattr(error, "orig", error)).splitlines()[0]
    return Unreachable(
        f"the database {safe_url(url)} cannot be used: {cause}",
        hint="check database.url, the file's permissions and the free space, then run again",
    )


def is_passing(error: DBAPIError) -> bool:
    """Whether the database was busy or full, so that the same statement may succeed later."""
    code = getattr(error.orig, "sqlite_errorname", "")
    return code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR"))


def _sqlite_engine(url: URL, *, read_only: bool) -> Engine:
    path = url.database
    in_memory = path in (None, "", ":memory:")
    if not in_memory:
        assert path is not None
        directory = Path(path).expanduser().resolve().parent
        if not directory.is_dir():
            raise ConfigError(
                f"the directory of {safe_url(url)} does not exist",
                hint=f"create {directory} or change database.url",
            )
        if read_only and not Path(path).exists():
            url, in_memory = make_url("sqlite://"), True
    name = ":memory:" if in_memory else str(path)
    if read_only and not in_memory:
        name = f"file:{quote(name)}?mode=ro"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            name, timeout=BUSY_TIMEOUT_S, check_same_thread=False, uri=name.startswith("file:")
        )

    engine = create_engine(url, creator=connect, poolclass=StaticPool if in_memory else None)

    @event.listens_for(engine, "connect")
    def _prepare(dbapi: sqlite3.Connection, _record: object) -> None:
        dbapi.isolation_level = None  # we say BEGIN ourselves
        dbapi.create_function("os_sha256", 1, _sha256, deterministic=True)
        dbapi.execute("PRAGMA foreign_keys=ON")
        dbapi.execute("PRAGMA synchronous=FULL")
        if not in_memory and not read_only:
            dbapi.execute("PRAGMA journal_mode=WAL").fetchall()

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        reads = read_only or conn.get_execution_options().get(_READS)
        conn.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def register_function(
    conn: Connection, name: str, arguments: int, body: Callable[..., str | int | None]
) -> None:
    """Make Python `body` callable from SQL on this connection."""
    driver = conn.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.create_function(name, arguments, body, deterministic=True)


def _sha256(value: str | None) -> str | None:
    return None if value is None else hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def quoted_text(column: str) -> str:
    """SQL for an unambiguous text form of `column`: NULL, 1, 1.5 and '1' all differ."""
    return f"quote({quoted(column)})"


def quoted(identifier: str) -> str:
    """`identifier` as a quoted SQL name, whatever characters it holds."""
    return '"' + identifier.replace('"', '""') + '"'


def now(conn: Connection) -> datetime:
    """The database's clock, UTC with milliseconds."""
    raw = conn.exec_driver_sql("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')").scalar_one()
    return datetime.fromisoformat(raw).replace(tzinfo=UTC)


def bulk_insert(conn: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert `rows` by the driver's fast path; all rows name the same columns.

    Raises:
        sqlalchemy.exc.DBAPIError: a row was refused; nothing of this call is kept by the caller's
            savepoint.
    """
    if not rows:
        return
    names = list(rows[0])
    columns = [table.c[name] for name in names]
    processors = [c.type.dialect_impl(conn.dialect).bind_processor(conn.dialect) for c in columns]
    statement = (
        f"INSERT INTO {quoted(table.name)} ({', '.join(quoted(n) for n in names)}) "  # noqa: S608 - names come from our own tables
        f"VALUES ({', '.join('?' * len(names))})"
    )
    values = [
        tuple(
            process(row[name]) if process else row[name]
            for name, process in zip(names, processors, strict=True)
        )
        for row in rows
    ]
    conn.exec_driver_sql(statement, values)


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
    statement = sqlite_insert(table).from_select(list(names), source)
    changed: dict[str, Any] = {
        name: statement.excluded[name] for name in names if name not in (*key, *kept)
    }
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=list(key), set_=changed | dict.fromkeys(emptied, null())
        )
    )


@contextmanager
def board_lock(database: Database, board_id: str) -> Iterator[None]:
    """Hold the board's lock for the length of the block; it dies with the process.

    Raises:
        LockHeld: another run holds it.
    """
    path = database.url.database
    if path in (None, "", ":memory:"):
        yield
        return
    assert path is not None
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", board_id)
    lock_path = Path(path).expanduser().resolve()
    lock = FileLock(f"{lock_path}.board-{safe}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LockHeld(
            f"another run is working on board {board_id}",
            hint="wait until it has ended, or look at it with: order-sync status",
        ) from None
    except OSError as error:
        raise _unreachable(database.url, error) from error
    try:
        yield
    finally:
        lock.release()


def columns_of(conn: Connection, table: str, schema: str | None = None) -> list[str]:
    """Column names of a table or view, in order; empty when it does not exist."""
    prefix = f"{quoted(schema)}." if schema else ""
    rows = conn.exec_driver_sql(f"PRAGMA {prefix}table_info({quoted(table)})").all()
    return [row[1] for row in rows]


def add_column(conn: Connection, table: str, column: str, ddl_type: str) -> None:
    """ALTER TABLE ... ADD COLUMN, for upgrades."""
    conn.exec_driver_sql(f"ALTER TABLE {quoted(table)} ADD COLUMN {quoted(column)} {ddl_type}")


def replace_view(conn: Connection, name: str, select: str) -> None:
    conn.exec_driver_sql(f"DROP VIEW IF EXISTS {quoted(name)}")
    conn.exec_driver_sql(f"CREATE VIEW {quoted(name)} AS {select}")


def age_seconds(_conn: Connection, column: str) -> str:
    """SQL for the whole seconds since `column`."""
    return f"CAST(ROUND((julianday('now') - julianday({quoted(column)})) * 86400) AS INTEGER)"


def hours_ago(_conn: Connection, hours: int) -> str:
    """SQL for the point in time `hours` ago, comparable with a stored one."""
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{int(hours)} hours')"
