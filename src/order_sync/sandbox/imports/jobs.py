"""All import jobs of the account. Each takes its next step when the sandbox's clock says so."""

import logging
import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from order_sync.sandbox.boards import Account, Board, Group, Item
from order_sync.sandbox.clock import Clock
from order_sync.sandbox.errors import ApiError, start_limit
from order_sync.sandbox.faults.imports import ImportFault
from order_sync.sandbox.imports.budgets import HourlyBudget, Reservation
from order_sync.sandbox.imports.files import read_header, read_upload
from order_sync.sandbox.imports.report import report
from order_sync.sandbox.imports.rows import Match, Row, plan_rows
from order_sync.sandbox.imports.states import (
    Outcome,
    Reason,
    Rejected,
    State,
    invalid_upload,
)
from order_sync.sandbox.imports.writing import write_row
from order_sync.sandbox.options import SandboxOptions
from order_sync.sandbox.user import USER_ID

Kind = Literal["ingest", "backfill"]

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Job:
    """Times are sandbox seconds. `next_at` is when something will happen; None: nothing will."""

    id: str
    kind: Kind
    board: Board
    group: Group
    match: Match | None
    fault: ImportFault | None
    state: State = State.UPLOAD_PENDING
    reason: Reason | None = None
    message: str | None = None
    content: bytes | None = None  # the file until it is looked at; None too if it was too large
    uploaded: bool = False
    upload_lost: bool = False  # a fault has struck already
    header: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    to_write: list[Row] = field(default_factory=list)
    position: int = 0  # how many of those were tried
    stood_still: bool = False
    reserved: Reservation | None = None
    next_at: float | None = None
    ended_at: float = math.inf

    def end(self, state: State, at: float, reason: Reason | None, message: str | None) -> None:
        self.state, self.reason, self.message = state, reason, message
        self.ended_at, self.next_at = at, None
        if self.reserved is not None:
            self.reserved.give_back(len(self.to_write) - self.position)  # never to be tried

    @property
    def progress(self) -> int:
        """Percent of the rows that were tried; 0 before the first."""
        if self.state is State.COMPLETED:
            return 100
        return 100 * self.position // len(self.to_write) if self.to_write else 0

    def counts(self) -> dict[str, int] | None:
        """Sums up to `submitted` when all rows were tried; None before the file was accepted."""
        if not self.rows:
            return None
        found = [row.outcome for row in self.rows]
        return {"submitted": len(found), **{one: found.count(one) for one in Outcome}}


