"""Is everything ready for a run? One row for each thing a run rests on.

Nothing is written, but for what somebody asked for: the key columns that are to be added, and the
file that is to hold the board's structure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from order_sync.board_export import write_description
from order_sync.config import Settings
from order_sync.connection import connected, read_expected_board
from order_sync.db import source_load
from order_sync.db.engine import Database
from order_sync.db.schema import Tables, build_tables
from order_sync.db.source import inspect_source
from order_sync.db.upgrade import inspect_schema, require_current
from order_sync.errors import ExitCode, GuardStopped, SyncError
from order_sync.guards import is_strange_board, strange_board
from order_sync.key_columns import add_key_column, missing_key_columns
from order_sync.monday.board import BoardInfo
from order_sync.monday.columns import KEY_TITLE, BoardMap, match_columns
from order_sync.outcome import CheckRow, Verdict
from order_sync.rules.mapping import Mapping


def exit_code_of(rows: list[CheckRow]) -> ExitCode:
    """That of the first failing check; 0 when none fails."""
    failing = (row.exit_code for row in rows if row.verdict is Verdict.FAIL)
    return next(failing, ExitCode.DONE)


@dataclass(frozen=True)
class Export:
    """A file to write the board's structure to; replace: also when there is one."""

    path: Path
    replace: bool = False


