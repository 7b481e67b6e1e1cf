"""Bulk imports that go wrong. A fault strikes when a job is started, and stays with that job."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from order_sync.sandbox.faults.fault import Fault
from order_sync.sandbox.imports.states import Reason, Rejected

_STARTS = ("ingest_items", "backfill_items")


@dataclass(kw_only=True)
class ImportFault(Fault):
    """Rows are counted from 0, among those that are to be written."""

    def concerns(self, kind: str, document: str, variables: Mapping[str, Any]) -> bool:  # noqa: ARG002
        starts = any(name in document for name in _STARTS)
        return kind == "mutation" and starts and (not self.match or self.match in document)

    def loses_upload(self) -> bool | None:
        """Whether the file has arrived although no answer comes; None: an answer comes."""
        return None

    def rejects(self) -> Rejected | None:
        return None

    def pauses_before(self, position: int) -> float | None:  # noqa: ARG002
        """Sandbox seconds the job stands still before it writes this row."""
        return None

    def breaks_before(self, position: int) -> tuple[Reason, str | None] | None:  # noqa: ARG002
        """Why the job ends before it writes this row."""
        return None

    def refuses_row(self, position: int) -> str | None:  # noqa: ARG002
        """Why this row cannot be written."""
        return None


@dataclass(kw_only=True)
class ImportStuck(ImportFault):
    """rows: how many are written first; seconds: sandbox ones it stands still, 0 for ever."""

    name = "import-stuck"
    says = "an import job stands still while it is processing"
    rows: int = 0
    seconds: float = 0

    def pauses_before(self, position: int) -> float | None:
        return (self.seconds or math.inf) if position == self.rows else None


@dataclass(kw_only=True)
class _WithReason(ImportFault):
    """reason: a failure reason of the API; there is no message with `INTERNAL_ERROR`."""

    reason: str = Reason.INTERNAL_ERROR.value

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reason not in tuple(Reason):
            raise ValueError(f"reason cannot be {self.reason!r}; choose from: {', '.join(Reason)}")

    def why(self) -> tuple[Reason, str | None]:
        reason = Reason(self.reason)
        message = None if reason is Reason.INTERNAL_ERROR else f"The import ended: {reason}"
        return reason, message


@dataclass(kw_only=True)
class ImportFailed(_WithReason):
    """rows: how many are written first."""

    name = "import-failed"
    says = "an import job breaks off; rows it has written stay"
    rows: int = 0

    def breaks_before(self, position: int) -> tuple[Reason, str | None] | None:
        return self.why() if position == self.rows else None


@dataclass(kw_only=True)
class ImportRejected(_WithReason):
    name = "import-rejected"
    says = "an import job is refused when its file was uploaded; nothing is written"
    reason: str = Reason.PERMISSION_DENIED.value

    def rejects(self) -> Rejected:
        return Rejected(*self.why())


@dataclass(kw_only=True)
class ImportPartlyDone(ImportFault):
    """every: each row at this distance fails."""

    name = "import-partly-done"
    says = "an import job is completed although some rows failed"
    every: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.every < 1:
            raise ValueError("every has to be 1 at least")

    def refuses_row(self, position: int) -> str | None:
        return None if (position + 1) % self.every else "Internal server error"


@dataclass(kw_only=True)
class ImportUploadLost(ImportFault):
    """arrives: 1 if the file of the job has arrived nevertheless, 0 if it has to be sent again."""

    name = "import-upload-lost"
    says = "the connection closes after the file of an import was sent, without an answer"
    arrives: int = 1

    def loses_upload(self) -> bool:
        return bool(self.arrives)
