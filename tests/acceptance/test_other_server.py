"""The real command against a stand-in that the product does not know.

Every test is a promise to whoever runs `order-sync` in production. The command runs in a process
of its own, with environment variables alone. After each test the fixture also checks that no
column of the team was written, that the token is in no file, and that the server had nothing to
complain about (a mutation without a key, a key with another body, a value form it does not know).
"""

from __future__ import annotations

import csv
import json
import signal
import socket
import threading
import time
from contextlib import closing
from decimal import Decimal
from importlib.resources import files

import pytest

from tests.standin.place import COLOUR_CODE, TOKEN, order, wait_until
from tests.standin.server import Fault, FieldFault
from tests.standin.state import Column

GROUP = "GREYSON CLOTHIERS 2025 FALL"
ERRORS = "ERR_MON_CustMasterSchedule"

FULL_ROW = order(
    "GRE-04755",
    "JWHD100120 ",
    "417 - MALTESE BLUE",
    **{
        "CUSTOMER SEASON": " ",
        "CUSTOMER ALT PO": "ALT-0007",
        "ORDER DATE PO RECEIVED": "2025-05-20",
        "DROP": "DROP 1",
        "PATTERN ID": "P0001",
        "ALIAS/RELATED ITEM": "JWHD100119",
        "STYLE DESCRIPTION": " NALLA POLO ",
        "CATEGORY": "MENS",
        "RANGE / COLLECTION": "CORE",
        "DESTINATION": "US",
        "DESTINATION WAREHOUSE": "NJ WAREHOUSE",
        "ETA CUSTOMER WAREHOUSE DATE": "2025-10-31",
        "EX FACTORY DATE": "2025-09-26",
        "DELIVERY TERMS": "EX WORKS",
        "PLANNED DELIVERY METHOD": "OCEAN",
        "NOTES": 'ADDED 20.5.25, "rush"\nsecond line',
        "NOTES FOR PRICE": "agreed",
        "CUSTOMER PRICE": "$ 1,234.50",
        "USA ONLY LSTP 75% EX WORKS": "0",
        "EX WORKS (USD)": "12.50 ",
        "ADMINISTRATION FEE": "0.25",
        "DESIGN FEE": "1",
        "FX CHARGE": "2.125",
        "HANDLING": "INCL.",
        "SURCHARGE FEE": "3",
        "DISCOUNT": "-1.5",
        "FINAL FOB (USD)": "28.8600",
        "HS CODE": "6212.10.90.20",
        "US DUTY RATE": "7.5%",
        "US DUTY": "0.93",
        "FREIGHT": "$2.00",
        "US TARIFF RATE": "TRUE",
        "US TARIFF": " ",
        "DDP US (USD)": "N/A",
        "SMS PRICE USD": "15",
        "FINAL PRICES Y/N": "Y",
        COLOUR_CODE: "C-417",
        "MONTH": "never on the board",
        "XS": 22,
        "S": 104,
        "M": 0,
        "32DD": 7,
    },
)
FULL_CELLS = {
    "ORDER TYPE": ["RECEIVED"],
    "CUSTOMER": ["GREYSON CLOTHIERS"],
    "AAG ORDER NUMBER": "GRE-04755",
    "AAG SEASON": ["2025 FALL"],
    "ORDER DATE PO RECEIVED": "2025-05-20",
    "DROP": ["DROP 1"],
    "PO NUMBER": "4755",
    "CUSTOMER ALT PO": "ALT-0007",
    "PATTERN ID": "P0001",
    "ALIAS RELATED ITEM": "JWHD100119",
    "STYLE DESCRIPTION": "NALLA POLO",
    "CATEGORY": ["MENS"],
    "UNIT OF MEASURE": "PCE",
    "RANGE / COLLECTION": "CORE",
    "DESTINATION": "US",
    "DESTINATION WAREHOUSE": "NJ WAREHOUSE",
    "CUSTOMER REQ IN DC DATE": "2025-10-31",
    "CUSTOMER EX FACTORY DATE": "2025-09-26",
    "DELIVERY TERMS": ["EX WORKS"],
    "PLANNED DELIVERY METHOD": "OCEAN",
    "NOTES": 'ADDED 20.5.25, "rush"\nsecond line',
    "NOTES FOR PRICE": "agreed",
    "CUSTOMER PRICE": Decimal("1234.5"),
    "USA ONLY LSTP 75% EX WORKS": Decimal(0),
    "EX WORKS (USD)": Decimal("12.5"),
    "ADMINISTRATION FEE": Decimal("0.25"),
    "DESIGN FEE": Decimal(1),
    "FX CHARGE": Decimal("2.125"),
    "HANDLING": "INCL.",
    "SURCHARGE FEE": Decimal(3),
    "DISCOUNT": Decimal("-1.5"),
    "FINAL FOB (USD)": Decimal("28.86"),
    "US DUTY RATE": Decimal("7.5"),
    "US DUTY": Decimal("0.93"),
    "FREIGHT": Decimal(2),
    "US TARIFF RATE": Decimal(0),
    "SMS PRICE USD": Decimal(15),
    "FINAL PRICES Y/N": "Y",
    # filled by the team's automations, not by us
    "matchAlias": "kept by the team",
    "SEASON NAME": "kept by the team",
    "FCST QTY": Decimal(77),
    "FCST CONSUMED QTY": Decimal(77),
    "ORDER STATUS": "DONE",
}
FIRST_CELLS = {
    "STYLE": ["JWHD100120"],
    "COLOR": ["417 - MALTESE BLUE"],
    "HS CODE": ["6212.10.90.20"],
}
LATER_CELLS = {
    "STYLE": "JWHD100120",
    "COLOR": "417 - MALTESE BLUE",
    "HS CODE": "6212.10.90.20",
    "ORDER QTY": Decimal(133),
    "CUSTOMER COLOR CODE": "C-417",
}
GENERATIONS = [("first", FIRST_CELLS), ("later", LATER_CELLS)]


