"""The ASGI app: the API, the control calls of the sandbox, and the pages for people."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from order_sync.sandbox.api import ApiEndpoint
from order_sync.sandbox.control import control_routes
from order_sync.sandbox.imports.transfer import import_routes
from order_sync.sandbox.pages import not_found, page_routes
from order_sync.sandbox.sandbox import Sandbox
from order_sync.sandbox.schema_download import get_schema

FIRST_BOARD = "customer-master-schedule"


def create_app(sandbox: Sandbox | None = None) -> Starlette:
    """A stand-in for the API as an ASGI app, for tests of any client and for any ASGI server.

    `POST /v2` is the API; README.md lists the other paths. `app.state.sandbox` is the sandbox.
    One app belongs to one event loop at a time.

    Args:
        sandbox: the account that is served, with its boards, options and faults. None: a new
            account of the plan enterprise with an empty board `customer-master-schedule`, so that
            `uvicorn --factory order_sync.sandbox:create_app` has something to show.
    """
    if sandbox is None:
        sandbox = Sandbox()
        sandbox.add_board(FIRST_BOARD)
    api = ApiEndpoint(sandbox)

    async def endpoint(request: Request) -> Response:
        return await api(request)

    routes: list[BaseRoute] = [
        Route("/v2", endpoint, methods=["POST"]),
        Route("/v2/get_schema", get_schema, methods=["GET"]),
        *import_routes(sandbox),
        *control_routes(sandbox),
        *page_routes(sandbox),
    ]
    app = Starlette(routes=routes, exception_handlers={404: not_found(sandbox)})
    app.state.sandbox = sandbox
    return app
