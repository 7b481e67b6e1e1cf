"""Order lines from a sheet of an Excel or OpenDocument file, held in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from order_sync.errors import ConfigError
from order_sync.order_files.cells import cell_text
from order_sync.order_files.columns import OrderFile, known_headers, order_file
from order_sync.order_files.sheet_marks import NO_MARKS, SheetMarks, can_look, look_at_sheet
from order_sync.rules.mapping import Mapping
from order_sync.rules.reading import needed_columns
from order_sync.toml_file import did_you_mean

_MANY = 10  # problems of one kind that are worth naming one by one
_IN_LOCKED_FILE = "EncryptedPackage".encode("utf-16-le")

_Raw = str | int | float | bool | time | date | datetime | timedelta
_Rows = list[list[_Raw]]  # from cell A1 on, all of one width


def open_excel(path: Path, mapping: Mapping, sheet: str | None = None) -> OrderFile:
    """The orders of one sheet; its first row that is not blank is the header.

    Hidden sheets count only when `sheet` names them. Blank rows, and columns without name and
    content, are left out. A percent cell keeps its sign (`7.5%`), as in a CSV file of the sheet.
    A cell that shows an error (`#N/A`, `#REF!`) or a formula that was never calculated has lost
    its value: in a column the profile reads it refuses the file, elsewhere the cell is blank.
    The formats .xls and .xlsb cannot be asked for either, which is one of the notices.

    Raises:
        ConfigError: the file is broken or locked by a password, no sheet or more than one could
            be meant, a value is lost, or the header does not fit the profile.
    """
    try:
        with CalamineWorkbook.from_path(path) as workbook:
            name, found = _chosen(path, workbook, sheet)
            rows: _Rows = _from_first_column(found)
    except PasswordError:
        raise _locked(path) from None
    except CalamineError as error:
        raise _broken(path, error) from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or 'cannot be read'}") from None
    marks = look_at_sheet(path, name) if can_look(path) else NO_MARKS
    header = next((number for number, row in enumerate(rows) if not _is_blank(row)), None)
    if header is None:
        raise ConfigError(
            f'{path.name}: the sheet "{name}" is empty', hint="name another with --sheet"
        )
    place = f'{path.name}, sheet "{name}", row {header + 1}'
    kept = [n for n in range(len(rows[header])) if any(row[n] != "" for row in rows[header:])]
    _refuse_changed_headers(place, kept, rows[header])
    headers = known_headers([cell_text(rows[header][n]) for n in kept], mapping)
    _refuse_lost(path, header, dict(zip(kept, headers, strict=True)), marks, mapping)
    return order_file(
        place,
        headers,
        mapping,
        partial(_texts, rows, header + 1, kept, marks.percent),
        position=lambda number: column_letters(kept[number - 1]),
        notices=() if can_look(path) else (_cannot_look(path),),
    )


def column_letters(column: int) -> str:
    """What a spreadsheet calls the column `column`, counted from 0."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


# The sheet ----------------------------------------------------------------------------------------


def _chosen(
    path: Path, workbook: CalamineWorkbook, wanted: str | None
) -> tuple[str, CalamineSheet]:
    """The sheet to read, with its name in the file."""
    sheets = [s for s in workbook.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet]
    if wanted is not None:
        name = _named(path, sheets, wanted)
        return name, workbook.get_sheet_by_name(name)
    visible = [s.name for s in sheets if s.visible == SheetVisibleEnum.Visible]
    read = {name: workbook.get_sheet_by_name(name) for name in visible}
    filled = {name: sheet for name, sheet in read.items() if sheet.start is not None}
    if not filled:
        raise ConfigError(
            f"{path.name}: no visible sheet has content",
            hint="save the file with its orders, or name a hidden sheet with --sheet",
        )
    if len(filled) > 1:
        raise ConfigError(
            f"{path.name} has {len(filled)} sheets with content: {', '.join(filled)}",
            hint=f'name the one with the orders, such as --sheet "{next(iter(filled))}"',
        )
    return next(iter(filled.items()))


