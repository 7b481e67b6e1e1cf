"""What was asked of the API. Tokens are never kept."""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import Any


@dataclass(slots=True)
class RequestRecord:
    """One HTTP request to `/v2`.

    kind: query or mutation, "" if the document could not be read; operations: names of the root
    fields in order; at: sandbox seconds; ms: real milliseconds until the answer was ready;
    cost: estimated complexity points.
    """

    number: int
    at: float
    request_id: str
    kind: str = ""
    operations: list[str] = field(default_factory=list)
    http_status: int = 0
    ms: float = 0.0
    cost: int = 0
    document: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    replayed: bool = False
    fault: str | None = None
    error_codes: list[str] = field(default_factory=list)
    api_version: str = ""

    @property
    def aliases(self) -> int:
        return len(self.operations)

    def summary(self) -> dict[str, Any]:
        """Without document and variables, which can be long."""
        return {
            "number": self.number,
            "at": self.at,
            "request_id": self.request_id,
            "kind": self.kind,
            "operations": sorted(set(self.operations)),
            "aliases": self.aliases,
            "status": self.http_status,
            "ms": round(self.ms, 2),
            "cost": self.cost,
            "idempotency_key": self.idempotency_key,
            "replayed": self.replayed,
            "fault": self.fault,
            "errors": self.error_codes,
            "api_version": self.api_version,
        }


class RequestLog:
    """The latest requests, and how many there ever were."""

    def __init__(self, size: int) -> None:
        self.total = 0
        self._kept: deque[RequestRecord] = deque(maxlen=size)

    def begin(self, at: float, request_id: str) -> RequestRecord:
        self.total += 1
        record = RequestRecord(self.total, at, request_id)
        self._kept.append(record)
        return record

    def records(self) -> list[RequestRecord]:
        """Oldest first."""
        return list(self._kept)

    def latest(self, count: int) -> list[RequestRecord]:
        """Newest first."""
        return list(islice(reversed(self._kept), count))

    def clear(self) -> None:
        self._kept.clear()
