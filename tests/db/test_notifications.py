"""What was told to whom is remembered, so that no two processes tell the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, update

from order_sync.db import engine, notifications
from order_sync.db.notifications import CLAIM_S, Teller
from order_sync.rules.alerts import Alert, Observed, Policy

from .helpers import BOARD

DOWN = Observed(Alert.RUN_FAILED, "exit 5", "down", "it is down")
UP = Observed(Alert.RUN_FAILED, "", "up", "it is up")
LATE = Observed(Alert.STALE, "stale", "late", "it is late")


def teller(process, *, addresses=1, board=BOARD, alerts=frozenset(Alert), policy=None):
    return Teller(board, "a profile", process, addresses, alerts, policy or Policy())


@pytest.fixture
def look(state, tables):
    """Claim what is new; with `takes`, the addresses that take it."""

    def look(process, *news, takes=(1, 2), records=True, **more):
        me = teller(process, **more)
        claims = state.run(lambda conn: notifications.claim(conn, tables, me, news))
        for claim in claims if records else ():
            delivered = claim.address in takes
            state.run(
                lambda conn, claim=claim, delivered=delivered: notifications.record(
                    conn, tables, me, claim, delivered=delivered
                )
            )
        return [(claim.title, claim.address) for claim in claims]

    return look


def test_a_trouble_and_its_end_are_told_once_to_every_address(look):
    assert look("a", DOWN, addresses=2) == [("down", 1), ("down", 2)]
    assert look("b", DOWN, addresses=2) == []
    assert look("c", UP, addresses=2) == [("up", 1), ("up", 2)]
    assert look("d", UP, addresses=2) == []


def test_two_processes_that_see_the_same_send_it_once(look):
    assert look("a", DOWN, records=False) == [("down", 1)]
    assert look("b", DOWN) == []


def test_of_processes_that_look_at_the_same_moment_one_sends_it(state, tables):
    everybody = Barrier(4)

    def look(number):
        me = teller(f"process-{number}")
        everybody.wait()
        return state.run(lambda conn: notifications.claim(conn, tables, me, [DOWN, LATE]))

    with ThreadPoolExecutor(4) as pool:
        claims = [claim for found in pool.map(look, range(4)) for claim in found]
    assert sorted(claim.title for claim in claims) == ["down", "late"]


def test_an_address_that_did_not_take_it_is_tried_again_alone(look):
    assert look("a", DOWN, addresses=2, takes=[1]) == [("down", 1), ("down", 2)]
    assert look("b", DOWN, addresses=2) == [("down", 2)]
    assert look("c", DOWN, addresses=2) == []


def test_what_was_not_delivered_is_sent_by_a_process_that_does_not_look_at_it(look):
    look("a", DOWN, takes=[])
    assert look("b", LATE) == [("late", 1), ("down", 1)]
    assert look("c", LATE) == []


def test_a_claim_of_a_process_that_died_is_taken_over_and_cannot_be_recorded_late(
    look, state, tables
):
    look("dead", DOWN, records=False)
    n = tables.notifications

    def age(conn):
        long_ago = engine.now(conn) - timedelta(seconds=CLAIM_S + 1)
        conn.execute(update(n).values(claimed_at=long_ago))

    state.run(age)
    me = teller("b")
    (claim,) = state.run(lambda conn: notifications.claim(conn, tables, me, [DOWN]))
    state.run(
        lambda conn: notifications.record(conn, tables, teller("dead"), claim, delivered=True)
    )
    with state.begin() as conn:
        assert conn.execute(select(n.c.claimed_by, n.c.told_at)).one() == ("b", None)


def test_boards_do_not_share_what_was_told(look):
    assert look("a", DOWN) == look("b", DOWN, board="1") == [("down", 1)]


def test_alerts_nobody_wants_are_neither_told_nor_remembered(look):
    assert look("a", DOWN, LATE, alerts=frozenset({Alert.STALE})) == [("late", 1)]
    assert look("b", DOWN) == [("down", 1)]


def test_an_end_nobody_wants_to_hear_of_lets_the_next_trouble_be_news(look):
    quiet = Policy(recovered=False)
    assert look("a", DOWN, policy=quiet) == [("down", 1)]
    assert look("b", UP, policy=quiet) == []
    assert look("c", DOWN, policy=quiet) == [("down", 1)]
