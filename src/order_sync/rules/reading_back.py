"""What the board shows, read back: texts of cells become values, and is it what is wanted?

Stricter than reading a source: a cell of the board is what the board shows, so no word in it means
"empty" and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from order_sync.rules.changes import payload_hash, size_payload_hash
from order_sync.rules.columns import as_shown
from order_sync.rules.mapping import Kind, Mapping
from order_sync.rules.order import OrderLine, SizeLine, Value
from order_sync.rules.values import (
    DECIMAL_PLACES,
    INTEGER_PLACES,
    MAX_QUANTITY,
    SIGNIFICANT_DIGITS,
    clean_text,
    key_part,
)


@dataclass(frozen=True)
class HeldOrder:
    """An item as MON_* can hold it."""

    values: Dict[str, Value]  # board title -> value
    payload_hash: str | None  # None: a cell cannot be held, so all of it has to be written
    differing: tuple[str, ...]  # titles, "Name", "Group"


@dataclass(frozen=True)
class HeldLine:
    """A subitem as MON_* can hold it."""

    quantity: int
    payload_hash: str | None  # None: its pieces cannot be read, so they have to be written
    is_as_wanted: bool


def held_order(
    order: OrderLine, name: str, group: str, cells: Dict[str, str], types: Dict[str, str],
    mapping: Mapping,
) -> HeldOrder:  # fmt: skip
    """What an item holds, beside what its order wants.

    Where the board shows what is wanted, the order's own value is kept, so that nothing differs
    by notation.

    Args:
        cells: board title -> text of the cell, "" when empty.
        types: board title -> type of the column, for the columns that are written.
    """
    kinds = {column.title: column.kind for column in mapping.columns}
    values: dict[str, Value] = {}
    differing: list[str] = []
    readable = True
    if name != order.name:
        differing.append("Name")
    if key_part(group) != key_part(order.group_title):
        differing.append("Group")
    for title, wanted in order.values.items():
        text = cells.get(title, "")
        if shows(types[title], wanted, text):
            values[title] = wanted
            continue
        differing.append(title)
        values[title] = held = _held(kinds[title], text)
        # What is held as wanted although it shows otherwise is a number spelled in another way.
        readable = readable and held != wanted and (held is not None or not text.strip())
    if not differing:
        digest: str | None = order.payload_hash
    elif readable:
        digest = payload_hash(name, group, values)
    else:
        digest = None
    return HeldOrder(values, digest, tuple(differing))


def shows(board_type: str, wanted: Value, text: str) -> bool:
    """Whether a cell with this text shows what is wanted."""
    if wanted is None or not text.strip():
        return wanted is None and not text.strip()
    shown = as_shown(board_type, wanted)
    if isinstance(shown, Decimal):
        return _number(text) == shown
    if isinstance(shown, date):
        return _date(text) == shown
    return _text(text) == _text(str(shown))


def held_line(wanted: SizeLine | None, name: str, label: str, text: str) -> HeldLine:
    """What a subitem holds.

    Args:
        wanted: None when nobody orders the size.
        text: of its quantity cell.
    """
    number = _number(text) if text.strip() else None
    if number is None or number != number.to_integral_value() or not 0 <= number <= MAX_QUANTITY:
        return HeldLine(0, None, is_as_wanted=False)
    quantity = int(number)
    same = wanted is not None and (wanted.name, wanted.label, wanted.quantity) == (
        name, label, quantity,
    )  # fmt: skip
    if wanted is not None and same:
        return HeldLine(quantity, wanted.payload_hash, is_as_wanted=True)
    digest = size_payload_hash(name, label, quantity)
    return HeldLine(quantity, digest, is_as_wanted=wanted is None and quantity == 0)


def _held(kind: Kind, text: str) -> Value:
    if not text.strip():
        return None
    if kind is Kind.NUMBER:
        number = _number(text)
        return number if number is not None and _fits(number) else None
    return _date(text) if kind is Kind.DATE else _text(text)


def _fits(number: Decimal) -> bool:
    """Whether MON_* keeps a number exactly as the board shows it."""
    return (
        number.adjusted() < INTEGER_PLACES
        and number == round(number, DECIMAL_PLACES)
        and len(number.normalize().as_tuple().digits) <= SIGNIFICANT_DIGITS
    )


def _text(text: str) -> str:
    return clean_text(text) or text.strip()


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None
