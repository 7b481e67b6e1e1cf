"""What a plan says and what a run did: plain values, counted from rows, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from order_sync.errors import ExitCode
from order_sync.rules.states import ChangeType


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
class ReportedChange:
    """An order on the board that this version sees but does not send."""

    order_key: str
    customer: str
    change: ChangeType
    columns: tuple[str, ...] = ()  # board titles that differ; "Size X" for size lines


@dataclass(frozen=True)
class CustomerPlan:
    """What a run would do for one customer."""

    customer: str
    new: int = 0
    completed: int = 0  # known orders that still lack lines or values
    changed: int = 0
    cancelled: int = 0
    deleted: int = 0
    refused: int = 0
    in_doubt: int = 0
    size_lines: int = 0  # to create


@dataclass(frozen=True)
class Plan:
    """What `sync` would do now."""

    board_id: str
    board_name: str
    profile: str
    customers: tuple[CustomerPlan, ...]
    refused: tuple[RefusedOrder, ...]
    reported: tuple[ReportedChange, ...]
    new_groups: tuple[str, ...]
    new_labels: dict[str, tuple[str, ...]]  # board title -> labels
    notices: tuple[str, ...]
    rows_read: int
    blank_rows: int
    warnings: int
    unchanged: int  # order lines the board already shows as they are
    calls_estimated: int  # HTTP requests
    limited_from: int | None = None  # order lines before --limit cut the list

    @property
    def orders_to_send(self) -> int:
        return sum(c.new + c.completed for c in self.customers)


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
    orders_created: int = 0
    orders_updated: int = 0
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