def few_orders(count: int = 4) -> list[dict[str, object]]:
    return [
        order(f"GRE-{n:05}", f"ST{n}", "WHITE", XS=n, L=10 * n, **{"CUSTOMER SEASON": "F25"})
        for n in range(1, count + 1)
    ]


def few_on_board(count: int = 4) -> list[tuple[str, str, dict[str, int]]]:
    return [
        (f"ST{n} WHITE GRE-{n:05}", "GREYSON CLOTHIERS F25", {"XS": n, "L": 10 * n})
        for n in range(1, count + 1)
    ]


# what stands on the board


@pytest.mark.parametrize(("generation", "own_cells"), GENERATIONS)
@pytest.mark.parametrize("settings", ["classic", "listed"])
def test_every_mapped_value_of_a_row_stands_in_its_column_and_nowhere_else(
    make_place, generation, own_cells, settings
):
    place = make_place(generation=generation, settings=settings)
    place.has_orders(FULL_ROW)

    place.sync()

    name = "JWHD100120 417 - MALTESE BLUE GRE-04755"
    assert [(i.name, place.board.groups[i.group_id].title) for i in place.items()] == [
        (name, GROUP)
    ]
    assert place.cells(name) == FULL_CELLS | own_cells
    assert place.lines(place.item(name)) == {
        "Size XS": ("XS", 22),
        "Size S": ("S", 104),
        "Size 32DD": ("32DD", 7),
    }


def test_a_group_of_that_name_in_the_archive_is_left_there_and_a_new_one_is_used(place):
    archived = [g for g in place.board.groups.values() if g.archived]
    place.has_orders(FULL_ROW, order("GRE-04755", "OTHER", S=1))

    place.sync()

    assert place.living_groups() == [GROUP, "NEW ORDERS"]
    assert {i.group_id for i in place.items()}.isdisjoint(g.id for g in archived)
    assert len({i.group_id for i in place.items()}) == 1


def test_a_group_the_board_already_has_is_used_again(place):
    group = place.world.put_group(place.board, GROUP)
    place.has_orders(FULL_ROW)

    place.sync()

    assert [i.group_id for i in place.items()] == [group.id]
    assert place.server.count("create_group") == 0


def test_customer_aliases_change_the_label_and_not_the_group(place):
    place.has_orders(
        order("RHY-00001", "A1", S=5, **{"CUSTOMER NAME": "RHYTHM (AU)"}),
        order("TIT-00001", "B1", M=6, **{"CUSTOMER NAME": "TITLE 9", "CUSTOMER SEASON": "F25"}),
        order("TIT-00002", "B2", M=6, **{"CUSTOMER NAME": "TITLE NINE", "AAG SEASON": "nan"}),
    )

    place.sync()

    assert place.picture() == [
        ("A1 WHITE RHY-00001", "RHYTHM (AU) 2025 FALL", {"S": 5}),
        ("B1 WHITE TIT-00001", "TITLE 9 F25", {"M": 6}),
        ("B2 WHITE TIT-00002", "TITLE NINE UNKNOWN_SEASON", {"M": 6}),
    ]
    labels = [place.cells(name)["CUSTOMER"] for name, _, _ in place.picture()]
    assert labels == [["RHYTHM"], ["TITLE NINE"], ["TITLE NINE"]]


def test_a_cancelled_order_comes_as_cancelled_and_without_sizes(place):
    place.has_orders(order("GRE-1", "ST1", S=5, **{"ORDER TYPE": "Cancelled"}))

    place.sync()

    assert place.picture() == [("ST1 WHITE GRE-1", GROUP, {})]
    assert place.cells("ST1 WHITE GRE-1")["ORDER TYPE"] == ["CANCELLED"]


