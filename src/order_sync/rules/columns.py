"""Order -> item name, group title and column values, in the words of the board.

Titles name columns; a board type is what monday.com says the column is (`text`, `long_text`,
`numbers`, `status`, `dropdown`, `date`). What may be written follows from the profile's titles
alone: there is no way to name another column.

`labels_by_title` names, for the columns that are status or dropdown on this board, the labels
they offer. Labels are compared exactly, case included, because the board does so.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from collections.abc import Mapping as Dict
from datetime import date
from decimal import Decimal
from functools import lru_cache

from order_sync.rules.mapping import LabelPolicy, Mapping
from order_sync.rules.order import OrderLine, Refusal, Value
from order_sync.rules.values import (
    key_part,
    number_text,
    one_line,
)

MAX_NAME = 255  # characters of an item name or group title
MAX_LONG_TEXT = 2_000  # characters
MAX_STATUS_LABEL = 30  # characters
MAX_VALUES_BYTES = 64_000  # all column values of one item together, as JSON

LABEL_TYPES = frozenset({"status", "dropdown"})


def item_name(parts: Iterable[str | None]) -> str:
    """The non-blank parts joined by one blank, on one line."""
    return " ".join([one_line(part) for part in parts if part])


def group_title(customer: str, season: str) -> str:
    """Customer and season, trimmed, on one line, upper case."""
    return f"{one_line(customer)} {one_line(season)}".upper()


def wire_value(board_type: str, value: Value, label_ids: Dict[str, int] | None = None) -> object:
    """`value` as JSON for a column of `board_type`; an empty value clears the column.

    `label_ids` (label -> id on this board) is needed for status labels that look like a
    number: as a text monday.com would take them for an id.

    Raises:
        ValueError: a column of this type cannot hold such a value.
    """
    if value is None:
        return clear_value(board_type)
    if board_type == "text" and type(value) is str:
        return value
    if board_type == "numbers" and type(value) is Decimal:
        return number_text(value)
    shown = as_shown(board_type, value)
    if board_type == "date" and isinstance(shown, date):
        return {"date": shown.isoformat()}
    text = number_text(shown) if isinstance(shown, Decimal) else str(shown)
    if board_type == "long_text":
        return {"text": text}
    if board_type == "dropdown":
        return {"labels": [text]}
    if board_type == "status":
        if label_ids and text.isdecimal() and text in label_ids:
            return {"index": label_ids[text]}
        return {"label": text}
    return text


def clear_value(board_type: str) -> object:
    """What empties a column of `board_type`."""
    return {"labels": []} if board_type == "dropdown" else None


def wire_values(
    values: Dict[str, Value],
    types: Dict[str, str],
    *,
    clear_blanks: bool,
    label_ids: Dict[str, Dict[str, int]] | None = None,
) -> dict[str, object]:
    """Column values by title, as JSON; `types` is the board type of each title.

    A new item has nothing to clear (`clear_blanks=False`): blank cells are left out. An update
    must name them. Titles the board does not have are left out.
    """
    ids = label_ids or {}
    return {
        title: value
        if type(value) is str and types[title] == "text"
        else wire_value(types[title], value, ids.get(title))
        for title, value in values.items()
        if (value is not None or clear_blanks) and title in types
    }


def size_values(mapping: Mapping, label: str, quantity: int) -> dict[str, Value]:
    """Everything that may be written to a subitem besides its name: label and pieces."""
    return {
        mapping.sizes.label_title: label,
        mapping.sizes.quantity_title: Decimal(quantity),
    }


def as_shown(board_type: str, value: Value) -> Value:
    """`value` as a column of `board_type` shows it: a number in a text column is a text.

    Raises:
        ValueError: a column of this type cannot hold such a value.
    """
    if value is None:
        return None
    if not isinstance(value, _HELD.get(board_type, ())):
        raise ValueError(f"a {board_type} column cannot hold a {type(value).__name__}")
    if isinstance(value, Decimal) and board_type != "numbers":
        return number_text(value)
    return value


_HELD: dict[str, tuple[type, ...]] = {
    "numbers": (Decimal,),
    "date": (date,),
    "status": (str,),
    "dropdown": (str,),
    "text": (str, Decimal),
    "long_text": (str, Decimal),
}


def name_refusals(name: str, group: str) -> list[Refusal]:
    """Why the item cannot be created under this name or in this group; empty when it can."""
    refusals = []
    if len(name) > MAX_NAME:
        message = (
            f"the item name would have {len(name)} characters, monday.com takes {MAX_NAME}: "
            "shorten style, colour or order number in the source"
        )
        refusals.append(Refusal("name_too_long", message, field="Name", value=name))
    if len(group) > MAX_NAME:
        message = (
            f"the group title would have {len(group)} characters, monday.com takes {MAX_NAME}: "
            "shorten customer or season in the source, or set a display name in the profile"
        )
        refusals.append(Refusal("too_long", message, field="group", value=group))
    return refusals


def length_refusals(order: OrderLine, types: Dict[str, str]) -> list[Refusal]:
    """Values longer than their column takes; never cut. `types` is the board type per title."""
    lengths = [len(value) for value in order.values.values() if type(value) is str]
    # A character is at most six bytes of JSON, so short orders need no second look.
    is_short = sum(lengths) * 6 <= MAX_VALUES_BYTES // 2
    if is_short and max(lengths, default=0) <= _SHORTEST:
        return []
    refusals = []
    for title, value in order.values.items():
        if type(value) is not str or title not in types:
            continue
        limit = _LENGTHS.get(types[title])
        if limit is not None and len(value) > limit:
            message = (
                f"{title} has {len(value):,} characters, its column takes {limit:,}: "
                "shorten the text in the source"
            )
            refusals.append(Refusal("too_long", message, field=title, value=value))
    return refusals if refusals or is_short else _total_length_refusal(order, types)


_LENGTHS = {"long_text": MAX_LONG_TEXT, "status": MAX_STATUS_LABEL}
_SHORTEST = min(_LENGTHS.values())


def _total_length_refusal(order: OrderLine, types: Dict[str, str]) -> list[Refusal]:
    document = json.dumps(wire_values(order.values, types, clear_blanks=False), ensure_ascii=False)
    size = len(document.encode())
    if size <= MAX_VALUES_BYTES:
        return []
    texts = {title: value for title, value in order.values.items() if isinstance(value, str)}
    longest = max(texts, key=lambda title: len(texts[title]))
    message = (
        f"the values of the order have {size:,} bytes together, an item takes about "
        f"{MAX_VALUES_BYTES:,}: shorten the longest, {longest}, in the source"
    )
    return [Refusal("too_long", message, field=longest, value=texts[longest])]


def label_refusals(
    order: OrderLine, mapping: Mapping, labels_by_title: Dict[str, frozenset[str]]
) -> list[Refusal]:
    """`unknown_label` for each value the board does not offer and the profile does not create."""
    refusals = []
    for title in mapping.titles_by_policy[LabelPolicy.KNOWN]:
        if title not in labels_by_title:
            continue
        value, known = order.values.get(title), labels_by_title[title]
        if isinstance(value, str) and value not in known:
            refusals.append(_unknown(mapping, title, value, known))
    if mapping.sizes.labels is LabelPolicy.KNOWN and mapping.sizes.label_title in labels_by_title:
        known = labels_by_title[mapping.sizes.label_title]
        refusals += [
            _unknown(mapping, mapping.sizes.label_title, size.label, known)
            for size in order.sizes
            if size.label not in known
        ]
    return refusals


def missing_labels(
    orders: Iterable[OrderLine], mapping: Mapping, labels_by_title: Dict[str, frozenset[str]]
) -> dict[str, set[str]]:
    """Item column title -> labels to create before these orders are sent; no empty sets."""
    wanted = [
        (title, labels_by_title[title])
        for title in mapping.titles_by_policy[LabelPolicy.CREATE]
        if title in labels_by_title
    ]
    missing: dict[str, set[str]] = {}
    for order in orders:
        for title, known in wanted:
            value = order.values.get(title)
            if isinstance(value, str) and value not in known:
                missing.setdefault(title, set()).add(value)
    return missing


def missing_size_labels(
    orders: Iterable[OrderLine], mapping: Mapping, labels: frozenset[str]
) -> set[str]:
    """Size labels to create on the subitem board, whose Size column offers `labels`."""
    if mapping.sizes.labels is not LabelPolicy.CREATE:
        return set()
    return {size.label for order in orders for size in order.sizes} - labels


@lru_cache(maxsize=4096)
def nearest_label(value: str, labels: frozenset[str]) -> str:
    """The label most like `value`, "" when none is near."""
    by_folded = {key_part(label): label for label in sorted(labels)}
    near = difflib.get_close_matches(key_part(value), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else ""


def _unknown(mapping: Mapping, title: str, value: str, labels: frozenset[str]) -> Refusal:
    near = nearest_label(value, labels)
    suggestion = f' (the nearest is "{near}")' if near else ""
    where = (
        "customers.aliases"
        if any(c.source == mapping.customer and c.title == title for c in mapping.columns)
        else "values of the column"
    )
    message = (
        f'{title} "{value}" is no label of the board{suggestion}: add the label on the board, '
        f"correct the source, or map the value in the profile ({where})"
    )
    return Refusal("unknown_label", message, field=title, value=value, error_class="label")


def label_limit(title: str, label: str) -> Refusal:
    """The board's column has no room for a new label."""
    return Refusal(
        "label_limit",
        f"{title}: the board's column has no room for one more label: remove labels nobody uses, "
        "or make the column a text column",
        field=title,
        value=label,
        error_class="label",
    )
