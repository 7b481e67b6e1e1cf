"""Orders that change, are cancelled, leave the source or the board, after they were published."""

from __future__ import annotations

import threading
from importlib.resources import files

import pytest

from tests.standin.place import order
from tests.standin.server import Fault, FieldFault

GROUP = "GREYSON CLOTHIERS 2025 FALL"
SPRING = "GREYSON CLOTHIERS 2026 SPRING"
NAMES = [f"ST{n} WHITE GRE-{n}" for n in (1, 2, 3)]
ERRORS = "ERR_MON_CustMasterSchedule"
UPDATE = "change_multiple_column_values"


def on_board(*first: tuple[str, str, dict[str, int]]) -> list[tuple[str, str, dict[str, int]]]:
    """The board with another first order; none at all, if it is gone."""
    rest = [(name, GROUP, {"XS": n, "L": 10 * n}) for n, name in enumerate(NAMES[1:], 2)]
    return sorted([*first, *rest], key=lambda entry: entry[0])


def published(place):
    """Three orders on the board, and nothing left to do."""
    place.has_orders(
        *(
            order(f"GRE-{n}", f"ST{n}", XS=n, L=10 * n, **{"CUSTOMER PRICE": "12.5"})
            for n in (1, 2, 3)
        )
    )
    place.sync()
    place.server.forget()
    return place


def change(place, number: int = 1, **cells) -> None:
    """Give one row of the source other cells."""
    names = {name.replace("_", " "): value for name, value in cells.items()}
    columns = ", ".join(f'"{name}" = ?' for name in names)
    place.query(
        f'UPDATE ORDERS_UNIFIED SET {columns} WHERE "AAG ORDER NUMBER" = ?',
        *names.values(), f"GRE-{number}",
    )  # fmt: skip


def nothing_left(place) -> None:
    place.server.forget()
    place.sync()
    assert place.server.mutations == 0


