"""What changes in the source changes on the board: that, all of that, and nothing else."""

from __future__ import annotations

import pytest

from order_sync.errors import ExitCode
from order_sync.guards import Limits

from .changes import CHANGES, full_order
from .world import World, order

ANY = Limits(max_removals="100%")
TEAM = {"FCST QTY": "17", "matchAlias": "by hand", "ORDER STATUS": "00 PLANNING"}
TEAM_BELOW = {"Cut Qty": "2", "ORDER LINE STATUS": "CUT"}


def team_fills_its_columns(world: World) -> None:
    for item in world.items():
        for title, text in TEAM.items():
            world.sandbox.person_sets(item.id, title, text)
        for line in item.subitems:
            for title, text in TEAM_BELOW.items():
                world.sandbox.person_sets(line.id, title, text)


def untouched(world: World, items: set[str], lines: set[str]) -> None:
    """What the team wrote still stands on every item and subitem it wrote on."""
    for item in world.items():
        if item.id in items:
            assert {title: item.values.get(title) for title in TEAM} == TEAM, item.name
        for line in item.subitems:
            if line.id in lines:
                below = {title: line.values.get(title) for title in TEAM_BELOW}
                assert below == TEAM_BELOW, (item.name, line.name)


@pytest.mark.parametrize("policy", ["report", "cancel", "archive"])
@pytest.mark.parametrize("first", CHANGES)
def test_after_any_two_changes_the_board_shows_the_source(world, first, policy):
    """One order line for each second change; the team's columns stay as they are."""
    if policy != "report" and first != "vanished":
        policy = {"cancel": "cancel", "archive": "archive"}[policy]
    world.treats_vanished_orders(policy)
    rows = {name: full_order(f"GRE-{number}") for number, name in enumerate(CHANGES)}
    stays = full_order("GRE-STAYS")
    world.has_orders(*rows.values(), stays)
    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_shows([*rows.values(), stays])
    team_fills_its_columns(world)
    items = {item.id for item in world.items()}
    lines = {line.id for item in world.items() for line in item.subitems}

    source = {name: CHANGES[first](row) for name, row in rows.items()}
    shown = {name: after(rows[name], source[name], policy) for name in rows}
    run_and_compare(world, source, shown, stays)
    source_then = {
        name: CHANGES[name](row if row is not None else rows[name]) for name, row in source.items()
    }
    shown_then = {
        name: after(shown[name], source_then[name], policy) for name in rows
    }
    run_and_compare(world, source_then, shown_then, stays)

    untouched(world, items, lines)


def after(shown, row, policy):
    """What the board shows of an order once the source has `row`; None: no item."""
    if row is not None or shown is None:
        return row
    return {"report": shown, "cancel": shown | {"ORDER TYPE": "CANCELLED"}, "archive": None}[policy]


def run_and_compare(world, source, shown, stays):
    world.has_orders(*(row for row in source.values() if row is not None), stays)
    report = world.sync(limits=ANY)
    assert report.exit_code is ExitCode.DONE, (report.message, report.refused)
    world.assert_board_shows([*(row for row in shown.values() if row is not None), stays])
    world.assert_nothing_left_to_do(limits=ANY)
