"""Application locks: shared and exclusive, owned by a session or by its transaction."""

from __future__ import annotations

import threading
import time

SESSION, TRANSACTION = "session", "transaction"


class AppLocks:
    """The locks of one database; owners are (session, SESSION | TRANSACTION)."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[str, dict[tuple[int, str], str]] = {}

    def get(self, name: str, mode: str, session: int, owner: str, timeout_s: float) -> int:
        """What sp_getapplock returns: 0 at once, 1 after a wait, -1 not in time."""
        until = time.monotonic() + timeout_s
        waited = 0
        with self._changed:
            while not self._is_free(name, mode, session):
                left = until - time.monotonic()
                if left <= 0:
                    return -1
                waited = 1
                self._changed.wait(left)
            mine = self._held.setdefault(name, {})
            if mine.get((session, owner)) != "exclusive":
                mine[session, owner] = mode
        return waited

    def is_free(self, name: str, mode: str, session: int) -> bool:
        with self._changed:
            return self._is_free(name, mode, session)

    def _is_free(self, name: str, mode: str, session: int) -> bool:
        others = [m for (who, _), m in self._held.get(name, {}).items() if who != session]
        return not others or (mode == "shared" and set(others) == {"shared"})

    def release(self, session: int, *owners: str) -> None:
        with self._changed:
            for holders in self._held.values():
                for owner in owners:
                    holders.pop((session, owner), None)
            self._changed.notify_all()
