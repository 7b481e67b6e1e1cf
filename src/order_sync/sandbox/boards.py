"""Boards, groups, columns and items: the state of the pretended account, in memory.

Nothing here knows of GraphQL or HTTP, and nothing here judges values: see columns.py.
"""

import random
import string
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from order_sync.sandbox.activity import ActivityLog
from order_sync.sandbox.clock import Clock
from order_sync.sandbox.errors import (
    ApiError,
    invalid_argument,
    invalid_board,
    invalid_column,
    invalid_group,
    invalid_item,
)
from order_sync.sandbox.labels import Labels
from order_sync.sandbox.options import SandboxOptions
from order_sync.sandbox.user import USER_ID

State = Literal["active", "archived", "deleted"]

NAME_LENGTH = 255
_ENDINGS = {"archived": "archive", "deleted": "delete"}
GROUP_COLORS = (
    "#037f4c",
    "#00c875",
    "#579bfc",
    "#a25ddc",
    "#fdab3d",
    "#e2445c",
    "#66ccff",
    "#784bd1",
    "#7f5347",
)


@dataclass(slots=True, eq=False)
class Column:
    id: str
    title: str
    type: str
    labels: Labels | None = None  # status and dropdown
    subitem_board_id: str | None = None  # subtasks
    description: str | None = None
    revision: int = 1
    archived: bool = False


@dataclass(slots=True, eq=False)
class Group:
    id: str
    title: str
    board: "Board"
    color: str
    state: State = "active"
    items: "dict[str, Item]" = field(default_factory=dict)  # active ones, in board order


@dataclass(slots=True, eq=False)
class Item:
    """A row of a board; a subitem is an item of the subitem board that has a parent.

    `cells` holds the cells that are not empty, in the form columns.py parsed them to.
    """

    id: str
    name: str
    board: "Board"
    group: Group
    created_at: float  # seconds, sandbox time
    updated_at: float
    parent: "Item | None" = None
    cells: dict[str, Any] = field(default_factory=dict)
    state: State = "active"
    place: int = 0  # the items of a group, and the subitems of an item, stand in this order
    subitems: "list[Item]" = field(default_factory=list)

    @property
    def active_subitems(self) -> "list[Item]":
        return [subitem for subitem in self.subitems if subitem.state == "active"]


@dataclass(slots=True, eq=False)
class Board:
    id: str
    name: str
    type: Literal["board", "sub_items_board"]
    columns: dict[str, Column]
    updated_at: float
    groups: list[Group] = field(default_factory=list)  # top group first
    subitem_board: "Board | None" = None
    parent_board: "Board | None" = None
    items_count: int = 0
    written: set[str] = field(default_factory=set)  # ids of columns the API ever wrote
    activity: ActivityLog = field(init=False)

    def __post_init__(self) -> None:
        self.activity = ActivityLog(self.id)

    @property
    def subitem_board_id(self) -> str | None:
        return self.subitem_board.id if self.subitem_board else None

    @property
    def active_groups(self) -> list[Group]:
        return [group for group in self.groups if group.state == "active"]

    def active_items(self) -> Iterator[Item]:
        for group in self.active_groups:
            yield from group.items.values()

    def column(self, column_id: str) -> Column:
        column = self.columns.get(column_id)
        if column is None or column.archived:
            raise invalid_column(self.id, column_id)
        return column

    def column_titled(self, title: str) -> Column:
        """Raises KeyError: no column has exactly this title."""
        for column in self.columns.values():
            if column.title == title:
                return column
        raise KeyError(title)

    def group_titled(self, title: str) -> Group:
        """The highest active group with this title. Raises KeyError: there is none."""
        for group in self.active_groups:
            if group.title == title:
                return group
        raise KeyError(title)

    def group(self, group_id: str) -> Group:
        for group in self.groups:
            if group.id == group_id and group.state == "active":
                return group
        raise invalid_group(group_id)


