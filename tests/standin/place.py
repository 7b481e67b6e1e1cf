"""One place to rehearse in: a board on the stand-in, a database, and the real command."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.documents import check_document, wants_json
from tests.standin.commands import Command
from tests.standin.databases import Databases
from tests.standin.layouts import order_board, size_board
from tests.standin.server import StandIn, running
from tests.standin.state import Item, Options, World

TOKEN = "tok-CANARY-5f1e0c77d2"
SIZES = ["XS", "S", "M", "L", "XL", "XXL", "32DD", "2/3", "S(6-8)", "ONE SIZE"]
COLOUR_CODE = "CUSTOMER''S COLOUR CODE (CUSTOM FIELD) CUSTOMER PROVIDES THIS"
BEFORE_SIZES = f"""AAG ORDER NUMBER|CUSTOMER NAME|ORDER DATE PO RECEIVED|CUSTOMER ALT PO|AAG SEASON
CUSTOMER SEASON|DROP|MONTH|RANGE / COLLECTION|CATEGORY|PATTERN ID|PLANNER|ALIAS/RELATED ITEM
CUSTOMER STYLE|{COLOUR_CODE}|PO NUMBER|STYLE DESCRIPTION|CUSTOMER COLOUR DESCRIPTION
UNIT OF MEASURE|INFOR COLOUR CODE"""
AFTER_SIZES = """TOTAL QTY|ORDER TYPE|DESTINATION|DESTINATION WAREHOUSE|SHOP NAME
ETA CUSTOMER WAREHOUSE DATE|EX FACTORY DATE|DELIVERY TERMS|PLANNED DELIVERY METHOD|NOTES
CUSTOMER PRICE|USA ONLY LSTP 75% EX WORKS|EX WORKS (USD)|ADMINISTRATION FEE|DESIGN FEE|FX CHARGE
HANDLING|SURCHARGE FEE|DISCOUNT|FINAL FOB (USD)|HS CODE|US DUTY RATE|US DUTY|FREIGHT
US TARIFF RATE|US TARIFF|DDP US (USD)|SMS PRICE USD|FINAL PRICES Y/N|NOTES FOR PRICE|record_uuid"""


def source_columns() -> list[str]:
    before, after = (t.replace("\n", "|").split("|") for t in (BEFORE_SIZES, AFTER_SIZES))
    return [*before, *SIZES, *after]


def column_type(name: str) -> str:
    if name in SIZES or name == "TOTAL QTY":
        return "INTEGER"
    return "DATE" if "DATE" in name else "TEXT"


def order(number: str, style: str, colour: str = "WHITE", **changes: Any) -> dict[str, Any]:
    """A good order line; `changes` name source columns, sizes too."""
    row: dict[str, Any] = {
        "AAG ORDER NUMBER": number,
        "CUSTOMER NAME": "GREYSON CLOTHIERS",
        "CUSTOMER STYLE": style,
        "CUSTOMER COLOUR DESCRIPTION": colour,
        "AAG SEASON": "2025 FALL",
        "PO NUMBER": "4755",
        "UNIT OF MEASURE": "PCE",
        "ORDER TYPE": "ACTIVE",
        "INFOR COLOUR CODE": "1024",
    }
    row |= changes
    if "TOTAL QTY" not in row:
        row["TOTAL QTY"] = sum(int(row.get(s) or 0) for s in SIZES)
    return row


@dataclass
class Done:
    """What a finished command left."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Running:
    process: Command

    def kill(self) -> None:
        """As the machine would: no farewell, nothing is written any more."""
        self.process.kill()

    def done(self, timeout: float = 60) -> Done:
        out, err = self.process.communicate(timeout=timeout)
        return checked(Done(self.process.returncode, out, err))


def checked(done: Done) -> Done:
    assert TOKEN not in done.said, "the token was printed"
    assert "Traceback (most recent call last)" not in done.said, done.said
    assert done.code != 1, done.said
    return done


