"""What the account holds: boards, columns, groups, items. Knows nothing of HTTP or GraphQL."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.standin.errors import bad_argument, bad_value, no_such, not_allowed, refusal

READ_ONLY = {"mirror", "formula", "item_id", "last_updated", "subtasks", "auto_number"}
PLAIN_NUMBER = re.compile(r"-?\d+(\.\d+)?")
PLAIN_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
PLAIN_TIME = re.compile(r"\d{2}:\d{2}:\d{2}")
COLOURS = ["#fdab3d", "#00c875", "#df2f4a", "#007eb5", "#9d50dd", "#757575", "#037f4c", "#579bfc"]


@dataclass
class Options:
    """What a test may ask of the server."""

    structure: str = "all"  # all | flag (labels by flag only) | none
    read_lag_s: float = 0.0  # how long a search does not see what was just made
    remembers_keys: bool = True  # Idempotency-Key is honoured
    delay_s: float = 0.0  # every request takes so long
    settings: str = "classic"  # shape of label settings: classic | listed
    budget_headers: bool = False  # RateLimit headers in every answer
    archive_takes_writes: bool = False  # archived items are written, and only their state tells


@dataclass
class Column:
    id: str
    title: str
    type: str
    labels: dict[int, str] = field(default_factory=dict)
    owner: str = "sync"  # sync | team: who may write it
    revision: int = 1
    child_board: str | None = None


@dataclass
class Group:
    id: str
    title: str
    archived: bool = False
    made_at: float = 0.0


@dataclass
class Item:
    id: str
    board_id: str
    name: str
    group_id: str
    parent_id: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    state: str = "active"
    made_at: float = 0.0


@dataclass(frozen=True)
class Write:
    """One cell a client wrote."""

    board_id: str
    item_id: str
    column_id: str
    value: Any


@dataclass
class Board:
    id: str
    name: str
    columns: dict[str, Column]
    groups: dict[str, Group]
    items: dict[str, Item] = field(default_factory=dict)
    kind: str = "board"  # board | sub_items_board

    def column(self, title: str) -> Column:
        found = [c for c in self.columns.values() if c.title.strip() == title]
        assert len(found) == 1, f"{title!r} stands {len(found)} times on {self.name}"
        return found[0]


class World:
    """One account. The test and the server threads share it, so every change takes `lock`."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.lock = threading.RLock()
        self.boards: dict[str, Board] = {}
        self.writes: list[Write] = []
        self.complaints: list[str] = []  # what no careful client does
        self._numbers = itertools.count(1)

    # identifiers: nothing a client could guess from another server

    def _item_id(self) -> str:
        return str(730_115_000_000_000_000 + next(self._numbers) * 7_919)

    def _column_id(self) -> str:
        return f"c_7f{next(self._numbers) * 2_654_435_761 % 2**32:08x}"

    def _group_id(self) -> str:
        return f"grp_x9{next(self._numbers) * 2_246_822_519 % 2**32:08x}"

    def _board_id(self) -> str:
        return str(4_200_000_000 + next(self._numbers) * 1_013)

    # building, for tests

    def add_board(
        self, name: str, columns: list[Column], groups: list[Group], kind: str = "board"
    ) -> Board:
        for column in columns:
            column.id = column.id or self._column_id()
        for group in groups:
            group.id = group.id or self._group_id()
        board = Board(
            self._board_id(),
            name,
            {c.id: c for c in columns},
            {g.id: g for g in groups},
            kind=kind,
        )
        self.boards[board.id] = board
        return board

    def put_group(self, board: Board, title: str, *, archived: bool = False) -> Group:
        group = Group(self._group_id(), title, archived)
        board.groups[group.id] = group
        return group

    def put_item(
        self,
        board: Board,
        name: str,
        values: dict[str, Any] | None = None,
        group: Group | None = None,
        parent: Item | None = None,
    ) -> Item:
        """As if a person had typed it: `values` by title, not counted among the writes."""
        group = group or self.top_group(board)
        item = Item(self._item_id(), board.id, name, group.id, parent and parent.id)
        for title, value in (values or {}).items():
            column = board.column(title)
            item.values[column.id] = self._checked(column, value, make_labels=True)
        board.items[item.id] = item
        return item

    # reading, for tests

    def visible(self, board: Board) -> list[Item]:
        return [i for i in board.items.values() if i.state == "active"]

    def cells(self, item: Item) -> dict[str, Any]:
        """What a person reads on the board, by trimmed title; empty cells are left out."""
        board = self.boards[item.board_id]
        out = {}
        for column_id, raw in item.values.items():
            column = board.columns[column_id]
            if raw not in (None, "", []):
                out[column.title.strip()] = self.shown(column, raw)
        return out

    @staticmethod
    def shown(column: Column, raw: Any) -> Any:
        if column.type == "numbers":
            return Decimal(raw)
        if column.type == "status":
            return column.labels[raw]
        if column.type == "dropdown":
            return [column.labels[i] for i in raw]
        if column.type == "date":
            return raw["date"]
        return raw

    def written_titles(self, board: Board) -> Counter[str]:
        return Counter(
            board.columns[w.column_id].title.strip()
            for w in self.writes
            if w.board_id == board.id and w.column_id in board.columns
        )

    # finding

    def board(self, board_id: object) -> Board:
        if str(board_id) not in self.boards:
            raise no_such("board", board_id)
        return self.boards[str(board_id)]

    def item(self, item_id: object) -> Item:
        for board in self.boards.values():
            if str(item_id) in board.items:
                return board.items[str(item_id)]
        raise no_such("item", item_id)

    def living_item(self, item_id: object) -> Item:
        item = self.item(item_id)
        if item.state != "active":
            raise refusal(f"item {item_id} is {item.state}", "InvalidItemIdException")
        return item

    def writable_item(self, item_id: object) -> Item:
        item = self.item(item_id)
        if item.state == "archived" and self.options.archive_takes_writes:
            return item
        return self.living_item(item_id)

    @staticmethod
    def top_group(board: Board) -> Group:
        return next(g for g in board.groups.values() if not g.archived)

    def group(self, board: Board, group_id: object) -> Group:
        group = board.groups.get(str(group_id))
        if group is None or group.archived:
            raise no_such("group", group_id)
        return group

    def searchable(self, made_at: float) -> bool:
        return made_at + self.options.read_lag_s <= time.monotonic()

    # the mutations

    def create_item(
        self,
        board_id: object,
        item_name: str,
        group_id: str | None = None,
        column_values: Any = None,
        make_labels: bool = False,
    ) -> Item:
        board = self.board(board_id)
        if board.kind != "board":
            raise bad_argument("items of a subitem board are made with create_subitem")
        group = self.top_group(board) if group_id is None else self.group(board, group_id)
        return self._create(board, group, item_name, column_values, make_labels, None)

    def create_subitem(
        self, parent_item_id: object, item_name: str, column_values: Any, make_labels: bool
    ) -> Item:
        parent = self.living_item(parent_item_id)
        if parent.parent_id is not None:
            raise bad_argument("a subitem has no subitems on a classic board")
        home = self.boards[parent.board_id]
        child_ids = [c.child_board for c in home.columns.values() if c.type == "subtasks"]
        if not child_ids:
            raise bad_argument("the board has no subitems column")
        board = self.boards[str(child_ids[0])]
        group = self.top_group(board)
        return self._create(board, group, item_name, column_values, make_labels, parent.id)

    def _create(
        self,
        board: Board,
        group: Group,
        name: str,
        column_values: Any,
        make_labels: bool,
        parent_id: str | None,
    ) -> Item:
        self._check_name(name)
        values = self._parsed(column_values)
        if "name" in values:
            raise bad_value(board.columns["name"], "the name is an argument of its own")
        checked = self._check_all(board, values, make_labels)
        item = Item(self._item_id(), board.id, name, group.id, parent_id, made_at=time.monotonic())
        self._prefill(board, item)
        self._store(board, item, checked)
        board.items[item.id] = item
        return item

    @staticmethod
    def _prefill(board: Board, item: Item) -> None:
        """The team's automations fill their own columns as soon as an item appears."""
        for column in board.columns.values():
            if column.owner == "team" and column.type == "numbers":
                item.values[column.id] = "77"
            elif column.owner == "team" and column.type == "text":
                item.values[column.id] = "kept by the team"
            elif column.owner == "team" and column.type == "status":
                item.values[column.id] = min(column.labels)

    def change_values(
        self, board_id: object, item_id: object, column_values: Any, make_labels: bool
    ) -> Item:
        board = self.board(board_id)
        item = self.writable_item(item_id)
        if item.board_id != board.id:
            raise bad_argument(f"item {item_id} is not on board {board_id}")
        values = self._parsed(column_values)
        name = values.pop("name", item.name)
        self._check_name(name)
        checked = self._check_all(board, values, make_labels)
        if name != item.name:
            self.writes.append(Write(board.id, item.id, "name", name))
        item.name = name
        self._store(board, item, checked)
        return item

    def change_one(
        self, board_id: object, item_id: object, column_id: str, value: Any, make_labels: bool
    ) -> Item:
        return self.change_values(board_id, item_id, json.dumps({column_id: value}), make_labels)

    def create_group(self, board_id: object, title: str) -> Group:
        board = self.board(board_id)
        if not 1 <= len(title) <= 255:
            raise bad_argument("a group name has 1 to 255 characters")
        group = Group(self._group_id(), title, made_at=time.monotonic())
        board.groups[group.id] = group
        return group

    def move(self, item_id: object, group_id: str) -> Item:
        item = self.writable_item(item_id)
        item.group_id = self.group(self.boards[item.board_id], group_id).id
        return item

    def retire(self, item_id: object, state: str) -> Item:
        item = self.living_item(item_id)
        item.state = state
        for board in self.boards.values():
            for child in board.items.values():
                if child.parent_id == item.id:
                    child.state = state
        return item

    def replace_dropdown_labels(
        self, board_id: object, column_id: str, revision: str, wanted: list[dict[str, Any]]
    ) -> Column:
        column = self._structural(board_id, column_id, "dropdown", revision)
        kept = {label["id"]: label["label"] for label in wanted if label.get("id") is not None}
        added = [label["label"] for label in wanted if label.get("id") is None]
        unknown = set(kept) - set(column.labels)
        dropped = set(column.labels) - set(kept)
        names = [*kept.values(), *added]
        if unknown or len(set(names)) != len(names) or not all(names):
            raise bad_argument(f"labels must be unique and known: {sorted(unknown)}")
        if len(dropped) > 1 or (dropped and added):
            raise bad_argument("one call drops at most one label, and then adds none")
        column.labels = kept
        for name in added:
            column.labels[max(column.labels, default=0) + 1] = name
        column.revision += 1
        return column

    def replace_status_labels(
        self, board_id: object, column_id: str, revision: str, wanted: list[dict[str, Any]]
    ) -> Column:
        column = self._structural(board_id, column_id, "status", revision)
        indexes = [label["index"] for label in wanted]
        colours = [label["color"] for label in wanted]
        if len(set(indexes)) != len(indexes) or not all(0 <= i < 40 for i in indexes):
            raise bad_argument("a status index is unique and between 0 and 39")
        if len(set(colours)) != len(colours):
            raise bad_argument("a colour is used once")
        if any(len(label["label"]) > 30 for label in wanted):
            raise bad_argument("a status label has at most 30 characters")
        column.labels = {label["index"]: label["label"] for label in wanted}
        column.revision += 1
        return column

    def create_column(
        self, board_id: object, title: str, type_: str, column_id: str | None
    ) -> Column:
        board = self.board(board_id)
        if self.options.structure != "all":
            raise not_allowed()
        if column_id is not None and not re.fullmatch("[a-z_]{1,20}", column_id):
            raise bad_argument("a column id has 1 to 20 characters, a to z and _")
        column = Column(column_id or self._column_id(), title, type_)
        if column.id in board.columns:
            raise bad_argument(f"column id {column.id} was used before")
        board.columns[column.id] = column
        return column

    def _structural(self, board_id: object, column_id: str, type_: str, revision: str) -> Column:
        board = self.board(board_id)
        if self.options.structure != "all":
            raise not_allowed()
        column = board.columns.get(column_id)
        if column is None or column.type != type_:
            raise no_such("column", column_id)
        if revision != revision_of(column):
            raise bad_argument(f"column {column_id} has changed meanwhile")
        return column

    # values

    @staticmethod
    def _check_name(name: str) -> None:
        if not isinstance(name, str) or not name:
            raise bad_argument("an item needs a name")
        if len(name) > 255:
            raise refusal("the item name is too long", "ItemNameTooLongException")

    def _parsed(self, column_values: Any) -> dict[str, Any]:
        if column_values is None:
            return {}
        if not isinstance(column_values, str):
            self.complaints.append("column_values was not a JSON-encoded string")
            raise bad_argument("column_values must be a JSON-encoded string")
        try:
            values = json.loads(column_values)
        except ValueError:
            raise refusal("column_values is not JSON", "JsonParseException") from None
        if not isinstance(values, dict):
            raise bad_argument("column_values must hold an object")
        return values

    def _check_all(self, board: Board, values: dict[str, Any], make_labels: bool) -> dict[str, Any]:
        """Every value or none: an item is not half written."""
        for column_id in values:
            if column_id not in board.columns:
                raise refusal(
                    f"column {column_id} is not on board {board.id}",
                    "InvalidColumnIdException",
                    column_id=column_id,
                    board_id=board.id,
                )
        trial = [(board.columns[c], v) for c, v in values.items()]
        before = {column.id: dict(column.labels) for column, _ in trial}
        try:
            return {column.id: self._checked(column, v, make_labels) for column, v in trial}
        except Exception:
            for column, _ in trial:
                column.labels = before[column.id]
            raise

    def _checked(self, column: Column, value: Any, make_labels: bool) -> Any:
        if column.type in READ_ONLY or column.type in ("name", "board_relation"):
            raise bad_value(column, f"a {column.type} column is not written")
        if value in (None, "") or (value == {} and column.type in ("status", "date")):
            return None
        return getattr(self, f"_checked_{column.type}")(column, value, make_labels)

    @staticmethod
    def _checked_text(column: Column, value: Any, make_labels: bool) -> str:
        if not isinstance(value, str):
            raise bad_value(column, "text is a string")
        return value

    @staticmethod
    def _checked_long_text(column: Column, value: Any, make_labels: bool) -> str:
        text = value.get("text") if isinstance(value, dict) else value
        if not isinstance(text, str) or (isinstance(value, dict) and set(value) != {"text"}):
            raise bad_value(column, "long text is a string or an object with text")
        if len(text) > 2_000:
            raise bad_value(column, "long text has at most 2000 characters")
        return text

    @staticmethod
    def _checked_numbers(column: Column, value: Any, make_labels: bool) -> str:
        if not isinstance(value, str) or not PLAIN_NUMBER.fullmatch(value):
            raise bad_value(column, f"{value!r} is not a plain number in a string")
        return value

    @staticmethod
    def _checked_date(column: Column, value: Any, make_labels: bool) -> dict[str, str]:
        if isinstance(value, str):
            day, _, hour = value.partition(" ")
            value = {"date": day} | ({"time": hour} if hour else {})
        good = (
            isinstance(value, dict)
            and set(value) <= {"date", "time"}
            and PLAIN_DATE.fullmatch(str(value.get("date")))
            and ("time" not in value or PLAIN_TIME.fullmatch(str(value["time"])))
        )
        if not good:
            raise bad_value(column, f"{value!r} is not a date")
        return dict(value)

    def _checked_status(self, column: Column, value: Any, make_labels: bool) -> int:
        wanted = value
        if isinstance(value, dict):
            if set(value) not in ({"label"}, {"index"}):
                raise bad_value(column, "either label or index")
            wanted = value.get("label", value.get("index"))
            if "index" in value:
                wanted = str(wanted)
        if isinstance(wanted, str) and wanted.isdigit():
            if int(wanted) not in column.labels:
                raise bad_value(column, f"no label has the index {wanted}")
            return int(wanted)
        for index, label in column.labels.items():
            if label == wanted:
                return index
        if not isinstance(wanted, str) or len(wanted) > 30:
            raise bad_value(column, "a label is text of at most 30 characters")
        self._may_make_label(column, wanted, make_labels)
        free = [i for i in range(40) if i not in column.labels and i != 5]
        if not free:
            raise bad_value(column, "the column has 40 labels")
        column.labels[free[0]] = wanted
        column.revision += 1
        return free[0]

    def _checked_dropdown(self, column: Column, value: Any, make_labels: bool) -> list[int]:
        if isinstance(value, str):
            names = [part.strip() for part in value.split(",")]
            by_id = all(n.isdigit() for n in names)
            value = {"ids": [int(n) for n in names]} if by_id else {"labels": names}
        if not isinstance(value, dict) or set(value) not in ({"labels"}, {"ids"}):
            raise bad_value(column, "either labels or ids")
        if "ids" in value:
            ids = [int(i) for i in value["ids"]]
            if set(ids) - set(column.labels):
                raise bad_value(column, f"no such label id among {ids}")
            return ids
        ids = []
        for name in value["labels"]:
            found = [i for i, label in column.labels.items() if label == name]
            if not found:
                if not isinstance(name, str) or not name.strip():
                    raise bad_value(column, "a label is text")
                self._may_make_label(column, name, make_labels)
                found = [max(column.labels, default=0) + 1]
                column.labels[found[0]] = name
                column.revision += 1
            ids.append(found[0])
        return ids

    def _may_make_label(self, column: Column, name: str, make_labels: bool) -> None:
        if not make_labels:
            there = ", ".join(f"{i}: {label}" for i, label in column.labels.items())
            raise bad_value(column, f"the label {name!r} does not exist, these do: {{{there}}}")
        if self.options.structure == "none":
            raise not_allowed()

    def _store(self, board: Board, item: Item, checked: dict[str, Any]) -> None:
        for column_id, value in checked.items():
            item.values[column_id] = value
            self.writes.append(Write(board.id, item.id, column_id, value))


