"""The whole way in a minute: sample orders, a stand-in for monday.com, a plan, and two syncs.

Nothing of the caller's is used or changed: settings, tables and board live in one folder and one
process, and both end with the demo.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from order_sync.config import CONFIG_FILE, Settings, load_settings
from order_sync.errors import ConfigError, ExitCode, Interrupted
from order_sync.loading import LoadMode, LoadReport, load
from order_sync.order_files import open_orders
from order_sync.order_files.columns import OrderFile
from order_sync.outcome import Plan, RunReport
from order_sync.planning import make_plan
from order_sync.private_files import open_private
from order_sync.profile import DEFAULT_PROFILE, load_profile
from order_sync.progress import Progress
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.values import clean_text, order_key
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer
from order_sync.sync import run_sync

SAMPLE = "greyson-and-friends.csv"
SHOWN_GROUP = "GREYSON CLOTHIERS 2025 FALL"

_BOARD_NAME = "Customer Master Schedule"
_TOKEN_FILE = "token.txt"  # noqa: S105 - a file name
_TOKEN = "any-token-opens-the-sandbox"  # noqa: S105 - and nothing else


@dataclass(frozen=True)
class World:
    """Everything the demo works on."""

    folder: Path
    settings: Settings
    sandbox: Sandbox
    board_url: str
    expected: dict[str, Any]  # samples/expected.json

    @property
    def database(self) -> Path:
        return self.folder / "order-sync.db"


@dataclass(frozen=True)
class BoardCount:
    """What was counted on the board, not in our tables."""

    orders: int
    size_lines: int
    groups: dict[str, tuple[int, int]]  # title -> orders, size lines; groups with items only


@dataclass(frozen=True)
class DemoReport:
    """What the demo did, and how it differs from what the sample promises."""

    loaded: LoadReport
    plan: Plan
    first: RunReport
    second: RunReport
    repeated: int  # mutations of the second sync, as the sandbox counted them
    on_board: BoardCount
    differences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.differences


@contextmanager
def _serving(sandbox: Sandbox, port: int) -> Iterator[SandboxServer]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(SandboxServer(sandbox, port=port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on port {port}: {error.strerror or error}",
                hint="choose another --port, or leave it out",
            ) from error
        yield server


@contextmanager
def demo_world(port: int = 0) -> Iterator[World]:
    """A folder with settings and a board in a sandbox; both are gone after the block.

    Args:
        port: of the sandbox; 0 takes any free one.
    """
    expected = json.loads(_sample("expected.json"))
    sandbox = Sandbox(SandboxOptions(token=_TOKEN))
    board = sandbox.add_board(DEFAULT_PROFILE, name=_BOARD_NAME, customers=expected["customers"])
    with (
        TemporaryDirectory(prefix="order-sync-demo-") as name,
        _serving(sandbox, port) as server,
    ):
        folder = Path(name)
        settings = _write_settings(folder, server.api_url, board.id)
        yield World(folder, settings, sandbox, server.board_url(board.id), expected)


def run_demo(world: World, progress: Progress) -> DemoReport:
    """Load, plan, sync, and sync again; then count on the board."""
    settings = world.settings
    profile = load_profile(settings.profile)
    source = world.folder / SAMPLE
    source.write_bytes(_sample(SAMPLE))
    progress.step("loading the sample orders")
    orders = open_orders(source, profile)
    loaded = load(settings, profile, orders, LoadMode.REPLACE)
    plan = make_plan(settings, profile, Filters(), progress)
    first = _sync(settings, profile, progress)
    seen = mutations(world.sandbox)
    second = _sync(settings, profile, progress)
    repeated = mutations(world.sandbox) - seen
    on_board = count_board(world.sandbox, settings.require_board())
    promised = promised_refusals(world.expected, orders, profile)
    differences = compare(world.expected, promised, first, repeated, on_board)
    return DemoReport(loaded, plan, first, second, repeated, on_board, tuple(differences))


def _sync(settings: Settings, profile: Mapping, progress: Progress) -> RunReport:
    report = run_sync(settings, profile, Filters(), progress)
    if report.exit_code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
        raise Interrupted(report.exit_code)  # a run ends in peace, the demo ends with it
    return report


def _sample(name: str) -> bytes:
    return resources.files("order_sync.samples").joinpath(name).read_bytes()


def _write_settings(folder: Path, api_url: str, board_id: str) -> Settings:
    """The settings as a file, so that `--config` works on the demo while it is kept."""
    with open_private(folder / _TOKEN_FILE) as file:
        file.write(_TOKEN)
    config = folder / CONFIG_FILE
    config.write_text(
        "[monday]\n"
        f'api_url = "{api_url}"\n'
        f'board_id = "{board_id}"\n'
        f'board_name = "{_BOARD_NAME}"\n'
        f'token_file = "{_TOKEN_FILE}"\n',
        encoding="utf-8",
    )
    # No environment: whatever is set for the real board stays out of the demo.
    return load_settings(config=config, env="dev", environ={}, cwd=folder)


def count_board(sandbox: Sandbox, board_id: str) -> BoardCount:
    """Count items and subitems where they stand: on the board."""
    orders: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for item in sandbox.items(board_id):
        orders[item.group_title] += 1
        lines[item.group_title] += len(item.subitems)
    return BoardCount(
        orders=orders.total(),
        size_lines=lines.total(),
        groups={title: (count, lines[title]) for title, count in orders.items()},
    )


def mutations(sandbox: Sandbox) -> int:
    """Writing requests the sandbox has seen so far."""
    return sum(record.kind == "mutation" for record in sandbox.request_log)


def promised_refusals(
    expected: dict[str, Any], orders: OrderFile, mapping: Mapping
) -> frozenset[tuple[str, str]]:
    """(order key, code) of the rows the sample marks as bad; rows of one key are one refusal."""
    rows = list(orders.rows())
    return frozenset(
        (
            order_key([clean_text(rows[bad["row"] - 1][name]) or "" for name in mapping.key]),
            bad["code"],
        )
        for bad in expected["refused"]
    )


def compare(
    expected: dict[str, Any],
    promised: frozenset[tuple[str, str]],
    first: RunReport,
    repeated: int,
    on_board: BoardCount,
) -> Iterator[str]:
    """Every difference between what happened and what the sample promises."""
    greyson = expected["greyson"]
    shown = on_board.groups.get(SHOWN_GROUP, (0, 0))
    for what, found, wanted in (
        ("order lines on the board", on_board.orders, expected["orders"]),
        ("size lines on the board", on_board.size_lines, expected["size_lines"]),
        (f"order lines of {SHOWN_GROUP}", shown[0], greyson["orders"]),
        (f"size lines of {SHOWN_GROUP}", shown[1], greyson["size_lines"]),
        ("mutations of the second sync", repeated, 0),
    ):
        if found != wanted:
            yield f"{what}: {found}, expected {wanted}"
    for title in sorted(set(expected["groups"]) ^ set(on_board.groups)):
        is_there = title in on_board.groups
        yield f'group "{title}" {"is" if is_there else "is not"} on the board'
    refused = {(row.order_key, row.code) for row in first.refused}
    for key, code in sorted(promised ^ refused):
        yield f"{code} of {key}: {'not refused' if (key, code) in promised else 'refused'}"
