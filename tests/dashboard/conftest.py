"""Pages over the tables that real runs against a sandbox have left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette

from order_sync.dashboard import create_app
from order_sync.dashboard.access import COOKIE, Access
from order_sync.dashboard.server import bound_to
from order_sync.db.engine import Database
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer
from tests.runs.world import TOKEN, World, order

ADDRESS = "http://127.0.0.1"
SESSION = "the-token-of-the-session"
HOSTILE = "<img src=x onerror=\"document.title='owned'\">\u202e' OR 1=1 {{ 7 * 7 }}"
GOOD, NEGATIVE, UNKNOWN = "GRE-1", "GRE-2", "GRE-3"


@dataclass
class Pages:
    """The pages of one world, asked for without a network between."""

    app: Starlette

    def ask(
        self, path: str, *, method: str = "GET", session: bool = False, **more: Any
    ) -> httpx2.Response:
        """more: `headers`, `data`."""
        return asyncio.run(self._ask(method, path, {COOKIE: SESSION} if session else {}, more))

    async def _ask(
        self, method: str, path: str, cookies: dict[str, str], more: dict[str, Any]
    ) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(
            transport=transport, base_url=ADDRESS, cookies=cookies
        ) as client:
            return await client.request(method, path, **more)

    def text(self, path: str, **more: Any) -> str:
        reply = self.ask(path, **more)
        assert reply.status_code == 200, reply.text
        return reply.text


@contextmanager
def pages_of(world: World, access: Access | None = None) -> Iterator[Pages]:
    with closing(Database(world.settings.database.url, read_only=True)) as database:
        yield Pages(create_app(world.settings, world.mapping, database, access or Access()))


@contextmanager
def new_world(folder: Path, server_url: str = "") -> Iterator[World]:
    """server_url: of an empty database; blank: SQLite."""
    sandbox = Sandbox(SandboxOptions(token=TOKEN))
    board = sandbox.add_board("customer-master-schedule", name="Customer Master Schedule")
    with SandboxServer(sandbox, port=0) as server:
        yield World(folder, sandbox, server, board, server_url=server_url)


def has_run(world: World) -> None:
    """One good order, one with a negative size, one whose customer the board does not know."""
    world.has_orders(
        order(GOOD), order(NEGATIVE, S=-1), order(UNKNOWN, CUSTOMER_NAME=HOSTILE),
        order("GRE-4", style=HOSTILE, PO_NUMBER="PO-77"),
    )  # fmt: skip
    # A test's own thread may be that of a browser, which has an event loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(world.sync).result()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Runs have ended; tests only look."""
    with new_world(tmp_path_factory.mktemp("world")) as made:
        has_run(made)
        yield made


@pytest.fixture
def own_world(tmp_path: Path) -> Iterator[World]:
    """A world a test may change."""
    with new_world(tmp_path) as made:
        has_run(made)
        yield made


@pytest.fixture(scope="module")
def pages(world: World) -> Iterator[Pages]:
    with pages_of(world) as made:
        yield made


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The address of the pages on a real port."""
    with bound_to("127.0.0.1", 0) as (bound, address):
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical"))
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[bound])), daemon=True
        )
        thread.start()
        yield address
        server.should_exit = True
        thread.join(10)
