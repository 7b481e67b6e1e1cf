"""One short transaction for each page, that only reads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from order_sync.db.engine import Database
from order_sync.db.schema import Tables
from order_sync.db.upgrade import inspect_schema, require_current

T = TypeVar("T")


class TablesReader:
    """The tables of one profile, for many readers at once.

    Args:
        board_id: the board that is shown; None: all boards of the database.
    """

    def __init__(self, database: Database, tables: Tables, board_id: str | None) -> None:
        self.database = database
        self.tables = tables
        self.board_id = board_id
        self._is_current = False
        self._lock = threading.Lock()

    def read(self, look: Callable[[Connection, Tables, str | None], T]) -> T:
        """What `look` finds; missing tables read as empty.

        Raises:
            ConfigError: the tables are older than this version. Unreachable: no database answers.
        """
        with self.database.begin() as conn:
            self._require_current(conn)
            return look(conn, self.tables, self.board_id)

    def _require_current(self, conn: Connection) -> None:
        # An upgrade only adds, so that tables once found current stay readable.
        with self._lock:
            if not self._is_current:
                state = inspect_schema(conn, self.tables)
                require_current(state)
                self._is_current = state.version is not None
