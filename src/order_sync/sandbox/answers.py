"""An HTTP answer before it is sent, and how it is delivered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from order_sync.sandbox.errors import RequestError
from order_sync.sandbox.user import ACCOUNT_ID

HANG_UP = "sandbox.hang_up"  # name of the ASGI extension that closes the connection


class Delivery(StrEnum):
    WHOLE = "whole"
    LOST = "lost"  # the connection closes and nothing is sent
    CUT = "cut"  # half of the body is sent, then the connection closes
    GARBLED = "garbled"  # what is sent is neither JSON nor text


@dataclass(frozen=True)
class Answer:
    """`delay_s`: real seconds to wait before sending; `identified`: has its request id already."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"
    delivery: Delivery = Delivery.WHOLE
    delay_s: float = 0.0
    identified: bool = False

    @property
    def is_json(self) -> bool:
        return bool(self.body) and self.content_type.startswith("application/json")

    def described(self) -> dict[str, Any]:
        """For people who ask what was answered; `body` is JSON where the answer was."""
        return {
            "status": self.status,
            "headers": self.headers,
            "content_type": self.content_type,
            "delivery": self.delivery,
            "body": orjson.loads(self.body) if self.is_json else self.body.decode("utf-8"),
        }

    def response(self) -> Response:
        kinds = {Delivery.LOST: _Lost, Delivery.CUT: _Cut, Delivery.GARBLED: _Garbled}
        kind = kinds.get(self.delivery, Response)
        return kind(self.body, self.status, self.headers, media_type=self.content_type)


def refusal(error: RequestError, headers: Mapping[str, str] | None = None) -> Answer:
    """The body of a request that was refused as a whole; it has no `data`."""
    entry: dict[str, Any] = {"message": error.message, "extensions": error.extensions}
    if error.path:
        entry["path"] = error.path
    told = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return Answer(error.status_code, orjson.dumps({"errors": [entry]}), {**told, **(headers or {})})


def legacy_form(content: dict[str, Any], status: int) -> dict[str, Any]:
    """An answer as it looked before 2025, when an error stood alone at the top.

    Answers that carry data keep their list of errors, and so does a document with an unknown
    field. There was no request id, but the id of the account.
    """
    present = {name: part for name, part in content.items() if name != "extensions"}
    data, errors = content.get("data"), content.get("errors")
    has_data = isinstance(data, dict) and any(value is not None for value in data.values())
    if not errors or has_data:
        return {**present, "account_id": int(ACCOUNT_ID)}
    extensions = errors[0]["extensions"]
    code = extensions["code"]
    if code == "undefinedField":
        return present
    old = {
        "error_code": _OLD_CODES.get(code, code),
        "error_message": errors[0]["message"],
        "status_code": extensions.get("status_code", status),
    }
    return {**old, "error_data": extensions["error_data"]} if "error_data" in extensions else old


_OLD_CODES = {"COMPLEXITY_BUDGET_EXHAUSTED": "ComplexityException"}


def html_answer(status: int, title: str) -> Answer:
    """What a gateway in front of the API says, which is not JSON."""
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status, page.encode(), content_type="text/html; charset=utf-8")


class ConnectionLost(ConnectionError):
    """Raised where no real connection can be closed, as with an in-process client."""


class _Lost(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await hang_up(scope, receive)


class _Cut(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await hang_up(scope, receive)


class _Garbled(Response):
    def render(self, content: bytes) -> bytes:
        return b"\xff\x00" + content[::-1]


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection and wait until the server has noticed.

    Raises:
        ConnectionLost: the server offers no way to do that.
    """
    close = scope.get("extensions", {}).get(HANG_UP)
    if close is None:
        raise ConnectionLost("the sandbox closed the connection")
    close()
    while (await receive())["type"] != "http.disconnect":
        pass
