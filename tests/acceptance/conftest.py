"""The second stand-in, as a fixture; without the official SDL its tests are skipped.

Every test runs on SQLite with all its parameters, and on PostgreSQL with one set of them.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DATABASES, given_server
from tests.sqlserver import SqlServerGiven
from tests.standin.databases import (
    Databases,
    PostgresDatabases,
    SqliteFiles,
    SqlServerDatabases,
)
from tests.standin.place import Place, a_place
from tests.standin.resolvers import SDL_VARIABLE

KIND = "database_kind"
# The stand-in for SQL Server adds a way to the database, which tests/runs goes.
KINDS = [kind for kind in DATABASES if kind != "sqlserver"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if KIND in metafunc.fixturenames:
        metafunc.parametrize(KIND, KINDS, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave one set of parameters of each test for databases other than SQLite."""
    elsewhere: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        kind = item.callspec.params.get(KIND) if hasattr(item, "callspec") else None
        if kind not in (None, "sqlite"):
            elsewhere.setdefault((item.nodeid.partition("[")[0], kind), []).append(item)
    left_out = {
        item
        for alike in elsewhere.values()
        for item in alike
        if item is not min(alike, key=lambda item: zlib.crc32(item.name.encode()))
    }
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which of `KINDS` holds source and state."""
    return request.param


@pytest.fixture
def make_place(
    tmp_path: Path, database_kind: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Place]]:
    if not os.environ.get(SDL_VARIABLE):
        pytest.skip(f"{SDL_VARIABLE} does not name the official SDL")
    with ExitStack() as stack:
        databases: Databases = SqliteFiles(tmp_path)
        if database_kind != "sqlite":
            given = database_kind == "given"
            server = given_server() if given else request.getfixturevalue("postgres")
            if isinstance(server, SqlServerGiven):
                databases = SqlServerDatabases(server.database, stack)
            else:
                databases = PostgresDatabases(server, stack)

        def make(**options: Any) -> Place:
            return stack.enter_context(a_place(tmp_path, databases, **options))

        yield make


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    """A board of the first generation, and a server that remembers idempotency keys."""
    return make_place()
