"""A source row becomes an order line, or says why not."""

import dataclasses
from datetime import date
from decimal import Decimal

import pytest

from order_sync.rules.order import OrderLine, RefusedRow
from order_sync.rules.reading import OrderReader, needed_columns, read_order


def codes(refused):
    assert isinstance(refused, RefusedRow)
    return [refusal.code for refusal in refused.refusals]


def test_a_row_becomes_what_the_board_should_show(mapping, row):
    order = read_order(row, mapping)

    assert isinstance(order, OrderLine)
    assert order.order_key == "joo-00505|jwhd100120|white"
    assert order.name == "JWHD100120 WHITE JOO-00505"
    assert order.group_title == "JOHNNIE O SPRING SUMMER 2026"
    assert order.values["ORDER TYPE"] == "RECEIVED"
    assert order.values["CUSTOMER PRICE"] == Decimal("28.86")
    assert order.values["CUSTOMER EX FACTORY DATE"] == date(2025, 9, 26)
    assert [(s.label, s.name, s.quantity) for s in order.sizes] == [
        ("S", "Size S", 22),
        ("M", "Size M", 104),
    ]
    assert order.warnings == ()


def test_a_colour_code_that_looks_like_a_quantity_is_no_size(mapping, row):
    order = read_order(row, mapping)
    assert "INFOR COLOUR CODE" not in {size.label for size in order.sizes}
    assert sum(size.quantity for size in order.sizes) == 126


@pytest.mark.parametrize("word", ["CANCELLED", "Cancelled", " cancelled "])
def test_a_cancelled_order_has_no_sizes_and_no_total_to_compare(mapping, row, word):
    order = read_order(row | {"ORDER TYPE": word, "XXL": -5}, mapping)
    assert order.cancelled
    assert order.sizes == ()
    assert order.values["ORDER TYPE"] == "CANCELLED"
    assert order.warnings == ()


@pytest.mark.parametrize("blank", [None, "", " ", "N/A", "nan", "None", "NULL"])
def test_a_blank_customer_season_falls_back_to_the_next_season(mapping, row, blank):
    greyson = {"CUSTOMER NAME": " Greyson Clothiers ", "CUSTOMER SEASON": blank}
    order = read_order(row | greyson | {"AAG SEASON": "2025 FALL"}, mapping)
    assert order.group_title == "GREYSON CLOTHIERS 2025 FALL"
    assert order.values["CUSTOMER SEASON"] is None


def test_an_order_without_any_season_goes_to_a_named_group_and_says_so(mapping, row):
    order = read_order(row | {"CUSTOMER SEASON": " ", "AAG SEASON": "N/A"}, mapping)
    assert order.group_title == "JOHNNIE O UNKNOWN_SEASON"
    assert [warning.code for warning in order.warnings] == ["unknown_season"]


def test_an_alias_is_the_label_of_the_customer_column_only(mapping, row):
    order = read_order(row | {"CUSTOMER NAME": "Rhythm (AU)"}, mapping)
    assert order.values["CUSTOMER"] == "RHYTHM"
    assert order.group_title == "RHYTHM (AU) SPRING SUMMER 2026"
    assert order.customer == "Rhythm (AU)"


def test_a_part_of_an_alias_is_no_alias(mapping, row):
    order = read_order(row | {"CUSTOMER NAME": "RHYTHM (AU) OUTLET"}, mapping)
    assert order.values["CUSTOMER"] == "RHYTHM (AU) OUTLET"


def test_a_display_name_replaces_the_customer_in_the_group(mapping, row):
    named = dataclasses.replace(mapping, display_names=(("johnnie o", "Johnnie"),))
    assert read_order(row, named).group_title == "JOHNNIE SPRING SUMMER 2026"


@pytest.mark.parametrize("raw", ["TRUE", "true", True])
def test_true_in_us_tariff_rate_is_zero(mapping, row, raw):
    order = read_order(row | {"US TARIFF RATE": raw}, mapping)
    assert order.values["US TARIFF RATE"] == 0
    assert order.warnings == ()


def test_a_price_that_cannot_be_read_is_empty_and_reported(mapping, row):
    order = read_order(row | {"CUSTOMER PRICE": "TBC"}, mapping)
    assert order.values["CUSTOMER PRICE"] is None
    (warning,) = order.warnings
    assert (warning.code, warning.field, warning.value) == (
        "unreadable_number", "CUSTOMER PRICE", "TBC",
    )  # fmt: skip


