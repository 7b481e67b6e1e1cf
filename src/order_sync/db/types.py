"""Column types that mean the same on every database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Dialect, Numeric, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from order_sync.rules.values import MAX_KEY, number_text

ID_LENGTH = 64  # ids of monday.com are opaque strings


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: aware UTC in Python, naive UTC in the database."""

    impl = DateTime
    cache_ok = True

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

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(number_text(Decimal(str(value))))


class _SqliteNumber(TypeEngine[Any]):
    """A plain column that is declared DECIMAL(18,4) and takes values as they are."""

    __visit_name__ = "DECIMAL"
    precision, scale = 18, 4


def key_text() -> String:
    """Text that is found by equality and by its beginning; sorted by code points everywhere."""
    return String(MAX_KEY).with_variant(Text(collation="C"), "postgresql")


def id_text() -> String:
    return String(ID_LENGTH).with_variant(Text(collation="C"), "postgresql")


def short_text(length: int) -> String:
    """Text of about `length` characters at most; where that costs nothing, of any length."""
    return String(length).with_variant(Text(), "postgresql")


def long_text() -> Text:
    return Text()
