"""What travels in one document: staged rows, groups or labels; how an answer changes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from order_sync.db import engine, events, groups, known, refused, runs, staging
from order_sync.db.events import OrderEvent
from order_sync.db.groups import GroupRow
from order_sync.db.refused import ErrorRow
from order_sync.db.runs import RequestRef, RunRef
from order_sync.db.schema import Tables
from order_sync.db.staging import Outcome, StagedRow, Unit
from order_sync.detection import LABEL_REFUSED
from order_sync.monday.answers import Done, Refused, RowOutcome
from order_sync.monday.documents import Document
from order_sync.rules.batching import halved
from order_sync.rules.comparing import GROUP
from order_sync.rules.retry import ErrorRule, Remedy
from order_sync.rules.states import Event, Operation, RequestState, RowState

RETRY_LATER_S = 300  # a row whose tries in this run are used up may go again after so long


@dataclass(frozen=True)
class Verdict:
    """An answer, as far as cargo needs it."""

    outcomes: tuple[RowOutcome, ...]  # one per row; empty when nothing was executed
    not_executed: ErrorRule | None = None
    message: str = ""
    http_status: int = 0
    max_attempts: int = 4


class Cargo(Protocol):
    """Rows of one document; every method is called inside the caller's transaction."""

    document: Document
    batch_id: str | None
    optional: bool  # its refusal stops nothing: there is another way

    def claim(
        self, conn: Connection, tables: Tables, run: RunRef, request: RequestRef, event: Event
    ) -> None:
        """Mark the rows as being sent by `request`; `event` is CLAIMED or SENT_AGAIN."""

    def record(
        self, conn: Connection, tables: Tables, run: RunRef, request: RequestRef, verdict: Verdict
    ) -> None:
        """Move the rows to what the verdict says."""

    def reload(self, conn: Connection, tables: Tables, run: RunRef, request: RequestRef) -> None:
        """Read the rows again after they were put back, so that they can be claimed anew."""


