"""A world of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer

from .world import TOKEN, World


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make a world; options go to the sandbox."""
    with ExitStack() as stack:

        def make(**options: Any) -> World:
            sandbox = Sandbox(SandboxOptions(token=TOKEN, **options))
            board = sandbox.add_board("customer-master-schedule", name="Customer Master Schedule")
            server = stack.enter_context(SandboxServer(sandbox, port=0))
            return World(tmp_path, sandbox, server, board)

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
