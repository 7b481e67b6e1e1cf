"""SQL Server 2016 and newer, and Azure SQL, through Microsoft's mssql-python.

Writes run READ COMMITTED. Reads run in a SNAPSHOT where the database allows it; where it does not,
they are READ COMMITTED, and wait for writers unless READ_COMMITTED_SNAPSHOT is on. Locks of a board
are application locks: they live in the database and die with the session that took them.

The driver has a bulk copy, but it opens a session of its own: its rows would stay when our
transaction is rolled back. Rows travel as one JSON parameter instead, inside the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    create_engine,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.dialects import mssql
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from order_sync.db.columnar import Columns
from order_sync.db.dialects import mssql_sessions
from order_sync.db.dialects.base import Dialect, Meanwhile, unreachable
from order_sync.db.dialects.mssql_rows import (
    BYTEWISE,
    POSITION,
    HexDigest,
    RowJson,
    bracketed,
    json_of,
    json_of_texts,
    json_shape,
    misfit,
    own_error,
)
from order_sync.db.types import UtcDateTime
from order_sync.errors import ConfigError

CONNECT_TIMEOUT_S = 10
DRIVER_NAMES = ("mssql", "mssql+mssqlpython")

# What the driver understands in a URL, beyond host, port, database, user and password.
URL_OPTIONS = frozenset({
    "encrypt", "trustservercertificate", "trust_server_certificate", "hostnameincertificate",
    "servercertificate", "serverspn", "authentication", "trusted_connection",
    "multisubnetfailover", "applicationintent", "connectretrycount", "connectretryinterval",
    "keepalive", "keepaliveinterval", "ipaddresspreference", "packetsize",
})  # fmt: skip

# The driver tells no error numbers, but what it made of their SQLSTATE, and the server's text in
# the language we have set.
_LOST = (
    "Communication link failure",  # 08S01
    "Connection failure during transaction",  # 08007
    "Connection not open",  # 08003
    "Disconnect error",  # 01002
    "Connection timeout expired",  # HYT01
    "Timeout expired",  # HYT00
)
_PASSING = (
    *_LOST,
    "Client unable to establish connection",  # 08001
    "Server rejected the connection",  # 08004
    "Serialization failure",  # 40001: deadlock victim 1205, snapshot conflict 3960
)
_PASSING_TEXTS = (
    "Lock request time out period exceeded",  # 1222
    "was deadlocked on",  # 1205
    "The transaction log for database",  # 9002
    "Could not allocate space for object",  # 1105
    "Could not allocate a new page",  # 1101
    "insufficient system memory",  # 701
    "insufficient memory available in the buffer pool",  # 802
    "is not currently available",  # 40613
    "The service is currently busy",  # 40501
    "The service has encountered an error processing your request",  # 40197, 40540
    "Resource ID : ",  # 10928, 10929
    "Not enough resources to process request",  # 49918
    "SHUTDOWN is in progress",  # 6005
    "is being recovered",  # 922
    "Snapshot isolation transaction aborted due to update conflict",  # 3960
)


class SqlServer(Dialect):
    """SQL Server 2016 and newer, Azure SQL Database."""

    hint = "check database.url, and that the server runs and lets this user in, then run again"
    adding_column = "ADD"
    text_type = "NVARCHAR(MAX)"

    def engine(self, url: URL, *, read_only: bool) -> Engine:
        try:
            import mssql_python  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise ConfigError(
                "SQL Server needs a driver that is not installed",
                hint="run: pip install monday-order-sync[mssql]",
            ) from None
        _check_url(url)
        options: dict[str, Any] = dict(url.query)
        if not any(name.lower() == "connectretrycount" for name in options):
            # A session that came back by itself would have lost its locks.
            options["ConnectRetryCount"] = "0"
        engine = create_engine(
            url.set(drivername="mssql+mssqlpython", query=options),
            connect_args={"attrs_before": {mssql_python.SQL_ATTR_LOGIN_TIMEOUT: CONNECT_TIMEOUT_S}},
            pool_pre_ping=True,
            hide_parameters=True,  # order data belongs in no traceback
            deprecate_large_types=True,
        )
        mssql_sessions.Sessions(engine, read_only=read_only)
        return self.reading(engine) if read_only else engine

    def reading(self, engine: Engine) -> Engine:
        return engine.execution_options(**{mssql_sessions.READS: True})

    def driver_errors(self) -> tuple[type[Exception], ...]:
        try:
            import mssql_python  # noqa: PLC0415
        except ImportError:
            return ()
        return (mssql_python.Error, mssql_python.ConnectionStringParseError)

    def is_passing(self, error: DBAPIError) -> bool:
        if error.connection_invalidated or getattr(error.orig, "driver_error", "") in _PASSING:
            return True
        said = str(getattr(error.orig, "ddbc_error", ""))
        return any(text in said for text in _PASSING_TEXTS)

    def is_in_doubt(self, error: DBAPIError) -> bool:
        return error.connection_invalidated or getattr(error.orig, "driver_error", "") in _LOST

    # Taking turns ------------------------------------------------------------------------------

    @contextmanager
    def board_lock(self, engine: Engine, url: URL, board_id: str) -> Iterator[None]:
        """A session of its own holds an application lock, outside any transaction."""
        try:
            conn = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except DBAPIError as error:
            raise unreachable(url, error, self.hint) from error
        try:
            try:
                token = mssql_sessions.hold_board(conn, board_id)
            except DBAPIError as error:
                raise unreachable(url, error, self.hint) from error
            with mssql_sessions.remembered(engine, board_id, token):
                yield
        finally:
            conn.invalidate()  # closing the session drops the lock, also when it hangs
            conn.close()

    def share_board(self, conn: Connection, board_id: str) -> None:
        """Under READ COMMITTED the fence alone is not enough: a transaction may read the old
        fence and commit after a new run has begun. The new run waits for the shared lock.
        """
        mssql_sessions.take(conn, "fence", board_id, "Shared")
        mssql_sessions.require_held(conn, board_id)

    def take_board(self, conn: Connection, board_id: str) -> None:
        mssql_sessions.take(conn, "fence", board_id, "Exclusive")

    def lock_schema(self, conn: Connection) -> None:
        mssql_sessions.take(conn, "schema", "", "Exclusive")

    # SQL ---------------------------------------------------------------------------------------

    def run_sql(self, conn: Connection, statement: str) -> None:
        conn.exec_driver_sql(statement.replace("%", "%%"))

    def now(self, conn: Connection) -> datetime:
        # As precise as what is stored, so that a stored time is never later than `now`.
        at: datetime = conn.exec_driver_sql(
            "SELECT CAST(SYSUTCDATETIME() AS DATETIME2(6))"
        ).scalar_one()
        return at.replace(tzinfo=UTC)

    def bulk_insert(
        self, conn: Connection, table: Table, columns: Columns, meanwhile: Meanwhile
    ) -> None:
        """As one JSON parameter.

        An error here ends the statement, not the transaction, so that the caller's savepoint can
        take it back: the setting is that of this batch alone. What SQL Server would refuse by
        ending the transaction all the same is refused before it is sent.
        """
        meanwhile()
        given = [(table.c[name], cells) for name, cells in columns.items()]
        unfit = misfit(given)
        if unfit is not None:
            text = f"the column {unfit} cannot hold so large a number"
            raise own_error("DataError", "Numeric value out of range", text, "", conn.dialect)
        listed = ", ".join(map(bracketed, columns))
        target = bracketed(table.name)
        if table.schema:
            target = f"{bracketed(table.schema)}.{target}"
        conn.exec_driver_sql(
            f"SET XACT_ABORT OFF; INSERT INTO {target} ({listed}) SELECT {listed} "  # noqa: S608 - quoted names
            f"FROM OPENJSON(?) WITH ({json_shape([column for column, _ in given], conn.dialect)}) "
            f"ORDER BY {bracketed(POSITION)}",
            (json_of(given, conn.dialect),),
        )

    def upsert(
        self, conn: Connection, table: Table, names: Sequence[str], source: Select[Any], *,
        key: Sequence[str], kept: Sequence[str], emptied: Sequence[str],
    ) -> None:  # fmt: skip
        """UPDATE, then INSERT what is missing: the first locks the keys it does not find, too."""
        locked = "WITH (UPDLOCK, HOLDLOCK)"
        given = source.subquery("given")
        cells = dict(zip(names, given.c, strict=True))
        changed: dict[str, Any] = {n: cells[n] for n in names if n not in (*key, *kept)}
        conn.execute(
            update(table)
            .with_hint(locked, dialect_name="mssql")
            .where(*(table.c[name] == cells[name] for name in key))
            .values(changed | dict.fromkeys(emptied, null()))
        )
        there = table.alias("there")
        known: Select[Any] = select(literal_column("1")).where(
            *(there.c[n] == cells[n] for n in key)
        )
        known = known.with_hint(there, locked, "mssql").correlate(given)
        conn.execute(
            insert(table).from_select(
                list(names), select(*cells.values()).where(~exists(known.scalar_subquery()))
            )
        )

    def columns_of(self, conn: Connection, table: str, schema: str | None) -> list[str]:
        name = f"{bracketed(schema)}.{bracketed(table)}" if schema else bracketed(table)
        rows = conn.exec_driver_sql(
            "SELECT c.name FROM sys.columns AS c JOIN sys.objects AS o"
            " ON o.object_id = c.object_id AND o.type IN ('U', 'V')"
            " WHERE c.object_id = OBJECT_ID(?) ORDER BY c.column_id",
            (name,),
        )
        return list(rows.scalars())

    def spellings(self, name: str) -> tuple[str, ...]:
        return (name,)  # the collation of the database says whether case counts

    def any_type(self) -> str:
        return self.text_type

    def row_text(self, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
        # JSON knows a form for every type, tells NULL from '' and keeps blanks at the end.
        return RowJson(*columns)

    def row_hash(self, seed: str, columns: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
        return HexDigest(literal(seed, mssql.NVARCHAR()) + self.row_text(columns))

    def bytewise(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return text.collate(BYTEWISE)

    def one_of(self, text: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
        # '=' takes blanks at the end for nothing, whatever the collation; hashes do not.
        listed = func.openjson(literal(json_of_texts(values), mssql.NVARCHAR())).table_valued(
            "value"
        )
        digest = func.hashbytes(literal_column("'SHA2_256'"), listed.c.value)
        return func.hashbytes(literal_column("'SHA2_256'"), text).in_(select(digest))

    def seconds_since(self, at: ColumnElement[Any], since: datetime) -> ColumnElement[int]:
        return func.datediff(literal_column("SECOND"), literal(since, UtcDateTime()), at)

    def age_seconds(self, column: str) -> str:
        return f"DATEDIFF(SECOND, {column}, SYSUTCDATETIME())"

    def hours_ago(self, hours: int) -> str:
        return f"DATEADD(HOUR, -{int(hours)}, SYSUTCDATETIME())"


def _check_url(url: URL) -> None:
    """Raise ConfigError unless the driver understands the URL: it would say so too late."""
    if url.drivername not in DRIVER_NAMES:
        raise ConfigError(
            f"SQL Server is reached through mssql-python, not through {url.get_driver_name()}",
            hint="begin the URL with mssql://",
        )
    unknown = sorted(name for name in url.query if name.lower() not in URL_OPTIONS)
    if unknown:
        raise ConfigError(
            f"the driver of SQL Server does not know {', '.join(unknown)} in the URL",
            hint=f"it knows: {', '.join(sorted(URL_OPTIONS))}",
        )
