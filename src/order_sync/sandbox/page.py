"""The pages for people: all boards, one board, and what was asked lately.

They work without scripts and without a request to anywhere else, and only ever read.
"""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from order_sync.sandbox.boards import Board, Column, Item
from order_sync.sandbox.colors import hex_color, readable_on
from order_sync.sandbox.errors import ApiError
from order_sync.sandbox.readings import Cell, cell_text
from order_sync.sandbox.sandbox import Sandbox

RECENT_REQUESTS = 12
# Widths in pixels, by column type; the name column has its own in the style sheet.
WIDTHS = {
    "numbers": 120,
    "date": 120,
    "status": 150,
    "dropdown": 170,
    "long_text": 230,
    "item_id": 130,
}
OTHER_WIDTH = 160
# Columns that only repeat what the page shows anyway.
NOT_SHOWN = frozenset({"name", "subtasks"})

# Only styles of our own, no scripts, nothing from elsewhere.
SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_templates = Environment(
    loader=PackageLoader("order_sync.sandbox"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


_templates.filters["counted"] = _counted


@dataclass(frozen=True, slots=True)
class Pill:
    """A coloured label; `style` fills a status cell, `hue` tints a dropdown label."""

    text: str
    style: str = ""
    hue: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Columns worth showing, and the width of each in CSS."""

    columns: list[Column]
    widths: str


@dataclass(frozen=True, slots=True)
class Row:
    """`cells` holds per column a text, or the list of its pills."""

    item: Item
    cells: list[str | list[Pill]]
    subitems: "list[Row]"


def page_routes(sandbox: Sandbox) -> list[BaseRoute]:
    pages = _Pages(sandbox)
    return [
        Route("/", pages.boards, methods=["GET"]),
        Route("/boards/{board_id}", pages.board, methods=["GET"]),
    ]


class _Pages:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def boards(self, _request: Request) -> Response:
        boards = [b for b in self._sandbox.account.boards.values() if b.type == "board"]
        return self._page("boards.html", boards=boards)

    async def board(self, request: Request) -> Response:
        """`?columns=all` shows the empty columns too."""
        try:
            board = self._sandbox.account.board(request.path_params["board_id"])
        except ApiError as error:
            return self._page("missing.html", status=404, message=error.message)
        show_all = request.query_params.get("columns") == "all"
        with self._sandbox.lock:
            return self._page("board.html", show_all=show_all, **_board_content(board, show_all))

    def _page(self, template: str, status: int = 200, **content: Any) -> Response:
        html = _templates.get_template(template).render(
            options=self._sandbox.options,
            quota=self._sandbox.limits.quota,
            usage=self._sandbox.limits.usage(),
            requests=self._sandbox.log.latest(RECENT_REQUESTS),
            requests_total=self._sandbox.log.total,
            faults=self._sandbox.faults,
            clock_time=_clock_time,
            **content,
        )
        return HTMLResponse(html, status, SAFE_HEADERS)


def _clock_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")


def _board_content(board: Board, show_all: bool) -> dict[str, Any]:
    items = list(board.active_items())
    subitems = [subitem for item in items for subitem in item.active_subitems]
    table = _table(board, items, show_all)
    subtable = _table(board.subitem_board, subitems, show_all) if board.subitem_board else table
    groups = [
        (group, [_row(item, table, subtable) for item in group.items.values()])
        for group in board.active_groups
    ]
    return {
        "board": board,
        "table": table,
        "subtable": subtable,
        "groups": groups,
        "items_count": len(items),
        "subitems_count": len(subitems),
    }


def _table(board: Board, items: list[Item], show_all: bool) -> Table:
    filled = {column_id for item in items for column_id in item.cells}
    columns = [
        column
        for column in board.columns.values()
        if column.type not in NOT_SHOWN
        and not column.archived
        and (show_all or column.id in filled)
    ]
    widths = " ".join(f"{WIDTHS.get(column.type, OTHER_WIDTH)}px" for column in columns)
    return Table(columns, widths)


def _row(item: Item, table: Table, subtable: Table) -> Row:
    return Row(
        item,
        [_cell(item, column) for column in table.columns],
        [_row(subitem, subtable, subtable) for subitem in item.active_subitems],
    )


def _cell(item: Item, column: Column) -> str | list[Pill]:
    if column.labels is None:
        return cell_text(item, column) or ""
    return [
        _status_pill(label.text, label.color)
        if column.type == "status"
        else Pill(label.text, hue=zlib.crc32(label.text.encode()) % 360)
        for label in Cell(item, column).chosen_labels()
    ]


def _status_pill(text: str, color: str | None) -> Pill:
    background = hex_color(color)
    return Pill(text, style=f"background:{background};color:{readable_on(background)}")