def test_the_packaged_sample_arrives_as_its_file_says(place):
    sample = files("order_sync.samples") / "greyson-and-friends.csv"
    rows = list(csv.DictReader(sample.read_text("utf-8").splitlines(keepends=True)))
    header = list(rows[0])
    sizes = header[header.index("INFOR COLOUR CODE") + 1 : header.index("TOTAL QTY")]
    wanted = []
    for row in rows:
        if row["CUSTOMER NAME"] == "GREYSON CLOTHIERS" and row["PO NUMBER"] == "4755":
            keys = ("CUSTOMER STYLE", "CUSTOMER COLOUR DESCRIPTION", "AAG ORDER NUMBER")
            name = " ".join(row[k].strip() for k in keys)
            lines = {s: int(float(row[s])) for s in sizes if row[s].strip()}
            gone = row["ORDER TYPE"].upper() == "CANCELLED"
            lines = {} if gone else {s: n for s, n in lines.items() if n > 0}
            wanted.append((name, GROUP, lines))
    assert len(wanted) == 69
    path = place.folder / "sample.csv"
    path.write_text(sample.read_text("utf-8"), "utf-8")

    assert place.run("load", str(path), "--yes").code == 0
    place.sync("--customer", "GREYSON CLOTHIERS", "--po", "4755")

    assert place.picture() == sorted(wanted, key=lambda entry: entry[0])
    assert sum(len(lines) for _, _, lines in place.picture()) == 264


# a second run, filters, plan


def test_a_second_run_sends_no_mutation_and_asks_at_most_three_times(place):
    place.has_orders(*few_orders())
    place.sync()
    assert place.picture() == few_on_board()
    place.server.forget()

    place.sync()

    assert place.server.mutations == 0
    assert place.server.reads <= 3
    assert place.picture() == few_on_board()


def test_calls_are_few_because_rows_travel_together(place):
    place.has_orders(*few_orders(30))

    place.sync()

    assert len(place.picture()) == 30
    assert len(place.server.seen) <= 0.25 * (30 + 60)


def test_customer_and_purchase_order_restrict_what_is_sent(place):
    place.has_orders(
        order("GRE-1", "IN1", S=1),
        order("GRE-2", "IN2", S=1),
        order("GRE-3", "OUT1", S=1, **{"PO NUMBER": "4756"}),
        order("JOO-1", "OUT2", S=1, **{"CUSTOMER NAME": "JOHNNIE O"}),
    )

    place.sync("--customer", " greyson clothiers ", "--po", "4755")
    assert [name for name, _, _ in place.picture()] == ["IN1 WHITE GRE-1", "IN2 WHITE GRE-2"]

    place.sync()
    assert len(place.picture()) == 4


def test_plan_and_dry_run_tell_what_will_happen_and_change_nothing(place):
    place.has_orders(*few_orders(2))
    tables = place.tables()

    for arguments in (["plan"], ["sync", "--dry-run"]):
        done = place.run(*arguments, "--output", "json")
        assert done.code == 0, done.said
        assert done.document["schema_version"]
        assert done.document["new_groups"] == ["GREYSON CLOTHIERS F25"]
        (customer,) = done.document["customers"]
        assert (customer["new"], customer["size_lines"]) == (2, 4)

    assert place.server.mutations == 0
    assert place.tables() == tables


def test_an_order_that_changed_gets_what_differs_and_nothing_else(place):
    place.has_orders(*few_orders())
    place.sync()
    place.query(
        "UPDATE ORDERS_UNIFIED SET \"CUSTOMER PRICE\" = '9.5', L = 21, XS = NULL "
        "WHERE \"CUSTOMER STYLE\" = 'ST2'"
    )
    others = [place.cells(name) for name, _, _ in place.picture() if not name.startswith("ST2")]
    before = place.cells("ST2 WHITE GRE-00002")
    place.server.forget()

    plan = place.run("plan", "--output", "json")
    assert place.server.mutations == 0
    place.sync()

    (order_line,) = plan.document["orders"]
    assert order_line["name"] == "ST2 WHITE GRE-00002"
    assert [column["title"] for column in order_line["columns"]] == ["CUSTOMER PRICE"]
    assert place.server.count("change_multiple_column_values") == 3
    assert place.cells("ST2 WHITE GRE-00002") == before | {"CUSTOMER PRICE": Decimal("9.5")}
    name, group, _ = few_on_board()[1]
    assert place.picture()[1] == (name, group, {"XS": 0, "L": 21})
    assert [
        place.cells(name) for name, _, _ in place.picture() if not name.startswith("ST2")
    ] == others


def test_json_output_is_one_document_and_nothing_else(place):
    place.has_orders(*few_orders(1))

    done = place.sync("--output", "json", "-v")

    assert done.document["schema_version"]


# answers that do not arrive

LOST = [
    Fault("drop", write=True),
    Fault("drop", write=False),
    Fault("gateway", write=True),
    Fault("gateway", write=False),
    Fault("cut", write=True),
    Fault("cut", write=False),
    Fault("pathless", write=True),
    Fault("pathless", write=False),
    Fault("late", delay_s=1.4),
]
LOST_NAMES = [f"{f.do}-{'after' if f.write else 'before'}-the-write" for f in LOST]


@pytest.mark.parametrize("remembers", [True, False], ids=["remembers", "forgets"])
@pytest.mark.parametrize("field", ["create_item", "create_subitem", "create_group"])
@pytest.mark.parametrize("fault", LOST, ids=LOST_NAMES)
def test_a_lost_answer_leaves_every_order_once(make_place, fault, field, remembers):
    place = make_place(remembers_keys=remembers)
    place.has_orders(*few_orders())
    place.server.faults = [
        Fault(fault.do, on=field, write=fault.write, delay_s=fault.delay_s, times=1)
    ]

    codes = place.sync_until_done()

    assert place.server.faults[0].times == 0
    assert codes[-1] == 0
    assert place.picture() == few_on_board()
    assert place.living_groups() == ["GREYSON CLOTHIERS F25", "NEW ORDERS"]


