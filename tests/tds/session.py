"""One session: messages in, tokens out; transactions, settings and prepared statements."""

from __future__ import annotations

import re
import socket
import sqlite3
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import catalog, wire
from .grammar import mistake_in
from .locks import SESSION, TRANSACTION
from .translate import Translated, parts, translate
from .values import Reader, Shape, shape_for
from .wire import Closed

if TYPE_CHECKING:
    from .server import Server

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|REPLACE)\b", re.I)
_STOPS = {1205, 3960, 9002, 1105}  # errors that end the transaction, whatever is set


class SqlError(Exception):
    """An error the session answers with."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


class Session:
    """Serves one connection in a thread of its own."""

    def __init__(self, server: Server, sock: socket.socket, number: int) -> None:
        self.server, self.sock, self.number = server, sock, number
        self.transactions = 0  # @@TRANCOUNT
        self.settings: dict[str, str] = {"XACT_ABORT": "OFF", "IMPLICIT_TRANSACTIONS": "OFF"}
        self.identity: int | None = None
        self._level = self._began_in = "READ COMMITTED"
        self._is_open = False  # a transaction in SQLite
        self._descriptor = 0
        self._prepared: dict[int, str] = {}
        self._out = b""
        self._variables: dict[str, Any] = {}
        self._db: sqlite3.Connection | None = None

    @property
    def db(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = catalog.connect(self)
        return self._db

    def run(self) -> None:
        while True:
            kind, payload = wire.receive(self.sock)
            self._out = b""
            if kind == wire.PRELOGIN:
                self._out = wire.prelogin_answer()
            elif kind == wire.LOGIN:
                self._out = wire.login_answer(wire.read_login(payload).database)
            elif kind == wire.ATTENTION:
                self._out = wire.done(status=wire.STOPPED)
            else:
                self._answer(kind, wire.without_headers(payload))
            wire.send(self.sock, self._out, self.number)

    def end(self) -> None:
        if self._db is not None:
            self._db.close()
        self.server.locks.release(self.number, SESSION, TRANSACTION)
        self.sock.close()

    # Requests ----------------------------------------------------------------------------------

    def _answer(self, kind: int, payload: bytes) -> None:
        if kind == wire.SQL_BATCH:
            self._guarded(
                lambda: self._batch(payload.decode("utf-16-le"), {}, wire.DONE), wire.DONE
            )
        elif kind == wire.TRANSACTION:
            self._guarded(lambda: self._transaction(Reader(payload)), wire.DONE)
        else:
            self._calls(Reader(payload))

    def _guarded(self, work: Callable[[], None], token: int) -> bool:
        """Answers with an error what raises one."""
        try:
            work()
        except SqlError as error:
            if self.settings["XACT_ABORT"] == "ON" or error.number in _STOPS:
                self._finish(wire.ROLLED_BACK)
            self._out += wire.error(error.number, str(error))
            self._out += wire.done(token=token, status=wire.FAILED)
            return False
        return True

    def _transaction(self, reader: Reader) -> None:
        request = reader.number(2)
        if request == 5:
            self._start()
        elif request == 7:
            self.commit()
        elif request == 8:
            self._finish(wire.ROLLED_BACK)
        self._out += wire.done()

    def _calls(self, reader: Reader) -> None:
        while not reader.is_done:
            length = reader.number(2)
            name = (
                wire.PROCEDURES.get(reader.number(2), "?") if length == 0xFFFF
                else reader.text(length)
            )  # fmt: skip
            reader.take(2)
            parameters: list[tuple[str, Any]] = []
            while not reader.is_done and reader.data[reader.at] not in (0xFF, 0x80):
                called = reader.text(reader.number(1))
                reader.take(1)
                parameters.append((called.lstrip("@"), reader.value()))
            if not reader.is_done:
                reader.take(1)
            before = dict(self.settings)
            self._guarded(lambda n=name, p=parameters: self._call(n, p), wire.DONE_PROC)  # type: ignore[misc]
            self.settings = before
            if not reader.is_done:  # more answers follow
                self._mark_more()

    def _mark_more(self) -> None:
        token, status, current, count = struct.unpack("<BHHQ", self._out[-13:])
        self._out = self._out[:-13] + struct.pack(
            "<BHHQ", token, status | wire.MORE, current, count
        )

    def _call(self, name: str, given: Sequence[tuple[str, Any]]) -> None:
        values = [value for _, value in given]
        handle = None
        if name == "sp_executesql":
            statement, rest = values[0], given[2:]
        elif name in ("sp_prepexec", "sp_prepare"):
            handle = len(self._prepared) + 1
            statement, rest = values[2], given[3:]
            self._prepared[handle] = statement
        elif name == "sp_execute":
            statement, rest = self._prepared[values[0]], given[1:]
        elif name == "sp_describe_undeclared_parameters":
            self._describe(values[0])
            return
        elif name == "sp_unprepare":
            self._out += wire.return_status(0) + wire.done(token=wire.DONE_PROC)
            return
        else:
            raise SqlError(2812, f"Could not find stored procedure '{name}'.")
        if name != "sp_prepare":
            bound = {f"P{n}": value for n, (_, value) in enumerate(rest, start=1)}
            self._batch(statement, bound, wire.DONE_IN_PROC)
        self._out += wire.return_status(0)
        if handle is not None:
            self._out += wire.return_value("", handle)
        self._out += wire.done(token=wire.DONE_PROC)

    def _describe(self, statement: str) -> None:
        """Every parameter is a text, if the driver asks."""
        count = len(set(re.findall(r"@P\d+", statement)))
        kinds = ("INT", "NVARCHAR", "INT", "NVARCHAR", "INT", "INT", "INT")
        names = (
            "parameter_ordinal", "name", "suggested_system_type_id", "suggested_system_type_name",
            "suggested_max_length", "suggested_precision", "suggested_scale",
        )  # fmt: skip
        shapes = [(name, Shape(kind)) for name, kind in zip(names, kinds, strict=True)]
        self._out += wire.columns(shapes)
        for n in range(1, count + 1):
            self._out += wire.row(shapes, (n, f"@P{n}", 231, "nvarchar(4000)", 8000, 0, 0))
        self._out += wire.done(count, token=wire.DONE_IN_PROC)
        self._out += wire.return_status(0) + wire.done(token=wire.DONE_PROC)

    # Statements --------------------------------------------------------------------------------

    def _batch(self, text: str, parameters: dict[str, Any], token: int) -> None:
        self.server.statements.append(text)
        mistake = mistake_in(text)
        if mistake is not None:
            raise SqlError(102, f"Incorrect syntax: {mistake}")
        self._strike(text, after=False)
        self._variables = parameters
        begun = len(self._out)
        for statement in parts(text):
            self._statement(statement, token)
        self._strike(text, after=True)
        if len(self._out) == begun or token == wire.DONE:
            self._out = self._settled(self._out, token)

    def _settled(self, out: bytes, token: int) -> bytes:
        """The last DONE says that no more follows."""
        if len(out) >= 13 and out[-13] == token and out[-12] & wire.MORE:
            return out[:-12] + bytes((out[-12] & ~wire.MORE,)) + out[-11:]
        return out + wire.done(token=token)

    def _strike(self, text: str, *, after: bool) -> None:
        for fault in self.server.faults:
            if fault.after == after and fault.strikes(text):
                if not fault.number:
                    self.sock.shutdown(socket.SHUT_RDWR)
                    raise Closed
                raise SqlError(fault.number, fault.message)

    def _statement(self, text: str, token: int) -> None:
        for pattern, act in _CONTROL:
            found = re.fullmatch(pattern, text, re.I | re.S)
            if found:
                act(self, *found.groups())
                return
        try:
            translated = translate(text)
        except Exception as error:
            raise SqlError(102, f"Incorrect syntax: {error} in {text}") from error
        self._begin_if_needed(text)
        names, rows, count = self._execute(translated)
        if names is None:
            verb = text.split(maxsplit=1)[0].upper()
            counted = count if verb in ("INSERT", "UPDATE", "DELETE") else None
            self._out += wire.done(counted, token=token, status=wire.MORE, verb=verb)
            return
        shapes = [
            (name, kind or shape_for([row[n] for row in rows]))
            for n, (name, kind) in enumerate(
                zip(names, self._kinds(translated, names), strict=True)
            )
        ]
        self._out += wire.columns(shapes)
        self._out += b"".join(wire.row(shapes, row) for row in rows)
        self._out += wire.done(len(rows), token=token, status=wire.MORE)

    def _kinds(self, translated: Translated, names: Sequence[str]) -> list[Shape | None]:
        known = catalog.shapes(self.db, translated.tables)
        sources = translated.sources or names
        kinds = translated.kinds or [None] * len(names)
        return [kind or known.get((source or "").lower())
                for source, kind in zip(sources, kinds, strict=True)]  # fmt: skip

    def _execute(self, translated: Translated) -> tuple[list[str] | None, list[Any], int]:
        bound = {n: _stored(v) for n, v in self._variables.items()}
        try:
            cursor = self.db.execute(translated.sql, bound)
            rows = cursor.fetchall() if cursor.description else []
        except sqlite3.Error as error:
            raise _error_of(error, translated.sql) from error
        if translated.is_insert:
            self.identity = cursor.lastrowid
        if cursor.description is None:
            return None, [], max(cursor.rowcount, 0)
        return [d[0] for d in cursor.description], rows, len(rows)

    # Transactions ------------------------------------------------------------------------------

    def _begin_if_needed(self, text: str) -> None:
        """A write of READ COMMITTED waits for other writers; a snapshot begins with a read."""
        writes = _WRITES.match(text) is not None
        if self.settings["IMPLICIT_TRANSACTIONS"] == "ON" and self.transactions == 0:
            self._start()
        if self._level == "SNAPSHOT" != self._began_in and self.transactions:
            raise SqlError(3951, "The transaction did not start in snapshot isolation.")
        if self.transactions and not self._is_open:
            if writes:
                self._open("IMMEDIATE")
            elif self._level == "SNAPSHOT":
                self._open("DEFERRED")

    def _open(self, how: str) -> None:
        try:
            self.db.execute(f"BEGIN {how}")
        except sqlite3.OperationalError as error:
            raise _error_of(error, "BEGIN") from error
        self._is_open = True

    def _start(self) -> None:
        self.transactions += 1
        if self.transactions == 1:
            self._descriptor += 1
            self._began_in = self._level
            self._out += wire.transaction_change(wire.BEGAN, self._descriptor)

    def begin(self) -> None:
        if self.settings["IMPLICIT_TRANSACTIONS"] == "ON" and self.transactions == 0:
            self._start()
        self._start()

    def commit(self) -> None:
        if self.transactions > 1:
            self.transactions -= 1
        else:
            self._finish(wire.COMMITTED)

    def _finish(self, how: int) -> None:
        if not self.transactions:
            return
        self.transactions = 0
        if self._is_open:
            self._is_open = False
            if self.db.in_transaction:
                self.db.execute("COMMIT" if how == wire.COMMITTED else "ROLLBACK")
        self.server.locks.release(self.number, TRANSACTION)
        self._out += wire.transaction_change(how, self._descriptor)

    def roll_back(self, name: str | None) -> None:
        if name is None:
            self._finish(wire.ROLLED_BACK)
        elif not self._is_open:
            raise SqlError(3903, f"Cannot roll back {name}: there is no transaction.")
        else:
            self.db.execute(f'ROLLBACK TO "{name}"')

    def save(self, name: str) -> None:
        if not self.transactions:
            raise SqlError(628, "Cannot issue SAVE TRANSACTION when there is no transaction.")
        if not self._is_open:
            self._open("IMMEDIATE")
        self.db.execute(f'SAVEPOINT "{name}"')

    # Control -----------------------------------------------------------------------------------

    def set(self, name: str, value: str) -> None:
        self.settings[name.upper()] = value.upper()
        if name.upper() == "LOCK_TIMEOUT":
            self.db.execute(f"PRAGMA busy_timeout = {int(value)}")

    def set_level(self, level: str) -> None:
        self._level = level.upper()

    def when_transactions(self, sign: str, number: str, then: str) -> None:
        left, right = self.transactions, int(number)
        if {">": left > right, "=": left == right}[sign]:
            self._statement(then, wire.DONE)

    def declare(self, name: str) -> None:
        self._variables[name] = None

    def get_lock(self, target: str, arguments: str) -> None:
        given = {}
        for name, value in re.findall(r"@(\w+)\s*=\s*(@\w+|'[^']*'|-?\d+)", arguments):
            given[name] = self._variables[value[1:]] if value[0] == "@" else value.strip("'")
        owner = given["LockOwner"].lower()
        if owner == TRANSACTION and not self.transactions:
            self._variables[target] = -999
            return
        self._variables[target] = self.server.locks.get(
            given["Resource"], given["LockMode"].lower(), self.number, owner,
            int(given["LockTimeout"]) / 1000,
        )  # fmt: skip


_CONTROL: tuple[tuple[str, Callable[..., None]], ...] = (
    (r"SET TRANSACTION ISOLATION LEVEL (\w+(?: \w+)?)", Session.set_level),
    (r"SET (\w+) (\w+)", Session.set),
    (r"BEGIN TRAN(?:SACTION)?", Session.begin),
    (r"COMMIT(?: TRAN(?:SACTION)?)?", Session.commit),
    (r"ROLLBACK(?: TRAN(?:SACTION)?)?(?: (\w+))?", Session.roll_back),
    (r"SAVE TRAN(?:SACTION)? (\w+)", Session.save),
    (r"IF @@TRANCOUNT (>|=) (\d+) (.+)", Session.when_transactions),
    (r"DECLARE @(\w+) INT", Session.declare),
    (r"EXEC @(\w+) = sp_getapplock (.+)", Session.get_lock),
)


def _stored(value: Any) -> Any:
    return str(value) if not isinstance(value, int | float | str | bytes | None) else value


def _error_of(error: sqlite3.Error, statement: str) -> SqlError:
    said = str(error)
    for words, number, message in _ERRORS:
        if words in said:
            return SqlError(number, f"{message} ({said})")
    return SqlError(50000, f"{said} in {statement}")


_ERRORS = (
    ("UNIQUE constraint", 2627, "Violation of UNIQUE KEY constraint. Cannot insert duplicate key."),
    ("NOT NULL constraint", 515, "Cannot insert the value NULL."),
    ("CHECK constraint", 547, "The statement conflicted with a CHECK constraint."),
    ("FOREIGN KEY constraint", 547, "The statement conflicted with a FOREIGN KEY constraint."),
    ("database is locked", 1222, "Lock request time out period exceeded."),
    ("disk is full", 1105, "Could not allocate space for object."),
    ("no such table", 208, "Invalid object name."),
    ("no such column", 207, "Invalid column name."),
)
