"""A world of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer
from tests.conftest import DATABASES, empty_database

from .world import TOKEN, World


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `databases` run on every kind of database, others on SQLite.

    The stand-in for SQL Server sees the outcomes alone: what it adds is the way to the database.
    """
    if "database_kind" in metafunc.fixturenames and metafunc.definition.get_closest_marker(
        "databases"
    ):
        elsewhere = not metafunc.module.__name__.endswith(".test_outcomes")
        kinds = [kind for kind in DATABASES if not (elsewhere and kind == "sqlserver")]
        metafunc.parametrize("database_kind", kinds, indirect=True)


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which of `DATABASES` holds source and state."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def make_world(
    tmp_path: Path, database_kind: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., World]]:
    """Make a world; options go to the sandbox."""
    with ExitStack() as stack:
        url = ""
        if database_kind != "sqlite":
            url = stack.enter_context(empty_database(database_kind, tmp_path, request))

        def make(**options: Any) -> World:
            sandbox = Sandbox(SandboxOptions(token=TOKEN, **options))
            board = sandbox.add_board("customer-master-schedule", name="Customer Master Schedule")
            server = stack.enter_context(SandboxServer(sandbox, port=0))
            return World(tmp_path, sandbox, server, board, server_url=url)

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
