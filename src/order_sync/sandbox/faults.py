"""Things that go wrong on demand. A fault is a small object; the endpoint asks it three times:

    instead       before anything is executed: an answer to give without executing
    alias errors  while a mutation runs: which root fields fail, before or after their write
    afterwards    when the document was executed: the answer the caller really gets

A fault that strikes after the write lets the `Idempotency-Key` learn the true answer, unless the
server itself is pretended to have died (`remembers`).
"""

import random
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar

import orjson

from order_sync.sandbox.answers import Answer, Delivery, html_answer, refusal
from order_sync.sandbox.errors import ApiError, RequestError


@dataclass(kw_only=True)
class Fault:
    """When a fault strikes.

    times: how often in all, 0 means always; skip: how many matching requests pass first;
    match: only requests whose document contains this text, instead of all mutations;
    probability: of striking, drawn from `seed`.
    """

    name: ClassVar[str]
    says: ClassVar[str]
    remembers: ClassVar[bool] = True

    times: int = 1
    skip: int = 0
    match: str | None = None
    probability: float = 1.0
    seed: int = 0
    seen: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - chance, not secrecy

    def strikes(self, kind: str, document: str) -> bool:
        """Whether this request is hit; counts it if so."""
        wanted = self.match in document if self.match else kind == "mutation"
        if not wanted or (self.times and self.fired >= self.times):
            return False
        self.seen += 1
        if self.seen <= self.skip or self._random.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def instead(self) -> Answer | None:
        return None

    def refuse_alias(self, position: int, total: int) -> ApiError | None:  # noqa: ARG002
        """An error in place of the root field at `position`, which is not executed."""
        return None

    def lose_alias(self, position: int) -> ApiError | None:  # noqa: ARG002
        """An error in place of the answer of a root field that was executed."""
        return None

    def refuse_subitems(self) -> ApiError | None:
        return None

    def afterwards(self, answer: Answer) -> Answer:
        return answer

    def described(self) -> dict[str, Any]:
        return {"name": self.name, "says": self.says, **asdict(self)}


def _internal_error() -> ApiError:
    return ApiError("INTERNAL_SERVER_ERROR", "Internal server error", status_code=500)


class LoseAnswerBeforeWrite(Fault):
    name = "lose-answer-before-write"
    says = "the connection closes before anything is executed"

    def instead(self) -> Answer:
        return Answer(500, b"", delivery=Delivery.LOST)


class LoseAnswerAfterWrite(Fault):
    name = "lose-answer-after-write"
    says = "everything is executed, then the connection closes without an answer"

    def afterwards(self, answer: Answer) -> Answer:
        return replace(answer, delivery=Delivery.LOST)


class GatewayTimeoutBeforeWrite(Fault):
    name = "504-before-write"
    says = "a gateway gives up; nothing was executed"

    def instead(self) -> Answer:
        return html_answer(504, "504 Gateway Time-out")


class GatewayTimeoutAfterWrite(Fault):
    name = "504-after-write"
    says = "a gateway gives up; everything was executed"

    def afterwards(self, answer: Answer) -> Answer:  # noqa: ARG002
        return html_answer(504, "504 Gateway Time-out")


class BadGatewayAfterWrite(Fault):
    name = "502-after-write"
    says = "a gateway lost the answer; everything was executed"

    def afterwards(self, answer: Answer) -> Answer:  # noqa: ARG002
        return html_answer(502, "502 Bad Gateway")


@dataclass(kw_only=True)
class RateLimited(Fault):
    """retry_s: the wait that is asked for, in seconds; code: one of the codes of a 429."""

    name = "429"
    says = "a limit was reached; nothing was executed"
    retry_s: int = 1
    code: str = "RATE_LIMIT_EXCEEDED"

    def instead(self) -> Answer:
        return refusal(
            RequestError(
                self.code,
                "Rate Limit Exceeded",
                status_code=429,
                retry_after=self.retry_s,
                extensions={"retry_in_seconds": self.retry_s, "status_code": 429},
            )
        )


def _locked_error(status_code: int = 423) -> RequestError:
    return RequestError(
        "RESOURCE_LOCKED",
        "Resource is currently locked, please try again later",
        status_code=status_code,
    )


class Locked(Fault):
    name = "423"
    says = "the board is locked by another update; nothing was executed"

    def instead(self) -> Answer:
        return refusal(_locked_error())


class InternalError(Fault):
    name = "500"
    says = "the server fails before anything is executed"

    def instead(self) -> Answer:
        return _internal_error_answer()


class InternalErrorAfterWrite(Fault):
    name = "500-after-write"
    says = "the server fails when everything was executed, and forgets the idempotency key"
    remembers = False

    def afterwards(self, answer: Answer) -> Answer:  # noqa: ARG002
        return _internal_error_answer()


def _internal_error_answer() -> Answer:
    return refusal(RequestError("INTERNAL_SERVER_ERROR", "Internal server error", status_code=500))


@dataclass(kw_only=True)
class InternalErrorInAlias(Fault):
    """alias: position of the root field that fails, from 0."""

    name = "500-alias"
    says = "one root field fails and is not executed, the others are"
    alias: int = 0

    def refuse_alias(self, position: int, total: int) -> ApiError | None:  # noqa: ARG002
        return _internal_error() if position == self.alias else None


