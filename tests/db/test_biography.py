"""The story of one order: complete, in order of time, read by indexes, and of one board alone."""

from __future__ import annotations

import pytest
from sqlalchemy import event, update

from order_sync.db import biography, events, order_briefs, promotion, refused, runs, staging
from order_sync.db.engine import Database
from order_sync.db.events import OrderEvent
from order_sync.db.order_briefs import Standing
from order_sync.db.refused import ErrorRow
from order_sync.db.runs import RunRef
from order_sync.db.staging import Unit
from order_sync.rules.states import RequestState

from .helpers import BOARD, line_row, plan_of, send, stage_items, stage_rows

KEY = "joo-1|m01|white"
OTHER = "joo-1|m02|black"
FAR = "joo-11|m01|white"


@pytest.fixture
def tell(conn, tables, run):
    """Append events to biographies."""

    def tell(*names, key=KEY, of=run, **more):
        events.add_events(conn, tables, of, (OrderEvent(key, name, **more) for name in names))

    return tell


@pytest.fixture
def refuse(conn, tables, run):
    def refuse(key=KEY, code="too_long", unit=Unit.ITEM, of=run, **more):
        error = ErrorRow(
            unit=unit, order_key=key, customer="JOHNNIE O", order_number="JOO-1",
            error_type=code, error_class="data", error_message="what, and what to do", **more,
        )  # fmt: skip
        refused.store_errors(conn, tables, of, [error])

    return refuse


@pytest.fixture
def on_board(conn, tables, shipped, run):
    """Stage order lines with two sizes each, and promote them as acknowledged."""

    def on_board(*keys):
        batch = stage_items(conn, tables, run, *keys)
        for key in keys:
            lines = [line_row(conn, run, batch, key, size, parent_item="7") for size in "ML"]
            stage_rows(conn, tables.staging_subitems, lines)
        for unit in Unit:
            t, name = staging.table_of(tables, unit), staging.id_column(unit)
            done = {"stg_status": "API_SUCCESS", "stg_acknowledged": True, name: t.c.stg_id}
            conn.execute(update(t).where(t.c.stg_status == "PENDING").values(done))
        promotion.promote(conn, tables, shipped, run, "99")

    return on_board


@pytest.fixture
def brief(conn, tables):
    def brief(key=KEY):
        (found,) = order_briefs.briefs(conn, tables, BOARD, key)
        return found

    return brief


@pytest.fixture
def story(conn, tables, brief):
    def story(key=KEY, limit=200):
        return biography.biography(conn, tables, brief(key), limit)

    return story


def keys_of(found):
    return [brief.order_key for brief in found]


# Which orders ------------------------------------------------------------------------------------


def test_a_database_without_tables_knows_no_order(database, tables):
    with database.begin() as conn:
        assert order_briefs.boards(conn, tables) == []
        assert order_briefs.briefs(conn, tables, BOARD, KEY) == []
        assert order_briefs.near_keys(conn, tables, BOARD, KEY, 5) == []
        empty = biography.biography(conn, tables, order_briefs.Brief(BOARD, KEY), 5)
    assert (empty.item, empty.events, empty.requests, empty.errors) == (None, (), (), ())


def test_an_order_that_any_table_knows_is_found(conn, tables, run, tell, refuse, on_board):
    on_board("a|x|y")
    batch = stage_items(conn, tables, run, "b|x|y")
    line = line_row(conn, run, batch, "c|x|y", "M", parent_item="7")
    stage_rows(conn, tables.staging_subitems, [line])
    refuse("d|x|y")
    refuse("e|x|y", unit=Unit.SUBITEM, size_key="m")
    tell("STAGED", key="f|x|y")
    for number in "abcdef":
        assert keys_of(order_briefs.briefs(conn, tables, BOARD, number)) == [f"{number}|x|y"]


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("joo-1", [KEY, OTHER]),
        (KEY, [KEY]),
        ("joo-11", [FAR]),
        ("joo-1|m01", []),
        ("joo", []),
        ("joo-_", []),
        ("%", []),
    ],
)
def test_a_number_means_all_its_order_lines_and_a_key_one(conn, tables, tell, key, found):
    for other in (OTHER, KEY, FAR):
        tell("STAGED", key=other)
    assert keys_of(order_briefs.briefs(conn, tables, BOARD, key)) == found


