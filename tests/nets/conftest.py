"""A world of its own for each test, as for whole runs."""

from tests.runs.conftest import make_world, world

__all__ = ["make_world", "world"]
