"""What an order line and its size lines are; a source row becomes one, or says why not."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

Value = str | Decimal | date | None  # a cleaned value; None is an empty cell


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row cannot be sent, in words a planner can act on."""

    code: str  # stable: missing_key, duplicate_key, negative_quantity, unknown_label ...
    message: str  # what is wrong, and what to do
    field: str = ""  # source column, or board title for labels
    value: str = ""  # the offending value, as text
    error_class: str = "data"  # data | label | board | api | unknown


@dataclass(frozen=True, slots=True)
class Warn:
    """Something odd that does not stop the order."""

    code: str  # unreadable_number, total_differs, unknown_season ...
    message: str
    field: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class SizeLine:
    """One size of an order line with a quantity above zero."""

    size_key: str
    label: str  # the source column's name
    name: str  # subitem name
    quantity: int  # pieces
    payload_hash: str


class OrderLine(NamedTuple):
    """A source row, cleaned: what the board should show."""

    order_key: str
    customer: str  # source name, trimmed: the batch it travels in
    group_title: str
    name: str  # item name, at most 255 characters
    values: Dict[str, Value]  # board title -> cleaned value, in profile order
    sizes: tuple[SizeLine, ...]  # empty when cancelled
    cancelled: bool
    payload_hash: str  # of name, group and values; each size line has its own
    original: Dict[str, object]  # the source row as read: mapped columns that are filled
    warnings: tuple[Warn, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A source row that cannot be sent."""

    order_key: str  # as far as it could be built; blank parts stay empty
    customer: str
    refusals: tuple[Refusal, ...]
    original: Dict[str, object]
    payload_hash: str | None = None  # of what was refused, when it could be computed
    size_key: str = ""
    extra: Dict[str, object] = field(default_factory=dict)
