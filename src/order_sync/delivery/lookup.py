"""Looking items and subitems up by what they are, not by what we remember of them."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Dict
from typing import Protocol

from order_sync.monday.client import MondayClient
from order_sync.monday.columns import KEY_TITLE, BoardMap
from order_sync.monday.lookup import FoundRow, find_items, find_subitems
from order_sync.rules.mapping import Mapping
from order_sync.rules.order import OrderLine
from order_sync.rules.sync_key import order_of, size_of
from order_sync.rules.values import clean_text, order_key, size_key


class Looks(Protocol):
    """What a look-up needs: a run has it, and so has a plan, which is no run."""

    @property
    def client(self) -> MondayClient: ...

    @property
    def board(self) -> BoardMap: ...

    @property
    def mapping(self) -> Mapping: ...


GIVE_UP_AFTER_S = 60.0  # a look-up page that cannot be read by then decides nothing


def lookup_text(looks: Looks, order: OrderLine) -> str:
    """What the look-up column of the order's item shows."""
    value = order.values.get(_lookup_title(looks))
    return "" if value is None else str(value)


def _lookup_title(looks: Looks) -> str:
    return looks.mapping.column_of(looks.mapping.lookup).title


async def items_by_key(
    looks: Looks, texts: Iterable[str], customers: dict[str, str]
) -> dict[str, list[FoundRow]]:
    """order_key -> active items of the board with that key.

    Where the board has our key column it is asked for the exact keys. Items made by people, or
    before the column was, have an empty key cell: so the look-up column is asked, too. A row with
    a key is judged by it alone, any other by its key columns.

    Args:
        texts: what the look-up column shows for these orders.
        customers: order_key -> source customer, for the keys looked for.
    """
    d = looks
    titles = {d.board.columns[title].id: title for title in key_titles(d.mapping)}
    asked: list[tuple[str, Iterable[str]]] = [(d.board.columns[_lookup_title(d)].id, texts)]
    if d.board.sync_key is not None:
        titles[d.board.sync_key.id] = KEY_TITLE
        asked.append((d.board.sync_key.id, customers))
    rows: dict[str, FoundRow] = {}
    for column_id, values in asked:
        async for row in find_items(
            d.client, d.board.board_id, column_id, values, titles, give_up_after_s=GIVE_UP_AFTER_S
        ):
            rows[row.id] = row
    found: dict[str, list[FoundRow]] = {}
    for row in rows.values():
        for key in possible_keys(d.mapping, row):
            if key in customers:
                found.setdefault(key, []).append(row)
    return found


def key_titles(mapping: Mapping) -> list[str]:
    """Titles of the columns an order key is made of, those of single customers included."""
    sources = [*mapping.key, *(name for _, names in mapping.extra_keys for name in names)]
    return list(dict.fromkeys(mapping.column_of(source).title for source in sources))


def possible_keys(mapping: Mapping, row: FoundRow) -> set[str]:
    """The keys an item can have: its own, or plain and with the columns some customers need.

    Args:
        row: with the texts of `key_titles`, and of `KEY_TITLE` where the board has that column.
    """
    own = order_of(row.values.get(KEY_TITLE, ""))
    if own:
        return {own}

    def key(sources: Iterable[str]) -> str:
        titles = (mapping.column_of(source).title for source in sources)
        return order_key([clean_text(row.values.get(title)) or "" for title in titles])

    return {key(mapping.key)} | {key((*mapping.key, *names)) for _, names in mapping.extra_keys}


async def subitems_by_key(
    looks: Looks, parents: Dict[str, str]
) -> dict[str, dict[str, list[FoundRow]]]:
    """parent item id -> size_key -> subitems of this size.

    A subitem with a key of ours is judged by it alone. One with the key of another order, moved
    here or copied with its item, stays that order's: two orders would write one subitem
    otherwise. Any other goes by its size label.

    Args:
        parents: item id -> order_key.
    """
    board = looks.board
    label = board.subitem_label
    titles = {label.id: label.title, board.subitem_quantity.id: board.subitem_quantity.title}
    if board.subitem_sync_key is not None:
        titles[board.subitem_sync_key.id] = KEY_TITLE
    found: dict[str, dict[str, list[FoundRow]]] = {}
    async for row in find_subitems(looks.client, parents, titles, give_up_after_s=GIVE_UP_AFTER_S):
        order, size = size_of(row.values.get(KEY_TITLE, ""))
        if order and order != parents.get(row.parent_id):
            continue
        size = size or size_key(row.values[label.title])
        found.setdefault(row.parent_id, {}).setdefault(size, []).append(row)
    return found
