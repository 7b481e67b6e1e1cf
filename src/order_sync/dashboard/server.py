"""Serving the pages until interrupted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette


def serve(app: Starlette, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until interrupted; `announce` gets the address first. Port 0 takes a free one.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    with _bind(host, port) as bound:
        announce(_address(bound))
        config = uvicorn.Config(
            app, lifespan="off", log_level="critical", access_log=False,
            timeout_graceful_shutdown=1, server_header=False,
        )  # fmt: skip
        asyncio.run(uvicorn.Server(config).serve(sockets=[bound]))


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
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
