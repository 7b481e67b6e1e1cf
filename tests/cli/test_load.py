"""`load` puts a file of orders into the source table, all of it or nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from .conftest import HEADER, SAMPLE

OLD_EXCEL = Path(__file__).parents[1] / "order_files" / "old-excel.xls"
A = "JOO-1,JOHNNIE O,M01,WHITE,4755,12,7"
B = "JOO-2,JOHNNIE O,M01,BLACK,4755,,3"


def query(folder, sql, name="order-sync.db"):
    with closing(sqlite3.connect(folder / name)) as conn:
        return conn.execute(sql).fetchall()


def test_a_file_becomes_the_source_table(run, folder, write_csv):
    ended = run("load", str(write_csv(A, B)))
    assert ended.exit_code == 0
    assert "2 rows loaded into ORDERS_UNIFIED" in ended.out
    rows = query(folder, 'SELECT "AAG ORDER NUMBER", "PO NUMBER", S, M FROM ORDERS_UNIFIED')
    assert rows == [("JOO-1", "4755", 12, 7), ("JOO-2", "4755", None, 3)]


def test_a_load_creates_the_tables_a_run_needs(run, folder, write_csv):
    run("load", str(write_csv(A)))
    tables = {name for (name,) in query(folder, "SELECT name FROM sqlite_master")}
    assert {"MON_CustMasterSchedule", "MON_SyncRuns", "VW_MON_ActiveBatches"} <= tables


def test_loading_again_replaces_the_rows(run, folder, write_csv):
    run("load", str(write_csv(A, B)))
    ended = run("load", str(write_csv(B)))
    assert "1 row loaded into ORDERS_UNIFIED, 2 replaced" in ended.out
    assert query(folder, 'SELECT "AAG ORDER NUMBER" FROM ORDERS_UNIFIED') == [("JOO-2",)]


def test_append_adds_to_the_rows(run, folder, write_csv):
    run("load", str(write_csv(A)))
    run("load", str(write_csv(B)), "--mode", "append")
    assert query(folder, "SELECT count(*) FROM ORDERS_UNIFIED") == [(2,)]


def test_a_broken_row_leaves_the_table_as_it_was(run, folder, write_csv):
    run("load", str(write_csv(A, B)))
    ended = run("load", str(write_csv(A, "JOO-3,only two cells")))
    assert ended.exit_code == 2
    assert query(folder, "SELECT count(*) FROM ORDERS_UNIFIED") == [(2,)]


def test_a_new_column_is_added_and_no_old_one_is_dropped(run, folder, write_csv):
    run("load", str(write_csv(A + ",x", header=HEADER + ",COMMENT ONE")))
    run("load", str(write_csv(B + ",y", header=HEADER + ",COMMENT TWO")))
    rows = query(folder, 'SELECT "COMMENT ONE", "COMMENT TWO" FROM ORDERS_UNIFIED')
    assert rows == [(None, "y")]


def test_a_column_in_another_case_is_the_same_column(run, folder, write_csv):
    with closing(sqlite3.connect(folder / "order-sync.db")) as conn:
        conn.execute('CREATE TABLE ORDERS_UNIFIED ("aag order number" TEXT, "Po Number" TEXT)')
    assert run("load", str(write_csv(A))).exit_code == 0
    assert query(folder, 'SELECT "aag order number", "Po Number" FROM ORDERS_UNIFIED') == [
        ("JOO-1", "4755")
    ]


def test_unreadable_cells_are_kept_and_counted(run, folder, write_csv):
    path = write_csv("JOO-1,JOHNNIE O,M01,WHITE,4755,TBC,soon", B)
    document = run("load", str(path), "-o", "json").document
    assert document["unreadable"] == {"S": 1, "M": 1}
    assert document["rows"] == 2
    assert query(folder, "SELECT S, M FROM ORDERS_UNIFIED")[0] == ("TBC", "soon")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("orders", "no format order-sync reads"),
        ("orders.txt", "no format order-sync reads"),
        ("orders.csv", "an Excel file under another name"),
        ("orders.xlsx", "cannot be read as .xlsx"),
        ("orders.parquet", "an Excel file under another name"),
    ],
)
def test_a_file_that_cannot_be_read_exits_2_and_says_what_to_do(run, folder, name, told):
    (folder / name).write_bytes(b"PK\x03\x04")
    ended = run("load", name)
    assert ended.exit_code == 2
    assert told in ended.err
    assert "  do: " in ended.err
    assert [path.name for path in folder.iterdir()] == [name]


def excel_file(path, **sheets):
    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    book.close()
    return path


def parquet_file(path, *rows):
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column) for column in columns]
    pq.write_table(pa.Table.from_arrays(arrays, names=HEADER.split(",")), path)
    return path


def test_excel_and_parquet_files_become_the_same_rows_as_csv(run, folder, write_csv):
    typed = [("JOO-1", "JOHNNIE O", "M01", "WHITE", 4755, 12, 7),
             ("JOO-2", "JOHNNIE O", "M01", "BLACK", 4755, None, 3)]  # fmt: skip
    files = [
        write_csv(A, B),
        excel_file(folder / "orders.xlsx", Orders=[HEADER.split(","), *typed]),
        parquet_file(folder / "orders.parquet", *typed),
    ]
    loaded = []
    for file in files:
        assert run("load", str(file)).exit_code == 0
        loaded.append(query(folder, "SELECT *, typeof(S), typeof(M) FROM ORDERS_UNIFIED"))
    assert len(loaded[0]) == 2
    assert loaded[0] == loaded[1] == loaded[2]


def test_a_sheet_is_chosen_by_name(run, folder):
    header = HEADER.split(",")
    path = excel_file(folder / "o.xlsx", May=[header, A.split(",")], June=[header, B.split(",")])
    ended = run("load", str(path))
    assert ended.exit_code == 2
    assert "May, June" in ended.err
    assert run("load", str(path), "--sheet", "June").exit_code == 0
    assert query(folder, 'SELECT "AAG ORDER NUMBER" FROM ORDERS_UNIFIED') == [("JOO-2",)]


def test_a_value_that_is_lost_leaves_the_table_as_it_was(run, folder, write_csv):
    run("load", str(write_csv(A, B)))
    rows = [HEADER.split(","), [*A.split(",")[:-1], "#REF!"]]
    ended = run("load", str(excel_file(folder / "o.xlsx", Orders=rows)))
    assert ended.exit_code == 2
    assert "cell G2 (M) holds #REF!" in ended.err
    assert query(folder, "SELECT count(*) FROM ORDERS_UNIFIED") == [(2,)]


def test_a_file_without_orders_leaves_the_table_as_it_was(run, folder, write_csv):
    run("load", str(write_csv(A, B)))
    ended = run("load", str(write_csv()))
    assert ended.exit_code == 2
    assert "holds no rows" in ended.err
    assert query(folder, "SELECT count(*) FROM ORDERS_UNIFIED") == [(2,)]


def test_an_old_excel_file_is_loaded_with_a_note_on_what_it_cannot_show(run, folder):
    ended = run("load", str(OLD_EXCEL))
    assert ended.exit_code == 0
    assert "note: old-excel.xls: in .xls files a cell with an error" in ended.err
    columns = '"AAG ORDER NUMBER", "PO NUMBER", "EX FACTORY DATE", M'
    assert query(folder, f"SELECT {columns} FROM ORDERS_UNIFIED") == [
        ("JOO-1", "4755", "2025-09-26", 12)
    ]


def test_a_missing_file_exits_2(run):
    assert run("load", "nowhere.csv").exit_code == 2


def test_a_view_is_not_written(run, folder, write_csv):
    with closing(sqlite3.connect(folder / "order-sync.db")) as conn:
        conn.execute("CREATE VIEW ORDERS_UNIFIED AS SELECT 1 AS x")
    ended = run("load", str(write_csv(A)))
    assert ended.exit_code == 2
    assert "is a view" in ended.err


def test_a_table_of_our_own_is_never_loaded_into(run, folder, write_csv, monkeypatch):
    run("load", str(write_csv(A)))
    monkeypatch.setenv("ORDER_SYNC_SOURCE__TABLE", "mon_custmasterschedule")
    ended = run("load", str(write_csv(A)))
    assert ended.exit_code == 2
    assert "a table of order-sync itself" in ended.err


def test_a_row_the_table_forbids_exits_2_and_loads_nothing(run, folder, write_csv):
    with closing(sqlite3.connect(folder / "order-sync.db")) as conn:
        conn.execute('CREATE TABLE ORDERS_UNIFIED ("AAG ORDER NUMBER" TEXT UNIQUE)')
    ended = run("load", str(write_csv(A, A)))
    assert ended.exit_code == 2
    assert query(folder, "SELECT count(*) FROM ORDERS_UNIFIED") == [(0,)]


def test_the_orders_go_to_the_source_database(run, folder, write_csv, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_SOURCE__URL", "sqlite:///orders.db")
    monkeypatch.setenv("ORDER_SYNC_SOURCE__TABLE", "main.LINES")
    assert run("load", str(write_csv(A))).exit_code == 0
    assert query(folder, "SELECT count(*) FROM LINES", "orders.db") == [(1,)]
    assert query(folder, "SELECT count(*) FROM sqlite_master WHERE name = 'LINES'") == [(0,)]


def test_the_sample_loads_whole(run):
    assert run("load", str(SAMPLE), "-o", "json").document["rows"] == 306


def test_a_person_who_declines_keeps_the_rows(run, folder, write_csv, monkeypatch):
    run("load", str(write_csv(A, B)))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    ended = run("load", str(write_csv(A)))
    assert ended.exit_code == 1
    assert query(folder, "SELECT count(*) FROM ORDERS_UNIFIED") == [(2,)]


def test_yes_asks_nothing_on_a_terminal(run, folder, write_csv, monkeypatch):
    run("load", str(write_csv(A, B)))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: pytest.fail("asked"))
    assert run("load", str(write_csv(A)), "--yes").exit_code == 0
    assert query(folder, "SELECT count(*) FROM ORDERS_UNIFIED") == [(1,)]


def test_an_unreadable_cell_is_not_made_a_number_by_the_database(run, folder, write_csv):
    run("load", str(write_csv("JOO-1,JOHNNIE O,M01,WHITE,4755,2E1,.0")))
    assert query(folder, "SELECT S, M FROM ORDERS_UNIFIED") == [("2E1", ".0")]


def test_a_column_added_later_keeps_numbers_and_text_apart(run, folder, write_csv):
    with closing(sqlite3.connect(folder / "order-sync.db")) as conn:
        conn.execute('CREATE TABLE ORDERS_UNIFIED ("AAG ORDER NUMBER" TEXT)')
    run("load", str(write_csv("JOO-1,JOHNNIE O,M01,WHITE,4755,2E1,7")))
    assert query(folder, "SELECT S, M FROM ORDERS_UNIFIED") == [("2E1", 7)]


DATED = HEADER + ",EX FACTORY DATE,ORDER DATE PO RECEIVED"


@pytest.mark.parametrize(
    ("order", "first"), [("day-first", "2026-02-03"), ("month-first", "2026-03-02")]
)
def test_local_dates_are_read_in_the_order_a_person_names(run, folder, write_csv, order, first):
    path = write_csv(f"{A},03/02/2026,2025-11-17", f"{B},4.5.26,31/31/2026", header=DATED)
    document = run("load", str(path), "--dates", order, "-o", "json").document
    rows = query(folder, 'SELECT "EX FACTORY DATE", "ORDER DATE PO RECEIVED" FROM ORDERS_UNIFIED')
    second = "2026-05-04" if order == "day-first" else "2026-04-05"
    assert rows == [(first, "2025-11-17"), (second, "31/31/2026")]
    assert document["unreadable"] == {"ORDER DATE PO RECEIVED": 1}


def test_local_dates_are_never_guessed_and_a_load_says_how_to_name_their_order(
    run, folder, write_csv
):
    ended = run("load", str(write_csv(f"{A},28/02/2026,", header=DATED)))
    assert "--dates day-first or month-first" in ended.out
    assert query(folder, 'SELECT "EX FACTORY DATE" FROM ORDERS_UNIFIED') == [("28/02/2026",)]
    assert "--dates" not in run("load", str(write_csv(f"{A},,", header=DATED))).out


def test_columns_that_are_never_sent_are_named(run, folder, write_csv):
    ended = run("load", str(write_csv(A + ",ship first", header=HEADER + ",Remarks")))
    assert "Not in the profile, so never sent: Remarks." in ended.out
    assert "41 columns and 159 sizes of the profile not in the file" in ended.out


def test_a_header_in_other_words_is_told_with_the_way_to_a_profile_of_ones_own(
    run, folder, write_csv
):
    header = HEADER.replace("AAG ORDER NUMBER", "Order No").replace("PO NUMBER", "PO")
    ended = run("load", str(write_csv(A, header=header)))
    assert ended.exit_code == 2
    assert 'the column "AAG ORDER NUMBER" is missing' in ended.err
    assert 'does not know "Order No", "PO"' in ended.err
    assert "order-sync init --profile my-profile.toml" in ended.err


def test_a_profile_of_ones_own_gives_other_words_their_meaning(run, folder, write_csv):
    assert run("init", "--profile", "my-profile.toml").exit_code == 0
    profile = (folder / "my-profile.toml").read_text()
    entry = '{ source = "AAG ORDER NUMBER"'
    (folder / "my-profile.toml").write_text(
        profile.replace(entry, f'{entry}, source_aliases = ["Order No"]')
    )
    header = HEADER.replace("AAG ORDER NUMBER", "Order No")
    assert run("load", str(write_csv(A, header=header))).exit_code == 0
    assert query(folder, 'SELECT "AAG ORDER NUMBER" FROM ORDERS_UNIFIED') == [("JOO-1",)]


def test_a_header_in_another_case_is_the_same_column(run, folder, write_csv):
    header = HEADER.replace("CUSTOMER NAME", "Customer name").replace("PO NUMBER", "po number")
    assert run("load", str(write_csv(A, header=header))).exit_code == 0
    rows = query(folder, 'SELECT "CUSTOMER NAME", "PO NUMBER", S FROM ORDERS_UNIFIED')
    assert rows == [("JOHNNIE O", "4755", 12)]


def test_a_size_in_another_case_is_told_and_not_guessed(run, folder, write_csv):
    ended = run("load", str(write_csv(A, header=HEADER.replace(",S,M", ",S,m"))))
    assert ended.exit_code == 2
    assert 'the column "m" is "M" in the profile' in ended.err


def test_a_price_nobody_can_read_is_counted_at_the_load(run, folder, write_csv):
    header = HEADER + ",CUSTOMER PRICE,US TARIFF RATE"
    path = write_csv(f'{A},"31,50",TRUE', f"{B},$ 31.50,TBC", header=header)
    document = run("load", str(path), "-o", "json").document
    assert document["unreadable"] == {"CUSTOMER PRICE": 1, "US TARIFF RATE": 1}


def test_decimal_commas_are_named_with_what_to_do(run, folder, write_csv):
    header = HEADER + ",CUSTOMER PRICE,US TARIFF RATE"
    path = write_csv(f'{A},TBC,"7,5 %"', f'{B},"1.231,50",TBC', header=header)
    document = run("load", str(path), "-o", "json").document
    assert document["unreadable"] == {"CUSTOMER PRICE": 2, "US TARIFF RATE": 2}
    assert document["decimal_commas"] == {"US TARIFF RATE": "7,5 %", "CUSTOMER PRICE": "1.231,50"}
    shown = run("load", str(path)).out
    assert "Decimal commas, it seems, in US TARIFF RATE, CUSTOMER PRICE: 7,5 % in" in shown
    assert "do: write numbers with a point (12.50)" in shown
    path = write_csv(f"{A},TBC,7.5 %", f'{B},"1,231.50",', header=header)
    assert run("load", str(path), "-o", "json").document["decimal_commas"] == {}
