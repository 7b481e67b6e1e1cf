"""Order lines from a CSV file, read one at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from order_sync.errors import ConfigError
from order_sync.order_files.columns import OrderFile, known_headers, order_file
from order_sync.rules.mapping import Mapping

# A long free text is no reason to refuse a file; a quote that is never closed is.
_LONGEST_CELL = 10_000_000  # characters


def open_csv(path: Path, mapping: Mapping) -> OrderFile:
    """The orders of a CSV file in UTF-8, with a header line. Empty lines are left out.

    Commas separate the columns, unless the header has none: then semicolons or tabs do, whichever
    it has more of, as where a comma is the decimal sign.

    Raises:
        ConfigError: the file cannot be read, or its header does not fit the profile; while rows
            are read also: a row has another number of cells than the header. The message names
            the line.
    """
    delimiter = ","
    _, cells = next(_lines(path, delimiter, skip=0), (0, []))
    if not cells:
        raise ConfigError(f"{path.name} is empty", hint="The first line must name the columns.")
    if len(cells) == 1 and (";" in cells[0] or "\t" in cells[0]):
        delimiter = max(";\t", key=cells[0].count)
        _, cells = next(_lines(path, delimiter, skip=0))
    headers = known_headers(cells, mapping)
    return order_file(
        f"{path.name}:1", headers, mapping, lambda: _rows(path, delimiter, len(headers))
    )


def _rows(path: Path, delimiter: str, width: int) -> Iterator[list[str]]:
    for line, cells in _lines(path, delimiter, skip=1):
        if len(cells) != width:
            raise ConfigError(
                f"{path.name}:{line}: the row has {len(cells)} cells, the header {width}",
                hint="Look for a quote or separator that is missing or too many.",
            )
        yield cells


def _lines(path: Path, delimiter: str, *, skip: int) -> Iterator[tuple[int, list[str]]]:
    """(number of its last line, cells) of every row that is not empty."""
    try:
        before = csv.field_size_limit(_LONGEST_CELL)
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
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