def test_every_reason_of_a_row_is_told_at_once(mapping, row):
    bad = {
        "CUSTOMER STYLE": "N/A",
        "CUSTOMER NAME": None,
        "EX FACTORY DATE": "03/04/2025",
        "S": -1,
        "M": "1.5",
    }
    refused = read_order(row | bad, mapping)
    assert codes(refused) == [
        "missing_customer",
        "missing_key",
        "ambiguous_date",
        "negative_quantity",
        "invalid_quantity",
    ]
    assert [r.field for r in refused.refusals] == [
        "CUSTOMER NAME", "CUSTOMER STYLE", "EX FACTORY DATE", "S", "M",
    ]  # fmt: skip
    assert refused.order_key == "joo-00505||white"
    assert refused.payload_hash is None


@pytest.mark.parametrize(
    ("column", "length", "code"),
    [("CUSTOMER STYLE", 300, "name_too_long"), ("CUSTOMER SEASON", 300, "too_long")],
)
def test_names_and_groups_are_never_cut(mapping, row, column, length, code):
    refused = read_order(row | {column: "X" * length}, mapping)
    assert codes(refused) == [code]


def test_a_name_of_255_characters_is_fine(mapping, row):
    style = "X" * (255 - len(" WHITE JOO-00505"))
    assert len(read_order(row | {"CUSTOMER STYLE": style}, mapping).name) == 255


def test_a_total_that_differs_is_a_warning(mapping, row):
    order = read_order(row | {"TOTAL QTY": "1,000"}, mapping)
    assert [w.code for w in order.warnings] == ["total_differs"]
    assert order.values["ORDER QTY"] == 1000


def test_a_blank_row_is_no_order(mapping):
    assert read_order({"TOTAL QTY": 0, "AAG SEASON": "NULL", "M": None}, mapping) is None


def test_a_row_with_nothing_but_a_quantity_is_an_order_that_is_refused(mapping):
    assert "missing_key" in codes(read_order({"M": 12}, mapping))


def test_rows_read_together_are_read_as_each_alone(mapping, row):
    price = "CUSTOMER PRICE"
    rows = [
        row, {**row, price: Decimal("28.860")}, {**row, price: None}, {**row, price: "about 3"},
        {**row, price: 7}, {**row, "CUSTOMER NAME": " greyson "}, {**row, "CUSTOMER NAME": None},
        {**row, "ORDER TYPE": "CANCELLED"}, dict.fromkeys(row),
    ]  # fmt: skip
    lacking = {name: cell for name, cell in row.items() if name != price}
    for together in (rows, [*rows, lacking], [lacking], []):
        assert OrderReader(mapping).read_all(together) == [read_order(r, mapping) for r in together]


def test_columns_the_board_lacks_change_neither_values_nor_hash(mapping, row):
    active = frozenset(c.title for c in mapping.columns) - {"ORDER QTY"}
    reader = OrderReader(mapping, active)
    one, other = reader.read(row), reader.read(row | {"TOTAL QTY": 127})
    assert "ORDER QTY" not in one.values
    assert one.payload_hash == other.payload_hash != read_order(row, mapping).payload_hash


def test_a_column_the_source_lacks_is_left_out_not_emptied(mapping, row):
    assert "NOTES" not in read_order(row, mapping).values
    assert read_order(row | {"NOTES": " "}, mapping).values["NOTES"] is None


@pytest.mark.parametrize("apostrophe", ["'", "''"])
def test_the_colour_code_is_found_under_both_spellings(mapping, row, apostrophe):
    source = f"CUSTOMER{apostrophe}S COLOUR CODE (CUSTOM FIELD) CUSTOMER PROVIDES THIS"
    assert read_order(row | {source: "C07"}, mapping).values["CUSTOMER COLOR CODE"] == "C07"


def test_more_key_columns_of_a_customer_are_part_of_its_keys(mapping, row):
    longer = dataclasses.replace(mapping, extra_keys=(("johnnie o", ("PO NUMBER",)),))
    assert read_order(row, longer).order_key == "joo-00505|jwhd100120|white|8148-00"
    other = row | {"CUSTOMER NAME": "TITLE 9"}
    assert read_order(other, longer).order_key == "joo-00505|jwhd100120|white"


def test_only_mapped_cells_are_kept_as_the_original(mapping, row):
    original = read_order(row, mapping).original
    assert original["CUSTOMER PRICE"] == "$ 28.860"
    assert original["M"] == "104.0"
    assert "INFOR COLOUR CODE" not in original


def test_the_needed_columns_are_named_once(mapping):
    names = needed_columns(mapping)
    assert len(names) == len(set(names)) == 46 + 161
