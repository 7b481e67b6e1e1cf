"""The repeat of a doubtful create under its own key, when things go wrong with the repeat, too.

The board hides new items for longer than anybody has configured: only the key can save the order.
"""

from __future__ import annotations

import pytest

from order_sync.errors import ExitCode

from .schedules import NEW, OLD, MakeWorld, harm


@pytest.mark.parametrize("trouble", ["423", "429", "423-alias"])
def test_a_repeat_that_is_turned_away_keeps_its_key(make_world: MakeWorld, trouble: str) -> None:
    world = make_world(read_lag_s=60)
    world.has_orders(OLD)
    world.sync()
    world.sandbox.clock.advance(61)
    world.has_orders(OLD, NEW)
    world.sandbox.add_fault("lose-answer-after-write", match="create_item")
    world.sandbox.add_fault(trouble, times=2, match="create_item")

    assert world.sync().exit_code is ExitCode.DONE

    assert harm(world, [OLD, NEW]) == []


def test_an_item_that_is_hidden_by_its_id_too_is_not_taken_for_gone(make_world: MakeWorld) -> None:
    world = make_world(read_lag_s=60, read_lag_on_ids=True)
    world.has_orders(OLD)
    world.sync()
    world.sandbox.clock.advance(61)
    world.has_orders(OLD, NEW)
    world.sandbox.add_fault("lose-answer-after-write", match="create_item")

    assert world.sync().exit_code is ExitCode.DONE

    assert harm(world, [OLD, NEW]) == []
