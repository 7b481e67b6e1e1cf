"""What commands print for programs, besides what a run or a plan is already.

`output.Envelope` goes around each of these. The fields of a document are only ever added to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from order_sync.db.biography import HeldItem, HeldLine, SentRequest
from order_sync.db.calls import CallsOfKind
from order_sync.db.order_briefs import Standing
from order_sync.db.reports import (
    BatchSummary,
    ErrorGroup,
    ErrorSummary,
    OnBoard,
    OpenErrors,
    RunSummary,
    StagedCount,
)
from order_sync.db.resolving import ResolvedOrder
from order_sync.db.staging import Unit
from order_sync.metrics import Sample
from order_sync.notifying import Told
from order_sync.order_story import Moment, SentPart
from order_sync.outcome import CheckRow
from order_sync.rules.resolutions import GroupBy, Resolution
from order_sync.run_story import CustomerRows
from order_sync.source_now import SourceNow


@dataclass(frozen=True)
class InitDocument:
    """Where the settings were written."""

    path: str  # of the file
    profile: str | None  # the profile that was written with --profile
    is_written: bool  # false: the settings were there, and only the profile was written
    next: list[str]  # commands to go on with


@dataclass(frozen=True)
class UpgradeDocument:
    """What an upgrade of the tables changed."""

    was_current: bool  # true: nothing had to be changed
    from_version: int | None  # of the tables; null: there were none
    to_version: int
    created_tables: tuple[str, ...]
    added_columns: list[str]  # TABLE.COLUMN


@dataclass(frozen=True)
class CheckDocument:
    """Whether a sync could run."""

    ok: bool  # no check failed
    exit_code: int  # what a sync would end with
    checks: list[CheckRow]


@dataclass(frozen=True)
class StatusDocument:
    """Where everything stands."""

    board_id: str | None  # null: none is set, and all boards are told
    board_url: str | None  # null: no board, or monday.web_url is not set
    runs: list[RunSummary]  # the latest, newest first
    on_board: list[OnBoard]
    staged: list[StagedCount]
    open_errors: list[OpenErrors]
    in_doubt: int  # staged rows whose outcome is unknown


@dataclass(frozen=True)
class BatchesDocument:
    """The latest batches."""

    batches: list[BatchSummary]  # newest first


@dataclass(frozen=True)
class StagedRows:
    """Rows of a batch with one operation in one state."""

    unit: Unit
    operation: str
    state: str
    rows: int


@dataclass(frozen=True)
class RefusedWith:
    """Refusals with one code."""

    code: str
    rows: int
    open: int  # of them not closed yet
    to_do: str  # about that code


@dataclass(frozen=True)
class WarnedOf:
    """Warnings with one code."""

    code: str
    times: int
    meaning: str  # of that code


@dataclass(frozen=True)
class ToldItem:
    """An order line of a batch."""

    order_key: str
    operation: str
    state: str
    item_id: str | None  # null: the board is not known to have it
    url: str | None  # of the item; null: no item, or monday.web_url is not set


@dataclass(frozen=True)
class BatchDocument:
    """One batch."""

    batch: BatchSummary
    profile: str  # of its run
    is_of_this_profile: bool  # false: its rows are in tables of that profile, and not told here
    board_url: str | None  # null: monday.web_url is not set
    rows: list[StagedRows]
    items: list[ToldItem]  # the first ones, as many as --limit says
    refusals: list[RefusedWith]
    warnings: list[WarnedOf]


@dataclass(frozen=True)
class RunsDocument:
    """The latest runs."""

    runs: list[RunSummary]  # newest first
    # Of runs that have not ended: when each last sent a request. One that was killed stays
    # RUNNING until the next run of its board finds it DIED.
    last_calls: dict[str, datetime]


@dataclass(frozen=True)
class RunDocument:
    """One run."""

    run: dict[str, Any]  # its row of MON_SyncRuns
    is_of_this_profile: bool  # false: its rows are in tables of another, and not told here
    board_url: str | None  # null: monday.web_url is not set
    last_call_at: datetime | None  # null: it sent no request
    bands: dict[str, int]  # done, waiting, in doubt, refused -> staged rows
    customers: list[CustomerRows]
    calls: list[CallsOfKind]
    batches: list[BatchSummary]
    refusals: list[RefusedWith]  # those that no later run has seen again
    warnings: list[WarnedOf]


@dataclass(frozen=True)
class ListedError(ErrorSummary):
    """One refused row with its item."""

    item_id: str | None  # of the order line; null: the board is not known to have it
    url: str | None  # of the item; null: no item, or monday.web_url is not set


@dataclass(frozen=True)
class ErrorsDocument:
    """Refused rows."""

    group_by: GroupBy
    groups: list[ErrorGroup]  # most rows first
    errors: list[ListedError]  # as many as --limit says
    total: int  # rows there are


@dataclass(frozen=True)
class ShownError:
    """Everything about one refusal."""

    summary: ErrorSummary
    item_name: str | None
    group_name: str | None
    http_status: int | None
    run_id: str
    batch_id: str | None
    request_id: str | None
    payload: Any  # what the board was asked for
    original: Any  # the source row as it was read; several rows: a list of them


@dataclass(frozen=True)
class LinkedError(ShownError):
    """Everything about one refusal, with its item."""

    item_id: str | None  # of the order line; null: the board is not known to have it
    url: str | None  # of the item; null: no item, or monday.web_url is not set


@dataclass(frozen=True)
class OrderErrorsDocument:
    """Every refusal of an order."""

    key: str  # as it was understood
    errors: list[LinkedError]


@dataclass(frozen=True)
class LinkedOrder(ResolvedOrder):
    """What a decision means for one order line, with its item."""

    url: str | None = None  # of the item; null: no item, or monday.web_url is not set


@dataclass(frozen=True)
class ResolvedDocument:
    """What a person has decided."""

    resolution: Resolution
    by: str
    note: str
    orders: list[LinkedOrder]


@dataclass(frozen=True)
class ShownInHand:
    """A staged row that is not at its end."""

    unit: Unit
    size_key: str  # "" for the order line
    operation: str
    change: str | None
    state: str
    item_id: str | None  # of the item or subitem, once known
    fields: Any  # list of what is written
    attempts: int
    next_try_at: datetime | None
    run_id: str
    batch_id: str
    request_id: str | None
    staged_at: datetime


@dataclass(frozen=True)
class ShownRequest(SentRequest):
    """A request that carried a part of the order; others' parts may have been in it, too."""

    parts: list[SentPart]  # of this order alone
    document: Any  # {"query", "variables"}; with --full
    answer: Any  # as it came; with --full


