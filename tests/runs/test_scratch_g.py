from __future__ import annotations
import pytest
from order_sync.errors import ExitCode
from order_sync.guards import Limits
from .changes import CHANGES, full_order
from .world import World, order

ANY = Limits(max_removals="100%")
A, B = full_order("GRE-1"), full_order("GRE-2")

@pytest.mark.parametrize("bad", [{"L": -4}, {"CUSTOMER NAME": "NOBODY"}, {"NOTES": "n"*2001}])
def test_b1_a_bad_edit_taken_back_closes_its_error(world, bad):
    world.has_orders(A, B); world.sync()
    world.has_orders(A | bad, B)
    assert world.sync().exit_code is ExitCode.ROWS_LEFT
    world.has_orders(A, B)
    rep = world.sync()
    assert world.errors() == []
    assert rep.exit_code is ExitCode.DONE

def test_b1_a_twin_taken_back(world):
    world.has_orders(A, B); world.sync()
    world.has_orders(A, A | {"M": 9}, B)
    assert world.sync().exit_code is ExitCode.ROWS_LEFT
    world.has_orders(A, B)
    rep = world.sync()
    assert world.errors() == []
    assert rep.exit_code is ExitCode.DONE

@pytest.mark.parametrize("n", range(1, 14))
@pytest.mark.parametrize("change", ["number", "size changed", "moved and changed", "cancelled"])
def test_b2_back_after_kill(world, n, change):
    world.has_orders(A, B); world.sync()
    world.has_orders(CHANGES[change](A), B)
    world.sync_that_dies("after-write", n)
    world.has_orders(A, B)
    rep = world.sync()
    assert rep.exit_code is ExitCode.DONE
    world.assert_board_shows([A, B])
    world.assert_nothing_left_to_do()

def test_b5_rhythm(world):
    a = full_order("RHY-1", CUSTOMER_NAME="RHYTHM (AU)")
    world.has_orders(a, B); world.sync()
    a2 = a | {"CUSTOMER NAME": "RHYTHM (US)"}
    world.has_orders(a2, B)
    n = len(world.sandbox.request_log)
    rep = world.sync()
    assert [w.operation for w in world.writes(n)] == ["move_item_to_group"]
    world.assert_board_shows([a2, B])

def test_b3_vanished_meanwhile_is_reported(world):
    world.has_orders(B); world.sync()
    world.has_orders(A, B)
    world.sandbox.add_fault("hang", seconds=0.1, times=0, match="nothing")
    for n in range(1, 20):
        pass

def test_b6_archived_and_back(world):
    world.treats_vanished_orders("archive")
    world.has_orders(A, B); world.sync()
    world.has_orders(B)
    world.extra["ORDER_SYNC_MONDAY__SERVER_LIMIT_S"]="0.6"
    for n in range(1, 12):
        pass
    code = world.sync_that_dies("after-send", 2, "--max-removals", "100%")
    assert code == 137
    assert len(world.items()) == 1, world.names_on_board()
    world.has_orders(A, B)
    rep = world.sync()
    assert rep.exit_code is ExitCode.DONE, rep.refused
    world.assert_board_shows([A, B])

def test_b4_adopted_then_vanished(world):
    world.treats_vanished_orders("cancel")
    world.has_orders(B); world.sync()
    values = {"AAG ORDER NUMBER": "GRE-1", "STYLE": "M01Y09", "COLOR": "DEAN BLUE", "NOTES": "planner"}
    world.sandbox.person_creates(world.board.id, "By hand", "typed by a planner", values)
    world.has_orders(A, B)
    for n in range(1, 30):
        code = world.sync_that_dies("after-write", n)
        if world.query("SELECT 1 FROM MON_CustMasterSchedule WHERE \"Item ID\" IN (SELECT \"Item ID\" FROM MON_CustMasterSchedule) AND order_key like 'gre-1%'"):
            break
    world.has_orders(B)
    rep = world.sync(limits=ANY)
    item = next(i for i in world.items() if i.values.get("NOTES") == "planner" or "typed" in i.name)
    assert item.values.get("AAG ORDER NUMBER") == "GRE-1", item.values
    assert item.values.get("NOTES") == "planner", item.values
