"""explain: the story of an order, against real runs on the sandbox and hand-made states."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import update

from order_sync.db import events, refused, runs
from order_sync.db.engine import Database
from order_sync.db.events import OrderEvent
from order_sync.db.known import FoundItem, FoundLine, adopt
from order_sync.db.refused import ErrorRow
from order_sync.db.staging import Unit
from order_sync.db.upgrade import ensure_tables
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer

from .conftest import HEADER

HEADER = HEADER + ",AAG SEASON,CUSTOMER SEASON,ORDER TYPE,UNIT OF MEASURE"
GOOD = "JOO-1,JOHNNIE O,M01,WHITE,4755,12,7,2025 FALL,,RECEIVED,PCE"
SECOND = GOOD.replace("M01,WHITE", "M02,BLACK")
BAD = "JOO-2,JOHNNIE O,M01,WHITE,4755,-3,,2025 FALL,,RECEIVED,PCE"
BOARD = "4711"
KEY = "joo-1|m01|white"


@pytest.fixture
def published(run, write_csv, monkeypatch):
    """Publish rows to a board of their own, in one run."""

    def published(*rows):
        sandbox = Sandbox(SandboxOptions(token="token"))
        board = sandbox.add_board("customer-master-schedule", customers=["JOHNNIE O"])
        monkeypatch.setenv("MONDAY_API_TOKEN", "token")
        monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", board.id)
        with SandboxServer(sandbox, port=0) as server:
            monkeypatch.setenv("ORDER_SYNC_MONDAY__API_URL", server.api_url)
            assert run("load", str(write_csv(*rows, header=HEADER))).exit_code == 0
            assert run("sync").exit_code in (0, 3)
        return sandbox, board.id

    return published


@pytest.fixture
def write(folder, tables, shipped, monkeypatch):
    """Do something in a run of its own, as if it had ended."""
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", BOARD)

    def write(work, board=BOARD):
        def within(conn):
            ensure_tables(conn, tables)
            return work(conn, runs.start_run(conn, tables, shipped, "sync", {}, board))

        with closing(Database(f"sqlite:///{folder / 'order-sync.db'}")) as database:
            return database.run(within)

    return write


@pytest.fixture
def tell(write, tables):
    """Append events to the biography of an order."""

    def tell(*told, board=BOARD):
        write(lambda conn, run: events.add_events(conn, tables, run, told), board)

    return tell


@pytest.fixture
def explained(run):
    def explained(*argv):
        ended = run("explain", *argv, "-o", "json")
        assert ended.exit_code == 0, ended.err
        return ended.document["orders"]

    return explained


# What a run leaves -------------------------------------------------------------------------------


def test_a_published_order_is_told_from_the_board_to_the_last_request(run, published, explained):
    sandbox, board_id = published(GOOD)
    (item,) = sandbox.items(board_id)
    (story,) = explained(KEY)
    assert (story["standing"], story["item_id"], story["board_id"]) == (
        "on_board", item.id, board_id,
    )  # fmt: skip
    assert [(held["size"], held["pieces"]) for held in story["lines"]] == [("M", 7), ("S", 12)]
    told = [(e["event"], e["size_key"]) for e in story["events"]]
    assert told[:4] == [("STAGED", None), ("CLAIMED", None), ("ACCEPTED", None), ("RECORDED", None)]
    assert {e["request_id"] for e in story["events"]} - {None} == {
        request["request_id"] for request in story["requests"]
    }
    assert [r["kind"] for r in story["requests"]] == ["create_items", "create_subitems"]
    for request in story["requests"]:
        assert (request["state"], request["http_status"], request["send_no"]) == ("SETTLED", 200, 1)
        assert request["monday_request_id"]
        assert request["cost"] > 0

    shown = run("explain", "JOO-1").out
    heading, *_ = shown.splitlines()
    assert heading == (
        f"{KEY} is on board {board_id} as item {item.id} in JOHNNIE O 2025 FALL, with 2 size lines."
    )
    for part in ("M01 WHITE JOO-1", "STAGED", "NEW CREATE", "create_subitems", "acknowledged"):
        assert part in shown


def test_a_refused_order_is_told_with_what_to_do(run, published, explained):
    published(GOOD, BAD)
    (story,) = explained("joo-2")
    assert (story["standing"], story["item"], story["refused"]) == (
        "refused", None, ["negative_quantity"],
    )  # fmt: skip
    (error,) = story["errors"]
    assert error["original"]["AAG ORDER NUMBER"] == "JOO-2"
    shown = run("explain", "JOO-2").out
    assert "refused with negative_quantity." in shown
    assert "do: Correct the quantity." in shown
    assert "order-sync errors show 'joo-2|m01|white'" in shown


def test_a_number_of_several_order_lines_is_told_in_short_with_how_to_see_one(
    run, published, explained
):  # fmt: skip
    published(GOOD, SECOND)
    shown = run("explain", "joo-1")
    assert shown.out.startswith("joo-1: 2 order lines")
    for key in (KEY, "joo-1|m02|black"):
        assert key in shown.out
    assert f"next: order-sync explain '{KEY}'" in shown.out
    assert "CLAIMED" not in shown.out
    assert [len(story["events"]) > 0 for story in explained("joo-1")] == [True, True]


def test_a_key_is_found_however_it_is_typed(explained, published):
    published(GOOD, SECOND)
    assert len(explained(" joo-1 |M01|  White ")) == 1


# Values before and after, and the source as it is now --------------------------------------------

CHEAPER = GOOD.replace(",12,7,", ",12,9,")


@pytest.fixture
def world(run, write_csv, monkeypatch):
    """A board that answers while the test goes on, and its source."""
    sandbox = Sandbox(SandboxOptions(token="token"))
    board = sandbox.add_board("customer-master-schedule", customers=["JOHNNIE O"])
    monkeypatch.setenv("MONDAY_API_TOKEN", "token")
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", board.id)

    def source(*rows):
        assert run("load", str(write_csv(*rows, header=HEADER)), "--yes").exit_code == 0

    def sync(*argv):
        return run("sync", *argv).exit_code

    with SandboxServer(sandbox, port=0) as server:
        monkeypatch.setenv("ORDER_SYNC_MONDAY__API_URL", server.api_url)
        yield source, sync


def test_every_detection_is_told_with_the_values_before_and_after(run, world, explained):
    source, sync = world
    source(GOOD)
    assert sync() == 0
    source(CHEAPER.replace("RECEIVED", "cancelled").replace("4755", "4756"))
    assert sync() == 0
    (story,) = explained(KEY)
    first, second = (e for e in story["events"] if e["event"] == "STAGED")
    assert first["changes"] == []
    changes = {(c["field"], c["size"]): (c["before"], c["after"]) for c in second["changes"]}
    assert changes == {
        ("PO NUMBER", None): ("4755", "4756"),
        ("ORDER TYPE", None): ("RECEIVED", "CANCELLED"),
        ("Order Qty", "S"): ("12", "0"),
        ("Order Qty", "M"): ("7", "0"),
    }
    assert all(change["is_certain"] for change in second["changes"])
    shown = " ".join(run("explain", KEY).out.split())
    assert "CANCELLED CANCEL: PO NUMBER 4755 → 4756; ORDER TYPE RECEIVED → CANCELLED" in shown


def test_the_source_row_of_now_stands_beside_what_the_board_shows(run, world, explained):
    source, sync = world
    source(GOOD)
    assert sync() == 0
    (story,) = explained(KEY)
    assert story["source"]["presence"] == "there"
    (row,) = story["source"]["rows"]
    assert (row["refusals"], row["differences"]) == ([], [])
    assert (row["cells"]["PO NUMBER"], row["cells"]["M"]) == ("4755", 7)
    assert "as the board is known to show it" in run("explain", KEY).out

    source(CHEAPER)
    ((row,),) = (story["source"]["rows"] for story in explained(KEY))
    assert row["differences"] == [
        {"field": "Order Qty", "size": "M", "before": "7", "after": "9", "is_certain": True}
    ]
    shown = run("explain", KEY)
    assert "source now    differs from the board in 1 value" in shown.out
    assert "PO NUMBER 4755" in " ".join(run("explain", KEY, "--full").out.split())
    assert explained(KEY, "--no-source")[0]["source"] is None


def test_a_source_row_that_is_wrong_doubled_or_gone_is_told_as_that(run, world):
    source, sync = world
    source(GOOD)
    assert sync() == 0
    source(GOOD.replace(",12,7,", ",-3,7,"))
    assert 'source now    is refused: S: "-3" is negative' in run("explain", KEY).out
    source(GOOD, CHEAPER)
    assert "2 rows of ORDERS_UNIFIED have this key" in run("explain", KEY).out
    source(SECOND)
    assert "ORDERS_UNIFIED has no row with this key" in run("explain", KEY).out


def test_a_source_that_cannot_be_asked_is_a_line_and_no_error(run, world, monkeypatch, explained):
    source, sync = world
    source(GOOD)
    assert sync() == 0
    monkeypatch.setenv("ORDER_SYNC_SOURCE__TABLE", "NOT_THERE")
    ended = run("explain", KEY)
    assert ended.exit_code == 0
    assert "source now    cannot be asked: the source table NOT_THERE does not exist" in ended.out
    assert explained(KEY)[0]["source"]["presence"] == "unreachable"


@pytest.mark.parametrize("key", ["joo-9", "joo-9|m01|white"])
def test_an_order_only_the_source_knows_is_told_with_how_to_go_on(run, world, key):
    source, sync = world
    source(GOOD)
    assert sync() == 0
    source(GOOD, GOOD.replace("JOO-1", "JOO-9"))
    ended = run("explain", key)
    assert ended.exit_code == 2
    assert "the source has 1 order line(s) of it" in ended.err
    assert "do: see: order-sync plan --key 'joo-9|m01|white'" in ended.err
    assert "the source has" not in run("explain", key, "--no-source").err


def test_what_was_sent_for_an_order_and_the_answer_are_on_record(run, world, explained):
    source, sync = world
    source(GOOD, SECOND)
    assert sync() == 0
    (story,) = explained(KEY, "--full")
    items, lines = story["requests"]
    (sent,) = items["parts"]
    assert (sent["size_key"], sent["asked"]["name"]) == (None, "M01 WHITE JOO-1")
    assert sent["answered"] == {"data": {"id": story["item_id"]}}
    assert len([name for name in items["document"]["variables"] if name.startswith("name")]) == 2
    assert items["answer"]["data"]["r0"]["id"]
    assert {(p["size_key"], p["asked"]["name"]) for p in lines["parts"]} == {
        ("s", "Size S"), ("m", "Size M"),
    }  # fmt: skip
    assert {p["answered"]["data"]["id"] for p in lines["parts"]} == {
        line["subitem_id"] for line in story["lines"]
    }
    shown = run("explain", KEY, "--full").out
    assert '"name": "M01 WHITE JOO-1"' in shown
    assert "M02 BLACK" not in shown
    (story,) = explained(KEY)
    assert story["requests"][0]["document"] is None
    assert story["requests"][0]["parts"] == items["parts"]


def test_refusals_stand_in_the_line_of_time(run, world, explained):
    source, sync = world
    source(GOOD.replace(",12,7,", ",-3,7,"))
    assert sync() == 3
    source(GOOD)
    assert sync() == 0
    (story,) = explained(KEY)
    told = [e["event"] for e in story["events"]]
    assert told[0] == "REFUSAL_OPENED"
    assert "negative_quantity: " in story["events"][0]["detail"]
    assert told.count("REFUSAL_CLOSED") == 1
    assert [e["at"] for e in story["events"]] == sorted(e["at"] for e in story["events"])
    assert "When (UTC)" in run("explain", KEY).out
    # Of the newest events alone, what was refused before them is no part.
    (story,) = explained(KEY, "--limit", "1")
    assert "REFUSAL_OPENED" not in [e["event"] for e in story["events"]]


def test_an_item_has_a_link_where_the_address_of_the_account_is_set(
    run, world, explained, monkeypatch
):  # fmt: skip
    source, sync = world
    source(GOOD)
    assert sync() == 0
    assert explained(KEY)[0]["url"] is None
    monkeypatch.setenv("ORDER_SYNC_MONDAY__WEB_URL", "https://acme.monday.com")
    (story,) = explained(KEY)
    url = f"https://acme.monday.com/boards/{story['board_id']}/pulses/{story['item_id']}"
    assert story["url"] == url
    assert url in run("explain", KEY).out


# What is not there -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["joo-1|m01|red", "joo-1|m09|white", "joo", "JOO-1|M01"])
def test_an_unknown_key_exits_2_and_names_the_nearest(run, tell, key):
    tell(OrderEvent(KEY, "STAGED"), OrderEvent("rhy-1|a|b", "STAGED"))
    ended = run("explain", key)
    assert ended.exit_code == 2
    assert KEY in ended.err
    assert "rhy-1" not in ended.err
    assert ended.out == ""


def test_an_unknown_key_without_a_near_one_says_what_to_do(run, tell):
    tell(OrderEvent(KEY, "STAGED"))
    ended = run("explain", "abc")
    assert ended.exit_code == 2
    assert 'no run has seen the order number or key "abc" on board 4711' in ended.err
    assert "do: see what a run would do: order-sync plan" in ended.err


@pytest.mark.parametrize("key", ["JOO-1", KEY])
def test_without_a_database_every_key_is_unknown_and_nothing_is_created(run, folder, key):
    assert run("explain", key).exit_code == 2
    assert list(folder.iterdir()) == []


def test_a_blank_key_is_a_usage_error(run):
    ended = run("explain", "  ")
    assert ended.exit_code == 2
    assert "KEY is blank" in ended.err


def test_older_tables_name_the_upgrade(run, tell, folder, tables):
    tell(OrderEvent(KEY, "STAGED"))
    with closing(Database(f"sqlite:///{folder / 'order-sync.db'}")) as database:
        database.run(lambda conn: conn.execute(update(tables.schema_version).values(version=1)))
    ended = run("explain", KEY)
    assert ended.exit_code == 2
    assert "order-sync db upgrade" in ended.err


def test_explaining_changes_nothing(run, tell, folder):
    tell(OrderEvent(KEY, "STAGED"))
    before = (folder / "order-sync.db").read_bytes()
    assert run("explain", KEY).exit_code == 0
    assert (folder / "order-sync.db").read_bytes() == before


# Limits and boards -------------------------------------------------------------------------------


def test_of_a_long_story_the_newest_is_shown_and_the_rest_counted(run, tell, explained):
    tell(*(OrderEvent(KEY, f"EVENT{n}") for n in range(205)))
    shown = run("explain", KEY).out
    assert "EVENT204" in shown
    assert "EVENT4 " not in shown
    assert "5 events before these; add --limit 205 to see all" in shown
    assert len(explained(KEY)[0]["events"]) == 200
    assert "before these" not in run("explain", KEY, "--limit", "205").out
    (story,) = explained(KEY, "--limit", "3")
    assert [e["event"] for e in story["events"]] == ["EVENT202", "EVENT203", "EVENT204"]
    assert story["events_in_all"] == 205


@pytest.mark.parametrize("limit", ["0", "-1", "x"])
def test_a_limit_below_one_is_a_usage_error(run, limit):
    assert run("explain", KEY, "--limit", limit).exit_code == 2


def test_without_a_board_an_order_on_two_boards_is_told_of_both(run, tell, monkeypatch, explained):
    tell(OrderEvent(KEY, "STAGED"))
    tell(OrderEvent(KEY, "STAGED"), board="4712")
    assert len(explained(KEY)) == 1
    monkeypatch.delenv("ORDER_SYNC_MONDAY__BOARD_ID")
    assert [story["board_id"] for story in explained(KEY)] == [BOARD, "4712"]
    shown = run("explain", KEY).out
    assert "4712" in shown
    assert "set monday.board_id" in shown
    assert "next: order-sync explain" not in shown


# States a sentence has to tell -------------------------------------------------------------------


def test_an_order_that_is_not_acknowledged_says_so(run, write, tables, explained):
    line = FoundLine("m", "71", "Size M", "M")
    item = FoundItem(KEY, "7", "NAME", "GROUP", "g1", "JOHNNIE O", (line,))
    write(lambda conn, run: adopt(conn, tables, run, "99", [item]))
    assert explained(KEY)[0]["standing"] == "incomplete"
    shown = run("explain", KEY).out
    assert "with 1 size line; but monday.com has not acknowledged all of it." in shown
    assert shown.count("  not acknowledged") == 2  # columns and size line


def test_a_closed_refusal_is_told_with_who_closed_it(run, write, tables, explained):
    def refuse(conn, run):
        row = ErrorRow(
            unit=Unit.SUBITEM, order_key=KEY, customer="JOHNNIE O", order_number="JOO-1",
            error_type="parent_failed", error_class="board", error_message="what", size_key="m",
        )  # fmt: skip
        refused.store_errors(conn, tables, run, [row])
        ids = [1]
        refused.close_rows(conn, tables.errors_subitems, ids, "ignore", by="anna", note="known")

    write(refuse)
    shown = run("explain", KEY).out
    assert "parent_failed / m (closed " in shown
    assert "ignore by anna: known)" in shown
    assert "Repair the order line." not in shown
    # What a person decides is an event by itself, where it is decided.
    (story,) = explained(KEY)
    assert [e["event"] for e in story["events"]] == ["REFUSAL_OPENED"]


def test_hostile_values_stay_on_their_line_and_steer_nothing(run, write, tables):
    evil = "EVIL\n\x1b[2J\x9b31m[bold red]x[/bold red]\r::{}::"

    def spoil(conn, run):
        line = FoundLine("m", evil[:60], evil, evil)
        item = FoundItem(KEY, evil[:60], evil, evil, evil[:60], evil, (line,))
        adopt(conn, tables, run, "99", [item])
        events.add_events(conn, tables, run, [OrderEvent(KEY, "total_differs", evil, evil)])
        row = ErrorRow(
            unit=Unit.ITEM, order_key=KEY, customer=evil, order_number=evil,
            error_type="too_long", error_class="data", error_message=evil,
        )  # fmt: skip
        refused.store_errors(conn, tables, run, [row])

    write(spoil)
    for argv in (["explain", KEY], ["explain", "joo-1"], ["explain", "\x1b[2J\nx"]):
        ended = run(*argv)
        shown = ended.out + ended.err
        assert not [c for c in shown if not c.isprintable() and c != "\n"]
        assert not [text for text in shown.splitlines() if text.startswith(("x[/bold", "::{"))]
    assert "[bold red]x[/bold red]" in run("explain", KEY).out
