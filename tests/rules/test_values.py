"""Cleaning cells: the table of cases, and what holds for any cell at all."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.rules.order import Refusal, Warn
from order_sync.rules.values import (
    MAX_KEY,
    clean_date,
    clean_number,
    clean_quantity,
    clean_text,
    has_decimal_comma,
    key_part,
    key_parts,
    number_text,
    order_key,
    parse_key,
    size_key,
)

ANY_CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.decimals(),
    st.text(),
    st.dates(),
    st.datetimes(),
    st.binary(),
    st.uuids(),
)


@pytest.mark.parametrize(
    "raw", [None, "", "  ", "\t", "NULL", "none", "NaN", " n/a ", "\u00a0", "\x00"]
)
def test_blank_words_are_no_text(raw):
    assert clean_text(raw) is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (" WHITE ", "WHITE"),
        ("DEAN  BLUE", "DEAN  BLUE"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\u2028b", "a\nb"),
        ("a\tb\u00a0c", "a b c"),
        ("a\x00b\x07c\x9f", "abc"),
        ("half \ud83d pair", "half  pair"),
        ("\ufeffJOO-1\u200b", "JOO-1"),
        ("SHIP 📦", "SHIP 📦"),
        ("NONESUCH", "NONESUCH"),
        (6109, "6109"),
        (6109.0, "6109"),
        (Decimal("7.50"), "7.5"),
        (True, "TRUE"),
        (datetime(2025, 5, 20), "2025-05-20"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"bytes", "bytes"),
    ],
)
def test_text_is_trimmed_and_storable(raw, text):
    assert clean_text(raw) == text


@given(ANY_CELL)
def test_cleaning_a_text_twice_changes_nothing_and_leaves_nothing_unstorable(raw):
    text = clean_text(raw)
    assert clean_text(text) == text
    if text is not None:
        assert text.encode("utf-8")
        assert not {c for c in text if ord(c) < 32 and c != "\n"}


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("28.86", "28.86"),
        ("$1,234.50", "1234.5"),
        ("$ 1,234.50", "1234.5"),
        ("1 234.50 €", "1234.5"),
        ("7.5%", "7.5"),
        ("7.5 %", "7.5"),
        ("12.50 ", "12.5"),
        ("(12.50)", "-12.5"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        (".5", "0.5"),
        ("1e3", "1000"),
        (1e-05, "0"),
        (0.1 + 0.2, "0.3"),
        (12, "12"),
        (Decimal("1.00"), "1"),
        ("1.00005", "1.0001"),
        ("-0.00001", "0"),
        ("99999999999.9999", "99999999999.9999"),
    ],
)
def test_numbers_are_read_whatever_signs_stand_around_them(raw, number):
    assert clean_number(raw) == (Decimal(number), None)
    assert number_text(clean_number(raw)[0]) == number


@pytest.mark.parametrize("raw", [None, "", " ", "NULL", "NONE", "NaN", "N/A"])
def test_a_blank_number_is_empty_without_a_warning(raw):
    assert clean_number(raw) == (None, None)


@pytest.mark.parametrize(
    "raw", ["TRUE", "12,50", "1.234,50", "1,23,456", "TBC", "-(5)", "12 pcs", "٣", True,
            float("nan"), float("inf"), Decimal("NaN"), "--5", "$"],
)  # fmt: skip
def test_an_unreadable_number_is_empty_with_a_warning(raw):
    value, warning = clean_number(raw)
    assert value is None
    assert isinstance(warning, Warn)
    assert warning.code == "unreadable_number"


@pytest.mark.parametrize("raw", ["100000000000000", "1e999999", "12345678901234.56", 10**40])
def test_a_number_no_database_and_board_can_hold_is_empty_with_a_warning(raw):
    value, warning = clean_number(raw)
    assert value is None
    assert warning.code == "number_out_of_range"


@given(ANY_CELL)
def test_any_cell_becomes_a_number_of_four_places_or_nothing(raw):
    value, _ = clean_number(raw)
    if value is not None:
        assert value == round(value, 4)
        assert abs(value) < 10**14
        assert clean_number(number_text(value)) == (value, None)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_a_number_survives_its_own_text(number):
    assert clean_number(f"{number:,}")[0] == number
    assert "E" not in number_text(number)


@pytest.mark.parametrize(
    ("raw", "pieces"),
    [(720, 720), ("720.0", 720), ("720.00", 720), ("1,200", 1200), (" 12 ", 12), (7.0, 7),
     (Decimal("7.00"), 7), ("-0", 0), (0, 0), (None, None), ("", None), ("N/A", None)],
)  # fmt: skip
def test_whole_pieces_are_read(raw, pieces):
    assert clean_quantity(raw) == (pieces, None)


@pytest.mark.parametrize(
    ("raw", "code"),
    [("12.5", "invalid_quantity"), (0.5, "invalid_quantity"), ("TBC", "invalid_quantity"),
     (True, "invalid_quantity"), ("$5", "invalid_quantity"), ("2147483648", "invalid_quantity"),
     ("9" * 5000, "invalid_quantity"), (float("nan"), None), ("-12", "negative_quantity"),
     (-1, "negative_quantity"), ("-1,200.0", "negative_quantity")],
)  # fmt: skip
def test_other_quantities_refuse_the_order(raw, code):
    pieces, refusal = clean_quantity(raw)
    assert pieces is None
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(
    "raw",
    ["2025-05-20", "2025-05-20 00:00:00", "2025/05/20", "2025-5-20", "2025-05-20T10:00:00Z",
     "20250520", 45797, "45797", 45797.5, date(2025, 5, 20), datetime(2025, 5, 20, 23, 59)],
)  # fmt: skip
def test_iso_dates_and_excel_serials_are_dates(raw):
    assert clean_date(raw) == (date(2025, 5, 20), None)


@pytest.mark.parametrize(
    ("raw", "code"),
    [("20/05/2025", "ambiguous_date"), ("03/04/2025", "ambiguous_date"),
     ("5.6.25", "ambiguous_date"), ("05-20-2025", "ambiguous_date"), ("ASAP", "unreadable_date"),
     ("2025-02-30", "unreadable_date"), (19999, "unreadable_date"), ("0", "unreadable_date")],
)  # fmt: skip
def test_a_date_that_must_be_guessed_refuses_the_order(raw, code):
    day, refusal = clean_date(raw)
    assert day is None
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


def test_no_date_never_becomes_1900():
    assert clean_date(None) == (None, None)
    assert clean_date(" ") == (None, None)
    day, warning = clean_date(datetime(1900, 1, 1))
    assert day is None
    assert warning.code == "placeholder_date"


@given(ANY_CELL)
def test_no_cell_makes_a_cleaner_fail(raw):
    clean_date(raw)
    clean_quantity(raw)


def test_keys_ignore_case_blanks_and_control_characters():
    assert order_key([" joo-00505", "M01\tY09 ", "Dean  Blue\x00"]) == "joo-00505|m01 y09|dean blue"
    assert size_key(" One  Size ") == "one size"


def test_two_spellings_of_one_letter_are_one_key():
    assert key_part("CAFÉ") == key_part("CAFE\N{COMBINING ACUTE ACCENT}")


def test_a_bar_inside_a_part_does_not_make_two_orders_one():
    assert order_key(["a|b", "c"]) != order_key(["a", "b|c"])
    assert order_key(["a\\", "|b"]) != order_key(["a\\|", "b"])


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_key_typed_in_any_case_is_the_key(parts):
    key = order_key(parts)
    assert parse_key(key) == key
    assert key_parts(key) == [key_part(part) for part in parts]


@given(st.text())
def test_a_key_part_is_its_own_key_part(text):
    assert key_part(key_part(text)) == key_part(text)


@given(st.lists(st.text(), min_size=2, max_size=2), st.lists(st.text(), min_size=2, max_size=2))
def test_different_parts_make_different_keys(one, other):
    same = [key_part(p) for p in one] == [key_part(p) for p in other]
    assert (order_key(one) == order_key(other)) is same


def test_a_key_that_is_too_long_is_cut_and_still_its_own():
    long = [order_key(["x" * 600, style, "|\\" * 300]) for style in ("A", "B", "a ")]
    assert all(len(key) <= MAX_KEY for key in long)
    assert long[0] != long[1]
    assert long[0] == long[2]
    for cut in range(12):
        key = order_key(["y" * (455 + cut), "\\" * 99, "| " * 99])
        assert parse_key(key) == key


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("12,50", True), ("1.234,5", True), (" -0,5 €", True), ("(12,50)", True), ("7,5\u00a0%", True),
     ("soon", False), ("12,50,30", False), ("a,b", False), (",", False), ("1" * 80 + ",5", False)],
)  # fmt: skip
def test_a_decimal_comma_is_recognised(text, is_one):
    assert clean_number(text)[0] is None
    assert has_decimal_comma(text) is is_one
