"""Filters always restrict."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.errors import ConfigError
from order_sync.rules.filters import Filters

CUSTOMERS = ["RHYTHM", "RHYTHM (AU)", "Rhythm (US) ", "RHYTHMIC", "TITLE 9", "TITLE NINE", "", None]


def selected(mapping, customer):
    filters = Filters(customer=customer)
    return [name for name in CUSTOMERS if filters.matches({"CUSTOMER NAME": name}, mapping)]


@pytest.mark.parametrize("asked", ["RHYTHM", " rhythm ", "RHYTHM (AU)"])
def test_a_customer_stands_for_all_its_names(mapping, asked):
    assert selected(mapping, asked) == ["RHYTHM", "RHYTHM (AU)", "Rhythm (US) "]


@pytest.mark.parametrize("asked", ["TITLE 9", "Title Nine"])
def test_alias_and_label_select_the_same_rows(mapping, asked):
    assert selected(mapping, asked) == ["TITLE 9", "TITLE NINE"]


def test_a_part_of_a_name_selects_nothing(mapping):
    assert selected(mapping, "RHYTH") == []


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        (Filters(), True),
        (Filters(po=" 8148-00 "), True),
        (Filters(po="8148"), False),
        (Filters(aag_season="2026 spring summer"), True),
        (Filters(customer_season="SP26"), False),
        (Filters(po="8148-00", customer_season="SP26"), False),
        (Filters(key="joo-00505"), True),
        (Filters(key="JOO-00505|JWHD100120|White"), True),
        (Filters(key="JOO-00505|JWHD100120"), False),
        (Filters(key="JOO-0050"), False),
        (Filters(limit=1), True),
    ],
)
def test_filters_are_exact_and_combine(mapping, row, filters, matches):
    assert filters.matches(row, mapping) is matches


def test_a_full_key_has_the_more_columns_of_its_customer(mapping, row):
    longer = dataclasses.replace(mapping, extra_keys=(("johnnie o", ("PO NUMBER",)),))
    assert Filters(key="joo-00505|jwhd100120|white|8148-00").matches(row, longer)
    assert not Filters(key="joo-00505|jwhd100120|white").matches(row, longer)


@pytest.mark.parametrize("name", ["customer", "po", "aag_season", "customer_season", "key"])
@pytest.mark.parametrize("blank", ["", "  ", "\t"])
def test_a_blank_filter_is_a_mistake_not_everything(name, blank):
    with pytest.raises(ConfigError, match="is blank"):
        Filters(**{name: blank})


def test_a_limit_below_one_is_a_mistake():
    with pytest.raises(ConfigError, match="limit"):
        Filters(limit=0)


def test_only_row_filters_make_a_scope_incomplete():
    assert Filters().is_empty
    assert Filters(limit=5).is_empty
    assert not Filters(po="1").is_empty


@given(asked=st.text())
def test_a_filter_never_selects_rows_without_a_customer(mapping, asked):
    try:
        filters = Filters(customer=asked)
    except ConfigError:
        return
    assert not filters.matches({"CUSTOMER NAME": " "}, mapping)
