"""The same orders as CSV, Excel and Parquet are the same rows."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from order_sync.errors import ConfigError
from order_sync.order_files import open_orders

from .conftest import NAMES, ORDER, shown_as

HEADER = [
    *NAMES, "PO NUMBER", "CUSTOMER PRICE", "EX FACTORY DATE", "US TARIFF RATE", "NOTES",
    "TOTAL QTY", "32", "M", "OUR OWN",
]  # fmt: skip
CSV = [
    'JOO-1,JOHNNIE O,M01,WHITE,4755,28.86,2025-09-26,7.5%,"two, ""quoted""",12,5,7,1',
    "JOO-2,JOHNNIE O,M02,Café ☕,00123,1234.5,2026-01-02,,,3,,3,TRUE",
]
EXCEL = [
    ["JOO-1", "JOHNNIE O", "M01", "WHITE", 4755, 28.86, date(2025, 9, 26),
     shown_as(0.075, "0.0%"), 'two, "quoted"', 12, 5, 7, 1],
    ["JOO-2", "JOHNNIE O", "M02", "Café ☕", "00123", 1234.5, 46024, None, None, 3, None, 3, True],
]  # fmt: skip


def parquet_table():
    text = [pa.array([row[n] for row in EXCEL]) for n in range(4)]
    more = [
        pa.array(["4755", "00123"]).dictionary_encode(),
        pa.array([Decimal("28.86"), Decimal("1234.5")], pa.decimal128(18, 4)),
        pa.array([date(2025, 9, 26), date(2026, 1, 2)]),
        pa.array(["7.5%", None], pa.large_string()),
        pa.array(['two, "quoted"', None]),
        pa.array([12, 3]),
        pa.array([5.0, None]),
        pa.array([7, 3], pa.int8()),
        pa.array(["1", "TRUE"]),
    ]
    return pa.Table.from_arrays([*text, *more], names=HEADER)


@pytest.fixture
def files(tmp_path, write_xlsx):
    csv = tmp_path / "orders.csv"
    csv.write_text("\n".join([",".join(HEADER), *CSV]) + "\n", encoding="utf-8")
    parquet = tmp_path / "orders.parquet"
    pq.write_table(parquet_table(), parquet)
    header = [int(name) if name.isdecimal() else name for name in HEADER]
    return [csv, write_xlsx({"Orders": [header, *EXCEL]}), parquet]


def test_the_same_orders_are_the_same_rows_in_every_format(files, mapping):
    csv, excel, parquet = (open_orders(path, mapping) for path in files)
    assert csv.headers == excel.headers == parquet.headers
    assert csv.columns == excel.columns == parquet.columns
    assert csv.absent == excel.absent == parquet.absent
    assert list(csv.rows()) == list(excel.rows()) == list(parquet.rows())
    assert list(csv.rows())[1]["EX FACTORY DATE"] == "2026-01-02"


def test_a_file_can_be_read_again(files, mapping):
    for path in files:
        orders = open_orders(path, mapping)
        assert list(orders.rows()) == list(orders.rows())


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".parquet"])
def test_a_header_without_orders_is_refused(tmp_path, mapping, write_xlsx, ending):
    path = write_xlsx({"Orders": [NAMES]})
    if ending == ".csv":
        path = tmp_path / "orders.csv"
        path.write_text(",".join(NAMES) + "\n")
    if ending == ".parquet":
        path = tmp_path / "orders.parquet"
        pq.write_table(pa.table({name: pa.array([], pa.string()) for name in NAMES}), path)
    with pytest.raises(ConfigError, match="names columns and holds no rows"):
        open_orders(path, mapping)


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".xls", ".ods", ".parquet"])
def test_a_folder_and_a_missing_file_are_said_plainly(tmp_path, mapping, ending):
    (tmp_path / f"folder{ending}").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        open_orders(tmp_path / f"folder{ending}", mapping)
    with pytest.raises(ConfigError, match="No such file"):
        open_orders(tmp_path / f"none{ending}", mapping)


@pytest.mark.parametrize("ending", [".xlsx", ".parquet"])
def test_a_typed_file_under_the_name_of_a_text_is_refused(files, mapping, ending):
    path = next(path for path in files if path.suffix == ending)
    with pytest.raises(ConfigError, match="file under another name"):
        open_orders(path.rename(path.with_suffix(".csv")), mapping)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_only_excel_files_have_sheets(files, mapping, ending):
    path = next(path for path in files if path.suffix == ending)
    with pytest.raises(ConfigError, match="has no sheets"):
        open_orders(path, mapping, sheet="Orders")


@pytest.mark.parametrize("name", ["orders.txt", "orders", "orders.xlsx.bak"])
def test_another_ending_is_refused_with_the_known_ones(tmp_path, mapping, name):
    (tmp_path / name).write_text(",".join([*NAMES]) + "\n" + ",".join(ORDER))
    with pytest.raises(ConfigError) as caught:
        open_orders(tmp_path / name, mapping)
    assert ".csv, .xlsx" in caught.value.hint


def test_a_csv_file_loads_no_library_of_the_others(files):
    code = (
        "import sys; from pathlib import Path\n"
        "from order_sync.order_files import open_orders\n"
        "from order_sync.profile import DEFAULT_PROFILE, load_profile\n"
        "open_orders(Path(sys.argv[1]), load_profile(DEFAULT_PROFILE))\n"
        "sys.exit(sorted({'pyarrow', 'python_calamine'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(files[0])], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
