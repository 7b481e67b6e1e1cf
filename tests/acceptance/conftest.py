"""The second stand-in, as a fixture; without the official SDL its tests are skipped.

Every test runs on SQLite with so many sets of its parameters that any two values meet, and on
PostgreSQL with one set.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import combinations
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
    """Leave as many sets of parameters as the docstring of this module says."""
    met: dict[tuple[str, str], set[object]] = {}
    kept, left_out = [], []
    for item in items:
        params = dict(item.callspec.params) if hasattr(item, "callspec") else {}
        if KIND not in params:
            kept.append(item)
            continue
        kind = params.pop(KIND)
        values = sorted((name, repr(value)) for name, value in params.items())
        wanted = {*values, *combinations(values, 2)} if kind == "sqlite" else {"once"}
        before = met.setdefault((item.nodeid.partition("[")[0], kind), set())
        (left_out if before and wanted <= before else kept).append(item)
        before |= wanted
    items[:] = kept
    if left_out:
        config.hook.pytest_deselected(items=left_out)


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
