"""PostgreSQL 14 and newer, through psycopg 3.

Writes run READ COMMITTED, reads in a REPEATABLE READ snapshot that never waits for a writer.
Locks of a board are advisory: they live in the database and die with the session that took them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    Text,
    cast,
    create_engine,
    event,
    extract,
    func,
    insert,
    literal,
    null,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from order_sync.db.columnar import Columns
from order_sync.db.dialects.base import (
    BUSY_TIMEOUT_S,
    REMEMBERED,
    Dialect,
    Meanwhile,
    driver_cells,
    lock_held,
    quoted,
    unreachable,
)
from order_sync.db.dialects.postgres_copy import copy_text
from order_sync.db.types import UtcDateTime
from order_sync.errors import ConfigError, StaleFence
from order_sync.rules.remembered import Remembered

if TYPE_CHECKING:
    import psycopg

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 10
# So many bytes of rows lie between us and the server: it takes them in while the next are made.
COPIED_AT_ONCE = 128 * 1024
COPIED_AT_FIRST = 50  # rows, until it is known how long they are
LOCK_TRIES, LOCK_WAIT_S = 5, 0.1
_LOCK_SESSIONS = "order_sync_lock_sessions"  # execution option: board -> pid of its lock's session
_COPIED = "order_sync_copied"  # execution option: see `_copied`
_NO_FAST_PATH = "0A000"  # feature_not_supported: COPY into a table with row-level security

# Text forms of values, which the source hash is made of, depend on these.
_SESSION = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "lock_timeout": f"{BUSY_TIMEOUT_S}s",
}
# SQLSTATEs, or the beginnings of their class, of what may succeed when it is tried again.
_PASSING = (
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
    "55P03",  # lock_not_available
    "53",  # insufficient resources: disk full, out of memory, too many connections
    "57P0",  # the server shuts down, crashed, or starts
    "08",  # connection exceptions
)
_LOST = ("57P0", "08")  # the session is gone: nobody has said what became of a COMMIT


class Postgres(Dialect):
    """PostgreSQL; what speaks its protocol and has COPY and advisory locks may do, too."""

    hint = "check database.url, and that the server runs and lets this user in, then run again"

    def engine(self, url: URL, *, read_only: bool) -> Engine:
        try:
            import psycopg  # noqa: F401, PLC0415 - an optional extra
        except ImportError:
            raise ConfigError(
                "PostgreSQL needs a driver that is not installed",
                hint="run: pip install monday-order-sync[postgres]",
            ) from None
        if url.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
            raise ConfigError(
                f"PostgreSQL is reached through psycopg, not through {url.get_driver_name()}",
                hint="begin the URL with postgresql://",
            )
        known = url.query
        arguments: dict[str, Any] = {"prepare_threshold": None, "client_encoding": "utf8"}
        if "connect_timeout" not in known:
            arguments["connect_timeout"] = CONNECT_TIMEOUT_S
        if "application_name" not in known:
            arguments["application_name"] = "order-sync"
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=arguments,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            hide_parameters=True,  # order data belongs in no traceback
        )
        event.listen(engine, "connect", _prepare_session)
        return self.reading(engine) if read_only else engine

    def reading(self, engine: Engine) -> Engine:
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def driver_errors(self) -> tuple[type[Exception], ...]:
        try:
            import psycopg  # noqa: PLC0415
        except ImportError:
            return ()
        return (psycopg.Error,)

    def is_passing(self, error: DBAPIError) -> bool:
        state = getattr(error.orig, "sqlstate", None)
        if state is None:
            return error.connection_invalidated or _never_connected(error)
        return str(state).startswith(_PASSING)

    def is_in_doubt(self, error: DBAPIError) -> bool:
        state = getattr(error.orig, "sqlstate", None)
        return error.connection_invalidated or (state is not None and str(state).startswith(_LOST))

    # Taking turns ------------------------------------------------------------------------------

    @contextmanager
    def board_lock(self, engine: Engine, url: URL, board_id: str) -> Iterator[None]:
        """A session of its own holds an advisory lock, outside any transaction."""
        key = _lock_key("lock", board_id)
        try:
            conn = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except DBAPIError as error:
            raise unreachable(url, error, self.hint) from error
        try:
            pid = self._take_lock(conn, url, board_id, key)
            before = engine.get_execution_options().get(_LOCK_SESSIONS, {})
            engine.update_execution_options(**{_LOCK_SESSIONS: before | {board_id: pid}})
            try:
                yield
            finally:
                engine.update_execution_options(**{_LOCK_SESSIONS: before})
        finally:
            conn.invalidate()  # closing the session drops the lock, also when it hangs
            conn.close()

    def _take_lock(self, conn: Connection, url: URL, board_id: str, key: int) -> int:
        """The pid of the session that has the lock now."""
        try:
            conn.exec_driver_sql("SELECT set_config('idle_session_timeout', '0', false)")
            for attempt in range(1, LOCK_TRIES + 1):
                taken, pid = conn.exec_driver_sql(
                    "SELECT pg_try_advisory_lock(%s), pg_backend_pid()", (key,)
                ).one()
                if taken:
                    return int(pid)
                # The server may not have seen yet that the last holder was killed.
                time.sleep(LOCK_WAIT_S if attempt < LOCK_TRIES else 0)
        except DBAPIError as error:
            raise unreachable(url, error, self.hint) from error
        raise lock_held(board_id)

    def share_board(self, conn: Connection, board_id: str) -> None:
        """Under READ COMMITTED the fence alone is not enough: a transaction may read the old
        fence and commit after a new run has begun. The new run waits for the shared lock.
        """
        conn.exec_driver_sql(
            "SELECT pg_advisory_xact_lock_shared(%s)", (_lock_key("fence", board_id),)
        )
        pid = conn.get_execution_options().get(_LOCK_SESSIONS, {}).get(board_id)
        if pid is None:
            return
        held = conn.exec_driver_sql(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = %s"
            " AND objsubid = 1 AND ((classid::bigint << 32) | objid::bigint) = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            (pid, _lock_key("lock", board_id)),
        ).scalar_one()
        if not held:
            raise StaleFence(
                f"the lock of board {board_id} is lost: its database session was cut",
                hint="run again: it goes on where it stopped",
            )

    def take_board(self, conn: Connection, board_id: str) -> None:
        conn.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_lock_key("fence", board_id),))

    def lock_schema(self, conn: Connection) -> None:
        conn.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_lock_key("schema", ""),))

    # SQL ---------------------------------------------------------------------------------------

    def run_sql(self, conn: Connection, statement: str) -> None:
        conn.exec_driver_sql(statement.replace("%", "%%"))

    def now(self, conn: Connection) -> datetime:
        at: datetime = conn.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return at.astimezone(UTC)

    def bulk_insert(
        self, conn: Connection, table: Table, columns: Columns, meanwhile: Meanwhile
    ) -> None:
        """By COPY; by INSERT where the table allows no COPY."""
        copied = _copied(conn)
        if table in copied:
            self._copy(conn, table, columns, meanwhile)
            return
        try:
            with conn.begin_nested():
                self._copy(conn, table, columns, meanwhile)
            copied.add(table)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _NO_FAST_PATH:
                raise
            log.warning("COPY is not possible, rows are inserted slowly", table=table.name)
            meanwhile()
            rows = zip(*columns.values(), strict=True)
            conn.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])

    def _copy(self, conn: Connection, table: Table, columns: Columns, meanwhile: Meanwhile) -> None:
        target = quoted(table.name)
        if table.schema:
            target = f"{quoted(table.schema)}.{target}"
        statement = f"COPY {target} ({', '.join(map(quoted, columns))}) FROM STDIN"
        cells = driver_cells(conn, table, columns)
        rows = len(cells[0])
        with _cursor(conn, statement) as cursor, cursor.copy(statement.encode()) as copy:
            start, count = 0, COPIED_AT_FIRST
            while start < rows:
                written = copy_text([column[start : start + count] for column in cells])
                copy.write(written)
                start += count
                count = max(1, count * COPIED_AT_ONCE // len(written))
            meanwhile()  # whoever works now takes nothing from making and sending the pieces

    def upsert(
        self, conn: Connection, table: Table, names: Sequence[str], source: Select[Any], *,
        key: Sequence[str], kept: Sequence[str], emptied: Sequence[str],
    ) -> None:  # fmt: skip
        statement = postgresql.insert(table).from_select(list(names), source)
        changed: dict[str, Any] = {
            name: statement.excluded[name] for name in names if name not in (*key, *kept)
        }
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=list(key), set_=changed | dict.fromkeys(emptied, null())
            )
        )

    def columns_of(self, conn: Connection, table: str, schema: str | None) -> list[str]:
        name = f"{quoted(schema)}.{quoted(table)}" if schema else quoted(table)
        rows = conn.exec_driver_sql(
            "SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " WHERE c.oid = to_regclass(%s) AND c.relkind IN ('r', 'v', 'm', 'p', 'f')"
            " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            (name,),
        )
        return list(rows.scalars())

    def spellings(self, name: str) -> tuple[str, ...]:
        # CREATE TABLE ORDERS_UNIFIED without quotes makes orders_unified.
        return tuple(dict.fromkeys((name, name.lower())))

    def any_type(self) -> str:
        return "TEXT"

    def stream(
        self, conn: Connection, query: Select[*tuple[Any, ...]], chunk: int
    ) -> Iterator[Sequence[Any]]:
        """Not by a cursor of the server: a query of a cursor never uses more than one process.

        That rows pass from one process to the other is reckoned as next to nothing: the server
        does not know how dear a hash of hundreds of columns is.
        """
        from psycopg import capabilities  # noqa: PLC0415

        compiled = query.compile(dialect=conn.dialect)
        size = chunk if capabilities.has_stream_chunked() else 1
        # A query that is left early is cancelled: that ends the savepoint, not the transaction.
        with conn.begin_nested(), _cursor(conn, compiled.string) as cursor:
            cursor.execute("SELECT set_config('parallel_tuple_cost', '0.001', true)")
            yield from cursor.stream(compiled.string, compiled.params, size=size)

    def row_text(self, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
        # A row's own text is quoted where it must be, and made in one go.
        return cast(func.row(*columns), Text)

    def row_hash(self, seed: str, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
        text = func.convert_to(literal(seed, Text) + self.row_text(columns), "UTF8")
        return func.encode(func.sha256(text), "hex").collate("C")

    def bytewise(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return text.collate("C")

    def one_of(self, text: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
        return text == func.any(literal(list(values), postgresql.ARRAY(Text)))

    def seconds_since(self, at: ColumnElement[Any], since: datetime) -> ColumnElement[int]:
        passed = extract("epoch", at - literal(since, UtcDateTime()))
        return cast(func.floor(passed), BigInteger)

    def age_seconds(self, column: str) -> str:
        return f"CAST(ROUND(EXTRACT(EPOCH FROM {_NOW} - {column})) AS INTEGER)"

    def hours_ago(self, hours: int) -> str:
        return f"{_NOW} - INTERVAL '{int(hours)} hours'"


_NOW = "(clock_timestamp() AT TIME ZONE 'UTC')"


def _never_connected(error: DBAPIError) -> bool:
    """Whether there was no server to say no, such as while it restarts."""
    return error.statement is None


@contextmanager
def _cursor(conn: Connection, statement: str) -> Iterator[psycopg.Cursor[Any]]:
    """The driver's own cursor; its errors become those of SQLAlchemy."""
    import psycopg  # noqa: PLC0415

    driver = conn.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        with driver.cursor() as cursor:
            yield cursor
    except psycopg.Error as error:
        lost = driver.closed
        if lost:
            conn.invalidate(error)
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True,
            connection_invalidated=lost, dialect=conn.dialect,
        ) from error  # fmt: skip


