"""The style sheets, the script and the icon of the pages, all our own."""

from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from order_sync.sandbox.colors import PALETTE, color_class, readable_on

HUES = 24  # tints of dropdown labels
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def static_routes() -> list[BaseRoute]:
    files = {
        file.name: file.read_bytes()
        for file in resources.files("order_sync.sandbox").joinpath("static").iterdir()
    }
    files["colors.css"] = _color_rules().encode()
    return [_route(name, content) for name, content in files.items()]


def _route(name: str, content: bytes) -> Route:
    kind = next(kind for suffix, kind in _KINDS.items() if name.endswith(suffix))
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

    async def file(_request: Request) -> Response:
        return Response(content, headers=headers, media_type=kind)

    return Route(f"/static/{name}", file, methods=["GET"])


def _color_rules() -> str:
    """A class for each colour: pages hold no styles, so that nothing people write can be one."""
    fills = [f".{color_class(c)}{{--fill:{c};--on-fill:{readable_on(c)}}}" for c in PALETTE]
    hues = [f".hue-{hue}{{--hue:{hue * 360 // HUES}}}" for hue in range(HUES)]
    return "\n".join([*fills, *hues, ""])
