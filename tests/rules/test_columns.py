"""Values in the words of the board, limits and labels."""

import dataclasses
from datetime import date
from decimal import Decimal

import pytest

from order_sync.rules.columns import (
    clear_value,
    label_refusals,
    length_refusals,
    missing_labels,
    missing_size_labels,
    size_values,
    wire_value,
    wire_values,
)
from order_sync.rules.mapping import LabelPolicy
from order_sync.rules.reading import read_order

ALL_TYPES = ["text", "long_text", "numbers", "status", "dropdown", "date"]


@pytest.mark.parametrize(
    ("board_type", "value", "wire"),
    [
        ("text", "abc", "abc"),
        ("text", Decimal("500.0000"), "500"),
        ("long_text", "a\nb", {"text": "a\nb"}),
        ("numbers", Decimal("1234.5000"), "1234.5"),
        ("numbers", Decimal("1E+3"), "1000"),
        ("numbers", Decimal("-0.00"), "0"),
        ("status", "PCE", {"label": "PCE"}),
        ("dropdown", "A, B", {"labels": ["A, B"]}),
        ("date", date(2025, 9, 26), {"date": "2025-09-26"}),
    ],
)
def test_each_type_has_its_wire_form(board_type, value, wire):
    assert wire_value(board_type, value) == wire


def test_a_status_label_that_looks_like_a_number_goes_by_its_id():
    assert wire_value("status", "7", {"7": 3}) == {"index": 3}
    assert wire_value("status", "PCE", {"PCE": 3}) == {"label": "PCE"}


@pytest.mark.parametrize("board_type", ALL_TYPES)
def test_an_empty_value_clears_its_column(board_type):
    assert wire_value(board_type, None) == clear_value(board_type)
    assert clear_value(board_type) == ({"labels": []} if board_type == "dropdown" else None)


@pytest.mark.parametrize(
    ("board_type", "value"),
    [("date", "2025-01-01"), ("numbers", "5"), ("text", date(2025, 1, 1)), ("mirror", "x"),
     ("status", Decimal(1))],
)  # fmt: skip
def test_a_value_a_column_cannot_hold_is_an_error(board_type, value):
    with pytest.raises(ValueError, match="cannot hold"):
        wire_value(board_type, value)


def test_a_creation_leaves_blanks_out_and_an_update_clears_them():
    values = {"NOTES": None, "STYLE": "M01", "NOT ON THE BOARD": "x"}
    types = {"NOTES": "long_text", "STYLE": "dropdown"}
    assert wire_values(values, types, clear_blanks=False) == {"STYLE": {"labels": ["M01"]}}
    assert wire_values(values, types, clear_blanks=True) == {
        "NOTES": None,
        "STYLE": {"labels": ["M01"]},
    }


def test_nothing_but_label_and_pieces_is_written_to_a_subitem(mapping, row):
    size = read_order(row, mapping).sizes[0]
    assert size_values(mapping, size.label, size.quantity) == {"Size": "S", "Order Qty": 22}


def test_a_text_at_the_limit_passes_and_one_over_it_is_refused_never_cut(mapping, row):
    types = {"NOTES": "long_text", "STYLE": "text"}
    fits = read_order(row | {"NOTES": "x" * 2000}, mapping)
    too_long = read_order(row | {"NOTES": "x" * 2001}, mapping)
    assert length_refusals(fits, types) == []
    assert [(r.code, r.field) for r in length_refusals(too_long, types)] == [("too_long", "NOTES")]
    assert length_refusals(too_long, {"NOTES": "text"}) == []


def test_values_too_large_for_one_item_are_refused(mapping, row):
    order = read_order(row | {"NOTES": "é" * 40_000}, mapping)
    assert [(r.code, r.field) for r in length_refusals(order, {"NOTES": "text"})] == [
        ("too_long", "NOTES")
    ]


def test_many_short_values_too_large_together_are_refused(mapping, row):
    values = {f"TEXT {number}": "x" * 20 for number in range(3_000)}
    order = read_order(row, mapping)._replace(values=values)
    assert [r.code for r in length_refusals(order, dict.fromkeys(values, "text"))] == ["too_long"]


LABELS = {
    "CUSTOMER": frozenset({"JOHNNIE O", "RHYTHM"}),
    "ORDER TYPE": frozenset({"RECEIVED", "CANCELLED"}),
    "UNIT OF MEASURE": frozenset({"PCE"}),
    "STYLE": frozenset({"M01"}),
    "CUSTOMER SEASON": frozenset(),
}


def test_known_labels_pass_and_creatable_ones_are_not_refused(mapping, row):
    assert label_refusals(read_order(row, mapping), mapping, LABELS) == []


def test_an_unknown_label_is_refused_with_the_nearest_one(mapping, row):
    order = read_order(row | {"CUSTOMER NAME": "JOHNNY O", "UNIT OF MEASURE": "pce"}, mapping)
    customer, unit = label_refusals(order, mapping, LABELS)
    assert (customer.code, customer.field, customer.value) == (
        "unknown_label", "CUSTOMER", "JOHNNY O",
    )  # fmt: skip
    assert '"JOHNNIE O"' in customer.message
    assert "customers.aliases" in customer.message
    assert (unit.field, unit.error_class) == ("UNIT OF MEASURE", "label")
    assert '"PCE"' in unit.message


def test_a_column_that_is_no_label_column_takes_any_value(mapping, row):
    order = read_order(row | {"CUSTOMER NAME": "SOMEONE"}, mapping)
    assert label_refusals(order, mapping, {}) == []
    assert missing_labels([order], mapping, {}) == {}


def test_missing_labels_of_columns_that_may_get_new_ones(mapping, row):
    orders = [read_order(row | {"CUSTOMER STYLE": style}, mapping) for style in ("M01", "A", "A")]
    assert missing_labels(orders, mapping, LABELS) == {
        "STYLE": {"A"},
        "CUSTOMER SEASON": {"SPRING SUMMER 2026"},
    }
    assert missing_size_labels(orders, mapping, frozenset({"S"})) == {"M"}


def test_sizes_may_be_limited_to_known_labels(mapping, row):
    sizes = dataclasses.replace(mapping.sizes, labels=LabelPolicy.KNOWN)
    strict = dataclasses.replace(mapping, sizes=sizes)
    order = read_order(row, strict)
    (refusal,) = label_refusals(order, strict, {"Size": frozenset({"S", "L", "XL"})})
    assert (refusal.field, refusal.value) == ("Size", "M")
    assert missing_size_labels([order], strict, frozenset()) == set()
