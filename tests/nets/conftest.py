"""A world of its own for each test, as for whole runs."""

from tests.runs.conftest import kind, make_world, world

__all__ = ["kind", "make_world", "world"]
