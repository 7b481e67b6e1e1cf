"""What every session with SQL Server is told, how its transactions begin, and the application
locks that runs take turns by.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, event

from order_sync.db.dialects.base import BUSY_TIMEOUT_S, lock_held
from order_sync.db.dialects.mssql_rows import bracketed, own_error
from order_sync.errors import ConfigError, StaleFence

log = structlog.get_logger()

READS = "order_sync_reads"  # execution option: the transaction writes nothing
LOCK_TRIES, LOCK_WAIT_S = 5, 0.1
OLDEST_LEVEL = 130  # of compatibility: OPENJSON, and hashes of texts of any length
_HOLDERS = "order_sync_lock_holders"  # execution option: board -> name of its holder's own lock
_LEVEL = "order_sync_level"  # in the info of a session: its isolation level
_READING = re.compile(r"\s*(SELECT|WITH|SET|DECLARE)\b", re.I)

# What results depend on: the options filtered indexes need, the language of errors, and that an
# error ends the transaction.
_SETTINGS = (
    "SET ANSI_NULLS ON",
    "SET ANSI_PADDING ON",
    "SET ANSI_WARNINGS ON",
    "SET ARITHABORT ON",
    "SET CONCAT_NULL_YIELDS_NULL ON",
    "SET QUOTED_IDENTIFIER ON",
    "SET NUMERIC_ROUNDABORT OFF",
    "SET XACT_ABORT ON",
    "SET LANGUAGE us_english",
    f"SET LOCK_TIMEOUT {BUSY_TIMEOUT_S * 1000}",
    # The driver keeps the application name to itself; sys.dm_exec_sessions shows this.
    f"SET CONTEXT_INFO 0x{b'order-sync'.hex()}",
)
_ABOUT = (
    "SELECT name, compatibility_level, snapshot_isolation_state, is_read_committed_snapshot_on"
    " FROM sys.databases WHERE database_id = DB_ID()"
)

_TOLD: set[tuple[object, ...]] = set()  # databases without snapshots this process has told of


class Sessions:
    """The sessions of one engine.

    Args:
        read_only: statements that write are refused.
    """

    def __init__(self, engine: Engine, *, read_only: bool) -> None:
        self._read_only = read_only
        self._place = (engine.url.host, engine.url.port)
        self._snapshots: bool | None = None  # None: nobody has asked the database yet
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "before_cursor_execute", self._check, retval=True)

    def _prepare(self, driver: Any, record: Any) -> None:
        with driver.cursor() as cursor:
            cursor.execute("; ".join(_SETTINGS))
            if self._snapshots is None:
                self._snapshots = self._allows_snapshots(cursor.execute(_ABOUT).fetchone())
        driver.commit()
        record.info[_LEVEL] = ""

    def _begin(self, conn: Connection) -> None:
        options = conn.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        reads = self._read_only or options.get(READS)
        level = "SNAPSHOT" if reads and self._snapshots else "READ COMMITTED"
        if conn.info.get(_LEVEL) != level:
            conn.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {level}")
            # The driver has begun a transaction to say this in, still under the level before.
            conn.connection.commit()
            conn.info[_LEVEL] = level

    def _check(
        self, conn: Connection, _cursor: object, statement: str, parameters: Any, _context: object,
        _many: bool,
    ) -> tuple[str, Any]:  # fmt: skip
        if self._read_only and not _READING.match(statement):
            raise own_error(
                "ProgrammingError", "read-only", "this connection is read-only", statement,
                conn.dialect,
            )  # fmt: skip
        if isinstance(parameters, list):
            return statement, [_storable(row) for row in parameters]
        return statement, _storable(parameters)

    def _allows_snapshots(self, about: Any) -> bool:
        """Whether readers may have a snapshot; tells what they do otherwise.

        Raises:
            ConfigError: the database is older than what we ask of it.
        """
        name, compatibility, snapshots, committed = about
        if compatibility < OLDEST_LEVEL:
            raise ConfigError(
                f"the database {name} behaves like an older SQL Server ({compatibility})",
                hint=f"ALTER DATABASE {bracketed(name)} SET COMPATIBILITY_LEVEL = {OLDEST_LEVEL},"
                " or a higher one",
            )
        if snapshots == 1:
            return True
        place = (*self._place, name)
        if place not in _TOLD:
            _TOLD.add(place)
            if committed:
                log.info("reads of several statements are no snapshot", allow=_advice(name))
            else:
                log.warning("reads wait for writers, and hold them up", allow=_advice(name))
        return False


def _advice(name: str) -> str:
    return f"ALTER DATABASE {bracketed(name)} SET ALLOW_SNAPSHOT_ISOLATION ON"


def _storable(parameters: Any) -> Any:
    """Text the driver cannot send must not end a run.

    NUL characters and halves of surrogate pairs fall out of what is stored.
    """
    if isinstance(parameters, dict):
        return {name: _text(cell) for name, cell in parameters.items()}
    return tuple(_text(cell) for cell in parameters)


def _text(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    if cell.isascii():
        return cell.replace("\x00", "")
    return cell.replace("\x00", "").encode("utf-8", "replace").decode()


# Locks -------------------------------------------------------------------------------------------

_GET = (
    "DECLARE @taken INT; EXEC @taken = sp_getapplock @Resource = ?, @LockMode = ?,"
    " @LockOwner = ?, @LockTimeout = ?; SELECT @taken"
)
_REFUSALS = {
    -3: ("Serialization failure", "the session was deadlocked on an application lock"),
    -2: ("Operation canceled", "the wait for an application lock was ended"),
    -1: ("Timeout expired", "Lock request time out period exceeded on an application lock"),
}


def take(conn: Connection, purpose: str, board_id: str, mode: str) -> None:
    """Take a lock until the transaction ends.

    Raises:
        sqlalchemy.exc.DBAPIError: somebody else held it for too long.
    """
    got = _get(conn, _name(purpose, board_id), mode, "Transaction", BUSY_TIMEOUT_S * 1000)
    if got < 0:
        says, text = _REFUSALS.get(got, ("General error", f"sp_getapplock returned {got}"))
        raise own_error("OperationalError", says, text, _GET, conn.dialect)


def hold_board(conn: Connection, board_id: str) -> str:
    """Take the board's lock for as long as the session lives.

    Returns:
        The name of a second lock that only this session has: seen from elsewhere, it tells
        whether the session still lives, without the right to look at other sessions.

    Raises:
        LockHeld: another session has it.
    """
    for attempt in range(1, LOCK_TRIES + 1):
        if _get(conn, _name("lock", board_id), "Exclusive", "Session", 0) >= 0:
            own = _name("holder", uuid.uuid4().hex)
            if _get(conn, own, "Exclusive", "Session", 0) >= 0:
                return own
        # The server may not have seen yet that the last holder was killed.
        time.sleep(LOCK_WAIT_S if attempt < LOCK_TRIES else 0)
    raise lock_held(board_id)


@contextmanager
def remembered(engine: Engine, board_id: str, own: str) -> Iterator[None]:
    """Let the transactions of this engine know which session holds the board."""
    before = engine.get_execution_options().get(_HOLDERS, {})
    engine.update_execution_options(**{_HOLDERS: before | {board_id: own}})
    try:
        yield
    finally:
        engine.update_execution_options(**{_HOLDERS: before})


def require_held(conn: Connection, board_id: str) -> None:
    """Raise StaleFence if the session that held the board when the run began is gone."""
    own = conn.get_execution_options().get(_HOLDERS, {}).get(board_id)
    if own is None:
        return
    is_free = conn.exec_driver_sql(
        "SELECT APPLOCK_TEST('public', ?, 'Exclusive', 'Session')", (own,)
    ).scalar_one()
    if is_free:
        raise StaleFence(
            f"the lock of board {board_id} is lost: its database session was cut",
            hint="run again: it goes on where it stopped",
        )


def _get(conn: Connection, name: str, mode: str, owner: str, timeout_ms: int) -> int:
    return int(conn.exec_driver_sql(_GET, (name, mode, owner, timeout_ms)).scalar_one())


def _name(purpose: str, board_id: str) -> str:
    return f"order-sync {purpose} {board_id}"
