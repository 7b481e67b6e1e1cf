"""What was asked of the API. Tokens are never kept."""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from order_sync.sandbox.answers import Answer


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
    answer: Answer | None = None  # None: there is none yet, or it is not kept any more

    @property
    def aliases(self) -> int:
        return len(self.operations)

    @property
    def in_flight(self) -> bool:
        return self.http_status == 0

    @property
    def failed(self) -> bool:
        return self.http_status >= 400 or bool(self.error_codes)

    @property
    def readable_variables(self) -> dict[str, Any]:
        """The variables, or a remark where they are nested more deeply than can be written."""
        try:
            orjson.dumps(self.variables)
        except TypeError:  # JSONEncodeError is one
            return {"…": "nested too deeply to be shown"}
        return self.variables

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

    def whole(self) -> dict[str, Any]:
        """Everything that is known; `answer` is None while there is none, or if it is not kept."""
        return {
            **self.summary(),
            "document": self.document,
            "variables": self.readable_variables,
            "answer": self.answer.described() if self.answer else None,
        }


class RequestLog:
    """The latest requests, and how many there ever were.

    size: requests to keep; answer_bytes: how long the answers kept with them may be together.
    """

    def __init__(self, size: int, answer_bytes: int) -> None:
        self.total = 0
        self._kept: deque[RequestRecord] = deque(maxlen=size)
        self._answer_bytes = answer_bytes
        self._answered: deque[RequestRecord] = deque()  # those with their answer, oldest first
        self._bytes_kept = 0

    def begin(self, at: float, request_id: str) -> RequestRecord:
        self.total += 1
        record = RequestRecord(self.total, at, request_id)
        self._kept.append(record)
        return record

    def keep_answer(self, record: RequestRecord, answer: Answer) -> None:
        """The oldest answers make room for it."""
        record.answer = answer
        self._answered.append(record)
        self._bytes_kept += len(answer.body)
        while self._answered and (
            self._bytes_kept > self._answer_bytes or not self._is_kept(self._answered[0])
        ):
            oldest = self._answered.popleft()
            if oldest.answer is not None:
                self._bytes_kept -= len(oldest.answer.body)
            oldest.answer = None

    def _is_kept(self, record: RequestRecord) -> bool:
        return bool(self._kept) and record.number >= self._kept[0].number

    def find(self, name: str) -> RequestRecord | None:
        """The request with this number or request id, if it is still kept."""
        if name.isascii() and name.isdecimal():
            first = self._kept[0].number if self._kept else 1
            place = int(name[:20]) - first
            return self._kept[place] if 0 <= place < len(self._kept) else None
        return next((one for one in reversed(self._kept) if one.request_id == name), None)

    def records(self) -> list[RequestRecord]:
        """Oldest first."""
        return list(self._kept)

    def latest(self, count: int) -> list[RequestRecord]:
        """Newest first."""
        return list(islice(reversed(self._kept), count))

    def clear(self) -> None:
        self._kept.clear()
        self._answered.clear()
        self._bytes_kept = 0