@dataclass(kw_only=True)
class InternalErrorInAliasAfterWrite(Fault):
    """alias: position of the root field whose answer is lost, from 0."""

    name = "500-alias-after-write"
    says = "one root field is executed and answered with an error nevertheless"
    alias: int = 0

    def lose_alias(self, position: int) -> ApiError | None:
        return _internal_error() if position == self.alias else None


@dataclass(kw_only=True)
class LockedAlias(Fault):
    """alias: position of the root field that is refused, from 0."""

    name = "423-alias"
    says = "one root field meets a locked board and is not executed, the others are"
    alias: int = 0

    def refuse_alias(self, position: int, total: int) -> ApiError | None:  # noqa: ARG002
        return _locked_error() if position == self.alias else None


class ErrorWithoutPath(Fault):
    name = "error-without-path"
    says = "everything is executed, and an error is added that names no field"

    def afterwards(self, answer: Answer) -> Answer:
        body = orjson.loads(answer.body)
        entry = {"message": "Internal server error", "extensions": _internal_error().extensions}
        body.setdefault("errors", []).append(entry)
        return replace(answer, body=orjson.dumps(body))


class HtmlBody(Fault):
    name = "html-body"
    says = "everything is executed, and a page comes instead of JSON, with status 200"

    def afterwards(self, answer: Answer) -> Answer:  # noqa: ARG002
        return html_answer(200, "Just a moment...")


class CutBody(Fault):
    name = "cut-body"
    says = "everything is executed, and the answer ends half way"

    def afterwards(self, answer: Answer) -> Answer:
        return replace(answer, delivery=Delivery.CUT)


@dataclass(kw_only=True)
class Hang(Fault):
    """seconds: real ones, how long the answer is held back."""

    name = "hang"
    says = "everything is executed, and the answer comes late"
    seconds: float = 90.0

    def afterwards(self, answer: Answer) -> Answer:
        return replace(answer, delay_s=self.seconds)


class MidDocumentTimeout(Fault):
    name = "mid-document-timeout"
    says = "the first half of the root fields is executed, then a gateway gives up"
    remembers = False

    def refuse_alias(self, position: int, total: int) -> ApiError | None:
        return _internal_error() if position >= total // 2 else None

    def afterwards(self, answer: Answer) -> Answer:  # noqa: ARG002
        return html_answer(504, "504 Gateway Time-out")


@dataclass(kw_only=True)
class SubitemsLimit(Fault):
    name = "subitems-limit"
    says = "nested subitems are refused, the rest of the answer stands"
    match: str | None = "subitems"

    def refuse_subitems(self) -> ApiError:
        return ApiError(
            "FIELD_LIMIT_EXCEEDED",
            "Concurrency limit exceeded for the field",
            status_code=429,
            error_data={"entity": "subitems"},
            retry_in_seconds=15,
        )


_KINDS: dict[str, type[Fault]] = {
    kind.name: kind
    for kind in (
        LoseAnswerBeforeWrite,
        LoseAnswerAfterWrite,
        GatewayTimeoutBeforeWrite,
        GatewayTimeoutAfterWrite,
        BadGatewayAfterWrite,
        RateLimited,
        Locked,
        LockedAlias,
        InternalError,
        InternalErrorAfterWrite,
        InternalErrorInAlias,
        InternalErrorInAliasAfterWrite,
        ErrorWithoutPath,
        HtmlBody,
        CutBody,
        Hang,
        MidDocumentTimeout,
        SubitemsLimit,
    )
}


def available_faults() -> dict[str, str]:
    """Name of every fault, and what it does."""
    return {name: kind.says for name, kind in _KINDS.items()}


def make_fault(name: str, **settings: Any) -> Fault:
    """Raises ValueError: no such fault or setting, or a setting of the wrong kind."""
    if name not in _KINDS:
        raise ValueError(f"there is no fault {name!r}; choose from: {', '.join(_KINDS)}")
    kind = _KINDS[name]
    known = {one.name: one.type for one in fields(kind) if one.init}
    for key in settings:
        if key not in known:
            raise ValueError(f"{name} has no setting {key!r}; choose from: {', '.join(known)}")
    if settings.get("times", 1) is None:
        settings["times"] = 0
    for key, value in settings.items():
        _check_setting(key, value, known[key])
    return kind(**settings)


def _check_setting(key: str, value: Any, kind: Any) -> None:
    accepted: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,)}
    if isinstance(value, bool) or not isinstance(value, accepted.get(kind, (str, type(None)))):
        raise ValueError(f"{key} cannot be {value!r}")


def parse_fault(text: str) -> Fault:
    """A fault as written on the command line: `NAME` or `NAME:key=value,key=value`.

    Raises:
        ValueError: no such fault or setting, or a value that cannot be read.
    """
    name, _, listed = text.partition(":")
    settings: dict[str, Any] = {}
    for pair in filter(None, listed.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"expected key=value, not {pair!r}")
        settings[key.strip()] = _read_setting(key.strip(), value.strip())
    return make_fault(name.strip(), **settings)


def _read_setting(key: str, value: str) -> Any:
    if key in ("match", "code"):
        return value
    try:
        return float(value) if key in ("probability", "seconds") else int(value)
    except ValueError:
        raise ValueError(f"{key} has to be a number, not {value!r}") from None
