"""Order lines from a CSV file, typed from the profile and never from a sample of the data."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from order_sync.errors import ConfigError
from order_sync.rules.mapping import Kind, Mapping
from order_sync.rules.reading import needed_columns
from order_sync.rules.values import clean_date, clean_quantity

Cell = str | int | None
Column = tuple[str, str]  # name, SQL type: TEXT, INTEGER or DATE

# A long free text is no reason to refuse a file; a quote that is never closed is.
_LONGEST_CELL = 10_000_000  # characters


@dataclass(frozen=True)
class CsvOrders:
    """A CSV file whose header was checked; its rows are read one at a time."""

    path: Path
    headers: tuple[str, ...]  # as the source table calls them, in the order of the file
    columns: tuple[Column, ...]  # of a table that holds every row
    absent: tuple[str, ...]  # columns the profile reads and the file lacks: they stay empty

    def rows(self) -> Iterator[dict[str, Cell]]:
        """Every row by column name. Blank cells are None; empty lines are left out.

        Sizes, the total and dates are whole numbers and ISO dates where they can be read; what
        cannot be read stays as it is, so that the run reports it with its order.

        Raises:
            ConfigError: a row has another number of cells than the header, or is not readable;
                the message names the line.
        """
        types = dict(self.columns)
        convert = [_CONVERTERS[types[name]] for name in self.headers]
        for line, cells in _lines(self.path, skip=1):
            if len(cells) != len(self.headers):
                raise ConfigError(
                    f"{self.path.name}:{line}: the row has {len(cells)} cells, "
                    f"the header {len(self.headers)}",
                    hint="Look for a quote or comma that is missing or too many.",
                )
            yield {
                name: to_cell(text) if text and not text.isspace() else None
                for name, to_cell, text in zip(self.headers, convert, cells, strict=True)
            }


def open_csv(path: Path, mapping: Mapping) -> CsvOrders:
    """The orders of a comma-separated file in UTF-8, with a header line.

    Raises:
        ConfigError: the file cannot be read, or its header does not fit the profile.
    """
    _, cells = next(_lines(path, skip=0), (0, []))
    if not cells:
        raise ConfigError(f"{path.name} is empty", hint="The first line must name the columns.")
    headers = _known_headers(cells, mapping)
    problems = _header_problems(path.name, headers, mapping)
    if problems:
        raise ConfigError(problems[0], problems=tuple(problems))
    expected = source_columns(mapping)
    known = {name for name, _ in expected}
    further = [(name, "TEXT") for name in headers if name not in known]
    absent = tuple(name for name, _ in expected if name not in headers)
    return CsvOrders(path, tuple(headers), (*expected, *further), absent)


def source_columns(mapping: Mapping) -> list[Column]:
    """Columns of a source table that holds everything the profile reads."""
    types = {column.source: "DATE" for column in mapping.columns if column.kind is Kind.DATE}
    types |= dict.fromkeys(mapping.sizes.names, "INTEGER")
    if mapping.total_quantity:
        types[mapping.total_quantity] = "INTEGER"
    return [(name, types.get(name, "TEXT")) for name in needed_columns(mapping)]


def _lines(path: Path, *, skip: int) -> Iterator[tuple[int, list[str]]]:
    """(number of its last line, cells) of every row that is not empty."""
    try:
        before = csv.field_size_limit(_LONGEST_CELL)
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            seen = 0
            try:
                for cells in reader:
                    seen += bool(cells)
                    if cells and seen > skip:
                        yield reader.line_num, cells
            except csv.Error as error:
                raise ConfigError(f"{path.name}:{reader.line_num}: {error}") from None
            finally:
                csv.field_size_limit(before)
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or 'cannot be read'}") from None


def _not_utf8(path: Path) -> ConfigError:
    """Where the file stops being UTF-8; guessing another encoding would garble names."""
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            return ConfigError(
                f"{path.name}:{number}: byte {error.start + 1} is not UTF-8",
                hint='Save the file as UTF-8 (in a spreadsheet: "CSV UTF-8").',
            )
    return ConfigError(f"{path.name} is not UTF-8")


def _known_headers(cells: Sequence[str], mapping: Mapping) -> list[str]:
    """Headers trimmed, with the profile's name for columns in another spelling."""
    aliases = {
        alias: column.source for column in mapping.columns for alias in column.source_aliases
    }
    headers = [cell.strip() for cell in cells]
    return [aliases.get(header, header) for header in headers]


def _header_problems(name: str, headers: Sequence[str], mapping: Mapping) -> list[str]:
    if len(headers) == 1 and (";" in headers[0] or "\t" in headers[0]):
        return [f"{name}:1: the columns are not separated by commas: save it as comma-separated"]
    problems = []
    first: dict[str, str] = {}
    for position, header in enumerate(headers, start=1):
        if not header:
            problems.append(f"{name}:1: column {position} has no name")
            continue
        # Databases compare column names without case.
        known = first.setdefault(header.casefold(), header)
        if header != known or headers.index(header) != position - 1:
            problems.append(f'{name}:1: the column "{header}" stands there twice')
    for column in (*mapping.key, mapping.customer):
        if column not in headers:
            problems.append(f'{name}:1: the column "{column}" is missing')
    return problems


def _quantity(text: str) -> Cell:
    pieces, refusal = clean_quantity(text)
    if refusal is None:
        return pieces
    digits = text.strip().removeprefix("-")
    plain = refusal.code == "negative_quantity" and digits.isdecimal() and len(digits) < 10
    return -int(digits) if plain else text


def _iso_date(text: str) -> Cell:
    day, finding = clean_date(text)
    if finding is not None:
        return text
    return day.isoformat() if day is not None else None


def _text(text: str) -> Cell:
    return text


_CONVERTERS = {"INTEGER": _quantity, "DATE": _iso_date, "TEXT": _text}