@pytest.mark.parametrize("remembers", [True, False], ids=["remembers", "forgets"])
def test_many_lost_answers_in_one_run_leave_every_order_once(make_place, remembers):
    place = make_place(remembers_keys=remembers)
    place.settings["ORDER_SYNC_MONDAY__BATCH_SIZE"] = "2"
    place.has_orders(*few_orders(6))
    place.server.faults = [
        Fault("drop", on="create_item", write=True),
        Fault("cut", on="create_item", write=True, skip=1),
        Fault("gateway", on="create_subitem", write=True, times=2),
        Fault("drop", on="create_subitem", write=False, skip=1),
    ]

    codes = place.sync_until_done()

    assert codes[-1] == 0
    assert place.picture() == few_on_board(6)


@pytest.mark.parametrize("remembers", [True, False], ids=["remembers", "forgets"])
def test_a_group_and_an_item_in_it_whose_answers_are_lost_stand_once(make_place, remembers):
    """Both are found by look-up; learning the item must not make the run forget the group."""
    place = make_place(remembers_keys=remembers)
    place.has_orders(*few_orders())
    place.server.faults = [
        Fault("drop", on="create_group", write=True),
        Fault("drop", on="create_item", write=True),
    ]

    codes = place.sync_until_done()

    assert codes[-1] == 0
    assert place.living_groups() == ["GREYSON CLOTHIERS F25", "NEW ORDERS"]
    assert place.picture() == few_on_board()


def test_a_search_that_lags_behind_is_waited_for(make_place):
    place = make_place(remembers_keys=False, read_lag_s=1.5)
    place.settings["ORDER_SYNC_MONDAY__READ_LAG_S"] = "2"
    place.settings["ORDER_SYNC_MONDAY__SERVER_LIMIT_S"] = "1"
    place.has_orders(*few_orders(3))
    place.server.faults = [Fault("drop", on="create_item", write=True)]

    codes = place.sync_until_done()

    assert codes[-1] == 0
    assert place.picture() == few_on_board(3)


@pytest.mark.parametrize("field", ["create_item", "create_subitem"])
@pytest.mark.parametrize("write", [True, False], ids=["done", "not-done"])
def test_an_internal_error_of_one_alias_leaves_every_order_once(make_place, field, write):
    place = make_place(remembers_keys=False)
    place.has_orders(*few_orders())
    place.server.field_faults = [
        FieldFault(field, 500, "INTERNAL_SERVER_ERROR", "Internal server error", 1, write=write)
    ]

    codes = place.sync_until_done()

    assert codes[-1] == 0
    assert place.picture() == few_on_board()


@pytest.mark.parametrize("field", ["create_group", "create_item", "create_subitem"])
def test_a_locked_board_is_tried_again_and_only_for_the_locked_alias(place, field):
    place.has_orders(*few_orders())
    place.server.field_faults = [
        FieldFault(field, 423, "BoardBusy", "Resource is currently locked, please try again later")
    ]

    codes = place.sync_until_done()

    assert codes[-1] == 0
    assert place.picture() == few_on_board()


@pytest.mark.parametrize("spelling", ["Retry-After", "retry_in_seconds", "retryAfterMs", "t"])
def test_a_limit_is_waited_for_as_long_as_the_server_says(place, spelling):
    place.has_orders(*few_orders(2))
    place.server.faults = [Fault("limit", on="create_item", spelling=spelling, delay_s=5)]

    place.sync()

    tries = [s for s in place.server.seen if "create_item" in s.fields]
    assert [s.status for s in tries] == [429, 200]
    assert tries[1].at - tries[0].at >= 4.9
    assert place.picture() == few_on_board(2)


def test_the_daily_limit_pauses_a_run_and_the_next_one_asks_again(place):
    place.has_orders(*few_orders())
    place.server.faults = [Fault("limit", on="create_subitem", spelling="daily", times=99)]

    place.sync(code=4)
    assert len(place.items()) == 4

    place.server.faults = []
    place.sync()
    assert place.picture() == few_on_board()


def test_a_token_that_is_revoked_in_the_middle_exits_5_and_nothing_is_lost(place):
    place.has_orders(*few_orders())
    place.server.faults = [Fault("token", on="create_subitem")]

    place.sync(code=5)

    place.server.token_revoked = False
    assert place.sync_until_done()[-1] == 0
    assert place.picture() == few_on_board()


def test_an_api_version_that_was_not_asked_for_stops_the_run_before_the_first_write(place):
    place.server.served_version = "2027-01"
    place.has_orders(*few_orders(1))

    done = place.sync(code=(5, 6))

    assert "2027-01" in done.said
    assert place.server.mutations == 0


# a process that dies