@dataclass(frozen=True)
class Story:
    """Everything the state tables know of one order line on one board, and its source row."""

    board_id: str
    order_key: str
    item_id: str | None  # null: the board is not known to hold it
    group: str | None
    is_acknowledged: bool  # monday.com has acknowledged all of it
    size_lines: int  # on the board
    in_doubt: int  # rows whose outcome is unknown
    waiting: int  # other rows in hand
    refused: tuple[str, ...]  # codes of the open refusals, of size lines too
    last_event_at: datetime | None
    standing: Standing
    item: HeldItem | None
    lines: tuple[HeldLine, ...]
    in_hand: tuple[ShownInHand, ...]
    events: list[Moment]  # oldest first, the newest of all there are; refusals among them
    events_in_all: int  # without the refusals
    requests: list[ShownRequest]  # oldest first, the newest of all there are
    requests_in_all: int
    errors: tuple[ShownError, ...]  # oldest first, closed ones too
    source: SourceNow | None  # the source row as it is now; null with --no-source
    url: str | None  # of the item; null: no item, or monday.web_url is not set


@dataclass(frozen=True)
class StoriesDocument:
    """The story of every order line of an order."""

    key: str  # as it was understood
    orders: list[Story]


@dataclass(frozen=True)
class ServedBoard:
    """A board of the sandbox."""

    id: str
    name: str
    url: str  # its page


@dataclass(frozen=True)
class SandboxDocument:
    """Where the sandbox answers; printed as soon as it does."""

    address: str
    board_url: str  # page of the first board
    boards: list[ServedBoard]
    settings: dict[str, str]  # environment variables that lead order-sync to the first board


@dataclass(frozen=True)
class MetricsDocument:
    """The figures of the board, as `order-sync metrics` has them."""

    metrics: list[Sample]
    textfile: str | None  # that was written with --textfile


@dataclass(frozen=True)
class NotifyDocument:
    """What was told to whom."""

    sent: list[Told]
    not_delivered: int


@dataclass(frozen=True)
class DashboardDocument:
    """Where the monitoring pages are; printed as soon as they answer."""

    address: str
    url: str  # to open; with the token, if there is one


@dataclass(frozen=True)
class FaultsDocument:
    """The faults the sandbox has (--list-faults)."""

    faults: dict[str, str]  # name -> what happens
