"""A Parquet file becomes rows of the source table, whatever types its writer chose."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from order_sync.errors import ConfigError
from order_sync.order_files import open_orders
from order_sync.order_files.parquet_file import open_parquet

from .conftest import NAMES, ORDER

BERLIN = pa.timestamp("us", "Europe/Berlin")


@pytest.fixture
def write_parquet(tmp_path):
    """Write one order for each value of a further column."""

    def write_parquet(header=None, array=None, *, rows=1, **options):
        count = rows if array is None else len(array)
        columns = {name: pa.array([cell] * count) for name, cell in zip(NAMES, ORDER, strict=True)}
        arrays, names = list(columns.values()), list(columns)
        if header is not None:
            arrays, names = [*arrays, array], [*names, header]
        path = tmp_path / "orders.parquet"
        pq.write_table(pa.Table.from_arrays(arrays, names=names), path, **options)
        return path

    return write_parquet


def refusal(path, mapping):
    with pytest.raises(ConfigError) as caught:
        list(open_orders(path, mapping).rows())
    assert caught.value.hint
    return " / ".join([caught.value.message, *caught.value.problems])


@pytest.mark.parametrize(
    ("header", "array", "values"),
    [
        (
            "PO NUMBER",
            pa.array([4755.0, 8148.5, None, float("nan")]),
            ["4755", "8148.5", None, None],
        ),
        ("PO NUMBER", pa.array([4755], pa.uint16()), ["4755"]),
        ("PO NUMBER", pa.array([1234567890123456.0]), ["1234567890123456"]),
        ("PO NUMBER", pa.array(["00123", " ", None], pa.large_string()), ["00123", None, None]),
        ("PO NUMBER", pa.array(["00123"], pa.string_view()), ["00123"]),
        ("PO NUMBER", pa.array(["4755", None, "4755"]).dictionary_encode(), ["4755", None, "4755"]),
        ("PO NUMBER", pa.array([4755.0, 1.0]).dictionary_encode(), ["4755", "1"]),
        ("PO NUMBER", pa.array(["Café".encode()], pa.binary()), ["Café"]),
        ("PO NUMBER", pa.array([b"4755"], pa.binary(4)), ["4755"]),
        ("PO NUMBER", pa.array([date(2025, 9, 26)]), ["2025-09-26"]),
        ("PO NUMBER", pa.array([time(8, 30)]), ["08:30:00"]),
        ("PO NUMBER", pa.array([timedelta(hours=30)]), ["30:00:00"]),
        ("PO NUMBER", pa.nulls(1), [None]),
        ("US TARIFF RATE", pa.array([True, False]), ["TRUE", "FALSE"]),
        ("CUSTOMER PRICE", pa.array([28.86, 28.860000000000003]), ["28.86", "28.86"]),
        ("CUSTOMER PRICE", pa.array([28.86, None, 4755.0], pa.float32()), ["28.86", None, "4755"]),
        ("CUSTOMER PRICE", pa.array([float("nan"), 1e-7], pa.float32()), [None, "0.0000001"]),
        ("CUSTOMER PRICE", pa.array([Decimal("28.8600")], pa.decimal128(18, 4)), ["28.86"]),
        ("CUSTOMER PRICE", pa.array([Decimal("4755")], pa.decimal256(40, 0)), ["4755"]),
        ("M", pa.array([12.0, 12.5, None, -3.0]), [12, "12.5", None, -3]),
        ("M", pa.array(["12", "TBC"]), [12, "TBC"]),
        ("M", pa.array([Decimal("12.00")]), [12]),
        ("EX FACTORY DATE", pa.array([date(2025, 9, 26), None], pa.date64()), ["2025-09-26", None]),
        ("EX FACTORY DATE", pa.array([45926], pa.int32()), ["2025-09-26"]),
        ("EX FACTORY DATE", pa.array([datetime(2025, 9, 26, 1)]), ["2025-09-26"]),
        (
            "EX FACTORY DATE",
            pa.array([1758834001_000_000_001], pa.timestamp("ns")),
            ["2025-09-25"],
        ),
        (
            "EX FACTORY DATE",
            pa.array([datetime(2025, 9, 25, 22, tzinfo=UTC)], BERLIN),
            ["2025-09-26"],
        ),
        ("SOMETHING ELSE", pa.array([4755.0]), ["4755"]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else None,
)
def test_a_value_is_typed_by_its_column_and_not_by_its_type(
    write_parquet, mapping, header, array, values
):
    orders = open_parquet(write_parquet(header, array), mapping)
    assert [row[header] for row in orders.rows()] == values


@pytest.mark.parametrize(
    "array",
    [
        pa.array([[1, 2]]),
        pa.array([{"a": 1}]),
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())),
        pa.array([["x"]], pa.list_(pa.string(), 1)),
    ],
    ids=lambda array: str(array.type),
)
def test_a_column_of_lists_or_records_is_refused_by_name(write_parquet, mapping, array):
    assert 'the column "NOTES" holds' in refusal(write_parquet("NOTES", array), mapping)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([b"caf\xe9"], pa.binary()),
        pa.array([2**61], pa.timestamp("us")),
        pa.array([2**62], pa.timestamp("ms")),
        pa.array([1], pa.timestamp("us", "Nowhere/Land")),
    ],
    ids=lambda array: str(array.type),
)
def test_a_value_that_cannot_be_read_is_refused_by_its_column(write_parquet, mapping, array):
    told = refusal(write_parquet("EX FACTORY DATE", array), mapping)
    assert 'the column "EX FACTORY DATE" has a value that cannot be read' in told


def test_headers_are_refused_by_the_rules_of_every_file(write_parquet, mapping):
    path = write_parquet("customer style", pa.array(["x"]))
    assert 'the column "customer style" stands there twice' in refusal(path, mapping)


def test_another_spelling_of_a_column_is_that_column(write_parquet, mapping):
    name = "CUSTOMER'S COLOUR CODE (CUSTOM FIELD) CUSTOMER PROVIDES THIS"
    doubled = name.replace("'", "''")
    headers = [
        open_parquet(write_parquet(spelling, pa.array(["C07"])), mapping).headers[-1]
        for spelling in (name, doubled)
    ]
    assert headers[0] == headers[1]


def test_many_row_groups_are_one_file(write_parquet, mapping):
    path = write_parquet("M", pa.array(range(2_500)), row_group_size=700)
    orders = open_parquet(path, mapping)
    assert [row["M"] for row in orders.rows()] == list(range(2_500))
    assert sum(1 for _ in orders.rows()) == 2_500


def test_a_file_without_rows_is_refused(write_parquet, mapping):
    assert "holds no rows" in refusal(write_parquet(rows=0), mapping)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"a,b\n1,2\n", "is not a Parquet file"),
        (b"PK\x03\x04" + bytes(100), "is an Excel file under another name"),
        (b"PAR1" + bytes(100), "cannot be read as Parquet"),
    ],
)
def test_a_file_that_is_no_parquet_is_refused(tmp_path, mapping, content, told):
    path = tmp_path / "orders.parquet"
    path.write_bytes(content)
    assert told in refusal(path, mapping)


def test_a_page_that_is_broken_is_refused(write_parquet, mapping):
    texts = pa.array([f"a long text {number}" for number in range(3_000)])
    path = write_parquet("NOTES", texts, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    at = content.index(b"a long text 2000") - 4
    content[at : at + 4] = b"\xff\xff\xff\x7f"  # the length of a text
    path.write_bytes(content)
    assert "cannot be read as Parquet" in refusal(path, mapping)