DEATHS = [
    (field, write, remembers)
    for field in ("update_dropdown_column", "create_group", "create_item", "create_subitem")
    for write in (False, True)
    for remembers in (True, False)
]


@pytest.mark.parametrize(("field", "write", "remembers"), DEATHS)
def test_a_killed_run_leaves_every_order_once(make_place, field, write, remembers):
    place = make_place(remembers_keys=remembers)
    place.has_orders(*few_orders())
    run = place.start("sync", "--yes")
    died = threading.Event()

    def die() -> None:
        run.kill()
        died.set()

    place.server.faults = [Fault("call", on=field, write=write, hook=die)]
    assert died.wait(60), f"no {field} was sent"

    codes = place.sync_until_done()

    assert codes[-1] == 0
    assert place.picture() == few_on_board()
    assert place.living_groups() == ["GREYSON CLOTHIERS F25", "NEW ORDERS"]


@pytest.mark.parametrize("field", ["create_group", "create_item", "create_subitem"])
def test_a_request_that_lands_after_the_process_died_is_not_sent_twice(make_place, field):
    place = make_place(remembers_keys=False)
    place.has_orders(*few_orders(3))
    place.server.faults = [Fault("late", on=field, delay_s=1.8)]
    run = place.start("sync", "--yes")
    place.server.wait_for(field)
    run.kill()

    codes = place.sync_until_done()

    place.server.settle()
    assert codes[-1] == 0
    assert place.picture() == few_on_board(3)
    assert place.living_groups() == ["GREYSON CLOTHIERS F25", "NEW ORDERS"]


@pytest.mark.parametrize("mutation", [2, 3, 4, 5, 6, 8])
def test_a_kill_after_any_request_leaves_every_order_once(make_place, mutation):
    place = make_place(remembers_keys=False)
    place.settings["ORDER_SYNC_MONDAY__BATCH_SIZE"] = "2"
    place.has_orders(*few_orders(5))
    run = place.start("sync", "--yes")
    died = threading.Event()

    def die() -> None:
        run.kill()
        died.set()

    place.server.faults = [Fault("call", skip=mutation, write=True, hook=die)]
    assert died.wait(60), "the run ended before"

    codes = place.sync_until_done()

    assert codes[-1] == 0
    assert place.picture() == few_on_board(5)


@pytest.mark.parametrize("wait_ms", [0, 2, 5, 10, 20])
def test_a_kill_while_the_tables_are_made_does_no_harm(place, wait_ms):
    place.has_orders(*few_orders(2))
    run = place.start("sync", "--yes")
    assert wait_until(place.is_written, 60), "no table was made"
    time.sleep(wait_ms / 1000)
    run.kill()

    codes = place.sync_until_done()

    assert codes[-1] == 0
    assert place.picture() == few_on_board(2)


def test_a_run_told_to_stop_records_what_it_did_and_the_next_one_finishes(make_place):
    place = make_place(remembers_keys=False, delay_s=0.2)
    place.settings["ORDER_SYNC_MONDAY__BATCH_SIZE"] = "1"
    place.has_orders(*few_orders(5))
    run = place.start("sync", "--yes")
    place.server.wait_for("create_item")

    run.process.send_signal(signal.SIGTERM)

    assert run.done().code == 143
    place.world.options.delay_s = 0
    assert place.sync_until_done()[-1] == 0
    assert place.picture() == few_on_board(5)


def test_a_second_run_beside_the_first_exits_7_and_sends_nothing(make_place):
    place = make_place(delay_s=0.6)
    place.settings |= {
        "ORDER_SYNC_MONDAY__BATCH_SIZE": "1",
        "ORDER_SYNC_MONDAY__CONCURRENCY": "1",
    }
    place.has_orders(*few_orders(3))
    first = place.start("sync", "--yes")
    place.server.wait_for("create_item")

    second = place.run("sync", "--yes")

    assert first.process.poll() is None, "the first run ended too early to prove anything"
    assert second.code == 7, second.said
    place.world.options.delay_s = 0
    assert first.done().code == 0
    assert place.picture() == few_on_board(3)


# checks that stop a run


def test_a_refused_token_exits_5_and_says_so(place):
    place.has_orders(*few_orders(1))

    done = place.sync(code=5, MONDAY_API_TOKEN="another-" + TOKEN[:6])

    assert "token" in done.said.casefold()
    assert place.server.mutations == 0


def test_an_unreachable_server_exits_5(place):
    place.has_orders(*few_orders(1))
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        begun = time.monotonic()
        done = place.sync(code=5, ORDER_SYNC_MONDAY__API_URL=f"http://127.0.0.1:{port}/v2")

    assert time.monotonic() - begun < 35
    assert "could not be reached" in done.said


def test_a_board_without_a_required_column_exits_6_and_names_it(place):
    del place.board.columns[place.board.column("DESTINATION WAREHOUSE").id]
    place.has_orders(*few_orders(1))

    done = place.sync(code=6)

    assert "DESTINATION WAREHOUSE" in done.said
    assert place.server.mutations == 0


def test_a_required_column_of_a_wrong_type_exits_6_and_names_it(place):
    place.board.column("CUSTOMER PRICE").type = "mirror"
    place.has_orders(*few_orders(1))

    done = place.sync(code=6)

    assert "CUSTOMER PRICE" in done.said
    assert place.server.mutations == 0


