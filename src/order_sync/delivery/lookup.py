"""Looking items and subitems up by what they are, not by what we remember of them."""

from __future__ import annotations

from collections.abc import Iterable

from order_sync.delivery.context import Delivery
from order_sync.monday.lookup import FoundRow, find_items, find_subitems
from order_sync.rules.order import OrderLine
from order_sync.rules.values import clean_text, order_key, size_key

GIVE_UP_AFTER_S = 60.0  # a look-up page that cannot be read by then decides nothing


def lookup_text(delivery: Delivery, order: OrderLine) -> str:
    """What the look-up column of the order's item shows."""
    value = order.values.get(_lookup_title(delivery))
    return "" if value is None else str(value)


def _lookup_title(delivery: Delivery) -> str:
    return delivery.mapping.column_of(delivery.mapping.lookup).title


async def items_by_key(
    delivery: Delivery, texts: Iterable[str], customers: dict[str, str]
) -> dict[str, list[FoundRow]]:
    """order_key -> active items of the board with that key, for these look-up texts.

    The board ignores case and knows only one column; every hit is checked against the whole key.

    Args:
        customers: order_key -> source customer, for the keys looked for.
    """
    d = delivery
    column = d.board.columns[_lookup_title(d)]
    key_titles = _key_titles(d)
    titles = {d.board.columns[title].id: title for title in key_titles}
    found: dict[str, list[FoundRow]] = {}
    async for row in find_items(
        d.client, d.board.board_id, column.id, texts, titles, give_up_after_s=GIVE_UP_AFTER_S
    ):
        for key in _possible_keys(d, row):
            if key in customers:
                found.setdefault(key, []).append(row)
    return found


def _key_titles(d: Delivery) -> list[str]:
    mapping = d.mapping
    sources = [*mapping.key, *(name for _, names in mapping.extra_keys for name in names)]
    return list(dict.fromkeys(mapping.column_of(source).title for source in sources))


def _possible_keys(d: Delivery, row: FoundRow) -> set[str]:
    """The keys an item can have: plain, and with the extra columns some customers need."""
    mapping = d.mapping

    def key(sources: Iterable[str]) -> str:
        titles = (mapping.column_of(source).title for source in sources)
        return order_key([clean_text(row.values.get(title)) or "" for title in titles])

    return {key(mapping.key)} | {key((*mapping.key, *names)) for _, names in mapping.extra_keys}


async def subitems_by_key(
    delivery: Delivery, parent_ids: Iterable[str]
) -> dict[str, dict[str, list[FoundRow]]]:
    """parent item id -> size_key -> subitems that bear this size."""
    d = delivery
    label = d.board.subitem_label
    found: dict[str, dict[str, list[FoundRow]]] = {}
    async for row in find_subitems(
        d.client, parent_ids, {label.id: label.title}, give_up_after_s=GIVE_UP_AFTER_S
    ):
        key = size_key(row.values[label.title])
        found.setdefault(row.parent_id, {}).setdefault(key, []).append(row)
    return found
