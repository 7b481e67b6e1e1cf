"""Whole requests that are refused, with a body the caller can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from order_sync.sandbox.answers import Answer, refusal
from order_sync.sandbox.errors import (
    ApiError,
    RequestError,
    blocked_error,
    internal_error,
    key_conflict,
    locked_error,
    not_allowed,
)
from order_sync.sandbox.faults.fault import AfterWrite, Fault

# Limits -----------------------------------------------------------------------------------------

HINTS = ("retry_in_seconds", "retryAfterMs", "header", "ratelimit", "all", "none")

_LIMIT_MESSAGES = {
    "COMPLEXITY_BUDGET_EXHAUSTED": "Complexity budget exhausted",
    "maxConcurrencyExceeded": "Concurrency limit exceeded",
    "MAX_CONCURRENCY_EXCEEDED": "Concurrency limit exceeded",
    "DAILY_LIMIT_EXCEEDED": "Daily limit exceeded",
    "IP_RATE_LIMIT_EXCEEDED": "Too many requests from one address",
    "FIELD_LIMIT_EXCEEDED": "Concurrency limit exceeded for the field",
    "FIELD_MINUTE_RATE_LIMIT_EXCEEDED": "Rate limit exceeded for the field.",
}
_POLICIES = {
    "COMPLEXITY_BUDGET_EXHAUSTED": "complexityMinute",
    "maxConcurrencyExceeded": "concurrency",
    "MAX_CONCURRENCY_EXCEEDED": "concurrency",
}


@dataclass(kw_only=True)
class RateLimited(Fault):
    """retry_s: the wait that is asked for, in seconds; code: one of the codes of a 429.

    hint: where the wait is told. `retry_in_seconds` and `retryAfterMs` stand in `extensions`,
    `header` is `Retry-After`, `ratelimit` the header of that name; `all` and `none` of them.
    """

    name = "429"
    says = "a limit was reached; nothing was executed"
    retry_s: float = 1
    code: str = "RATE_LIMIT_EXCEEDED"
    hint: str = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hint not in HINTS:
            raise ValueError(f"hint cannot be {self.hint!r}; choose from: {', '.join(HINTS)}")

    def instead(self) -> Answer:
        error = RequestError(
            self.code,
            _LIMIT_MESSAGES.get(self.code, "Rate Limit Exceeded"),
            status_code=429,
            retry_after=self.retry_s if self._tells("header") else None,
            extensions=self._extensions(),
        )
        return refusal(error, self._headers())

    def _tells(self, where: str) -> bool:
        return self.hint in (where, "all")

    def _extensions(self) -> dict[str, Any]:
        extensions: dict[str, Any] = {"status_code": 429}
        if self._tells("retry_in_seconds"):
            extensions["retry_in_seconds"] = self.retry_s
        if self._tells("retryAfterMs"):
            extensions["retryAfterMs"] = round(self.retry_s * 1000)
        return extensions

    def _headers(self) -> dict[str, str]:
        if not self._tells("ratelimit"):
            return {}
        policy = _POLICIES.get(self.code, "minuteRate")
        return {"RateLimit": f'"{policy}";r=0;t={self.retry_s}'}


# Conflicts --------------------------------------------------------------------------------------


class Locked(Fault):
    name = "423"
    says = "the board is locked by another update; nothing was executed"

    def instead(self) -> Answer:
        return refusal(locked_error())


@dataclass(kw_only=True)
class Conflict(Fault):
    """retry_s: the wait that is asked for, in seconds."""

    name = "409"
    says = "the idempotency key is said to be in use; nothing was executed"
    retry_s: float = 1

    def instead(self) -> Answer:
        return refusal(key_conflict(self.retry_s))


@dataclass(kw_only=True)
class ConflictAfterWrite(AfterWrite):
    """retry_s: the wait that is asked for, in seconds."""

    name = "409-after-write"
    says = "everything is executed, and the idempotency key is said to be in use"
    retry_s: float = 1

    def afterwards(self, answer: Answer) -> Answer:  # noqa: ARG002
        return refusal(key_conflict(self.retry_s))


# Rights -----------------------------------------------------------------------------------------


class NotAllowed(Fault):
    name = "403"
    says = "the user of the token may not do that; nothing was executed"

    def instead(self) -> Answer:
        return refusal(not_allowed())


class Blocked(Fault):
    name = "blocked"
    says = "the API is switched off for the account, told with status 200; nothing was executed"

    def instead(self) -> Answer:
        return refusal(blocked_error())


# Internal errors --------------------------------------------------------------------------------


def _internal_error_answer() -> Answer:
    error = internal_error()
    return refusal(RequestError(error.code, error.message, status_code=error.status_code))


class InternalError(Fault):
    name = "500"
    says = "the server fails before anything is executed"

    def instead(self) -> Answer:
        return _internal_error_answer()


@dataclass(kw_only=True)
class InternalErrorAfterWrite(AfterWrite):
    name = "500-after-write"
    says = "the server fails when everything was executed, and forgets the idempotency key"
    remembers: int = 0

    def afterwards(self, answer: Answer) -> Answer:  # noqa: ARG002
        return _internal_error_answer()


@dataclass(kw_only=True)
class PoisonousRow(Fault):
    """text: what the server cannot bear among the variables.

    whole: 1 if the whole document fails, 0 if only the root fields do that are given the text.
    """

    name = "poisonous-row"
    says = "a document with a certain text in its variables fails and is not executed"
    times: int = 0
    text: str = ""
    whole: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.text:
            raise ValueError("a poisonous row needs a text")

    def concerns(self, kind: str, document: str, variables: Mapping[str, Any]) -> bool:
        return super().concerns(kind, document, variables) and _contains(variables, self.text)

    def instead(self) -> Answer | None:
        return _internal_error_answer() if self.whole else None

    def refuse_alias(
        self,
        position: int,  # noqa: ARG002
        total: int,  # noqa: ARG002
        arguments: Mapping[str, Any],
    ) -> ApiError | None:
        return internal_error() if _contains(arguments, self.text) else None


def _contains(value: Any, text: str) -> bool:
    """Whether a string anywhere inside `value` contains the text."""
    if isinstance(value, str):
        return text in value
    if isinstance(value, Mapping):
        return any(_contains(one, text) for one in value.values())
    return isinstance(value, list) and any(_contains(one, text) for one in value)
