"""The ORDER SYNC KEY columns: text columns of a board, and its subitem board, for our own keys."""

from __future__ import annotations

import hashlib

from order_sync.errors import BoardMismatch, Unreachable
from order_sync.monday.answers import Done, Refused
from order_sync.monday.board import read_board
from order_sync.monday.client import MondayClient
from order_sync.monday.columns import KEY_TITLE, BoardMap
from order_sync.monday.documents import create_text_column

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
        BoardMismatch: monday.com refuses the column, with its reason.
        Unreachable: whether the column was made is not known.
    """
    document = create_text_column(board_id, KEY_TITLE, DESCRIPTION)
    key = hashlib.sha256(f"{board_id} {KEY_TITLE}".encode()).hexdigest()
    answer = await client.send(
        document.body(), idempotency_key=key, is_mutation=True, aliases=document.aliases
    )
    reason = ""
    if answer.not_executed is not None:
        turned_away = answer.not_executed
        reason = turned_away.message or turned_away.rule.advice
    elif answer.outcomes and isinstance(answer.outcomes[0], Refused):
        refused = answer.outcomes[0]
        reason = refused.message or refused.advice
    if reason:
        raise BoardMismatch(
            f"monday.com does not add the column {KEY_TITLE} to {place}: {reason}",
            hint="the token's user needs the right to change the board's structure; or add a text"
            f" column named {KEY_TITLE} by hand",
        )
    is_done = bool(answer.outcomes) and isinstance(answer.outcomes[0], Done)
    if not is_done and not await _has_key_column(client, board_id):
        raise Unreachable(
            f"monday.com gave no usable answer, and {place} shows no column {KEY_TITLE} yet",
            hint="run the same command again in a minute: it looks before it adds anything",
        )


async def _has_key_column(client: MondayClient, board_id: str) -> bool:
    board = await read_board(client, board_id)
    return any(c.title.strip() == KEY_TITLE and not c.archived for c in board.columns)