@dataclass
class Place:
    folder: Path
    world: World
    server: StandIn
    url: str
    generation: str
    databases: Databases
    settings: dict[str, str] = field(default_factory=dict)
    database: str = "orders.db"
    started: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.board = order_board(self.world, generation=self.generation)
        self.sizes = size_board(self.world, self.board)

    # the source

    def has_orders(self, *rows: dict[str, Any]) -> None:
        types = {name: column_type(name) for name in source_columns()}
        self.databases.insert(self.database, types, rows)

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return self.databases.query(self.database, sql, values)

    def tables(self) -> list[str]:
        return self.databases.tables(self.database)

    def is_written(self) -> bool:
        return self.databases.is_written(self.database)

    def source(self) -> list[dict[str, Any]]:
        """Every row; those of one order number by their style."""
        return self.query(
            'SELECT * FROM ORDERS_UNIFIED ORDER BY "AAG ORDER NUMBER", "CUSTOMER STYLE"'
        )

    def refused(self, table: str = "ERR_MON_CustMasterSchedule") -> list[dict[str, Any]]:
        return self.query(f"SELECT * FROM {table} WHERE resolved_date IS NULL")

    # the command

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            # The code beside these tests, where that is not the installed one.
            **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
            "MONDAY_API_TOKEN": TOKEN,
            "ORDER_SYNC_DATABASE__URL": self.databases.url(self.database),
            "ORDER_SYNC_MONDAY__API_URL": self.url,
            "ORDER_SYNC_MONDAY__BOARD_ID": self.board.id,
            "ORDER_SYNC_MONDAY__SEND_WINDOW_S": "0.5",
            "ORDER_SYNC_MONDAY__SERVER_LIMIT_S": "2",
            "ORDER_SYNC_MONDAY__READ_LAG_S": "0",
            **self.settings,
            **more,
        }

    def start(self, *arguments: str, **more: str) -> Running:
        process = Command(arguments, self.folder, self.environment(**more))
        self.started.append(Running(process))
        return self.started[-1]

    def run(self, *arguments: str, **more: str) -> Done:
        done = self.start(*arguments, **more).done()
        if done.out and wants_json(arguments):
            check_document(done.out, done.code)
        return done

    def sync(self, *arguments: str, code: int | Sequence[int] = 0, **more: str) -> Done:
        done = self.run("sync", "--yes", *arguments, **more)
        wanted = [code] if isinstance(code, int) else list(code)
        assert done.code in wanted, f"exit {done.code}, wanted {wanted}\n{done.said}"
        return done

    def sync_until_done(self, times: int = 3) -> list[int]:
        """As a scheduler would: again while rows are in doubt."""
        codes = []
        for _ in range(times):
            codes.append(self.sync(code=(0, 3)).code)
            if codes[-1] == 0:
                break
        return codes

    # the board

    def items(self) -> list[Item]:
        return self.world.visible(self.board)

    def item(self, name: str) -> Item:
        found = [i for i in self.items() if i.name == name]
        assert len(found) == 1, f"{name!r} stands {len(found)} times"
        return found[0]

    def cells(self, name: str) -> dict[str, Any]:
        return self.world.cells(self.item(name))

    def lines(self, item: Item) -> dict[str, Any]:
        """Subitems of an item: name -> (size label, quantity); a double is an error."""
        out: dict[str, Any] = {}
        for line in self.world.visible(self.sizes):
            if line.parent_id == item.id:
                assert line.name not in out, f"{line.name} stands twice below {item.name}"
                cells = self.world.cells(line)
                out[line.name] = (*cells.get("Size", ["?"]), int(cells.get("Order Qty", -1)))
        return out

    def picture(self) -> list[tuple[str, str, dict[str, int]]]:
        """The whole board: item name, group title, quantity by size."""
        picture = []
        for item in self.items():
            lines = {}
            for name, (label, quantity) in self.lines(item).items():
                assert name == f"Size {label}"
                lines[label] = quantity
            picture.append((item.name, self.board.groups[item.group_id].title, lines))
        return sorted(picture, key=lambda entry: entry[0])

    def living_groups(self) -> list[str]:
        return sorted(g.title for g in self.board.groups.values() if not g.archived)

    # what must hold after every test

    def check_promises(self) -> None:
        assert self.world.complaints == []
        written = self.world.written_titles(self.board) + self.world.written_titles(self.sizes)
        own = {c.title.strip() for b in (self.board, self.sizes) for c in team_columns(b)}
        assert not own & set(written), "a column of the team was written"
        for path in self.folder.rglob("*"):
            if path.is_file():
                assert TOKEN.encode() not in path.read_bytes(), f"the token is in {path.name}"


def team_columns(board: Any) -> Iterator[Any]:
    return (c for c in board.columns.values() if c.owner == "team")


@contextmanager
def a_place(
    folder: Path, databases: Databases, generation: str = "first", **options: Any
) -> Iterator[Place]:
    world = World(Options(**options))
    with running(world, TOKEN) as (server, url):
        place = Place(folder, world, server, url, generation, databases)
        try:
            yield place
            server.settle()
            place.check_promises()
        finally:
            for running_command in place.started:
                running_command.process.close()


def wait_until(true: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.001)
    return False
