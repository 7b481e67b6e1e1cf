"""Serving the pages until interrupted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette


def serve(app: Starlette, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until interrupted; `announce` gets the address first. Port 0 takes a free one.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    with bound_to(host, port) as (bound, address):
        announce(address)
        config = uvicorn.Config(
            app, lifespan="off", log_level="critical", access_log=False,
            timeout_graceful_shutdown=1, server_header=False,
        )  # fmt: skip
        asyncio.run(uvicorn.Server(config).serve(sockets=[bound]))


@contextmanager
def bound_to(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens, and its address for a browser.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(2048)
        name, number = bound.getsockname()[:2]
        yield bound, f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}"
