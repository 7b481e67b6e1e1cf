"""The pages for people: the boards, what was asked, and the switches for faults.

They ask nobody else for anything, and work without scripts; a script only keeps figures fresh and
remembers what is folded.
"""

from starlette.routing import BaseRoute

from order_sync.sandbox.pages.board import board_routes
from order_sync.sandbox.pages.faults import fault_routes
from order_sync.sandbox.pages.requests import request_routes
from order_sync.sandbox.pages.static import static_routes
from order_sync.sandbox.sandbox import Sandbox

__all__ = ["page_routes"]


def page_routes(sandbox: Sandbox) -> list[BaseRoute]:
    return [
        *board_routes(sandbox),
        *request_routes(sandbox),
        *fault_routes(sandbox),
        *static_routes(),
    ]
