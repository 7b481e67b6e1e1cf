"""Rows as JSON, in both directions: what SQL Server is given in bulk, and what it makes a row's
text of.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, Column, Integer, Numeric
from sqlalchemy.dialects import mssql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine

BYTEWISE = "Latin1_General_100_BIN2"  # collation
POSITION = "order-sync"  # of a row among those that travel together
_JSON = "FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER"
_NUL = "\\u0000"  # as JSON writes it

_Given = tuple[Column[Any], Sequence[Any]]  # with its cells, one for each row


def bracketed(identifier: str) -> str:
    """`identifier` as a quoted name, whatever characters it holds."""
    return "[" + identifier.replace("]", "]]") + "]"


class RowJson(FunctionElement[str]):
    """A row's cells as one JSON object: it has a form for every type, and NULL is not ''."""

    type = mssql.NVARCHAR()
    name = "os_row_json"
    inherit_cache = True


@compiles(RowJson)
def _row_json(element: RowJson, compiler: SQLCompiler, **kw: Any) -> str:
    cells = ", ".join(
        f"{compiler.process(cell, **kw)} AS c{number}"
        for number, cell in enumerate(element.clauses)
    )
    return f"(SELECT {cells} {_JSON})"


class HexDigest(FunctionElement[str]):
    """The SHA-256 of a text's UTF-16 bytes, in lower case, sorted byte by byte."""

    type = mssql.VARCHAR(64)
    name = "os_hex_digest"
    inherit_cache = True


@compiles(HexDigest)
def _hex_digest(element: HexDigest, compiler: SQLCompiler, **kw: Any) -> str:
    (text,) = (compiler.process(clause, **kw) for clause in element.clauses)
    digest = f"HASHBYTES('SHA2_256', {text})"
    return f"LOWER(CONVERT(VARCHAR(64), {digest}, 2)) COLLATE {BYTEWISE}"


def json_shape(columns: Sequence[Column[Any]], dialect: sqlalchemy.Dialect) -> str:
    """What stands behind OPENJSON: names and types of the cells of `json_of`."""
    cells = [f"{bracketed(POSITION)} INT '$[0]'"]
    for place, column in enumerate(columns, start=1):
        cells.append(f"{bracketed(column.name)} {_declared(column.type, dialect)} '$[{place}]'")
    return ", ".join(cells)


def _declared(kind: TypeEngine[Any], dialect: sqlalchemy.Dialect) -> str:
    """Text comes in whole, so that what is too long for its column is refused, not cut."""
    declared = "" if isinstance(kind, NullType) else kind.compile(dialect)
    return declared if declared and "CHAR" not in declared else "NVARCHAR(MAX)"


def json_of(columns: Sequence[_Given], dialect: sqlalchemy.Dialect) -> str:
    """The rows as a JSON list of lists, each with its position first."""
    made: list[Iterable[Any]] = []
    for column, given in columns:
        make = _processor(column, dialect)
        made.append(map(make, given) if make else given)
    cells = [[position, *row] for position, row in enumerate(zip(*made, strict=True))]
    found = json.dumps(cells, ensure_ascii=False, default=_text_of, separators=(",", ":"))
    if _NUL in found:
        found = json.dumps(
            [[_without_nul(cell) for cell in row] for row in cells],
            ensure_ascii=False, default=_text_of, separators=(",", ":"),
        )  # fmt: skip
    return found


def json_of_texts(values: Iterable[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


def _processor(column: Column[Any], dialect: sqlalchemy.Dialect) -> Callable[[Any], Any] | None:
    return column.type.dialect_impl(dialect).bind_processor(dialect)


def _without_nul(cell: Any) -> Any:
    return cell.replace("\x00", "") if isinstance(cell, str) else cell


def _text_of(cell: object) -> str:
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, bytes):
        return b64encode(cell).decode()
    return str(cell)


# What a number may be, beyond which SQL Server ends the whole transaction.
_LARGEST = {Integer: Decimal(2**31 - 1), BigInteger: Decimal(2**63 - 1)}


def misfit(columns: Sequence[_Given]) -> str | None:
    """The first column that cannot hold the number of a row; None: all fit."""
    for column, cells in columns:
        largest = _largest(column.type)
        if largest is None:
            continue
        for cell in cells:
            if isinstance(cell, int | Decimal) and abs(Decimal(cell)) > largest:
                return column.name
    return None


def _largest(kind: TypeEngine[Any]) -> Decimal | None:
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if isinstance(kind, Numeric) and kind.precision is not None:
        return Decimal(10) ** (kind.precision - (kind.scale or 0)) - Decimal(10) ** -(
            kind.scale or 0
        )
    return next((most for sort, most in _LARGEST.items() if type(kind) is sort), None)


def own_error(kind: str, driver_says: str, text: str, statement: str, dialect: Any) -> DBAPIError:
    """An error as the driver would have raised it, for what we notice before the server does."""
    import mssql_python  # noqa: PLC0415

    raised = getattr(mssql_python, kind)(driver_says, text)
    error: DBAPIError = DBAPIError.instance(
        statement, None, raised, mssql_python.Error, hide_parameters=True, dialect=dialect
    )
    return error