class Account:
    """All boards of the account, and the only place where rows come, move and go."""

    def __init__(self, options: SandboxOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._random = random.Random(options.seed)  # noqa: S311 - ids need no secrecy
        self._last_id = 18_000_000_000 + self._random.randrange(1_000_000_000)
        self._last_place = 0
        self.boards: dict[str, Board] = {}
        self.items: dict[str, Item] = {}
        self.touched: dict[str, Item] = {}  # since a state file last took them over
        self._user_id: str | None = USER_ID  # whose activity is logged
        self._at: float | None = None  # sandbox seconds; None: now
        self._keeps: Callable[[Board, str], bool] | None = None  # cells that do not change

    @contextmanager
    def acting_as(self, user_id: str | None, at: float | None = None) -> Iterator[None]:
        """Whatever happens meanwhile is done by this user, at this moment; None: in no log, now."""
        before = self._user_id, self._at
        self._user_id, self._at = user_id, at
        try:
            yield
        finally:
            self._user_id, self._at = before

    @contextmanager
    def keeping(self, keeps: Callable[[Board, str], bool]) -> Iterator[None]:
        """Meanwhile changes of the cells of these columns are taken and not made."""
        self._keeps = keeps
        try:
            yield
        finally:
            self._keeps = None

    def _now(self) -> float:
        return self._clock.now() if self._at is None else self._at

    # Ids ------------------------------------------------------------------------------------

    def new_number(self) -> str:
        """An id of a board or an item: digits, more than 32 bits, not consecutive."""
        self._last_id += self._random.randrange(1, 40)
        return str(self._last_id)

    def new_text_id(self, prefix: str) -> str:
        letters = self._random.choices(string.ascii_lowercase + string.digits, k=8)
        return f"{prefix}_mk{''.join(letters)}"

    @property
    def last_number(self) -> int:
        return self._last_id

    def go_on_after(self, last_number: int, starts: int) -> None:
        """Give out no id again that an earlier process gave out; this is start number `starts`."""
        self._last_id = last_number
        self._random.seed(f"{self._options.seed} {starts}")
        self._last_place = max((item.place for item in self.items.values()), default=0)

    # Boards and groups ------------------------------------------------------------------------

    def board(self, board_id: object) -> Board:
        board = self.boards.get(str(board_id))
        if board is None:
            raise invalid_board(board_id)
        return board

    def add_board(self, board: Board) -> None:
        self.boards[board.id] = board

    def add_group(self, board: Board, title: str, color: str | None, at: int) -> Group:
        check_group_title(title)
        color = color or GROUP_COLORS[len(board.groups) % len(GROUP_COLORS)]
        group = Group(self.new_text_id("group"), title, board, color)
        board.groups.insert(at, group)
        self._log_group(group, "create_group")
        return group

    def rename_group(self, group: Group, title: str) -> None:
        check_group_title(title)
        previous, group.title = group.title, title
        self._log_group(group, "update_group_name", previous_value=previous)

    def close_group(self, group: Group, state: State) -> None:
        """Archive or delete a group with all its items."""
        if len(group.board.active_groups) == 1:
            raise ApiError(
                "DeleteLastGroupException",
                "The last group of a board cannot be removed",
                status_code=409,
                error_data={"board_id": group.board.id, "group_id": group.id},
            )
        for item in list(group.items.values()):
            self.close_item(item, state)
        group.state = state
        self._log_group(group, f"{_ENDINGS[state]}_group")

    def _log_group(self, group: Group, event: str, **more: Any) -> None:
        now = group.board.updated_at = self._now()
        if self._user_id is not None:
            more = {"group_title": group.title, **more}
            group.board.activity.add(now, event, self._user_id, group_id=group.id, **more)

    # Items --------------------------------------------------------------------------------------

    def item(self, item_id: object) -> Item:
        """An active item. Raises ApiError if there is none with this id."""
        item = self.items.get(str(item_id))
        if item is None or item.state != "active":
            raise invalid_item(item_id)
        return item

    def add_item(self, group: Group, name: str, cells: dict[str, Any]) -> Item:
        """Raises ApiError: the name is too long or empty, or the board is full."""
        board = group.board
        check_name(name)
        if board.items_count >= self._options.items_limit:
            raise ApiError(
                "ItemsLimitationException",
                f"The board holds {self._options.items_limit} items, the most it can",
                error_data={"board_id": board.id},
            )
        return self._insert(Item(self.new_number(), name, board, group, 0, 0, cells=cells))

    def add_subitem(self, parent: Item, name: str, cells: dict[str, Any]) -> Item:
        """Raises ApiError: no subitem board, no such parent any more, full, or a bad name."""
        check_name(name)
        board = subitem_board_of(parent)
        most = self._options.subitems_limit
        if most is not None and len(parent.active_subitems) >= most:
            raise ApiError(
                "ItemsLimitationException",
                f"The item holds {most} subitems, the most it can",
                error_data={"item_id": parent.id},
            )
        item = Item(
            self.new_number(), name, board, board.groups[0], 0, 0, parent=parent, cells=cells
        )
        parent.subitems.append(item)
        return self._insert(item)

    def _insert(self, item: Item) -> Item:
        item.created_at = self._now()
        self.items[item.id] = item
        self._put_last(item)
        item.board.items_count += 1
        self._log(item, "create_pulse")
        return item

    def _put_last(self, item: Item) -> None:
        item.group.items[item.id] = item
        self._last_place += 1
        item.place = self._last_place

    def touch(self, item: Item) -> None:
        """Whatever changes about an item, this follows: only so a state file learns of it."""
        item.updated_at = item.board.updated_at = self._now()
        self.touched[item.id] = item

    def rename(self, item: Item, name: str) -> None:
        check_name(name)
        previous, item.name = item.name, name
        if previous != name:
            self._log(item, "update_name", previous_value=previous, value=name)

    def write(self, item: Item, cells: Mapping[str, Any]) -> None:
        """Put parsed contents into cells; None clears one."""
        for column_id, content in cells.items():
            if self._keeps is not None and self._keeps(item.board, column_id):
                continue
            previous = item.cells.get(column_id)
            if content is None:
                item.cells.pop(column_id, None)
            else:
                item.cells[column_id] = content
            if previous != content:
                column_type = item.board.columns[column_id].type
                change = {"previous_value": previous, "value": content, "column_type": column_type}
                self._log(item, "update_column_value", column_id=column_id, **change)

    def move(self, item: Item, group: Group) -> None:
        if item.parent is not None:
            raise invalid_argument("A subitem cannot be moved to a group", item_id=item.id)
        previous = item.group
        del previous.items[item.id]
        item.group = group
        self._put_last(item)
        self.touch(item)
        if previous is not group:
            self._log(item, "move_pulse_from_group", previous_group_id=previous.id)

    def place_beside(self, item: Item, other: Item, *, before: bool) -> None:
        """Put an item next to another one of its group. Nothing is logged of it."""
        rows = [row for row in item.group.items.values() if row is not item]
        rows.insert(rows.index(other) + (not before), item)
        for row, place in zip(rows, sorted(row.place for row in rows), strict=True):
            if row.place != place:
                row.place = place
                self.touched[row.id] = row
        item.group.items = {row.id: row for row in rows}

    def _log(self, item: Item, event: str, **more: Any) -> None:
        self.touch(item)
        if self._user_id is not None:
            places = {"item_id": item.id, "group_id": item.group.id}
            more = {"pulse_name": item.name, **more}
            item.board.activity.add(item.updated_at, event, self._user_id, **places, **more)

    def close_item(self, item: Item, state: State) -> None:
        """Archive or delete an item; its subitems go with it."""
        for subitem in item.active_subitems:
            self.close_item(subitem, state)
        item.group.items.pop(item.id, None)
        item.state = state
        item.board.items_count -= 1
        self._log(item, f"{_ENDINGS[state]}_pulse")


def subitem_board_of(parent: Item) -> Board:
    """The board on which the subitems of this item live."""
    board = parent.board.subitem_board
    if parent.parent is not None or board is None:
        raise invalid_argument(
            "Subitems need a subitems column on the board of their item",
            board_id=parent.board.id,
            item_id=parent.id,
        )
    return board


def check_group_title(title: str) -> None:
    if not 1 <= len(title) <= NAME_LENGTH:
        raise invalid_argument(f"A group name has 1 to {NAME_LENGTH} characters")


def check_name(name: str) -> None:
    if not name.strip():
        raise invalid_argument("An item name cannot be empty")
    if len(name) > NAME_LENGTH:
        raise ApiError(
            "ItemNameTooLongException",
            f"An item name has {NAME_LENGTH} characters at most",
            error_data={"item_name_length": len(name)},
        )
