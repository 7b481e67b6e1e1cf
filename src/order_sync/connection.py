"""The board a command works on: client, budget, and the profile's place on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from order_sync.config import Settings
from order_sync.errors import BoardMismatch, ConfigError
from order_sync.monday.answers import Answer
from order_sync.monday.board import BoardInfo, read_board
from order_sync.monday.client import MondayClient
from order_sync.monday.columns import BoardMap, match_columns
from order_sync.monday.documents import account
from order_sync.monday.gate import Gate, OnWait
from order_sync.monday.lookup import list_items
from order_sync.rules.budget import Ledger
from order_sync.rules.mapping import Mapping
from order_sync.rules.sizing import Sizing

CALLS_AT_START_S = 30.0  # how long the first calls may take before monday.com counts as away


@asynccontextmanager
async def connected(
    settings: Settings, on_read: Callable[[str, Answer], None] | None = None, *,
    costs: dict[str, float] | None = None, on_wait: OnWait | None = None,
) -> AsyncIterator[MondayClient]:  # fmt: skip
    """A client for the account in the settings.

    costs: complexity points per write, by kind, as earlier runs have learned. on_wait: told why
    and how long (seconds) the account's limits hold a request back.
    """
    monday = settings.monday
    async with MondayClient(
        monday.api_url,
        settings.require_token(),
        monday.api_version,
        monday.server_limit_s + monday.send_window_s,
        monday.concurrency,
        gate=Gate(
            Ledger(concurrency=monday.concurrency, reserve=monday.reserve, costs=costs),
            Sizing(monday.batch_size),
            on_wait,
        ),
        send_window_s=monday.send_window_s,
        on_read=on_read,
    ) as client:
        yield client


async def open_board(
    client: MondayClient, settings: Settings, mapping: Mapping
) -> tuple[BoardInfo, BoardMap]:
    """Read the board and find the profile's columns on it.

    Raises:
        BoardMismatch: columns that do not fit.
        ConfigError, BoardMismatch, Unreachable: as `read_expected_board`.
    """
    info = await read_expected_board(client, settings)
    return info, match_columns(mapping, info)


async def read_expected_board(client: MondayClient, settings: Settings) -> BoardInfo:
    """Read the board the settings name.

    Raises:
        ConfigError: production without a board name in the settings.
        BoardMismatch: another name than in the settings.
        Unreachable: no answer within `CALLS_AT_START_S`, or the token is refused.
    """
    expected = settings.monday.board_name
    if settings.is_production and not expected:
        raise ConfigError(
            "the prod environment needs the board's name",
            hint="set monday.board_name in the settings to the board's exact name",
        )
    info = await read_board(client, settings.require_board(), give_up_after_s=CALLS_AT_START_S)
    if expected is not None and info.name.strip() != expected:
        raise BoardMismatch(
            f'board {info.id} is named "{info.name}", the settings expect "{expected}"',
            hint="check monday.board_id and monday.board_name of this environment",
        )
    if info.items_count is None:
        info = replace(info, items_count=await _has_items(client, info.id))
    return info


async def _has_items(client: MondayClient, board_id: str) -> int | None:
    """0 for an empty board, None for one with items; asked when monday.com keeps no count."""
    async for _ in list_items(client, board_id, {}, give_up_after_s=CALLS_AT_START_S):
        return None
    return 0


async def calls_per_day(client: MondayClient) -> int | None:
    """The account's calls of a day, where monday.com tells them."""
    answer = await client.read_optional(account())
    platform = answer.get("platform_api")
    limit = platform.get("daily_limit") if isinstance(platform, dict) else None
    total = limit.get("total") if isinstance(limit, dict) else None
    return total if isinstance(total, int) and total > 0 else None
