"""A sheet becomes rows of the source table: what people type, and what spreadsheets make of it."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from zipfile import ZipFile

import pytest

from order_sync.errors import ConfigError
from order_sync.order_files import open_orders
from order_sync.order_files.excel_file import column_letters, open_excel

from .conftest import NAMES, ORDER, shown_as


@pytest.fixture
def one_cell(write_xlsx, mapping):
    """What a cell below `header` is loaded as."""

    def one_cell(header, value):
        path = write_xlsx({"Orders": [[*NAMES, header], [*ORDER, value]]})
        (row,) = open_excel(path, mapping).rows()
        return row[header]

    return one_cell


def refusal(path, mapping, sheet=None):
    with pytest.raises(ConfigError) as caught:
        list(open_orders(path, mapping, sheet=sheet).rows())
    assert caught.value.hint
    return " / ".join([caught.value.message, *caught.value.problems, caught.value.hint])


def changed(path, part, pattern, replacement):
    """The archive with one of its files edited, as another program would have written it."""
    with ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    before = files[part].decode()
    files[part] = re.sub(pattern, replacement, before).encode()
    assert files[part] != before.encode()
    with ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("header", "cell", "value"),
    [
        ("PO NUMBER", 4755, "4755"),
        ("PO NUMBER", 4755.0, "4755"),
        ("PO NUMBER", "00123", "00123"),
        ("PO NUMBER", 1e20, "100000000000000000000"),
        ("PO NUMBER", date(2025, 9, 26), "2025-09-26"),
        ("PO NUMBER", datetime(2025, 9, 26, 8, 30), "2025-09-26 08:30:00"),
        ("PO NUMBER", time(8, 30), "08:30:00"),
        ("PO NUMBER", timedelta(hours=30), "30:00:00"),
        ("PO NUMBER", True, "TRUE"),
        ("US TARIFF RATE", False, "FALSE"),
        ("CUSTOMER PRICE", 28.86, "28.86"),
        ("CUSTOMER PRICE", 1e-7, "0.0000001"),
        ("CUSTOMER PRICE", "$ 1.50", "$ 1.50"),
        ("US TARIFF RATE", shown_as(0.075, "0.0%"), "7.5%"),
        ("US TARIFF RATE", shown_as(0.07, "0%"), "7%"),
        ("US TARIFF RATE", shown_as(7.5, '0.0" %"'), "7.5"),
        ("US TARIFF RATE", shown_as("none", "0%"), "none"),
        ("M", 12, 12),
        ("M", "12", 12),
        ("M", 12.5, "12.5"),
        ("M", -3, -3),
        ("M", "TBC", "TBC"),
        ("M", True, "TRUE"),
        ("M", date(2025, 9, 26), "2025-09-26"),
        ("M", "  ", None),
        ("M", None, None),
        ("TOTAL QTY", 500, 500),
        ("EX FACTORY DATE", date(2025, 9, 26), "2025-09-26"),
        ("EX FACTORY DATE", datetime(2025, 9, 26, 13, 5), "2025-09-26"),
        ("EX FACTORY DATE", 45926, "2025-09-26"),
        ("EX FACTORY DATE", 45926.75, "2025-09-26"),
        ("EX FACTORY DATE", "2025-09-26", "2025-09-26"),
        ("EX FACTORY DATE", "26/09/2025", "26/09/2025"),
        ("EX FACTORY DATE", 60, "60"),
        ("SOMETHING ELSE", 4755, "4755"),
    ],
)
def test_a_cell_is_typed_by_its_column_and_not_by_its_format(one_cell, header, cell, value):
    assert one_cell(header, cell) == value


def test_a_price_has_no_noise_of_binary_fractions(write_xlsx, mapping):
    path = write_xlsx({"Orders": [[*NAMES, "CUSTOMER PRICE"], [*ORDER, 28.86]]})
    changed(path, SHEET, "<v>28.86</v>", "<v>28.860000000000003</v>")
    (row,) = open_excel(path, mapping).rows()
    assert row["CUSTOMER PRICE"] == "28.86"


def test_the_header_is_the_first_row_that_is_not_blank_wherever_it_begins(write_xlsx, mapping):
    rows = [[], [None, " "], [None, *NAMES, 32, " M "], [], [None, *ORDER, 5, 7], [None, None, " "]]
    (row,) = open_excel(write_xlsx({"Orders": [*rows, [], []]}), mapping).rows()
    assert (row["AAG ORDER NUMBER"], row["32"], row["M"]) == ("JOO-1", 5, 7)


def test_blank_rows_and_columns_without_name_and_content_are_left_out(write_xlsx, mapping):
    rows = [[*NAMES, None, "M"], [None] * 6, [*ORDER, None, 1], [" "] * 4, [*ORDER, None, 2]]
    orders = open_excel(write_xlsx({"Orders": rows}), mapping)
    assert orders.headers == (*NAMES, "M")
    assert [row["M"] for row in orders.rows()] == [1, 2]


def test_an_order_outside_of_the_header_is_not_lost(write_xlsx, mapping):
    path = write_xlsx({"Orders": [NAMES, [*ORDER, None, 12]]})
    assert "row 1: column F has no name" in refusal(path, mapping)


def test_headers_are_refused_by_the_rules_of_every_file(write_xlsx, mapping):
    path = write_xlsx({"Orders": [[], [*NAMES[1:], "Notes", "NOTES"], ORDER]})
    told = refusal(path, mapping)
    assert 'sheet "Orders", row 2: the column "NOTES" stands there twice' in told
    assert '"AAG ORDER NUMBER" is missing' in told


def test_a_size_that_became_a_date_is_refused(write_xlsx, mapping):
    path = write_xlsx({"Orders": [[*NAMES, date(2026, 3, 2)], [*ORDER, 12]]})
    assert "column E is named by a date (2026-03-02)" in refusal(path, mapping)


# Sheets -------------------------------------------------------------------------------------------


def orders_of(number):
    return [NAMES, [number, *ORDER[1:]]]


def number_of(path, mapping, sheet=None):
    (row,) = open_excel(path, mapping, sheet).rows()
    return row["AAG ORDER NUMBER"]


def test_hidden_and_empty_sheets_do_not_count(write_xlsx, mapping):
    sheets = {"Lists": [["x"]], "Old": [["x"]], "Empty": [], "Orders": orders_of("JOO-7")}
    path = write_xlsx(sheets, hidden={"Lists": "hidden", "Old": "veryHidden"})
    assert number_of(path, mapping) == "JOO-7"


def test_several_sheets_are_listed_and_one_can_be_named(write_xlsx, mapping):
    path = write_xlsx({"May": orders_of("JOO-5"), "June": orders_of("JOO-6")})
    assert "2 sheets with content: May, June" in refusal(path, mapping)
    assert number_of(path, mapping, "June") == "JOO-6"
    assert number_of(path, mapping, " june ") == "JOO-6"


def test_a_hidden_sheet_can_be_named(write_xlsx, mapping):
    path = write_xlsx(
        {"May": orders_of("JOO-5"), "June": orders_of("JOO-6")}, hidden={"June": "hidden"}
    )
    assert number_of(path, mapping, "June") == "JOO-6"


def test_a_sheet_nobody_knows_is_refused_with_the_known_ones(write_xlsx, mapping):
    path = write_xlsx({"May": orders_of("JOO-5"), "June": orders_of("JOO-6")})
    told = refusal(path, mapping, "Jun")
    assert 'no sheet "Jun", did you mean "June"?' in told
    assert "May, June" in told


def test_a_file_without_content_is_refused(write_xlsx, mapping):
    assert "no visible sheet has content" in refusal(write_xlsx({"Orders": []}), mapping)
    empty = write_xlsx({"Orders": orders_of("JOO-1"), "Empty": []})
    assert 'the sheet "Empty" is empty' in refusal(empty, mapping, "Empty")


# Lost values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#DIV/0!", "#VALUE!"])
def test_an_error_in_a_column_of_the_profile_refuses_the_file_with_its_place(
    write_xlsx, mapping, error
):
    path = write_xlsx({"Orders": [[*NAMES, "M"], [*ORDER, 3], [*ORDER, error]]})
    assert f"cell E3 (M) holds {error}" in refusal(path, mapping)


def test_errors_are_found_whatever_program_wrote_them(write_xlsx, mapping):
    path = write_xlsx({"Orders": [[*NAMES, "M"], [*ORDER, "#N/A"]]})
    changed(path, SHEET, 't="e"', "t='e'")
    changed(path, SHEET, r' r="[A-Z]*\d+"', "")
    assert "cell E2 (M) holds #N/A" in refusal(path, mapping)


def test_an_error_outside_of_the_profile_is_a_blank_cell(write_xlsx, mapping):
    path = write_xlsx({"Orders": [[*NAMES, "LOOKED UP", "M"], [*ORDER, "#N/A", 3]]})
    (row,) = open_excel(path, mapping).rows()
    assert (row["LOOKED UP"], row["M"]) == (None, 3)


def test_an_error_as_name_of_a_column_refuses_the_file(write_xlsx, mapping):
    path = write_xlsx({"Orders": [[*NAMES, "M", "#REF!"], [*ORDER, 3, 4]]})
    assert "cell F1 holds #REF!" in refusal(path, mapping)


def test_a_row_of_errors_only_is_not_a_blank_row(write_xlsx, mapping):
    path = write_xlsx({"Orders": [NAMES, ORDER, ["#N/A"] * 4]})
    assert "4 cells have no value" in refusal(path, mapping)


def test_many_errors_are_counted(write_xlsx, mapping):
    path = write_xlsx({"Orders": [[*NAMES, "M"], *([*ORDER, "#N/A"] for _ in range(30))]})
    told = refusal(path, mapping)
    assert "30 cells have no value" in told
    assert "and 20 more" in told


def test_a_formula_nobody_calculated_is_refused_and_a_calculated_one_read(write_xlsx, mapping):
    path = write_xlsx({"Orders": [[*NAMES, "M", "S"], [*ORDER, "=1+1", 1]]})
    assert "cell E2 (M) holds a formula that was never calculated" in refusal(path, mapping)
    changed(path, SHEET, "<f>1[+]1</f><v ?/?>(</v>)?", "<f>1+1</f><v>2</v>")
    (row,) = open_excel(path, mapping).rows()
    assert row["M"] == 2


def test_a_formula_that_gives_an_empty_text_is_blank(write_xlsx, mapping):
    path = write_xlsx({"Orders": [[*NAMES, "M"], [*ORDER, '=""']]})
    changed(path, SHEET, r'<c r="E2"[^>]*>(<f>.*?</f>)<v ?/?>(</v>)?', r'<c r="E2" t="str">\1<v/>')
    (row,) = open_excel(path, mapping).rows()
    assert row["M"] is None


def test_marks_of_another_sheet_do_not_count(write_xlsx, mapping):
    bad = [[*NAMES, "M"], [*ORDER, "#N/A"], [*ORDER, shown_as(0.5, "0%")]]
    good = [[*NAMES, "US TARIFF RATE"], ["JOO-6", *ORDER[1:], 0.5]]
    path = write_xlsx({"Bad": bad, "Good": good})
    (row,) = open_excel(path, mapping, "Good").rows()
    assert row["US TARIFF RATE"] == "0.5"


# OpenDocument -------------------------------------------------------------------------------------

_SPACES = " ".join(
    f'xmlns:{short}="urn:{name}"'
    for short, name in {
        "office": "oasis:names:tc:opendocument:xmlns:office:1.0",
        "table": "oasis:names:tc:opendocument:xmlns:table:1.0",
        "text": "oasis:names:tc:opendocument:xmlns:text:1.0",
        "calcext": "org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
    }.items()
)


def ods_cell(value, *, percent=False, error=False):
    if error:
        kind = 'office:value-type="string" office:string-value="" calcext:value-type="error"'
    elif isinstance(value, (int, float)):
        kind = f'office:value-type="{"percentage" if percent else "float"}" office:value="{value}"'
    else:
        kind = 'office:value-type="string"'
    return f"<table:table-cell {kind}><text:p>{value}</text:p></table:table-cell>"


def ods_row(*cells):
    return f"<table:table-row><table:table-cell/>{''.join(cells)}</table:table-row>"


@pytest.fixture
def write_ods(tmp_path):
    """A sheet as LibreOffice writes it, with one blank column and three blank rows before it."""

    def write_ods(*rows):
        blank = '<table:table-cell table:number-columns-repeated="1024"/>'
        body = (
            f'<table:table-row table:number-rows-repeated="3">{blank}</table:table-row>'
            f"{''.join(rows)}"
            f'<table:table-row table:number-rows-repeated="1048000">{blank}</table:table-row>'
        )
        path = tmp_path / "orders.ods"
        with ZipFile(path, "w") as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr("META-INF/manifest.xml", "<manifest/>")
            archive.writestr(
                "content.xml",
                f"<office:document-content {_SPACES}><office:body><office:spreadsheet>"
                f'<table:table table:name="Orders">{body}</table:table>'
                "</office:spreadsheet></office:body></office:document-content>",
            )
        return path

    return write_ods


def test_an_opendocument_sheet_is_read_alike(write_ods, mapping):
    header = ods_row(*map(ods_cell, (*NAMES, "M", "US TARIFF RATE")))
    path = write_ods(header, ods_row(*map(ods_cell, (*ORDER, 12)), ods_cell(0.075, percent=True)))
    (row,) = open_excel(path, mapping).rows()
    assert (row["AAG ORDER NUMBER"], row["M"], row["US TARIFF RATE"]) == ("JOO-1", 12, "7.5%")


def test_an_error_in_an_opendocument_sheet_is_refused_with_its_place(write_ods, mapping):
    header = ods_row(*map(ods_cell, (*NAMES, "M")))
    good = ods_row(*map(ods_cell, (*ORDER, 12)))
    path = write_ods(header, good, ods_row(*map(ods_cell, ORDER), ods_cell("#N/A", error=True)))
    assert "cell F6 (M) holds #N/A" in refusal(path, mapping)


# Broken files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"a,b\n1,2\n", "is not an Excel file"),
        (b"PAR1" + bytes(40) + b"PAR1", "is a Parquet file under another name"),
        (b"PK\x03\x04" + bytes(100), "cannot be read as .xlsx"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "locked by a password"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "cannot be read as .xlsx"),
    ],
)
def test_a_file_that_is_no_sheet_is_refused(tmp_path, mapping, content, told):
    path = tmp_path / "orders.xlsx"
    path.write_bytes(content)
    assert told in refusal(path, mapping)


@pytest.mark.parametrize("ending", [".xls", ".xlsb", ".ods"])
def test_a_sheet_under_a_wrong_ending_is_refused(write_xlsx, mapping, ending):
    path = write_xlsx({"Orders": [NAMES, ORDER]}, name="orders.xlsx")
    assert "cannot be read as" in refusal(path.rename(path.with_suffix(ending)), mapping)


def test_a_sheet_cut_short_is_refused(write_xlsx, mapping):
    path = write_xlsx({"Orders": [NAMES, ORDER]})
    assert "cannot be read" in refusal(changed(path, SHEET, r"(?s)</row>.*", ""), mapping)
    path.write_bytes(path.read_bytes()[:900])
    assert "cannot be read" in refusal(path, mapping)


def test_the_macro_ending_is_read(write_xlsx, mapping):
    assert number_of(write_xlsx({"Orders": orders_of("JOO-9")}, name="o.XLSM"), mapping) == "JOO-9"


@pytest.mark.parametrize(("column", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (702, "AAA")])
def test_columns_are_called_as_the_spreadsheet_does(column, letters):
    assert column_letters(column) == letters
