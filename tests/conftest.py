"""Shared by all tests: the shipped profile and real databases in temporary folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_sync.db.engine import Database
from order_sync.db.schema import Tables, build_tables
from order_sync.db.upgrade import ensure_tables
from order_sync.profile import load_profile
from order_sync.rules.mapping import Mapping


@pytest.fixture(scope="session")
def shipped() -> Mapping:
    return load_profile("customer-master-schedule")


@pytest.fixture(scope="session")
def tables(shipped: Mapping) -> Tables:
    return build_tables(shipped)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    yield database
    database.close()


@pytest.fixture
def state(database: Database, tables: Tables) -> Database:
    """A database with the tables of the shipped profile."""
    database.run(lambda conn: ensure_tables(conn, tables))
    return database
