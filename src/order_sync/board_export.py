"""The structure of a board as a file, from which the stand-in makes a board to rehearse on.

Columns, labels and groups; no items, no values, nothing about people.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from order_sync.errors import ConfigError
from order_sync.monday.board import BoardColumn, BoardGroup, BoardInfo, Label

_NO_NAME = "board"  # the stand-in wants one


def board_description(board: BoardInfo) -> dict[str, Any]:
    """The board as the stand-in reads it.

    The ids of columns, labels and groups stay, the board's own does not: what is remembered of a
    rehearsal must never be taken for knowledge of the real board.
    """
    description: dict[str, Any] = {
        "name": board.name or _NO_NAME,
        "groups": [_group(group) for group in board.groups if not group.deleted],
        "columns": _columns(board),
    }
    if board.subitem_board is not None:
        description["subitem_columns"] = _columns(board.subitem_board)
    return description


def _group(group: BoardGroup) -> dict[str, Any]:
    archived = {"archived": True} if group.archived else {}
    return {"title": group.title, "id": group.id, **archived}


def _columns(board: BoardInfo) -> list[dict[str, Any]]:
    return [_column(column) for column in board.columns if not column.archived]


def _column(column: BoardColumn) -> dict[str, Any]:
    labels = {"labels": [_label(label) for label in column.labels]} if column.labels else {}
    return {"title": column.title, "type": column.type, "id": column.id, **labels}


def _label(label: Label) -> dict[str, Any]:
    told: dict[str, Any] = {"label": label.text, "id": label.id}
    if label.color:
        told["color"] = label.color
    if label.is_done:
        told["is_done"] = True
    if not label.active:
        told["is_deactivated"] = True
    return told


def refuse_existing(path: Path) -> None:
    """Raises ConfigError: the file is there."""
    if path.exists():
        raise ConfigError(
            f"{path} exists already, and stays as it is",
            hint="name another with --export-board, or replace it with --force",
        )


def write_description(path: Path, board: BoardInfo, *, replace: bool) -> None:
    """Write the structure to `path`; a file that is there stays, unless `replace`.

    Raises:
        ConfigError: the file exists, or cannot be written.
    """
    text = json.dumps(board_description(board), indent=2, ensure_ascii=False)
    try:
        with path.open("w" if replace else "x", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except FileExistsError:
        refuse_existing(path)
        raise  # it was taken away meanwhile
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror or 'cannot be written'}",
            hint="name a file in a folder that is there, with --export-board",
        ) from None
