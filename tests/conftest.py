"""Shared by all tests: the shipped profile, and real databases of every kind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from order_sync.db.engine import Database
from order_sync.db.schema import Tables, build_tables
from order_sync.db.upgrade import ensure_tables
from order_sync.profile import load_profile
from order_sync.rules.mapping import Mapping

from .postgres import Server, running_server
from .sqlserver import SqlServerGiven, is_sql_server
from .tds.server import require_driver, running

# A database of PostgreSQL or SQL Server whose user may create others; every test gets its own.
GIVEN = os.environ.get("ORDER_SYNC_TEST_DATABASE_URL", "")
DATABASES = ("sqlite", "postgresql", "sqlserver", *(("given",) if GIVEN else ()))


@pytest.fixture(scope="session")
def shipped() -> Mapping:
    return load_profile("customer-master-schedule")


@pytest.fixture(scope="session")
def tables(shipped: Mapping) -> Tables:
    return build_tables(shipped)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL server for all tests of this process."""
    with running_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """An empty PostgreSQL database."""
    with postgres.database() as url:
        yield url


@contextmanager
def empty_database(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database of one of `DATABASES`."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'state.db'}"
    elif kind == "sqlserver":
        require_driver()
        with running(folder / "standin.db") as server:
            yield server.url
    else:
        server = given_server() if kind == "given" else request.getfixturevalue("postgres")
        with server.database() as url:
            yield url


def given_server() -> Server | SqlServerGiven:
    """The server of `GIVEN`."""
    return SqlServerGiven(GIVEN) if is_sql_server(GIVEN) else Server(GIVEN)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with empty_database(request.param, tmp_path, request) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def state(database: Database, tables: Tables) -> Database:
    """A database with the tables of the shipped profile."""
    database.run(lambda conn: ensure_tables(conn, tables))
    return database
