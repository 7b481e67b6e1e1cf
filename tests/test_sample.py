"""The sample does what its expectations say, by the rules; and is what its script makes."""

import importlib.util
import json
import sys
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from order_sync.order_files.csv_file import open_csv
from order_sync.profile import DEFAULT_PROFILE, load_profile
from order_sync.rules.changes import resolve_duplicates
from order_sync.rules.columns import label_refusals, length_refusals
from order_sync.rules.filters import Filters
from order_sync.rules.order import OrderLine, RefusedRow
from order_sync.rules.reading import OrderReader

SAMPLES = resources.files("order_sync.samples")
SCRIPT = Path(__file__).parent.parent / "bench" / "make_sample.py"
LONG_TEXTS = {"NOTES": "long_text", "STYLE DESCRIPTION": "long_text", "COLOR": "text"}


@pytest.fixture(scope="module")
def mapping():
    return load_profile(DEFAULT_PROFILE)


@pytest.fixture(scope="module")
def expected():
    return json.loads(SAMPLES.joinpath("expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows(mapping):
    with resources.as_file(SAMPLES.joinpath("greyson-and-friends.csv")) as path:
        return list(open_csv(path, mapping).rows())


@pytest.fixture(scope="module")
def outcome(mapping, rows, expected):
    """(order lines that may be sent, {row number: codes of its refusals}), as a run decides."""
    labels = {
        "CUSTOMER": frozenset(expected["customers"]),
        "ORDER TYPE": frozenset(expected["order_types"]),
        "UNIT OF MEASURE": frozenset(expected["units_of_measure"]),
    }
    reader = OrderReader(mapping)
    read = {number: reader.read(row) for number, row in enumerate(rows, start=1)}
    unique, refused = resolve_duplicates([order for order in read.values() if order])
    refusals = {
        number: [r.code for r in one.refusals]
        for number, order in read.items()
        for one in refused
        if order is not None and one.original is order.original
    }
    orders = []
    for order in unique:
        found = label_refusals(order, mapping, labels) + length_refusals(order, LONG_TEXTS)
        if found:
            number = next(n for n, one in read.items() if one is order)
            refusals[number] = [refusal.code for refusal in found]
        else:
            orders.append(order)
    return orders, refusals


def test_the_sample_has_the_columns_of_the_real_table(mapping):
    with resources.as_file(SAMPLES.joinpath("greyson-and-friends.csv")) as path:
        orders = open_csv(path, mapping)
    assert len(orders.headers) == 268
    assert orders.absent == ()


def test_exactly_the_marked_rows_are_refused_for_the_marked_reason(outcome, expected):
    _, refusals = outcome
    assert refusals == {marked["row"]: [marked["code"]] for marked in expected["refused"]}
    assert {"missing_key", "duplicate_key", "negative_quantity", "unknown_label", "too_long"} <= {
        marked["code"] for marked in expected["refused"]
    }


def test_the_others_reach_the_board(outcome, expected):
    orders, _ = outcome
    assert len(orders) == expected["orders"]
    assert sum(order.cancelled for order in orders) == expected["cancelled"]
    assert sum(len(order.sizes) for order in orders) == expected["size_lines"]
    assert sorted({order.group_title for order in orders}) == expected["groups"]


def test_no_row_is_lost(rows, mapping, outcome, expected):
    orders, refusals = outcome
    blank = sum(OrderReader(mapping).read(row) is None for row in rows)
    assert blank == expected["blank_rows"]
    assert len(rows) == expected["rows"]
    assert len(rows) == blank + expected["copies"] + len(orders) + len(refusals)
    assert expected["order_lines"] == len(rows) - blank


def test_warnings_are_the_expected_ones(outcome, expected):
    warnings = Counter(warning.code for order in outcome[0] for warning in order.warnings)
    assert warnings == expected["warnings"]


def test_greyson_po_4755(rows, mapping, expected):
    scope = Filters(customer="greyson clothiers", po="4755")
    read = [OrderReader(mapping).read(row) for row in rows if scope.matches(row, mapping)]
    assert all(isinstance(order, OrderLine) for order in read)
    assert len(read) == len({order.order_key for order in read}) == 69
    assert sum(order.cancelled for order in read) == 10
    assert sum(not order.sizes and not order.cancelled for order in read) == 6
    assert sum(len(order.sizes) for order in read) == 264
    assert {order.group_title for order in read} == {"GREYSON CLOTHIERS 2025 FALL"}
    assert expected["greyson"]["orders"] == 69


def test_a_marked_line_is_where_its_row_begins(expected):
    lines = SAMPLES.joinpath("greyson-and-friends.csv").read_text(encoding="utf-8").split("\n")
    for marked in expected["refused"]:
        assert lines[marked["line"] - 1].startswith(marked["order_number"] + ",")


def test_refused_rows_say_what_to_do(outcome, rows, mapping):
    reader = OrderReader(mapping)
    for number in outcome[1]:
        read = reader.read(rows[number - 1])
        if isinstance(read, RefusedRow):
            assert all(":" in refusal.message for refusal in read.refusals)


@pytest.mark.skipif(not SCRIPT.exists(), reason="the script is not part of a distribution")
def test_the_sample_is_what_its_script_makes():
    spec = importlib.util.spec_from_file_location("make_sample", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    sys.modules["make_sample"] = script
    spec.loader.exec_module(script)
    text, expected = script.build()
    assert text == SAMPLES.joinpath("greyson-and-friends.csv").read_text(encoding="utf-8")
    assert expected == json.loads(SAMPLES.joinpath("expected.json").read_text(encoding="utf-8"))
