"""The texts of the ORDER SYNC KEY columns, written and read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.rules.sync_key import order_of, size_of, subitem_key
from order_sync.rules.values import order_key, size_key

PARTS = st.lists(st.text(), min_size=1, max_size=4)


@given(PARTS, st.text())
def test_a_subitem_key_gives_back_its_order_and_its_size(parts, label):
    order, size = order_key(parts), size_key(label)
    assert size_of(subitem_key(order, size)) == (order, size)


@given(PARTS.filter(lambda parts: bool(order_key(parts))))
def test_an_item_key_is_the_order_key(parts):
    assert order_of(order_key(parts)) == order_key(parts)


def test_a_bar_in_a_part_does_not_make_a_size_of_another_order():
    assert subitem_key(order_key(["a", "b"]), "m") != subitem_key(order_key(["a"]), size_key("b|m"))


def test_people_may_change_case_and_blanks_of_a_key():
    assert order_of(" GRE-1 | M01Y09|Dean  Blue ") == "gre-1|m01y09|dean blue"
    assert size_of("GRE-1|M01Y09|Dean Blue| XL ") == ("gre-1|m01y09|dean blue", "xl")


@pytest.mark.parametrize("cell", ["", "  ", "\u200b", "\n"])
def test_a_blank_cell_says_nothing(cell):
    assert order_of(cell) == ""
    assert size_of(cell) == ("", "")
