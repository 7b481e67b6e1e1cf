"""The ASGI app: the API, the control calls of the sandbox, and the pages for people."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from order_sync.sandbox.api import ApiEndpoint
from order_sync.sandbox.control import control_routes
from order_sync.sandbox.page import page_routes
from order_sync.sandbox.sandbox import Sandbox
from order_sync.sandbox.schema_download import get_schema


def create_app(sandbox: Sandbox) -> Starlette:
    api = ApiEndpoint(sandbox)

    async def endpoint(request: Request) -> Response:
        return await api(request)

    routes: list[BaseRoute] = [
        Route("/v2", endpoint, methods=["POST"]),
        Route("/v2/get_schema", get_schema, methods=["GET"]),
        *control_routes(sandbox),
        *page_routes(sandbox),
    ]
    return Starlette(routes=routes)
