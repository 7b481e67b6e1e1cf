"""Order keys and filters as functions of the source columns they look at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.values import clean_text, key_part, order_key

HASH_VERSION = "1"  # grows when equal rows would get another hash
CHUNK = 2_000  # rows fetched at a time


@dataclass(frozen=True)
class SourceShape:
    """Where the profile's columns are found in the source table."""

    table: str  # quoted, with its schema
    columns: dict[str, str]  # name in the profile -> name in the table
    notices: tuple[str, ...]
    absent_sizes: tuple[str, ...]  # size columns of the profile the table lacks


@dataclass(frozen=True)
class Scope:
    """What one pass over the source found."""

    rows: int  # rows within the filters
    unchanged: int  # known order lines whose source row is as it was
    vanished: frozenset[str] | None  # known keys absent from the source; None with filters


class SourceReader(Protocol):
    """One consistent look at the source, inside the caller's transaction."""

    def scan(self, known: Iterable[tuple[str, str]]) -> Scope:
        """Hash every row within the filters and keep the keys that are not known as they are.

        Args:
            known: (order_key, acknowledged source hash or "") of what the board holds.
        """

    def keys_in_scope(self) -> frozenset[str]:
        """Every order key within the filters, changed or not."""

    def narrow_to(self, keys: Collection[str]) -> None:
        """Make `keys`, as far as they are within the filters, the only candidates."""

    def candidate_rows(self) -> Iterator[tuple[dict[str, object], str]]:
        """(source row by profile names, its source hash) of every candidate key.

        Rows of a candidate key outside the filters come too: whether a key stands twice is a
        question to the whole source.
        """


def key_inputs(mapping: Mapping) -> list[str]:
    """The source columns an order key is made from."""
    extra = [name for _, names in mapping.extra_keys for name in names]
    return [mapping.customer, *mapping.key, *dict.fromkeys(extra)]


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
) -> tuple[list[str], Callable[..., int]]:
    """The filters as a test on the columns they look at; no columns without filters."""
    if filters.is_empty:
        return [], lambda: 1
    names = [*key_inputs(mapping), *(column for _, column in filters.column_filters(mapping))]
    names = [name for name in dict.fromkeys(names) if name in shape.columns]

    def test(*cells: object) -> int:
        return int(filters.matches(dict(zip(names, cells, strict=True)), mapping))

    return names, test


def seed(mapping: Mapping, hash_seed: str) -> str:
    """What every source hash begins with; `hash_seed`: what else decides what the board gets."""
    return f"{HASH_VERSION}|{mapping.fingerprint}|{hash_seed}|"