def test_a_title_that_stands_twice_exits_6_and_names_both_columns(place):
    first = place.board.column("NOTES")
    place.board.columns["c_twin"] = Column("c_twin", "NOTES ", "long_text")
    place.has_orders(*few_orders(1))

    done = place.sync(code=6)

    assert "NOTES" in done.said
    assert first.id in done.said
    assert "c_twin" in done.said
    assert place.server.mutations == 0


def test_all_differences_of_the_board_are_told_at_once(place):
    for title in ("NOTES", "DROP"):
        del place.board.columns[place.board.column(title).id]
    del place.sizes.columns[place.sizes.column("Order Qty").id]
    place.has_orders(*few_orders(1))

    done = place.sync(code=6)

    assert all(t in done.said for t in ("NOTES", "DROP", "Order Qty"))


def test_an_unknown_profile_exits_2(place):
    place.has_orders(*few_orders(1))

    done = place.sync(code=2, ORDER_SYNC_PROFILE="no-such-profile")

    assert "no-such-profile" in done.said


def test_a_missing_source_table_exits_2_and_names_it(place):
    place.has_orders()

    done = place.sync(code=2, ORDER_SYNC_SOURCE__TABLE="NO_SUCH_TABLE")

    assert "NO_SUCH_TABLE" in done.said


def test_an_unknown_board_exits_6_and_names_it(place):
    place.has_orders(*few_orders(1))

    done = place.sync(code=6, ORDER_SYNC_MONDAY__BOARD_ID="4299999999")

    assert "4299999999" in done.said


def test_lost_state_on_a_filled_board_exits_8_names_adopt_and_writes_nothing(place):
    place.has_orders(*few_orders())
    place.sync()
    place.database = "restored.db"
    place.has_orders(*few_orders())
    place.server.forget()

    done = place.sync(code=8)

    assert "adopt" in done.said
    assert place.server.mutations == 0
    assert place.picture() == few_on_board()


# rows that cannot go


def test_bad_rows_stand_in_the_error_table_with_what_to_do_and_the_others_on_the_board(place):
    place.has_orders(
        *few_orders(2),
        order("GRE-90001", " ", S=1),
        order("GRE-90002", "ST", "N/A", S=1),
        order("GRE-90003", "TWICE", S=1),
        order("GRE-90003", " twice", S=2),
        order("GRE-90004", "X" * 250, S=1),
        order("GRE-90005", "NEGATIVE", S=5, M=-3),
        order("GRE-90006", "STRANGER", S=1, **{"CUSTOMER NAME": "QUILLMERE TRADING"}),
        order("GRE-90007", "LONG", S=1, NOTES="n" * 2_001),
        order("GRE-90008", "UNIT", S=1, **{"UNIT OF MEASURE": "pce"}),
        {},
    )
    before = place.source()

    place.sync(code=3)

    assert place.picture() == few_on_board(2)
    open_errors = place.refused()
    by_order = {}
    for row in open_errors:
        kept = json.loads(row["original_data"])
        number = (kept[0] if isinstance(kept, list) else kept)["AAG ORDER NUMBER"]
        by_order.setdefault(number, []).append(row["error_type"])
    assert {n: set(types) for n, types in by_order.items() if n != "GRE-90004"} == {
        "GRE-90001": {"missing_key"},
        "GRE-90002": {"missing_key"},
        "GRE-90003": {"duplicate_key"},
        "GRE-90005": {"negative_quantity"},
        "GRE-90006": {"unknown_label"},
        "GRE-90007": {"too_long"},
        "GRE-90008": {"unknown_label"},
    }
    assert "long" in by_order["GRE-90004"][0]
    assert all(len(row["error_message"]) > 30 for row in open_errors)
    stranger = next(r for r in open_errors if "QUILLMERE" in r["error_message"])
    assert "CUSTOMER" in stranger["error_message"]
    assert place.source() == before


def test_a_repaired_row_goes_through_and_its_error_closes_itself(place):
    place.has_orders(order("GRE-1", "ST1", S=5, **{"CUSTOMER NAME": "QUILLMERE TRADING"}))
    place.sync(code=3)
    assert place.items() == []

    place.board.column("CUSTOMER").labels[99] = "QUILLMERE TRADING"
    place.sync()

    assert [name for name, _, _ in place.picture()] == ["ST1 WHITE GRE-1"]
    assert place.refused() == []


def test_equal_copies_of_a_row_count_as_one_order(place):
    place.has_orders(order("GRE-1", "ST1", S=5), order("GRE-1", "ST1", S=5))

    place.sync()

    assert place.picture() == [("ST1 WHITE GRE-1", GROUP, {"S": 5})]


def test_a_row_that_only_the_server_refuses_does_not_hold_up_its_neighbours(place):
    place.has_orders(*few_orders(4))
    place.server.field_faults = [
        FieldFault("create_item", 200, "ColumnValueException", "no such value", skip=1, times=99)
    ]

    place.sync(code=3)

    assert len(place.items()) == 1
    open_errors = place.refused()
    assert len(open_errors) == 3
    assert all(row["error_type"] and row["error_message"] for row in open_errors)


