"""The profile against the board: titles become column ids, and every difference is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from order_sync.errors import BoardMismatch
from order_sync.monday.board import BoardColumn, BoardGroup, BoardInfo, subitem_board_of
from order_sync.rules.mapping import BOARD_TYPES, Kind
from order_sync.rules.mapping import Mapping as Profile

KEY_TITLE = "ORDER SYNC KEY"  # optional text column that holds our own key
READ_ONLY_TYPES = frozenset(
    (
        *("auto_number", "button", "creation_log", "formula", "integration", "item_id"),
        *("last_updated", "mirror", "progress", "subtasks", "time_tracking", "unsupported", "vote"),
    )
)


@dataclass(frozen=True)
class BoardMap:
    """Where each title of the profile stands on one board."""

    board_id: str
    name: str
    subitem_board_id: str
    columns: Mapping[str, BoardColumn]  # title in the profile -> column, those to be written
    subitem_label: BoardColumn
    subitem_quantity: BoardColumn
    groups: tuple[BoardGroup, ...]  # active ones, in board order
    items_count: int | None
    items_limit: int | None
    notices: tuple[str, ...]  # optional columns that are left out, and why
    sync_key: BoardColumn | None = None  # ORDER SYNC KEY, when the board has it
    subitem_sync_key: BoardColumn | None = None

    @property
    def active_titles(self) -> frozenset[str]:
        """Titles of the profile that are written to this board."""
        return frozenset(self.columns)


class _Titles:
    """The active columns of one board by trimmed title, and what is wrong with them."""

    def __init__(self, place: str, columns: Iterable[BoardColumn]) -> None:
        self.place = place
        self.problems: list[str] = []
        self.notices: list[str] = []
        self._by_title: dict[str, list[BoardColumn]] = {}
        for column in columns:
            if not column.archived:
                self._by_title.setdefault(column.title.strip(), []).append(column)

    def find(self, title: str, accepted: tuple[str, ...], *, required: bool) -> BoardColumn | None:
        """The column with this title, if it can be written; else one problem or notice."""
        found = self._by_title.get(title.strip(), [])
        complaints = self.problems if required else self.notices
        if not found:
            complaints.append(f"{self.place} has no column {title!r}{_skipped(required)}")
            return None
        if len(found) > 1:
            ids = ", ".join(column.id for column in found)
            self.problems.append(f"{self.place} has the column {title!r} more than once: {ids}")
            return None
        column = found[0]
        if column.type in READ_ONLY_TYPES:
            complaints.append(
                f"the column {title!r} ({column.id}) of {self.place} is computed"
                f" ({column.type}) and cannot be written{_skipped(required)}"
            )
            return None
        if column.type not in accepted:
            self.problems.append(
                f"the column {title!r} ({column.id}) of {self.place} has the type {column.type};"
                f" it must be {' or '.join(accepted)}"
            )
            return None
        return column

    def find_key(self) -> BoardColumn | None:
        """Our own key column; most boards have none, so its absence is no news."""
        if KEY_TITLE not in self._by_title:
            return None
        return self.find(KEY_TITLE, ("text",), required=True)


def _skipped(required: bool) -> str:
    return "" if required else "; it is optional and left out"


def match_columns(mapping: Profile, board: BoardInfo) -> BoardMap:
    """Every title of the profile as a column of this board.

    Raises:
        BoardMismatch: with every difference, not only the first.
    """
    above = _Titles("the board", board.columns)
    columns: dict[str, BoardColumn] = {}
    for mapped in mapping.columns:
        accepted = BOARD_TYPES[mapped.kind]
        column = above.find(mapped.title, accepted, required=mapped.required)
        if column is not None:
            columns[mapped.title] = column
    sync_key = above.find_key()

    problems = list(above.problems)
    notices = list(above.notices)
    label = quantity = subitem_sync_key = None
    if board.subitem_board is not None:
        below = _Titles("the subitem board", board.subitem_board.columns)
        sizes = mapping.sizes
        label = below.find(sizes.label_title, BOARD_TYPES[Kind.TEXT], required=True)
        quantity = below.find(sizes.quantity_title, BOARD_TYPES[Kind.NUMBER], required=True)
        subitem_sync_key = below.find_key()
        problems += below.problems
        notices += below.notices
    elif subitem_board_of(board) is not None:
        problems.append("the subitem board cannot be read; the token's user must see it")
    else:
        problems.append(
            "the board has no subitems column; add one, or make a first subitem by hand"
        )
    if problems or board.subitem_board is None or label is None or quantity is None:
        raise BoardMismatch(
            f"Board {board.name!r} ({board.id}) does not fit the profile {mapping.name!r}:"
            f" {len(problems)} difference{'s' if len(problems) > 1 else ''}.",
            hint="Correct the board or the profile; run `order-sync check` to look again.",
            problems=tuple(problems),
        )
    return BoardMap(
        board_id=board.id,
        name=board.name,
        subitem_board_id=board.subitem_board.id,
        columns=columns,
        subitem_label=label,
        subitem_quantity=quantity,
        groups=tuple(group for group in board.groups if group.active),
        items_count=board.items_count,
        items_limit=board.items_limit,
        notices=tuple(notices),
        sync_key=sync_key,
        subitem_sync_key=subitem_sync_key,
    )
