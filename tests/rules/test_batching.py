"""Rows travel in documents of one operation, in order, never beyond their limits."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from order_sync.rules.batching import documents_of, halved
from order_sync.rules.states import Operation


@dataclass(frozen=True)
class Row:
    number: int
    operation: Operation
    travel_limit: int | None


rows_of_a_batch = st.lists(
    st.tuples(
        st.sampled_from([Operation.CREATE, Operation.UPDATE]),
        st.one_of(st.none(), st.integers(1, 8)),
    ),
    max_size=60,
).map(lambda parts: [Row(i, operation, limit) for i, (operation, limit) in enumerate(parts)])


@given(rows_of_a_batch, st.integers(1, 20))
def test_every_row_travels_once_and_within_its_limits(rows, size):
    documents = documents_of(rows, lambda _: size)

    assert sorted(row.number for d in documents for row in d) == [row.number for row in rows]
    for document in documents:
        assert len(document) <= size
        assert len({row.operation for row in document}) == 1  # creates and updates never mix
        assert all(
            row.travel_limit is None or len(document) <= row.travel_limit for row in document
        )
        assert [row.number for row in document] == sorted(row.number for row in document)


def test_documents_are_full_before_a_new_one_begins():
    rows = [Row(i, Operation.CREATE, None) for i in range(37)]
    assert [len(d) for d in documents_of(rows, lambda _: 15)] == [15, 15, 7]


@given(st.integers(1, 100))
def test_halving_ends_at_one(count):
    steps = 0
    while count > 1:
        count = halved(count)
        steps += 1
        assert steps < 10
    assert halved(1) == 1