# labels and rights


def test_new_labels_are_made_once_and_old_ones_keep_their_ids(place):
    column = place.board.column("AAG SEASON")
    before = dict(column.labels)
    place.has_orders(
        order("GRE-1", "ST1", S=1, **{"AAG SEASON": "2026 SPRING"}),
        order("GRE-2", "ST2", M=1, **{"AAG SEASON": "2026 SPRING"}),
        order("GRE-3", "ST3", L=1),
    )

    place.sync()

    assert before.items() <= column.labels.items()
    assert set(column.labels.values()) - set(before.values()) == {"2026 SPRING"}
    assert len(column.labels) == len(before) + 1
    assert len(place.items()) == 3


def test_without_the_right_to_change_columns_labels_come_by_the_flag(make_place):
    place = make_place(structure="flag")
    place.has_orders(*few_orders())

    code = place.sync(code=(0, 3)).code

    refused = place.refused()
    assert len(place.items()) + len(refused) == 4
    assert (code == 0) == (not refused)
    assert all("ST" in row["error_message"] for row in refused)
    on_board = {name for name, _, _ in place.picture()}
    assert on_board <= {name for name, _, _ in few_on_board()}


def test_without_any_right_to_make_labels_rows_are_refused_with_what_to_do(make_place):
    place = make_place(structure="none")
    place.board.column("STYLE").labels[4] = "KNOWN"
    place.board.column("COLOR").labels[2] = "WHITE"
    place.has_orders(order("GRE-1", "KNOWN", XS=3), order("GRE-2", "UNKNOWN", XS=3))

    place.sync(code=3)

    assert place.picture() == [("KNOWN WHITE GRE-1", GROUP, {"XS": 3})]
    (row,) = place.refused()
    assert "STYLE" in row["error_message"]
    assert "UNKNOWN" in row["error_message"]


def test_an_order_refused_for_want_of_a_right_goes_when_a_person_adds_the_label(make_place):
    place = make_place(structure="none")
    place.board.column("COLOR").labels[2] = "WHITE"
    place.has_orders(order("GRE-1", "UNKNOWN", XS=3))
    place.sync(code=(3, 5))
    assert place.items() == []

    place.board.column("STYLE").labels[4] = "UNKNOWN"
    place.sync()

    assert place.picture() == [("UNKNOWN WHITE GRE-1", GROUP, {"XS": 3})]
    assert place.refused() == []
    assert place.refused(f"{ERRORS}_Subitems") == []


def test_one_order_without_the_right_to_make_its_label_does_not_stop_the_others(make_place):
    place = make_place(structure="none")
    place.settings["ORDER_SYNC_MONDAY__BATCH_SIZE"] = "2"
    place.board.column("STYLE").labels[4] = "KNOWN"
    place.board.column("COLOR").labels[2] = "WHITE"
    johnnie = {"CUSTOMER NAME": "JOHNNIE O"}
    place.has_orders(
        order("GRE-1", "UNKNOWN", XS=3),
        *(order(f"JOO-{n}", "KNOWN", XS=n, **johnnie) for n in range(1, 7)),
    )

    place.sync(code=3)

    assert place.picture() == [
        (f"KNOWN WHITE JOO-{n}", "JOHNNIE O 2025 FALL", {"XS": n}) for n in range(1, 7)
    ]


def test_a_size_without_a_label_is_refused_and_its_order_stands(make_place):
    place = make_place(structure="none")
    place.board.column("STYLE").labels[4] = "KNOWN"
    place.board.column("COLOR").labels[2] = "WHITE"
    place.has_orders(order("GRE-1", "KNOWN", XS=3, XXL=4))

    place.sync(code=3)

    assert place.picture() == [("KNOWN WHITE GRE-1", GROUP, {"XS": 3})]
    (row,) = place.refused(f"{ERRORS}_Subitems")
    assert "XXL" in row["error_message"]


# people, and hostile values


@pytest.mark.parametrize("generation", ["first", "later"])
def test_an_item_a_person_made_is_taken_over_and_not_doubled(make_place, generation):
    place = make_place(generation=generation)
    place.has_orders(*few_orders(1))
    place.sync()
    labels = generation == "first"
    by_hand = place.world.put_item(
        place.board,
        "typed by hand",
        {
            "AAG ORDER NUMBER": "gre-00002",
            "STYLE": {"labels": ["ST2"]} if labels else "ST2",
            "COLOR": {"labels": ["White"]} if labels else "White",
            "FCST QTY": "500",
        },
    )
    place.has_orders(few_orders(2)[1])
    place.server.forget()

    place.sync(code=(0, 3))

    assert place.server.count("create_item") == 0
    assert len(place.items()) == 2
    assert place.world.cells(by_hand)["FCST QTY"] == Decimal(500)