def revision_of(column: Column) -> str:
    return f"rev-{column.revision}-{column.id[-4:]}"


def settings_of(column: Column, shape: str) -> dict[str, Any]:
    """The settings of a column, in one of two forms that are both met in the field."""
    if column.type == "subtasks":
        return {"allowMultipleItems": True, "boardIds": [int(column.child_board or 0)]}
    if column.type == "status" and shape == "classic":
        return {
            "done_colors": [1],
            "labels": {str(i): label for i, label in column.labels.items()},
            "labels_positions_v2": {str(i): n for n, i in enumerate(column.labels)},
            "labels_colors": {
                str(i): {"color": COLOURS[i % 8], "border": COLOURS[i % 8], "var_name": f"v{i}"}
                for i in column.labels
            },
        }
    if column.type == "status":
        return {
            "labels": [
                {
                    "id": i,
                    "index": i,
                    "label": label,
                    "color": i,
                    "is_done": i == 1,
                    "is_deactivated": False,
                }
                for i, label in column.labels.items()
            ]
        }
    if column.type == "dropdown" and shape == "classic":
        return {
            "hide_footer": False,
            "labels": [{"id": i, "name": label} for i, label in column.labels.items()],
            "deactivated_labels": [],
        }
    if column.type == "dropdown":
        return {
            "limit_select": False,
            "labels": [
                {"id": i, "label": label, "is_deactivated": False}
                for i, label in column.labels.items()
            ],
        }
    return {}
