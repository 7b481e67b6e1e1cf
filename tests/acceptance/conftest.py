"""The second stand-in, as a fixture; without the official SDL its tests are skipped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.standin.place import Place, a_place
from tests.standin.resolvers import SDL_VARIABLE


@pytest.fixture
def make_place(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    if not os.environ.get(SDL_VARIABLE):
        pytest.skip(f"{SDL_VARIABLE} does not name the official SDL")
    with ExitStack() as stack:

        def make(**options: Any) -> Place:
            return stack.enter_context(a_place(tmp_path, **options))

        yield make


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    """A board of the first generation, and a server that remembers idempotency keys."""
    return make_place()
