"""Addresses of boards and items in a browser."""

from __future__ import annotations

from urllib.parse import quote


def board_url(web_url: str | None, board_id: str | None) -> str | None:
    """Where a board is shown; None without one, or without the setting `monday.web_url`."""
    if not web_url or not board_id:
        return None
    return f"{web_url}/boards/{quote(board_id, safe='')}"


def item_url(web_url: str | None, board_id: str, item_id: str | None) -> str | None:
    """Where an item is shown; None without one, or without the setting `monday.web_url`."""
    board = board_url(web_url, board_id)
    return f"{board}/pulses/{quote(item_id, safe='')}" if board and item_id else None
