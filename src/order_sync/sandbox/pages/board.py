"""The list of boards, and one board: groups that fold, items, and subitems that are opened."""

import zlib
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from order_sync.sandbox.boards import Board, Column, Group, Item
from order_sync.sandbox.colors import color_class, hex_color
from order_sync.sandbox.errors import ApiError
from order_sync.sandbox.pages.rendering import missing_page, page
from order_sync.sandbox.pages.static import HUES
from order_sync.sandbox.readings import Cell, cell_text
from order_sync.sandbox.sandbox import Sandbox

RECENT_REQUESTS = 8
# Columns that only repeat what the page shows anyway.
NOT_SHOWN = frozenset({"name", "subtasks"})


@dataclass(frozen=True, slots=True)
class Pill:
    """A coloured label; `look` names its classes."""

    text: str
    look: str


@dataclass(frozen=True, slots=True)
class Row:
    """`cells` holds per column a text, or the list of its pills."""

    item: Item
    cells: list[str | list[Pill]]
    subitems: "list[Row]"


@dataclass(frozen=True, slots=True)
class ShownGroup:
    group: Group
    look: str
    rows: list[Row]


def board_routes(sandbox: Sandbox) -> list[BaseRoute]:
    async def boards(_request: Request) -> Response:
        shown = [board for board in sandbox.account.boards.values() if board.type == "board"]
        recent = sandbox.log.latest(RECENT_REQUESTS)
        return page(sandbox, "boards.html", boards=shown, requests=recent)

    async def board(request: Request) -> Response:
        """`?columns=all` shows the empty columns too."""
        try:
            found = sandbox.account.board(request.path_params["board_id"])
        except ApiError as error:
            return missing_page(sandbox, "No such board", error.message)
        show_all = request.query_params.get("columns") == "all"
        with sandbox.lock:
            content = _board_content(found, show_all)
            return page(sandbox, "board.html", show_all=show_all, **content)

    return [
        Route("/", boards, methods=["GET"]),
        Route("/boards/{board_id}", board, methods=["GET"]),
    ]


def _board_content(board: Board, show_all: bool) -> dict[str, Any]:
    items = list(board.active_items())
    subitems = [subitem for item in items for subitem in item.active_subitems]
    columns = _columns(board, items, show_all)
    subcolumns = _columns(board.subitem_board, subitems, show_all) if board.subitem_board else []
    groups = [
        ShownGroup(
            group,
            color_class(group.color),
            [_row(item, columns, subcolumns) for item in group.items.values()],
        )
        for group in board.active_groups
    ]
    return {
        "board": board,
        "columns": columns,
        "subcolumns": subcolumns,
        "groups": groups,
        "items_count": len(items),
        "subitems_count": len(subitems),
    }


def _columns(board: Board, items: list[Item], show_all: bool) -> list[Column]:
    """Those worth showing."""
    filled = {column_id for item in items for column_id in item.cells}
    return [
        column
        for column in board.columns.values()
        if column.type not in NOT_SHOWN
        and not column.archived
        and (show_all or column.id in filled)
    ]


def _row(item: Item, columns: list[Column], subcolumns: list[Column]) -> Row:
    return Row(
        item,
        [_cell(item, column) for column in columns],
        [_row(subitem, subcolumns, []) for subitem in item.active_subitems],
    )


def _cell(item: Item, column: Column) -> str | list[Pill]:
    if column.labels is None:
        return cell_text(item, column) or ""
    return [
        Pill(label.text, _look(column, label.text, label.color))
        for label in Cell(item, column).chosen_labels()
    ]


def _look(column: Column, text: str, color: str | None) -> str:
    if column.type == "status":
        return color_class(hex_color(color))
    return f"hue-{zlib.crc32(text.encode()) % HUES}"