@dataclass
class RowCargo:
    """Staged order lines or size lines of one operation."""

    document: Document
    batch_id: str | None
    unit: Unit
    rows: Sequence[StagedRow]
    rebuild: Callable[[Sequence[StagedRow]], Document] | None = None  # for fewer of the rows
    new_labels: dict[int, str] = field(default_factory=dict)  # stg_id -> labels it would create
    waits: dict[int, tuple[int, float]] = field(default_factory=dict)  # stg_id -> (tries, hint)
    optional: bool = False

    def claim(
        self, conn: Connection, tables: Tables, run: RunRef, request: RequestRef, event: Event
    ) -> None:
        staging.claim(conn, tables, self.unit, self.rows, request, event)
        if self.unit is Unit.SUBITEM or self.rows[0].operation is not Operation.CREATE:
            keys = [(row.order_key, row.size_key or "") for row in self.rows]
            known.withdraw(conn, tables, run.board_id, self.unit, keys)
        if self.rows[0].operation is Operation.MOVE:
            titles = [(row.order_key, str(row.payload["group"])) for row in self.rows]
            known.withdraw_groups(conn, tables, run.board_id, titles)
        events.add_events(
            conn, tables, run,
            (_event(row, event, request, at=at) for at, row in enumerate(self.rows)),
        )  # fmt: skip

    def record(
        self, conn: Connection, tables: Tables, run: RunRef, request: RequestRef, verdict: Verdict
    ) -> None:
        rows = self._sending(conn, tables, request)
        outcomes = [self._outcome(row, place, verdict) for place, row in enumerate(rows)]
        staging.record_outcomes(conn, tables, self.unit, outcomes)
        self.waits = {
            o.row.stg_id: (o.row.attempts + 1, o.wait_s)
            for o in outcomes
            if o.event is Event.NOT_EXECUTED and o.counts_attempt
        }
        self._forget_groups(conn, tables, run, outcomes)
        failed = [o for o in outcomes if o.event is Event.REFUSED]
        later = engine.now(conn) + timedelta(seconds=RETRY_LATER_S)
        refused.store_errors(
            conn, tables, run,
            [
                *(_error_row(o, request, verdict.http_status, later) for o in failed),
                *_gone_parents(failed, request),
            ],
        )  # fmt: skip
        events.add_events(
            conn, tables, run,
            (_event(o.row, o.event, request, o.error_message) for o in outcomes),
        )  # fmt: skip

    def reload(self, conn: Connection, tables: Tables, run: RunRef, request: RequestRef) -> None:  # noqa: ARG002
        self.rows = staging.rows_by_id(conn, tables, self.unit, [r.stg_id for r in self.rows])

    def cut(self, count: int) -> None:
        """Leave all but the first rows behind; they were not claimed and stay PENDING."""
        if self.rebuild is None:
            raise RuntimeError("a document that was sent before is never cut")
        self.rows = self.rows[:count]
        self.document = self.rebuild(self.rows)

    def _sending(
        self, conn: Connection, tables: Tables, request: RequestRef
    ) -> Sequence[StagedRow]:
        state = RowState.SENDING
        return staging.rows_of_request(conn, tables, self.unit, request.request_id, state)

    def _forget_groups(
        self, conn: Connection, tables: Tables, run: RunRef, outcomes: Sequence[Outcome]
    ) -> None:
        """Groups monday.com no longer knows are made anew before their rows go again."""
        keys = {o.row.group_key for o in outcomes if o.group_gone and o.row.group_key}
        groups_known = groups.read_groups(conn, tables, run.board_id, sorted(keys))
        for group in groups_known.values():
            if group.state is RowState.API_SUCCESS:
                groups.forget_group(conn, tables, run, group, Event.LEFT_BOARD)

    def _outcome(self, row: StagedRow, place: int, verdict: Verdict) -> Outcome:
        if verdict.not_executed is not None:
            return _not_executed(row, verdict.not_executed, len(self.rows), verdict.message)
        result = verdict.outcomes[place]
        if isinstance(result, Done):
            return _done(row, result)
        if isinstance(result, Refused):
            if row.operation is Operation.REMOVE and result.code in _GONE:
                return Outcome(row, Event.ACCEPTED, item_id=row.item_id)  # it was gone already
            labels = self.new_labels.get(row.stg_id)
            if labels and result.remedy in (Remedy.REFUSE_ROW, Remedy.STOP_RUN_TOKEN):
                return _label_refused(row, labels, result)
            return _refused(row, result, verdict.max_attempts)
        return Outcome(
            row, Event.ANSWER_LOST, error_type=result.code, error_message=result.reason,
            counts_attempt=True,
        )  # fmt: skip


def _done(row: StagedRow, result: Done) -> Outcome:
    """A write that monday.com says it made; of an archived item that is worth nothing."""
    if row.operation is Operation.CREATE:
        return Outcome(row, Event.ACCEPTED, item_id=result.id)
    state = result.data.get("state")
    if row.operation is not Operation.REMOVE and state in ("archived", "deleted"):
        return Outcome(
            row, Event.REFUSED, error_type=GONE, error_class="board",
            error_message=gone_message(row, f"it is {state}"), counts_attempt=True,
        )  # fmt: skip
    # A move is the whole of an order's change when it needed nothing but another group.
    whole = row.operation is not Operation.MOVE or row.fields == (GROUP,)
    return Outcome(row, Event.ACCEPTED, item_id=row.item_id, acknowledged=whole)


def gone_message(row: StagedRow, why: str) -> str:
    """What is wrong with a row whose item has left the board, and the choices there are."""
    is_line = row.unit is Unit.SUBITEM and row.item_id is not None
    what = f"subitem {row.item_id}" if is_line else f"item {row.item_id or row.parent_item_id}"
    return (
        f"the {what} is not on the board any more ({why}): "
        "restore it there and resolve this as retry, or resolve it as recreate (make it anew), "
        "as forget (never publish it again) or as ignore"
    )


# Remedies after which the same row can go again, in this run or in a later one.
_MAY_PASS = frozenset(
    {
        Remedy.WAIT_AND_REPEAT,
        Remedy.RETRY_ROW,
        Remedy.PAUSE_DAY,
        Remedy.STOP_RUN_TOKEN,
        Remedy.STOP_RUN_BOARD,
    }
)