def _named(path: Path, sheets: Sequence[SheetMetadata], wanted: str) -> str:
    """The name of the sheet in the file: spreadsheets compare them without case."""
    by_name = {sheet.name.strip().casefold(): sheet.name for sheet in sheets}
    name = by_name.get(wanted.strip().casefold())
    if name is None:
        known = [sheet.name for sheet in sheets]
        raise ConfigError(
            f'{path.name} has no sheet "{wanted}"{did_you_mean(wanted, known)}',
            hint=f"its sheets are {', '.join(known)}",
        )
    return name


def _from_first_column(sheet: CalamineSheet) -> _Rows:
    before: list[_Raw] = [""] * (sheet.start[1] if sheet.start else 0)
    return [before + list(row) for row in sheet.iter_rows()]


def _texts(
    rows: _Rows, first: int, kept: Sequence[int], percent: frozenset[tuple[int, int]]
) -> Iterator[list[str]]:
    for number in range(first, len(rows)):
        row = rows[number]
        if not _is_blank(row):
            texts = [cell_text(row[n]) for n in kept]
            if percent:
                texts = [
                    _percent_text(row[n]) if (number, n) in percent else text
                    for n, text in zip(kept, texts, strict=True)
                ]
            yield texts


def _percent_text(value: _Raw) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{cell_text(value * 100)}%"
    return cell_text(value)


def _is_blank(row: Sequence[_Raw]) -> bool:
    return all(cell == "" or (isinstance(cell, str) and cell.isspace()) for cell in row)


# What is refused ----------------------------------------------------------------------------------


def _refuse_changed_headers(place: str, kept: Sequence[int], header: Sequence[_Raw]) -> None:
    """A size such as 2/3, typed into a spreadsheet, becomes a date, and its pieces get lost."""
    problems = tuple(
        f"{place}: column {column_letters(n)} is named by a date ({cell_text(header[n])})"
        for n in kept
        if isinstance(header[n], (date, time, timedelta))
    )
    if problems:
        raise ConfigError(
            problems[0],
            hint="write the name as text, with an apostrophe in front: '2/3",
            problems=problems,
        )


def _refuse_lost(
    path: Path, header: int, names: dict[int, str], marks: SheetMarks, mapping: Mapping
) -> None:
    """Refuse cells without a value where the header or an order needs one."""
    needed = set(needed_columns(mapping))
    lost = [
        f"{path.name}: cell {column_letters(column)}{row + 1} "
        + (f"({names[column]}) holds {what}" if row > header else f"holds {what}")
        for (row, column), what in sorted(marks.lost.items())
        if row >= header and (row == header or names.get(column) in needed)
    ]
    if lost:
        more = [f"{path.name}: and {len(lost) - _MANY:,} more"] if len(lost) > _MANY else []
        raise ConfigError(
            lost[0] if len(lost) == 1 else f"{path.name}: {len(lost):,} cells have no value",
            hint="correct the cells in the file, let it calculate, and save it",
            problems=(*lost[:_MANY], *more),
        )


def _cannot_look(path: Path) -> str:
    return (
        f"{path.name}: in {path.suffix} files a cell with an error (#N/A) looks blank and 7.5% is"
        " 0.075: save it as .xlsx if it has such cells"
    )


def _broken(path: Path, error: Exception) -> ConfigError:
    try:
        is_locked = _IN_LOCKED_FILE in path.read_bytes()
    except OSError:
        is_locked = False
    if is_locked:
        return _locked(path)
    return ConfigError(
        f"{path.name} cannot be read as {path.suffix}: {error}",
        hint="open it in a spreadsheet, save it as .xlsx and load that",
    )


def _locked(path: Path) -> ConfigError:
    return ConfigError(
        f"{path.name} is locked by a password", hint="save it without one and load that"
    )
