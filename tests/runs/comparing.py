"""Source, board and production tables side by side: every difference as a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .wanted import COLUMNS, Row, Wanted, by_name, plain

Query = Callable[[str], list[tuple[Any, ...]]]
MAPPED = {column.title for column in COLUMNS}
KINDS = {column.field: column.kind for column in COLUMNS}
OPEN = "stg_status NOT IN ('PROMOTED', 'API_FAILED')"


def differences(rows: Iterable[Row], items: Iterable[Any], query: Query) -> list[str]:
    """What is wrong on the board, in MON_*, and in staging; empty when all agree.

    Args:
        rows: the good source rows the board should show.
        items: the active items of the board.
        query: reads the state database.
    """
    expected, there = by_name(rows), list(items)
    return [
        *_on_the_board(expected, there),
        *_in_production(expected, there, query),
        *_left_over(query),
    ]


def _on_the_board(expected: dict[str, Wanted], items: list[Any]) -> Iterator[str]:
    names = [item.name for item in items]
    for name in sorted({*names, *expected}):
        count, want = names.count(name), int(name in expected)
        if count != want:
            yield f"{name}: {count} times on the board instead of {want}"
    for item in items:
        if item.name in expected:
            for what in _of_item(expected[item.name], item):
                yield f"{item.name}: {what}"


def _of_item(want: Wanted, item: Any) -> Iterator[str]:
    if item.group_title != want.group:
        yield f"stands in {item.group_title!r} instead of {want.group!r}"
    shown = {title: text for title, text in item.values.items() if title in MAPPED and text}
    yield from _differing("shows", shown, want.values)
    sizes = [
        (line.values.get("Size", ""), line.values.get("Order Qty", "")) for line in item.subitems
    ]
    if len(dict(sizes)) != len(sizes):
        yield f"has a size twice: {sorted(sizes)}"
    for line in item.subitems:
        if line.name != f"Size {line.values.get('Size')}":
            yield f"its size {line.values.get('Size')} is named {line.name!r}"
    ordered = {size: text for size, text in sizes if text != "0"}
    yield from _differing(
        "orders", ordered, {size: str(pieces) for size, pieces in want.sizes.items()}
    )


def _differing(verb: str, there: dict[str, str], wanted: dict[str, str]) -> Iterator[str]:
    for title in sorted({*there, *wanted}):
        if there.get(title) != wanted.get(title):
            yield f"{verb} {title} {there.get(title)!r} instead of {wanted.get(title)!r}"


def _in_production(expected: dict[str, Wanted], items: list[Any], query: Query) -> Iterator[str]:
    fields = [column.field for column in COLUMNS]
    cells = ", ".join('"' + field.replace('"', '""') + '"' for field in fields)
    known = {
        row[0]: row
        for row in query(
            'SELECT "Item ID", Title, "Group", customer_name, payload_hash, source_hash, '
            f"{cells} FROM MON_CustMasterSchedule"
        )
    }
    lines = {
        row[0]: row
        for row in query(
            'SELECT subitem_id, parent_item_id, Title, Size, "Order Qty", payload_hash '
            "FROM MON_CustMasterSchedule_Subitems"
        )
    }
    there = {item.id: item for item in items}
    subitems = {line.id: (item, line) for item in items for line in item.subitems}
    yield from _only_in("MON", known.keys(), there.keys())
    yield from _only_in("MON's sizes", lines.keys(), subitems.keys())
    for item_id in known.keys() & there.keys():
        item, (_, title, group, customer, *hashes, _) = there[item_id], known[item_id][:7]
        if (title, group) != (item.name, item.group_title):
            yield f"{item.name}: MON has it as {title!r} in {group!r}"
        if item.name in expected and customer != expected[item.name].customer:
            yield f"{item.name}: MON has it as of customer {customer!r}"
        if None in hashes:
            yield f"{item.name}: MON has no hash ({hashes})"
        values = {
            column.title: _as_text(value, column.kind)
            for column, value in zip(COLUMNS, known[item_id][6:], strict=True)
        }
        shown = {name: text for name, text in item.values.items() if name in MAPPED and text}
        for what in _differing("MON says", {k: v for k, v in values.items() if v}, shown):
            yield f"{item.name}: {what}"
    for line_id in lines.keys() & subitems.keys():
        item, line = subitems[line_id]
        shown_line = (item.id, line.name, line.values.get("Size"), line.values.get("Order Qty"))
        _, parent, title, size, pieces, digest = lines[line_id]
        if (parent, title, size, str(pieces)) != shown_line or digest is None:
            yield f"{item.name}: MON's size is {lines[line_id]}, the board's {shown_line}"


def _only_in(what: str, known: Iterable[str], there: Iterable[str]) -> Iterator[str]:
    known, there = set(known), set(there)
    if known - there:
        yield f"only {what} has {sorted(known - there)}"
    if there - known:
        yield f"{what} lacks {sorted(there - known)}"


def _as_text(value: object, kind: str) -> str:
    if value is None:
        return ""
    return plain(value) if kind == "number" else str(value)


def _left_over(query: Query) -> Iterator[str]:
    for table in ("STG_MON_CustMasterSchedule", "STG_MON_CustMasterSchedule_Subitems"):
        for row in query(
            f"SELECT order_key, update_operation, stg_status FROM {table} WHERE {OPEN}"
        ):
            yield f"left in staging: {row}"
