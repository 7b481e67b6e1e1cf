"""SQLite: one file, one writer at a time.

Write transactions begin IMMEDIATE, so that a transaction that will write never waits in the
middle, and every commit is durable (`synchronous=FULL`). Readers see a file in WAL mode while a
run writes.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from filelock import FileLock, Timeout
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Select,
    Table,
    Text,
    cast,
    create_engine,
    event,
    func,
    literal,
    make_url,
    null,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, StaticPool
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from order_sync.db.columnar import Columns
from order_sync.db.dialects.base import (
    BUSY_TIMEOUT_S,
    Dialect,
    Meanwhile,
    driver_cells,
    lock_held,
    quoted,
    safe_url,
    unreachable,
)
from order_sync.db.types import UtcDateTime
from order_sync.errors import ConfigError
from order_sync.private_files import PRIVATE, make_private

PAGE = 16_384  # bytes, of a new file: an item row takes some 3,000, and a page has no half rows
ROWS_AT_ONCE = 200  # in one INSERT: a third less time than one by one; more adds nothing
MOST_PARAMETERS = 32_000  # of a statement: 32,766 at most
MOST_CELLS = 120  # arguments of a function: 127 at most
_READS = "order_sync_reads"  # execution option: the transaction writes nothing


class Sqlite(Dialect):
    """SQLite 3.40 and newer, with the driver of the standard library."""

    hint = "check database.url, the file's permissions and the free space, then run again"

    def engine(self, url: URL, *, read_only: bool) -> Engine:
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
            if not in_memory and not read_only:
                make_private(Path(name))  # its log and its index take the permissions from it
            return sqlite3.connect(
                name, timeout=BUSY_TIMEOUT_S, check_same_thread=False, uri=name.startswith("file:")
            )

        engine = create_engine(url, creator=connect, poolclass=StaticPool if in_memory else None)

        @event.listens_for(engine, "connect")
        def _prepare(dbapi: sqlite3.Connection, _record: object) -> None:
            dbapi.isolation_level = None  # we say BEGIN ourselves
            dbapi.create_function("os_row_text", -1, _row_text, deterministic=True)
            dbapi.create_function("os_row_hash", -1, _row_hash, deterministic=True)
            dbapi.execute("PRAGMA cache_size=-16000")  # KiB
            dbapi.execute("PRAGMA foreign_keys=ON")
            dbapi.execute("PRAGMA synchronous=FULL")
            if not in_memory and not read_only:
                dbapi.execute(f"PRAGMA page_size={PAGE}")
                dbapi.execute("PRAGMA journal_mode=WAL").fetchall()

        if read_only and not in_memory:
            _follow_file(engine, Path(str(path)))

        @event.listens_for(engine, "begin")
        def _begin(conn: Connection) -> None:
            reads = read_only or conn.get_execution_options().get(_READS)
            conn.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

        return engine

    def reading(self, engine: Engine) -> Engine:
        return engine.execution_options(**{_READS: True})

    def driver_errors(self) -> tuple[type[Exception], ...]:
        return (sqlite3.Error,)

    def is_passing(self, error: DBAPIError) -> bool:
        code = getattr(error.orig, "sqlite_errorname", "")
        return code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR"))

    def is_in_doubt(self, error: DBAPIError) -> bool:  # noqa: ARG002
        return False  # a file is always there to say no

    @contextmanager
    def board_lock(self, engine: Engine, url: URL, board_id: str) -> Iterator[None]:  # noqa: ARG002
        """A lock file beside the database; the system drops it when the process ends."""
        path = url.database
        if path in (None, "", ":memory:"):
            yield
            return
        assert path is not None
        safe = re.sub(r"[^A-Za-z0-9_-]", "_", board_id)
        lock_path = Path(path).expanduser().resolve()
        lock = FileLock(f"{lock_path}.board-{safe}.lock", mode=PRIVATE)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise lock_held(board_id) from None
        except OSError as error:
            raise unreachable(url, error, self.hint) from error
        try:
            yield
        finally:
            lock.release()

    def share_board(self, conn: Connection, board_id: str) -> None:
        """Nothing: whoever writes is alone."""

    def take_board(self, conn: Connection, board_id: str) -> None:
        """Nothing: whoever writes is alone."""

    def lock_schema(self, conn: Connection) -> None:
        """Nothing: whoever writes is alone."""

    def run_sql(self, conn: Connection, statement: str) -> None:
        conn.exec_driver_sql(statement)

    def now(self, conn: Connection) -> datetime:
        raw = conn.exec_driver_sql("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')").scalar_one()
        return datetime.fromisoformat(raw).replace(tzinfo=UTC)

    def bulk_insert(
        self, conn: Connection, table: Table, columns: Columns, meanwhile: Meanwhile
    ) -> None:
        meanwhile()
        names = tuple(columns)
        rows = zip(*driver_cells(conn, table, columns), strict=True)
        most = min(ROWS_AT_ONCE, MOST_PARAMETERS // len(names))
        while some := [*islice(rows, most)]:
            statement = _insertion(table.name, names, len(some))
            conn.exec_driver_sql(statement, tuple(chain.from_iterable(some)))

    def upsert(
        self, conn: Connection, table: Table, names: Sequence[str], source: Select[Any], *,
        key: Sequence[str], kept: Sequence[str], emptied: Sequence[str],
    ) -> None:  # fmt: skip
        statement = insert(table).from_select(list(names), source)
        changed: dict[str, Any] = {
            name: statement.excluded[name] for name in names if name not in (*key, *kept)
        }
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=list(key), set_=changed | dict.fromkeys(emptied, null())
            )
        )

    def columns_of(self, conn: Connection, table: str, schema: str | None) -> list[str]:
        prefix = f"{quoted(schema)}." if schema else ""
        attached = {row[1] for row in conn.exec_driver_sql("PRAGMA database_list")}
        if schema and schema not in attached:
            return []
        rows = conn.exec_driver_sql(f"PRAGMA {prefix}table_info({quoted(table)})").all()
        return [row[1] for row in rows]

    def spellings(self, name: str) -> tuple[str, ...]:
        return (name,)  # it compares names without case

    def any_type(self) -> str:
        # It would make 20 of the text "2E1" in a column declared INTEGER, and a date of
        # "4.5926e4": an order that should be refused would go out.
        return ""

    def row_text(self, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
        return self._called("os_row_text", "", columns)

    def row_hash(self, seed: str, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
        return self._called("os_row_hash", seed, columns)

    def _called(
        self, function: str, seed: str, columns: Sequence[ColumnElement[Any]]
    ) -> ColumnElement[str]:
        """A function of ours on any number of cells: what is too many goes through it first."""
        cells = list(columns)
        while len(cells) > MOST_CELLS:
            cells = [getattr(func, function)("", *cells[:MOST_CELLS]), *cells[MOST_CELLS:]]
        found: ColumnElement[str] = getattr(func, function)(seed, *cells, type_=Text())
        return found

    def own_hash(self) -> Callable[[str, Sequence[object]], str] | None:
        return _hash_of_row

    def bytewise(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return text  # columns are declared without another collation

    def one_of(self, text: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
        listed = func.json_each(json.dumps(list(values))).table_valued("value")
        return text.in_(select(listed.c.value))

    def only_tested(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        # It takes any index of a column that has to equal something, even where there is one that
        # has the rows in their order already.
        return UnaryExpression(column, operator=custom_op("+"), type_=column.type)

    def seconds_since(self, at: ColumnElement[Any], since: datetime) -> ColumnElement[int]:
        # A day as a floating number is exact to some hundredths of a millisecond.
        days = func.julianday(at) - func.julianday(literal(since, UtcDateTime()))
        return cast(days * 86_400 + 0.0005, Integer)

    def age_seconds(self, column: str) -> str:
        return f"CAST(ROUND((julianday('now') - julianday({column})) * 86400) AS INTEGER)"

    def hours_ago(self, hours: int) -> str:
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{int(hours)} hours')"


@lru_cache(64)
def _insertion(table: str, names: tuple[str, ...], rows: int) -> str:
    """INSERT of so many rows."""
    row = f"({', '.join('?' * len(names))})"
    listed = ", ".join(quoted(name) for name in names)
    return f"INSERT INTO {quoted(table)} ({listed}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - names come from our own tables


def _follow_file(engine: Engine, path: Path) -> None:
    """Let a long-lived reader notice that another file stands at `path` now, as after a restore.

    A connection that is kept open would go on reading the old file, which nobody else can see.
    """

    @event.listens_for(engine, "connect")
    def remember(_dbapi: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(path)

    @event.listens_for(engine, "checkout")
    def compare(
        _dbapi: sqlite3.Connection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        if record.info["file"] != _identity(path):
            raise DisconnectionError("another file stands there now")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _row_text(*cells: object) -> str:
    # Numbers, texts, bytes and NULL look different; whatever text can be stored has such a form.
    return repr(cells)


def _row_hash(*cells: Any) -> str:
    # By far the fastest unambiguous form of a row; in version 2 it depends on the values alone.
    return hashlib.sha256(marshal.dumps(cells, 2)).hexdigest()


def _hash_of_row(seed: str, cells: Sequence[object]) -> str:
    """What `Sqlite.row_hash` makes of these cells."""
    left = cells
    while len(left) > MOST_CELLS:
        left = (_row_hash("", *left[:MOST_CELLS]), *left[MOST_CELLS:])
    return _row_hash(seed, *left)
