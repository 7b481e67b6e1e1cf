"""Resolvers of everything that is read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from graphql import GraphQLResolveInfo, GraphQLSchema

from order_sync.sandbox.activity import Event, Wanted, read_time
from order_sync.sandbox.boards import Board, Column, Group, Item
from order_sync.sandbox.call import Call
from order_sync.sandbox.clock import iso_time
from order_sync.sandbox.errors import invalid_argument
from order_sync.sandbox.imports.fields import fetch_job_status
from order_sync.sandbox.readings import TYPED_FIELDS, VALUE_TYPES, Cell
from order_sync.sandbox.search import (
    Page,
    Test,
    by_column_values,
    by_query_params,
    check_ids,
    check_page_limit,
)
from order_sync.sandbox.user import ACCOUNT_ID, USER_EMAIL, USER_ID, USER_NAME

Info = GraphQLResolveInfo[Call]

# Root fields ----------------------------------------------------------------------------------


def boards(
    call: Call,
    *,
    ids: Sequence[str] | None = None,
    limit: int = 25,
    page: int = 1,
    state: str = "active",
    hierarchy_types: Sequence[str] | None = None,
    board_kind: str | None = None,
) -> list[Board]:
    if state not in ("active", "all") or board_kind not in (None, "public"):
        return []
    if hierarchy_types is not None and "classic" not in hierarchy_types:
        return []
    known = call.service.account.boards
    wanted = set(known) if ids is None else set(ids)
    return _paged([board for board in known.values() if board.id in wanted], limit, page)


def items(
    call: Call,
    *,
    ids: Sequence[str] | None = None,
    limit: int = 25,
    page: int = 1,
    exclude_nonactive: bool | None = None,
    newest_first: bool | None = None,
) -> list[Item]:
    """Items in the order they were made, whatever the order of `ids`; unknown ids are left out."""
    known = call.service.account.items
    if ids is None:
        if exclude_nonactive is not None:
            raise invalid_argument("exclude_nonactive needs ids")
        found: Iterable[Item] = (item for item in known.values() if item.state == "active")
    else:
        check_ids(ids)
        found = (known[one] for one in set(ids) if one in known)
    if call.service.options.read_lag_on_ids:
        found = filter(call.has_settled, found)
    if exclude_nonactive:
        found = (item for item in found if item.state == "active")
    in_order = sorted(found, key=lambda item: int(item.id), reverse=bool(newest_first))
    return _paged(in_order, limit, page)


def _paged(rows: list[Any], limit: int, page: int) -> list[Any]:
    if limit < 1 or page < 1:
        raise invalid_argument("limit and page start at 1")
    return rows[(page - 1) * limit : page * limit]


def items_page_by_column_values(
    call: Call,
    *,
    board_id: str,
    columns: Sequence[Mapping[str, Any]] | None = None,
    cursor: str | None = None,
    limit: int = 25,
) -> dict[str, Any]:
    board = call.service.account.board(board_id)
    if (columns is None) == (cursor is None):
        raise invalid_argument("Give either columns or cursor")
    if cursor is not None:
        return _next_page(call, cursor, limit, board.id)
    return _first_page(call, board, by_column_values(board, columns or ()), limit)


def next_items_page(call: Call, *, cursor: str, limit: int = 25) -> dict[str, Any]:
    return _next_page(call, cursor, limit)


def _next_page(call: Call, cursor: str, limit: int, board_id: str | None = None) -> dict[str, Any]:
    refused = call.fault.refuse_cursor() if call.fault else None
    if refused is not None:
        raise refused
    return _page(call, call.service.cursors.next_page(cursor, limit, board_id))


def _first_page(call: Call, board: Board, test: Test, limit: int) -> dict[str, Any]:
    check_page_limit(limit)
    found = [item.id for item in board.active_items() if call.has_settled(item) and test(item)]
    return _page(call, call.service.cursors.first_page(board.id, found, limit))


def _page(call: Call, page: Page) -> dict[str, Any]:
    """Items that went away since the first page are left out."""
    known = call.service.account.items
    found = [known[item_id] for item_id in page.item_ids]
    return {"cursor": page.cursor, "items": [item for item in found if item.state == "active"]}


def me(call: Call) -> dict[str, Any]:
    return {
        "id": USER_ID,
        "name": USER_NAME,
        "email": USER_EMAIL,
        "title": "",
        "url": f"{call.base_url}/users/{USER_ID}",
        "account": account(call),
    }


def account(call: Call) -> dict[str, Any]:
    plan = call.service.options.plan
    return {
        "id": ACCOUNT_ID,
        "name": "Sandbox",
        "slug": "sandbox",
        "tier": plan,
        "is_during_trial": False,
        "plan": {"max_users": 100, "period": "monthly", "tier": plan, "version": 1},
    }


def complexity(call: Call) -> dict[str, int]:
    return {
        "before": call.points_before,
        "query": call.points,
        "after": max(0, call.points_before - call.points),
        "reset_in_x_seconds": call.service.limits.complexity_resets_in(call.kind),
    }


def platform_api(call: Call) -> dict[str, Any]:
    base = call.service.limits.quota.requests_per_day
    addon = {"is_active": False, "quantity": 0}
    return {
        "daily_limit": {"base": base, "total": base, "addon": addon},
        "daily_analytics": _daily_analytics(call),
    }


def _daily_analytics(call: Call) -> dict[str, Any]:
    analytics = call.service.limits.analytics
    by_day = analytics.by_day()
    return {
        "last_updated": iso_time(analytics.updated_at),
        "by_day": [{"day": day, "usage": usage} for day, usage in by_day.items()],
        "by_user": [{"user": me(call), "usage": sum(by_day.values())}],
    }


def _version(value: str, kind: str) -> dict[str, str]:
    return {"value": value, "kind": kind, "display_name": value}


def versions(call: Call) -> list[dict[str, str]]:
    known = call.service.options.versions
    return [
        _version(known.release_candidate, "release_candidate"),
        _version(known.current, "current"),
        _version(known.maintenance, "maintenance"),
    ]


def version(call: Call) -> dict[str, str]:
    for known in versions(call):
        if known["value"] == call.version:
            return known
    return _version(call.version, "deprecated")


# Fields of boards, groups and columns -----------------------------------------------------------


def _board_items_page(
    board: Board,
    info: Info,
    *,
    limit: int = 25,
    cursor: str | None = None,
    query_params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return _items_page(info.context, board, None, limit, cursor, query_params)


def _group_items_page(
    group: Group,
    info: Info,
    *,
    limit: int = 25,
    cursor: str | None = None,
    query_params: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return _items_page(info.context, group.board, group, limit, cursor, query_params)


def _items_page(
    call: Call,
    board: Board,
    group: Group | None,
    limit: int,
    cursor: str | None,
    query_params: Mapping[str, Any] | None,
) -> dict[str, Any]:
    if cursor is not None and query_params is not None:
        raise invalid_argument("Give either query_params or cursor")
    if cursor is not None:
        return _next_page(call, cursor, limit, board.id)
    matches = by_query_params(board, query_params or {})
    if group is None:
        return _first_page(call, board, matches, limit)
    return _first_page(call, board, lambda item: item.group is group and matches(item), limit)


def _activity_logs(
    board: Board,
    _info: Info,
    *,
    limit: int = 25,
    page: int = 1,
    item_ids: Sequence[str] | None = None,
    column_ids: Sequence[str] | None = None,
    group_ids: Sequence[str] | None = None,
    user_ids: Sequence[str] | None = None,
    **times: str | None,
) -> list[Event]:
    since, until = read_time(times.get("from")), read_time(times.get("to"))
    wanted = Wanted(since, until, item_ids, column_ids, group_ids, user_ids)
    return _paged(list(filter(wanted.has, board.activity.newest_first())), limit, page)


def _groups(board: Board, _info: Info, *, ids: Sequence[str] | None = None) -> list[Group]:
    return [group for group in board.active_groups if ids is None or group.id in ids]


def _columns(
    board: Board,
    _info: Info,
    *,
    ids: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
) -> list[Column]:
    return [
        column
        for column in board.columns.values()
        if not column.archived
        and (ids is None or column.id in ids)
        and (types is None or column.type in types)
    ]


def column_settings(column: Column) -> dict[str, Any]:
    if column.labels is not None:
        return {"labels": column.labels.settings()}
    if column.type == "subtasks":
        return {"boardIds": [column.subitem_board_id] if column.subitem_board_id else []}
    return {}


def revision_of(column: Column) -> str:
    return f"{column.revision:08x}"


def _old_settings(column: Column) -> str:
    """The deprecated `settings_str`, which writes labels in another way."""
    settings = column_settings(column)
    labels = settings.get("labels")
    if labels is not None and column.type == "status":
        settings = {"labels": {str(label["id"]): label["label"] for label in labels}}
    elif labels is not None:
        settings = {"labels": [{"id": label["id"], "name": label["label"]} for label in labels]}
    return orjson.dumps(settings).decode()


# Fields of items ----------------------------------------------------------------------------------


def _subitems(item: Item, info: Info) -> list[Item]:
    call: Call = info.context
    refused = call.fault.refuse_subitems() if call.fault else None
    if refused is not None:
        raise refused
    return [subitem for subitem in item.active_subitems if call.has_settled(subitem)]


def _column_values(
    item: Item,
    _info: Info,
    *,
    ids: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
) -> list[Cell]:
    known = item.board.columns
    columns = known.values() if ids is None else [known[one] for one in ids if one in known]
    return [
        Cell(item, column)
        for column in columns
        if column.type != "name" and not column.archived and (types is None or column.type in types)
    ]


def _formula_value(cell: Cell, info: Info) -> str:
    """Always empty, but counted as the service does."""
    call: Call = info.context
    call.formula_columns.add(cell.column.id)
    most = call.service.options.formula_columns_limit
    if len(call.formula_columns) > most:
        raise invalid_argument(f"A request may read {most} formula columns at most")
    call.service.limits.read_formula()
    return ""


def _value_type(cell: Cell, _info: Info, _type: object) -> str:
    return VALUE_TYPES.get(cell.column.type, "UnsupportedValue")


def _plain(read: Callable[[Any], Any]) -> Callable[..., Any]:
    """A resolver that needs nothing but the object itself."""
    return lambda source, _info: read(source)


def _root(resolve: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _source, info, **arguments: resolve(info.context, **arguments)


_ROOT_FIELDS = (
    account,
    boards,
    complexity,
    fetch_job_status,
    items,
    items_page_by_column_values,
    me,
    next_items_page,
    platform_api,
    version,
    versions,
)

_FIELDS: dict[str, dict[str, Callable[..., Any]]] = {
    "Query": {resolve.__name__: _root(resolve) for resolve in _ROOT_FIELDS},
    "ActivityLogType": {"account_id": _plain(lambda _entry: ACCOUNT_ID)},
    "Board": {
        "activity_logs": _activity_logs,
        "board_kind": _plain(lambda _board: "public"),
        "columns": _columns,
        "description": _plain(lambda _board: None),
        "groups": _groups,
        "hierarchy_type": _plain(lambda _board: "classic"),
        "items_limit": lambda _board, info: info.context.service.options.items_limit,
        "items_page": _board_items_page,
        "permissions": _plain(lambda _board: "everyone"),
        "state": _plain(lambda _board: "active"),
        "top_group": _plain(lambda board: board.active_groups[0]),
        "updated_at": _plain(lambda board: iso_time(board.updated_at)),
        "url": lambda board, info: f"{info.context.base_url}/boards/{board.id}",
        "workspace_id": _plain(lambda _board: None),
    },
    "Group": {
        "archived": _plain(lambda group: group.state == "archived"),
        "deleted": _plain(lambda group: group.state == "deleted"),
        "items_page": _group_items_page,
        "position": _plain(lambda group: str((group.board.groups.index(group) + 1) * 65_536)),
    },
    "Column": {
        "revision": _plain(revision_of),
        "settings": _plain(column_settings),
        "settings_str": _plain(_old_settings),
        "width": _plain(lambda _column: None),
    },
    "Item": {
        "column_values": _column_values,
        "created_at": _plain(lambda item: iso_time(item.created_at)),
        "creator_id": _plain(lambda _item: USER_ID),
        "parent_item": _plain(lambda item: item.parent),
        "relative_link": _plain(lambda item: f"/boards/{item.board.id}/pulses/{item.id}"),
        "subitems": _subitems,
        "updated_at": _plain(lambda item: iso_time(item.updated_at)),
        "url": lambda item, info: f"{info.context.base_url}/boards/{item.board.id}#{item.id}",
    },
}

_CELL_FIELDS: dict[str, Callable[..., Any]] = {
    "column": _plain(lambda cell: cell.column),
    "id": _plain(lambda cell: cell.column.id),
    "is_leaf": _plain(lambda _cell: True),
    "text": _plain(lambda cell: cell.text),
    "type": _plain(lambda cell: cell.column.type),
    "value": _plain(lambda cell: cell.value),
}


def attach(schema: GraphQLSchema) -> None:
    """Give the types of the schema their resolvers; other fields are attributes or dict keys."""
    types: dict[str, Any] = dict(schema.type_map)
    for type_name, resolvers in _FIELDS.items():
        for field_name, resolve in resolvers.items():
            types[type_name].fields[field_name].resolve = resolve
    types["ColumnValue"].resolve_type = _value_type
    for type_name in {*VALUE_TYPES.values(), "UnsupportedValue"}:
        fields = types[type_name].fields
        own = {name: _plain(read) for name, read in TYPED_FIELDS.get(type_name, {}).items()}
        for field_name, resolve in {**_CELL_FIELDS, **own}.items():
            fields[field_name].resolve = resolve
    types["FormulaValue"].fields["display_value"].resolve = _formula_value
