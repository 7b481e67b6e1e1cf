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


def test_a_closed_refusal_is_told_with_who_closed_it(run, write, tables):
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
