"""The stand-in: accepts sessions, and does to them what a test asks for."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from . import wire
from .locks import AppLocks
from .session import Session
from .wire import Closed

USER, PASSWORD = "me", "secret"


@dataclass
class Fault:
    """What happens to statements that match."""

    pattern: str
    number: int = 0  # of the error to answer with; 0: the session is cut
    message: str = "said no"
    times: int = 1
    after: bool = False  # the statement is carried out first

    def strikes(self, statement: str) -> bool:
        if not self.times or not re.search(self.pattern, statement):
            return False
        self.times -= 1
        return True


@dataclass
class Server:
    """One server with one database, kept in a file."""

    path: Path
    snapshots: bool = True  # ALLOW_SNAPSHOT_ISOLATION
    committed_snapshot: bool = False
    compatibility: int = 160
    faults: list[Fault] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)  # as they came
    sessions: dict[int, Session] = field(default_factory=dict)
    locks: AppLocks = field(default_factory=AppLocks)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._numbers = 50
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"mssql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/orders?Encrypt=no"

    def close(self) -> None:
        self._listener.close()
        for number in list(self.sessions):
            self.kill(number)

    def kill(self, number: int) -> None:
        """End a session; when this returns it holds nothing any more."""
        session = self.sessions.get(number)
        if session is not None:
            with contextlib.suppress(OSError):
                session.sock.shutdown(socket.SHUT_RDWR)
        give_up = time.monotonic() + 10
        while number in self.sessions and time.monotonic() < give_up:
            time.sleep(0.001)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._numbers += 1
            session = Session(self, sock, self._numbers)
            threading.Thread(target=self._serve, args=(session,), daemon=True).start()

    def _serve(self, session: Session) -> None:
        self.sessions[session.number] = session
        try:
            session.run()
        except Closed:
            pass
        finally:
            session.end()
            del self.sessions[session.number]


def require_driver() -> None:
    """Skip the test where Microsoft's driver is not installed, or lacks a library of the system."""
    pytest.importorskip("mssql_python")
    if not _driver_loads():
        pytest.skip("mssql-python cannot load its driver: libltdl.so.7 is missing")


@cache
def _driver_loads() -> bool:
    import mssql_python

    with TemporaryDirectory() as folder, running(Path(folder) / "standin.db") as server:
        try:
            mssql_python.connect(f"Server=127.0.0.1,{server.port};Encrypt=no").close()
        except mssql_python.Error as error:
            if "Failed to load the driver" in str(error):
                return False
            raise
    return True


@contextmanager
def running(path: Path) -> Iterator[Server]:
    server = Server(path)
    try:
        yield server
    finally:
        server.close()


__all__ = ["Fault", "Server", "running", "wire"]
