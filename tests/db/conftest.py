"""A database with tables and a run in it, for tests that write into one transaction."""

from __future__ import annotations

import pytest

from .helpers import start


@pytest.fixture
def conn(state):
    with state.writing() as conn:
        yield conn


@pytest.fixture
def run(conn, tables, shipped):
    return start(conn, tables, shipped)
