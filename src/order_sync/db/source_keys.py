"""Order keys and filters as functions of the source columns they look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.values import clean_text, key_part, order_key

HASH_VERSION = "2"  # grows when equal rows would get another hash


@dataclass(frozen=True)
class SourceShape:
    """Where the profile's columns are found in the source table."""

    table: str
    schema: str | None
    columns: dict[str, str]  # name in the profile -> name in the table
    notices: tuple[str, ...]
    absent_sizes: tuple[str, ...]  # size columns of the profile the table lacks
    changed: str | None = None  # the column that grows when a row changes


def key_inputs(mapping: Mapping) -> list[str]:
    """The source columns an order key is made from."""
    extra = [name for _, names in mapping.extra_keys for name in names]
    return list(dict.fromkeys([mapping.customer, *mapping.key, *extra]))


def key_function(mapping: Mapping) -> Callable[..., str]:
    """The order key of a row, as `OrderReader` builds it, from the columns of `key_inputs`."""
    names = key_inputs(mapping)
    extra_keys = dict(mapping.extra_keys)

    def key(*cells: object) -> str:
        row = dict(zip(names, cells, strict=True))
        customer = key_part(clean_text(row[mapping.customer]) or "")
        columns = (*mapping.key, *extra_keys.get(customer, ()))
        return order_key([clean_text(row[column]) or "" for column in columns])

    return key


def scope_function(
    filters: Filters, mapping: Mapping, shape: SourceShape
) -> tuple[list[str], Callable[..., bool]]:
    """The filters as a test on the columns they look at; no columns without filters."""
    if filters.is_empty:
        return [], lambda: True
    names = [*key_inputs(mapping), *(column for _, column in filters.column_filters(mapping))]
    names = [name for name in dict.fromkeys(names) if name in shape.columns]

    def test(*cells: object) -> bool:
        return filters.matches(dict(zip(names, cells, strict=True)), mapping)

    return names, test


def seed(mapping: Mapping, hash_seed: str) -> str:
    """What every source hash begins with; `hash_seed`: what else decides what the board gets."""
    return f"{HASH_VERSION}|{mapping.fingerprint}|{hash_seed}|"
