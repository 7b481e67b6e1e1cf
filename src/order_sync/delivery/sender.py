"""One document on its way: intent, attempt, outcome. Nothing is sent without a stored intent."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import replace

import structlog
from sqlalchemy import Connection

from order_sync.db import runs
from order_sync.db.runs import RequestRef
from order_sync.db.staging import Unit
from order_sync.delivery.cargo import Cargo, RowCargo, Verdict
from order_sync.delivery.context import Delivery
from order_sync.errors import BoardMismatch, PausedByBudget, SyncError, Unreachable
from order_sync.monday.answers import Answer, Done, Refused, RowOutcome, Unknown
from order_sync.monday.lookup import read_items
from order_sync.rules.retry import NO_ANSWER, NO_CONNECTION, ErrorRule, Remedy, backoff
from order_sync.rules.states import Event, RequestState

log = structlog.get_logger()

REPEATS = 10  # a document turned away so often by limits waits for a later run
MOST_KEPT = 65_536  # bytes of an answer on record; what a proxy sends may be a page of any length


class Sender:
    """Sends documents of one delivery."""

    def __init__(self, delivery: Delivery) -> None:
        self._d = delivery

    async def send(self, cargo: Cargo) -> None:
        """Send a new document until it is executed, refused, in doubt, or put back.

        Raises:
            SyncError: the run has to stop; what was sent is recorded.
        """
        await self._send(cargo, None, None)

    async def send_again(self, cargo: Cargo, request: RequestRef, body: bytes) -> None:
        """Send the identical bytes of a doubtful request under its own key, once."""
        await self._send(cargo, body, request)

    async def _send(self, cargo: Cargo, body: bytes | None, request: RequestRef | None) -> None:
        held = _row_ids(cargo)
        self._d.held |= held
        try:
            event = Event.CLAIMED if request is None else Event.SENT_AGAIN
            for attempt in range(1, REPEATS + 1):
                if self._d.stopping is not None:
                    return
                request, body, answer = await self._attempt(cargo, body, request, event)
                pause = self._follow_up(cargo, answer, attempt)
                if pause is None:
                    return
                if attempt >= self._tries(answer):
                    break
                self._d.progress.waiting("monday.com asked us to wait", pause)
                await self._d.gate.pause(pause)
                await self._d.read(cargo.reload, self._d.tables, self._d.run, request)
                event = Event.CLAIMED
            self._d.stop(_given_up(answer, attempt))
        finally:
            self._d.held -= held
            self._d.changed.set()

    def _tries(self, answer: Answer) -> int:
        """A limit passes by itself; a server that is away may stay away."""
        away = answer.not_executed is not None and answer.not_executed.code == NO_CONNECTION.code
        return self._d.settings.monday.max_attempts if away else REPEATS

    async def _attempt(
        self, cargo: Cargo, body: bytes | None, request: RequestRef | None, event: Event
    ) -> tuple[RequestRef, bytes, Answer]:
        """One intent, one HTTP request, one recorded outcome.

        body: what was sent before and has to be sent again; None: the cargo is still free to be
        cut to what the budget allows now.
        """
        d = self._d
        async with d.gate.slot(
            cargo.document.kind, cargo.document.aliases,
            may_cut=body is None and isinstance(cargo, RowCargo),
            urgent=event is Event.SENT_AGAIN,
        ) as slot:  # fmt: skip
            if isinstance(cargo, RowCargo) and slot.writes < len(cargo.rows):
                d.held -= _row_ids(cargo)
                cargo.cut(slot.writes)
                d.held |= _row_ids(cargo)
            body = body or cargo.document.body()
            began = time.monotonic()
            current = await d.write(self._intend, cargo, body, request, event)
            d.tally.write_calls += 1
            d.tally.retries += current.send_no > 1
            slot.answer = answer = await d.client.send(
                body,
                idempotency_key=current.idempotency_key,
                is_mutation=True,
                aliases=cargo.document.aliases,
                began=began,
            )
        # The place in the budget is free again: reading back needs one, and the record does not.
        if answer.replayed and isinstance(cargo, RowCargo):
            answer = await self._read_back(answer)
        await d.write(self._record, cargo, current, answer, event)
        _log_answer(cargo, current, answer)
        if isinstance(cargo, RowCargo):
            for stg_id, (tries, hint) in cargo.waits.items():
                pause = backoff(tries, d.rng, hint)
                d.not_before[cargo.unit, stg_id] = time.monotonic() + pause
            ended = sum(isinstance(o, Done | Refused) for o in answer.outcomes)
            d.progress.done(ended - len(cargo.waits))
        return current, body, answer

    def _intend(
        self, conn: Connection, cargo: Cargo, body: bytes, request: RequestRef | None, event: Event
    ) -> RequestRef:
        d = self._d
        if request is None:
            current = runs.open_request(
                conn, d.tables, d.run, kind=cargo.document.kind,
                aliases=cargo.document.aliases, idempotency_key=uuid.uuid4().hex, body=body,
                batch_id=cargo.batch_id, carries_rows=isinstance(cargo, RowCargo),
            )  # fmt: skip
        else:
            current = runs.resend_request(
                conn, d.tables, d.run, request, replay=event is Event.SENT_AGAIN
            )
        cargo.claim(conn, d.tables, d.run, current, event)
        return current

    def _record(
        self, conn: Connection, cargo: Cargo, request: RequestRef, answer: Answer, event: Event
    ) -> None:
        d = self._d
        if not runs.is_current_send(conn, d.tables, d.run, request):
            return  # settled by somebody else meanwhile: this answer comes too late to count
        if event is Event.SENT_AGAIN and _only_for_now(answer):
            # The doubt about the first copy stands, and its key may be used once more.
            answer = _still_unknown(answer)
            runs.take_replay_back(conn, d.tables, request)
        turned_away = answer.not_executed
        unknown = any(isinstance(outcome, Unknown) for outcome in answer.outcomes)
        state = (
            RequestState.UNKNOWN
            if unknown
            else RequestState.NOT_EXECUTED
            if turned_away is not None
            else RequestState.SETTLED
        )
        problem = answer.problem
        runs.answer_request(
            conn, d.tables, request.request_id, state,
            {
                "http_status": answer.http_status or None,
                "error_code": None if problem is None else problem.code,
                "duration_ms": round(answer.duration_s * 1000, 1),
                "cost": None if answer.complexity is None else answer.complexity.query,
                "monday_request_id": answer.request_id or None,
                "answer": answer.body[:MOST_KEPT] or None,
            },
        )  # fmt: skip
        verdict = Verdict(
            outcomes=answer.outcomes,
            not_executed=None if turned_away is None else turned_away.rule,
            message="" if turned_away is None else turned_away.message,
            http_status=answer.http_status,
            max_attempts=d.settings.monday.max_attempts,
        )
        cargo.record(conn, d.tables, d.run, request, verdict)

    async def _read_back(self, answer: Answer) -> Answer:
        """A replayed answer tells of the past: are its items still there?

        One that is not found is hidden yet, for the server has said that it made it; one that
        people removed is found as archived or deleted.
        """
        ids = [o.id for o in answer.outcomes if isinstance(o, Done)]
        try:
            found = [row async for row in read_items(self._d.client, ids, {})]
        except SyncError as error:
            why = f"the replayed ids could not be read back ({error.code})"
            lost = Unknown(NO_ANSWER.code, why)
            return replace(answer, outcomes=tuple(lost for _ in answer.outcomes))
        gone = {row.id for row in found if row.state != "active"}
        outcomes: list[RowOutcome] = [
            _gone(o) if isinstance(o, Done) and o.id in gone else o for o in answer.outcomes
        ]
        return replace(answer, outcomes=tuple(outcomes))

    def _follow_up(self, cargo: Cargo, answer: Answer, attempt: int) -> float | None:
        """Seconds until the same document goes again; None when it is out of our hands.

        An answer that forbids any further sending stops the run.
        """
        problem = answer.problem if answer.not_executed is None else answer.not_executed.rule
        if problem is None:
            return None
        stop = _stop_for(problem, answer)
        if stop is not None and not _may_go_on(cargo, problem, answer):
            self._d.stop(stop)
            return None
        if answer.not_executed is None or problem.remedy not in _SAME_AGAIN:
            return None
        return backoff(attempt, self._d.rng, answer.retry_after_s)


_SAME_AGAIN = (Remedy.WAIT_AND_REPEAT, Remedy.RETRY_ROW)


def _gone(done: Done) -> Refused:
    return Refused(
        code="gone_from_board",
        message="",
        details={},
        remedy=Remedy.REFUSE_ROW,
        error_class="board",
        advice=(
            f"The item {done.id} was created and has left the board since; decide whether it "
            "should be made again."
        ),
    )


def _only_for_now(answer: Answer) -> bool:
    """Whether every row was refused, and may succeed later as it is: a locked board."""
    return bool(answer.outcomes) and all(
        isinstance(outcome, Refused) and outcome.retryable for outcome in answer.outcomes
    )


def _still_unknown(answer: Answer) -> Answer:
    unknown = [
        Unknown(outcome.code, "the repeat was refused for now")
        for outcome in answer.outcomes
        if isinstance(outcome, Refused)
    ]
    return replace(answer, outcomes=tuple(unknown))


def _given_up(answer: Answer, tries: int) -> SyncError:
    rule = NO_CONNECTION if answer.not_executed is None else answer.not_executed.rule
    if rule is NO_CONNECTION:
        return Unreachable(f"monday.com could not be reached {tries} times", hint=rule.advice)
    return PausedByBudget(
        f"monday.com turned a request away {tries} times in a row ({rule.code})",
        hint="run again later; nothing of it was executed",
    )


def _may_go_on(cargo: Cargo, problem: ErrorRule, answer: Answer) -> bool:
    """Whether only the right to create labels is missing: rows without new labels still go."""
    if problem.remedy is not Remedy.STOP_RUN_TOKEN:
        return False
    if isinstance(cargo, RowCargo):
        return bool(cargo.new_labels) and answer.not_executed is None
    return cargo.optional


def _row_ids(cargo: Cargo) -> set[tuple[Unit, int]]:
    if isinstance(cargo, RowCargo):
        return {(cargo.unit, row.stg_id) for row in cargo.rows}
    return set()


def _log_answer(cargo: Cargo, request: RequestRef, answer: Answer) -> None:
    """What became of a request, without anything that was in it."""
    unknown = sum(isinstance(outcome, Unknown) for outcome in answer.outcomes)
    away = answer.not_executed is not None
    what = "answer lost" if unknown else "request turned away" if away else "request answered"
    log.log(
        logging.WARNING if unknown else logging.INFO if away else logging.DEBUG,
        what,
        kind=cargo.document.kind.value,
        request_id=request.request_id,
        send_no=request.send_no,
        rows=cargo.document.aliases,
        error_code=None if answer.problem is None else answer.problem.code,
        http_status=answer.http_status or None,
        duration_ms=round(answer.duration_s * 1000, 1),
        cost=None if answer.complexity is None else answer.complexity.query,
        monday_request_id=answer.request_id or None,
    )


def _stop_for(rule: ErrorRule, answer: Answer) -> SyncError | None:
    if rule.remedy is Remedy.PAUSE_DAY:
        return PausedByBudget(
            "the account's monday.com calls of the day are used up",
            hint="run again after midnight UTC",
            retry_after_s=answer.retry_after_s or None,
        )
    if rule.remedy is Remedy.STOP_RUN_TOKEN:
        return Unreachable(f"monday.com refuses the token ({rule.code})", hint=rule.advice)
    if rule.remedy is Remedy.STOP_RUN_BOARD:
        return BoardMismatch(f"monday.com refuses the board ({rule.code})", hint=rule.advice)
    return None
