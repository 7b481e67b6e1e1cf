"""The log of requests, and one request with its document, variables and answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from order_sync.sandbox.answers import Answer, Delivery
from order_sync.sandbox.faults import available_faults
from order_sync.sandbox.pages.rendering import missing_page, page
from order_sync.sandbox.request_log import RequestRecord
from order_sync.sandbox.sandbox import Sandbox

ON_A_PAGE = 50
SHOWN = 4_000  # characters of a document, of variables or of an answer, before people ask for all


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    title: str
    wanted: Callable[[RequestRecord], bool]


_CHOICES = (
    Choice("", "All", lambda _record: True),
    Choice("writes", "Writes", lambda record: record.kind == "mutation"),
    Choice("reads", "Reads", lambda record: record.kind == "query"),
    Choice("errors", "With errors", lambda record: record.failed),
    Choice("faults", "Struck by a fault", lambda record: record.fault is not None),
)

_DELIVERIES = {
    Delivery.WHOLE: "",
    Delivery.LOST: "It was never sent: the connection was closed instead.",
    Delivery.CUT: "Half of it was sent, then the connection was closed.",
    Delivery.GARBLED: "It was sent as bytes nobody can read.",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A long text, or its beginning; `length` is that of the whole, in characters."""

    shown: str
    length: int

    @property
    def is_cut(self) -> bool:
        return len(self.shown) < self.length


def request_routes(sandbox: Sandbox) -> list[BaseRoute]:
    async def requests(request: Request) -> Response:
        """`?only=` names a choice, `?before=` a number: only requests before that one."""
        chosen = _choice(request.query_params.get("only", ""))
        before = _number(request.query_params.get("before", ""))
        one_more = ON_A_PAGE + 1  # tells whether there are older ones
        found = list(islice(_latest(sandbox, before, chosen), one_more))
        return page(
            sandbox,
            "requests.html",
            requests=found[:ON_A_PAGE],
            older=found[ON_A_PAGE - 1].number if len(found) > ON_A_PAGE else None,
            before=before,
            chosen=chosen,
            choices=_CHOICES,
            kept=sandbox.options.request_log_size,
        )

    async def request_details(request: Request) -> Response:
        """`?whole=yes` cuts nothing."""
        asked = request.path_params["request"]
        record = sandbox.log.find(asked)
        if record is None:
            message = (
                f"There is no request {asked!r}, or it is not kept any more: the log holds the "
                f"latest {sandbox.options.request_log_size:,}."
            )
            return missing_page(sandbox, "No such request", message)
        whole = request.query_params.get("whole") == "yes"
        return page(sandbox, "request.html", **_details(sandbox, record, None if whole else SHOWN))

    return [
        Route("/requests", requests, methods=["GET"]),
        Route("/requests/{request}", request_details, methods=["GET"]),
    ]


def _choice(name: str) -> Choice:
    return next((choice for choice in _CHOICES if choice.name == name), _CHOICES[0])


def _number(text: str) -> int | None:
    return int(text[:20]) if text.isascii() and text.isdecimal() else None


def _latest(sandbox: Sandbox, before: int | None, chosen: Choice) -> Iterator[RequestRecord]:
    for record in reversed(sandbox.log.records()):
        if (before is None or record.number < before) and chosen.wanted(record):
            yield record


def _details(sandbox: Sandbox, record: RequestRecord, most: int | None) -> dict[str, Any]:
    def text(whole: str) -> Text:
        return Text(whole[:most], len(whole))

    answer = record.answer
    variables = _pretty(record.readable_variables) if record.variables else ""
    return {
        "request": record,
        "newer": record.number + 1 if record.number < sandbox.log.total else None,
        "older": record.number - 1 if sandbox.log.find(str(record.number - 1)) else None,
        "fault_says": available_faults().get(record.fault or "", ""),
        "document": text(record.document),
        "variables": text(variables),
        "answer": answer,
        "body": text(_body(answer)) if answer else None,
        "delivery": _DELIVERIES[answer.delivery] if answer else "",
    }


def _body(answer: Answer) -> str:
    if answer.is_json:
        return _pretty(orjson.loads(answer.body))
    return answer.body.decode("utf-8", "replace")


def _pretty(content: Any) -> str:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