def test_an_order_of_another_board_is_another_order(conn, tables, shipped, run, tell):
    there = runs.start_run(conn, tables, shipped, "sync", {}, "4712")
    tell("STAGED", of=RunRef(there.run_id, "4712", there.fence))
    assert order_briefs.briefs(conn, tables, BOARD, KEY) == []
    assert keys_of(order_briefs.briefs(conn, tables, "4712", KEY)) == [KEY]
    assert order_briefs.boards(conn, tables) == [BOARD, "4712"]


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("joo-1|m01|red", [KEY, OTHER]),
        ("joo-1|m01", [KEY, OTHER]),
        ("joo", [FAR, KEY, OTHER]),
        ("joo-12", []),
        ("rhy", []),
    ],
)
def test_an_unknown_key_has_near_ones(conn, tables, tell, key, near):
    for other in (OTHER, KEY, FAR):
        tell("STAGED", key=other)
    assert order_briefs.near_keys(conn, tables, BOARD, key, 5) == near
    assert order_briefs.near_keys(conn, tables, BOARD, key, 1) == near[:1]


# Where an order is -------------------------------------------------------------------------------


def test_an_order_all_acknowledged_is_on_the_board(brief, on_board):
    on_board(KEY)
    found = brief()
    assert (found.standing, found.size_lines, found.is_acknowledged) == (Standing.ON_BOARD, 2, True)
    assert found.item_id is not None


@pytest.mark.parametrize("table", ["production", "production_subitems"])
def test_an_order_with_one_part_unacknowledged_is_incomplete(
    conn, tables, brief, on_board, table
):  # fmt: skip
    on_board(KEY)
    conn.execute(update(getattr(tables, table)).values(payload_hash=None))
    assert brief().standing is Standing.INCOMPLETE


def test_doubt_outweighs_waiting_and_refusal(conn, tables, run, brief, refuse, on_board):
    on_board(KEY)
    refuse()
    assert brief().standing is Standing.REFUSED
    batch = stage_items(conn, tables, run, KEY)
    assert brief().standing is Standing.WAITING
    send(conn, tables, run, batch)
    found = brief()
    assert (found.standing, found.in_doubt, found.waiting) == (Standing.IN_DOUBT, 1, 0)
    assert found.refused == ("too_long",)


def test_an_order_of_which_only_events_are_left_is_not_on_the_board(brief, tell):
    tell("STAGED")
    assert brief().standing is Standing.NOT_ON_BOARD


def test_a_closed_refusal_does_not_make_an_order_refused(conn, tables, run, brief, refuse):
    refuse()
    refused.close_sent(conn, tables, run, Unit.ITEM, [(KEY, "")])
    assert brief().refused == ()


# The story ---------------------------------------------------------------------------------------


def test_a_story_has_what_the_board_holds(story, on_board, run):
    on_board(KEY)
    told = story()
    assert (told.item.name, told.item.payload_hash) == (KEY.upper(), "h" * 64)
    assert told.item.last_run_id == run.run_id
    assert [(held.size, held.pieces, held.payload_hash) for held in told.lines] == [
        ("L", 5, "h" * 64),
        ("M", 5, "h" * 64),
    ]


def test_rows_in_hand_are_told_and_ended_ones_are_not(conn, tables, run, story, on_board):
    on_board(KEY)
    assert story().in_hand == ()
    stage_items(conn, tables, run, KEY)
    (row,) = story().in_hand
    assert (row.unit, row.state, row.operation, row.run_id) == (
        Unit.ITEM, "PENDING", "CREATE", run.run_id,
    )  # fmt: skip


def test_events_stand_in_order_of_time_with_warnings(story, tell):
    tell("STAGED", batch_id="b1")
    tell("total_differs", level="warning", detail="sizes say 5, the row 6")
    tell("CLAIMED", request_id="r1", size_key="m")
    told = story().events
    assert [(e.event, e.level, e.size_key) for e in told] == [
        ("STAGED", "info", None),
        ("total_differs", "warning", None),
        ("CLAIMED", "info", "m"),
    ]
    assert (told[0].batch_id, told[1].detail, told[2].request_id) == (
        "b1", "sizes say 5, the row 6", "r1",
    )  # fmt: skip


def test_of_many_events_the_newest_are_kept(story, tell):
    tell(*(f"E{n}" for n in range(7)))
    told = story(limit=3)
    assert [e.event for e in told.events] == ["E4", "E5", "E6"]
    assert told.events_in_all == 7


def test_a_request_is_told_with_its_answer(conn, tables, run, story):
    batch = stage_items(conn, tables, run, KEY, FAR)
    request = send(conn, tables, run, batch)
    runs.answer_request(
        conn, tables, request.request_id, RequestState.SETTLED,
        {"http_status": 200, "duration_ms": 12.5, "cost": 30, "monday_request_id": "m-1"},
    )  # fmt: skip
    (carrier,) = story().requests
    assert (carrier.kind, carrier.state, carrier.http_status) == ("create_items", "SETTLED", 200)
    assert (carrier.duration_ms, carrier.cost, carrier.send_no) == (12.5, 30, 1)
    assert carrier.monday_request_id == "m-1"


