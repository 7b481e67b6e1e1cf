"""A board as it is: read once at start, parsed whatever form its settings come in."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from order_sync.errors import BoardMismatch
from order_sync.monday import documents
from order_sync.monday.client import MondayClient

SUBITEMS_TYPE = "subtasks"  # column type that ties a board to its subitem board
_LONGEST_NESTING = 2  # settings may be JSON inside JSON


@dataclass(frozen=True)
class Label:
    """One choice of a status or dropdown column."""

    id: int  # stable: survives a rename; for status it is also the index
    text: str
    active: bool = True
    color: str = ""  # status only, as the API names it; "" when the settings do not tell
    is_done: bool = False
    description: str = ""


@dataclass(frozen=True)
class BoardColumn:
    """A column of a board or of its subitem board."""

    id: str
    title: str
    type: str  # SDL ColumnType: text, long_text, dropdown, status, numbers, date, mirror ...
    labels: tuple[Label, ...] = ()  # deactivated ones too
    revision: str = ""  # needed to change the labels
    archived: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def label(self, text: str) -> Label | None:
        """The active label that reads exactly so, case included."""
        return next((x for x in self.labels if x.active and x.text == text), None)


@dataclass(frozen=True)
class BoardGroup:
    """A group of items; two may bear one title."""

    id: str
    title: str
    archived: bool = False
    deleted: bool = False

    @property
    def active(self) -> bool:
        return not (self.archived or self.deleted)


@dataclass(frozen=True)
class BoardInfo:
    """A board, and with it the hidden board of its subitems."""

    id: str
    name: str
    items_count: int | None  # None: monday.com does not tell
    items_limit: int | None
    groups: tuple[BoardGroup, ...]
    columns: tuple[BoardColumn, ...]
    state: str = "active"
    subitem_board: BoardInfo | None = None


async def read_board(
    client: MondayClient,
    board_id: str,
    *,
    give_up_after_s: float = 30.0,
    clock: Callable[[], float] = time.monotonic,
) -> BoardInfo:
    """The board and its subitem board; both reads together take at most `give_up_after_s`.

    Raises:
        BoardMismatch: not found, not active, or a multi-level board.
        Unreachable, PausedByBudget: as `MondayClient.read`.
    """
    ends = clock() + give_up_after_s
    raw = await _read_one(client, board_id, give_up_after_s)
    if raw is None:
        raise BoardMismatch(
            f"Board {board_id} is not found.",
            hint="Check monday.board_id; the token's user must see the board, and it must not be"
            " archived.",
        )
    board = parse_board(raw)
    if raw.get("hierarchy_type") == "multi_level":
        raise BoardMismatch(
            f"Board {board.name!r} is a multi-level board; order-sync needs a classic one.",
            hint="Use a board with classic subitems.",
        )
    if board.state != "active":
        raise BoardMismatch(f"Board {board.name!r} is {board.state}.", hint="Restore the board.")
    subitem_board_id = subitem_board_of(board)
    if subitem_board_id is None:
        return board
    below = await _read_one(client, subitem_board_id, max(1.0, ends - clock()))
    return board if below is None else parse_board(raw, subitem_board=parse_board(below))


async def read_revisions(
    client: MondayClient, board_id: str, column_ids: Sequence[str]
) -> dict[str, str]:
    """column id -> revision; columns whose revision cannot be read are left out."""
    data = await client.read_optional(documents.revisions(board_id, column_ids))
    boards = _objects(data.get("r0"))
    columns = _objects(boards[0].get("columns")) if boards else []
    return {
        str(column.get("id")): str(column["revision"])
        for column in columns
        if column.get("revision")
    }


async def _read_one(
    client: MondayClient, board_id: str, give_up_after_s: float
) -> dict[str, Any] | None:
    data = await client.read(documents.board(board_id), give_up_after_s=give_up_after_s)
    return next((b for b in _objects(data["r0"]) if str(b.get("id")) == board_id), None)


def parse_board(raw: Mapping[str, Any], subitem_board: BoardInfo | None = None) -> BoardInfo:
    """A board from its answer; fields that are missing or null are taken as unknown."""
    return BoardInfo(
        id=str(raw.get("id")),
        name=str(raw.get("name") or ""),
        items_count=_count(raw.get("items_count")),
        items_limit=_count(raw.get("items_limit")),
        groups=tuple(
            BoardGroup(
                id=str(group.get("id")),
                title=str(group.get("title") or ""),
                archived=group.get("archived") is True,
                deleted=group.get("deleted") is True,
            )
            for group in _objects(raw.get("groups"))
        ),
        columns=tuple(parse_column(column) for column in _objects(raw.get("columns"))),
        state=str(raw.get("state") or "active"),
        subitem_board=subitem_board,
    )


def parse_column(raw: Mapping[str, Any]) -> BoardColumn:
    """A column from its answer, of a board or of a label change."""
    settings = _settings(raw.get("settings"))
    kind = str(raw.get("type") or "")
    return BoardColumn(
        id=str(raw.get("id")),
        title=str(raw.get("title") or ""),
        type=kind,
        labels=_labels(settings) if kind in ("status", "dropdown") else (),
        revision=str(raw.get("revision") or ""),
        archived=raw.get("archived") is True,
        settings=settings,
    )


def subitem_board_of(board: BoardInfo) -> str | None:
    """The id of the hidden subitem board; None when the board has no subitems column."""
    for column in board.columns:
        if column.type != SUBITEMS_TYPE or column.archived:
            continue
        for key in ("boardIds", "board_ids", "boardId", "board_id", "linked_board_ids"):
            given = column.settings.get(key)
            ids = given if isinstance(given, list) else [given]
            known = [str(i) for i in ids if isinstance(i, int | str) and str(i)]
            if known:
                return known[0]
    return None


def _settings(raw: object) -> dict[str, Any]:
    """Column settings as an object; they come as one, or as JSON text of one."""
    for _ in range(_LONGEST_NESTING):
        if not isinstance(raw, str):
            break
        try:
            raw = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return {}
    return raw if isinstance(raw, dict) else {}


def _labels(settings: Mapping[str, Any]) -> tuple[Label, ...]:
    """Labels as a list of objects, or as an object from id to text with lists beside it."""
    raw = settings.get("labels")
    dead = _ids(settings.get("deactivated_labels"))
    if isinstance(raw, list):
        found = [_listed_label(entry, place, dead) for place, entry in enumerate(raw)]
        return tuple(label for label in found if label is not None)
    if not isinstance(raw, dict):
        return ()
    done = _ids(settings.get("done_colors"))
    colors = settings.get("labels_colors")
    colors = colors if isinstance(colors, dict) else {}
    labels = []
    for key, value in raw.items():
        label_id = _count(key)
        text = value.get("label", value.get("name")) if isinstance(value, dict) else value
        if label_id is None or not isinstance(text, str) or not text:
            continue
        labels.append(
            Label(
                id=label_id,
                text=text,
                active=label_id not in dead,
                color=_color(colors.get(key)),
                is_done=label_id in done,
            )
        )
    return tuple(labels)


def _listed_label(entry: object, place: int, asleep: set[int]) -> Label | None:
    """A label from a list. A status label's index is its id; only bare text has no id at all."""
    if isinstance(entry, str):
        return Label(id=place, text=entry) if entry else None
    if not isinstance(entry, dict):
        return None
    text = next((entry[k] for k in ("label", "name", "text") if isinstance(entry.get(k), str)), "")
    ids = (_count(entry.get(key)) for key in ("id", "index"))
    label_id = next((i for i in ids if i is not None), None)
    if not text or label_id is None:
        return None
    dead = any(entry.get(k) is True for k in ("is_deactivated", "deactivated", "archived"))
    return Label(
        id=label_id,
        text=text,
        active=not (dead or label_id in asleep),
        color=_color(entry.get("color")),
        is_done=entry.get("is_done") is True,
        description=str(entry.get("description") or ""),
    )


def _color(raw: object) -> str:
    """A color by its API name; settings may name it otherwise, and then it stays unknown."""
    name = raw.get("var_name") if isinstance(raw, dict) else raw
    return name if isinstance(name, str) and name in documents.STATUS_COLORS else ""


def _ids(raw: object) -> set[int]:
    return {i for i in map(_count, raw) if i is not None} if isinstance(raw, list) else set()


def _count(raw: object) -> int | None:
    """A whole number, also as text; None for anything else."""
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        return None
    try:
        return int(raw)
    except ValueError:
        return None


def _objects(raw: object) -> list[dict[str, Any]]:
    return [entry for entry in raw if isinstance(entry, dict)] if isinstance(raw, list) else []
