"""What GraphQL asks of imports: `ingest_items`, `backfill_items` and `fetch_job_status`."""

from collections.abc import Mapping
from typing import Any

from order_sync.sandbox.boards import Board
from order_sync.sandbox.call import Call
from order_sync.sandbox.errors import invalid_argument
from order_sync.sandbox.faults.imports import ImportFault
from order_sync.sandbox.imports.jobs import Kind, status_of
from order_sync.sandbox.imports.rows import MATCHABLE_TYPES, Match


def ingest_items(
    call: Call, *, board_id: str, group_id: str, on_match: Mapping[str, Any] | None = None
) -> dict[str, str]:
    return _started(call, "ingest", board_id, group_id, on_match)


def backfill_items(call: Call, *, board_id: str, group_id: str) -> dict[str, str]:
    return _started(call, "backfill", board_id, group_id, None)


def _started(
    call: Call, kind: Kind, board_id: str, group_id: str, on_match: Mapping[str, Any] | None
) -> dict[str, str]:
    service = call.service
    board = service.account.board(board_id)
    if board.type == "sub_items_board":
        raise invalid_argument("Subitems are imported with their items", board_id=board.id)
    group = board.group(group_id)
    match = None if on_match is None else _match(board, on_match)
    fault = call.fault if isinstance(call.fault, ImportFault) else None
    job = service.imports.start(kind, board, group, match, fault)
    return {"job_id": job.id, "upload_url": service.links.upload(call.base_url, job.id)}


def _match(board: Board, on_match: Mapping[str, Any]) -> Match:
    column = board.column(on_match["match_column_id"])
    if column.type not in MATCHABLE_TYPES:
        raise invalid_argument(
            f"Items cannot be matched by a column of type {column.type}", column_id=column.id
        )
    return Match(column, on_match["behaviour"])


def fetch_job_status(call: Call, *, job_id: str) -> dict[str, Any]:
    """The address of the report is a fresh one each time."""
    service = call.service
    job = service.imports.job(job_id)
    return status_of(service.imports, job, service.links.report(call.base_url, job.id))
