"""What an error of monday.com means, and what to do about it: one table, no message is ever read.

Codes are stable but their spelling is not (`maxConcurrencyExceeded` beside
`MAX_CONCURRENCY_EXCEEDED`), so they are compared without case, separators and the ending
`Exception` or `Error`. An unlisted code falls back on the HTTP status, then on the status inside
the error; what nothing explains counts as unknown, because the write may have happened.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

FIRST_WAIT_S = 2.0  # the first wait is drawn from 0 up to this
LONGEST_WAIT_S = 60.0  # and the range doubles up to this


class Remedy(StrEnum):
    """What the run does next."""

    WAIT_AND_REPEAT = "WAIT_AND_REPEAT"  # the same document, after the wait
    LOOK_UP_FIRST = "LOOK_UP_FIRST"  # the row may exist: settle it before anything else
    REFUSE_ROW = "REFUSE_ROW"  # hopeless until its data or the board changes
    SPLIT_DOCUMENT = "SPLIT_DOCUMENT"  # one row spoils the others: halve, new keys
    REFRESH_GROUP = "REFRESH_GROUP"  # the remembered group is gone: look it up or make it
    RETRY_ROW = "RETRY_ROW"  # this row alone, after the wait
    STOP_RUN_TOKEN = "STOP_RUN_TOKEN"  # noqa: S105 - exit 5: token, rights or version refused
    STOP_RUN_BOARD = "STOP_RUN_BOARD"  # exit 6: the board is full, gone or hidden
    PAUSE_DAY = "PAUSE_DAY"  # exit 4: the calls of the day are used up
    RESTART_LISTING = "RESTART_LISTING"  # a listing's cursor died: begin with page one


class Outcome(StrEnum):
    """Whether the write can have happened."""

    NOT_EXECUTED = "NOT_EXECUTED"
    UNKNOWN = "UNKNOWN"


class Scope(StrEnum):
    """How much of a document an error speaks for when it names no row (no path)."""

    REQUEST = "REQUEST"  # judged before execution: nothing of the document ran
    DOOR = "DOOR"  # the whole document when the HTTP status says so, else one row of it
    FIELD = "FIELD"  # one row of it, and nobody knows which


@dataclass(frozen=True)
class ErrorRule:
    """One line of the table."""

    code: str  # stable name of ours: stored, counted, documented, never renamed
    remedy: Remedy
    outcome: Outcome
    scope: Scope
    error_class: str  # data | label | board | api | unknown
    advice: str  # what a person can do
    spellings: tuple[str, ...] = ()  # as monday.com writes it, any style
    statuses: tuple[int, ...] = ()  # HTTP statuses that mean this when no code is known


_WAIT, _LOOK, _REFUSE = Remedy.WAIT_AND_REPEAT, Remedy.LOOK_UP_FIRST, Remedy.REFUSE_ROW
_NOT, _UNKNOWN = Outcome.NOT_EXECUTED, Outcome.UNKNOWN
_REQUEST, _DOOR, _FIELD = Scope.REQUEST, Scope.DOOR, Scope.FIELD

NO_CONNECTION = ErrorRule(
    "no_connection", _WAIT, _NOT, _REQUEST, "api",
    "monday.com could not be reached; check network, proxy and api_url.",
)  # fmt: skip
LATE = ErrorRule(
    "late", _WAIT, _NOT, _REQUEST, "api",
    "The request was not on the wire in time and was held back; nothing to do.",
)  # fmt: skip
NO_ANSWER = ErrorRule(
    "no_answer", _LOOK, _UNKNOWN, _REQUEST, "unknown",
    "No whole answer came back; order-sync looks the rows up before it sends them again.",
)  # fmt: skip
UNREADABLE = ErrorRule(
    "unreadable_answer", _LOOK, _UNKNOWN, _REQUEST, "unknown",
    "The answer is not what monday.com sends; a proxy may stand between. Rows are looked up.",
)  # fmt: skip
UNRECOGNISED = ErrorRule(
    "unrecognised", _LOOK, _UNKNOWN, _FIELD, "unknown",
    "An error order-sync does not know; the rows are looked up before they are sent again.",
)  # fmt: skip

ERROR_TABLE: tuple[ErrorRule, ...] = (
    # The server has no room now; nothing was executed.
    ErrorRule(
        "complexity_exhausted", _WAIT, _NOT, _REQUEST, "api",
        "The account's complexity points of this minute are used up; order-sync waits.",
        ("COMPLEXITY_BUDGET_EXHAUSTED", "ComplexityException"),
    ),
    ErrorRule(
        "too_many_at_once", _WAIT, _NOT, _REQUEST, "api",
        "Too many requests in flight; order-sync sends fewer at once for a while.",
        ("maxConcurrencyExceeded", "CONCURRENCY_LIMIT_EXCEEDED"),
    ),
    ErrorRule(
        "rate_limited", _WAIT, _NOT, _REQUEST, "api",
        "Too many requests in this minute; order-sync waits as long as monday.com says.",
        ("RATE_LIMIT_EXCEEDED", "Minute limit rate exceeded", "MINUTE_LIMIT_EXCEEDED",
         "MINUTE_RATE_LIMIT_EXCEEDED", "TOO_MANY_REQUESTS"),
        (429,),
    ),
    ErrorRule(
        "ip_rate_limited", _WAIT, _NOT, _REQUEST, "api",
        "Too many requests from this address; other programs may share it. order-sync waits.",
        ("IP_RATE_LIMIT_EXCEEDED",),
    ),
    ErrorRule(
        "daily_limit", Remedy.PAUSE_DAY, _NOT, _REQUEST, "api",
        "The account's calls of the day are used up; run again after midnight UTC.",
        ("DAILY_LIMIT_EXCEEDED", "DAILY_RATE_LIMIT_EXCEEDED"),
    ),
    ErrorRule(
        "field_limited", Remedy.RETRY_ROW, _NOT, _FIELD, "api",
        "A limit of a single field; order-sync asks again after the wait.",
        ("FIELD_LIMIT_EXCEEDED", "FIELD_MINUTE_RATE_LIMIT_EXCEEDED"),
    ),
    ErrorRule(
        "locked", Remedy.RETRY_ROW, _NOT, _FIELD, "api",
        "Another update locks the board; order-sync tries again with fewer requests at once.",
        ("RESOURCE_LOCKED", "LOCKED", "BOARD_LOCKED", "RESOURCE_CURRENTLY_LOCKED"),
        (423,),
    ),
    # Executed or not: nobody knows.
    ErrorRule(
        "being_processed", _LOOK, _UNKNOWN, _REQUEST, "unknown",
        "The same request is still being worked on; its rows are looked up.",
        ("IDEMPOTENCY_CONFLICT",),
        (409,),
    ),
    ErrorRule(
        "api_blocked", _LOOK, _UNKNOWN, _REQUEST, "unknown",
        "monday.com has switched its API off for a while; try again in some minutes.",
        ("API_TEMPORARILY_BLOCKED",),
    ),
    ErrorRule(
        "server_error", _LOOK, _UNKNOWN, _REQUEST, "unknown",
        "monday.com failed, or was given ids or values it cannot digest; rows are looked up.",
        ("INTERNAL_SERVER_ERROR", "BAD_GATEWAY", "SERVICE_UNAVAILABLE", "GATEWAY_TIMEOUT"),
        (500, 502, 503, 504),
    ),
    # Token, rights and version.
    ErrorRule(
        "token_refused", Remedy.STOP_RUN_TOKEN, _NOT, _DOOR, "api",
        "Check MONDAY_API_TOKEN, and whether the account restricts access to certain addresses.",
        ("Unauthorized", "UNAUTHENTICATED", "NOT_AUTHENTICATED", "USER_NOT_AUTHENTICATED",
         "INVALID_TOKEN", "IP_RESTRICTED"),
        (401,),
    ),
    ErrorRule(
        "not_permitted", Remedy.STOP_RUN_TOKEN, _NOT, _DOOR, "api",
        "The token's user may not do this; give the user edit rights, or the app its scopes.",
        ("UserUnauthorizedException", "USER_ACCESS_DENIED", "missingRequiredPermissions",
         "FORBIDDEN"),
        (403,),
    ),
    ErrorRule(
        "invalid_version", Remedy.STOP_RUN_TOKEN, _NOT, _REQUEST, "api",
        "monday.com does not know the API version asked for; check monday.api_version.",
        ("InvalidVersionException",),
    ),
    # The document as a whole is refused before it runs.
    ErrorRule(
        "document_refused", Remedy.SPLIT_DOCUMENT, _NOT, _REQUEST, "data",
        "monday.com refused the request as a whole; a value in it has the wrong form.",
        ("JsonParseException", "BAD_REQUEST", "BAD_USER_INPUT", "PARSE_ERROR",
         "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "INVALID_GRAPHQL_REQUEST",
         "VALIDATION_INVALID_TYPE_VARIABLE", "undefinedField", "undefinedType",
         "argumentLiteralsIncompatible", "argumentNotAccepted", "missingRequiredArguments",
         "missingRequiredInputObjectAttribute", "variableMismatch", "variableNotDefined",
         "variableRequiresValidType", "selectionMismatch", "PAYLOAD_TOO_LARGE"),
        (400, 405, 413, 415),
    ),
    ErrorRule(
        "document_too_big", Remedy.SPLIT_DOCUMENT, _NOT, _REQUEST, "api",
        "The request is too large or too deep; order-sync sends smaller ones.",
        ("maxComplexityExceeded", "maxDepthExceeded", "MAX_ALIASES_EXCEEDED",
         "MAX_TOKENS_EXCEEDED"),
    ),
    # The board.
    ErrorRule(
        "board_full", Remedy.STOP_RUN_BOARD, _NOT, _FIELD, "board",
        "The board holds as many items as it may; archive some or use another board.",
        ("ItemsLimitationException",),
    ),
    ErrorRule(
        "invalid_board", Remedy.STOP_RUN_BOARD, _NOT, _FIELD, "board",
        "The board does not exist or the token's user does not see it; check monday.board_id.",
        ("InvalidBoardIdException",),
    ),
    ErrorRule(
        "group_gone", Remedy.REFRESH_GROUP, _NOT, _FIELD, "board",
        "The group was removed from the board; order-sync looks it up or makes it again.",
        ("InvalidGroupIdException", "GROUP_NOT_FOUND"),
    ),
    ErrorRule(
        "invalid_column", _REFUSE, _NOT, _FIELD, "board",
        "A column was removed from the board or has another type; run `order-sync check`.",
        ("InvalidColumnIdException", "InvalidColumnTypeException"),
    ),
    # A single row.
    ErrorRule(
        "column_value", _REFUSE, _NOT, _FIELD, "data",
        "The board does not take this value, or lacks this label; correct the order or the board.",
        ("ColumnValueException", "CorrectedValueException"),
    ),
    ErrorRule(
        "name_too_long", _REFUSE, _NOT, _FIELD, "data",
        "The item's name is longer than 255 characters; shorten its parts.",
        ("ItemNameTooLongException",),
    ),
    ErrorRule(
        "invalid_item", _REFUSE, _NOT, _FIELD, "data",
        "The item is not on the board any more; somebody deleted or archived it.",
        ("InvalidItemIdException", "InvalidSubitemIdException", "ITEM_NOT_FOUND"),
    ),
    ErrorRule(
        "not_found", _REFUSE, _NOT, _FIELD, "data",
        "monday.com does not find what the order refers to, or the token's user does not see it.",
        ("ResourceNotFoundException", "NOT_FOUND"),
        (404,),
    ),
    ErrorRule(
        "invalid_argument", _REFUSE, _NOT, _FIELD, "data",
        "monday.com refuses a part of the row; the details say which.",
        ("InvalidArgumentException", "InvalidInputError", "InvalidUserIdException",
         "InvalidWorkspaceIdException", "CreateBoardException", "DeleteLastGroupException"),
    ),
    ErrorRule(
        "record_invalid", _REFUSE, _NOT, _FIELD, "data",
        "monday.com refuses the row as a record; the details say why.",
        ("RecordInvalidException",),
        (422,),
    ),
    # Reading.
    ErrorRule(
        "listing_expired", Remedy.RESTART_LISTING, _NOT, _FIELD, "api",
        "A listing took longer than an hour; order-sync begins it anew.",
        ("CursorException", "CursorExpiredError"),
    ),
    NO_CONNECTION,
    LATE,
    NO_ANSWER,
    UNREADABLE,
    UNRECOGNISED,
)  # fmt: skip

# When several errors speak for one thing, the first of these decides.
_SEVERITY = (
    Remedy.LOOK_UP_FIRST,
    Remedy.STOP_RUN_TOKEN,
    Remedy.PAUSE_DAY,
    Remedy.STOP_RUN_BOARD,
    Remedy.WAIT_AND_REPEAT,
    Remedy.RETRY_ROW,
    Remedy.SPLIT_DOCUMENT,
    Remedy.RESTART_LISTING,
    Remedy.REFRESH_GROUP,
    Remedy.REFUSE_ROW,
)


def normalise(code: str) -> str:
    """A code without case, separators and the ending that some spellings carry."""
    bare = "".join(c for c in code.casefold() if c.isalnum())
    for ending in ("exception", "error"):
        bare = bare.removesuffix(ending)
    return bare


_BY_CODE = {normalise(s): rule for rule in ERROR_TABLE for s in rule.spellings}
_BY_STATUS = {status: rule for rule in ERROR_TABLE for status in rule.statuses}


def rule_for(code: str, http_status: int, status_code: int | None = None) -> ErrorRule:
    """The rule for an error.

    code: as the server spells it, "" when it gives none. http_status: of the whole answer.
    status_code: the one inside the error, if any.
    """
    listed = _BY_CODE.get(normalise(code))
    if listed is not None:
        return listed
    for status in (http_status, status_code):
        if status is not None and status in _BY_STATUS:
            return _BY_STATUS[status]
        if status is not None and status >= 500:
            return _BY_STATUS[500]
    return UNRECOGNISED


def severest(rules: list[ErrorRule]) -> ErrorRule:
    """The rule that decides when several speak for one thing; never an empty list."""
    return min(rules, key=lambda rule: _SEVERITY.index(rule.remedy))


def backoff(attempt: int, rng: random.Random, hint_s: float = 0.0) -> float:
    """Seconds to wait before try number `attempt` + 1.

    attempt: how many tries have failed, from 1. hint_s: the server's longest hint, always kept;
    a little chance on top keeps waiting workers from coming back in one instant.
    """
    doublings = min(max(attempt, 1) - 1, 16)
    drawn = rng.uniform(0.0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**doublings))
    return drawn if drawn >= hint_s else hint_s + rng.uniform(0.0, 1.0)
