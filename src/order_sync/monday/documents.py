"""GraphQL documents: variables only, few distinct texts, bytes that repeat identically.

A text depends on the kind and the number of aliases alone, so both sides can cache it. Row number
i of a request is the alias `ri`; `complexity` stands first in every document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal

import orjson

from order_sync.rules.states import Operation

MAX_IDS = 100  # most ids `items` takes
MAX_PAGE = 500  # most rows of one page
MAX_VALUES = 100  # values per search; the API names no maximum
PARENTS_PER_READ = 25  # nested subitems multiply in cost and have a limit of their own
STATUS_INDEXES = range(40)  # places of a status label
GREY_INDEX = 5  # the default grey: reads as an empty cell
_COLOR_NAMES = (
    "working_orange done_green stuck_red dark_blue purple explosive grass_green bright_blue "
    "saladish egg_yolk blackish dark_red sofia_pink lipstick dark_purple bright_green chili_blue "
    "american_gray brown dark_orange sunset bubble peach berry winter river navy aquamarine "
    "indigo dark_indigo pecan lavender royal steel orchid lilac tan sky coffee teal"
)
STATUS_COLORS = tuple(_COLOR_NAMES.split())  # SDL: StatusColumnColors

Values = Mapping[str, object]  # board column id -> value as the column's type wants it


class Kind(StrEnum):
    """What a document asks for; requests are stored and their cost is learned under this name."""

    CREATE_GROUPS = "create_groups"
    CREATE_ITEMS = "create_items"
    CREATE_SUBITEMS = "create_subitems"
    UPDATE_ITEMS = "update_items"
    MOVE_ITEMS = "move_items"
    ARCHIVE_ITEMS = "archive_items"
    CREATE_COLUMN = "create_column"
    SET_DROPDOWN_LABELS = "set_dropdown_labels"
    SET_STATUS_LABELS = "set_status_labels"
    BOARD = "board"
    REVISIONS = "revisions"
    FIND_ITEMS = "find_items"
    NEXT_PAGE = "next_page"
    LIST_ITEMS = "list_items"
    ITEMS = "items"
    SUBITEMS_OF = "subitems_of"
    IDENTITY = "identity"
    ACCOUNT = "account"


_ITEM_KINDS = {
    Operation.CREATE: Kind.CREATE_ITEMS,
    Operation.UPDATE: Kind.UPDATE_ITEMS,
    Operation.CANCEL: Kind.UPDATE_ITEMS,
    Operation.MOVE: Kind.MOVE_ITEMS,
    Operation.REMOVE: Kind.ARCHIVE_ITEMS,
}


def kind_of(operation: Operation, *, is_line: bool) -> Kind:
    """The kind of document that carries an operation of order lines, or of size lines."""
    if is_line and operation is Operation.CREATE:
        return Kind.CREATE_SUBITEMS
    return _ITEM_KINDS[operation]


@dataclass(frozen=True)
class _Shape:
    """How one kind of document is written; `#` stands for the number of the row."""

    operation: Literal["mutation", "query"]
    shared: str  # variables of the whole document
    each: str  # variables of a row
    field: str  # what stands after a row's alias


_COMPLEXITY = "complexity { before after query reset_in_x_seconds }"
# Only what is used is asked for: each further field is one more that may fail or cost.
_COLUMN = "id title type settings"
_CELLS = "column_values(ids: $columns) { id text }"
_ROW = f"id name group {{ id }} {_CELLS}"
_PAGE = f"{{ cursor items {{ {_ROW} }} }}"
_LABELS = "$board: ID!, $column: String!, $revision: String!, $settings: "
_SET_LABELS = "(board_id: $board, id: $column, revision: $revision, settings: $settings)"
_BY_ID = "$items: [ID!]!, $columns: [String!], $limit: Int!"
_ITEMS = "items(ids: $items, limit: $limit, exclude_nonactive: false)"

_SHAPES: dict[Kind, _Shape] = {
    Kind.CREATE_GROUPS: _Shape(
        "mutation",
        "$board: ID!",
        "$title#: String!",
        "create_group(board_id: $board, group_name: $title#) { id }",
    ),
    Kind.CREATE_ITEMS: _Shape(
        "mutation",
        "$board: ID!, $labels: Boolean!",
        "$group#: String!, $name#: String!, $values#: JSON!",
        "create_item(board_id: $board, group_id: $group#, item_name: $name#, "
        "column_values: $values#, create_labels_if_missing: $labels) { id }",
    ),
    Kind.CREATE_SUBITEMS: _Shape(
        "mutation",
        "$labels: Boolean!",
        "$parent#: ID!, $name#: String!, $values#: JSON!",
        "create_subitem(parent_item_id: $parent#, item_name: $name#, "
        "column_values: $values#, create_labels_if_missing: $labels) { id }",
    ),
    Kind.UPDATE_ITEMS: _Shape(
        "mutation",
        "$board: ID!, $labels: Boolean!",
        "$item#: ID!, $values#: JSON!",
        "change_multiple_column_values(board_id: $board, item_id: $item#, "
        # An archived item may be written, too, where nobody sees it: the state tells.
        "column_values: $values#, create_labels_if_missing: $labels) { id state }",
    ),
    Kind.MOVE_ITEMS: _Shape(
        "mutation",
        "",
        "$item#: ID!, $group#: String!",
        "move_item_to_group(item_id: $item#, group_id: $group#) { id state }",
    ),
    Kind.ARCHIVE_ITEMS: _Shape(
        "mutation", "", "$item#: ID!", "archive_item(item_id: $item#) { id }"
    ),
    Kind.CREATE_COLUMN: _Shape(
        "mutation",
        "$board: ID!, $title: String!, $description: String",
        "",
        "create_column(board_id: $board, title: $title, description: $description, "
        "column_type: text) { id }",
    ),
    Kind.SET_DROPDOWN_LABELS: _Shape(
        "mutation",
        f"{_LABELS}UpdateDropdownColumnSettingsInput!",
        "",
        f"update_dropdown_column{_SET_LABELS} {{ id }}",
    ),
    Kind.SET_STATUS_LABELS: _Shape(
        "mutation",
        f"{_LABELS}UpdateStatusColumnSettingsInput!",
        "",
        f"update_status_column{_SET_LABELS} {{ id }}",
    ),
    Kind.BOARD: _Shape(
        "query",
        "$boards: [ID!]!",
        "",
        "boards(ids: $boards) { id name hierarchy_type items_count items_limit "
        f"groups {{ id title archived deleted }} columns {{ {_COLUMN} }} }}",
    ),
    Kind.REVISIONS: _Shape(
        "query",
        "$boards: [ID!]!, $columns: [String!]",
        "",
        "boards(ids: $boards) { columns(ids: $columns) { id revision } }",
    ),
    Kind.FIND_ITEMS: _Shape(
        "query",
        "$board: ID!, $search: [ItemsPageByColumnValuesQuery!]!, $columns: [String!], $limit: Int!",
        "",
        f"items_page_by_column_values(board_id: $board, columns: $search, limit: $limit) {_PAGE}",
    ),
    Kind.NEXT_PAGE: _Shape(
        "query",
        "$cursor: String!, $columns: [String!], $limit: Int!",
        "",
        f"next_items_page(cursor: $cursor, limit: $limit) {_PAGE}",
    ),
    Kind.LIST_ITEMS: _Shape(
        "query",
        "$boards: [ID!]!, $columns: [String!], $limit: Int!",
        "",
        f"boards(ids: $boards) {{ items_page(limit: $limit) {_PAGE} }}",
    ),
    Kind.ITEMS: _Shape("query", _BY_ID, "", f"{_ITEMS} {{ state {_ROW} }}"),
    # The state of nested subitems is not asked for: that has been seen to end in a server error.
    Kind.SUBITEMS_OF: _Shape(
        "query", _BY_ID, "", f"{_ITEMS} {{ id state subitems {{ id name {_CELLS} }} }}"
    ),
    Kind.IDENTITY: _Shape("query", "", "", "me { id }"),
    Kind.ACCOUNT: _Shape(
        "query",
        "",
        "",
        "account { id tier plan { tier } } version { value } "
        "platform_api { daily_limit { base total } }",
    ),
}


@dataclass(frozen=True)
class Document:
    """One request to be: text, variables, and what the ledger and the store need to know."""

    kind: Kind
    query: str
    variables: Mapping[str, Any]
    aliases: int  # rows in it; 1 for a read

    @property
    def is_mutation(self) -> bool:
        return _SHAPES[self.kind].operation == "mutation"

    def body(self) -> bytes:
        """The bytes to send; equal documents give equal bytes.

        Raises:
            TypeError: a value is not JSON, or a text holds half a surrogate pair.
        """
        parts = {"query": self.query, "variables": self.variables}
        return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)


@lru_cache(maxsize=256)
def text(kind: Kind, aliases: int) -> str:
    """The document's text for so many rows."""
    shape = _SHAPES[kind]
    rows = [str(i) for i in range(aliases)]
    declared = [shape.shared] if shape.shared else []
    declared += [shape.each.replace("#", i) for i in rows if shape.each]
    variables = f" ({', '.join(declared)})" if declared else ""
    fields = [f"r{i}: {shape.field.replace('#', i)}" for i in rows]
    return "\n  ".join([f"{shape.operation}{variables} {{", _COMPLEXITY, *fields]) + "\n}"


