"""Packets and tokens of TDS 7.4, as far as a server needs them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .values import Shape, encode, shape_bytes

SQL_BATCH, RPC, RESPONSE, ATTENTION, TRANSACTION, LOGIN, PRELOGIN = 1, 3, 4, 6, 14, 16, 18
PROCEDURES = {10: "sp_executesql", 11: "sp_prepare", 12: "sp_execute", 13: "sp_prepexec",
              15: "sp_unprepare"}  # fmt: skip
DONE, DONE_PROC, DONE_IN_PROC = 0xFD, 0xFE, 0xFF
MORE, FAILED, COUNTED, STOPPED = 0x01, 0x02, 0x10, 0x20
BEGAN, COMMITTED, ROLLED_BACK = 8, 9, 10  # environment changes
_VERBS = {"SELECT": 0xC1, "INSERT": 0xC3, "DELETE": 0xC4, "UPDATE": 0xC5}
_PACKET = 4096


class Closed(Exception):
    """The other side has gone."""


def receive(sock: socket.socket) -> tuple[int, bytes]:
    """(type, payload) of the next message."""
    payload = b""
    while True:
        header = _exactly(sock, 8)
        kind, status, length = header[0], header[1], int.from_bytes(header[2:4], "big")
        payload += _exactly(sock, length - 8)
        if status & 1:
            return kind, payload


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        try:
            part = sock.recv(count - len(data))
        except OSError as error:
            raise Closed from error
        if not part:
            raise Closed
        data += part
    return data


def send(sock: socket.socket, payload: bytes, session: int) -> None:
    room = _PACKET - 8
    parts = [payload[i : i + room] for i in range(0, len(payload), room)] or [b""]
    out = b"".join(
        struct.pack(">BBHHBB", RESPONSE, int(number == len(parts)), len(part) + 8, session,
                    number % 256, 0) + part
        for number, part in enumerate(parts, start=1)
    )  # fmt: skip
    try:
        sock.sendall(out)
    except OSError as error:
        raise Closed from error


def prelogin_answer() -> bytes:
    """Encryption is not supported; no MARS."""
    options = {0: bytes((16, 0, 0x0F, 0xA0, 0, 0)), 1: b"\x02", 2: b"\x00", 3: b"", 4: b"\x00"}
    at = 5 * len(options) + 1
    head = body = b""
    for token, value in options.items():
        head += struct.pack(">BHH", token, at + len(body), len(value))
        body += value
    return head + b"\xff" + body


def short_text(text: str) -> bytes:
    return bytes((len(text),)) + text.encode("utf-16-le")


def login_answer(database: str) -> bytes:
    ack = b"\x01" + bytes((0x74, 0, 0, 4)) + short_text("Microsoft SQL Server")
    ack += bytes((16, 0, 0x0F, 0xA0))
    return (
        _change(1, short_text(database) + short_text("master"))
        + _change(7, b"\x05" + bytes((9, 4, 0xD0, 0, 0x34)) + b"\x00")
        + _change(4, short_text(str(_PACKET)) * 2)
        + b"\xad" + struct.pack("<H", len(ack)) + ack + done()
    )  # fmt: skip


def _change(kind: int, values: bytes) -> bytes:
    return b"\xe3" + struct.pack("<HB", len(values) + 1, kind) + values


def transaction_change(kind: int, descriptor: int) -> bytes:
    number = b"\x08" + struct.pack("<Q", descriptor)
    return _change(kind, number + b"\x00" if kind == BEGAN else b"\x00" + number)


def done(
    count: int | None = None, *, token: int = DONE, status: int = 0, verb: str = "SELECT"
) -> bytes:
    if count is not None:
        status |= COUNTED
    what = _VERBS.get(verb, 0) if count is not None else 0
    return struct.pack("<BHHQ", token, status, what, count or 0)


def error(number: int, message: str, severity: int = 16) -> bytes:
    body = struct.pack("<iBB", number, 1, severity)
    body += struct.pack("<H", len(message)) + message.encode("utf-16-le")
    body += short_text("stand-in") + short_text("") + struct.pack("<i", 1)
    return b"\xaa" + struct.pack("<H", len(body)) + body


def return_status(value: int) -> bytes:
    return b"\x79" + struct.pack("<i", value)


def return_value(name: str, value: int) -> bytes:
    """An INT parameter that comes back."""
    return (
        b"\xac" + struct.pack("<H", 0) + short_text(name) + b"\x01" + struct.pack("<IH", 0, 0)
        + b"\x26\x04\x04" + struct.pack("<i", value)
    )  # fmt: skip


def columns(shapes: Sequence[tuple[str, Shape]]) -> bytes:
    out = b"\x81" + struct.pack("<H", len(shapes))
    for name, shape in shapes:
        out += struct.pack("<IH", 0, 0x09) + shape_bytes(shape) + short_text(name)
    return out


def row(shapes: Sequence[tuple[str, Shape]], cells: Sequence[Any]) -> bytes:
    return b"\xd1" + b"".join(
        encode(shape, cell) for (_, shape), cell in zip(shapes, cells, strict=True)
    )


@dataclass(frozen=True)
class Login:
    database: str
    user: str
    password: str
    host: str


def read_login(payload: bytes) -> Login:
    def text(at: int) -> bytes:
        offset, length = struct.unpack_from("<HH", payload, at)
        return payload[offset : offset + 2 * length]

    hidden = bytes(((b ^ 0xA5) << 4 | (b ^ 0xA5) >> 4) & 0xFF for b in text(44))
    return Login(
        text(68).decode("utf-16-le"), text(40).decode("utf-16-le"), hidden.decode("utf-16-le"),
        text(36).decode("utf-16-le"),
    )  # fmt: skip


def without_headers(payload: bytes) -> bytes:
    return payload[struct.unpack_from("<I", payload)[0] :]
