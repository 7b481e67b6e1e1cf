"""Runs, the fence, and the requests they send."""

from __future__ import annotations

import json
import os
import platform
import uuid
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select, update

from order_sync import __version__
from order_sync.db import engine
from order_sync.db.schema import Tables
from order_sync.errors import StaleFence
from order_sync.rules.mapping import Mapping
from order_sync.rules.states import BATCH_ENDED, BatchState, RequestState, RunState


@dataclass(frozen=True)
class RunRef:
    """A run that holds a board."""

    run_id: str
    board_id: str
    fence: int


@dataclass(frozen=True)
class RequestRef:
    """A stored intent: which send of which request an answer belongs to."""

    request_id: str
    send_no: int
    idempotency_key: str


def start_run(
    conn: Connection, tables: Tables, mapping: Mapping, command: str, filters: Dict[str, Any],
    board_id: str,
) -> RunRef:  # fmt: skip
    """Write the run's row with the board's next fence. The caller holds the board's lock.

    Runs of the board that never ended are marked as died: their lock is gone, or this one could
    not have been taken.
    """
    runs = tables.runs
    engine.take_board(conn, board_id)
    highest = _highest_fence(conn, tables, board_id)
    run = RunRef(uuid.uuid4().hex, board_id, highest + 1)
    conn.execute(
        update(runs)
        .where(runs.c.board_id == board_id, runs.c.status == RunState.RUNNING)
        .values(status=RunState.DIED, ended_at=engine.now(conn))
    )
    _insert_run(conn, tables, mapping, command, filters, run.run_id, board_id, {
        "fence": run.fence, "status": RunState.RUNNING,
    })  # fmt: skip
    return run


def record_stopped_run(
    conn: Connection, tables: Tables, mapping: Mapping, command: str, filters: Dict[str, Any],
    board_id: str, exit_code: int, message: str,
) -> None:  # fmt: skip
    """Write the row of a run that ended before it held the board."""
    _insert_run(conn, tables, mapping, command, filters, uuid.uuid4().hex, board_id, {
        "status": RunState.STOPPED, "ended_at": engine.now(conn),
        "exit_code": exit_code, "error_message": message,
    })  # fmt: skip


def _insert_run(
    conn: Connection, tables: Tables, mapping: Mapping, command: str, filters: Dict[str, Any],
    run_id: str, board_id: str, values: Dict[str, Any],
) -> None:  # fmt: skip
    conn.execute(
        tables.runs.insert().values(
            run_id=run_id,
            command=command,
            filters=json.dumps(filters, sort_keys=True),
            profile=mapping.name,
            profile_fingerprint=mapping.fingerprint,
            board_id=board_id,
            host=platform.node(),
            pid=os.getpid(),
            version=__version__,
            started_at=engine.now(conn),
            **values,
        )
    )


def _highest_fence(conn: Connection, tables: Tables, board_id: str) -> int:
    runs = tables.runs
    highest: int = conn.execute(
        select(func.coalesce(func.max(runs.c.fence), 0)).where(runs.c.board_id == board_id)
    ).scalar_one()
    return highest


def check_fence(conn: Connection, tables: Tables, run: RunRef) -> None:
    """Raise StaleFence if a newer run holds the board; none begins before the transaction ends."""
    engine.share_board(conn, run.board_id)
    if _highest_fence(conn, tables, run.board_id) != run.fence:
        raise StaleFence(
            f"a newer run holds board {run.board_id}; this one stopped writing",
            hint="look at it with: order-sync status",
        )


def finish_run(
    conn: Connection, tables: Tables, run_id: str, status: RunState, values: Dict[str, Any]
) -> None:
    """Close the run's row with its counts, exit code and message."""
    conn.execute(
        update(tables.runs)
        .where(tables.runs.c.run_id == run_id, tables.runs.c.status == RunState.RUNNING)
        .values(status=status, ended_at=engine.now(conn), **values)
    )


def close_dead_batches(conn: Connection, tables: Tables, run: RunRef) -> int:
    """End the batches that earlier runs of this board left open; returns how many."""
    batches = tables.batches
    result = conn.execute(
        update(batches)
        .where(
            batches.c.board_id == run.board_id,
            batches.c.run_id != run.run_id,
            batches.c.status.not_in([s.value for s in BATCH_ENDED]),
        )
        .values(
            status=BatchState.FAILED,
            end_time=engine.now(conn),
            error_summary="the run died; a later run took its rows over",
        )
    )
    return result.rowcount


def open_request(
    conn: Connection, tables: Tables, run: RunRef, *, kind: str, aliases: int,
    idempotency_key: str, body: bytes, batch_id: str | None, carries_rows: bool,
) -> RequestRef:  # fmt: skip
    """Store the intent of a new request, byte-exact."""
    request_id = uuid.uuid4().hex
    sent_at = engine.now(conn)
    conn.execute(
        tables.requests.insert().values(
            request_id=request_id,
            run_id=run.run_id,
            board_id=run.board_id,
            fence=run.fence,
            batch_id=batch_id,
            kind=kind,
            aliases=aliases,
            idempotency_key=idempotency_key,
            staging_table=tables.staging.name if carries_rows else None,
            send_no=1,
            replays=0,
            first_sent_at=sent_at,
            last_sent_at=sent_at,
            state=RequestState.SENDING,
            body=body,
        )
    )
    return RequestRef(request_id, 1, idempotency_key)


