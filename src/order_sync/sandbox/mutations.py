"""Resolvers of everything that is written. Each checks all it was given before it writes."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from graphql import GraphQLSchema

from order_sync.sandbox.boards import (
    Board,
    Column,
    Group,
    Item,
    check_name,
    subitem_board_of,
)
from order_sync.sandbox.call import Call
from order_sync.sandbox.columns import (
    decode_json,
    labels_of,
    parse_column_values,
    parse_simple_value,
    parse_value,
)
from order_sync.sandbox.errors import ApiError, invalid_argument, invalid_item
from order_sync.sandbox.imports.fields import backfill_items, ingest_items
from order_sync.sandbox.labels import LabelError, Labels
from order_sync.sandbox.queries import complexity, revision_of

_OWN_COLUMN_ID = re.compile(r"[a-z_]{1,20}")
# Types that can be made through the API here; the others belong to the board itself.
_CREATABLE_TYPES = frozenset(
    {
        "text",
        "long_text",
        "numbers",
        "status",
        "dropdown",
        "date",
        "checkbox",
        "link",
        "people",
        "timeline",
        "phone",
        "email",
        "country",
        "rating",
        "hour",
        "board_relation",
        "tags",
        "formula",
        "mirror",
        "item_id",
        "last_updated",
        "location",
        "creation_log",
        "auto_number",
        "progress",
        "button",
        "integration",
        "time_tracking",
        "vote",
    }
)

# Items ----------------------------------------------------------------------------------------


def create_item(
    call: Call,
    *,
    board_id: str,
    item_name: str,
    group_id: str | None = None,
    column_values: object = None,
    create_labels_if_missing: bool | None = None,
    relative_to: str | None = None,
    position_relative_method: str | None = None,
) -> Item:
    """The item comes last in its group, or beside `relative_to`, whose group it takes over."""
    account = call.service.account
    board = account.board(board_id)
    if board.type == "sub_items_board":
        raise invalid_argument("Subitems are made with create_subitem", board_id=board.id)
    group = board.group(group_id) if group_id is not None else board.active_groups[0]
    other = _neighbour(call, relative_to, position_relative_method, board)
    if other is not None and group_id is not None and other.group is not group:
        raise invalid_argument("relative_to is in another group", item_id=other.id)
    group = group if other is None else other.group
    check_name(item_name)
    cells = _parsed(call, board, column_values, create_labels_if_missing)
    item = account.add_item(group, cells.pop("name", item_name), _filled(board, cells))
    if other is not None:
        account.place_beside(item, other, before=position_relative_method == "before_at")
    return item


def _neighbour(
    call: Call, relative_to: str | None, method: str | None, board: Board
) -> Item | None:
    """The item to be placed beside; None if none is named."""
    if relative_to is None:
        if method is not None:
            raise invalid_argument("position_relative_method needs relative_to")
        return None
    other = call.service.account.item(relative_to)
    if other.board is not board:
        raise invalid_argument("relative_to is on another board", item_id=other.id)
    return other


def create_subitem(
    call: Call,
    *,
    parent_item_id: str,
    item_name: str,
    column_values: object = None,
    create_labels_if_missing: bool | None = None,
) -> Item:
    account = call.service.account
    parent = account.item(parent_item_id)
    board = subitem_board_of(parent)
    check_name(item_name)
    cells = _parsed(call, board, column_values, create_labels_if_missing)
    return account.add_subitem(parent, cells.pop("name", item_name), _filled(board, cells))


def change_multiple_column_values(
    call: Call,
    *,
    board_id: str,
    column_values: object,
    item_id: str | None = None,
    create_labels_if_missing: bool | None = None,
) -> Item:
    board, item = call.service.account.board(board_id), call.service.account.item(item_id)
    cells = _parsed(call, board, column_values, create_labels_if_missing)
    return _write(call, board, item, cells)


def change_column_value(
    call: Call,
    *,
    board_id: str,
    column_id: str,
    value: object,
    item_id: str | None = None,
    create_labels_if_missing: bool | None = None,
) -> Item:
    board, item = call.service.account.board(board_id), call.service.account.item(item_id)
    column = board.column(column_id)
    if column.type == "board_relation":
        raise invalid_argument("Connected boards are written with change_multiple_column_values")
    parsed = parse_value(column, decode_json(value), bool(create_labels_if_missing))
    return _write(call, board, item, {column.id: parsed})


def change_simple_column_value(
    call: Call,
    *,
    board_id: str,
    column_id: str,
    value: str | None = None,
    item_id: str | None = None,
    create_labels_if_missing: bool | None = None,
) -> Item:
    board, item = call.service.account.board(board_id), call.service.account.item(item_id)
    if column_id == "name":
        return _write(call, board, item, {"name": value or ""})
    column = board.column(column_id)
    parsed = parse_simple_value(column, value, bool(create_labels_if_missing))
    return _write(call, board, item, {column.id: parsed})


def _parsed(
    call: Call, board: Board, column_values: object, create_labels: bool | None
) -> dict[str, Any]:
    most_bytes = call.service.options.column_values_bytes
    return parse_column_values(board, column_values, bool(create_labels), most_bytes)


def _filled(board: Board, cells: dict[str, Any]) -> dict[str, Any]:
    board.written.update(cells)
    return {column_id: content for column_id, content in cells.items() if content is not None}


def _write(call: Call, board: Board, item: Item, cells: dict[str, Any]) -> Item:
    if item.board is not board:
        raise invalid_argument("The item is on another board", board_id=board.id, item_id=item.id)
    name = cells.pop("name", None)
    if name is not None:
        call.service.account.rename(item, name)
        board.written.add("name")
    board.written.update(cells)
    call.service.account.write(item, cells)
    call.service.account.touch(item)
    return item


def move_item_to_group(call: Call, *, group_id: str, item_id: str | None = None) -> Item:
    item = call.service.account.item(item_id)
    call.service.account.move(item, item.board.group(group_id))
    return item


def change_item_position(
    call: Call,
    *,
    item_id: str,
    group_id: str | None = None,
    group_top: bool | None = None,
    relative_to: str | None = None,
    position_relative_method: str | None = None,
) -> Item:
    """To the top or bottom of a group, or beside another item of the board."""
    account = call.service.account
    item = account.item(item_id)
    if (group_id is None) == (relative_to is None):
        raise invalid_argument("Give either group_id or relative_to")
    if group_top is not None and group_id is None:
        raise invalid_argument("group_top needs group_id")
    other = _neighbour(call, relative_to, position_relative_method, item.board)
    if other is item:
        raise invalid_argument("An item cannot stand beside itself", item_id=item.id)
    group = other.group if other is not None else item.board.group(group_id or "")
    first = next(iter(group.items.values()), None) if group_top else None
    account.move(item, group)
    if other is not None:
        account.place_beside(item, other, before=position_relative_method == "before_at")
    elif first is not None and first is not item:
        account.place_beside(item, first, before=True)
    return item


def archive_item(call: Call, *, item_id: str | None = None) -> Item:
    item = call.service.account.item(item_id)
    call.service.account.close_item(item, "archived")
    return item


def delete_item(call: Call, *, item_id: str | None = None) -> Item:
    item = call.service.account.items.get(str(item_id))
    if item is None or item.state == "deleted":
        raise invalid_item(item_id)
    if item.state == "archived":
        item.state = "deleted"
        call.service.account.touch(item)
    else:
        call.service.account.close_item(item, "deleted")
    return item


# Groups ---------------------------------------------------------------------------------------


def create_group(
    call: Call,
    *,
    board_id: str,
    group_name: str,
    group_color: str | None = None,
    relative_to: str | None = None,
    position_relative_method: str | None = None,
) -> Group:
    """A new group comes to the top unless it is placed beside another one."""
    board = call.service.account.board(board_id)
    at = 0
    if relative_to is not None:
        at = board.groups.index(board.group(relative_to))
        at += position_relative_method != "before_at"
    return call.service.account.add_group(board, group_name, group_color, at)


def update_group(
    call: Call, *, board_id: str, group_id: str, group_attribute: str, new_value: str
) -> Group:
    board = call.service.account.board(board_id)
    group = board.group(group_id)
    if group_attribute == "title":
        call.service.account.rename_group(group, new_value)
    elif group_attribute == "color":
        group.color = new_value
    elif group_attribute == "position":
        raise invalid_argument("Give the position relative to another group")
    else:
        other = board.group(new_value)
        board.groups.remove(group)
        after = group_attribute == "relative_position_after"
        board.groups.insert(board.groups.index(other) + after, group)
    return group


def archive_group(call: Call, *, board_id: str, group_id: str) -> Group:
    return _close_group(call, board_id, group_id, "archived")


def delete_group(call: Call, *, board_id: str, group_id: str) -> Group:
    return _close_group(call, board_id, group_id, "deleted")


def _close_group(
    call: Call, board_id: str, group_id: str, state: Literal["archived", "deleted"]
) -> Group:
    group = call.service.account.board(board_id).group(group_id)
    call.service.account.close_group(group, state)
    return group


# Columns --------------------------------------------------------------------------------------


def create_column(
    call: Call,
    *,
    board_id: str,
    title: str,
    column_type: str,
    id: str | None = None,
    description: str | None = None,
    after_column_id: str | None = None,
    defaults: object = None,
) -> Column:
    board = call.service.account.board(board_id)
    if column_type not in _CREATABLE_TYPES:
        raise ApiError(
            "InvalidColumnTypeException", f"A column of type {column_type} cannot be created"
        )
    if not title.strip():
        raise invalid_argument("A column needs a title")
    if id is not None and not _OWN_COLUMN_ID.fullmatch(id):
        raise invalid_argument("A column id has 1 to 20 characters, a to z and _ only")
    if id is not None and id in board.columns:
        raise invalid_argument("A column id can be used once only", column_id=id)
    column = Column(
        id or call.service.account.new_text_id(column_type),
        title,
        column_type,
        description=description,
        labels=_new_labels(call, column_type, defaults),
    )
    _place_column(board, column, after_column_id)
    return column


def _new_labels(call: Call, column_type: str, defaults: object) -> Labels | None:
    options = call.service.options
    if column_type == "status":
        labels = Labels("status", options.status_labels_limit)
    elif column_type == "dropdown":
        labels = Labels("dropdown", options.dropdown_labels_limit)
    else:
        return None
    given = decode_json(defaults) if isinstance(defaults, str) else defaults
    wanted = given.get("labels", []) if isinstance(given, Mapping) else []
    try:
        for label in wanted:
            labels.add(label["label"])
    except (LabelError, KeyError, TypeError) as error:
        raise invalid_argument(f"Invalid labels: {error}") from None
    return labels


def _place_column(board: Board, column: Column, after: str | None) -> None:
    if after is None:
        board.columns[column.id] = column
        return
    board.column(after)
    ordered: dict[str, Column] = {}
    for known in board.columns.values():
        ordered[known.id] = known
        if known.id == after:
            ordered[column.id] = column
    board.columns = ordered


def delete_column(call: Call, *, board_id: str, column_id: str) -> Column:
    """Its cells go with it, and its id is never free again."""
    board = call.service.account.board(board_id)
    column = board.column(column_id)
    if column.type in ("name", "subtasks"):
        raise invalid_argument("This column cannot be deleted", column_id=column.id)
    column.archived = True
    return column


def update_dropdown_column(call: Call, *, board_id: str, id: str, **changes: Any) -> Column:
    return _update_column(call, board_id, id, "dropdown", changes)


def update_status_column(call: Call, *, board_id: str, id: str, **changes: Any) -> Column:
    return _update_column(call, board_id, id, "status", changes)


def _update_column(
    call: Call, board_id: str, column_id: str, column_type: str, changes: Mapping[str, Any]
) -> Column:
    """`revision` has to be the present one, so that two writers do not undo each other."""
    column = call.service.account.board(board_id).column(column_id)
    if column.type != column_type:
        raise invalid_argument(f"The column is not of type {column_type}", column_id=column.id)
    if changes["revision"] != revision_of(column):
        raise invalid_argument(
            "The column was changed meanwhile, read its revision again", column_id=column.id
        )
    settings = changes.get("settings")
    if settings is not None:
        try:
            labels_of(column).replace(settings["labels"])
        except LabelError as error:
            raise invalid_argument(f"Invalid labels: {error}", column_id=column.id) from None
    column.title = changes.get("title") or column.title
    column.description = changes.get("description") or column.description
    column.revision += 1
    return column


_ROOT_FIELDS = (
    archive_group,
    archive_item,
    backfill_items,
    change_column_value,
    change_item_position,
    change_multiple_column_values,
    change_simple_column_value,
    create_column,
    create_group,
    create_item,
    create_subitem,
    delete_column,
    delete_group,
    delete_item,
    ingest_items,
    move_item_to_group,
    update_dropdown_column,
    update_group,
    update_status_column,
)


def _root(resolve: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _source, info, **arguments: info.context.step(resolve, arguments)


def attach(schema: GraphQLSchema) -> None:
    """Give the fields of `Mutation` their resolvers."""
    mutation = schema.mutation_type
    assert mutation is not None
    for resolve in _ROOT_FIELDS:
        mutation.fields[resolve.__name__].resolve = _root(resolve)
    mutation.fields["complexity"].resolve = lambda _source, info: complexity(info.context)
