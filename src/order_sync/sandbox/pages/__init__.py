"""The pages for people: the boards, what was asked, and the switches for faults.

They ask nobody else for anything, and work without scripts; a script only keeps figures fresh and
remembers what is folded.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from order_sync.sandbox.pages.board import board_routes
from order_sync.sandbox.pages.faults import fault_routes
from order_sync.sandbox.pages.rendering import missing_page
from order_sync.sandbox.pages.requests import request_routes
from order_sync.sandbox.pages.static import static_routes
from order_sync.sandbox.sandbox import Sandbox

__all__ = ["not_found", "page_routes"]


def page_routes(sandbox: Sandbox) -> list[BaseRoute]:
    return [
        *board_routes(sandbox),
        *request_routes(sandbox),
        *fault_routes(sandbox),
        *static_routes(),
    ]


def not_found(sandbox: Sandbox) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The page for an address nothing stands at."""

    async def answer(_request: Request, _error: Exception) -> Response:
        return missing_page(sandbox, "No such page", "Nothing stands at this address.")

    return answer
