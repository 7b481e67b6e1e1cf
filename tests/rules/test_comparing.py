"""One order against what the board is known to hold: what is sent for it, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from order_sync.rules.changes import payload_hash, size_payload_hash
from order_sync.rules.comparing import (
    GROUP,
    NAME,
    VANISHED,
    KnownLine,
    KnownOrder,
    archive_vanished,
    compare,
    compare_vanished,
    is_acknowledged,
    is_cancelled,
)
from order_sync.rules.reading import read_order
from order_sync.rules.states import ChangeType, Operation

CANCELLED_ROW = {"ORDER TYPE": "Cancelled"}


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
                line.size_key, f"2{i}", line.label, line.quantity, line.payload_hash, line.name
            )
            for i, line in enumerate(order.sizes)
        },
    )
    return replace(there, **changes)


def unfinished(order, **changes):
    """An order an update is on its way for: what the board shows is not certain."""
    return known_as(order, payload_hash=None, source_hash=None, **changes)


def with_lines(there, **changes):
    """The same order with other size lines; `changes` go to each of them."""
    return replace(there, lines={k: replace(line, **changes) for k, line in there.lines.items()})


def empty_line(**changes):
    """A size that was ordered once; its subitem shows no pieces."""
    hashed = size_payload_hash("Size XL", "XL", 0)
    return replace(KnownLine("xl", "99", "XL", 0, hashed, "Size XL"), **changes)


def lines_of(action):
    return [(a.operation, a.line.label, a.columns, a.before, a.line.quantity) for a in action.lines]


def test_an_unknown_order_is_created_with_its_size_lines(order, mapping):
    found = compare(order, "h", None, mapping)
    assert found.change is ChangeType.NEW
    assert found.action.is_new
    assert found.action.steps == (Operation.CREATE,)
    assert found.action.item_id is None
    assert lines_of(found.action) == [
        (Operation.CREATE, "S", (), None, 22), (Operation.CREATE, "M", (), None, 104),
    ]  # fmt: skip


def test_a_new_cancelled_order_is_created_without_lines(row, mapping):
    order = read_order(row | CANCELLED_ROW, mapping)
    action = compare(order, "h", None, mapping).action
    assert action.operation is Operation.CREATE
    assert action.lines == ()


def test_an_acknowledged_order_needs_nothing(order, mapping):
    found = compare(order, "h", known_as(order), mapping)
    assert (found.change, found.action) == (ChangeType.UNCHANGED, None)
    assert not found.same_under_another_hash


def test_a_changed_order_gets_the_columns_that_changed_and_no_other(row, order, mapping):
    changed = read_order(row | {"CUSTOMER PRICE": "30", "PO NUMBER": ""}, mapping)
    found = compare(changed, "h", known_as(order), mapping)
    assert found.change is ChangeType.CHANGED
    assert found.action.steps == (Operation.UPDATE,)
    assert sorted(found.action.columns) == ["CUSTOMER PRICE", "PO NUMBER"]
    assert (found.action.item_id, found.action.source_hash) == ("1", "h")
    assert found.action.lines == ()


def test_another_name_renames_the_item(order, mapping):
    """The key has no case, the name has."""
    renamed = order._replace(name=order.name.lower(), payload_hash="other")
    action = compare(renamed, "h", known_as(order), mapping).action
    assert (action.operation, action.columns) == (Operation.UPDATE, (NAME,))


def test_an_order_in_another_group_is_moved(row, order, mapping):
    moved = read_order(row | {"CUSTOMER SEASON": "FALL 2026"}, mapping)
    there = known_as(order, values=dict(moved.values))
    found = compare(moved, "h", there, mapping)
    assert found.change is ChangeType.CHANGED
    assert found.action.columns == (GROUP,)
    assert found.action.steps == (Operation.MOVE,)


def test_a_move_goes_first_and_the_columns_follow(row, order, mapping):
    moved = read_order(row | {"CUSTOMER SEASON": "FALL 2026", "CUSTOMER PRICE": "30"}, mapping)
    action = compare(moved, "h", known_as(order), mapping).action
    assert action.operation is Operation.MOVE
    assert action.steps == (Operation.MOVE, Operation.UPDATE)
    assert set(action.columns) == {GROUP, "CUSTOMER SEASON", "CUSTOMER PRICE"}


def test_a_cancelled_order_that_moves_is_moved_and_then_cancelled(row, order, mapping):
    gone = read_order(row | CANCELLED_ROW | {"CUSTOMER SEASON": "FALL 2026"}, mapping)
    found = compare(gone, "h", known_as(order), mapping)
    assert found.change is ChangeType.CANCELLED
    assert found.action.steps == (Operation.MOVE, Operation.CANCEL)


def test_a_group_written_in_another_case_is_the_same_group(order, mapping):
    there = known_as(order, group=f" {order.group_title.lower()} ")
    assert compare(order, "h", there, mapping).action is None


# What the board shows is not certain


def test_an_order_that_is_not_acknowledged_is_written_whole(order, mapping):
    """Its values agree with what is known, but a lost update may have changed the board."""
    found = compare(order, "h", unfinished(order), mapping)
    assert found.change is ChangeType.UNCHANGED
    assert found.action.steps == (Operation.UPDATE,)
    assert found.action.columns == (NAME, *order.values)


def test_blank_values_are_part_of_a_whole_write(row, mapping):
    order = read_order(row | {"NOTES": " "}, mapping)
    assert order.values["NOTES"] is None
    assert "NOTES" in compare(order, "h", unfinished(order), mapping).action.columns


def test_an_order_that_is_not_acknowledged_moves_before_it_is_written_whole(order, mapping):
    action = compare(order, "h", unfinished(order, group="OTHER"), mapping).action
    assert action.steps == (Operation.MOVE, Operation.UPDATE)
    assert action.columns == (NAME, GROUP, *order.values)


def test_after_a_move_alone_the_known_values_count_again(row, order, mapping):
    changed = read_order(row | {"CUSTOMER PRICE": "30"}, mapping)
    found = compare(changed, "h", unfinished(order), mapping, trusted=True)
    assert found.change is ChangeType.CHANGED
    assert found.action.columns == ("CUSTOMER PRICE",)


def test_after_a_move_that_was_all_only_the_hash_is_missing(order, mapping):
    found = compare(order, "h", unfinished(order), mapping, trusted=True)
    assert found.action is None
    assert found.same_under_another_hash


def test_a_cancelled_order_that_is_not_acknowledged_is_a_cancellation_still(row, order, mapping):
    gone = read_order(row | CANCELLED_ROW, mapping)
    found = compare(gone, "h", unfinished(order), mapping)
    assert (found.change, found.action.operation) == (ChangeType.CANCELLED, Operation.CANCEL)


def test_what_is_shown_already_under_another_hash_needs_no_request(order, mapping):
    found = compare(order, "h", known_as(order, payload_hash="an older notation"), mapping)
    assert (found.change, found.action) == (ChangeType.UNCHANGED, None)
    assert found.same_under_another_hash


def test_a_column_the_profile_has_gained_is_written_only_where_it_is_filled(row, mapping):
    order = read_order(row | {"NOTES": ""}, mapping)
    older = {t: v for t, v in order.values.items() if t not in ("NOTES", "PO NUMBER")}
    there = known_as(order, values=older, payload_hash=payload_hash(order.name, "G", older))
    action = compare(order, "h", there, mapping).action
    assert action.columns == ("PO NUMBER",)


def test_size_lines_are_compared_although_the_columns_agree_under_another_hash(row, order, mapping):
    there = known_as(order, payload_hash="an older notation")
    fewer = read_order(row | {"S": 21}, mapping)
    found = compare(fewer, "h", there, mapping)
    assert found.same_under_another_hash
    assert found.action.operation is None
    assert lines_of(found.action) == [(Operation.UPDATE, "S", ("Order Qty",), 22, 21)]


# Size lines


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"S": 23}, (Operation.UPDATE, "S", ("Order Qty",), 22, 23)),
        ({"S": None}, (Operation.UPDATE, "S", ("Order Qty",), 22, 0)),
        ({"S": 0}, (Operation.UPDATE, "S", ("Order Qty",), 22, 0)),
        ({"XL": 5}, (Operation.CREATE, "XL", (), None, 5)),
    ],
)
def test_a_size_that_differs_is_the_only_one_sent(row, order, mapping, sizes, expected):
    found = compare(read_order(row | sizes, mapping), "h", known_as(order), mapping)
    assert found.change is ChangeType.CHANGED
    assert found.action.operation is None
    assert found.action.steps == ()
    assert lines_of(found.action) == [expected]


def test_a_size_that_is_gone_keeps_its_subitem(row, order, mapping):
    action = compare(read_order(row | {"M": None}, mapping), "h", known_as(order), mapping).action
    (line,) = action.lines
    assert (line.subitem_id, line.line.name, line.line.quantity) == ("21", "Size M", 0)
    assert line.line.payload_hash == size_payload_hash("Size M", "M", 0)


def test_a_size_that_comes_back_is_written_to_its_old_subitem(row, order, mapping):
    there = known_as(order)
    there = replace(there, lines={**there.lines, "xl": empty_line()})
    action = compare(read_order(row | {"XL": 5}, mapping), "h", there, mapping).action
    assert lines_of(action) == [(Operation.UPDATE, "XL", ("Order Qty",), 0, 5)]
    assert action.lines[0].subitem_id == "99"


def test_a_size_that_shows_no_pieces_and_is_not_ordered_needs_nothing(order, mapping):
    there = known_as(order)
    there = replace(there, lines={**there.lines, "xl": empty_line()})
    assert compare(order, "h", there, mapping).action is None
    assert is_acknowledged(order, there)


def test_a_size_nobody_orders_is_emptied_again_while_its_emptying_is_in_doubt(order, mapping):
    there = known_as(order, source_hash=None)
    there = replace(there, lines={**there.lines, "xl": empty_line(payload_hash=None)})
    found = compare(order, "h", there, mapping)
    assert lines_of(found.action) == [(Operation.UPDATE, "XL", ("Order Qty",), 0, 0)]
    assert found.change is ChangeType.UNCHANGED


@pytest.mark.parametrize(
    ("shown", "columns"),
    [
        ({"name": "size s"}, (NAME,)),
        ({"label": "s"}, ("Size",)),
        ({"name": "s", "label": "s"}, (NAME, "Size")),
        ({"name": "s", "quantity": 1}, (NAME, "Order Qty")),
        ({}, ("Order Qty",)),  # another notation of the hash: something has to be written
    ],
)
def test_a_line_gets_what_differs_of_name_label_and_pieces(order, mapping, shown, columns):
    there = known_as(order)
    line = replace(there.lines["s"], payload_hash="other", **shown)
    action = compare(
        order, "h", replace(there, lines={**there.lines, "s": line}), mapping
    ).action  # fmt: skip
    assert [a.columns for a in action.lines] == [columns]


def test_a_line_that_is_not_acknowledged_is_written_whole(order, mapping):
    there = with_lines(known_as(order, source_hash=None), payload_hash=None)
    found = compare(order, "h", there, mapping)
    assert found.change is ChangeType.UNCHANGED
    assert [(a.operation, a.subitem_id, a.columns) for a in found.action.lines] == [
        (Operation.UPDATE, "20", (NAME, "Size", "Order Qty")),
        (Operation.UPDATE, "21", (NAME, "Size", "Order Qty")),
    ]


def test_an_order_whose_lines_are_missing_is_completed_not_created(order, mapping):
    there = known_as(order, lines={}, source_hash=None)
    found = compare(order, "h", there, mapping)
    assert found.change is ChangeType.UNCHANGED
    assert found.action.operation is None
    assert found.action.item_id == "1"
    assert [a.operation for a in found.action.lines] == [Operation.CREATE, Operation.CREATE]
    assert not is_acknowledged(order, there)


def test_an_unfinished_order_whose_sizes_have_changed_meanwhile_is_a_change(row, order, mapping):
    there = known_as(order, source_hash=None)
    found = compare(read_order(row | {"S": 1}, mapping), "h", there, mapping)
    assert found.change is ChangeType.CHANGED


# Cancelled and revived


def test_a_cancelled_order_shows_it_and_its_lines_show_no_pieces(row, order, mapping):
    cancelled = read_order(row | CANCELLED_ROW, mapping)
    found = compare(cancelled, "h", known_as(order), mapping)
    assert found.change is ChangeType.CANCELLED
    assert found.action.steps == (Operation.CANCEL,)
    assert found.action.columns == ("ORDER TYPE",)
    assert lines_of(found.action) == [
        (Operation.UPDATE, "S", ("Order Qty",), 22, 0),
        (Operation.UPDATE, "M", ("Order Qty",), 104, 0),
    ]


def test_an_order_that_was_cancelled_before_is_changed_not_cancelled_again(row, mapping):
    cancelled = read_order(row | CANCELLED_ROW, mapping)
    changed = read_order(row | CANCELLED_ROW | {"CUSTOMER PRICE": "30"}, mapping)
    found = compare(changed, "h", known_as(cancelled), mapping)
    assert is_cancelled(known_as(cancelled), mapping)
    assert (found.change, found.action.operation) == (ChangeType.CHANGED, Operation.UPDATE)


def test_a_revived_order_comes_back_with_its_pieces_on_its_old_lines(row, order, mapping):
    cancelled = read_order(row | CANCELLED_ROW, mapping)
    emptied = {
        key: replace(line, quantity=0, payload_hash=size_payload_hash(line.name, line.label, 0))
        for key, line in known_as(order).lines.items()
    }
    there = known_as(cancelled, lines=emptied)
    assert compare(cancelled, "h", there, mapping).action is None

    found = compare(order, "h", there, mapping)

    assert found.change is ChangeType.CHANGED
    assert found.action.operation is Operation.UPDATE
    assert found.action.columns == ("ORDER TYPE",)
    assert lines_of(found.action) == [
        (Operation.UPDATE, "S", ("Order Qty",), 0, 22),
        (Operation.UPDATE, "M", ("Order Qty",), 0, 104),
    ]


# Vanished from the source


def test_a_vanished_order_is_cancelled_on_the_board_with_its_lines(order, mapping):
    action = compare_vanished(known_as(order), order.values.keys(), mapping)
    assert action.change is ChangeType.DELETED
    assert action.source_hash == VANISHED
    assert action.steps == (Operation.CANCEL,)
    assert action.columns == ("ORDER TYPE",)
    assert action.order.values["ORDER TYPE"] == mapping.cancelled
    assert action.order.name == order.name
    assert lines_of(action) == [
        (Operation.UPDATE, "S", ("Order Qty",), 22, 0),
        (Operation.UPDATE, "M", ("Order Qty",), 104, 0),
    ]


def test_a_vanished_order_is_cancelled_once(order, mapping):
    there = known_as(order)
    first = compare_vanished(there, order.values.keys(), mapping)
    shown = replace(
        there,
        values=first.order.values,
        payload_hash=first.order.payload_hash,
        lines={
            a.line.size_key: replace(
                there.lines[a.line.size_key], quantity=0, payload_hash=a.line.payload_hash
            )
            for a in first.lines
        },
    )
    assert compare_vanished(shown, order.values.keys(), mapping) is None


def test_a_cancelled_order_that_vanishes_needs_only_its_lines_emptied(row, mapping):
    cancelled = read_order(row | CANCELLED_ROW, mapping)
    there = known_as(cancelled)
    assert compare_vanished(there, cancelled.values.keys(), mapping) is None
    left = KnownLine("s", "20", "S", 3, "h", "Size S")
    action = compare_vanished(
        replace(there, lines={"s": left}), cancelled.values.keys(), mapping
    )  # fmt: skip
    assert (action.change, action.operation) == (ChangeType.DELETED, None)
    assert lines_of(action) == [(Operation.UPDATE, "S", ("Order Qty",), 3, 0)]


def test_a_vanished_order_is_written_only_to_columns_of_this_board(order, mapping):
    titles = ("ORDER TYPE", "CUSTOMER")
    action = compare_vanished(unfinished(order), titles, mapping)
    assert "ORDER TYPE" in action.columns
    assert set(action.columns) <= {NAME, *titles}


def test_a_vanished_order_of_unknown_values_is_cancelled_and_not_blanked(order, mapping):
    """It was taken over from the board and never written, so nothing on it is ours to clear."""
    there = unfinished(order, values=dict.fromkeys(order.values))
    action = compare_vanished(there, order.values.keys(), mapping)
    assert action.operation is Operation.CANCEL
    blanked = {t for t in action.columns if t in order.values and action.order.values[t] is None}
    assert blanked == set()


def test_a_vanished_order_is_never_moved(order, mapping):
    action = compare_vanished(unfinished(order, group="ANYWHERE"), order.values.keys(), mapping)
    assert action.steps == (Operation.CANCEL,)
    assert action.order.group_title == "ANYWHERE"


def test_an_archived_order_takes_its_lines_with_it(order, mapping):
    action = archive_vanished(known_as(order))
    assert action.change is ChangeType.DELETED
    assert action.steps == (Operation.REMOVE,)
    assert (action.item_id, action.lines, action.columns) == ("1", (), ())
    assert action.known == known_as(order)


# Acknowledged


@pytest.mark.parametrize(
    "change",
    [
        {"payload_hash": None},
        {"payload_hash": "other"},
        {"lines": {}},
    ],
)
def test_an_order_with_a_part_that_is_not_acknowledged_is_not(order, change):
    assert is_acknowledged(order, known_as(order))
    assert not is_acknowledged(order, known_as(order, **change))


@pytest.mark.parametrize("digest", [None, "other"])
def test_an_order_with_a_line_that_is_not_acknowledged_is_not(order, digest):
    there = known_as(order)
    lines = {**there.lines, "s": replace(there.lines["s"], payload_hash=digest)}
    assert not is_acknowledged(order, replace(there, lines=lines))


@pytest.mark.parametrize("change", [{"quantity": 1}, {"payload_hash": None}])
def test_an_order_with_pieces_of_a_size_nobody_orders_is_not_acknowledged(order, change):
    there = known_as(order)
    lines = {**there.lines, "xl": empty_line(**change)}
    assert not is_acknowledged(order, replace(there, lines=lines))