class ImportJobs:
    """Starts jobs, takes their files, and lets them go on. The caller holds the sandbox's lock."""

    def __init__(self, options: SandboxOptions, clock: Clock, account: Account) -> None:
        self._options = options
        self._limits = options.imports
        self._clock = clock
        self._account = account
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[str, Job] = {}  # those with a next step
        starts, items = self._limits.starts_per_hour, self._limits.items_per_hour
        self._starts = HourlyBudget(starts if options.limits else None)
        self._items = HourlyBudget(items if options.limits else None)

    # From outside -------------------------------------------------------------------------------

    def start(
        self,
        kind: Kind,
        board: Board,
        group: Group,
        match: Match | None,
        fault: ImportFault | None,
    ) -> Job:
        """Raises RequestError: too many jobs were started within the hour."""
        now = self._clock.now()
        if self._starts.reserve(1, now) is None:
            wait_s = self._starts.wait_s(now)
            retry_ms = math.ceil(self._clock.real_seconds(wait_s) * 1000)
            raise start_limit(retry_ms, self._clock.told_seconds(wait_s))
        job = Job(str(uuid.uuid4()), kind, board, group, match, fault)
        self._jobs[job.id] = job
        return job

    def job(self, job_id: str) -> Job:
        """Raises ApiError: there is no such job."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise ApiError(
                "ResourceNotFoundException", "Job not found", error_data={"job_id": job_id}
            ) from None

    def take_file(self, job: Job, content: bytes | None) -> None:
        """`content` None: the file was too large to be kept. It is looked at a little later."""
        job.uploaded, job.content = True, content
        job.next_at = self._clock.now() + self._limits.pickup_s
        self._waiting[job.id] = job

    def has_report(self, job: Job) -> bool:
        ended = job.state in (State.COMPLETED, State.FAILED)
        return ended and self._clock.now() >= job.ended_at + self._limits.report_s

    def report(self, job: Job) -> bytes:
        return report(job.header, job.rows)

    # As time passes -----------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Do all that was due by now, in the order of its time."""
        while self._waiting:
            job = min(self._waiting.values(), key=_next_time)
            at = _next_time(job)
            if at > self._clock.now():
                return
            try:
                self._step(job, at)
            except Exception:  # a bug of the sandbox; other requests must not suffer from it
                _log.exception("the sandbox failed")
                job.end(State.FAILED, at, Reason.INTERNAL_ERROR, None)
            if job.next_at is None:
                del self._waiting[job.id]

    def _step(self, job: Job, at: float) -> None:
        if job.state is State.UPLOAD_PENDING:
            try:
                self._begin(job, at)
            except Rejected as rejected:
                job.end(State.REJECTED, at, rejected.reason, rejected.message)
        elif job.position == len(job.to_write):
            job.end(State.COMPLETED, at, None, None)
        else:
            self._write_next(job, at)

    def _write_next(self, job: Job, at: float) -> None:
        row = job.to_write[job.position]
        if job.fault is not None:
            pause_s = job.fault.pauses_before(job.position)
            if pause_s is not None and not job.stood_still:
                job.stood_still, job.next_at = True, at + pause_s
                return
            broken = job.fault.breaks_before(job.position)
            if broken is not None:
                job.end(State.FAILED, at, *broken)
                return
        refused = job.fault.refuses_row(job.position) if job.fault is not None else None
        if refused is not None:
            row.end(Outcome.FAILED, refused)
        else:
            # A backfill leaves no trace in activity logs, an ingest does.
            user = USER_ID if job.kind == "ingest" else None
            with self._account.acting_as(user, at):
                write_row(self._account, job.group, row, job.match)
        if job.reserved is not None and row.outcome in (Outcome.FAILED, Outcome.SKIPPED):
            job.reserved.give_back()
        job.position += 1
        job.next_at = at + 1 / self._limits.rows_per_s

    # Looking at the file ------------------------------------------------------------------------

    def _begin(self, job: Job, at: float) -> None:
        """Raises Rejected: the file cannot be processed as a whole."""
        content, job.content = job.content, None
        rejected = job.fault.rejects() if job.fault is not None else None
        if rejected is not None:
            raise rejected
        if content is None:
            raise Rejected(
                Reason.FILE_TOO_LARGE, f"A file has {self._limits.file_bytes} bytes at most"
            )
        rows = self._planned(job, content, at)
        to_write = [row for row in rows if row.outcome is None]
        self._check_board(job, to_write)
        if job.kind == "ingest":
            job.reserved = self._items.reserve(len(to_write), at)
            if job.reserved is None:
                raise Rejected(
                    Reason.ACCOUNT_CAPACITY_EXCEEDED,
                    f"{self._limits.items_per_hour} items an hour can be imported",
                )
        job.rows, job.to_write = rows, to_write
        job.state, job.next_at = State.PROCESSING, at + 1 / self._limits.rows_per_s

    def _planned(self, job: Job, content: bytes, at: float) -> list[Row]:
        ingest = job.kind == "ingest"
        most_rows = self._limits.ingest_rows if ingest else self._limits.backfill_rows
        upload = read_upload(content, most_rows)
        layout = read_header(upload.header, job.board)
        job.header = list(upload.header)
        if job.match is not None:
            if layout.of_subitems():
                raise invalid_upload("Rows of subitems cannot be matched")
            column = job.match.column
            if column.type != "name" and column.id not in upload.header:
                raise invalid_upload(f"The file lacks the column to match by: {column.id}")
        return plan_rows(
            upload.rows,
            layout,
            job.match,
            self._searchable(job.board, at),
            self._options.column_values_bytes,
        )

    def _searchable(self, board: Board, at: float) -> Iterable[Item]:
        """Items that searches know of; matching is a search, too."""
        settled = at - self._options.read_lag_s
        return [item for item in board.active_items() if item.created_at <= settled]

    def _check_board(self, job: Job, to_write: Iterable[Row]) -> None:
        new = sum(row.matched is None and not row.is_subitem for row in to_write)
        if job.board.items_count + new > self._options.items_limit:
            raise Rejected(
                Reason.BOARD_CAPACITY_EXCEEDED,
                f"The board can hold {self._options.items_limit} items",
            )


def _next_time(job: Job) -> float:
    return math.inf if job.next_at is None else job.next_at


def status_of(jobs: ImportJobs, job: Job, report_url: str) -> dict[str, Any]:
    """The fields of `ItemsJobStatus`."""
    reported = jobs.has_report(job)
    return {
        "__typename": "ItemsJobStatus",
        "status": job.state,
        "counts": job.counts(),
        "progress_percentage": job.progress,
        "failure_reason": job.reason,
        "failure_message": job.message,
        "fully_imported": job.state is State.COMPLETED,
        "report_created": reported,
        "report_url": report_url if reported else None,
    }
