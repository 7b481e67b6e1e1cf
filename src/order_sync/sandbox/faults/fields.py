"""One field that fails while the rest of the document stands."""

from dataclasses import dataclass
from typing import Any

from order_sync.sandbox.errors import ApiError, expired_cursor, internal_error, locked_error
from order_sync.sandbox.faults.fault import Fault


@dataclass(kw_only=True)
class AliasRefused(Fault):
    """alias: position of the root field that fails, from 0."""

    alias: int = 0

    def refuse_alias(self, position: int, total: int, arguments: Any) -> ApiError | None:  # noqa: ARG002
        return self.error() if position == self.alias else None

    def error(self) -> ApiError:
        raise NotImplementedError


class InternalErrorInAlias(AliasRefused):
    name = "500-alias"
    says = "one root field fails and is not executed, the others are"

    def error(self) -> ApiError:
        return internal_error()


class LockedAlias(AliasRefused):
    name = "423-alias"
    says = "one root field meets a locked board and is not executed, the others are"

    def error(self) -> ApiError:
        return locked_error()


@dataclass(kw_only=True)
class RateLimitedAlias(AliasRefused):
    """retry_s: the wait that is asked for, in seconds."""

    name = "429-alias"
    says = "one root field meets a limit of its own and is not executed, the others are"
    retry_s: float = 15

    def error(self) -> ApiError:
        return _field_limit(self.retry_s)


@dataclass(kw_only=True)
class InternalErrorInAliasAfterWrite(Fault):
    """alias: position of the root field whose answer is lost, from 0."""

    name = "500-alias-after-write"
    says = "one root field is executed and answered with an error nevertheless"
    alias: int = 0

    def lose_alias(self, position: int) -> ApiError | None:
        return internal_error() if position == self.alias else None


@dataclass(kw_only=True)
class SubitemsLimit(Fault):
    name = "subitems-limit"
    says = "nested subitems are refused, the rest of the answer stands"
    match: str | None = "subitems"

    def refuse_subitems(self) -> ApiError:
        return _field_limit(15, entity="subitems")


@dataclass(kw_only=True)
class ExpiredCursor(Fault):
    name = "expired-cursor"
    says = "a next page is refused as if the first one were more than an hour old"
    match: str | None = "next_items_page"

    def refuse_cursor(self) -> ApiError:
        return expired_cursor()


def _field_limit(retry_s: float, **error_data: str) -> ApiError:
    return ApiError(
        "FIELD_LIMIT_EXCEEDED",
        "Concurrency limit exceeded for the field",
        status_code=429,
        error_data=error_data,
        retry_in_seconds=retry_s,
    )
