"""Files of orders: CSV, Excel and Parquet, typed from the profile, never from a sample of the data.

Each reader delivers the header and the cells as text; what a header may say and what becomes of a
cell is the same for all of them (`columns.py`, `cells.py`).
"""

# ruff: noqa: PLC0415 - Excel and Parquet libraries load when such a file does: a start stays quick

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from order_sync.errors import ConfigError
from order_sync.order_files.cells import DateOrder
from order_sync.order_files.columns import OrderFile
from order_sync.rules.mapping import Mapping

CSV = (".csv",)
EXCEL = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
PARQUET = (".parquet",)

_ZIP, _OLE, _PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
_BEGINS = {
    **dict.fromkeys(CSV, ()),
    **dict.fromkeys(EXCEL, (_ZIP, _OLE)),
    **dict.fromkeys(PARQUET, (_PARQUET,)),
}
_CONTENT = {_ZIP: "an Excel", _OLE: "an Excel", _PARQUET: "a Parquet"}


def open_orders(
    path: Path, mapping: Mapping, *, sheet: str | None = None, dates: DateOrder | None = None
) -> OrderFile:
    """The orders of a file, its header checked; the ending of its name says what it holds.

    `sheet` names the sheet of an Excel file; without it there must be one sheet with content.
    `dates` says how texts such as 03/02/2026 are read; without it they stay texts.

    Raises:
        ConfigError: the file cannot be read, holds no rows, is not what its name says, or does
            not fit the profile.
    """
    ending = path.suffix.lower()
    if ending not in _BEGINS:
        raise ConfigError(
            f"{path.name}: {path.suffix or 'a file without an ending'} is no format order-sync"
            " reads",
            hint=f"save it as one of {', '.join((*CSV, *EXCEL, *PARQUET))} and load that",
        )
    _check_content(path, ending)
    if sheet is not None and ending not in EXCEL:
        raise ConfigError(f"{path.name} has no sheets", hint="load it without --sheet")
    orders = replace(_open(path, ending, mapping, sheet), dates=dates)
    if next(orders.texts(), None) is None:
        raise ConfigError(
            f"{path.name} names columns and holds no rows",
            hint="save the file with its orders; what is there stays as it is",
        )
    return orders


def _open(path: Path, ending: str, mapping: Mapping, sheet: str | None) -> OrderFile:
    if ending in EXCEL:
        from order_sync.order_files.excel_file import open_excel

        return open_excel(path, mapping, sheet)
    if ending in PARQUET:
        from order_sync.order_files.parquet_file import open_parquet

        return open_parquet(path, mapping)
    from order_sync.order_files.csv_file import open_csv

    return open_csv(path, mapping)


def _check_content(path: Path, ending: str) -> None:
    """The first bytes tell a file under a wrong name, which its reader would call broken."""
    try:
        with path.open("rb") as file:
            begin = file.read(4)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror or 'cannot be read'}",
            hint="name a file that is there and that you may read",
        ) from None
    if not begin:
        raise ConfigError(f"{path.name} is empty", hint="save the file again, with its orders")
    wanted = _BEGINS[ending]
    found = _CONTENT.get(begin)
    if begin in wanted or (not wanted and found is None):
        return
    if found is None:
        raise ConfigError(
            f"{path.name} is not {_CONTENT[wanted[0]]} file, or it is broken",
            hint="save it again; a text file with commas is loaded under the ending .csv",
        )
    raise ConfigError(
        f"{path.name} is {found} file under another name",
        hint="give the file the ending of what it holds, or save it as CSV",
    )