def resend_request(
    conn: Connection, tables: Tables, run: RunRef, request: RequestRef, *, replay: bool = False
) -> RequestRef:
    """Store the intent of sending the same bytes under the same key once more."""
    send_no = request.send_no + 1
    requests = tables.requests
    conn.execute(
        update(requests)
        .where(requests.c.request_id == request.request_id)
        .values(
            run_id=run.run_id,
            fence=run.fence,
            send_no=send_no,
            last_sent_at=engine.now(conn),
            state=RequestState.SENDING,
            replays=requests.c.replays + (1 if replay else 0),
        )
    )
    return RequestRef(request.request_id, send_no, request.idempotency_key)


def take_replay_back(conn: Connection, tables: Tables, request: RequestRef) -> None:
    """The repeat of a doubtful request was turned away: it does not count as made."""
    requests = tables.requests
    conn.execute(
        update(requests)
        .where(requests.c.request_id == request.request_id)
        .values(replays=requests.c.replays - 1)
    )


def is_current_send(conn: Connection, tables: Tables, run: RunRef, request: RequestRef) -> bool:
    """Whether an answer to this very send may still be recorded."""
    requests = tables.requests
    row = conn.execute(
        select(requests.c.state, requests.c.send_no, requests.c.fence).where(
            requests.c.request_id == request.request_id
        )
    ).one()
    return (row.state, row.send_no, row.fence) == (
        RequestState.SENDING, request.send_no, run.fence,
    )  # fmt: skip


def answer_request(
    conn: Connection, tables: Tables, request_id: str, state: RequestState, values: Dict[str, Any]
) -> None:
    conn.execute(
        update(tables.requests)
        .where(tables.requests.c.request_id == request_id)
        .values(state=state, answered_at=engine.now(conn), **values)
    )


def set_request_state(
    conn: Connection, tables: Tables, request_id: str, state: RequestState
) -> None:
    conn.execute(
        update(tables.requests)
        .where(tables.requests.c.request_id == request_id)
        .values(state=state)
    )


@dataclass(frozen=True)
class ReadCall:
    """One read-only request, as it will be recorded."""

    kind: str
    sent_at: datetime
    http_status: int | None
    duration_ms: float
    cost: int | None
    monday_request_id: str | None
    error_code: str | None


def record_reads(conn: Connection, tables: Tables, run: RunRef, calls: list[ReadCall]) -> None:
    """Record requests that changed nothing, after they were answered."""
    if not calls:
        return
    conn.execute(
        tables.requests.insert(),
        [
            {
                "request_id": uuid.uuid4().hex,
                "run_id": run.run_id,
                "board_id": run.board_id,
                "fence": run.fence,
                "kind": call.kind,
                "aliases": 0,
                "send_no": 1,
                "replays": 0,
                "first_sent_at": call.sent_at,
                "last_sent_at": call.sent_at,
                "answered_at": call.sent_at,
                "state": RequestState.SETTLED,
                "http_status": call.http_status,
                "duration_ms": call.duration_ms,
                "cost": call.cost,
                "monday_request_id": call.monday_request_id,
                "error_code": call.error_code,
            }
            for call in calls
        ],
    )


@dataclass(frozen=True)
class Doubt:
    """A request whose outcome is unknown."""

    request: RequestRef
    kind: str
    run_id: str
    batch_id: str | None
    first_sent_at: datetime
    last_sent_at: datetime
    replays: int
    body: bytes


def doubts(conn: Connection, tables: Tables, board_id: str) -> list[Doubt]:
    """Every request of the board whose rows are in doubt, oldest send first.

    Rows of another profile stand in other tables and are settled by its runs; groups are shared.
    """
    r = tables.requests
    rows = conn.execute(
        select(r)
        .where(
            r.c.board_id == board_id,
            r.c.state == RequestState.UNKNOWN,
            or_(r.c.staging_table.is_(None), r.c.staging_table == tables.staging.name),
        )
        .order_by(r.c.last_sent_at, r.c.request_id)
    )
    return [
        Doubt(
            request=RequestRef(row.request_id, row.send_no, row.idempotency_key),
            kind=row.kind,
            run_id=row.run_id,
            batch_id=row.batch_id,
            first_sent_at=row.first_sent_at,
            last_sent_at=row.last_sent_at,
            replays=row.replays,
            body=row.body,
        )
        for row in rows
    ]


def orphan_requests_to_unknown(conn: Connection, tables: Tables, run: RunRef) -> int:
    """Requests that an earlier run sent and never recorded an answer for become UNKNOWN."""
    r = tables.requests
    result = conn.execute(
        update(r)
        .where(
            r.c.board_id == run.board_id,
            r.c.state == RequestState.SENDING,
            r.c.fence < run.fence,
        )
        .values(state=RequestState.UNKNOWN)
    )
    return result.rowcount