@dataclass
class _Checks:
    """Looks at one thing after the other; what rests on a failed one is left out."""

    settings: Callable[[], Settings]
    profile: Callable[[], Mapping]
    may_add: Callable[[str], bool] | None = None  # asked before key columns are added
    export: Export | None = None
    rows: list[CheckRow] = field(default_factory=list)
    info: BoardInfo | None = None  # the board, once it was read

    def ok(self, name: str, what: str) -> None:
        self.rows.append(CheckRow(name, Verdict.OK, what))

    def warn(self, name: str, what: str, to_do: str = "") -> None:
        self.rows.append(CheckRow(name, Verdict.WARN, what, to_do))

    def passes(self, name: str, look: Callable[[], None]) -> bool:
        """Whether `look` raises nothing of ours; what it raises becomes a row."""
        try:
            look()
        except SyncError as error:
            problems = tuple(p for p in getattr(error, "problems", ()) if p != error.message)
            self.rows.append(
                CheckRow(name, Verdict.FAIL, error.message, error.hint, problems, error.exit_code)
            )
            return False
        return True

    # The things, in the order a run needs them ------------------------------------------------

    def run(self) -> list[CheckRow]:
        if not self.passes("config", self._config):
            return self.rows
        profile_fits = self.passes("profile", self._profile)
        database_fits = profile_fits and self.passes("database", self._database)
        if profile_fits:
            self.passes("source", self._source)
        has_token = self.passes("token", self._token)
        has_board = self.passes("board", self._board_is_set)
        if profile_fits and has_token and has_board:
            self.passes("board", lambda: self._board(look_at_state=database_fits))
        if self.export is not None and self.info is not None:
            export, info = self.export, self.info
            self.passes("export", lambda: self._export(export, info))
        return self.rows

    def _config(self) -> None:
        settings = self.settings()
        where = settings.config_file or "environment variables and defaults, no order-sync.toml"
        self.ok("config", f"{where} (environment {settings.environment})")
        for notice in settings.notices:
            self.warn("config", notice)

    def _profile(self) -> None:
        profile = self.profile()
        sizes = len(profile.sizes.names)
        self.ok("profile", f"{profile.name}: {len(profile.columns)} columns, {sizes} sizes")

    def _database(self) -> None:
        url = self.settings().database.safe_url
        with closing(self._state()) as database, database.begin() as conn:
            state = inspect_schema(conn, self._tables())
        require_current(state)
        if state.version is None:
            self.ok("database", f"{url}: no tables yet, the first run creates them")
        else:
            self.ok("database", f"{url}: tables are up to date")

    def _source(self) -> None:
        source = self.settings().source
        with closing(Database(source.url, read_only=True)) as database, database.begin() as conn:
            shape = inspect_source(conn, source.table, self.profile())
            rows = source_load.row_count(conn, source.table) or 0
        self.ok("source", f"{source.table} in {source.safe_url}: {rows:,} rows")
        for notice in shape.notices:
            self.warn("source", notice)
        if not rows:
            self.warn("source", f"{source.table} is empty", "load orders: order-sync load FILE")

    def _token(self) -> None:
        self.settings().require_token()
        self.ok("token", "is set; monday.com's word on it comes with the board")

    def _board_is_set(self) -> None:
        self.settings().require_board()

    def _board(self, *, look_at_state: bool) -> None:
        info, board = asyncio.run(self._read_board())
        self.ok(
            "board",
            f'"{board.name}" ({board.board_id}): fits the profile,'
            f" {len(board.columns)} columns are written",
        )
        for notice in board.notices:
            self.warn("board", notice)
        if not self.settings().is_production and self.settings().monday.board_name is None:
            self.warn(
                "board",
                "its name is not set, so a wrong id would not be noticed",
                f'set monday.board_name to "{board.name}"',
            )
        self.passes("keys", lambda: self._key_columns(board))
        if look_at_state:
            self._guard_strange_board(board, info)

    def _key_columns(self, board: BoardMap) -> None:
        missing = missing_key_columns(board)
        places = " and ".join(place for _, place in missing)
        question = f'Add the column {KEY_TITLE} to {places} of "{board.name}"?'
        if missing and self.may_add is not None and self.may_add(question):
            for board_id, place in missing:
                asyncio.run(self._add_key_column(board_id, place))
                self.ok("keys", f"{KEY_TITLE} was added to {place}")
            missing = []
        self._tell_key_columns(missing)

    async def _add_key_column(self, board_id: str, place: str) -> None:
        async with connected(self.settings()) as client:
            await add_key_column(client, board_id, place)

    def _tell_key_columns(self, missing: list[tuple[str, str]]) -> None:
        if not missing:
            self.ok("keys", f"board and subitem board have {KEY_TITLE}")
        elif len(missing) == 1:
            self.warn(
                "keys",
                f"{missing[0][1]} lacks {KEY_TITLE}, the other board has it",
                "add it with: order-sync check --create-key-columns",
            )

    async def _read_board(self) -> tuple[BoardInfo, BoardMap]:
        settings = self.settings()
        async with connected(settings) as client:
            info = await read_expected_board(client, settings)
        self.info = info  # also one that does not fit: that is when a copy of it helps
        return info, match_columns(self.profile(), info)

    def _export(self, export: Export, board: BoardInfo) -> None:
        write_description(export.path, board, replace=export.replace)
        below = board.subitem_board
        self.ok(
            "export",
            f'the structure of "{board.name}" is in {export.path}: {len(board.columns)} columns,'
            f" {len(below.columns) if below else 0} of the subitem board",
        )

    def _guard_strange_board(self, board: BoardMap, info: BoardInfo) -> None:
        with closing(self._state()) as state:
            if is_strange_board(state, self._tables(), board, info.items_count):
                guard = strange_board(board, info.items_count)
                raise GuardStopped(f"a sync would stop: {guard.message}", hint=guard.hint)

    def _state(self) -> Database:
        return Database(self.settings().database.url, read_only=True)

    def _tables(self) -> Tables:
        return build_tables(self.profile())


def run_checks(
    settings: Callable[[], Settings], profile: Callable[[], Mapping],
    may_add: Callable[[str], bool] | None = None, export: Export | None = None,
) -> list[CheckRow]:  # fmt: skip
    """Look at everything a run needs.

    Args:
        settings: loads the settings; may raise, and is called more than once.
        profile: loads the profile; may raise, and is called more than once.
        may_add: answers a question before missing key columns are added to the board; None:
            they are not added.
        export: where the board's structure is written; None: nowhere.
    """
    return _Checks(settings, profile, may_add, export).run()
