"""A SQL Server of the user's own for the tests: one database for each, made and dropped."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, make_url

_numbers = itertools.count(1)


class SqlServerGiven:
    """Makes databases, by a URL of a login that may (`dbcreator`)."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._prefix = f"order_sync_{os.getpid()}"

    def execute(self, *statements: str) -> None:
        url = self.url.set(drivername="mssql+mssqlpython", database="master")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as conn:
                for statement in statements:
                    conn.exec_driver_sql(statement)
        finally:
            engine.dispose()

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database that is dropped at the end, whoever uses it still."""
        name = f"{self._prefix}_{next(_numbers)}"
        self.execute(
            f"CREATE DATABASE [{name}]", f"ALTER DATABASE [{name}] SET ALLOW_SNAPSHOT_ISOLATION ON"
        )
        try:
            yield self.url.set(database=name).render_as_string(False)
        finally:
            self.execute(
                f"ALTER DATABASE [{name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE",
                f"DROP DATABASE [{name}]",
            )


def is_sql_server(url: str) -> bool:
    return url.startswith("mssql")
