"""A world of its own for each test, as for whole runs."""

from tests.runs.conftest import database_kind, make_world, world

__all__ = ["database_kind", "make_world", "world"]