def test_requests_come_from_events_and_from_rows_in_hand(conn, tables, run, story, tell):
    def request(key):
        return runs.open_request(
            conn, tables, run, kind="update_items", aliases=1, idempotency_key=key, body=b"{}",
            batch_id=None, carries_rows=True,
        ).request_id  # fmt: skip

    first, other = request("k1"), request("k2")
    tell("CLAIMED", request_id=first)
    tell("REFUSED", request_id=first)
    tell("CLAIMED", key=OTHER, request_id=other)
    in_hand = send(conn, tables, run, stage_items(conn, tables, run, KEY)).request_id
    told = story()
    assert {carrier.request_id for carrier in told.requests} == {first, in_hand}
    assert told.requests_in_all == 2
    assert len(story(limit=1).requests) == 1


def test_a_request_says_where_in_it_the_parts_of_the_order_travelled(
    conn, tables, run, story, tell
):  # fmt: skip
    sent = runs.open_request(
        conn, tables, run, kind="create_subitems", aliases=3, idempotency_key="k", body=b"{1}",
        batch_id=None, carries_rows=True,
    ).request_id  # fmt: skip
    tell("CLAIMED", request_id=sent, request_pos=2, size_key="m")
    tell("CLAIMED", request_id=sent, request_pos=0, size_key="s")
    tell("CLAIMED", request_id=sent, request_pos=1, size_key="s", key=OTHER)
    tell("ACCEPTED", request_id=sent, size_key="m")
    runs.answer_request(conn, tables, sent, RequestState.SETTLED, {"answer": b"{2}"})
    (carrier,) = story().requests
    assert [(place.size_key, place.position) for place in carrier.places] == [("s", 0), ("m", 2)]
    assert (carrier.body, carrier.answer) == (b"{1}", b"{2}")


def test_refusals_are_told_open_and_closed_of_this_order_alone(conn, tables, run, story, refuse):
    refuse(code="unknown_label")
    refused.close_sent(conn, tables, run, Unit.ITEM, [(KEY, "")])
    refuse()
    refuse(unit=Unit.SUBITEM, code="parent_failed", size_key="m")
    refuse(OTHER)
    told = {(e.summary.code, e.summary.resolution) for e in story().errors}
    assert told == {("unknown_label", "sent"), ("too_long", None), ("parent_failed", None)}


def test_refusals_of_keys_that_go_on_after_this_one_are_others(conn, tables, refuse):
    refuse("joo-1")
    refuse(KEY)
    told = biography.biography(conn, tables, order_briefs.Brief(BOARD, "joo-1"), 5)
    assert [e.summary.order_key for e in told.errors] == ["joo-1"]


# How it is read ----------------------------------------------------------------------------------


def test_every_query_uses_an_index(database, tables, state, conn, run, tell, refuse, on_board):
    on_board(KEY, OTHER, FAR)
    refuse()
    send(conn, tables, run, stage_items(conn, tables, run, KEY))
    tell("CLAIMED", request_id="r1")
    seen = []

    def remember(_conn, _cursor, statement, parameters, *_):
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(state.engine, "before_cursor_execute", remember)
    for key in (KEY, "joo-1", "joo"):
        order_briefs.briefs(conn, tables, BOARD, key)
        order_briefs.near_keys(conn, tables, BOARD, key, 5)
    (found,) = order_briefs.briefs(conn, tables, BOARD, KEY)
    biography.biography(conn, tables, found, 5)
    event.remove(state.engine, "before_cursor_execute", remember)

    assert len(seen) > 50
    for statement, parameters in seen:
        steps = plan_of(conn, statement, parameters)
        if conn.dialect.name != "sqlite":
            assert not [step for step in steps if step.startswith("SCAN")], (statement, steps)
            continue
        assert all("SEARCH" in step or "USE TEMP B-TREE" in step or "MULTI-INDEX OR" in step
                   or step.startswith("INDEX ") for step in steps), (statement, steps)  # fmt: skip
        # The key narrows it, not the board alone.
        by_board = [step for step in steps if "board_id=?" in step and "order_key" not in step]
        assert by_board == [], (statement, steps)


def test_a_story_is_read_without_a_file_of_a_database(tmp_path, tables):
    database = Database(f"sqlite:///{tmp_path / 'none.db'}", read_only=True)
    with database.begin() as conn:
        assert order_briefs.briefs(conn, tables, BOARD, KEY) == []
    database.close()
    assert list(tmp_path.iterdir()) == []
