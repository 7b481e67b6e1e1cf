"""Column types that mean the same on every database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Dialect, Numeric, String, Text
from sqlalchemy.dialects import mssql
from sqlalchemy.types import TypeDecorator, TypeEngine

from order_sync.rules.values import MAX_KEY, number_text

ID_LENGTH = 64  # ids of monday.com are opaque strings


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: aware UTC in Python, naive UTC in the database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mssql":  # its DATETIME counts in steps of 3 milliseconds
            return dialect.type_descriptor(mssql.DATETIME2(precision=6))  # type: ignore[no-untyped-call]
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC)


class Price(TypeDecorator[Decimal]):
    """DECIMAL(18,4), Decimal in Python.

    SQLite has no decimals: the text is bound and its NUMERIC affinity stores a number, so that
    queries compare numbers; values are limited to 15 significant digits before they get here,
    which a double holds exactly enough to come back the same.
    """

    impl = Numeric(18, 4)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(_SqliteNumber())
        return dialect.type_descriptor(Numeric(18, 4))

    def bind_processor(self, dialect: Dialect) -> Callable[[Decimal | None], Any] | None:
        return _as_number if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(number_text(Decimal(str(value))))


def _as_number(price: Decimal | None) -> str | None:
    return None if price is None else format(price, "f")


class _SqliteNumber(TypeEngine[Any]):
    """A plain column that is declared DECIMAL(18,4) and takes values as they are."""

    __visit_name__ = "DECIMAL"
    precision, scale = 18, 4


# SQL Server: Unicode text, compared by code units, so that case and accents count as elsewhere.
_EXACTLY = "Latin1_General_100_BIN2"
MOST_SIZE_KEY = 150  # in SQL Server: with an order key it has to fit into 1,700 bytes of an index


def _text(length: int | None, postgresql: Text) -> String:
    """Text of `length` characters, or of any."""
    plain = Text() if length is None else String(length)
    exact = mssql.NVARCHAR(length, collation=_EXACTLY)
    return plain.with_variant(postgresql, "postgresql").with_variant(exact, "mssql")


def key_text() -> String:
    """Text that is found by equality and by its beginning; sorted by code points everywhere.

    SQL Server sorts by UTF-16 code units; and it takes blanks at the end for nothing, but no key
    ends in one.
    """
    return _text(MAX_KEY, Text(collation="C"))


def size_key_text() -> String:
    """A size's key; sizes are shorter than orders, and both stand in one index."""
    return (
        String(MAX_KEY)
        .with_variant(Text(collation="C"), "postgresql")
        .with_variant(mssql.NVARCHAR(MOST_SIZE_KEY, collation=_EXACTLY), "mssql")
    )


def id_text() -> String:
    return _text(ID_LENGTH, Text(collation="C"))


def short_text(length: int) -> String:
    """Text of about `length` characters at most; where that costs nothing, of any length."""
    return _text(length, Text())


def long_text() -> String:
    return _text(None, Text())
