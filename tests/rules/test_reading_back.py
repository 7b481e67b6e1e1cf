"""What the board shows against what an order wants: equal, held as it is, or not to be held."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_sync.profile import DEFAULT_PROFILE, load_profile
from order_sync.rules.changes import payload_hash, size_payload_hash
from order_sync.rules.columns import as_shown
from order_sync.rules.mapping import Kind
from order_sync.rules.order import SizeLine
from order_sync.rules.reading import needed_columns, read_order
from order_sync.rules.reading_back import held_line, held_order, shows
from order_sync.rules.values import clean_date, clean_number, clean_text, number_text

MAPPING = load_profile(DEFAULT_PROFILE)
TYPES = {Kind.NUMBER: "numbers", Kind.DATE: "date"}
BOARD = {column.title: TYPES.get(column.kind, "text") for column in MAPPING.columns}
PRICE, NOTES, DAY = "CUSTOMER PRICE", "NOTES", "CUSTOMER EX FACTORY DATE"


@pytest.fixture
def order(row):
    return read_order(dict.fromkeys(needed_columns(MAPPING)) | row, MAPPING)


def cells(order, types=BOARD, **other: str):
    """What the board shows of an order; `other` names cells by title, with underscores."""
    shown = {
        title: "" if value is None else str(as_shown(types[title], value))
        for title, value in order.values.items()
    }
    return shown | {title.replace("_", " "): text for title, text in other.items()}


def held(order, name=None, group=None, types=BOARD, **other: str):
    return held_order(
        order, name or order.name, group or order.group_title, cells(order, types, **other),
        types, MAPPING,
    )  # fmt: skip


def test_an_item_that_shows_all_the_order_wants_is_held_as_the_order(order):
    assert held(order).values == order.values
    assert held(order).payload_hash == order.payload_hash
    assert held(order).differing == ()


@pytest.mark.parametrize(
    ("board_type", "wanted", "text"),
    [
        ("numbers", Decimal("28.8600"), "28.86"),
        ("numbers", Decimal("28.86"), " 28.860 "),
        ("numbers", Decimal(500), "5E+2"),
        ("text", Decimal("28.8600"), "28.86"),
        ("date", date(2025, 9, 26), "2025-09-26"),
        ("date", date(2025, 9, 26), "2025-09-26 08:30"),
        ("long_text", "a\nb", "a\r\nb"),
        ("text", "DROP 1", " DROP 1 "),
        ("status", "PCE", "PCE"),
        ("dropdown", "a, b", "a, b"),
        ("text", None, ""),
        ("numbers", None, "  "),
    ],
)
def test_another_notation_of_the_same_value_is_no_difference(board_type, wanted, text):
    assert shows(board_type, wanted, text)


@pytest.mark.parametrize(
    ("board_type", "wanted", "text"),
    [
        ("numbers", Decimal("28.86"), "28.87"),
        ("numbers", Decimal(0), ""),
        ("numbers", None, "0"),
        ("numbers", Decimal(1), "one"),
        ("numbers", Decimal(1), "NaN"),
        ("text", Decimal("28.86"), "28.860"),
        ("date", date(2025, 9, 26), "26.09.2025"),
        ("date", None, "1900-01-01"),
        ("status", "PCE", "pce"),
        ("dropdown", "DROP 1", "DROP 10"),
        ("text", None, "N/A"),
        ("text", "N/A", ""),
    ],
)
def test_another_value_is_a_difference(board_type, wanted, text):
    assert not shows(board_type, wanted, text)


@pytest.mark.parametrize(
    ("title", "text", "value"),
    [
        (PRICE, "31.5", Decimal("31.5")),
        (PRICE, "", None),
        (NOTES, "N/A", "N/A"),
        (NOTES, "none", "none"),
        (NOTES, '"; DROP TABLE x; --', '"; DROP TABLE x; --'),
        (DAY, "1900-01-01", date(1900, 1, 1)),
        (DAY, "2025-10-03", date(2025, 10, 3)),
        (DAY, "  ", None),
    ],
)
def test_a_cell_that_differs_is_held_as_the_board_shows_it(order, title, text, value):
    """So that the next run sends this cell alone."""
    there = held(order, **{title: text})

    assert there.differing == (title,)
    assert there.values == dict(order.values) | {title: value}
    assert there.payload_hash == payload_hash(order.name, order.group_title, there.values)
    assert there.payload_hash not in (None, order.payload_hash)


@pytest.mark.parametrize(
    "text",
    [
        "twelve",
        "12,50",
        "NaN",
        "Infinity",
        "0.00001",
        "1e14",
        "1e30",
        "-1e30",
        "9" * 40,
        "1e9999999",
        "1e-9999999",
        "12345678901234.5678",
    ],
)
def test_a_number_mon_cannot_hold_leaves_the_order_to_be_written_whole(order, text):
    there = held(order, **{PRICE: text})

    assert there.differing == (PRICE,)
    assert there.values[PRICE] is None
    assert there.payload_hash is None


@pytest.mark.parametrize("text", ["26.09.2025", "soon", "2025-13-01"])
def test_a_day_mon_cannot_hold_leaves_the_order_to_be_written_whole(order, text):
    there = held(order, **{DAY: text})

    assert (there.values[DAY], there.payload_hash) == (None, None)


def test_a_number_spelled_otherwise_in_a_text_column_is_written_again(order):
    """MON_* holds numbers, not their spelling: it cannot say what differs."""
    types = BOARD | {PRICE: "text"}

    there = held(order, types=types, **{PRICE: "28.860"})

    assert there.differing == (PRICE,)
    assert there.payload_hash is None


def test_name_and_group_differ_on_their_own(order):
    renamed, moved = held(order, name="typed over"), held(order, group="By hand")

    assert renamed.differing == ("Name",)
    assert renamed.payload_hash == payload_hash("typed over", order.group_title, order.values)
    assert moved.differing == ("Group",)
    assert moved.payload_hash == payload_hash(order.name, "By hand", order.values)
    assert held(order, group=f" {order.group_title.lower()} ").differing == ()


def test_a_column_without_a_cell_is_an_empty_cell(order):
    shown = cells(order)
    del shown[NOTES]

    there = held_order(order, order.name, order.group_title, shown, BOARD, MAPPING)

    assert there.payload_hash == order.payload_hash


# Size lines

LINE = SizeLine("m", "M", "Size M", 3, size_payload_hash("Size M", "M", 3))


@pytest.mark.parametrize("text", ["3", "3.0", " 3 "])
def test_a_size_line_that_shows_all_that_is_wanted_is_held_as_wanted(text):
    line = held_line(LINE, "Size M", "M", text)

    assert (line.quantity, line.payload_hash, line.is_as_wanted) == (3, LINE.payload_hash, True)


@pytest.mark.parametrize(
    ("name", "label", "text", "quantity"),
    [("Size M", "M", "4", 4), ("typed over", "M", "3", 3), ("Size M", "m", "3", 3)],
)
def test_a_size_line_that_differs_is_held_as_the_board_shows_it(name, label, text, quantity):
    line = held_line(LINE, name, label, text)

    assert not line.is_as_wanted
    assert line.quantity == quantity
    assert line.payload_hash == size_payload_hash(name, label, quantity) != LINE.payload_hash


@pytest.mark.parametrize("wanted", [LINE, None])
@pytest.mark.parametrize("text", ["", "  ", "many", "2.5", "-1", "NaN", "2147483648", "1e9999999"])
def test_pieces_that_cannot_be_read_have_to_be_written(wanted, text):
    line = held_line(wanted, "Size M", "M", text)

    assert (line.quantity, line.payload_hash, line.is_as_wanted) == (0, None, False)


def test_a_size_nobody_orders_is_as_wanted_without_pieces():
    assert held_line(None, "Size M", "M", "0").is_as_wanted
    assert not held_line(None, "Size M", "M", "3").is_as_wanted


# For any value of a source

CLEANERS = {
    "text": clean_text,
    "numbers": lambda raw: clean_number(raw)[0],
    "date": lambda raw: clean_date(raw)[0],
}
RAW = {
    "text": st.text(),
    "numbers": st.one_of(
        st.integers(), st.decimals(allow_nan=False, allow_infinity=False, places=3), st.text()
    ),
    "date": st.one_of(st.dates(), st.integers(0, 90_000)),
}


def text_of(board_type: str, value: object) -> str:
    """The text of a cell to which this value was written."""
    shown = as_shown(board_type, value)
    if shown is None:
        return ""
    return number_text(shown) if isinstance(shown, Decimal) else str(shown)


@settings(deadline=None)
@given(st.data())
def test_whatever_was_written_is_read_back_as_wanted(data):
    kind = data.draw(st.sampled_from(sorted(CLEANERS)))
    value = CLEANERS[kind](data.draw(RAW[kind]))
    on_board = data.draw(st.sampled_from([kind] if kind == "date" else [kind, "text"]))

    assert shows(on_board, value, text_of(on_board, value))


WORDS = read_order({
    "AAG ORDER NUMBER": "JOO-1", "CUSTOMER NAME": "JOHNNIE O", "CUSTOMER STYLE": "M01",
    "CUSTOMER COLOUR DESCRIPTION": "WHITE", "CUSTOMER PRICE": "12", "NOTES": "words",
    "EX FACTORY DATE": "2025-09-26",
}, MAPPING)  # fmt: skip


@settings(deadline=None)
@given(st.text(), st.sampled_from([PRICE, NOTES, DAY]), st.sampled_from(["numbers", "text"]))
def test_any_text_in_a_cell_is_equal_or_held_or_written_over(text, title, price_type):
    """A difference never hides behind the hash of the order."""
    there = held(WORDS, types=BOARD | {PRICE: price_type}, **{title: text})

    assert (there.payload_hash == WORDS.payload_hash) == (not there.differing)
