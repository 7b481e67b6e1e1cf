"""A CSV file becomes rows of the source table, typed from the profile."""

import pytest

from order_sync.errors import ConfigError
from order_sync.order_files.columns import source_columns
from order_sync.order_files.csv_file import open_csv
from order_sync.profile import DEFAULT_PROFILE, load_profile
from order_sync.rules.reading import read_order

HEADER = "AAG ORDER NUMBER,CUSTOMER NAME,CUSTOMER STYLE,CUSTOMER COLOUR DESCRIPTION"
GOOD = "JOO-1,JOHNNIE O,M01,WHITE"


@pytest.fixture(scope="module")
def mapping():
    return load_profile(DEFAULT_PROFILE)


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "orders.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


def one_row(write, mapping, header, cells):
    (row,) = open_csv(write(f"{HEADER},{header}\n{GOOD},{cells}\n"), mapping).rows()
    return row


def test_the_table_has_every_column_of_the_profile(mapping):
    columns = dict(source_columns(mapping))
    assert len(columns) == 46 + 161
    assert columns["M"] == columns["TOTAL QTY"] == "INTEGER"
    assert columns["EX FACTORY DATE"] == "DATE"
    assert columns["CUSTOMER PRICE"] == "TEXT"


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("M", "12", 12),
        ("M", "12.0", 12),
        ("M", '"1,200"', 1200),
        ("M", "-3", -3),
        ("M", "12.5", "12.5"),
        ("M", "TBC", "TBC"),
        ("M", "٣", "٣"),
        ("M", "", None),
        ("TOTAL QTY", "500", 500),
        ("CUSTOMER PRICE", "$ 1.50", "$ 1.50"),
        ("CUSTOMER PRICE", "  ", None),
        ("PO NUMBER", "00123", "00123"),
        ("EX FACTORY DATE", "2025-09-26", "2025-09-26"),
        ("EX FACTORY DATE", "45926", "2025-09-26"),
        ("EX FACTORY DATE", "2025/9/26", "2025-09-26"),
        ("EX FACTORY DATE", "03/04/2025", "03/04/2025"),
        ("EX FACTORY DATE", "NULL", None),
        ("SOMETHING ELSE", "x", "x"),
        ("NOTES", '"two\nlines, ""quoted"""', 'two\nlines, "quoted"'),
    ],
)
def test_a_cell_is_typed_by_its_column_and_kept_when_unreadable(
    write, mapping, column, cell, value
):
    assert one_row(write, mapping, column, cell)[column] == value


def test_further_columns_are_texts_of_the_table(write, mapping):
    orders = open_csv(write(f"{HEADER},Longson Alias\n{GOOD},x\n"), mapping)
    assert orders.columns[-1] == ("Longson Alias", "TEXT")
    assert "NOTES" in orders.absent


def test_a_byte_order_mark_blanks_in_headers_and_empty_lines_do_no_harm(write, mapping):
    text = "\ufeff" + HEADER.replace(",", " , ") + "\r\n\r\n" + GOOD + "\r\n\r\n"
    (row,) = open_csv(write(text), mapping).rows()
    assert row["AAG ORDER NUMBER"] == "JOO-1"


@pytest.mark.parametrize("apostrophe", ["'", "''"])
def test_both_spellings_of_the_colour_code_are_one_column(write, mapping, apostrophe):
    header = f"CUSTOMER{apostrophe}S COLOUR CODE (CUSTOM FIELD) CUSTOMER PROVIDES THIS"
    row = one_row(write, mapping, header, "C07")
    assert read_order(row, mapping).values["CUSTOMER COLOR CODE"] == "C07"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_file_without_commas_in_its_header_has_other_separators(write, mapping, separator):
    header, good = (
        text.replace(",", separator) for text in (f"{HEADER},NOTES,CUSTOMER PRICE", GOOD)
    )
    content = f'{header}\n{good}{separator}"a{separator} b, c"{separator}12,50\n'
    (row,) = open_csv(write(content), mapping).rows()
    (plain,) = open_csv(write(f"{HEADER}\n{GOOD}\n"), mapping).rows()
    found = {name: row[name] for name in plain}
    assert found == plain
    assert (row["NOTES"], row["CUSTOMER PRICE"]) == (f"a{separator} b, c", "12,50")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        (f"{HEADER},M,M\n", '"M" stands there twice'),
        (f"{HEADER},Notes,NOTES\n", '"NOTES" stands there twice'),
        (f"{HEADER},\n", "column 5 has no name"),
        ("CUSTOMER NAME,CUSTOMER STYLE\n", '"AAG ORDER NUMBER" is missing'),
        (HEADER.replace(",", "|") + "\n", '"AAG ORDER NUMBER" is missing'),
    ],
)
def test_a_header_that_does_not_fit_is_refused(write, mapping, content, told):
    with pytest.raises(ConfigError) as caught:
        open_csv(write(content), mapping)
    assert told in f"{caught.value.message} {caught.value.problems}"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f"{HEADER}\n{GOOD}\n{GOOD},x\n", "orders.csv:3: the row has 5 cells, the header 4"),
        (f"{HEADER}\n{GOOD}\nJOO-2\n", "orders.csv:3: the row has 1 cells"),
        (f'{HEADER}\n{GOOD}\n"JOO-2,A,B,C\n', "orders.csv:3: "),
        (f"{HEADER}\n{GOOD}\n".encode() + b"JOO-2,A,B,CAF\xc9\n", "orders.csv:3: byte 14"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_its_line(write, mapping, content, told):
    with pytest.raises(ConfigError) as caught:
        list(open_csv(write(content), mapping).rows())
    assert told in caught.value.message


def test_a_missing_file_is_said_plainly(mapping, tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        open_csv(tmp_path / "none.csv", mapping)
