"""One order against what the board is known to hold: what is sent, and what is only reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from order_sync.rules.comparing import KnownLine, KnownOrder, compare, is_acknowledged
from order_sync.rules.reading import read_order
from order_sync.rules.states import ChangeType, Operation


@pytest.fixture
def order(row, mapping):
    return read_order(row, mapping)


def known_as(order, **changes):
    """What MON_* holds after the order was acknowledged."""
    there = KnownOrder(
        order_key=order.order_key,
        item_id="1",
        customer=order.customer,
        title=order.name,
        group=order.group_title,
        payload_hash=order.payload_hash,
        source_hash="s",
        values=dict(order.values),
        lines={
            line.size_key: KnownLine(
                line.size_key, f"2{i}", line.label, line.quantity, line.payload_hash
            )
            for i, line in enumerate(order.sizes)
        },
    )
    return replace(there, **changes)


def test_an_unknown_order_is_created_with_its_size_lines(order, mapping):
    found = compare(order, "h", None, mapping)
    assert found.change is ChangeType.NEW
    assert found.action.operation is Operation.CREATE
    assert [(a.operation, a.line.label) for a in found.action.lines] == [
        (Operation.CREATE, "S"), (Operation.CREATE, "M"),
    ]  # fmt: skip


def test_a_new_cancelled_order_is_created_without_lines(row, mapping):
    order = read_order(row | {"ORDER TYPE": "Cancelled"}, mapping)
    action = compare(order, "h", None, mapping).action
    assert action.operation is Operation.CREATE
    assert action.lines == ()


def test_an_acknowledged_order_needs_nothing(order, mapping):
    found = compare(order, "h", known_as(order), mapping)
    assert (found.change, found.action, found.columns) == (ChangeType.UNCHANGED, None, ())
    assert is_acknowledged(order, known_as(order))


def test_a_changed_order_is_reported_with_its_columns(row, order, mapping):
    changed = read_order(row | {"CUSTOMER PRICE": "30", "S": 23}, mapping)
    found = compare(changed, "h", known_as(order), mapping)
    assert found.change is ChangeType.CHANGED
    assert found.action is None
    assert found.columns == ("CUSTOMER PRICE", "Size S")


def test_a_cancelled_order_is_told_apart_from_a_changed_one(row, order, mapping):
    cancelled = read_order(row | {"ORDER TYPE": "CANCELLED"}, mapping)
    assert compare(cancelled, "h", known_as(order), mapping).change is ChangeType.CANCELLED


def test_a_size_that_vanished_is_a_change(row, order, mapping):
    found = compare(read_order(row | {"M": None}, mapping), "h", known_as(order), mapping)
    assert found.columns == ("Size M",)


def test_an_order_whose_lines_are_missing_is_completed_not_created(order, mapping):
    there = known_as(order, lines={})
    action = compare(order, "h", there, mapping).action
    assert action.operation is None
    assert action.item_id == "1"
    assert [a.operation for a in action.lines] == [Operation.CREATE, Operation.CREATE]
    assert not is_acknowledged(order, there)


def test_an_order_found_on_the_board_is_moved_first_and_then_written_whole(order, mapping):
    elsewhere = known_as(order, payload_hash=None, group="OTHER")
    assert compare(order, "h", elsewhere, mapping).action.operation is Operation.MOVE
    in_place = known_as(order, payload_hash=None, group=order.group_title.lower())
    assert compare(order, "h", in_place, mapping).action.operation is Operation.UPDATE


def test_a_line_whose_values_are_unknown_is_written_again(order, mapping):
    there = known_as(order)
    lines = {k: replace(line, payload_hash=None) for k, line in there.lines.items()}
    action = compare(order, "h", replace(there, lines=lines), mapping).action
    assert [(a.operation, a.subitem_id) for a in action.lines] == [
        (Operation.UPDATE, "20"), (Operation.UPDATE, "21"),
    ]  # fmt: skip


def test_a_line_that_was_set_to_zero_on_the_board_stays_unmentioned(row, order, mapping):
    there = known_as(order)
    zero = KnownLine("xl", "99", "XL", 0, "z")
    found = compare(order, "h", replace(there, lines={**there.lines, "xl": zero}), mapping)
    assert found.change is ChangeType.UNCHANGED
    assert found.columns == ()
