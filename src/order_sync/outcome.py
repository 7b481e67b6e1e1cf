"""What a check found, what a plan says and what a run did: plain values, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from order_sync.errors import ExitCode
from order_sync.rules.states import ChangeType


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"  # a run works, but somebody should know
    FAIL = "fail"  # a run would stop


@dataclass(frozen=True)
class CheckRow:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    what: str
    to_do: str = ""
    problems: tuple[str, ...] = ()
    exit_code: ExitCode = ExitCode.DONE  # what a run would exit with


@dataclass(frozen=True)
class RefusedOrder:
    """One refused row, as it stands in ERR_*."""

    order_key: str
    customer: str
    code: str
    message: str  # what is wrong, and what to do
    field: str
    value: str
    size_key: str = ""


@dataclass(frozen=True)
class WarnedOrder:
    """Something odd about an order line that would be sent all the same."""

    order_key: str
    customer: str
    code: str
    message: str  # what is odd, and what becomes of it
    field: str
    value: str


@dataclass(frozen=True)
class ReportedChange:
    """An order on the board that has left the source, where the profile only lists those."""

    order_key: str
    customer: str
    change: ChangeType


@dataclass(frozen=True)
class PlannedColumn:
    """A column of a known order that would be written; values as texts, None: empty."""

    title: str  # board title, "Name" or "Group"
    before: str | None
    after: str | None


@dataclass(frozen=True)
class PlannedLine:
    """A size line that would be created or written."""

    size_key: str
    label: str
    operation: str  # CREATE | UPDATE
    before: int | None  # pieces; None: the board has no such line
    after: int
    payload_hash: str


@dataclass(frozen=True)
class PlannedOrder:
    """An order line something would be sent for."""

    order_key: str
    customer: str
    name: str
    group: str
    change: ChangeType  # UNCHANGED: an earlier run left it unfinished
    operations: tuple[str, ...]  # on the item, in their order; empty: only size lines
    payload_hash: str
    item_id: str | None = None
    # True: what the board shows is not known for sure, so the order is written whole.
    whole: bool = False
    # True: no item of ours, but one found on the board that is taken over instead of created.
    taken_over: bool = False
    columns: tuple[PlannedColumn, ...] = ()
    lines: tuple[PlannedLine, ...] = ()


@dataclass(frozen=True)
class CustomerPlan:
    """What a run would do for one customer, in order lines unless said otherwise."""

    customer: str
    new: int = 0
    taken_over: int = 0  # new to us, and found on the board
    completed: int = 0  # known orders that still lack lines or values
    changed: int = 0
    cancelled: int = 0
    deleted: int = 0  # left the source: cancelled or archived on the board
    reported: int = 0  # left the source: listed only
    refused: int = 0
    in_doubt: int = 0
    size_lines: int = 0  # size lines to create
    size_lines_changed: int = 0  # size lines to write, those set to 0 included


@dataclass(frozen=True)
class PlanCost:
    """What a run would cost, repeats apart."""

    calls: int  # HTTP requests
    reading: int  # of them only reading
    mutations: int  # single writes, several to a call
    complexity: int  # points
    complexity_measured: bool  # False: no earlier answer has told, a first guess is in it
    minutes: float  # under the account's limits
    bound_by: str  # what makes it take that long
    calls_per_day: int | None = None  # of the account; None: monday.com does not tell
    # Part of the account's calls of a day, 0.0 to 1.0 and more; None: as above.
    share_of_day: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        share = self.calls / self.calls_per_day if self.calls_per_day else None
        object.__setattr__(self, "share_of_day", share)


@dataclass(frozen=True)
class Guard:
    """A guard that would stop the run before its first write."""

    message: str
    hint: str


@dataclass(frozen=True)
class Plan:
    """What `sync` would do now."""

    board_id: str
    board_name: str
    profile: str
    customers: tuple[CustomerPlan, ...]
    orders: tuple[PlannedOrder, ...]
    refused: tuple[RefusedOrder, ...]
    reported: tuple[ReportedChange, ...]
    new_groups: tuple[str, ...]
    new_labels: dict[str, tuple[str, ...]]  # board title -> labels
    guards: tuple[Guard, ...]
    notices: tuple[str, ...]
    rows_read: int
    blank_rows: int
    warnings: int
    warned: tuple[WarnedOrder, ...]  # every one of them
    unchanged: int  # order lines the board already shows as they are
    cost: PlanCost
    limited_from: int | None = None  # order lines before --limit cut the list

    @property
    def orders_to_send(self) -> int:
        return len(self.orders)


@dataclass
class RunReport:
    """What one `sync` or `retry` did."""

    run_id: str
    board_id: str
    board_name: str = ""
    exit_code: ExitCode = ExitCode.DONE
    seconds: float = 0.0
    rows_read: int = 0
    blank_rows: int = 0
    unchanged: int = 0
    orders_planned: int = 0
    # Order lines all of whose parts are done, by what detection saw: NEW, CHANGED, CANCELLED,
    # DELETED; UNCHANGED: an earlier run had left them unfinished, or they were taken over.
    orders_done: dict[str, int] = field(default_factory=dict)
    orders_created: int = 0
    orders_updated: int = 0  # written, moved or cancelled
    orders_moved: int = 0
    orders_archived: int = 0
    orders_adopted: int = 0  # found on the board instead of created
    size_lines_created: int = 0
    size_lines_updated: int = 0
    groups_created: int = 0
    labels_created: int = 0
    read_calls: int = 0
    write_calls: int = 0
    retries: int = 0
    refused: tuple[RefusedOrder, ...] = ()
    reported: tuple[ReportedChange, ...] = ()
    in_doubt: int = 0  # staged rows whose outcome is still unknown
    pending: int = 0  # staged rows left for a later run
    warnings: int = 0
    customers: dict[str, dict[str, int]] = field(default_factory=dict)  # name -> unit -> count
    notices: tuple[str, ...] = ()
    message: str = ""  # why it stopped early, if it did
    hint: str = ""
    error_code: str = ""  # of that reason
