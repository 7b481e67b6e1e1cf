"""What a spreadsheet file says of its cells beside their values: errors and percent formats.

A reader of values delivers an error as a blank cell and 7.5% as 0.075; both would go unnoticed. The
XML of .xlsx, .xlsm and .ods files tells them; .xls and .xlsb are binary.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from zipfile import BadZipFile, ZipFile

from order_sync.errors import ConfigError

Place = tuple[int, int]  # row, column, counted from 0

_UNCALCULATED = "a formula that was never calculated"
_BUILT_IN_PERCENT = {9, 10}
_LITERAL = re.compile(r'"[^"]*"|\\.')  # in a number format: text, not a sign
_CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class SheetMarks:
    """Cells of one sheet that are not what their value says."""

    lost: dict[Place, str]  # what stands there instead of a value
    percent: frozenset[Place]  # shown as percent, stored as a fraction


NO_MARKS = SheetMarks({}, frozenset())


def can_look(path: Path) -> bool:
    """Whether the format of the file tells."""
    return path.suffix.lower() in (".xlsx", ".xlsm", ".ods")


def look_at_sheet(path: Path, sheet: str) -> SheetMarks:
    """The marks of one sheet of an .xlsx, .xlsm or .ods file.

    Raises:
        ConfigError: the file is broken.
    """
    look = _look_at_ods if path.suffix.lower() == ".ods" else _look_at_xlsx
    try:
        with ZipFile(path) as archive:
            return look(archive, sheet)
    except (BadZipFile, ElementTree.ParseError, KeyError, ValueError, OSError) as error:
        raise ConfigError(
            f"{path.name} cannot be read: {error}",
            hint="open it in a spreadsheet, save it as .xlsx and load that",
        ) from None


# .xlsx, .xlsm -------------------------------------------------------------------------------------


def _look_at_xlsx(archive: ZipFile, sheet: str) -> SheetMarks:
    book = next(iter(_related(archive, "", "officeDocument").values()))
    part = _part_of(archive, book, sheet)
    styles = _percent_styles(archive, book)
    with archive.open(part) as file:
        if not styles and not _mentions(file, (b't="e"', b"t='e'", b"<f", b":f>", b":f ")):
            return NO_MARKS
    lost: dict[Place, str] = {}
    percent: set[Place] = set()
    with archive.open(part) as file:
        for place, cell in _xlsx_cells(file):
            what = _lost_value(cell)
            if what:
                lost[place] = what
            elif int(cell.get("s", 0)) in styles:
                percent.add(place)
    return SheetMarks(lost, frozenset(percent))


def _related(archive: ZipFile, part: str, kind: str) -> dict[str, str]:
    """Id -> file in the archive, of everything of one kind that belongs to `part`."""
    folder, name = posixpath.split(part)
    with archive.open(posixpath.join(folder, "_rels", f"{name}.rels")) as file:
        return {
            element.get("Id", ""): posixpath.normpath(
                posixpath.join("/", folder, element.get("Target", ""))
            ).lstrip("/")
            for element in _elements(file)
            if element.get("Type", "").endswith(f"/{kind}")
        }


def _part_of(archive: ZipFile, book: str, sheet: str) -> str:
    """The file in the archive that holds the sheet."""
    parts = _related(archive, book, "worksheet")
    with archive.open(book) as file:
        for element in _elements(file):
            if _local(element.tag) == "sheet" and element.get("name") == sheet:
                return parts[_attribute(element, "id", "")]
    raise KeyError(sheet)


def _percent_styles(archive: ZipFile, book: str) -> set[int]:
    """Numbers of the cell styles whose number format shows percent."""
    formats = set(_BUILT_IN_PERCENT)
    for part in _related(archive, book, "styles").values():
        with archive.open(part) as file:
            for element in _elements(file):
                kind = _local(element.tag)
                if kind == "numFmt" and "%" in _LITERAL.sub("", element.get("formatCode", "")):
                    formats.add(int(element.get("numFmtId", -1)))
                elif kind == "cellXfs":
                    used = [int(xf.get("numFmtId", 0)) for xf in element]
                    return {number for number, one in enumerate(used) if one in formats}
    return set()


def _xlsx_cells(file: IO[bytes]) -> Iterator[tuple[Place, Element]]:
    row = -1
    for element in _elements(file):
        if _local(element.tag) != "row":
            continue
        number = element.get("r")
        row = int(number) - 1 if number else row + 1
        column = -1
        for cell in element:
            reference = cell.get("r")
            column = _column(reference) if reference else column + 1
            yield (row, column), cell
        element.clear()


def _column(reference: str) -> int:
    """The column of a reference such as `BC12`, counted from 0."""
    column = 0
    for letter in reference.rstrip("0123456789"):
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1


def _lost_value(cell: Element) -> str:
    """What stands in the cell instead of a value; blank when nothing is lost."""
    parts = {_local(part.tag): part.text or "" for part in cell}
    kind = cell.get("t", "n")
    if kind == "e":
        return parts.get("v") or "an error"
    is_number = kind in ("n", "b", "d")
    return _UNCALCULATED if "f" in parts and is_number and not parts.get("v") else ""


# .ods ---------------------------------------------------------------------------------------------


def _look_at_ods(archive: ZipFile, sheet: str) -> SheetMarks:
    lost: dict[Place, str] = {}
    percent: set[Place] = set()
    with archive.open("content.xml") as file:
        if not _mentions(file, (b'"error"', b"'error'", b'"percentage"', b"'percentage'")):
            return NO_MARKS
    with archive.open("content.xml") as file:
        for places, cell in _ods_cells(file, sheet):
            kinds = {v for key, v in cell.items() if _local(key) == "value-type"}
            if "error" in kinds:
                lost |= dict.fromkeys(places, "".join(cell.itertext()) or "an error")
            elif "percentage" in kinds:
                percent.update(places)
    return SheetMarks(lost, frozenset(percent))


def _ods_cells(file: IO[bytes], sheet: str) -> Iterator[tuple[list[Place], Element]]:
    """Each cell with a type, with all the places it stands for."""
    row = 0
    is_wanted = False
    for event, element in ElementTree.iterparse(file, ("start", "end")):  # noqa: S314 - see _elements
        kind = _local(element.tag)
        if event == "start" and kind == "table":
            row, is_wanted = 0, _attribute(element, "name", "") == sheet
        elif event == "end" and kind == "table-row":
            rows = int(_attribute(element, "number-rows-repeated", "1"))
            column = 0
            for cell in element if is_wanted else ():
                columns = int(_attribute(cell, "number-columns-repeated", "1"))
                if _attribute(cell, "value-type", ""):
                    places = [(row + r, column + c) for r in range(rows) for c in range(columns)]
                    yield places, cell
                column += columns
            row += rows
            element.clear()


# XML ----------------------------------------------------------------------------------------------


def _elements(file: IO[bytes]) -> Iterator[Element]:
    """Every element of an XML file when it ends."""
    # The parser itself bounds what entities may grow to, and reads no file they name.
    for _, element in ElementTree.iterparse(file):  # noqa: S314
        yield element


def _mentions(file: IO[bytes], words: tuple[bytes, ...]) -> bool:
    """Whether one of some short words stands in the file: far quicker than to parse it."""
    end = b""
    while chunk := file.read(_CHUNK):
        text = end + chunk
        if any(word in text for word in words):
            return True
        end = text[-32:]
    return False


def _local(tag: str) -> str:
    """A name without its namespace."""
    return tag.rpartition("}")[2]


def _attribute(element: Element, name: str, default: str) -> str:
    return next((value for key, value in element.items() if _local(key) == name), default)
