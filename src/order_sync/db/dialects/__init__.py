"""What differs between databases: one class for each, found by the name of its SQL dialect."""

from __future__ import annotations

from sqlalchemy.engine import URL, Connection

from order_sync.db.dialects.base import Dialect, safe_url
from order_sync.db.dialects.mssql import SqlServer
from order_sync.db.dialects.postgres import Postgres
from order_sync.db.dialects.sqlite import Sqlite
from order_sync.errors import ConfigError

__all__ = ["Dialect", "dialect_of", "dialect_of_url", "safe_url"]

_DIALECTS: dict[str, Dialect] = {"sqlite": Sqlite(), "postgresql": Postgres(), "mssql": SqlServer()}
_OTHER_NAMES = {"postgres": "postgresql"}


def dialect_of_url(url: URL) -> Dialect:
    """The dialect a URL names.

    Raises:
        ConfigError: no dialect of ours.
    """
    name = url.get_backend_name()
    try:
        return _DIALECTS[_OTHER_NAMES.get(name, name)]
    except KeyError:
        raise ConfigError(
            f"this version cannot use {name}",
            hint="set database.url to a sqlite:///, postgresql:// or mssql:// URL",
        ) from None


def dialect_of(conn: Connection) -> Dialect:
    """The dialect a connection speaks."""
    return _DIALECTS[conn.dialect.name]