def _not_executed(row: StagedRow, rule: ErrorRule, rows: int, message: str) -> Outcome:
    """The whole document was turned away before anything of it ran."""
    if rule.remedy is Remedy.SPLIT_DOCUMENT and rows > 1:
        return Outcome(row, Event.NOT_EXECUTED, travel_limit=halved(rows))
    if rule.remedy not in _MAY_PASS:
        return Outcome(
            row, Event.REFUSED, error_type=rule.code, error_class=rule.error_class,
            error_message=_sentence(rule.advice, message),
        )  # fmt: skip
    return Outcome(row, Event.NOT_EXECUTED)


def _refused(row: StagedRow, result: Refused, max_attempts: int) -> Outcome:
    """This row was turned away; perhaps only for now."""
    may_pass = result.retryable or _parent_may_lag(row, result)
    if may_pass and row.attempts + 1 < max_attempts:
        return Outcome(
            row, Event.NOT_EXECUTED, counts_attempt=True, wait_s=result.retry_after_s,
            group_gone=result.remedy is Remedy.REFRESH_GROUP,
        )  # fmt: skip
    code, error_class = result.code, result.error_class
    message = _sentence(result.advice, result.message)
    if _parent_may_lag(row, result):
        code, error_class = PARENT_FAILED, "board"
        message = "its item is not on the board any more; see the error of the order line"
    elif row.operation is not Operation.CREATE and result.code in _GONE:
        code, error_class = GONE, "board"
        message = gone_message(row, result.message or "monday.com does not know it")
    return Outcome(
        row,
        Event.REFUSED,
        error_type=code,
        error_class=error_class,
        error_message=message,
        error_field=str(result.details.get("column_id") or ""),
        may_retry=may_pass,
        counts_attempt=True,
    )


def _label_refused(row: StagedRow, labels: str, result: Refused) -> Outcome:
    return Outcome(
        row,
        Event.REFUSED,
        error_type=LABEL_REFUSED,
        error_class="label",
        error_message=_sentence(
            f"{labels}: no label of the board, and it could not be created: add it on the board, "
            "or let the token's user change the board's structure.",
            result.message,
        ),
        counts_attempt=True,
    )


GONE = "gone_from_board"
PARENT_FAILED = "parent_failed"
_GONE = frozenset({"invalid_item", "not_found"})


def _parent_may_lag(row: StagedRow, result: Refused) -> bool:
    """A subitem's parent can be unknown to monday.com for a moment after its creation."""
    is_line = row.unit is Unit.SUBITEM and row.operation is Operation.CREATE
    return is_line and result.code in _GONE


def _sentence(advice: str, message: str) -> str:
    return f"{advice} (monday.com: {message})" if message else advice


def _event(
    row: StagedRow, event: Event, request: RequestRef, detail: str = "", at: int | None = None
) -> OrderEvent:
    return OrderEvent(
        row.order_key, event, detail, row.size_key, row.batch_id, request.request_id, at
    )


def _error_row(
    outcome: Outcome, request: RequestRef, http_status: int, later: datetime
) -> ErrorRow:
    row = outcome.row
    return staged_error(
        row,
        outcome.error_type,
        outcome.error_class,
        outcome.error_message,
        field=outcome.error_field,
        http_status_code=http_status or None,
        request_id=request.request_id,
        next_try_at=later if outcome.may_retry else None,
        tries=row.attempts + outcome.counts_attempt,
    )


def _gone_parents(failed: Sequence[Outcome], request: RequestRef) -> list[ErrorRow]:
    """Order lines whose item has left the board, as their new size lines have found out."""
    parents = {o.row.order_key: o.row for o in failed if o.error_type == PARENT_FAILED}
    return [
        ErrorRow(
            unit=Unit.ITEM,
            order_key=key,
            customer=row.customer,
            order_number=str(row.payload.get("order_number") or ""),
            error_type=GONE,
            error_class="board",
            error_message=gone_message(row, "monday.com does not know it"),
            batch_id=row.batch_id,
            request_id=request.request_id,
        )
        for key, row in parents.items()
    ]


