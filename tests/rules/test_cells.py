"""What one cell became is remembered, and used for its equals alone."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_sync.rules.cells import EMPTY, CellReader, CellReaders
from order_sync.rules.changes import canonical
from order_sync.rules.mapping import Kind, MappedColumn
from order_sync.rules.values import REMEMBERED, clean_date, clean_number, clean_text

CELLS = st.one_of(
    st.text(max_size=80), st.booleans(), st.integers(-9, 9), st.floats(),
    st.decimals(allow_nan=True), st.dates(), st.datetimes(), st.binary(max_size=5),
    st.sampled_from(["1", "1.0", "1.50", "N/A", 1, 1.0, True, Decimal("1.0"), Decimal("1.00")]),
    st.sampled_from(["1900-01-01", "x", "3/4/2025", Decimal("1E+20"), -0.0, 0.0, Decimal("-0")]),
)  # fmt: skip
KINDS = {
    Kind.TEXT: lambda raw: (clean_text(raw), None),
    Kind.NUMBER: clean_number,
    Kind.DATE: clean_date,
}


@settings(deadline=None)
@given(st.sampled_from(Kind), st.lists(CELLS, max_size=40))
def test_a_cell_is_read_alike_whatever_was_read_before(kind, cells):
    reader = CellReader(kind, ())
    for raw in [*cells, *cells]:
        value, finding = KINDS[kind](raw)
        assert repr(reader[type(raw)][raw]) == repr((value, canonical(value), finding))


@settings(deadline=None)
@given(
    st.sampled_from(Kind),
    st.sampled_from([(), (("x", "1"),)]),
    st.lists(st.lists(st.none() | CELLS, max_size=6), max_size=6)
    | st.lists(st.lists(st.none() | st.decimals(allow_nan=True), max_size=6), max_size=6)
    | st.lists(st.lists(st.none() | st.text("x1-. ", max_size=4), max_size=6), max_size=6),
)
def test_a_column_is_read_as_its_cells_are(kind, values, columns):
    reader, single = CellReader(kind, values), CellReader(kind, values)
    for column in [*columns, *columns]:
        expected = [EMPTY if raw is None else single[type(raw)][raw] for raw in column]
        assert list(map(repr, reader.read_all(column))) == list(map(repr, expected))


def test_cells_that_have_no_hash_are_read():
    reader = CellReader(Kind.TEXT, ())
    assert reader[bytearray][bytearray(b" a ")][0] == "a"
    assert reader[list][[1]][0] == "[1]"


@pytest.mark.parametrize("raw", [datetime(2025, 1, 2), date(2025, 1, 2)])
def test_columns_with_a_value_map_remember_what_they_made_of_it(raw):
    readers = CellReaders()
    plain = readers.of(MappedColumn("A", "A", "a", Kind.TEXT))
    mapped = readers.of(
        MappedColumn("B", "B", "b", Kind.TEXT, values=(("2025-01-02", "NEW YEAR"),))
    )
    assert readers.of(MappedColumn("C", "C", "c", Kind.TEXT)) is plain
    assert (plain[type(raw)][raw][0], mapped[type(raw)][raw][0]) == ("2025-01-02", "NEW YEAR")


def test_what_is_remembered_does_not_grow_without_end():
    texts = CellReader(Kind.TEXT, ())[str]
    for number in range(2 * REMEMBERED + 1):
        assert texts[f"cell {number}"][0] == f"cell {number}"
    assert texts["x" * 5_000][0] == "x" * 5_000
    assert len(texts) <= REMEMBERED
    assert "x" * 5_000 not in texts
