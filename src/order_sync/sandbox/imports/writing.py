"""Writing one row to the board."""

from order_sync.sandbox.boards import Account, Group, Item
from order_sync.sandbox.errors import ApiError, invalid_group, invalid_item
from order_sync.sandbox.imports.rows import Match, Row
from order_sync.sandbox.imports.states import Outcome


def write_row(account: Account, group: Group, row: Row, match: Match | None) -> None:
    """Give the row its outcome."""
    if row.matched is not None and match is not None and match.behaviour == "SKIP":
        row.end(Outcome.SKIPPED, "An item has this key already")
        return
    try:
        if row.matched is not None:
            row.item = _updated(account, row, row.matched)
            row.end(Outcome.UPDATED)
        else:
            row.item = _created(account, group, row)
            row.end(Outcome.CREATED)
    except ApiError as error:
        row.end(Outcome.FAILED, error.message)


def _updated(account: Account, row: Row, item: Item) -> Item:
    if item.state != "active":
        raise invalid_item(item.id)
    if row.name:
        account.rename(item, row.name)
        item.board.written.add("name")
    account.write(item, row.cells)
    account.touch(item)
    item.board.written.update(row.cells)
    return item


def _created(account: Account, group: Group, row: Row) -> Item:
    cells = {column_id: one for column_id, one in row.cells.items() if one is not None}
    if row.parent is not None:
        item = account.add_subitem(_parent_of(row.parent), row.name, cells)
    elif group.state != "active":
        raise invalid_group(group.id)
    else:
        item = account.add_item(group, row.name, cells)
    item.board.written.update(row.cells)
    return item


def _parent_of(row: Row) -> Item:
    if row.item is None or row.item.state != "active":
        raise ApiError("ResourceNotFoundException", f"There is no item of row {row.number}")
    return row.item