CHANGES = {
    "price": (
        {"CUSTOMER_PRICE": "13"},
        (NAMES[0], GROUP, {"XS": 1, "L": 10}), {"CUSTOMER PRICE": 1},
    ),
    "emptied": (
        {"CUSTOMER_PRICE": None, "PO_NUMBER": " "},
        (NAMES[0], GROUP, {"XS": 1, "L": 10}), {"CUSTOMER PRICE": 1, "PO NUMBER": 1},
    ),
    "season": (
        {"AAG_SEASON": "2026 SPRING"},
        (NAMES[0], SPRING, {"XS": 1, "L": 10}), {"AAG SEASON": 1},
    ),
    "name": (
        {"CUSTOMER_STYLE": "st1"},
        ("st1 WHITE GRE-1", GROUP, {"XS": 1, "L": 10}), {"STYLE": 1, "Name": 1},
    ),
    "sizes": (
        {"XS": None, "M": 4, "L": 11, "TOTAL_QTY": 15},
        (NAMES[0], GROUP, {"XS": 0, "M": 4, "L": 11}), {},
    ),
    "cancelled": (
        {"ORDER_TYPE": "cancelled"},
        (NAMES[0], GROUP, {"XS": 0, "L": 0}), {"ORDER TYPE": 1},
    ),
    "all at once": (
        {"AAG_SEASON": "2026 SPRING", "CUSTOMER_PRICE": "14", "L": 12, "TOTAL_QTY": 13},
        (NAMES[0], SPRING, {"XS": 1, "L": 12}), {"AAG SEASON": 1, "CUSTOMER PRICE": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "generation"),
    [*((what, "first") for what in CHANGES), ("name", "later"), ("all at once", "later")],
)
def test_a_changed_order_gets_what_differs_and_nothing_else(make_place, what, generation):
    cells, wanted, titles = CHANGES[what]
    place = published(make_place(generation=generation))
    ids = {item.id for item in place.items()}
    change(place, **cells)

    place.sync()

    assert place.picture() == on_board(wanted)
    if generation == "later" and "TOTAL_QTY" in cells:  # a formula on the first one
        titles = titles | {"ORDER QTY": 1}
    assert place.world.written_titles(place.board) == titles
    assert {item.id for item in place.items()} == ids
    nothing_left(place)


@pytest.mark.parametrize("what", ["name", "cancelled", "all at once"])
def test_a_change_that_is_taken_back_is_written_back(place, what):
    published(place)
    before = place.cells(NAMES[0])
    rows = place.source()
    change(place, **CHANGES[what][0])
    place.sync()
    columns = ", ".join(f'"{name}" = ?' for name in rows[0])
    place.query(
        f'UPDATE ORDERS_UNIFIED SET {columns} WHERE "AAG ORDER NUMBER" = ?',
        *rows[0].values(), "GRE-1",
    )  # fmt: skip

    place.sync()

    ((name, group, lines), *rest) = place.picture()
    assert (name, group, {size: n for size, n in lines.items() if n}) == (
        NAMES[0], GROUP, {"XS": 1, "L": 10},
    )  # fmt: skip
    assert rest == on_board()
    assert place.cells(NAMES[0]) == before
    nothing_left(place)


FIELDS = [UPDATE, "move_item_to_group"]
BROKEN = [
    Fault("drop", write=True),
    Fault("drop", write=False),
    Fault("gateway", write=True),
    Fault("cut", write=True),
    Fault("pathless", write=False),
]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("fault", BROKEN, ids=[f"{f.do}-{f.write}" for f in BROKEN])
def test_a_lost_answer_of_a_change_ends_in_what_the_source_says(place, field, fault):
    cells, wanted, _ = CHANGES["all at once"]
    published(place)
    change(place, **cells)
    place.server.faults = [Fault(fault.do, on=field, write=fault.write)]

    codes = place.sync_until_done()

    assert place.server.faults[0].times == 0
    assert codes[-1] == 0
    assert place.picture() == on_board(wanted)


@pytest.mark.parametrize("write", [True, False], ids=["done", "not-done"])
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("back", [False, True], ids=["stays", "flips-back"])
def test_a_killed_change_is_finished_by_the_next_run(place, field, write, back):
    """Also when the source says meanwhile what it said before."""
    cells, wanted, _ = CHANGES["all at once"]
    published(place)
    change(place, **cells)
    run = place.start("sync", "--yes")
    died = threading.Event()

    def die() -> None:
        run.kill()
        died.set()

    place.server.faults = [Fault("call", on=field, write=write, hook=die)]
    assert died.wait(60), f"no {field} was sent"
    if back:
        change(place, AAG_SEASON="2025 FALL", CUSTOMER_PRICE="12.5", L=10, TOTAL_QTY=11)
        wanted = (NAMES[0], GROUP, {"XS": 1, "L": 10})

    codes = place.sync_until_done()

    assert codes[-1] == 0
    assert place.picture() == on_board(wanted)
    nothing_left(place)


def test_a_late_first_copy_of_a_change_does_not_stay(make_place):
    """It lands after the process died, and after the source has changed again."""
    place = published(make_place(remembers_keys=False))
    change(place, CUSTOMER_PRICE="13")
    place.server.faults = [Fault("late", on=UPDATE, delay_s=1.5)]
    run = place.start("sync", "--yes")
    place.server.wait_for(UPDATE)
    run.kill()
    change(place, CUSTOMER_PRICE="14")

    assert place.sync_until_done()[-1] == 0

    place.server.settle()
    assert place.cells(NAMES[0])["CUSTOMER PRICE"] == 14
    nothing_left(place)


def test_a_refused_change_waits_and_the_others_go_through(place):
    published(place)
    for number in (1, 2, 3):
        change(place, number, CUSTOMER_PRICE="13")
    place.server.field_faults = [
        FieldFault(UPDATE, 200, "ColumnValueException", "no such value", skip=1, times=99)
    ]

    place.sync(code=3)

    refused = place.refused()
    prices = [place.cells(name)["CUSTOMER PRICE"] for name in NAMES]
    assert prices.count(13) == 1
    assert len(refused) == 2
    known = place.query(
        'SELECT "Title" AS name, "CUSTOMER PRICE" AS price FROM MON_CustMasterSchedule ORDER BY 1'
    )
    assert [row["price"] for row in known] == [float(price) for price in prices]


# orders and items that go


def gone(place, name: str, state: str) -> None:
    with place.world.lock:
        place.world.retire(place.item(name).id, state)


@pytest.mark.parametrize(
    ("state", "takes_writes"), [("archived", False), ("archived", True), ("deleted", False)]
)
@pytest.mark.parametrize("what", ["price", "season", "sizes"])
def test_a_change_of_an_item_that_has_left_the_board_waits_for_a_person(
    make_place, what, state, takes_writes
):
    place = published(make_place(archive_takes_writes=takes_writes))
    gone(place, NAMES[0], state)
    change(place, **CHANGES[what][0])
    change(place, 2, CUSTOMER_PRICE="15")

    place.sync(code=3)

    codes = {row["error_type"] for row in [*place.refused(), *place.refused(f"{ERRORS}_Subitems")]}
    assert "gone_from_board" in codes <= {"gone_from_board", "parent_failed"}
    assert place.picture() == on_board()
    assert place.cells(NAMES[1])["CUSTOMER PRICE"] == 15
    place.server.forget()
    place.sync(code=3)
    assert place.server.mutations == 0


def test_a_gone_order_is_made_anew_when_a_person_says_so(place):
    published(place)
    gone(place, NAMES[0], "deleted")
    change(place, CUSTOMER_PRICE="13")
    place.sync(code=3)

    done = place.run("errors", "resolve", "GRE-1", "--as", "recreate", "--yes")
    assert done.code == 0, done.said
    place.sync()

    assert place.picture() == on_board((NAMES[0], GROUP, {"XS": 1, "L": 10}))
    assert place.cells(NAMES[0])["CUSTOMER PRICE"] == 13
    assert place.refused() == []
    nothing_left(place)


def under(place, policy: str) -> None:
    """Use a copy of the shipped profile with this policy for orders that left the source."""
    shipped = files("order_sync.profiles") / "customer-master-schedule.toml"
    text = shipped.read_text("utf-8").replace('policy = "report"', f'policy = "{policy}"')
    path = place.folder / "profile.toml"
    path.write_text(text, "utf-8")
    place.settings["ORDER_SYNC_PROFILE"] = str(path)


LEFT = {
    "report": [(NAMES[0], GROUP, {"XS": 1, "L": 10})],
    "cancel": [(NAMES[0], GROUP, {"XS": 0, "L": 0})],
    "archive": [],
}


@pytest.mark.parametrize("policy", LEFT)
def test_an_order_that_left_the_source_is_treated_as_the_profile_says(place, policy):
    under(place, policy)
    published(place)
    place.query("DELETE FROM ORDERS_UNIFIED WHERE \"AAG ORDER NUMBER\" = 'GRE-1'")

    if policy != "report":
        assert "--max-removals" in place.sync(code=8).said
    place.sync("--max-removals", "1")

    assert place.picture() == on_board(*LEFT[policy])
    nothing_left(place)


@pytest.mark.parametrize("write", [True, False], ids=["done", "not-done"])
@pytest.mark.parametrize("remembers", [True, False], ids=["remembers", "forgets"])
def test_a_lost_answer_of_an_archive_archives_one_item(make_place, write, remembers):
    place = make_place(remembers_keys=remembers)
    under(place, "archive")
    published(place)
    place.query("DELETE FROM ORDERS_UNIFIED WHERE \"AAG ORDER NUMBER\" = 'GRE-1'")
    place.server.faults = [Fault("drop", on="archive_item", write=write)]

    code = place.sync("--max-removals", "1", code=(0, 3)).code
    if code:
        place.sync("--max-removals", "1")

    assert place.picture() == on_board()
    assert place.refused() == []
    nothing_left(place)


def test_items_of_people_are_never_archived(place):
    under(place, "archive")
    published(place)
    place.world.put_item(place.board, "a note of the planners", {})
    place.query("DELETE FROM ORDERS_UNIFIED WHERE \"AAG ORDER NUMBER\" <> 'GRE-3'")

    place.sync("--max-removals", "100%")

    assert sorted(item.name for item in place.items()) == [NAMES[2], "a note of the planners"]


# a plan that was approved


def test_an_approved_plan_is_done_and_another_one_is_not(place):
    published(place)
    change(place, CUSTOMER_PRICE="13")
    assert place.run("plan", "--out", "plan.json").code == 0
    change(place, 2, CUSTOMER_PRICE="14")

    place.sync("--plan", "plan.json", code=6)
    assert place.server.mutations == 0

    change(place, 2, CUSTOMER_PRICE="12.5")
    place.sync("--plan", "plan.json")
    assert place.world.written_titles(place.board) == {"CUSTOMER PRICE": 1}
