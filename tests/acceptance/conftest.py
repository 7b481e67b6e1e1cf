"""The second stand-in, as a fixture; without the official SDL its tests are skipped.

Every test runs on SQLite with so few sets of its parameters that each value has its turn, and on
PostgreSQL with one set. `ORDER_SYNC_PAIRS=1` lets any two values meet on SQLite.
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
PAIRS_VARIABLE = "ORDER_SYNC_PAIRS"
# The stand-in for SQL Server adds a way to the database, which tests/runs goes.
KINDS = [kind for kind in DATABASES if kind != "sqlserver"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if KIND in metafunc.fixturenames:
        metafunc.parametrize(KIND, KINDS, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave as many sets of parameters as the docstring of this module says."""
    sets: dict[tuple[str, str], list[tuple[pytest.Item, set[object]]]] = {}
    for item in items:
        params = dict(item.callspec.params) if hasattr(item, "callspec") else {}
        if KIND in params:
            kind = params.pop(KIND)
            test = (item.nodeid.partition("[")[0], kind)
            sets.setdefault(test, []).append((item, _to_meet(kind, params)))
    left_out = {item for among in sets.values() for item in _not_needed(among)}
    items[:] = [item for item in items if item not in left_out]
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))


def _to_meet(kind: str, params: dict[str, object]) -> set[object]:
    """What a set of parameters covers."""
    if kind != "sqlite":
        return {"once"}
    values = sorted((name, repr(value)) for name, value in params.items())
    return {*values, *(combinations(values, 2) if os.environ.get(PAIRS_VARIABLE) else ())}


def _not_needed(among: list[tuple[pytest.Item, set[object]]]) -> list[pytest.Item]:
    """All but the few sets that cover everything; the one that covers most comes first."""
    missing = set().union(*(covered for _, covered in among))
    left = list(among)
    while missing or len(left) == len(among):
        best = max(left, key=lambda one: len(one[1] & missing))
        left.remove(best)
        missing -= best[1]
    return [item for item, _ in left]


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
