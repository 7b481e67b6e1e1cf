"""What stops a run before its first write: boards we know nothing of, and more than was meant."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from order_sync.db import engine, known, staging
from order_sync.db.engine import Database
from order_sync.db.schema import Tables
from order_sync.detection import Detection
from order_sync.errors import ConfigError
from order_sync.monday.columns import BoardMap
from order_sync.outcome import Guard

DEFAULT_REMOVALS = "5%"
_REMOVALS = re.compile(r"(\d{1,9})\s*(%?)")


@dataclass(frozen=True)
class Limits:
    """How much one run may do.

    Raises:
        ConfigError: `max_removals` is neither a number of order lines nor a percentage.
    """

    max_creates: int | None = None
    max_calls: int | None = None
    max_removals: str = DEFAULT_REMOVALS  # order lines, or with % a share of those known

    def __post_init__(self) -> None:
        if not _REMOVALS.fullmatch(self.max_removals.strip()):
            raise ConfigError(
                f'--max-removals is "{self.max_removals}"',
                hint="give a number of order lines such as 20, or a share such as 10%",
            )

    def removals_of(self, known_count: int) -> int:
        """How many of `known_count` order lines may be cancelled or archived."""
        found = _REMOVALS.fullmatch(self.max_removals.strip())
        number, percent = (int(found[1]), bool(found[2])) if found else (0, True)
        return math.floor(known_count * number / 100) if percent else number


def stopping_guards(found: Detection, calls: int, limits: Limits) -> Iterator[Guard]:
    """Every guard that would stop a run with these actions.

    Args:
        calls: what the run would need, HTTP requests.
    """
    if limits.max_creates is not None and found.creates > limits.max_creates:
        yield Guard(
            f"{found.creates:,} order lines would be created,"
            f" --max-creates allows {limits.max_creates:,}",
            "look at them with: order-sync plan; then raise the limit or use filters",
        )
    if limits.max_calls is not None and calls > limits.max_calls:
        yield Guard(
            f"the run would need {calls:,} calls, --max-calls allows {limits.max_calls:,}",
            "raise the limit, or send less with filters or --limit",
        )
    allowed = limits.removals_of(found.known_count)
    if found.removals > allowed:
        yield Guard(
            f"{found.removals:,} of {found.known_count:,} known order lines have left the source"
            f" and would go; --max-removals {limits.max_removals} allows {allowed:,}",
            f"see whether the source is complete; if they may go: --max-removals {found.removals}",
        )


def is_strange_board(
    state: Database, tables: Tables, board: BoardMap, items_count: int | None
) -> bool:
    """Whether the board has items while we know none of it: creating could double them."""
    if items_count == 0:
        return False
    with state.begin() as conn:
        if not engine.columns_of(conn, tables.production.name):
            return True
        live = staging.live_keys(conn, tables, board.board_id)
        return not (
            known.known_count(conn, tables, board.board_id) or live.in_doubt or live.pending
        )


def strange_board(board: BoardMap, items_count: int | None) -> Guard:
    """The guard of a board that `is_strange_board`."""
    count = "items" if items_count is None else f"{items_count:,} items"
    return Guard(
        f'board "{board.name}" has {count}, and none of them is known here:'
        " creating orders could double them",
        "learn the board first with: order-sync adopt; or restore the state tables if they were"
        " lost",
    )
