"""The addresses of the pages, and what stands before each: access, errors, static files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from importlib import resources

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from order_sync.dashboard.access import COOKIE, Access, ForeignHost
from order_sync.dashboard.decisions import decider
from order_sync.dashboard.pages.decide import ask, decided
from order_sync.dashboard.pages.errors import errors
from order_sync.dashboard.pages.orders import order, search
from order_sync.dashboard.pages.overview import overview, throughput
from order_sync.dashboard.pages.runs import run, runs, timeline
from order_sync.dashboard.rendering import Renderer
from order_sync.dashboard.site import Handler, Site
from order_sync.dashboard.tables_reader import TablesReader
from order_sync.db.engine import Database
from order_sync.db.schema import build_tables
from order_sync.errors import SyncError
from order_sync.rules.mapping import Mapping
from order_sync.settings import Settings
from order_sync.source_now import look

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

PAGES: tuple[tuple[str, Handler], ...] = (
    ("/", overview),
    ("/errors", errors),
    ("/orders", order),
    ("/orders/decide", ask),
    ("/search", search),
    ("/runs", runs),
    ("/runs/{run_id}", run),
    ("/charts/throughput.svg", throughput),
    ("/charts/runs/{run_id}.svg", timeline),
)


def create_app(
    settings: Settings, mapping: Mapping, database: Database, access: Access
) -> Starlette:
    """The pages as an ASGI app.

    Args:
        database: that of the settings, open for reading; decisions open it for themselves.
    """
    tables = build_tables(mapping)
    by_value = (mapping.purchase_order, *mapping.key[1:])
    renderer = Renderer(
        access,
        environment=settings.environment,
        board=settings.monday.board_name or "",
        web_url=settings.monday.web_url,
    )
    site = Site(
        TablesReader(database, tables, settings.monday.board_id),
        renderer,
        access,
        decider(settings.database.url, tables, mapping),
        mapping,
        partial(look, settings.source, mapping),
        tuple(column.field for column in mapping.columns if column.source in by_value),
    )
    routes: list[BaseRoute] = [
        *(Route(path, _guarded(site, handler), methods=["GET"]) for path, handler in PAGES),
        Route("/orders/decide", _guarded(site, decided), methods=["POST"]),
        *_static_routes(),
    ]
    return Starlette(routes=routes, exception_handlers={404: _not_found(site)})


def _guarded(site: Site, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A page for whoever may see it, made in a thread of its own; an error becomes a page, too."""

    async def endpoint(request: Request) -> Response:
        refused = _refused(site, request)
        if refused is not None:
            return refused
        if request.method == "POST":
            # Handlers run in threads, which cannot wait for the rest of a request.
            request.state.form = await request.form(max_files=0, max_fields=20)
        try:
            return await run_in_threadpool(handler, site, request)
        except SyncError as error:
            return site.renderer.problem(
                request, 503, "The tables cannot be read", error.message, error.hint
            )

    return endpoint


def _refused(site: Site, request: Request) -> Response | None:
    """The answer to who may not look, or still has the token in the address."""
    try:
        site.access.check_host(request)
    except ForeignHost:
        return site.renderer.problem(
            request, 403, "Not by this name", "This page is shown by the address of the machine.",
            "open it as http://127.0.0.1 with its port",
        )  # fmt: skip
    given = request.query_params.get("token")
    if given is not None and site.access.opens(given):
        answer = RedirectResponse(str(request.url.remove_query_params("token")), 303)
        answer.set_cookie(COOKIE, given, httponly=True, samesite="strict")
        return answer
    if given is not None or not site.access.may_read(request):
        return site.renderer.problem(
            request, 401, "A token is needed",
            "These pages open with the address that order-sync dashboard printed.",
            "take the whole address from there; a new start makes a new token",
        )  # fmt: skip
    return None


def _not_found(site: Site) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, _error: Exception) -> Response:
        refused = _refused(site, request)
        if refused is not None:
            return refused
        return site.renderer.problem(
            request, 404, "No such page", "Nothing stands at this address."
        )

    return answer


def _static_routes() -> list[BaseRoute]:
    folder = resources.files("order_sync.dashboard").joinpath("static")
    return [_static(file.name, file.read_bytes()) for file in folder.iterdir()]


def _static(name: str, content: bytes) -> Route:
    kind = next(kind for suffix, kind in _KINDS.items() if name.endswith(suffix))
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

    async def file(_request: Request) -> Response:
        return Response(content, headers=headers, media_type=kind)

    return Route(f"/static/{name}", file, methods=["GET"])
