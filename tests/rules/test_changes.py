"""Fingerprints of payloads, and rows that share a key."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from order_sync.rules.changes import payload_hash, resolve_duplicates, size_payload_hash
from order_sync.rules.reading import OrderReader

VALUES = st.one_of(
    st.none(),
    st.text(),
    st.dates(),
    st.decimals(min_value=-(10**9), max_value=10**9, places=4),
)


def test_the_hash_of_a_known_payload_stays_what_it_is():
    """Stored hashes decide what is sent: when these change, their version must grow."""
    values = {"STYLE": "M01", "PRICE": Decimal("1.50"), "DATE": date(2025, 5, 20), "NOTES": None}
    assert payload_hash("M01 WHITE", "G 2025", values) == (
        "ce6bc78f2ab9fc0217e6dd808b37a7ca2b096d8fb90939bd8df41993ecb7794f"
    )
    assert size_payload_hash("Size É", "É", 3) == (
        "da0424e15f537345f7375d4ca0733cef5254ca72261447ffeae0591b7ec5f010"
    )


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_equal_numbers_have_equal_hashes(number):
    longer = number.quantize(Decimal("0.0001"))
    assert payload_hash("", "", {"P": number}) == payload_hash("", "", {"P": longer})


def test_empty_and_missing_and_other_kinds_differ():
    payloads = [{}, {"A": None}, {"A": ""}, {"A": "1"}, {"A": Decimal(1)}, {"B": "1"}]
    payloads += [{"A": "2025-05-20"}, {"A": date(2025, 5, 20)}]
    assert len({payload_hash("", "", values) for values in payloads}) == len(payloads)


@given(st.dictionaries(st.text(max_size=5), VALUES))
def test_the_order_of_columns_does_not_matter(values):
    backwards = dict(reversed(list(values.items())))
    assert payload_hash("n", "g", values) == payload_hash("n", "g", backwards)


@given(st.text(), st.text(), st.text(), st.text())
def test_name_and_group_do_not_run_into_each_other(name, group, other_name, other_group):
    same = (name, group) == (other_name, other_group)
    assert (payload_hash(name, group, {}) == payload_hash(other_name, other_group, {})) is same


def test_every_part_of_a_size_line_counts():
    hashes = {
        size_payload_hash("Size M", "M", 1),
        size_payload_hash("Size M", "M", 2),
        size_payload_hash("Size L", "M", 1),
        size_payload_hash("Size M", "L", 1),
    }
    assert len(hashes) == 4


def test_rows_written_twice_collapse(mapping, row):
    read = OrderReader(mapping).read
    orders = [read(row), read(row | {"CUSTOMER STYLE": "JWHD100120  ", "CUSTOMER PRICE": 28.86})]
    unique, refused = resolve_duplicates(orders)
    assert unique == orders[:1]
    assert refused == []


def test_rows_that_differ_are_all_refused_and_the_columns_named(mapping, row):
    read = OrderReader(mapping).read
    changed = {"CUSTOMER PRICE": "30", "M": 105, "AAG ORDER NUMBER": "joo-00505"}
    unique, refused = resolve_duplicates([read(row), read(row | changed), read(row)])
    assert unique == []
    assert [[r.code for r in one.refusals] for one in refused] == [["duplicate_key"]] * 3
    message = refused[0].refusals[0].message
    assert message.startswith("3 rows")
    assert "CUSTOMER PRICE" in message
    assert "size M" in message


def test_sizes_alone_make_rows_differ(mapping, row):
    read = OrderReader(mapping).read
    other = read(row | {"S": 104, "M": 22})
    assert other.payload_hash == read(row).payload_hash
    assert len(resolve_duplicates([read(row), other])[1]) == 2


def test_a_refused_row_of_the_same_key_holds_back_its_twin(mapping, row):
    read = OrderReader(mapping).read
    unique, refused = resolve_duplicates([read(row), read(row | {"S": -1})])
    assert unique == []
    assert [r.code for r in refused[1].refusals] == ["negative_quantity", "duplicate_key"]


def test_refused_rows_alone_keep_their_own_reasons(mapping, row):
    read = OrderReader(mapping).read
    rows = [read(row | {"CUSTOMER STYLE": ""}), read(row | {"CUSTOMER STYLE": "", "S": 1})]
    _, refused = resolve_duplicates(rows)
    assert [[r.code for r in one.refusals] for one in refused] == [["missing_key"]] * 2


def test_different_orders_pass_in_their_order(mapping, row):
    order = OrderReader(mapping).read(row)
    orders = [order._replace(order_key=key) for key in ("b", "a", "c")]
    assert resolve_duplicates(orders) == (orders, [])
