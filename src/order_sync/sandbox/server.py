"""Serving a sandbox on this machine, in the background of a test or until interrupted."""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from order_sync.sandbox.answers import HANG_UP
from order_sync.sandbox.app import create_app
from order_sync.sandbox.board_files import BoardSource, read_board
from order_sync.sandbox.faults import Fault, parse_fault
from order_sync.sandbox.options import SandboxOptions
from order_sync.sandbox.sandbox import Sandbox

START_TIMEOUT_S = 10
STOP_TIMEOUT_S = 10


class _Protocol(H11Protocol):
    """Lets the app close the connection it is answering on, which ASGI itself cannot."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = _with_hang_up(self.app, transport)


def _with_hang_up(app: Any, transport: asyncio.Transport) -> ASGIApp:
    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[HANG_UP] = transport.close
        await app(scope, receive, send)

    return run


def _server(sandbox: Sandbox) -> uvicorn.Server:
    config = uvicorn.Config(
        create_app(sandbox),
        http=_Protocol,
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )
    return uvicorn.Server(config)


def _bind(host: str, port: int) -> socket.socket:
    """Raises OSError: the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it on,
    # every answer would wait for the caller's delayed acknowledgement
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(2048)
    except OSError:
        bound.close()
        raise
    return bound


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class SandboxServer:
    """A sandbox on 127.0.0.1, served by a thread; port 0 takes a free one.

    Use it as a context manager, or call `start` and `stop`.
    """

    def __init__(self, sandbox: Sandbox, port: int = 0) -> None:
        self.sandbox = sandbox
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    @property
    def api_url(self) -> str:
        return f"{self.url}/v2"

    def board_url(self, board_id: str) -> str:
        return f"{self.url}/boards/{board_id}"

    def start(self) -> None:
        """Returns when requests are accepted. Raises OSError: the port is taken."""
        bound = _bind("127.0.0.1", self._port)
        self.url = _address(bound)
        self._server = _server(self.sandbox)
        self._thread = threading.Thread(
            target=_run, args=(self._server, bound), name="sandbox", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answers that are still being held back are given up."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(STOP_TIMEOUT_S)

    def __enter__(self) -> "SandboxServer":
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _run(server: uvicorn.Server, bound: socket.socket) -> None:
    with bound:
        asyncio.run(server.serve(sockets=[bound]))


def serve(
    options: SandboxOptions,
    port: int,
    host: str = "127.0.0.1",
    *,
    boards: Sequence[BoardSource] = ("customer-master-schedule",),
    faults: Sequence[Fault | str] = (),
    state: str | Path | None = None,
    announce: Callable[[str, Sandbox], None] | None = None,
) -> None:
    """Serve until interrupted; `announce` gets the address first, with the boards to show.

    boards: added unless the state file holds boards already; state: a file to go on from.

    Raises:
        OSError: the port is taken, or there is no such board. ValueError: a board or fault
        cannot be read. StateError: the state file cannot be used.
    """
    described = [read_board(board, options) for board in boards]
    sandbox = Sandbox(options, state=state)
    try:
        with sandbox.changing():  # all boards or none, so that a kill leaves no half account
            for board in () if sandbox.account.boards else described:
                sandbox.add_board(board)
        for fault in faults:
            sandbox.add_fault(parse_fault(fault) if isinstance(fault, str) else fault)
        with _bind(host, port) as bound:
            (announce or _print_address)(_address(bound), sandbox)
            asyncio.run(_server(sandbox).serve(sockets=[bound]))
    finally:
        sandbox.close()


def _print_address(address: str, sandbox: Sandbox) -> None:
    print(address, flush=True)
    for board in sandbox.account.boards.values():
        if board.type == "board":
            print(f"{address}/boards/{board.id}  {board.name}", flush=True)
