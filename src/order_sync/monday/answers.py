"""Reads an answer of monday.com: what is done, what was refused, what nobody knows. Pure.

HTTP 200 does not mean success, and an error speaks for a row only through `path[0]`, the row's
alias. Both error dialects are read: `errors[]` with extensions, and the older top-level
`error_code`. A row is done only with an id under its own alias; a row is refused only by an error
that surely was given before its write; everything else is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from order_sync.monday import headers as told
from order_sync.rules.budget import COMPLEXITY_MINUTE, Complexity, Limit
from order_sync.rules.retry import (
    NO_ANSWER,
    UNREADABLE,
    ErrorRule,
    Outcome,
    Remedy,
    Scope,
    rule_for,
    severest,
)

LONGEST_MESSAGE = 500  # characters of the server's wording that are kept

_RETRYABLE = (Remedy.RETRY_ROW, Remedy.WAIT_AND_REPEAT, Remedy.REFRESH_GROUP)
# Statuses by which a server says that it did not even begin, whatever the body holds.
_AT_THE_DOOR = (401, 403)


@dataclass(frozen=True)
class ApiError:
    """One error of an answer, in either dialect."""

    rule: ErrorRule
    code: str  # as the server spells it, "" when it gives none
    message: str
    path: tuple[str | int, ...]  # empty: it names no row
    details: Mapping[str, Any]  # error_data: column_id, column_type, item_id ...
    retry_after_s: float


@dataclass(frozen=True)
class Done:
    """The write happened; `data` is what stood under the alias."""

    id: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """The write did not happen."""

    code: str  # stable, from rules.retry
    message: str  # the server's words
    details: Mapping[str, Any]
    remedy: Remedy
    error_class: str
    advice: str
    retry_after_s: float = 0.0

    @property
    def retryable(self) -> bool:
        """Whether the same row may succeed later without anybody changing it."""
        return self.remedy in _RETRYABLE


@dataclass(frozen=True)
class Unknown:
    """The write may have happened."""

    code: str  # stable, from rules.retry
    reason: str


@dataclass(frozen=True)
class NotExecuted:
    """Nothing of the document happened."""

    remedy: Remedy
    retry_after_s: float  # the server's longest hint, 0.0 when it gave none
    code: str  # stable, from rules.retry
    message: str
    rule: ErrorRule


RowOutcome = Done | Refused | Unknown


@dataclass(frozen=True)
class Answer:
    """All there is to know about one attempt.

    Either `not_executed` says that nothing happened, or `outcomes` has one entry per alias, in
    the order of the aliases. A read has no outcomes: use `data` when `problem` is None.
    """

    http_status: int  # 0: no answer came
    outcomes: tuple[RowOutcome, ...] = ()
    not_executed: NotExecuted | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[ApiError, ...] = ()
    problem: ErrorRule | None = None  # the error that decides, when there is any
    complexity: Complexity | None = None
    limits: tuple[Limit, ...] = ()
    retry_after_s: float = 0.0  # longest hint of headers and body
    replayed: bool = False  # served from the idempotency memory
    served_version: str = ""  # "": the server did not say
    request_id: str = ""
    duration_s: float = 0.0
    body: bytes = b""  # as it came, without the token should it have been echoed


def read_answer(
    http_status: int,
    headers: Mapping[str, str],
    body: bytes,
    aliases: int,
    is_mutation: bool,
) -> Answer:
    """What an answer means for rows `r0` to `r{aliases-1}`; never raises.

    headers: any case.
    """
    lowered = {str(key).lower(): str(value) for key, value in headers.items()}
    payload = _parse(body)
    errors = _errors(payload, http_status)
    content = payload.get("data") if payload is not None else None
    data = content if isinstance(content, dict) else {}
    limits = told.limits(lowered)
    problem = severest([error.rule for error in errors]) if errors else None
    answer = Answer(
        http_status=http_status,
        data=data,
        errors=errors,
        problem=problem,
        complexity=told.complexity(data),
        limits=limits,
        retry_after_s=_longest_hint(lowered, errors, limits, problem),
        replayed=lowered.get("idempotency-replayed", "").strip().casefold() in ("true", "1", "?1"),
        served_version=lowered.get("api-version", "").strip(),
        request_id=_request_id(payload, lowered),
    )
    return _judge(answer, aliases) if is_mutation else answer


def lost(aliases: int, reason: str, rule: ErrorRule = NO_ANSWER) -> Answer:
    """The request may have arrived, but no whole answer came back."""
    outcome = Unknown(rule.code, reason)
    return Answer(http_status=0, outcomes=(outcome,) * aliases, problem=rule)


def never_sent(rule: ErrorRule, reason: str) -> Answer:
    """The request surely did not arrive."""
    not_executed = NotExecuted(rule.remedy, 0.0, rule.code, reason, rule)
    return Answer(http_status=0, not_executed=not_executed, problem=rule)


def _parse(body: bytes) -> dict[str, Any] | None:
    """The body as an object; None when it is anything else, HTML or cut off for example."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return payload if isinstance(payload, dict) else None


