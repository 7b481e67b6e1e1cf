"""The ledger waits before the server would refuse, and believes the server more than itself."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.errors import PausedByBudget
from order_sync.rules.budget import UNTIL_AN_ANSWER, Complexity, Ledger, Limit

NOW = 1_000.0


def points(quota=None, remaining=None, reset=None):
    return [Limit("complexityMinute", quota, remaining, reset)]


def told(ledger, **facts):
    """One request that cost nothing and whose answer told the ledger something."""
    ledger.take(0, NOW)
    ledger.settle("k", 1, 0, NOW, **facts)


def test_a_ledger_that_knows_nothing_holds_nothing_back():
    assert Ledger(concurrency=4).wait_for(1e9, NOW) == 0.0


def test_no_more_in_flight_than_allowed():
    ledger = Ledger(concurrency=2)
    ledger.take(1, NOW)
    ledger.take(1, NOW)

    assert ledger.wait_for(1, NOW) == UNTIL_AN_ANSWER
    ledger.settle("k", 1, 1, NOW)
    assert ledger.wait_for(1, NOW) == 0.0


def test_the_servers_concurrency_counts_when_it_is_lower():
    ledger = Ledger(concurrency=8)
    told(ledger, limits=[Limit("concurrency", quota=3, remaining=3)])

    assert ledger.allowed_in_flight == 3


def test_points_are_waited_for_until_the_server_refills():
    ledger = Ledger(concurrency=4)
    told(ledger, limits=points(1000, 100, 20.0))

    assert ledger.wait_for(100, NOW) == 0.0
    assert ledger.wait_for(101, NOW) == 20.0
    assert ledger.wait_for(101, NOW + 5) == 15.0
    assert ledger.wait_for(1000, NOW + 20) == 0.0


def test_points_of_requests_in_flight_are_reserved():
    ledger = Ledger(concurrency=4)
    ledger.take(300, NOW)
    ledger.take(50, NOW)
    ledger.settle("k", 1, 50, NOW, limits=points(1000, 500, 20.0))

    assert ledger.wait_for(200, NOW) == 0.0
    assert ledger.wait_for(201, NOW) == 20.0


def test_what_is_taken_is_gone():
    ledger = Ledger(concurrency=4)
    told(ledger, limits=points(1000, 500, 20.0))
    ledger.take(400, NOW)

    assert ledger.wait_for(101, NOW) == 20.0


def test_a_request_above_the_whole_window_goes_when_the_window_is_full():
    ledger = Ledger(concurrency=4)
    told(ledger, limits=points(1000, 900, 20.0))

    assert ledger.wait_for(5000, NOW) == 20.0
    assert ledger.wait_for(5000, NOW + 20) == 0.0


def test_the_complexity_field_tells_the_same():
    ledger = Ledger(concurrency=4)
    told(ledger, complexity=Complexity(before=200, query=150, after=50, reset_s=9.0))

    assert ledger.wait_for(51, NOW) == 9.0
    assert ledger.wait_for(50, NOW) == 0.0


def test_requests_of_the_minute_are_counted_between_the_servers_words():
    ledger = Ledger(concurrency=9)
    told(ledger, limits=[Limit("minuteRate", quota=5, remaining=2)])
    ledger.take(0, NOW)
    ledger.take(0, NOW)

    assert ledger.wait_for(0, NOW) == 60.0
    assert ledger.wait_for(0, NOW + 60) == 0.0


def test_a_hint_holds_everything_back():
    ledger = Ledger(concurrency=4)
    told(ledger, hold_s=30.0, refused=True)

    assert ledger.wait_for(0, NOW) == 30.0
    assert ledger.wait_for(0, NOW + 31) == 0.0


def test_a_crowded_board_gets_one_request_at_a_time_and_recovers():
    ledger = Ledger(concurrency=4)
    told(ledger, crowded=True)
    assert ledger.allowed_in_flight == 1

    for _ in range(10):
        told(ledger)
    assert ledger.allowed_in_flight == 2
    for _ in range(100):
        told(ledger)
    assert ledger.allowed_in_flight == 4


def test_the_day_ends_by_the_servers_word_or_by_count():
    ledger = Ledger(concurrency=4)
    told(ledger, day_over=True)
    with pytest.raises(PausedByBudget):
        ledger.wait_for(0, NOW)

    counted = Ledger(concurrency=4, per_day=2)
    told(counted)
    assert counted.wait_for(0, NOW) == 0.0
    told(counted)
    with pytest.raises(PausedByBudget):
        counted.wait_for(0, NOW)


def test_a_refused_request_counts_a_tenth_of_a_call():
    ledger = Ledger(concurrency=4, per_day=1)
    for _ in range(9):
        told(ledger, refused=True)

    assert ledger.wait_for(0, NOW) == 0.0


def test_the_cost_of_a_write_is_learned_per_kind():
    ledger = Ledger(concurrency=4)
    first_guess = ledger.estimate("create_items", 10)
    for _ in range(40):
        ledger.take(0, NOW)
        cost = Complexity(before=9_000, query=500, after=8_500, reset_s=60)
        ledger.settle("create_items", 10, 0, NOW, complexity=cost)

    assert ledger.estimate("create_items", 10) == pytest.approx(500)
    assert ledger.estimate("create_items", 20) == pytest.approx(1000)
    assert ledger.estimate("move_items", 10) == first_guess


def test_unknown_limits_are_ignored():
    ledger = Ledger(concurrency=4)
    told(ledger, limits=[Limit("moonPhase", quota=0, remaining=0, reset_s=99)])

    assert ledger.wait_for(1, NOW) == 0.0


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100),
            st.integers(0, 2_000),
            st.none() | st.integers(0, 1_000),
            st.none() | st.floats(0, 60),
        ),
        max_size=30,
    )
)
def test_no_wait_is_for_ever_when_nothing_is_in_flight(steps):
    """A wait the ledger names, once waited, is enough: no deadlock whatever the server said."""
    ledger, now = Ledger(concurrency=3), NOW
    for pause, cost, remaining, reset in steps:
        now += pause
        wait = ledger.wait_for(cost, now)
        assert 0 <= wait < 60.001
        assert math.isclose(ledger.wait_for(cost, now + wait), 0.0, abs_tol=1e-6)
        ledger.take(cost, now + wait)
        ledger.settle("k", 1, cost, now + wait, limits=points(1000, remaining, reset))
        now += wait
