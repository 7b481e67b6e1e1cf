"""The database in SQLite: functions of T-SQL, and the views a client looks things up in."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .values import Shape, shape_of, stored_time

if TYPE_CHECKING:
    from .session import Session

VERSION = "Microsoft SQL Server 2022 (stand-in) - 16.0.4000.1 (X64)"
_VIEWS = """
CREATE TEMP VIEW sys_objects AS
  SELECT name, rowid AS object_id, CASE type WHEN 'table' THEN 'U' ELSE 'V' END AS type,
         1 AS schema_id
    FROM main.sqlite_master WHERE type IN ('table', 'view');
CREATE TEMP VIEW sys_schemas AS SELECT 'dbo' AS name, 1 AS schema_id;
CREATE TEMP VIEW sys_columns AS
  SELECT m.rowid AS object_id, p.name AS name, p.cid + 1 AS column_id
    FROM main.sqlite_master AS m, pragma_table_info(m.name) AS p
   WHERE m.type IN ('table', 'view');
CREATE TEMP VIEW sys_indexes AS
  SELECT t.rowid AS object_id, i.name AS name, i.rowid AS index_id,
         i.sql LIKE '% UNIQUE %' AS is_unique,
         2 AS type, NULL AS filter_definition, 0 AS is_primary_key, 0 AS is_unique_constraint,
         0 AS is_hypothetical
    FROM main.sqlite_master AS i JOIN main.sqlite_master AS t ON t.name = i.tbl_name
   WHERE i.type = 'index' AND i.sql IS NOT NULL AND t.type = 'table';
CREATE TEMP VIEW sys_index_columns AS
  SELECT i.object_id, i.index_id, p.seqno + 1 AS key_ordinal, p.seqno + 1 AS index_column_id,
         p.cid + 1 AS column_id, 0 AS is_included_column, 0 AS is_descending_key
    FROM sys_indexes AS i, pragma_index_info(i.name) AS p;
CREATE TEMP VIEW information_schema_tables AS
  SELECT 'orders' AS TABLE_CATALOG, 'dbo' AS TABLE_SCHEMA, name AS TABLE_NAME,
         CASE type WHEN 'table' THEN 'BASE TABLE' ELSE 'VIEW' END AS TABLE_TYPE
    FROM main.sqlite_master WHERE type IN ('table', 'view');
CREATE TEMP VIEW information_schema_views AS
  SELECT 'dbo' AS TABLE_SCHEMA, name AS TABLE_NAME FROM main.sqlite_master WHERE type = 'view';
CREATE TEMP TABLE no_rows (x);
"""


def connect(session: Session) -> sqlite3.Connection:
    server = session.server
    db = sqlite3.connect(server.path, isolation_level=None, check_same_thread=False, timeout=30)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=OFF")
    db.execute("PRAGMA foreign_keys=ON")
    db.executescript(_VIEWS)
    db.execute(
        "CREATE TEMP TABLE sys_databases AS SELECT 1 AS database_id, 'orders' AS name,"
        " ? AS compatibility_level, ? AS snapshot_isolation_state,"
        " ? AS is_read_committed_snapshot_on",
        (server.compatibility, int(server.snapshots), int(server.committed_snapshot)),
    )
    functions: dict[str, Any] = {
        "tds_sha256": _sha256,
        "tds_hex": lambda data: data.hex().upper(),
        "tds_now": lambda: stored_time(datetime.now(UTC).replace(tzinfo=None)),
        "tds_seconds": _seconds,
        "tds_hours": _hours,
        "tds_add": _add,
        "tds_row_json": lambda *cells: json.dumps(cells, default=lambda b: b.hex()),
        "tds_spid": lambda: session.number,
        "tds_version": lambda: VERSION,
        "tds_transactions": lambda: session.transactions,
        "tds_identity": lambda: session.identity,
        "tds_object_id": lambda name: _object_id(db, name),
        "tds_lock_is_free": lambda _who, name, mode, _owner: int(
            server.locks.is_free(name, mode.lower(), session.number)
        ),
    }
    for name, function in functions.items():
        db.create_function(name, -1, function)
    return db


def shapes(db: sqlite3.Connection, tables: Sequence[str]) -> dict[str, Shape]:
    """Column name in lower case -> its declared type, over these tables."""
    found: dict[str, Shape] = {}
    for table in tables:
        for row in db.execute("SELECT name, type FROM pragma_table_info(?)", (table,)):
            if row[1]:
                found.setdefault(row[0].lower(), shape_of(row[1]))
    return found


def _object_id(db: sqlite3.Connection, name: str) -> int | None:
    words = [w[1:-1].replace("]]", "]") if w[0] == "[" else w
             for w in re.findall(r"\[(?:[^\]]|\]\])*\]|[^.\[\]]+", name)]  # fmt: skip
    if len(words) > 1 and words[-2].lower() != "dbo":
        return None
    row = db.execute(
        "SELECT rowid FROM sqlite_master WHERE name = ? COLLATE NOCASE"
        " AND type IN ('table', 'view')",
        (words[-1],),
    ).fetchone()
    return None if row is None else int(row[0])


def _sha256(text: str | None) -> bytes | None:
    if text is None:
        return None
    return hashlib.sha256(text.encode("utf-16-le", "surrogatepass")).digest()


def _seconds(first: str, last: str) -> int:
    ends = (datetime.fromisoformat(at).replace(microsecond=0) for at in (last, first))
    return int((next(ends) - next(ends)).total_seconds())


def _hours(count: int, at: str) -> str:
    return stored_time(datetime.fromisoformat(at) + timedelta(hours=count))


def _add(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    return left + right
