"""One run as people ask for it: its row, what became of its rows, its calls and batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from order_sync.db import calls, engine, monitoring, reports
from order_sync.db.calls import CallsOfKind
from order_sync.db.monitoring import CodeCount
from order_sync.db.reports import BatchSummary
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit
from order_sync.rules.states import IN_DOUBT, RowState

BANDS = ("done", "waiting", "in doubt", "refused")
_BAND_OF = {
    RowState.PROMOTED: "done",
    RowState.API_SUCCESS: "done",
    RowState.API_FAILED: "refused",
    RowState.PENDING: "waiting",
    **dict.fromkeys(IN_DOUBT, "in doubt"),
}


@dataclass(frozen=True)
class CustomerRows:
    """What became of a customer's staged rows."""

    customer: str
    order_lines: dict[str, int]  # band -> rows
    size_lines: dict[str, int]


@dataclass(frozen=True)
class RunStory:
    """Everything there is to tell of one run."""

    now: datetime
    row: dict[str, Any]  # of MON_SyncRuns
    customers: list[CustomerRows]
    bands: dict[str, int]  # band -> rows, of all customers
    batches: list[BatchSummary]
    kinds: list[CallsOfKind]
    refusals: list[CodeCount]  # those that it was the last to see
    warnings: list[CodeCount]
    last_call_at: datetime | None  # None: it sent no request

    @property
    def seconds(self) -> float:
        return float(((self.row["ended_at"] or self.now) - self.row["started_at"]).total_seconds())


def run_story(conn: Connection, tables: Tables, run_id: str) -> RunStory | None:
    """None: there is no run with this id."""
    row = monitoring.run(conn, tables, run_id)
    if row is None:
        return None
    staged = monitoring.rows_of_run(conn, tables, run_id)
    refusals, warnings = monitoring.codes_of_run(conn, tables, run_id)
    return RunStory(
        now=engine.now(conn),
        row=row,
        customers=by_customer(staged),
        bands=_bands(staged),
        batches=monitoring.batches_of_run(conn, tables, run_id),
        kinds=calls.by_kind(conn, tables, run_id),
        refusals=refusals,
        warnings=warnings,
        last_call_at=reports.last_calls(conn, tables, [run_id]).get(run_id),
    )


def by_customer(staged: Sequence[tuple[Unit, str, str, str, int]]) -> list[CustomerRows]:
    found: dict[str, CustomerRows] = {}
    for unit, customer, _operation, state, rows in staged:
        of = found.setdefault(customer, CustomerRows(customer, _no_rows(), _no_rows()))
        counts = of.order_lines if unit is Unit.ITEM else of.size_lines
        counts[_BAND_OF[RowState(state)]] += rows
    return sorted(found.values(), key=lambda one: one.customer)


def _no_rows() -> dict[str, int]:
    return dict.fromkeys(BANDS, 0)


def _bands(staged: Sequence[tuple[Unit, str, str, str, int]]) -> dict[str, int]:
    counts = _no_rows()
    for _unit, _customer, _operation, state, rows in staged:
        counts[_BAND_OF[RowState(state)]] += rows
    return counts