def _errors(payload: dict[str, Any] | None, http_status: int) -> tuple[ApiError, ...]:
    """Every error of an answer; an answer that is neither error nor content counts as one."""
    found: list[ApiError] = []
    if payload is not None:
        listed = payload.get("errors")
        entries = listed if isinstance(listed, list) else [] if listed is None else [listed]
        found = [_error(entry, http_status) for entry in entries]
        if any(payload.get(key) for key in ("error_code", "error_message", "error")):
            found.append(_error(payload, http_status))
    if found:
        return tuple(error for error in found if error.path[:1] != ("complexity",))
    well = 200 <= http_status < 300
    if well and payload is not None:
        return ()
    rule = UNREADABLE if well else rule_for("", http_status)
    return (ApiError(rule, "", f"HTTP {http_status} without a readable error", (), {}, 0.0),)


def _error(entry: object, http_status: int) -> ApiError:
    """One error, from an entry of `errors[]` or from the top level of the older dialect."""
    given = entry if isinstance(entry, dict) else {}
    extensions = given.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    places = (extensions, given)
    code = _first_text(places, ("code", "error_code"))
    message = _first_text((given,), ("message", "error_message", "error")) or (
        entry if isinstance(entry, str) else ""
    )
    status = next(
        (p[k] for p in places for k in ("status_code", "statusCode") if type(p.get(k)) is int),
        None,
    )
    path = given.get("path")
    details: dict[str, Any] = next(
        (p["error_data"] for p in places if isinstance(p.get("error_data"), dict)), {}
    )
    return ApiError(
        rule=rule_for(code, http_status if http_status >= 300 else 200, status),
        code=code,
        message=message[:LONGEST_MESSAGE],
        path=tuple(p for p in path if isinstance(p, str | int)) if isinstance(path, list) else (),
        details=details,
        retry_after_s=max(told.hints(given), default=0.0),
    )


