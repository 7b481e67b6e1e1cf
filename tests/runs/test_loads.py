"""What is loaded in one transaction: small customers together, and rows the database refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

import pytest

from order_sync.delivery import stage
from order_sync.delivery.staged_rows import Ahead
from order_sync.errors import ExitCode, Unreachable

from .world import World, order

ROWS = [
    order("GRE-1"), order("JOO-1", CUSTOMER_NAME="JOHNNIE O"), order("GRE-2"),
    order("JOO-2", CUSTOMER_NAME="JOHNNIE O"), order("JOO-3", CUSTOMER_NAME="JOHNNIE O"),
]  # fmt: skip
STAGED = 'SELECT order_key FROM "STG_MON_CustMasterSchedule" ORDER BY stg_id'
BATCHES = """
SELECT customer_name, status, orders_total, orders_processed, subitems_total
FROM "MON_BatchProcessing" ORDER BY customer_name
"""


@dataclass
class Loads:
    """Transactions that load rows."""

    batches: list[int] = field(default_factory=list)  # of each one
    fails: int = 0  # which one fails, once; the first is 1


@pytest.fixture
def loads(monkeypatch):
    loads = Loads()
    work = stage._stage_batches

    def seen(conn, d, new, *rows):
        loads.batches.append(len(new))
        if len(loads.batches) == loads.fails:
            raise Unreachable("the database is away", hint="wait")
        work(conn, d, new, *rows)

    monkeypatch.setattr(stage, "_stage_batches", seen)
    return loads


@pytest.mark.databases
@pytest.mark.parametrize(("most", "transactions"), [(2_000, [2]), (4, [1, 1]), (5, [2])])
def test_customers_that_are_loaded_together_have_their_own_batches(
    world: World, loads, monkeypatch, most, transactions
):
    monkeypatch.setattr(stage, "AT_MOST", most)
    monkeypatch.setattr(stage, "PORTIONS", (1, 2))  # a customer's order lines in several
    world.has_orders(*ROWS)

    assert world.sync().exit_code == ExitCode.DONE

    assert loads.batches == transactions
    assert world.query(BATCHES) == [
        ("GREYSON CLOTHIERS", "COMPLETED", 2, 2, 4), ("JOHNNIE O", "COMPLETED", 3, 3, 6),
    ]  # fmt: skip
    world.assert_board_equals_source(ROWS)
    world.assert_nothing_left_to_do()


@pytest.mark.databases
def test_the_next_portion_is_made_while_one_is_loaded(world: World, monkeypatch):
    monkeypatch.setattr(stage, "PORTIONS", (2,))
    seen = []
    begin, load = Ahead.begin, stage._stage_lines

    def begins(ahead, number):
        seen.append(f"make {number}")
        begin(ahead, number)

    def loads_lines(*given):
        load(*given)
        seen.append("loaded")

    monkeypatch.setattr(Ahead, "begin", begins)
    monkeypatch.setattr(stage, "_stage_lines", loads_lines)
    world.has_orders(*(order(f"GRE-{number}") for number in range(4)))

    assert world.sync().exit_code == ExitCode.DONE

    assert [what for what, _ in groupby(seen)] == [
        "make 0", "make 1", "loaded", "make 1", "make 2", "loaded",
    ]  # fmt: skip


def test_when_the_second_load_fails_the_first_waits_for_the_next_run(
    world: World, loads, monkeypatch
):
    monkeypatch.setattr(stage, "AT_MOST", 1)
    loads.fails = 2
    world.has_orders(*ROWS)

    stopped = world.sync()

    assert stopped.exit_code == ExitCode.UNREACHABLE
    assert [key.split("|")[0] for (key,) in world.query(STAGED)] == ["gre-1", "gre-2"]
    assert world.items() == []
    assert world.sync().exit_code == ExitCode.DONE
    world.assert_board_equals_source(ROWS)
    world.assert_nothing_left_to_do()


@pytest.mark.databases
def test_a_row_the_database_refuses_takes_no_other_with_it(world: World):
    world.has_orders(order("GRE-0"))
    world.sync()
    table = '"STG_MON_CustMasterSchedule"'
    if world.server_url:
        world.execute(f"ALTER TABLE {table} ADD CHECK (position('JOO-2' in \"Title\") = 0)")
    else:
        world.execute(
            f"CREATE TRIGGER no BEFORE INSERT ON {table} WHEN instr(NEW.\"Title\", 'JOO-2') > 0"
            " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
    rows = [order("GRE-0"), *ROWS]
    world.has_orders(*rows)

    assert world.sync().exit_code == ExitCode.ROWS_LEFT

    assert [code for _, code in world.errors()] == ["not_stored"]
    world.assert_board_equals_source([row for row in rows if row["AAG ORDER NUMBER"] != "JOO-2"])
