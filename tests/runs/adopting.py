"""A board that is there before the state database, and adopting it."""

from __future__ import annotations

from typing import Any

from order_sync.adoption import AdoptReport, run_adopt
from order_sync.errors import ExitCode
from order_sync.progress import Silent
from order_sync.rules.filters import Filters

from .changes import full_order
from .world import World

ROWS = [full_order(f"GRE-{number}") for number in range(1, 5)]
KEYS = [f"gre-{number}|m01y09|dean blue" for number in range(1, 5)]
COPY = {"AAG ORDER NUMBER": "gre-1", "STYLE": "M01Y09", "COLOR": "Dean  Blue"}  # of the first row


def adopt(world: World, filters: Filters | None = None, *, fill_keys: bool = False) -> AdoptReport:
    return run_adopt(
        world.settings, world.mapping, filters or Filters(), Silent(), fill_keys=fill_keys
    )


def forget_all(world: World, *rows: dict[str, Any]) -> None:
    """Lose the state database; the source has these rows."""
    world.path.unlink()
    world.has_orders(*rows)


def fill(world: World) -> World:
    """A board that shows `ROWS`, and a state database that knows nothing of it."""
    world.has_orders(*ROWS)
    assert world.sync().exit_code is ExitCode.DONE
    forget_all(world, *ROWS)
    return world


def item_of(world: World, number: str) -> Any:
    return next(item for item in world.items() if item.name.endswith(number))


def keys_known(world: World) -> list[str]:
    return [
        row[0] for row in world.query("SELECT order_key FROM MON_CustMasterSchedule ORDER BY 1")
    ]


def assert_repaired(world: World, rows: list[dict[str, Any]] = ROWS) -> None:
    """One sync makes the board show the source again."""
    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_shows(rows)
    world.assert_nothing_left_to_do()
