"""What the board should show for a source row, worked out apart from the rules of the product."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from order_sync.profile import load_profile
from order_sync.rules.mapping import Kind

MAPPING = load_profile("customer-master-schedule")
COLUMNS = MAPPING.columns
SIZES = MAPPING.sizes.names
BLANK = ("", "null", "none", "nan", "n/a")
ORDER_TYPES = {"active": "RECEIVED", "cancelled": "CANCELLED"}
LABELS = {"rhythm (au)": "RHYTHM", "rhythm (us)": "RHYTHM", "title 9": "TITLE NINE"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """An item: `values` are board title -> text, empty ones left out; `sizes` label -> pieces."""

    name: str
    group: str
    customer: str
    values: dict[str, str]
    sizes: dict[str, int]


def wanted(row: Row) -> Wanted:
    """What the board should show for a good row."""
    name = " ".join(
        _text(row[part])
        for part in ("CUSTOMER STYLE", "CUSTOMER COLOUR DESCRIPTION", "AAG ORDER NUMBER")
    )
    season = _text(row.get("CUSTOMER SEASON")) or _text(row.get("AAG SEASON")) or "UNKNOWN_SEASON"
    customer = _text(row["CUSTOMER NAME"])
    shown = {column.title: _shown(column.kind, column.source, row) for column in COLUMNS}
    is_cancelled = shown["ORDER TYPE"] == "CANCELLED"
    sizes = {size: int(row[size]) for size in SIZES if row.get(size) and int(row[size])}
    return Wanted(
        name=name,
        group=f"{customer} {season}".upper(),
        customer=customer,
        values={title: text for title, text in shown.items() if text},
        sizes={} if is_cancelled else sizes,
    )


def by_name(rows: Iterable[Row]) -> dict[str, Wanted]:
    """Item name -> what it should look like."""
    found = [wanted(row) for row in rows]
    items = {one.name: one for one in found}
    assert len(items) == len(found), "two rows of the test have the same item name"
    return items


def plain(number: object) -> str:
    """A number without currency signs and needless zeros."""
    text = format(Decimal(str(number).replace("$", "").replace(",", "").strip()), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _shown(kind: Kind, source: str, row: Row) -> str:
    text = _text(row.get(source))
    if text and kind is Kind.NUMBER:
        return plain(text)
    if source == "ORDER TYPE":
        return ORDER_TYPES.get(text.casefold(), text)
    if source == "CUSTOMER NAME":
        return LABELS.get(text.casefold(), text)
    return text


def _text(cell: object) -> str:
    text = "" if cell is None else str(cell).strip()
    return "" if text.casefold() in BLANK else text
