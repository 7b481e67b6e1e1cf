"""What was asked of the board: every mutation of the request log, taken apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

_ITEM_WRITES = {
    "create_item", "create_subitem", "change_multiple_column_values", "move_item_to_group",
    "archive_item",
}  # fmt: skip


@dataclass(frozen=True)
class Write:
    """One mutation: `id` of the item or subitem (of the parent, for a new subitem)."""

    operation: str
    id: str | None
    values: dict[str, Any] = field(default_factory=dict)  # column title -> what was sent


def writes_of(records: Iterable[Any], title_of: Callable[[str, str], str]) -> list[Write]:
    """The mutations of items and subitems in these requests, in order."""
    return [
        _write(record.variables, operation, place, title_of)
        for record in records
        if record.kind == "mutation"
        for place, operation in enumerate(_item_writes(record.operations))
    ]


def _item_writes(operations: Iterable[str]) -> list[str]:
    return [operation for operation in operations if operation in _ITEM_WRITES]


def _write(
    variables: dict[str, Any], operation: str, place: int, title_of: Callable[[str, str], str]
) -> Write:
    item = variables.get(f"item{place}", variables.get(f"parent{place}"))
    sent = json.loads(variables.get(f"values{place}", "{}"))
    if operation != "change_multiple_column_values":
        return Write(operation, item)
    return Write(
        operation,
        item,
        {
            "Name" if key == "name" else title_of(variables["board"], key): value
            for key, value in sent.items()
        },
    )
