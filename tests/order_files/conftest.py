"""Real files of orders, written by the libraries other programs write them with."""

from __future__ import annotations

import pytest
from openpyxl import Workbook

NAMES = ("AAG ORDER NUMBER", "CUSTOMER NAME", "CUSTOMER STYLE", "CUSTOMER COLOUR DESCRIPTION")
ORDER = ("JOO-1", "JOHNNIE O", "M01", "WHITE")


@pytest.fixture
def mapping(shipped):
    return shipped


@pytest.fixture
def write_xlsx(tmp_path):
    """Write sheets: name -> rows; a row is a list of cells, and a cell a value or a function
    that fills it."""

    def write_xlsx(sheets, *, name="orders.xlsx", hidden=()):
        book = Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for number, row in enumerate(rows, start=1):
                for column, value in enumerate(row, start=1):
                    cell = sheet.cell(number, column)
                    if callable(value):
                        value(cell)
                    else:
                        cell.value = value
            if title in hidden:
                sheet.sheet_state = hidden[title]
        book.save(tmp_path / name)
        book.close()
        return tmp_path / name

    return write_xlsx


def shown_as(value, number_format):
    """A cell with a number format."""

    def fill(cell):
        cell.value = value
        cell.number_format = number_format

    return fill
