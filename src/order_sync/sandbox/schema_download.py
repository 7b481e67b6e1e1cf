"""`GET /v2/get_schema`: the part of the schema that is served here, as a text or as JSON."""

import orjson
from graphql import introspection_from_schema
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from order_sync.sandbox.graphql import load_schema, schema_text


async def get_schema(request: Request) -> Response:
    """`format=sdl` or `format=json`; the version is not looked at, as all of them are the same."""
    wanted = request.query_params.get("format", "json")
    if wanted == "sdl":
        return PlainTextResponse(schema_text())
    if wanted == "json":
        content = orjson.dumps({"data": introspection_from_schema(load_schema())})
        return Response(content, media_type="application/json")
    return PlainTextResponse("format is sdl or json", 400)
