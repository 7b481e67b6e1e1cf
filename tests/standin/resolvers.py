"""The official schema, answered from a World. What has no answer here is an error, never a null."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, build_schema

from tests.standin.errors import bad_argument, no_such, refusal
from tests.standin.state import Board, Column, Group, Item, World, revision_of, settings_of

SDL_VARIABLE = "ORDER_SYNC_OFFICIAL_SDL"
SEARCHABLE = {"text", "long_text", "numbers", "status", "dropdown", "date", "name"}
VALUE_TYPES = {
    "text": "TextValue",
    "long_text": "LongTextValue",
    "numbers": "NumbersValue",
    "status": "StatusValue",
    "dropdown": "DropdownValue",
    "date": "DateValue",
    "subtasks": "SubtasksValue",
    "mirror": "MirrorValue",
    "formula": "FormulaValue",
    "item_id": "ItemIdValue",
    "last_updated": "LastUpdatedValue",
    "board_relation": "BoardRelationValue",
}


@cache
def official_schema() -> GraphQLSchema:
    return build_schema(Path(os.environ[SDL_VARIABLE]).read_text("utf-8"), assume_valid=True)


def resolve_field(source: Any, info: Any, **args: Any) -> Any:
    """Root fields come from the tables below, all others from the dict of their parent."""
    name = info.field_name
    if info.parent_type.name == "Query":
        table: dict[str, Callable[..., Any]] = QUERIES
    elif info.parent_type.name == "Mutation":
        table = MUTATIONS
    else:
        if not isinstance(source, dict) or name not in source:
            raise refusal(f"{info.parent_type.name}.{name} has no answer here", "NotImplemented")
        value = source[name]
        return value(**args) if callable(value) else value
    if name not in table:
        raise refusal(f"{info.parent_type.name}.{name} has no answer here", "NotImplemented")
    call = info.context
    call.before_field(info.parent_type.name, name)
    try:
        return table[name](call.world, **args)
    finally:
        call.after_field(info.parent_type.name, name)


# shapes


def shape_board(world: World, board: Board) -> dict[str, Any]:
    def columns(ids: Any = None, types: Any = None, capabilities: Any = None) -> list[Any]:
        return [
            shape_column(world, c)
            for c in board.columns.values()
            if (ids is None or c.id in ids) and (types is None or c.type in types)
        ]

    def groups(ids: Any = None) -> list[Any]:
        return [
            shape_group(world, board, g)
            for g in board.groups.values()
            if (ids is None or g.id in ids) and world.searchable(g.made_at)
        ]

    return {
        "id": board.id,
        "name": board.name,
        "type": board.kind,
        "state": "active",
        "board_kind": "public",
        "hierarchy_type": "classic",
        "access_level": "edit",
        "permissions": "everyone",
        "items_count": len(world.visible(board)),
        "items_limit": 10_000,
        "url": f"https://example.invalid/boards/{board.id}",
        "updated_at": "2026-11-20T10:00:00Z",
        "created_at": "2026-11-01T10:00:00Z",
        "workspace_id": None,
        "workspace": None,
        "description": None,
        "columns": columns,
        "groups": groups,
        "top_group": shape_group(world, board, world.top_group(board)),
        "items_page": lambda **args: items_page(world, board, **args),
    }


def shape_column(world: World, column: Column) -> dict[str, Any]:
    return {
        "id": column.id,
        "title": column.title,
        "type": column.type,
        "archived": False,
        "description": None,
        "width": None,
        "revision": revision_of(column),
        "settings": settings_of(column, world.options.settings),
        "settings_str": json.dumps(settings_of(column, "classic")),
    }


def shape_group(world: World, board: Board, group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "title": group.title,
        "archived": group.archived,
        "deleted": False,
        "color": "#9aadbd",
        "position": f"{65_536 * (1 + list(board.groups).index(group.id))}.0",
        "items_page": lambda **args: items_page(world, board, within=group.id, **args),
    }


def shape_item(world: World, item: Item) -> dict[str, Any]:
    board = world.boards[item.board_id]

    def values(ids: Any = None, types: Any = None, capabilities: Any = None) -> list[Any]:
        return [
            shape_value(world, item, c)
            for c in board.columns.values()
            if c.type != "name"
            and (ids is None or c.id in ids)
            and (types is None or c.type in types)
        ]

    return {
        "id": item.id,
        "name": item.name,
        "state": item.state,
        "board": lambda: shape_board(world, board),
        "group": lambda: shape_group(world, board, board.groups[item.group_id]),
        "parent_item": lambda: item.parent_id and shape_item(world, world.item(item.parent_id)),
        "subitems": lambda: [shape_item(world, i) for i in children(world, item)],
        "column_values": values,
        "created_at": "2026-11-20T10:00:00Z",
        "updated_at": "2026-11-20T10:00:00Z",
        "creator_id": "900800700",
        "url": f"https://example.invalid/items/{item.id}",
        "relative_link": f"/items/{item.id}",
        "email": f"{item.id}@example.invalid",
    }


def children(world: World, item: Item) -> list[Item]:
    return [
        i
        for board in world.boards.values()
        for i in world.visible(board)
        if i.parent_id == item.id and world.searchable(i.made_at)
    ]


def text_of(world: World, item: Item, column: Column) -> str | None:
    """`text` as the column pages describe it: null for an empty status or dropdown."""
    raw = item.values.get(column.id)
    if column.type in ("mirror", "formula", "board_relation"):
        return None
    if column.type == "item_id":
        return item.id
    if raw in (None, "", []):
        return None if column.type in ("status", "dropdown") else ""
    shown = world.shown(column, raw)
    if column.type == "numbers":
        return f"{shown.normalize():f}"
    return ", ".join(shown) if column.type == "dropdown" else str(shown)


def shape_value(world: World, item: Item, column: Column) -> dict[str, Any]:
    raw = item.values.get(column.id)
    empty = raw in (None, "", [])
    stored = {
        "status": {"index": raw, "post_id": None, "changed_at": "2026-11-20T10:00:00.000Z"},
        "dropdown": {"ids": raw, "changed_at": "2026-11-20T10:00:00.000Z"},
        "long_text": {"text": raw, "changed_at": "2026-11-20T10:00:00.000Z"},
    }.get(column.type, raw)
    out: dict[str, Any] = {
        "__typename": VALUE_TYPES.get(column.type, "UnsupportedValue"),
        "id": column.id,
        "type": column.type,
        "text": text_of(world, item, column),
        "value": None if empty else json.dumps(stored),
        "is_leaf": True,
        "column": lambda: shape_column(world, column),
    }
    if column.type == "status":
        out |= {"index": raw, "label": None if empty else column.labels[raw], "is_done": raw == 1}
    elif column.type == "dropdown":
        out["values"] = [{"id": i, "label": column.labels[i]} for i in raw or []]
    elif column.type == "numbers":
        out |= {"number": None if empty else float(raw), "symbol": "", "direction": "right"}
    elif column.type == "date":
        out |= {"date": (raw or {}).get("date"), "time": (raw or {}).get("time"), "icon": None}
    elif column.type == "subtasks":
        kids = children(world, item)
        out |= {
            "subitems_ids": [k.id for k in kids],
            "subitems": lambda: [shape_item(world, k) for k in kids],
            "display_value": ", ".join(k.name for k in kids),
        }
    elif column.type in ("mirror", "formula", "board_relation"):
        out |= {"display_value": "", "linked_item_ids": [], "linked_items": []}
    elif column.type == "item_id":
        out["item_id"] = item.id
    return out


# reading


def read_boards(
    world: World,
    ids: Any = None,
    limit: int = 25,
    page: int = 1,
    state: str = "active",
    **rest: Any,
) -> list[Any]:
    found = [b for b in world.boards.values() if ids is None or b.id in [str(i) for i in ids]]
    first = (page - 1) * limit
    return [shape_board(world, b) for b in found[first : first + limit]]


def read_items(
    world: World,
    ids: Any = None,
    limit: int = 25,
    page: int = 1,
    exclude_nonactive: bool = False,
    newest_first: bool = False,
) -> list[Any]:
    if not ids or len(ids) > 100:
        raise bad_argument("items wants 1 to 100 ids")
    if limit > 100:
        raise bad_argument("limit is at most 100")
    wanted = [str(i) for i in ids]
    found = [
        item
        for board in world.boards.values()
        for item in board.items.values()
        if item.id in wanted and (item.state == "active" or not exclude_nonactive)
    ]
    first = (page - 1) * limit
    return [shape_item(world, i) for i in found[first : first + limit]]


def items_page(
    world: World,
    board: Board,
    within: str | None = None,
    limit: int = 25,
    cursor: str | None = None,
    query_params: Any = None,
    hierarchy_scope_config: str | None = None,
) -> dict[str, Any]:
    if cursor is not None:
        if query_params is not None:
            raise bad_argument("cursor and query_params exclude each other")
        return next_page(world, cursor, limit)
    found = [
        i
        for i in world.visible(board)
        if world.searchable(i.made_at) and (within is None or i.group_id == within)
    ]
    if query_params:
        found = [i for i in found if passes(world, board, i, query_params)]
    return cut_page(world, [i.id for i in found], limit)


def passes(world: World, board: Board, item: Item, query: dict[str, Any]) -> bool:
    if query.get("groups") or query.get("order_by"):
        raise bad_argument("groups of rules and sorting are not answered here")
    ids = query.get("ids")
    if ids is not None:
        if len(ids) > 100:
            raise bad_argument("query_params takes at most 100 ids")
        if item.id not in [str(i) for i in ids]:
            return False
    verdicts = [rule_holds(world, board, item, rule) for rule in query.get("rules") or []]
    return any(verdicts) if query.get("operator") == "or" and verdicts else all(verdicts)


def rule_holds(world: World, board: Board, item: Item, rule: dict[str, Any]) -> bool:
    column_id, operator = str(rule["column_id"]), rule.get("operator", "any_of")
    if column_id not in board.columns:
        raise no_such("column", column_id)
    column = board.columns[column_id]
    have = item.name if column.type == "name" else text_of(world, item, column) or ""
    wanted = rule["compare_value"]
    wanted = wanted if isinstance(wanted, list) else [wanted]
    if operator in ("is_empty", "is_not_empty"):
        return (have == "") == (operator == "is_empty")
    if operator in ("any_of", "not_any_of") and column.type in ("text", "long_text", "name"):
        return (have.casefold() in [str(w).casefold() for w in wanted]) == (operator == "any_of")
    if operator in ("any_of", "not_any_of") and column.type in ("status", "dropdown"):
        raw = item.values.get(column_id)
        held = raw if isinstance(raw, list) else [raw]
        return any(h in [int(w) for w in wanted] for h in held if h is not None) == (
            operator == "any_of"
        )
    if operator in ("contains_text", "not_contains_text") and column.type in SEARCHABLE:
        hit = any(str(w).casefold() in have.casefold() for w in wanted)
        return hit == (operator == "contains_text")
    raise bad_argument(f"{operator} on a {column.type} column is not answered here")


def by_column_values(
    world: World,
    board_id: object,
    columns: Any = None,
    cursor: str | None = None,
    limit: int = 25,
    hierarchy_scope_config: str | None = None,
) -> dict[str, Any]:
    if cursor is not None:
        if columns is not None:
            raise bad_argument("cursor and columns exclude each other")
        return next_page(world, cursor, limit)
    board = world.board(board_id)
    if not columns:
        raise bad_argument("columns or cursor is needed")
    found = [i for i in world.visible(board) if world.searchable(i.made_at)]
    for query in columns:
        column = board.columns.get(query["column_id"])
        if column is None:
            raise no_such("column", query["column_id"])
        if column.type not in SEARCHABLE - {"name"}:
            raise bad_argument(f"a {column.type} column cannot be searched")
        wanted = {(v or "").casefold() for v in query["column_values"]}
        if len(query["column_values"]) > 100:
            world.complaints.append("more than 100 values in one search")
        if "" in wanted:
            world.complaints.append("an empty value was searched, which finds empty cells")
        found = [i for i in found if matches(world, i, column, wanted)]
    return cut_page(world, [i.id for i in found], limit)


def matches(world: World, item: Item, column: Column, wanted: set[str]) -> bool:
    have = (text_of(world, item, column) or "").casefold()
    if column.type == "dropdown":
        return any((w in have) if w else not have for w in wanted)
    return have in wanted


def cut_page(world: World, ids: list[str], limit: int) -> dict[str, Any]:
    if not 1 <= limit <= 500:
        raise bad_argument("limit is between 1 and 500")
    rest = ids[limit:]
    cursor = base64.urlsafe_b64encode(json.dumps([time.time(), rest]).encode()).decode()
    items = [world.item(i) for i in ids[:limit]]
    return {
        "cursor": cursor if rest else None,
        "items": [shape_item(world, i) for i in items if i.state == "active"],
    }


def next_page(world: World, cursor: str, limit: int = 25) -> dict[str, Any]:
    try:
        born, ids = json.loads(base64.urlsafe_b64decode(cursor))
    except ValueError:
        raise refusal("the cursor is not ours", "CursorException") from None
    if time.time() - born > 3_600:
        raise refusal("the cursor has expired", "CursorException")
    return cut_page(world, ids, limit)


def account(world: World) -> dict[str, Any]:
    return {
        "id": "55667788",
        "name": "Second stand-in",
        "slug": "second-stand-in",
        "tier": "pro",
        "plan": {"tier": "pro", "max_users": 25, "period": "yearly", "version": 12},
        "is_during_trial": False,
        "is_trial_expired": False,
        "country_code": "NO",
    }


def me(world: World) -> dict[str, Any]:
    return {
        "id": "900800700",
        "name": "Order Robot",
        "email": "robot@example.invalid",
        "kind": "member",
        "status": "ACTIVE",
        "account": account(world),
        "account_id": "55667788",
        "title": "",
        "time_zone_identifier": "Europe/Oslo",
    }


def complexity(world: World) -> dict[str, int]:
    return {"before": 9_999_000, "query": 1_130, "after": 9_997_870, "reset_in_x_seconds": 41}


def versions() -> Iterator[dict[str, str]]:
    for value, kind in (
        ("2026-07", "maintenance"),
        ("2026-10", "current"),
        ("2027-01", "release_candidate"),
    ):
        yield {"value": value, "kind": kind, "display_name": value}


def platform_api(world: World) -> dict[str, Any]:
    return {
        "daily_limit": {"base": 10_000, "total": 10_000, "addon": None},
        "daily_analytics": {"last_updated": "2026-11-20T09:00:00Z", "by_day": []},
    }


# writing


def create_item(
    world: World,
    board_id: object,
    item_name: str,
    group_id: str | None = None,
    column_values: Any = None,
    create_labels_if_missing: bool | None = None,
    **rest: Any,
) -> dict[str, Any]:
    if any(v is not None for v in rest.values()):
        raise bad_argument("positions are not answered here")
    labels = bool(create_labels_if_missing)
    item = world.create_item(board_id, item_name, group_id, column_values, labels)
    return shape_item(world, item)


def create_subitem(
    world: World,
    parent_item_id: object,
    item_name: str,
    column_values: Any = None,
    create_labels_if_missing: bool | None = None,
) -> dict[str, Any]:
    labels = bool(create_labels_if_missing)
    return shape_item(world, world.create_subitem(parent_item_id, item_name, column_values, labels))


def create_group(world: World, board_id: object, group_name: str, **rest: Any) -> dict[str, Any]:
    return shape_group(world, world.board(board_id), world.create_group(board_id, group_name))


def change_many(
    world: World,
    board_id: object,
    column_values: Any,
    item_id: object = None,
    create_labels_if_missing: bool | None = None,
) -> dict[str, Any]:
    labels = bool(create_labels_if_missing)
    return shape_item(world, world.change_values(board_id, item_id, column_values, labels))


def change_json(
    world: World,
    board_id: object,
    column_id: str,
    value: Any,
    item_id: object = None,
    create_labels_if_missing: bool | None = None,
) -> dict[str, Any]:
    if not isinstance(value, str):
        raise bad_argument("value must be a JSON-encoded string")
    labels = bool(create_labels_if_missing)
    return shape_item(
        world, world.change_one(board_id, item_id, column_id, json.loads(value), labels)
    )


def change_simple(
    world: World,
    board_id: object,
    column_id: str,
    value: str | None = None,
    item_id: object = None,
    create_labels_if_missing: bool | None = None,
) -> dict[str, Any]:
    labels = bool(create_labels_if_missing)
    return shape_item(world, world.change_one(board_id, item_id, column_id, value, labels))


def move_item(world: World, group_id: str, item_id: object = None) -> dict[str, Any]:
    return shape_item(world, world.move(item_id, group_id))


def archive_item(world: World, item_id: object = None) -> dict[str, Any]:
    return shape_item(world, world.retire(item_id, "archived"))


def delete_item(world: World, item_id: object = None) -> dict[str, Any]:
    return shape_item(world, world.retire(item_id, "deleted"))


def update_dropdown(
    world: World, board_id: object, id: str, revision: str, settings: Any = None, **rest: Any
) -> dict[str, Any]:
    labels = (settings or {}).get("labels", [])
    return shape_column(world, world.replace_dropdown_labels(board_id, id, revision, labels))


def update_status(
    world: World, board_id: object, id: str, revision: str, settings: Any = None, **rest: Any
) -> dict[str, Any]:
    labels = (settings or {}).get("labels", [])
    return shape_column(world, world.replace_status_labels(board_id, id, revision, labels))


def create_column(
    world: World,
    board_id: object,
    title: str,
    column_type: str,
    id: str | None = None,
    **rest: Any,
) -> dict[str, Any]:
    return shape_column(world, world.create_column(board_id, title, column_type, id))


QUERIES: dict[str, Callable[..., Any]] = {
    "boards": read_boards,
    "items": read_items,
    "items_page_by_column_values": by_column_values,
    "next_items_page": next_page,
    "me": me,
    "account": account,
    "complexity": complexity,
    "platform_api": platform_api,
    "version": lambda world: next(v for v in versions() if v["kind"] == "current"),
    "versions": lambda world: list(versions()),
}

MUTATIONS: dict[str, Callable[..., Any]] = {
    "complexity": complexity,
    "create_item": create_item,
    "create_subitem": create_subitem,
    "create_group": create_group,
    "change_multiple_column_values": change_many,
    "change_column_value": change_json,
    "change_simple_column_value": change_simple,
    "move_item_to_group": move_item,
    "archive_item": archive_item,
    "delete_item": delete_item,
    "update_dropdown_column": update_dropdown,
    "update_status_column": update_status,
    "create_column": create_column,
}
