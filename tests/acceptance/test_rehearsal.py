"""A copy of a board: written by the real command, served by the sandbox, and synced to there."""

from __future__ import annotations

import pytest

from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer
from tests.standin.place import TOKEN, order


@pytest.mark.parametrize("generation", ["first", "later"])
@pytest.mark.parametrize("settings", ["classic", "listed"])
def test_a_rehearsal_on_a_copy_of_the_board_ends_as_the_real_run(make_place, generation, settings):
    place = make_place(generation=generation, settings=settings)
    place.has_orders(
        order("GRE-1", "M01", S=3, M=4), order("RHY-2", "M02", **{"CUSTOMER NAME": "RHYTHM"})
    )
    file = place.folder / "board.json"

    exported = place.run("check", "--export-board", str(file))

    assert exported.code == 0, exported.said
    assert place.world.writes == []
    sandbox = Sandbox(SandboxOptions(token=TOKEN))
    board = sandbox.add_board(file)
    with SandboxServer(sandbox) as server:
        there = {
            "ORDER_SYNC_MONDAY__API_URL": server.api_url,
            "ORDER_SYNC_MONDAY__BOARD_ID": board.id,
            "ORDER_SYNC_SOURCE__URL": place.environment()["ORDER_SYNC_DATABASE__URL"],
            "ORDER_SYNC_DATABASE__URL": f"sqlite:///{place.folder / 'rehearsal.db'}",
        }
        checked = place.run("check", **there)
        assert checked.code == 0, checked.said
        place.sync(**there)
    place.sync()
    assert picture(sandbox, board.id) == place.picture()
    assert len(place.picture()) == 2


def picture(sandbox, board_id):
    """The board as `Place.picture` tells it."""
    entries = []
    for item in sandbox.items(board_id):
        lines = [
            {title.strip(): text for title, text in line.values.items()} for line in item.subitems
        ]
        sizes = {line["Size"]: int(line["Order Qty"]) for line in lines}
        entries.append((item.name, item.group_title, sizes))
    return sorted(entries, key=lambda entry: entry[0])
