"""A source table, a state database and a board, and runs between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from order_sync.config import Settings, load_settings
from order_sync.errors import ExitCode
from order_sync.outcome import Plan, RunReport
from order_sync.planning import make_plan
from order_sync.profile import load_profile
from order_sync.profiles import __path__ as profile_folders
from order_sync.progress import Silent
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.reading import needed_columns
from order_sync.sandbox import Sandbox, SandboxServer
from order_sync.sync import run_sync

from .comparing import differences
from .dying import KILLED, run_and_die
from .stores import PostgresStore, SqliteStore, SqlServerStore, Store
from .writes import Write, writes_of

MAPPING = load_profile("customer-master-schedule")
TOKEN = "a-token-that-must-never-be-seen"
# Short enough for tests, long enough for a loaded machine.
WINDOWS = {"SEND_WINDOW_S": "0.4", "SERVER_LIMIT_S": "0.6", "READ_LAG_S": "0"}


def order(
    number: str, style: str = "M01Y09", colour: str = "DEAN BLUE", **more: Any
) -> dict[str, Any]:
    """A good source row."""
    row = {
        "AAG ORDER NUMBER": number,
        "CUSTOMER NAME": "GREYSON CLOTHIERS",
        "CUSTOMER STYLE": style,
        "CUSTOMER COLOUR DESCRIPTION": colour,
        "AAG SEASON": "2025 FALL",
        "ORDER TYPE": "ACTIVE",
        "UNIT OF MEASURE": "PCE",
        "PO NUMBER": "4755",
        "CUSTOMER PRICE": "28.86",
        "M": 3,
        "L": 4,
        "TOTAL QTY": 7,
    }
    return row | {name.replace("_", " "): value for name, value in more.items()}


@dataclass
class World:
    """One board, one database, and everything a test wants to do with them."""

    folder: Path
    # A board of some hundred orders takes minutes to be printed, and a failing test prints all.
    sandbox: Sandbox = field(repr=False)
    server: SandboxServer = field(repr=False)
    board: Any = field(repr=False)
    extra: dict[str, str] = field(default_factory=dict)
    mapping: Mapping = MAPPING
    server_url: str = ""  # blank: SQLite

    @property
    def path(self) -> Path:
        """The database file; with a server there is none."""
        return self.folder / "orders.db"

    @property
    def store(self) -> Store:
        if self.server_url.startswith("mssql"):
            return SqlServerStore(self.server_url)
        return PostgresStore(self.server_url) if self.server_url else SqliteStore(self.path)

    @property
    def environ(self) -> dict[str, str]:
        monday = {f"ORDER_SYNC_MONDAY__{name}": value for name, value in WINDOWS.items()}
        return {
            "ORDER_SYNC_DATABASE__URL": self.store.url,
            "ORDER_SYNC_MONDAY__API_URL": self.server.api_url,
            "ORDER_SYNC_MONDAY__BOARD_ID": self.board.id,
            "MONDAY_API_TOKEN": TOKEN,
            **monday,
            **self.extra,
        }

    @property
    def settings(self) -> Settings:
        return load_settings(config=None, env=None, environ=self.environ, cwd=self.folder)

    # The source

    def has_orders(self, *rows: dict[str, Any]) -> None:
        """Replace the source by these rows."""
        self.store.replace_source(needed_columns(MAPPING), rows)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.store.query(sql)

    def execute(self, sql: str) -> None:
        self.store.execute(sql)

    # Runs

    def sync(self, filters: Filters | None = None, **options: Any) -> RunReport:
        return run_sync(self.settings, self.mapping, filters or Filters(), Silent(), **options)

    def plan(self, filters: Filters | None = None, **options: Any) -> Plan:
        return make_plan(self.settings, self.mapping, filters or Filters(), Silent(), **options)

    def treats_vanished_orders(self, policy: str) -> None:
        """Go on with the profile that reports, cancels or archives what has left the source."""
        text = Path(profile_folders[0], "customer-master-schedule.toml").read_text("utf-8")
        path = self.folder / f"{policy}.toml"
        path.write_text(text.replace('policy = "report"', f'policy = "{policy}"'), "utf-8")
        self.extra["ORDER_SYNC_PROFILE"] = str(path)
        self.mapping = load_profile(str(path))

    def sync_that_dies(self, step: str, number: int, *arguments: str) -> int:
        """Run `sync` in a process that kills itself at a step; returns its exit code."""
        return self.command_that_dies(step, number, "sync", *arguments)

    def command_that_dies(self, step: str, number: int, *arguments: str) -> int:
        """Run a command in a process that kills itself at a step; returns its exit code."""
        code, said = run_and_die(self.environ, self.folder, step, number, arguments)
        assert code in (0, 3, KILLED), said
        assert "Traceback" not in said, said
        return code

    # The board

    def items(self) -> list[Any]:
        return [item for item in self.sandbox.items(self.board.id) if item.state == "active"]

    def names_on_board(self) -> list[str]:
        return sorted(item.name for item in self.items())

    def lines_on_board(self) -> list[tuple[str, str, str]]:
        return sorted(
            (item.name, line.values["Size"], line.values["Order Qty"])
            for item in self.items()
            for line in item.subitems
        )

    def groups_on_board(self) -> list[str]:
        return sorted({item.group_title for item in self.items()})

    def mutations(self) -> int:
        return sum(entry.kind == "mutation" for entry in self.sandbox.request_log)

    def writes(self, since: int = 0) -> list[Write]:
        """What the mutations after the first `since` requests asked of items and subitems."""
        return writes_of(self.sandbox.request_log[since:], self.title_of)

    def title_of(self, board_id: str, column_id: str) -> str:
        return self.sandbox.account.board(board_id).columns[column_id].title

    def errors(self) -> list[tuple[str, str]]:
        return self.query(
            "SELECT order_key, error_type FROM ERR_MON_CustMasterSchedule "
            "WHERE resolved_date IS NULL ORDER BY 1, 2"
        )

    def assert_board_equals_source(self, rows: Iterable[dict[str, Any]]) -> None:
        """Every order once, with its size lines, and the production tables agree."""
        rows = list(rows)
        expected = sorted(
            f"{r['CUSTOMER STYLE']} {r['CUSTOMER COLOUR DESCRIPTION']} {r['AAG ORDER NUMBER']}"
            for r in rows
        )
        there = self.names_on_board()
        assert there == expected, there
        lines_there = self.lines_on_board()
        assert len(lines_there) == 2 * len(rows), lines_there
        known = self.query('SELECT "Item ID", Title FROM MON_CustMasterSchedule ORDER BY 2')
        assert sorted(known, key=lambda k: k[1]) == sorted(
            ((item.id, item.name) for item in self.items()), key=lambda k: k[1]
        )
        lines = self.query("SELECT subitem_id FROM MON_CustMasterSchedule_Subitems")
        assert sorted(line[0] for line in lines) == sorted(
            line.id for item in self.items() for line in item.subitems
        )
        live = self.query(
            "SELECT stg_status, count(*) FROM STG_MON_CustMasterSchedule "
            "WHERE stg_status NOT IN ('PROMOTED', 'API_FAILED') GROUP BY 1"
        )
        assert live == []

    def assert_board_shows(self, rows: Iterable[dict[str, Any]]) -> None:
        """Every mapped column, name, group and size is what these rows say, and MON_* agrees."""
        found = differences(rows, self.items(), self.query)
        assert not found, "\n".join(found)

    def assert_nothing_left_to_do(self, **options: Any) -> None:
        """A further run is content and writes nothing."""
        began = len(self.sandbox.request_log)
        report = self.sync(**options)
        assert report.exit_code is ExitCode.DONE, (report.message, report.refused)
        assert self.writes(began) == []
        assert len(self.sandbox.request_log) - began <= 3