def _document(kind: Kind, aliases: int, **variables: object) -> Document:
    if aliases < 1:
        raise ValueError(f"a {kind} document needs at least one row")
    return Document(kind, text(kind, aliases), variables, aliases)


def _json(values: Values) -> str:
    """The scalar JSON travels as a string that holds JSON; sorted, so that bytes repeat."""
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


def _numbered(name: str, values: Iterable[object]) -> dict[str, object]:
    return {f"{name}{i}": value for i, value in enumerate(values)}


def create_groups(titles: Sequence[str], board_id: str) -> Document:
    """New groups; monday.com makes a second one when the title stands already."""
    rows = _numbered("title", titles)
    return _document(Kind.CREATE_GROUPS, len(titles), board=board_id, **rows)


def create_items(
    items: Sequence[tuple[str, str, Values]], board_id: str, create_labels: bool = False
) -> Document:
    """New items from (group id, name, values)."""
    rows = (
        _numbered("group", (group for group, _, _ in items))
        | _numbered("name", (name for _, name, _ in items))
        | _numbered("values", (_json(values) for _, _, values in items))
    )
    return _document(Kind.CREATE_ITEMS, len(items), board=board_id, labels=create_labels, **rows)


def create_subitems(
    subitems: Sequence[tuple[str, str, Values]], create_labels: bool = False
) -> Document:
    """New subitems from (parent item id, name, values by the subitem board's column ids)."""
    rows = (
        _numbered("parent", (parent for parent, _, _ in subitems))
        | _numbered("name", (name for _, name, _ in subitems))
        | _numbered("values", (_json(values) for _, _, values in subitems))
    )
    return _document(Kind.CREATE_SUBITEMS, len(subitems), labels=create_labels, **rows)