def staged_error(
    row: StagedRow, code: str, error_class: str, message: str, *, field: str = "",
    http_status_code: int | None = None, request_id: str | None = None,
    next_try_at: datetime | None = None, tries: int = 0,
) -> ErrorRow:  # fmt: skip
    """An ERR row for a staged row; with `next_try_at` it may go again by itself."""
    payload = row.payload
    is_item = row.unit is Unit.ITEM
    return ErrorRow(
        unit=row.unit,
        order_key=row.order_key,
        size_key=row.size_key or "",
        customer=row.customer,
        order_number=str(payload.get("order_number") or ""),
        error_type=code,
        error_class=error_class,
        error_message=message,
        field=field,
        item_name=payload.get("name") if is_item else None,
        group_name=payload.get("group") if is_item else None,
        size_label=None if is_item else payload.get("label"),
        order_qty=None if is_item else payload.get("quantity"),
        parent_item_id=row.parent_item_id,
        http_status_code=http_status_code,
        api_payload=json.dumps(payload, ensure_ascii=False),
        original_data=row.original,
        payload_hash=row.payload_hash,
        original_stg_id=row.stg_id,
        batch_id=row.batch_id,
        request_id=request_id,
        retry_count=max(tries, row.attempts),
        max_retries_reached=next_try_at is None,
        next_try_at=next_try_at,
    )


@dataclass
class GroupCargo:
    """Groups to be created."""

    document: Document
    groups: Sequence[GroupRow]
    batch_id: str | None = None
    optional: bool = False

    def claim(
        self, conn: Connection, tables: Tables, run: RunRef, request: RequestRef, event: Event
    ) -> None:
        groups.claim_groups(conn, tables, run, self.groups, request, event)

    def record(
        self, conn: Connection, tables: Tables, run: RunRef, request: RequestRef, verdict: Verdict
    ) -> None:
        sending = groups.groups_of_request(
            conn, tables, run.board_id, request.request_id, RowState.SENDING
        )
        for place, group in enumerate(sending):
            event, values = self._outcome(place, verdict)
            groups.move_group(conn, tables, run, group, event, **values)

    def _outcome(self, place: int, verdict: Verdict) -> tuple[Event, dict[str, object]]:
        rule = verdict.not_executed
        if rule is not None:
            if rule.remedy in (Remedy.SPLIT_DOCUMENT, Remedy.REFUSE_ROW):
                return Event.REFUSED, {
                    "error_type": rule.code,
                    "error_message": _sentence(rule.advice, verdict.message),
                }
            return Event.NOT_EXECUTED, {}
        result = verdict.outcomes[place]
        if isinstance(result, Done):
            return Event.ACCEPTED, {"group_id": result.id}
        if isinstance(result, Refused):
            attempts = self.groups[place].attempts + 1
            if result.retryable and attempts < verdict.max_attempts:
                return Event.NOT_EXECUTED, {"attempts": attempts}
            return Event.REFUSED, {
                "error_type": result.code,
                "error_message": _sentence(result.advice, result.message),
            }
        return Event.ANSWER_LOST, {}

    def reload(self, conn: Connection, tables: Tables, run: RunRef, request: RequestRef) -> None:  # noqa: ARG002
        found = groups.read_groups(
            conn, tables, run.board_id, [group.title_key for group in self.groups]
        )
        self.groups = [found[group.title_key] for group in self.groups]


@dataclass
class RowlessCargo:
    """A write without rows of its own, which may be made twice: label lists, our own keys."""

    document: Document
    batch_id: str | None = None
    optional: bool = True  # nothing else rests on it
    done: int = 0  # writes that monday.com acknowledged

    def claim(
        self, conn: Connection, tables: Tables, run: RunRef, request: RequestRef, event: Event
    ) -> None:
        """There are no rows to bind: writing the same again does no harm."""

    def record(
        self,
        conn: Connection,
        tables: Tables,
        run: RunRef,  # noqa: ARG002 - there are no rows to move
        request: RequestRef,
        verdict: Verdict,
    ) -> None:
        self.done = sum(isinstance(outcome, Done) for outcome in verdict.outcomes)
        runs.set_request_state(conn, tables, request.request_id, RequestState.SETTLED)

    def reload(self, conn: Connection, tables: Tables, run: RunRef, request: RequestRef) -> None:
        """Nothing to read again."""
