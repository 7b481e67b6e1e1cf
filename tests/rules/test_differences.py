"""Values before and after: what an action changes, and what the source has that the board lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from order_sync.rules.comparing import KnownLine, KnownOrder, compare
from order_sync.rules.differences import Difference, differences, from_board
from order_sync.rules.reading import read_order


def known_as(order, **changes):
    """What MON_* holds after the order was acknowledged."""
    lines = {
        line.size_key: KnownLine(
            line.size_key, f"2{n}", line.label, line.quantity, line.payload_hash, line.name
        )
        for n, line in enumerate(order.sizes)
    }
    there = KnownOrder(
        order.order_key, "1", order.customer, order.name, order.group_title, order.payload_hash,
        "s", values=dict(order.values), lines=lines,
    )  # fmt: skip
    return replace(there, **changes)


def unfinished(order, **changes):
    """An order an update is on its way for."""
    return known_as(order, payload_hash=None, source_hash=None, **changes)


@pytest.fixture
def order(row, mapping):
    return read_order(row, mapping)


@pytest.fixture
def changed(row, mapping):
    def changed(**cells):
        return read_order({**row, **{k.replace("_", " "): v for k, v in cells.items()}}, mapping)

    return changed


@pytest.fixture
def acted(mapping):
    def acted(wanted, known):
        return differences(compare(wanted, "new", known, mapping).action, mapping)

    return acted


def test_each_cell_is_told_with_both_values_in_the_form_people_write_them(order, changed, acted):
    wanted = changed(CUSTOMER_PRICE="31.5000", EX_FACTORY_DATE="2025-10-01", M="7", L="3")
    assert acted(wanted, known_as(order)) == (
        Difference("CUSTOMER EX FACTORY DATE", None, "2025-09-26", "2025-10-01", is_certain=True),
        Difference("CUSTOMER PRICE", None, "28.86", "31.5", is_certain=True),
        Difference("Order Qty", "M", "104", "7", is_certain=True),
        Difference("Order Qty", "L", None, "3", is_certain=True),
    )


def test_a_move_and_a_new_name_are_told_as_such(order, changed, acted):
    wanted = changed(CUSTOMER_SEASON="FALL 2026", CUSTOMER_STYLE="X1")
    found = {one.field: (one.before, one.after) for one in acted(wanted, known_as(order))}
    assert found["Group"] == (order.group_title, "JOHNNIE O FALL 2026")
    assert found["Name"] == ("JWHD100120 WHITE JOO-00505", "X1 WHITE JOO-00505")


def test_a_size_nobody_orders_any_more_goes_to_nothing(order, changed, acted):
    assert acted(changed(M=None), known_as(order)) == (
        Difference("Order Qty", "M", "104", "0", is_certain=True),
    )


def test_what_the_board_shows_is_not_certain_while_a_write_is_not_acknowledged(order, acted):
    found = acted(order, unfinished(order))
    assert {one.is_certain for one in found if one.size is None} == {False}
    assert {(one.before, one.after) for one in found if one.field == "CUSTOMER PRICE"} == {
        ("28.86", "28.86")
    }


def test_an_order_the_board_does_not_have_has_no_before(order, acted):
    assert acted(order, None) == ()


def test_the_source_differs_in_values_alone_whatever_is_acknowledged(order, changed, mapping):
    assert from_board(order, unfinished(order), mapping) == ()
    (found,) = from_board(changed(CUSTOMER_PRICE="30"), unfinished(order), mapping)
    assert (found.field, found.before, found.after) == ("CUSTOMER PRICE", "28.86", "30")


def test_an_optional_column_the_board_may_not_have_is_no_difference(order, mapping):
    optional = next(c.title for c in mapping.columns if not c.required)
    filled = order._replace(values={**order.values, optional: "7"}, payload_hash="other")
    empty = known_as(order, values={**order.values, optional: None})
    assert from_board(filled, empty, mapping) == ()
    assert len(from_board(filled, replace(empty, values={**filled.values, optional: "8"}), mapping))
