"""The states of a job, why one ends badly, and what becomes of a row."""

from enum import StrEnum


class State(StrEnum):
    UPLOAD_PENDING = "UPLOAD_PENDING"  # the file is awaited, or has not been looked at
    REJECTED = "REJECTED"  # the file as a whole was refused; nothing was written
    PROCESSING = "PROCESSING"  # rows are being written
    COMPLETED = "COMPLETED"  # every row was tried; some may have failed
    FAILED = "FAILED"  # the job broke off; some rows may have been written


class Reason(StrEnum):
    INVALID_UPLOAD = "INVALID_UPLOAD"
    AUTHORIZATION_FAILED = "AUTHORIZATION_FAILED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    BOARD_CAPACITY_EXCEEDED = "BOARD_CAPACITY_EXCEEDED"
    ACCOUNT_CAPACITY_EXCEEDED = "ACCOUNT_CAPACITY_EXCEEDED"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"  # an item matches, another row has the same key, or the row is empty
    INVALID = "invalid"  # refused before anything was written
    FAILED = "failed"  # valid, but refused when it was to be written


class Rejected(Exception):
    """The whole file is refused; `message` is for people, None if there is none."""

    def __init__(self, reason: Reason, message: str | None) -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.message = message


def invalid_upload(message: str) -> Rejected:
    return Rejected(Reason.INVALID_UPLOAD, message)
