"""What the API refuses, in its own words.

ApiError            one refusal with its code; inside a document it spoils one alias only
└── RequestError    the whole request is refused before anything is executed
"""

from collections.abc import Mapping, Sequence
from typing import Any


class ApiError(Exception):
    """A refusal as the API words it.

    `status_code` is what stands in `extensions`; the HTTP status stays 200 unless the error is a
    `RequestError`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status_code: int = 200,
        error_data: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status_code = status_code
        self.error_data = dict(error_data or {})
        self.extensions: dict[str, Any] = {
            "code": code,
            "status_code": status_code,
            "error_data": self.error_data,
            **more,
        }


class RequestError(ApiError):
    """A refusal of the whole request, with HTTP status `status_code`.

    `retry_after` is in seconds; it becomes the `Retry-After` header. `extensions` replaces the
    usual ones where the exact form of a body is known; `path` is the place in the document.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status_code: int,
        retry_after: float | None = None,
        extensions: Mapping[str, Any] | None = None,
        path: Sequence[str] = (),
    ) -> None:
        super().__init__(code, message, status_code=status_code)
        self.retry_after = retry_after
        self.path = list(path)
        if extensions is not None:
            self.extensions = {"code": code, **extensions}


class FieldLimitError(RequestError):
    """A field has reached a limit of its own.

    The request is refused as a whole if that befalls all it wants to write, else the field alone.
    """


# The service still calls some column types by their old names when it complains about them.
OLD_TYPE_NAMES = {
    "status": "color",
    "numbers": "numeric",
    "long_text": "long-text",
    "people": "multiple-person",
    "timeline": "timerange",
    "checkbox": "boolean",
    "tags": "tag",
    "board_relation": "board-relation",
    "subtasks": "subtasks",
    "mirror": "lookup",
    "item_id": "pulse-id",
    "last_updated": "pulse-updated",
}


def column_value_error(column_id: str, column_type: str, message: str) -> ApiError:
    """The value has the wrong form, names a missing label, or the column cannot be written."""
    return ApiError(
        "ColumnValueException",
        message,
        error_data={
            "column_id": column_id,
            "column_type": OLD_TYPE_NAMES.get(column_type, column_type),
        },
    )


def invalid_column(board_id: str, column_id: str) -> ApiError:
    return ApiError(
        "InvalidColumnIdException",
        f"This column ID doesn't exist for the board: {column_id}",
        error_data={"board_id": board_id, "column_id": column_id},
    )


def invalid_board(board_id: object) -> ApiError:
    return ApiError(
        "InvalidBoardIdException",
        "The board does not exist or is not visible",
        error_data={"board_id": str(board_id)},
    )


def invalid_item(item_id: object) -> ApiError:
    return ApiError(
        "InvalidItemIdException",
        "The item does not exist, or is archived or deleted",
        error_data={"item_id": str(item_id)},
    )


def invalid_group(group_id: object) -> ApiError:
    return ApiError(
        "InvalidGroupIdException", "Group not found", error_data={"group_id": str(group_id)}
    )


def invalid_argument(message: str, **error_data: Any) -> ApiError:
    return ApiError("InvalidArgumentException", message, error_data=error_data)


def expired_cursor() -> ApiError:
    return ApiError("CursorException", "The cursor has expired, start again with a first page")


def internal_error() -> ApiError:
    return ApiError("INTERNAL_SERVER_ERROR", "Internal server error", status_code=500)


def locked_error() -> RequestError:
    return RequestError(
        "RESOURCE_LOCKED",
        "Resource is currently locked, please try again later",
        status_code=423,
    )


def not_allowed() -> RequestError:
    return RequestError(
        "UserUnauthorizedException", "User unauthorized to perform action", status_code=403
    )


def blocked_error() -> RequestError:
    return RequestError("API_TEMPORARILY_BLOCKED", "API temporarily blocked", status_code=200)


def formula_limit(retry_in_seconds: float) -> ApiError:
    error = ApiError("FIELD_MINUTE_RATE_LIMIT_EXCEEDED", "Rate limit exceeded for the field.")
    error.extensions = {
        "field": "display_value",
        "retry_in_seconds": retry_in_seconds,
        "status_code": 429,
        "code": error.code,
    }
    return error


def key_conflict(retry_after: float) -> RequestError:
    return RequestError(
        "IDEMPOTENCY_CONFLICT",
        "A request with this idempotency key is currently being processed",
        status_code=409,
        retry_after=retry_after,
        extensions={},
    )


def start_limit(retry_ms: int, retry_after: float) -> FieldLimitError:
    """Too many imports were started; the wait is told in a way of its own."""
    return FieldLimitError(
        "RATE_LIMIT_EXCEEDED",
        "Too many import jobs were started",
        status_code=429,
        retry_after=retry_after,
        extensions={"status_code": 429, "retryAfterMs": retry_ms},
    )
