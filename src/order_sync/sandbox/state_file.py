"""A file that outlives the sandbox: JSON by key, in SQLite, for one process at a time."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

FORMAT = 1  # of the rows; raised when older files can no longer be read
_APPLICATION = 0x6F735F73  # marks the file as ours, so that no other database is taken for one


class StateError(Exception):
    """The state file cannot be used. `message` says what is wrong, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class StateInUse(StateError):
    """Another process has the file."""


class StateFile:
    """Rows that are there again after a kill, once `write` has returned.

    The file is locked as long as it is open; the lock dies with the process.
    """

    def __init__(self, path: str | Path) -> None:
        """Open the file, or make a new one.

        Raises:
            StateInUse: another process has it open.
            StateError: it cannot be opened or written, or is no state file of this format.
        """
        self.path = Path(path).absolute()
        if not self.path.parent.is_dir():
            raise StateError(
                f"the folder {self.path.parent} does not exist", "make it, or name another file"
            )
        try:
            self._db = sqlite3.connect(
                self.path, timeout=0, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise self._refusal(error) from None
        try:
            self._open()
        except sqlite3.Error as error:
            self._db.close()
            raise self._refusal(error) from None
        except StateError:
            self._db.close()
            raise

    def _open(self) -> None:
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("BEGIN EXCLUSIVE")
        self._recognize()
        self._db.execute("COMMIT")
        # One sync of the log for each write; the file itself is brought up to date now and then.
        self._db.execute("PRAGMA journal_mode=WAL")

    def _recognize(self) -> None:
        """Set up an empty file; raises StateError for one that is not ours."""
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if not tables and not application:
            self._db.execute("CREATE TABLE kept (key TEXT PRIMARY KEY, content BLOB NOT NULL)")
            self._db.execute(f"PRAGMA application_id={_APPLICATION}")
            self._db.execute(f"PRAGMA user_version={FORMAT}")
        elif application != _APPLICATION:
            raise self._no_state_file()
        elif version != FORMAT:
            raise StateError(
                f"{self.path} is a state file of format {version}, this sandbox has {FORMAT}",
                "use the order-sync that wrote it, or name another file",
            )

    def read(self) -> dict[str, bytes]:
        """All rows. Raises StateError: the file is damaged."""
        try:
            return dict(self._db.execute("SELECT key, content FROM kept ORDER BY key"))
        except sqlite3.Error as error:
            raise self._refusal(error) from None

    def write(self, rows: Mapping[str, bytes | None], *, durable: bool = True) -> None:
        """Write all rows or none; None removes one.

        durable: False where a loss of power may take them; a kill never does.

        Raises:
            StateError: the file cannot be written; none of the rows is in it.
        """
        kept = [(key, content) for key, content in rows.items() if content is not None]
        gone = [(key,) for key, content in rows.items() if content is None]
        try:
            self._db.execute("PRAGMA synchronous=FULL" if durable else "PRAGMA synchronous=NORMAL")
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", kept)
            self._db.executemany("DELETE FROM kept WHERE key = ?", gone)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.rollback()
            raise self._refusal(error) from None

    def close(self) -> None:
        """Bring the file up to date and let others have it."""
        self._db.close()

    def damaged(self) -> StateError:
        """The rows are there, and make no sense."""
        return StateError(
            f"{self.path} is damaged",
            "delete it to begin with a new board, or put a copy of it in its place",
        )

    def _no_state_file(self) -> StateError:
        return StateError(
            f"{self.path} is no state file of the sandbox", "name another file, or a new one"
        )

    def _refusal(self, error: sqlite3.Error) -> StateError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StateInUse(
                f"another sandbox works with {self.path}", "end that one, or name another file"
            )
        if code == sqlite3.SQLITE_NOTADB:
            return self._no_state_file()
        if code == sqlite3.SQLITE_CORRUPT:
            return self.damaged()
        return StateError(
            f"{self.path} cannot be used: {error}",
            "see that there is room, and that you may write there, or name another file",
        )
