"""What can happen to an order line in the source: one small function for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .world import order

Row = dict[str, Any]
Change = Callable[[Row], Row | None]  # None: the row leaves the source

FULL = {
    "CUSTOMER_ALT_PO": "A-77",
    "EX_FACTORY_DATE": "2025-09-26",
    "DROP": "DROP 1",
    "STYLE_DESCRIPTION": "NALLA POLO",
    "CATEGORY": "MENS",
    "DELIVERY_TERMS": "FOB",
    "NOTES": "first words",
    "DESTINATION": "NEW YORK",
    "SMS_PRICE_USD": "12.5",
}


def full_order(number: str, **more: Any) -> Row:
    """A good source row with a cell of every kind filled in."""
    return order(number, **FULL | more)


def _set(**cells: Any) -> Change:
    cells = {name.replace("_", " "): value for name, value in cells.items()}
    return lambda row: row | cells


def _all_at_first(row: Row) -> Row:
    return full_order(row["AAG ORDER NUMBER"])


CHANGES: dict[str, Change] = {
    "text": _set(NOTES="other words", PO_NUMBER="4756"),
    "number": _set(CUSTOMER_PRICE="31.5", DISCOUNT="1"),
    "date": _set(EX_FACTORY_DATE="2025-10-03"),
    "label": _set(DROP="DROP 2", CATEGORY="TOPS", UNIT_OF_MEASURE="PCS"),
    "emptied": _set(
        NOTES=None, SMS_PRICE_USD=None, EX_FACTORY_DATE=" ", DROP="n/a", DESTINATION="",
        UNIT_OF_MEASURE=None,
    ),
    "name": _set(CUSTOMER_COLOUR_DESCRIPTION="Dean Blue"),
    "season": _set(AAG_SEASON="2026 SPRING"),
    "season of the customer": _set(CUSTOMER_SEASON="SS26"),
    "customer": _set(CUSTOMER_NAME="JOHNNIE O"),
    "moved and changed": _set(AAG_SEASON="2026 FALL", CUSTOMER_PRICE="19", M=8, S=2),
    "size new": _set(S=5, TOTAL_QTY=12),
    "size changed": _set(M=9, TOTAL_QTY=13),
    "size gone": _set(L=None, TOTAL_QTY=3),
    "size zero": _set(M=0, TOTAL_QTY=4),
    "sizes swapped": _set(M=None, L=None, XL=7),
    "cancelled": _set(ORDER_TYPE="Cancelled"),
    "cancelled and moved": _set(ORDER_TYPE="CANCELLED", AAG_SEASON="2026 WINTER"),
    "vanished": lambda row: None,
    "notation": _set(CUSTOMER_PRICE="$ 28.860", AAG_SEASON=" 2025 FALL", M="3"),
    "as at first": _all_at_first,
}  # fmt: skip
