"""Which items a query means: the rules of `query_params`, values of columns, and cursors."""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from order_sync.sandbox.boards import Board, Column, Item
from order_sync.sandbox.clock import Clock
from order_sync.sandbox.errors import (
    ApiError,
    column_value_error,
    expired_cursor,
    invalid_argument,
)
from order_sync.sandbox.readings import cell_text

PAGE_LIMIT = 500
IDS_LIMIT = 100

SEARCHABLE_TYPES = frozenset(
    {
        "checkbox",
        "country",
        "date",
        "dropdown",
        "email",
        "hour",
        "link",
        "long_text",
        "numbers",
        "people",
        "phone",
        "status",
        "text",
        "timeline",
        "world_clock",
        "name",
    }
)

ONE_VALUE_TYPES = frozenset({"date", "dropdown"})

Test = Callable[[Item], bool]


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a cursor stands for: the ids found when the first page was asked for."""

    board_id: str
    item_ids: Sequence[str]
    started: float


class Cursors:
    """Pages of a listing. Every cursor of it dies at the same time after the first page."""

    def __init__(self, clock: Clock, life_s: float) -> None:
        self._clock = clock
        self._life_s = life_s
        self._open: dict[str, tuple[_Listing, int]] = {}  # cursor -> listing, next position

    def first_page(self, board_id: str, item_ids: Sequence[str], limit: int) -> "Page":
        self._forget_dead()
        return self._page(_Listing(board_id, item_ids, self._clock.now()), 0, limit)

    def next_page(self, cursor: str, limit: int, board_id: str | None = None) -> "Page":
        """Raises ApiError: the cursor is unknown, too old, or belongs to another board."""
        found = self._open.get(cursor)
        if found is None or (board_id is not None and found[0].board_id != board_id):
            raise ApiError("CursorException", "The cursor is not valid for this request")
        listing, position = found
        if self._clock.now() - listing.started > self._life_s:
            raise expired_cursor()
        return self._page(listing, position, limit)

    def _page(self, listing: _Listing, position: int, limit: int) -> "Page":
        check_page_limit(limit)
        end = position + limit
        cursor = None
        if end < len(listing.item_ids):
            cursor = secrets.token_urlsafe(24)
            self._open[cursor] = (listing, end)
        return Page(listing.item_ids[position:end], cursor)

    def _forget_dead(self) -> None:
        # Twice the life, so that a cursor that has expired can still be told from a wrong one.
        oldest = self._clock.now() - 2 * self._life_s
        for cursor in [c for c, (listing, _) in self._open.items() if listing.started < oldest]:
            del self._open[cursor]


@dataclass(frozen=True, slots=True)
class Page:
    item_ids: Sequence[str]
    cursor: str | None


def check_page_limit(limit: int) -> None:
    if not 1 <= limit <= PAGE_LIMIT:
        raise invalid_argument(f"limit has to be 1 to {PAGE_LIMIT}", limit=limit)


def check_ids(ids: Sequence[str]) -> None:
    if len(ids) > IDS_LIMIT:
        raise invalid_argument(f"at most {IDS_LIMIT} ids are allowed", count=len(ids))


# Values of columns ----------------------------------------------------------------------------


def by_column_values(board: Board, columns: Iterable[Mapping[str, Any]]) -> Test:
    """Several values of a column mean any of them, several columns all of them.

    Texts are compared whole and without regard to case; "" and null find empty cells.
    """
    tests = []
    for wanted in columns:
        column = board.column(wanted["column_id"])
        if column.type not in SEARCHABLE_TYPES:
            raise column_value_error(
                column.id, column.type, f"Columns of type {column.type} cannot be searched"
            )
        if column.type in ONE_VALUE_TYPES and len(wanted["column_values"]) > 1:
            raise column_value_error(
                column.id, column.type, f"Columns of type {column.type} take one value to search"
            )
        values = frozenset((value or "").casefold() for value in wanted["column_values"])
        tests.append(
            _holds_label(column, values) if column.type == "dropdown" else _has_text(column, values)
        )
    return lambda item: all(test(item) for test in tests)


def _has_text(column: Column, values: frozenset[str]) -> Test:
    return lambda item: (cell_text(item, column) or "").casefold() in values


def _holds_label(column: Column, values: frozenset[str]) -> Test:
    def test(item: Item) -> bool:
        text = (cell_text(item, column) or "").casefold()
        return text in values or not values.isdisjoint(text.split(", "))

    return test


# Rules ------------------------------------------------------------------------------------------


def by_query_params(board: Board, params: Mapping[str, Any]) -> Test:
    """`query_params`: ids and rules together, rules joined by `operator`, groups nested."""
    test = _combined(board, params)
    ids = params.get("ids")
    if ids is None:
        return test
    check_ids(ids)
    wanted = frozenset(ids)
    return lambda item: item.id in wanted and test(item)


def _combined(board: Board, group: Mapping[str, Any]) -> Test:
    tests = [_rule(board, rule) for rule in group.get("rules") or ()]
    tests += [_combined(board, inner) for inner in group.get("groups") or ()]
    if not tests:
        return lambda _item: True
    together = any if group.get("operator") == "or" else all
    return lambda item: together(test(item) for test in tests)


def _rule(board: Board, rule: Mapping[str, Any]) -> Test:
    operator = rule.get("operator") or "any_of"
    given = rule.get("compare_value")
    values = given if isinstance(given, list) else [given]
    if rule["column_id"] == "group":
        return _membership(operator, lambda item: item.group.id, values)
    column = board.column(rule["column_id"])
    if operator in ("any_of", "not_any_of") and column.labels is not None:
        return _label_membership(operator, column, values)
    if operator in ("any_of", "not_any_of"):
        return _membership(operator, lambda item: cell_text(item, column) or "", values)
    if len(values) < _VALUES_NEEDED.get(operator, 1):
        raise invalid_argument(
            f"The operator {operator} needs more values to compare with", column_id=column.id
        )
    try:
        compare = _TEXT_RULES[operator]
    except KeyError:
        raise invalid_argument(
            f"The operator {operator} is not supported for columns of type {column.type}",
            column_id=column.id,
        ) from None
    return lambda item: compare(cell_text(item, column) or "", values)


def _membership(operator: str, read: Callable[[Item], str], values: Sequence[Any]) -> Test:
    wanted = frozenset("" if value is None else str(value).casefold() for value in values)
    expected = operator == "any_of"
    return lambda item: (read(item).casefold() in wanted) is expected


def _label_membership(operator: str, column: Column, values: Sequence[Any]) -> Test:
    """Labels are compared by id; a text that is not a number means the label with that name."""
    wanted: set[int | None] = set()
    for value in values:
        label = column.labels.find(value) if column.labels and isinstance(value, str) else None
        if label is not None:
            wanted.add(label.id)
        elif re.fullmatch(r"\d{1,100}", str(value), re.ASCII):
            wanted.add(int(value))
        elif value in ("", None):
            wanted.add(None)
    expected = operator == "any_of"

    def test(item: Item) -> bool:
        content = item.cells.get(column.id)
        chosen = set(content) if isinstance(content, list) else {content}
        return (not wanted.isdisjoint(chosen)) is expected

    return test


def _number(text: object) -> Decimal | None:
    try:
        return Decimal(str(text))
    except InvalidOperation:
        return None


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[str, Sequence[Any]], bool]:
    """Compare as numbers when both sides are numbers, else as texts (ISO dates sort so)."""

    def test(text: str, values: Sequence[Any]) -> bool:
        if not text:
            return False
        left, right = _number(text), _number(values[0])
        if left is not None and right is not None:
            return compare(left, right)
        return compare(text, str(values[0]))

    return test


def _contains(text: str, values: Sequence[Any]) -> bool:
    return any(str(value).casefold() in text.casefold() for value in values)


_at_least = _ordered(lambda left, right: left >= right)
_at_most = _ordered(lambda left, right: left <= right)

_TEXT_RULES: dict[str, Callable[[str, Sequence[Any]], bool]] = {
    "is_empty": lambda text, _values: not text,
    "is_not_empty": lambda text, _values: bool(text),
    "contains_text": _contains,
    "not_contains_text": lambda text, values: not _contains(text, values),
    "contains_terms": lambda text, values: all(
        term in text.casefold() for term in " ".join(map(str, values)).casefold().split()
    ),
    "starts_with": lambda text, values: text.casefold().startswith(str(values[0]).casefold()),
    "ends_with": lambda text, values: text.casefold().endswith(str(values[0]).casefold()),
    "greater_than": _ordered(lambda left, right: left > right),
    "greater_than_or_equals": _at_least,
    "lower_than": _ordered(lambda left, right: left < right),
    "lower_than_or_equal": _at_most,
    "between": lambda text, values: _at_least(text, values[:1]) and _at_most(text, values[1:2]),
}

_VALUES_NEEDED = {"is_empty": 0, "is_not_empty": 0, "between": 2}
