"""What a run did, counted from the rows it left; its exit code; the figures in MON_SyncRuns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from order_sync.db import counting, known
from order_sync.db.staging import Unit
from order_sync.delivery.context import Delivery
from order_sync.detection import Detection
from order_sync.errors import ExitCode, SyncError
from order_sync.outcome import RefusedOrder, RunReport
from order_sync.rules.states import ChangeType, Operation, RunState


@dataclass(frozen=True)
class CountedReport:
    """A report, and what its run's row needs besides it."""

    report: RunReport
    first: Detection

    @property
    def in_doubt(self) -> int:
        return self.report.in_doubt

    def figures(self) -> dict[str, object]:
        """Columns of MON_SyncRuns: what was found, and what was done."""
        report, first = self.report, self.first
        found = Counter(action.change for action in first.actions)
        reported = len(report.reported)
        return {
            "board_name": report.board_name,
            "orders_read": report.rows_read,
            "orders_new": found[ChangeType.NEW],
            "orders_changed": found[ChangeType.CHANGED],
            "orders_cancelled": found[ChangeType.CANCELLED],
            "orders_deleted": found[ChangeType.DELETED] + reported,
            "orders_unchanged": report.unchanged,
            "orders_created": report.orders_created,
            "orders_updated": report.orders_updated,
            "orders_archived": report.orders_archived,
            "subitems_created": report.size_lines_created,
            "subitems_updated": report.size_lines_updated,
            "groups_created": report.groups_created,
            "rows_refused": len(report.refused),
            "rows_in_doubt": report.in_doubt,
            "api_calls": report.read_calls + report.write_calls,
            "exit_code": int(report.exit_code),
            "error_message": report.message or None,
        }


def count_report(
    conn: Connection, d: Delivery, first: Detection, acted: Collection[str],
    notices: tuple[str, ...], seconds: float,
) -> CountedReport:  # fmt: skip
    """Count what a run left.

    Args:
        first: what its first look has found.
        acted: order keys something was staged for.
    """
    tables, run = d.tables, d.run
    counts = counting.count_run(conn, tables, run)
    scope = first.judged if first.filtered else None
    errors = counting.open_errors_of(conn, tables, run.board_id, scope)
    open_keys = set(acted) - {error.order_key for error in errors}
    unfinished = known.unacknowledged(conn, tables, run.board_id, open_keys)
    done = counts.done
    report = RunReport(
        run_id=run.run_id,
        board_id=run.board_id,
        board_name=d.board.name,
        seconds=seconds,
        rows_read=first.rows,
        blank_rows=first.blank_rows,
        unchanged=first.unchanged,
        orders_planned=len(first.actions),
        orders_done={change.value: count for change, count in counts.changes.items()},
        orders_created=done.get((Unit.ITEM, Operation.CREATE), 0),
        orders_updated=counts.updated,
        orders_moved=done.get((Unit.ITEM, Operation.MOVE), 0),
        orders_archived=done.get((Unit.ITEM, Operation.REMOVE), 0),
        orders_adopted=d.tally.adopted,
        size_lines_created=done.get((Unit.SUBITEM, Operation.CREATE), 0),
        size_lines_updated=done.get((Unit.SUBITEM, Operation.UPDATE), 0),
        groups_created=d.tally.groups_created,
        labels_created=d.tally.labels_created,
        read_calls=d.tally.read_calls,
        write_calls=d.tally.write_calls,
        retries=d.tally.retries,
        refused=tuple(
            RefusedOrder(
                e.order_key, e.customer, e.error_type, e.error_message, e.field, e.value,
                e.size_key,
            )
            for e in errors
        ),
        reported=tuple(first.reported),
        in_doubt=counts.in_doubt,
        pending=max(counts.pending, unfinished),
        warnings=first.warnings,
        customers=counts.customers,
        notices=notices,
    )  # fmt: skip
    return CountedReport(report, first)


def judge(report: RunReport, stop: SyncError | None) -> None:
    """Set the exit code and, where the run was stopped, why.

    Orders that have left the source and are only listed are no reason for another code than 0.
    """
    if stop is not None:
        report.exit_code = stop.exit_code
    elif report.refused or report.in_doubt or report.pending:
        report.exit_code = ExitCode.ROWS_LEFT
    if stop is not None:
        report.message, report.hint, report.error_code = stop.message, stop.hint, stop.code


def run_state(code: ExitCode) -> RunState:
    """How a run that ends with `code` is remembered."""
    return {
        ExitCode.DONE: RunState.COMPLETED,
        ExitCode.ROWS_LEFT: RunState.COMPLETED_WITH_ERRORS,
        ExitCode.PAUSED: RunState.PAUSED,
        ExitCode.INTERRUPTED: RunState.STOPPED,
        ExitCode.TERMINATED: RunState.STOPPED,
    }.get(code, RunState.FAILED)