def update_items(
    items: Sequence[tuple[str, Values]], board_id: str, create_labels: bool = False
) -> Document:
    """New values for (item id, values); key "name" renames. Subitems: give the subitem board."""
    rows = _numbered("item", (item for item, _ in items)) | _numbered(
        "values", (_json(values) for _, values in items)
    )
    return _document(Kind.UPDATE_ITEMS, len(items), board=board_id, labels=create_labels, **rows)


def move_items(moves: Sequence[tuple[str, str]]) -> Document:
    """Items to other groups, from (item id, group id)."""
    rows = _numbered("item", (item for item, _ in moves)) | _numbered(
        "group", (group for _, group in moves)
    )
    return _document(Kind.MOVE_ITEMS, len(moves), **rows)


def archive_items(ids: Sequence[str]) -> Document:
    """Items (and their subitems with them) into the archive."""
    return _document(Kind.ARCHIVE_ITEMS, len(ids), **_numbered("item", ids))


def create_text_column(board_id: str, title: str, description: str) -> Document:
    """A new text column; monday.com makes a second one when the title stands already."""
    return _document(Kind.CREATE_COLUMN, 1, board=board_id, title=title, description=description)


def set_dropdown_labels(
    board_id: str, column_id: str, revision: str, labels: Sequence[Mapping[str, object]]
) -> Document:
    """The whole label list of a dropdown column: {"label", "id"?, "is_deactivated"?} each.

    The list replaces the old one, so existing labels must be in it with their ids. A column
    changed since `revision` was read refuses.
    """
    return _set_labels(Kind.SET_DROPDOWN_LABELS, board_id, column_id, revision, labels)


