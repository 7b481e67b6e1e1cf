"""Types and values of TDS, between bytes and Python."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

_COLLATION = bytes((9, 4, 0xD0, 0, 0x34))
_DAY_ONE = date(1, 1, 1)
_NULL_LENGTH, _NO_VALUE = 0xFFFF, 2**64 - 1
_TIME_BYTES = {0: 3, 1: 3, 2: 3, 3: 4, 4: 4, 5: 5, 6: 5, 7: 5}


@dataclass(frozen=True)
class Shape:
    """A type: its name in T-SQL, with precision and scale where it has them."""

    name: str  # BIT INT BIGINT FLOAT NUMERIC DATE DATETIME2 NVARCHAR VARBINARY
    precision: int = 0
    scale: int = 0


def shape_of(declared: str) -> Shape:
    """The shape of a declared type, such as NVARCHAR(64) COLLATE ... or NUMERIC(18, 4)."""
    head, _, rest = declared.strip().upper().partition("(")
    word = head.split()[0] if head.split() else "NVARCHAR"
    numbers = [int(n) for n in rest.partition(")")[0].split(",") if n.strip().isdigit()]
    if word in ("NUMERIC", "DECIMAL"):
        precision, scale = (*numbers, 18, 0)[:2] if numbers else (18, 0)
        return Shape("NUMERIC", precision, scale if len(numbers) > 1 else 0)
    names = {"INTEGER": "INT", "DOUBLE": "FLOAT", "REAL": "FLOAT", "VARCHAR": "NVARCHAR",
             "TEXT": "NVARCHAR", "CHAR": "NVARCHAR", "DATETIME": "DATETIME2"}  # fmt: skip
    return Shape(names.get(word, word))


def shape_for(cells: Sequence[Any]) -> Shape:
    """A shape that holds all of these cells, for an expression of unknown type."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {bytes}:
        return Shape("VARBINARY")
    if kinds and kinds <= {int, bool}:
        return Shape("BIGINT")
    return Shape("FLOAT" if kinds and kinds <= {int, float} else "NVARCHAR")


def shape_bytes(shape: Shape) -> bytes:
    match shape.name:
        case "BIT":
            return b"\x68\x01"
        case "INT":
            return b"\x26\x04"
        case "BIGINT":
            return b"\x26\x08"
        case "FLOAT":
            return b"\x6d\x08"
        case "NUMERIC":
            return bytes((0x6C, 17, shape.precision, shape.scale))
        case "DATE":
            return b"\x28"
        case "DATETIME2":
            return b"\x2a\x06"
        case "VARBINARY":
            return b"\xa5" + struct.pack("<H", _NULL_LENGTH)
        case _:
            return b"\xe7" + struct.pack("<H", _NULL_LENGTH) + _COLLATION


def encode(shape: Shape, cell: Any) -> bytes:
    if shape.name in ("NVARCHAR", "VARBINARY"):
        if cell is None:
            return struct.pack("<Q", _NO_VALUE)
        data = cell if isinstance(cell, bytes) else str(cell).encode("utf-16-le")
        chunk = struct.pack("<I", len(data)) + data if data else b""
        return struct.pack("<Q", len(data)) + chunk + struct.pack("<I", 0)
    data = b"" if cell is None else _fixed(shape, cell)
    return bytes((len(data),)) + data


def _fixed(shape: Shape, cell: Any) -> bytes:
    match shape.name:
        case "BIT":
            return bytes((int(cell),))
        case "INT":
            return struct.pack("<i", int(cell))
        case "BIGINT":
            return struct.pack("<q", int(cell))
        case "FLOAT":
            return struct.pack("<d", float(cell))
        case "NUMERIC":
            scaled = int(Decimal(str(cell)).scaleb(shape.scale).to_integral_value())
            return bytes((scaled >= 0,)) + abs(scaled).to_bytes(16, "little")
        case "DATE":
            return _days(date.fromisoformat(str(cell)[:10]))
        case _:
            at = datetime.fromisoformat(str(cell))
            since = at - datetime.combine(at.date(), time())
            ticks = since // timedelta(microseconds=1)
            return ticks.to_bytes(5, "little") + _days(at.date())


def _days(day: date) -> bytes:
    return (day - _DAY_ONE).days.to_bytes(3, "little")


class Reader:
    """Reads a message from its beginning."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def is_done(self) -> bool:
        return self.at >= len(self.data)

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "little")

    def text(self, count: int) -> str:
        return self.take(2 * count).decode("utf-16-le", "surrogatepass")

    def value(self) -> Any:
        """A TYPE_INFO and the value behind it."""
        kind = self.number(1)
        if kind in _FIXED:
            size, form = _FIXED[kind]
            return struct.unpack(form, self.take(size))[0]
        if kind in (0xE7, 0xEF, 0xA7, 0xAF):
            return self._text(kind)
        if kind in (0xA5, 0xAD):
            most = self.number(2)
            return self._long() if most == _NULL_LENGTH else self._counted(2)
        if kind in (0x6A, 0x6C):
            self.take(2)
            return self._decimal(self.number(1))
        if kind in (0x29, 0x2A, 0x2B):
            return self._moment(kind, self.number(1))
        if kind != 0x28:
            self.take(1)
        data = self._counted(1)
        return None if data is None else _read(kind, data)

    def _text(self, kind: int) -> str | None:
        most = self.number(2)
        self.take(5)
        data = self._long() if most == _NULL_LENGTH else self._counted(2)
        wide = kind in (0xE7, 0xEF)
        if data is None:
            return None
        return data.decode("utf-16-le", "surrogatepass") if wide else data.decode("cp1252")

    def _counted(self, size: int) -> bytes | None:
        length = self.number(size)
        if size == 1:
            return self.take(length) if length else None
        return None if length == _NULL_LENGTH else self.take(length)

    def _long(self) -> bytes | None:
        if self.number(8) == _NO_VALUE:
            return None
        data = b""
        while length := self.number(4):
            data += self.take(length)
        return data

    def _decimal(self, scale: int) -> Decimal | None:
        data = self._counted(1)
        if data is None:
            return None
        value = Decimal(int.from_bytes(data[1:], "little")).scaleb(-scale)
        return value if data[0] else -value

    def _moment(self, kind: int, scale: int) -> str | None:
        data = self._counted(1)
        if data is None:
            return None
        size = _TIME_BYTES[scale]
        ticks = int.from_bytes(data[:size], "little") * 10 ** (7 - scale) // 10
        if kind == 0x29:
            return (datetime.min + timedelta(microseconds=ticks)).time().isoformat()
        day = _DAY_ONE + timedelta(days=int.from_bytes(data[size : size + 3], "little"))
        at = datetime.combine(day, time()) + timedelta(microseconds=ticks)
        return stored_time(at)


def stored_time(at: datetime) -> str:
    return at.isoformat(" ", "microseconds")


_FIXED = {0x30: (1, "<B"), 0x32: (1, "<B"), 0x34: (2, "<h"), 0x38: (4, "<i"), 0x3B: (4, "<f"),
          0x3E: (8, "<d"), 0x7F: (8, "<q")}  # fmt: skip


def _read(kind: int, data: bytes) -> Any:
    if kind in (0x26, 0x68):
        return int.from_bytes(data, "little", signed=len(data) > 1)
    if kind == 0x6D:
        return struct.unpack("<f" if len(data) == 4 else "<d", data)[0]
    if kind == 0x28:
        return (_DAY_ONE + timedelta(days=int.from_bytes(data, "little"))).isoformat()
    raise ValueError(f"type {kind:#x} is not known here")