def test_an_item_with_the_same_number_and_another_style_is_not_taken_over(place):
    place.has_orders(*few_orders(1))
    place.sync()
    place.world.put_item(
        place.board,
        "typed by hand",
        {
            "AAG ORDER NUMBER": "GRE-00002",
            "STYLE": {"labels": ["ST22"]},
            "COLOR": {"labels": ["WHITE"]},
        },
    )
    place.has_orders(few_orders(2)[1])

    place.sync()

    assert {name for name, _, _ in place.picture()} == {
        "ST1 WHITE GRE-00001",
        "ST2 WHITE GRE-00002",
        "typed by hand",
    }


def test_a_person_made_item_is_found_among_many_of_the_same_number(make_place):
    place = make_place(generation="later")
    place.has_orders(*few_orders(1))
    place.sync()
    for n in range(130):
        style = "ST2" if n == 129 else f"OTHER{n}"
        cells = {"AAG ORDER NUMBER": "GRE-00002", "STYLE": style, "COLOR": "WHITE"}
        place.world.put_item(place.board, f"typed by hand {n}", cells)
    place.has_orders(few_orders(2)[1])
    place.server.forget()

    place.sync(code=(0, 3))

    assert place.server.count("create_item") == 0
    assert len(place.items()) == 131


def test_two_items_of_one_order_on_the_board_wait_for_a_person(make_place):
    place = make_place(generation="later")
    place.has_orders(*few_orders(1))
    place.sync()
    for name in ("once", "twice"):
        cells = {"AAG ORDER NUMBER": "GRE-00002", "STYLE": "ST2", "COLOR": "WHITE"}
        place.world.put_item(place.board, name, cells)
    place.has_orders(*few_orders(3)[1:])
    place.server.forget()

    place.sync(code=3)

    assert sorted(i.name for i in place.items()) == [
        "ST1 WHITE GRE-00001",
        "ST3 WHITE GRE-00003",
        "once",
        "twice",
    ]
    assert [row["error_type"] for row in place.refused()] == ["duplicate_on_board"]


HOSTILE = {
    "sql": "'); DROP TABLE ORDERS_UNIFIED; --",
    "graphql": '"}) { id } x: delete_board(board_id: 1) { id } #',
    "json": '{"labels":["x"]} \\" \\u0000 \\n',
    "emoji": "👩🏽‍🚀 ÅÄÖ 漢字 é́",
    "comma": "A, B; C|D\\E/F %s {0} $1 :name",
}


@pytest.mark.parametrize("generation", ["first", "later"])
def test_hostile_values_arrive_unchanged(make_place, generation):
    place = make_place(generation=generation)
    long_note = ('quote " \\ newline\n' + "👕" + "z" * 2_000)[:2_000]
    for n, text in enumerate(HOSTILE.values()):
        place.has_orders(
            order(
                f"GRE-{n}",
                text,
                f"colour {text}",
                S=n + 1,
                NOTES=long_note,
                **{
                    "CUSTOMER NAME": 'O\'DUNMORE "OUTFIT" CO.',
                    "PO NUMBER": text,
                    "CUSTOMER SEASON": text,
                    "DESTINATION": text,
                    "STYLE DESCRIPTION": text,
                },
            )
        )

    place.sync()

    labels = generation == "first"
    assert len(place.items()) == len(HOSTILE)
    for n, text in enumerate(HOSTILE.values()):
        name = f"{text} colour {text} GRE-{n}"
        cells = place.cells(name)
        group = place.board.groups[place.item(name).group_id].title
        assert group == f'O\'DUNMORE "OUTFIT" CO. {text}'.upper()
        assert cells["STYLE"] == ([text] if labels else text)
        assert cells["COLOR"] == ([f"colour {text}"] if labels else f"colour {text}")
        assert cells["CUSTOMER SEASON"] == [text]
        assert cells["NOTES"] == long_note
        assert {cells[t] for t in ("PO NUMBER", "DESTINATION", "STYLE DESCRIPTION")} == {text}
        assert place.lines(place.item(name)) == {"Size S": ("S", n + 1)}
    place.server.forget()
    place.sync()
    assert place.server.mutations == 0


def test_the_token_is_nowhere_even_when_all_goes_wrong(place):
    place.has_orders(*few_orders())
    place.server.faults = [
        Fault("gateway", on="create_group", write=True),
        Fault("cut", on="create_item", write=True),
    ]

    place.sync("-v", code=(0, 3))

    dump = [str(row) for table in place.tables() for row in place.query(f'SELECT * FROM "{table}"')]
    assert any("create_item" in line or "gre-00001" in line for line in dump)
    assert not any(TOKEN in line for line in dump)


def test_a_server_that_tells_its_budget_is_obeyed_without_a_pause(make_place):
    place = make_place(budget_headers=True)
    place.has_orders(*few_orders())

    place.sync()

    assert place.picture() == few_on_board()


def test_no_more_requests_are_in_flight_than_allowed(make_place):
    place = make_place(delay_s=0.05)
    place.settings |= {
        "ORDER_SYNC_MONDAY__BATCH_SIZE": "1",
        "ORDER_SYNC_MONDAY__CONCURRENCY": "2",
    }
    place.has_orders(*few_orders(8))

    place.sync()

    assert len(place.picture()) == 8
    assert place.server.most_at_once <= 2