def set_status_labels(
    board_id: str, column_id: str, revision: str, labels: Sequence[Mapping[str, object]]
) -> Document:
    """The whole label list of a status column: {"label", "color", "index", "id"?, ...} each.

    Raises:
        ValueError: a color or index that does not exist or stands twice.
    """
    colors = [label.get("color") for label in labels]
    indexes = [label.get("index") for label in labels]
    if len(set(colors)) < len(colors) or not set(colors) <= set(STATUS_COLORS):
        raise ValueError("every status label needs a color of its own, from the API's list")
    if len(set(indexes)) < len(indexes) or not set(indexes) <= set(STATUS_INDEXES):
        raise ValueError("every status label needs an index of its own, 0 to 39")
    return _set_labels(Kind.SET_STATUS_LABELS, board_id, column_id, revision, labels)


def _set_labels(
    kind: Kind,
    board_id: str,
    column_id: str,
    revision: str,
    labels: Sequence[Mapping[str, object]],
) -> Document:
    settings = {"labels": [dict(label) for label in labels]}
    return _document(
        kind, 1, board=board_id, column=column_id, revision=revision, settings=settings
    )


def board(board_id: str) -> Document:
    """A board with its groups and columns; the subitem board is read the same way."""
    return _document(Kind.BOARD, 1, boards=[board_id])


def revisions(board_id: str, column_ids: Sequence[str]) -> Document:
    """Revisions of columns, which a change of their labels has to name."""
    return _document(Kind.REVISIONS, 1, boards=[board_id], columns=list(column_ids))


def find_items(
    board_id: str, column_id: str, values: Sequence[str], column_ids: Sequence[str]
) -> Document:
    """Page one of the active items whose column equals one of the values, ignoring case.

    Raises:
        ValueError: a blank value, which would find every item with an empty cell.
    """
    if not values or not all(value.strip() for value in values):
        raise ValueError("a search needs values, none of them blank")
    search = [{"column_id": column_id, "column_values": list(values)}]
    return _document(
        Kind.FIND_ITEMS,
        1,
        board=board_id,
        search=search,
        columns=list(column_ids),
        limit=MAX_PAGE,
    )


def next_page(cursor: str, column_ids: Sequence[str]) -> Document:
    """The page after the one that gave `cursor`."""
    return _document(Kind.NEXT_PAGE, 1, cursor=cursor, columns=list(column_ids), limit=MAX_PAGE)


def list_items(board_id: str, column_ids: Sequence[str]) -> Document:
    """Page one of all active items of a board."""
    return _document(
        Kind.LIST_ITEMS, 1, boards=[board_id], columns=list(column_ids), limit=MAX_PAGE
    )


def items(ids: Sequence[str], column_ids: Sequence[str]) -> Document:
    """Items by id, archived and deleted ones too, with their state; at most `MAX_IDS`."""
    return _by_id(Kind.ITEMS, ids, column_ids)


def subitems_of(parent_ids: Sequence[str], column_ids: Sequence[str]) -> Document:
    """The subitems below some items; better `PARENTS_PER_READ` of them than `MAX_IDS`."""
    return _by_id(Kind.SUBITEMS_OF, parent_ids, column_ids)


def _by_id(kind: Kind, ids: Sequence[str], column_ids: Sequence[str]) -> Document:
    # Without a limit the API cuts the list at 25 and says nothing.
    if not 1 <= len(ids) <= MAX_IDS:
        raise ValueError(f"1 to {MAX_IDS} ids in a request, not {len(ids)}")
    return _document(kind, 1, items=list(ids), columns=list(column_ids), limit=MAX_IDS)


def identity() -> Document:
    """Who the token belongs to: the cheapest question that needs a good token."""
    return _document(Kind.IDENTITY, 1)


def account() -> Document:
    """Plan, version and calls per day: nice to know, may be refused."""
    return _document(Kind.ACCOUNT, 1)