def _first_text(places: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> str:
    for place in places:
        for key in keys:
            value = place.get(key)
            if isinstance(value, str) and value:
                return value
    return ""


def _longest_hint(
    headers: Mapping[str, str],
    errors: Sequence[ApiError],
    limits: Sequence[Limit],
    problem: ErrorRule | None,
) -> float:
    waits = [told.seconds(headers.get("retry-after")) or 0.0]
    waits += [error.retry_after_s for error in errors]
    if problem is not None and problem.remedy is Remedy.WAIT_AND_REPEAT:
        # The reset of a limit counts when it is used up. Points may be too few for this
        # document although some are left.
        waits += [
            limit.reset_s
            for limit in limits
            if limit.reset_s is not None
            and (
                limit.remaining == 0
                or (problem.code == "complexity_exhausted" and limit.name == COMPLEXITY_MINUTE)
            )
        ]
    return max(waits)


def _request_id(payload: dict[str, Any] | None, headers: Mapping[str, str]) -> str:
    extensions = (payload or {}).get("extensions")
    given = extensions.get("request_id") if isinstance(extensions, dict) else None
    return given if isinstance(given, str) else headers.get("x-request-id", "")


def _judge(answer: Answer, aliases: int) -> Answer:
    """The outcome of every row, or that nothing was executed."""
    names = [f"r{i}" for i in range(aliases)]
    by_name: dict[str, list[ApiError]] = {name: [] for name in names}
    whole: list[ApiError] = []  # errors that name none of our rows
    for error in answer.errors:
        own = by_name.get(error.path[0]) if error.path and type(error.path[0]) is str else None
        (whole if own is None else own).append(error)
    ran = any(answer.data.get(name) is not None for name in names)

    unproven = answer.http_status >= 500 or 300 <= answer.http_status < 400
    before = None if ran or unproven else _refused_before(answer, whole, aliases)
    if before is not None:
        return replace(answer, not_executed=_not_executed(answer, before, aliases))
    if whole:
        return replace(answer, outcomes=_without_path(whole, names, ran or unproven))
    return replace(
        answer,
        outcomes=tuple(
            _row(answer.data.get(name), by_name[name], name, unproven) for name in names
        ),
    )


def _refused_before(answer: Answer, whole: Sequence[ApiError], aliases: int) -> ApiError | None:
    """The error that proves that the document was refused before any row of it ran, if any."""
    if not whole or len(whole) < len(answer.errors):
        return None
    at_the_door = answer.http_status in _AT_THE_DOOR or aliases == 1
    for error in whole:
        proves = error.rule.scope is Scope.REQUEST or (
            error.rule.scope is Scope.DOOR and at_the_door
        )
        if error.rule.outcome is not Outcome.NOT_EXECUTED or not proves:
            return None
    decisive = severest([error.rule for error in whole])
    return next(error for error in whole if error.rule is decisive)


def _not_executed(answer: Answer, error: ApiError, aliases: int) -> NotExecuted:
    remedy = error.rule.remedy
    if remedy is Remedy.SPLIT_DOCUMENT and aliases == 1:
        remedy = Remedy.REFUSE_ROW
    return NotExecuted(remedy, answer.retry_after_s, error.rule.code, error.message, error.rule)


def _without_path(
    whole: Sequence[ApiError], names: Sequence[str], doubtful: bool
) -> tuple[RowOutcome, ...]:
    """Errors without a row: trust no alias, except that a lone write knows it is meant."""
    if len(names) == 1 and not doubtful:
        return (_refusal(whole, names[0]),)
    rule = severest([error.rule for error in whole])
    reason = f"an error that names no row: {rule.code}"
    return (Unknown(rule.code, reason),) * len(names)


def _row(value: object, errors: Sequence[ApiError], name: str, unproven: bool) -> RowOutcome:
    """The outcome of one alias."""
    row_id = _id(value)
    if row_id is not None and isinstance(value, dict):
        if any(len(error.path) == 1 for error in errors):
            return Unknown(errors[0].rule.code, f"{name} has an id and an error")
        return Done(row_id, value)
    if not errors:
        return Unknown(UNREADABLE.code, f"{name} has neither an id nor an error")
    if value is not None or unproven or any(len(error.path) > 1 for error in errors):
        # A deeper path means the write went well and reading its result did not.
        return Unknown(errors[0].rule.code, f"{name} failed in a way that may follow its write")
    return _refusal(errors, name)


def _refusal(errors: Sequence[ApiError], name: str) -> RowOutcome:
    """Refused when every error says that the write did not happen."""
    rule = severest([error.rule for error in errors])
    error = next(error for error in errors if error.rule is rule)
    if rule.outcome is Outcome.UNKNOWN:
        return Unknown(rule.code, f"{name}: {error.code or 'an error without a code'}")
    remedy = Remedy.REFUSE_ROW if rule.remedy is Remedy.SPLIT_DOCUMENT else rule.remedy
    return Refused(
        code=rule.code,
        message=error.message,
        details=error.details,
        remedy=remedy,
        error_class=rule.error_class,
        advice=rule.advice,
        retry_after_s=max(error.retry_after_s for error in errors),
    )


def _id(value: object) -> str | None:
    """The id of a result: text or a whole number, never blank."""
    found = value.get("id") if isinstance(value, dict) else None
    if isinstance(found, str) and found.strip():
        return found
    return str(found) if type(found) is int else None
