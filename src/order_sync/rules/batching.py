"""Which staged rows travel together in one document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from order_sync.rules.states import Operation


class Traveller(Protocol):
    """What batching needs to know of a staged row."""

    @property
    def operation(self) -> Operation: ...

    @property
    def travel_limit(self) -> int | None: ...


T = TypeVar("T", bound=Traveller)


def documents_of(rows: Sequence[T], most: Callable[[Operation], int]) -> list[list[T]]:
    """Cut `rows` into documents of one operation each, in their order.

    `most` says how many rows a document of an operation may carry.

    A row with a travel limit shares its document with at most so many rows, itself included, and
    only with rows of the same limit: they came out of one refused or doubtful document.
    """
    documents: list[list[T]] = []
    open_ones: dict[tuple[Operation, int], list[T]] = {}
    for row in rows:
        size = min(most(row.operation), row.travel_limit or most(row.operation))
        document = open_ones.get((row.operation, size))
        if document is None or len(document) >= size:
            document = []
            documents.append(document)
            open_ones[row.operation, size] = document
        document.append(row)
    return documents


def halved(count: int) -> int:
    """The travel limit after a document of `count` rows has to be taken apart."""
    return max(1, (count + 1) // 2)
