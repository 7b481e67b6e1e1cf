"""A plan tells the truth: the run that follows does what it says, and costs what it says."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import pytest

from order_sync.errors import ExitCode
from order_sync.guards import Limits
from order_sync.outcome import Plan, RunReport
from order_sync.rules.filters import Filters
from order_sync.rules.states import ChangeType, Operation

from .dying import KILLED, SEND, Death, start
from .world import World, order

JOHNNIE, RHYTHM = {"CUSTOMER NAME": "JOHNNIE O"}, {"CUSTOMER NAME": "RHYTHM"}
GREYSONS = [order(f"GRE-{n}") for n in range(1, 6)]
JOHNNIES = [order(f"JOO-{n}") | JOHNNIE for n in range(1, 4)]
CANCELLED = {"ORDER TYPE": "CANCELLED"}
ANY_REMOVAL = Limits(max_removals="100%")


@dataclass(frozen=True)
class Case:
    """What stands on board and source before the plan, and how plan and run are asked."""

    prepare: Callable[[World], None]
    expected: dict[str, int]  # change -> order lines
    filters: Filters | None = None
    options: dict[str, str] | None = None


def sources(*rows: dict, before: list[dict] | None = None) -> Callable[[World], None]:
    """First `before` is published, then the source holds `rows`."""

    def prepare(world: World) -> None:
        if before is not None:
            world.has_orders(*before)
            assert world.sync().exit_code is ExitCode.DONE
        world.has_orders(*rows)

    return prepare


def changed(rows: list[dict], **by_number: dict) -> list[dict]:
    """`rows` with some of them changed: GRE_1=... is the change of GRE-1."""
    changes = {name.replace("_", "-"): change for name, change in by_number.items()}
    return [row | changes.get(row["AAG ORDER NUMBER"], {}) for row in rows]


def strangers(world: World) -> None:
    """GRE-2 with a size and GRE-3 were made by hand; GRE-1 is known, and has a size by hand."""
    world.has_orders(GREYSONS[0])
    world.sync()
    cells = {"STYLE": "M01Y09", "COLOR": "DEAN BLUE"}
    for number, group in (("GRE-2", "By hand"), ("GRE-3", "GREYSON CLOTHIERS 2025 FALL")):
        made = world.sandbox.person_creates(
            world.board.id, group, number, cells | {"AAG ORDER NUMBER": number}
        )
        world.sandbox.person_creates_subitem(made, "Size M", {"Size": "M", "Order Qty": "1"})
        if number == "GRE-3":
            world.sandbox.person_creates_subitem(made, "Size XS", {"Size": "XS"})
    world.has_orders(*GREYSONS[:4])


def strange_size(world: World) -> None:
    """A person has made the size that the source gains next."""
    world.has_orders(*GREYSONS[:2])
    world.sync()
    item = world.items()[0]
    world.sandbox.person_creates_subitem(item.id, "Size XL", {"Size": "XL", "Order Qty": "9"})
    number = item.name.split()[-1].replace("-", "_")
    world.has_orders(*changed(GREYSONS[:2], **{number: {"XL": 5, "CUSTOMER PRICE": "30"}}))


def vanished(policy: str) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        world.treats_vanished_orders(policy)
        world.has_orders(*GREYSONS, *JOHNNIES)
        world.sync()
        world.has_orders(*GREYSONS[:3], JOHNNIES[0])

    return prepare


def unfinished(world: World) -> None:
    """A size line was refused for a while, and the while is over."""
    world.extra["ORDER_SYNC_MONDAY__MAX_ATTEMPTS"] = "1"
    world.has_orders(*GREYSONS)
    world.sandbox.add_fault("423-alias", times=1, match="create_subitem")
    assert world.sync().exit_code is ExitCode.ROWS_LEFT
    with closing(sqlite3.connect(world.path)) as db, db:
        errors = "ERR_MON_CustMasterSchedule_Subitems"
        db.execute(f"UPDATE {errors} SET next_try_at = '2020-01-01 00:00:00.000'")


def stopped(world: World) -> None:
    """A run died when its group was made and nothing else; a price has changed since."""
    world.has_orders(*GREYSONS)
    assert world.sync_that_dies("after-write", 14) == 137
    assert world.query("SELECT DISTINCT stg_status FROM STG_MON_CustMasterSchedule") == [
        ("PENDING",)
    ]
    assert len(world.sandbox.groups(world.board.id)) == 2
    world.has_orders(*changed(GREYSONS, GRE_1={"CUSTOMER PRICE": "30"}), JOHNNIES[0])


BAD = [
    order("GRE-8", style=" "),
    order("GRE-9", L=-4),
    order("GRE-10") | {"CUSTOMER NAME": "QUILLMERE TRADING"},
]
MOVED = {"CUSTOMER SEASON": "SPRING 2026"}
FEW_TO_A_CALL = {"ORDER_SYNC_MONDAY__BATCH_SIZE": "2"}

CASES = {
    "all new on an empty board": Case(sources(*GREYSONS, *JOHNNIES), {"NEW": 8}),
    "documents of two rows": Case(
        sources(*GREYSONS, *JOHNNIES), {"NEW": 8}, options=FEW_TO_A_CALL
    ),
    "new on a filled board": Case(
        sources(*GREYSONS, *JOHNNIES, before=GREYSONS[:2]), {"NEW": 6}
    ),
    "new labels and groups": Case(
        sources(
            *GREYSONS,
            order("GRE-6", style="NEW STYLE", CATEGORY="KNITS", DROP="DROP 9", XXL=1),
            order("RHY-1", style="R1") | RHYTHM,
            before=GREYSONS,
        ),
        {"NEW": 2},
    ),
    "changed": Case(
        sources(
            *changed(
                [*GREYSONS, *JOHNNIES], GRE_1={"CUSTOMER PRICE": "30"}, GRE_2={"NOTES": "x"},
                JOO_1={"DROP": "NEW DROP"},
            ),
            before=[*GREYSONS, *JOHNNIES],
        ),
        {"CHANGED": 3},
    ),
    "emptied cells": Case(
        sources(*changed(GREYSONS, GRE_1={"CUSTOMER PRICE": ""}), before=GREYSONS), {"CHANGED": 1}
    ),
    "moved": Case(
        # The AAG season makes the group only while the customer's own is blank.
        sources(*changed(GREYSONS, GRE_1=MOVED, GRE_2=MOVED), before=GREYSONS), {"CHANGED": 2}
    ),
    "moved, changed, and other sizes": Case(
        sources(
            *changed(
                [*GREYSONS, *JOHNNIES], GRE_1=MOVED | {"CUSTOMER PRICE": "30", "M": 9, "XL": 1},
                JOO_2=MOVED, GRE_3={"NOTES": "x"}, GRE_4=CANCELLED | MOVED,
            ),
            before=[*GREYSONS, *JOHNNIES],
        ),
        {"CHANGED": 3, "CANCELLED": 1},
    ),
    "cancelled": Case(
        sources(
            *changed(GREYSONS, GRE_1=CANCELLED, GRE_2=CANCELLED), order("GRE-6") | CANCELLED,
            before=GREYSONS,
        ),
        {"CANCELLED": 2, "NEW": 1},
    ),
    "revived": Case(
        sources(*GREYSONS, before=changed(GREYSONS, GRE_1=CANCELLED, GRE_2=CANCELLED)),
        {"CHANGED": 2},
    ),
    "sizes": Case(
        sources(
            *changed(
                GREYSONS, GRE_1={"M": 9}, GRE_2={"M": None}, GRE_3={"XL": 2, "XXL": 1},
                GRE_4={"M": None, "XS": 3},
            ),
            before=GREYSONS,
        ),
        {"CHANGED": 4},
    ),
    "strangers on the board": Case(strangers, {"UNCHANGED": 2, "NEW": 1}),
    "a strange size": Case(strange_size, {"CHANGED": 1}),
    "vanished, cancelled": Case(vanished("cancel"), {"DELETED": 4}),
    "vanished, archived": Case(vanished("archive"), {"DELETED": 4}),
    "vanished, listed only": Case(vanished("report"), {}),
    "refused rows": Case(
        sources(*GREYSONS, *BAD, order("GRE-1", M=9), before=GREYSONS[1:3]), {"NEW": 2}
    ),
    "a cut list": Case(
        sources(*GREYSONS, *JOHNNIES, before=GREYSONS[:2]), {"NEW": 2}, Filters(limit=2)
    ),
    "a filter": Case(
        sources(*changed(GREYSONS, GRE_1={"NOTES": "x"}), *JOHNNIES, before=GREYSONS),
        {"NEW": 3},
        Filters(customer="johnnie o"),
    ),
    "a few moves and sizes to a call": Case(
        sources(
            *changed(
                GREYSONS, GRE_1=MOVED | {"CUSTOMER PRICE": "30", "XL": 1}, GRE_2=MOVED,
                GRE_3=MOVED | {"NOTES": "x"}, GRE_4=MOVED | {"NOTES": "y"}, GRE_5={"M": 1, "L": 1},
            ),
            before=GREYSONS,
        ),
        {"CHANGED": 5},
        options=FEW_TO_A_CALL,
    ),
    "what a stopped run had staged": Case(stopped, {"NEW": 6}),
    "an unfinished order": Case(unfinished, {"UNCHANGED": 1}),
    "nothing to do": Case(sources(*GREYSONS, before=GREYSONS), {}),
    "nothing at all": Case(sources(), {}),
}  # fmt: skip


def content(world: World) -> bytes:
    """All that is stored: the database and its log."""
    log = world.path.with_name(f"{world.path.name}-wal")
    return world.path.read_bytes() + (log.read_bytes() if log.exists() else b"")


def executed(world: World) -> int:
    """Single writes the board was asked for, several to a request."""
    return sum(
        name != "complexity"
        for entry in world.sandbox.request_log
        if entry.kind == "mutation"
        for name in entry.operations
    )


def counted(plan: Plan, operation: Operation) -> int:
    return sum(operation in o.operations for o in plan.orders)


def per_customer(plan: Plan) -> dict[str, dict[str, int]]:
    """Customer -> order lines and size lines something is sent for."""
    counts: dict[str, Counter[str]] = {}
    for o in plan.orders:
        units = counts.setdefault(o.customer, Counter())
        units["orders"] += bool(o.operations)
        units["size lines"] += len(o.lines)
    return {
        customer: {name: count for name, count in units.items() if count}
        for customer, units in counts.items()
    }


def assert_counts_agree(plan: Plan, report: RunReport) -> None:
    changes = Counter(o.change for o in plan.orders)
    assert dict(changes) == report.orders_done
    totals = {
        ChangeType.NEW: "new",
        ChangeType.CHANGED: "changed",
        ChangeType.CANCELLED: "cancelled",
        ChangeType.DELETED: "deleted",
    }
    for change, name in totals.items():
        assert sum(getattr(c, name) for c in plan.customers) == changes[change], name
    left = sum(c.completed + c.taken_over for c in plan.customers)
    assert left == changes[ChangeType.UNCHANGED]
    assert per_customer(plan) == report.customers
    assert counted(plan, Operation.CREATE) == report.orders_created
    assert counted(plan, Operation.MOVE) == report.orders_moved
    assert counted(plan, Operation.REMOVE) == report.orders_archived
    writing = {Operation.UPDATE, Operation.MOVE, Operation.CANCEL}
    updated = sum(bool(writing & set(o.operations)) for o in plan.orders)
    assert updated == report.orders_updated
    assert sum(o.taken_over for o in plan.orders) == report.orders_adopted
    lines = Counter(line.operation for o in plan.orders for line in o.lines)
    assert lines[Operation.CREATE] == report.size_lines_created
    assert lines[Operation.UPDATE] == report.size_lines_updated
    assert sum(c.size_lines for c in plan.customers) == report.size_lines_created
    assert sum(c.size_lines_changed for c in plan.customers) == report.size_lines_updated
    assert len(plan.new_groups) == report.groups_created
    assert sum(len(labels) for labels in plan.new_labels.values()) == report.labels_created
    assert {(r.order_key, r.code) for r in plan.refused} == {
        (r.order_key, r.code) for r in report.refused
    }
    assert plan.reported == report.reported
    told = (plan.rows_read, plan.blank_rows, plan.warnings, plan.unchanged)
    assert told == (report.rows_read, report.blank_rows, report.warnings, report.unchanged)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_run_does_what_its_plan_said_and_costs_it(world, case):
    # A busy machine must not make the run send anything again.
    world.extra |= {"ORDER_SYNC_MONDAY__SEND_WINDOW_S": "10", **(case.options or {})}
    case.prepare(world)
    database, asked = content(world), len(world.sandbox.request_log)

    plan = world.plan(case.filters, limits=ANY_REMOVAL)

    assert content(world) == database
    assert all(entry.kind == "query" for entry in world.sandbox.request_log[asked:])
    assert plan.guards == ()
    assert Counter(o.change for o in plan.orders) == case.expected
    before, requests = executed(world), len(world.sandbox.request_log)

    report = world.sync(case.filters, limits=ANY_REMOVAL)

    assert report.in_doubt == report.pending == report.retries == 0
    assert_counts_agree(plan, report)
    assert plan.cost.mutations == executed(world) - before
    assert len(world.sandbox.request_log) - requests == report.read_calls + report.write_calls
    assert (plan.cost.reading, plan.cost.calls) == (
        report.read_calls,
        report.read_calls + report.write_calls,
    )
    again = world.plan(case.filters, limits=ANY_REMOVAL)
    if case.filters is None or case.filters.limit is None:
        assert again.orders == ()


def test_a_plan_names_what_stands_on_the_board_and_what_would_stand_there(world):
    world.has_orders(*GREYSONS)
    world.sync()
    change = MOVED | {"CUSTOMER PRICE": "1,000.5", "NOTES": "urgent", "PO NUMBER": "", "M": 9}
    world.has_orders(*changed(GREYSONS, GRE_1=change, GRE_2={"XL": 2, "L": None}))

    first, second = world.plan().orders

    assert first.item_id in {item.id for item in world.items()}
    assert (first.change, first.operations) == (ChangeType.CHANGED, ("MOVE", "UPDATE"))
    assert {(c.title, c.before, c.after) for c in first.columns} == {
        ("Group", "GREYSON CLOTHIERS 2025 FALL", "GREYSON CLOTHIERS SPRING 2026"),
        ("CUSTOMER SEASON", None, "SPRING 2026"),
        ("CUSTOMER PRICE", "28.86", "1000.5"),
        ("NOTES", None, "urgent"),
        ("PO NUMBER", "4755", None),
    }
    assert [(x.label, x.operation, x.before, x.after) for x in first.lines] == [
        ("M", "UPDATE", 3, 9)
    ]
    assert second.columns == second.operations == ()
    assert sorted((x.label, x.operation, x.before, x.after) for x in second.lines) == [
        ("L", "UPDATE", 4, 0), ("XL", "CREATE", None, 2),
    ]  # fmt: skip
    assert not first.whole


def test_a_plan_says_which_orders_are_written_whole_or_taken_over(world):
    strangers(world)
    with closing(sqlite3.connect(world.path)) as db, db:
        db.execute("UPDATE MON_CustMasterSchedule SET payload_hash = NULL, source_hash = NULL")

    orders = {o.order_key[:5]: o for o in world.plan().orders}

    assert {key: (o.whole, o.taken_over) for key, o in orders.items()} == {
        "gre-1": (True, False),
        "gre-2": (True, True),
        "gre-3": (True, True),
        "gre-4": (False, False),
    }
    assert orders["gre-2"].operations == ("MOVE", "UPDATE")
    assert orders["gre-1"].columns == ()  # what stands there now is not known


def test_orders_in_doubt_are_counted_and_not_planned(world):
    world.has_orders(*GREYSONS)
    intent = Death(SEND, "before", "create_items")  # it is stored, and nobody knows its outcome
    assert start(world.environ, world.folder, ["sync"], intent).ended()[0] == KILLED
    assert world.query("SELECT DISTINCT stg_status FROM STG_MON_CustMasterSchedule") == [
        ("SENDING",)
    ]
    world.has_orders(*GREYSONS, JOHNNIES[0])

    plan = world.plan()

    assert {c.customer: (c.new, c.in_doubt) for c in plan.customers} == {
        "GREYSON CLOTHIERS": (0, 5),
        "JOHNNIE O": (1, 0),
    }
    assert plan.orders_to_send == 1
    assert world.sync().exit_code is ExitCode.DONE
    world.assert_board_equals_source([*GREYSONS, JOHNNIES[0]])


def test_the_plan_of_a_first_run_creates_no_table_and_no_file(world):
    world.has_orders(*GREYSONS)
    files = sorted(world.folder.iterdir())

    world.plan()

    assert sorted(world.folder.iterdir()) == files
    assert world.query("SELECT name FROM sqlite_master WHERE name LIKE '%MON_%'") == []


def test_a_board_nothing_is_known_of_is_a_guard_of_the_plan(world):
    world.has_orders(*GREYSONS)
    world.sync()
    world.path.unlink()
    world.has_orders(*GREYSONS)

    (guard,) = world.plan().guards

    assert "none of them is known" in guard.message
    assert "adopt" in guard.hint


def test_the_cost_of_earlier_requests_replaces_the_first_guess(world):
    """Complexity is a guess until the board has told what such a write costs."""
    world.has_orders(*GREYSONS[:3])
    guessed = world.plan().cost
    world.sync()
    world.has_orders(*GREYSONS)
    spent = sum(entry.cost for entry in world.sandbox.request_log)

    measured = world.plan().cost

    asked = len(world.sandbox.request_log)
    world.sync()
    assert not guessed.complexity_measured
    assert measured.complexity_measured
    real = sum(entry.cost for entry in world.sandbox.request_log[asked:])
    assert measured.complexity == pytest.approx(real, rel=0.05)
    assert spent > 0


def test_the_share_of_the_day_is_told_where_the_account_tells_its_limit(world):
    world.has_orders(*GREYSONS)
    cost = world.plan().cost
    limit = world.sandbox.limits
    assert cost.calls_per_day is not None, limit
    assert cost.share_of_day == cost.calls / cost.calls_per_day


def test_cancelling_a_vanished_order_that_was_only_taken_over_keeps_what_people_wrote(world):
    world.treats_vanished_orders("cancel")
    world.has_orders(GREYSONS[0])
    world.sync()
    cells = {
        "AAG ORDER NUMBER": "GRE-2", "STYLE": "M01Y09", "COLOR": "DEAN BLUE", "NOTES": "by hand",
        "ORDER TYPE": "RECEIVED",
    }  # fmt: skip
    made = world.sandbox.person_creates(world.board.id, "GREYSON CLOTHIERS 2025 FALL", "x", cells)
    world.has_orders(*GREYSONS[:2])
    world.sync_that_dies("after-write", 8)  # it is taken over, and nothing is sent yet
    assert len(world.query("SELECT 1 FROM MON_CustMasterSchedule")) == 2
    assert world.sandbox.item(made).values == cells
    world.has_orders(GREYSONS[0])

    report = world.sync(limits=ANY_REMOVAL)

    assert report.orders_done == {"DELETED": 1}
    assert world.sandbox.item(made).values == cells | {"ORDER TYPE": "CANCELLED"}