def _lock_key(purpose: str, board_id: str) -> int:
    """A number for an advisory lock: 64 bits, signed."""
    digest = hashlib.sha256(f"order-sync|{purpose}|{board_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _copied(conn: Connection) -> set[Table]:
    """Tables that rows were copied into in this transaction, for which a connection of ours lives.

    Its lock on them keeps anybody from forbidding COPY before it has ended.
    """
    tables: set[Table] | None = conn.get_execution_options().get(_COPIED)
    if tables is None:
        tables = set()
        conn.execution_options(**{_COPIED: tables})
    return tables


def _prepare_session(driver: Any, _record: object) -> None:
    """Settle what results depend on, and how text and dates travel."""
    _register_text(driver)
    settings = ", ".join("set_config(%s, %s, false)" for _ in _SESSION)
    driver.execute(f"SELECT {settings}", [word for pair in _SESSION.items() for word in pair])
    driver.execute(
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') = 'off'"
    )
    driver.commit()


def _register_text(driver: Any) -> None:
    """Text the server cannot hold must not end a run, nor dates that Python cannot hold.

    NUL characters and halves of surrogate pairs fall out of what is stored; `infinity` and dates
    before Christ come as text, which no date is made of.
    """
    from psycopg import DataError  # noqa: PLC0415
    from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader  # noqa: PLC0415
    from psycopg.types.string import StrDumperUnknown  # noqa: PLC0415

    class Storable(StrDumperUnknown):
        def dump(self, obj: str) -> bytes:
            return obj.replace("\x00", "").encode("utf-8", "replace")

    def lenient(loader: Any) -> type:
        class Lenient(loader):  # type: ignore[misc]
            """Dates repeat themselves."""

            def __init__(self, *given: Any) -> None:
                super().__init__(*given)
                self._known = Remembered(self._load, REMEMBERED)

            def _load(self, data: bytes) -> Any:
                try:
                    return super().load(data)
                except DataError:
                    return data.decode()

            def load(self, data: Any) -> Any:
                return self._known[bytes(data)]

        return Lenient

    driver.adapters.register_dumper(str, Storable)
    driver.adapters.register_loader("date", lenient(DateLoader))
    driver.adapters.register_loader("timestamp", lenient(TimestampLoader))
    driver.adapters.register_loader("timestamptz", lenient(TimestamptzLoader))
