"""A profile as wide as one likes, its board, orders for it, and what a board full of them is.

The shipped profile is made wider by columns of every kind. Order lines are made from a pool of
bodies and a head that differs, so that a million of them take little time and no memory. Each has
five sizes, and about as many cells are filled, with as much, as in the shipped sample.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from order_sync.db import engine
from order_sync.db.engine import Database, quoted
from order_sync.db.schema import build_tables
from order_sync.db.upgrade import ensure_tables
from order_sync.profile import DEFAULT_PROFILE, ProfileFile
from order_sync.rules.mapping import Kind, Mapping
from order_sync.rules.order import OrderLine
from order_sync.rules.reading import OrderReader, needed_columns
from order_sync.sandbox.board_files import read_description

LINE_NUMBER = "LINE NUMBER"  # a column of the source that the profile does not know
PRICE = "CUSTOMER PRICE"  # is always filled
SIZES = {"XS": 22, "S": 104, "M": 177, "L": 125, "XL": 72}
CUSTOMERS = tuple(f"CUSTOMER {number:02}" for number in range(1, 21))
BODIES = 1_000
CHUNK = 2_000  # order lines in memory at a time

_HEAD = (LINE_NUMBER, "AAG ORDER NUMBER", "CUSTOMER STYLE", "CUSTOMER NAME")
_FIXED = {
    "CUSTOMER COLOUR DESCRIPTION": "DEAN BLUE/WHITE",
    "AAG SEASON": "2025 FALL",
    "CUSTOMER SEASON": "FW25",
    "DROP": "DROP 1",
    "CATEGORY": "MENS",
    "ORDER TYPE": "ACTIVE",
    "UNIT OF MEASURE": "PCE",
    "DELIVERY TERMS": "DDP",
    "TOTAL QTY": sum(SIZES.values()),
    "US TARIFF RATE": "TRUE",
    **SIZES,
}
_BOARD_TYPES = {Kind.TEXT: "text", Kind.NUMBER: "numbers", Kind.DATE: "date"}
_SQL_TYPES = {Kind.TEXT: "TEXT", Kind.NUMBER: "NUMERIC(18,4)", Kind.DATE: "DATE"}


@cache
def wide_mapping(columns: int) -> Mapping:
    """The shipped profile with more mapped columns: five of eight text, two numbers, one a date."""
    shipped = resources.files("order_sync.profiles").joinpath(f"{DEFAULT_PROFILE}.toml")
    content = tomllib.loads(shipped.read_text("utf-8"))
    kinds = ["text", "number", "text", "text", "date", "text", "number", "text"]
    for number in range(len(content["columns"]), columns):
        kind = kinds[number % len(kinds)]
        content["columns"].append({"source": f"{kind.upper()} {number:03}", "kind": kind})
    return ProfileFile.model_validate(content).mapping()


def write_board(path: Path, mapping: Mapping) -> None:
    """A description for the sandbox of a board that has every column of `mapping`."""
    board = read_description(DEFAULT_PROFILE)
    there = {column["title"] for column in board["columns"]}
    board["columns"] += [
        {"title": column.title, "type": _BOARD_TYPES[column.kind]}
        for column in mapping.columns
        if column.title not in there
    ]
    (customer,) = (column for column in board["columns"] if column["title"] == "CUSTOMER")
    customer["labels"] = [*customer["labels"], *CUSTOMERS]
    path.write_text(json.dumps(board), "utf-8")


class Source:
    """Order lines of a profile, as rows of a table."""

    def __init__(self, mapping: Mapping, table: str = "ORDERS_UNIFIED") -> None:
        self.table = table
        self._kinds = {column.source: column.kind for column in mapping.columns}
        self._sizes = frozenset(mapping.sizes.names)
        rest = [name for name in needed_columns(mapping) if name not in _HEAD]
        self.columns = (*_HEAD, *rest)
        self._bodies = [tuple(self._cell(name, seed) for name in rest) for seed in range(BODIES)]

    def _cell(self, name: str, seed: int) -> object:
        if name in _FIXED:
            return _FIXED[name]
        if name in self._sizes:
            return None
        kind = self._kinds.get(name, Kind.TEXT)
        luck = (seed * 7_919 + sum(name.encode()) * 31) % 1_009
        if luck % 8 < 3 and name != PRICE:
            return None
        if kind is Kind.NUMBER:
            return f"{luck % 97 + luck / 1_000:.2f}"
        if kind is Kind.DATE:
            return (date(2025, 1, 1) + timedelta(days=luck % 300)).isoformat()
        return f"{name.split(maxsplit=1)[0].title()} {luck}"

    def rows(self, lines: int) -> Iterator[tuple[object, ...]]:
        """Cells of `columns`; every four order lines share an order number."""
        bodies = self._bodies
        for n in range(lines):
            head = (n, f"ORD-{n // 4:07}", f"M{n:07}", CUSTOMERS[n * 20 // lines % 20])
            yield head + bodies[n % BODIES]

    def write(self, url: str, lines: int) -> None:
        """Make the table, in an empty database."""
        declared = ", ".join(f"{quoted(name)} {self._type(name)}" for name in self.columns)
        database = Database(url)
        try:
            with database.writing() as conn:
                engine.run_sql(conn, f"CREATE TABLE {quoted(self.table)} ({declared})")
                load = self._insert if database.engine.dialect.name == "sqlite" else self._copy
                load(conn, lines)
        finally:
            database.close()

    def _type(self, name: str) -> str:
        if name == LINE_NUMBER or name in self._sizes:
            return "INTEGER"
        # A tariff of TRUE is a word that the profile replaces.
        kind = self._kinds.get(name, Kind.TEXT)
        return "TEXT" if name in ("US TARIFF RATE", "TOTAL QTY") else _SQL_TYPES[kind]

    def _insert(self, conn: Connection, lines: int) -> None:
        marks = ", ".join("?" * len(self.columns))
        rows = self.rows(lines)
        while chunk := list(islice(rows, CHUNK)):
            conn.exec_driver_sql(f"INSERT INTO {quoted(self.table)} VALUES ({marks})", chunk)

    def _copy(self, conn: Connection, lines: int) -> None:
        bodies = [
            "\t".join("\\N" if cell is None else str(cell) for cell in body)
            for body in self._bodies
        ]
        driver: Any = conn.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {quoted(self.table)} FROM STDIN") as out:
            for start in range(0, lines, CHUNK):
                out.write(
                    "".join(
                        f"{n}\tORD-{n // 4:07}\tM{n:07}\t{CUSTOMERS[n * 20 // lines % 20]}\t"
                        f"{bodies[n % BODIES]}\n"
                        for n in range(start, min(start + CHUNK, lines))
                    )
                )


@dataclass(frozen=True)
class KnownBoard:
    """A board that holds every order line of a source, as MON_* tells it."""

    mapping: Mapping
    board_id: str
    at: datetime = datetime(2025, 1, 1, tzinfo=UTC)

    def write(self, urls: Sequence[str], source: Source, lines: int) -> None:
        """Fill MON_* of each database from what the rules make of the source.

        The source hashes are left out: the next run finds every payload acknowledged, and learns
        them.
        """
        tables = build_tables(self.mapping)
        opened = [Database(url) for url in urls]
        try:
            for database in opened:
                database.run(lambda conn: ensure_tables(conn, tables))
            number = 0
            for orders in self._orders(source, lines):
                items = [self._item(order, number + i) for i, order in enumerate(orders)]
                subitems = list(self._subitems(orders, number))
                number += len(orders)
                for database in opened:
                    with database.writing() as conn:
                        engine.bulk_insert(conn, tables.production, items)
                        engine.bulk_insert(conn, tables.production_subitems, subitems)
        finally:
            for database in opened:
                database.close()

    def _orders(self, source: Source, lines: int) -> Iterator[list[OrderLine]]:
        reader, rows = OrderReader(self.mapping), source.rows(lines)
        while chunk := list(islice(rows, CHUNK)):
            orders = [reader.read(dict(zip(source.columns, row, strict=True))) for row in chunk]
            good = [order for order in orders if isinstance(order, OrderLine)]
            assert len(good) == len(chunk)
            yield good

    def _stamp(self) -> dict[str, object]:
        return {"created_date": self.at, "UpdateDate": self.at, "last_run_id": "benchmark"}

    def _item(self, order: OrderLine, number: int) -> dict[str, object]:
        return {
            "board_id": self.board_id,
            "order_key": order.order_key,
            "Item ID": str(10**9 + number),
            "Title": order.name,
            "Group": order.group_title,
            "group_id": "group",
            "customer_name": order.customer,
            "payload_hash": order.payload_hash,
            **{c.field: order.values.get(c.title) for c in self.mapping.columns},
            **self._stamp(),
        }

    def _subitems(self, orders: Iterable[OrderLine], number: int) -> Iterator[dict[str, object]]:
        for at, order in enumerate(orders, number):
            for place, size in enumerate(order.sizes):
                yield {
                    "board_id": self.board_id,
                    "order_key": order.order_key,
                    "size_key": size.size_key,
                    "subitem_id": str(2 * 10**9 + at * 10 + place),
                    "parent_item_id": str(10**9 + at),
                    "subitem_board_id": "subitems",
                    "Title": size.name,
                    "Size": size.label,
                    "Order Qty": size.quantity,
                    "payload_hash": size.payload_hash,
                    **self._stamp(),
                }


def change(url: str, source: Source, every: int) -> None:
    """Give one order line of `every` a new price and one new quantity."""
    database = Database(url)
    price = f"{quoted(PRICE)} = {quoted(PRICE)} + 1"
    pieces = f"{quoted('M')} = {quoted('M')} + 1"
    try:
        with database.writing() as conn:
            engine.run_sql(
                conn,
                f"UPDATE {quoted(source.table)} SET {price}, {pieces}"
                f" WHERE {quoted(LINE_NUMBER)} % {every} = 0",
            )
    finally:
        database.close()
