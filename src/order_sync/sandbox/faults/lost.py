"""Answers that get lost, come late or cannot be read: the caller does not learn what happened."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import orjson

from order_sync.sandbox.answers import Answer, Delivery, html_answer
from order_sync.sandbox.errors import ApiError, internal_error
from order_sync.sandbox.faults.fault import AfterWrite, Fault

# Connections ------------------------------------------------------------------------------------


class LoseAnswerBeforeWrite(Fault):
    name = "lose-answer-before-write"
    says = "the connection closes before anything is executed"

    def instead(self) -> Answer:
        return Answer(500, b"", delivery=Delivery.LOST)


class LoseAnswerAfterWrite(AfterWrite):
    name = "lose-answer-after-write"
    says = "everything is executed, then the connection closes without an answer"

    def afterwards(self, answer: Answer) -> Answer:
        return replace(answer, delivery=Delivery.LOST)


@dataclass(kw_only=True)
class ForgetsKey(LoseAnswerAfterWrite):
    name = "forgets-key"
    says = "everything is executed, then the connection closes and the key is forgotten"
    remembers: int = 0


# Gateways ---------------------------------------------------------------------------------------

_PAGES = {502: "502 Bad Gateway", 503: "503 Service Unavailable", 504: "504 Gateway Time-out"}


def _page(status: int) -> Answer:
    return html_answer(status, _PAGES[status])


class GatewayBeforeWrite(Fault):
    status: ClassVar[int]

    def instead(self) -> Answer:
        return _page(self.status)


class BadGatewayBeforeWrite(GatewayBeforeWrite):
    name = "502-before-write"
    says = "a gateway cannot reach the server; nothing was executed"
    status = 502


class UnavailableBeforeWrite(GatewayBeforeWrite):
    name = "503-before-write"
    says = "the service is not available; nothing was executed"
    status = 503


class GatewayTimeoutBeforeWrite(GatewayBeforeWrite):
    name = "504-before-write"
    says = "a gateway gives up; nothing was executed"
    status = 504


class GatewayAfterWrite(AfterWrite):
    status: ClassVar[int]

    def afterwards(self, answer: Answer) -> Answer:  # noqa: ARG002
        return _page(self.status)


class BadGatewayAfterWrite(GatewayAfterWrite):
    name = "502-after-write"
    says = "a gateway lost the answer; everything was executed"
    status = 502


class UnavailableAfterWrite(GatewayAfterWrite):
    name = "503-after-write"
    says = "the service became unavailable before it answered; everything was executed"
    status = 503


class GatewayTimeoutAfterWrite(GatewayAfterWrite):
    name = "504-after-write"
    says = "a gateway gives up; everything was executed"
    status = 504


@dataclass(kw_only=True)
class MidDocumentTimeout(AfterWrite):
    name = "mid-document-timeout"
    says = "the first half of the root fields is executed, then a gateway gives up"
    remembers: int = 0

    def refuse_alias(self, position: int, total: int, arguments: Any) -> ApiError | None:  # noqa: ARG002
        return internal_error() if position >= total // 2 else None

    def afterwards(self, answer: Answer) -> Answer:  # noqa: ARG002
        return _page(504)


# Time -------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class StillExecuting(AfterWrite):
    """seconds: real ones, after which the document is executed; until then its key is busy."""

    name = "still-executing"
    says = "a gateway gives up at once, and everything is executed later"
    seconds: float = 1.0

    def instead(self) -> Answer:
        return _page(504)

    def executes_after_s(self) -> float:
        return self.seconds


@dataclass(kw_only=True)
class ServerTimeLimit(AfterWrite):
    """A document that takes too long: nothing to be armed, but what a slow sandbox does.

    in_time: root fields that begin before the gateway gives up.
    """

    name = "time-limit"
    says = "what was begun in time is executed, then a gateway gives up"
    remembers: int = 0
    in_time: int

    def refuse_alias(self, position: int, total: int, arguments: Any) -> ApiError | None:  # noqa: ARG002
        return internal_error() if position >= self.in_time else None

    def afterwards(self, answer: Answer) -> Answer:  # noqa: ARG002
        return _page(504)


@dataclass(kw_only=True)
class Hang(AfterWrite):
    """seconds: real ones, how long the answer is held back."""

    name = "hang"
    says = "everything is executed, and the answer comes late"
    seconds: float = 90.0

    def afterwards(self, answer: Answer) -> Answer:
        return replace(answer, delay_s=self.seconds)


# Bodies -----------------------------------------------------------------------------------------


class HtmlBody(AfterWrite):
    name = "html-body"
    says = "everything is executed, and a page comes instead of JSON, with status 200"

    def afterwards(self, answer: Answer) -> Answer:  # noqa: ARG002
        return html_answer(200, "Just a moment...")


class UnreadableBody(AfterWrite):
    name = "unreadable-body"
    says = "everything is executed, and the answer is no JSON, with status 200"

    def afterwards(self, answer: Answer) -> Answer:
        return replace(answer, delivery=Delivery.GARBLED)


class CutBody(AfterWrite):
    name = "cut-body"
    says = "everything is executed, and the answer ends half way"

    def afterwards(self, answer: Answer) -> Answer:
        return replace(answer, delivery=Delivery.CUT)


class ErrorWithoutPath(AfterWrite):
    name = "error-without-path"
    says = "everything is executed, and an error is added that names no field"

    def afterwards(self, answer: Answer) -> Answer:
        body = orjson.loads(answer.body)
        body.setdefault("errors", []).append(_error_without_path())
        return replace(answer, body=orjson.dumps(body))


class ErrorWithoutPathBeforeWrite(Fault):
    name = "error-without-path-before-write"
    says = "nothing is executed: every root field is null, and one error names no field"

    def refuse_alias(self, position: int, total: int, arguments: Any) -> ApiError:  # noqa: ARG002
        return internal_error()

    def afterwards(self, answer: Answer) -> Answer:
        body = orjson.loads(answer.body)
        body["data"] = dict.fromkeys(body["data"])
        body["errors"] = [_error_without_path()]
        return replace(answer, body=orjson.dumps(body))

    def keeps_key(self) -> bool:
        return False


def _error_without_path() -> dict[str, Any]:
    error = internal_error()
    return {"message": error.message, "extensions": error.extensions}
