"""The ORDER SYNC KEY columns: text columns of a board, and its subitem board, for our own keys."""

from __future__ import annotations

import hashlib

from order_sync.errors import BoardMismatch, PausedByBudget, SyncError, Unreachable
from order_sync.monday.answers import Done, NotExecuted, Refused
from order_sync.monday.board import read_board
from order_sync.monday.client import MondayClient
from order_sync.monday.columns import KEY_TITLE, BoardMap
from order_sync.monday.documents import create_text_column
from order_sync.rules.retry import Remedy

DESCRIPTION = "Written by order-sync, which finds its rows by it. Do not edit."


def missing_key_columns(board: BoardMap) -> list[tuple[str, str]]:
    """(board id, what it is called) of each board that lacks the column."""
    places = (
        (board.board_id, "the board", board.sync_key),
        (board.subitem_board_id, "its subitem board", board.subitem_sync_key),
    )
    return [(board_id, place) for board_id, place, column in places if column is None]


async def add_key_column(client: MondayClient, board_id: str, place: str) -> None:
    """Add the column to one board that was just read without it.

    monday.com would make a second column of the title, so nothing is sent twice: the key of the
    request follows from the board, and after a lost answer the board is asked.

    Raises:
        Unreachable: monday.com has no room now, or the token lacks the right; or whether the
            column was made is not known.
        PausedByBudget: the calls of the day are used up.
        BoardMismatch: monday.com refuses the column for another reason.
    """
    document = create_text_column(board_id, KEY_TITLE, DESCRIPTION)
    key = hashlib.sha256(f"{board_id} {KEY_TITLE}".encode()).hexdigest()
    answer = await client.send(
        document.body(), idempotency_key=key, is_mutation=True, aliases=document.aliases
    )
    outcome = answer.not_executed or answer.outcomes[0]
    if isinstance(outcome, NotExecuted | Refused):
        raise _turned_away(place, outcome)
    is_done = isinstance(outcome, Done)
    # A replayed answer tells of a column that somebody may have removed since.
    if (is_done and not answer.replayed) or await _has_key_column(client, board_id):
        return
    if is_done:
        raise Unreachable(
            f"monday.com says that {place} was given the column {KEY_TITLE} before, and shows none",
            hint="run the same command again in a minute, or, if somebody has removed the column,"
            " in half an hour",
        )
    raise Unreachable(
        f"monday.com gave no usable answer, and {place} shows no column {KEY_TITLE} yet",
        hint="run the same command again in a minute: it looks before it adds anything",
    )


def _turned_away(place: str, why: NotExecuted | Refused) -> SyncError:
    """What a refusal ends with: nothing was added."""
    what = f"monday.com does not add the column {KEY_TITLE} to {place}: {why.message or why.code}"
    if why.remedy is Remedy.PAUSE_DAY:
        return PausedByBudget(
            what, hint="run again after midnight UTC", retry_after_s=why.retry_after_s or None
        )
    if why.remedy in (Remedy.WAIT_AND_REPEAT, Remedy.RETRY_ROW):
        return Unreachable(what, hint="run the same command again in a minute")
    by_hand = f"add a text column named {KEY_TITLE} by hand"
    if why.remedy is Remedy.STOP_RUN_TOKEN:
        return Unreachable(
            what,
            hint=f"the token's user needs the right to change the board's structure; or {by_hand}",
        )
    return BoardMismatch(what, hint=by_hand)


async def _has_key_column(client: MondayClient, board_id: str) -> bool:
    board = await read_board(client, board_id)
    return any(c.title.strip() == KEY_TITLE and not c.archived for c in board.columns)
