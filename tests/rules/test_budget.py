"""The ledger waits before the server would refuse, and believes the server more than itself."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.errors import PausedByBudget
from order_sync.rules.budget import UNTIL_AN_ANSWER, Complexity, Day, Heard, Ledger, Limit

NOW = 1_000.0
SPARE = 1.0  # a reset is told in whole seconds of a minute, rounded up or down


def points(quota=None, remaining=None, reset=None):
    return (Limit("complexityMinute", quota, remaining, reset),)


def requests(quota=None, remaining=None, reset=None, window=None):
    return (Limit("minuteRate", quota, remaining, reset, window),)


def ledger_of(concurrency=4, cost=1.0, **options):
    """A ledger that has learned the price of `write`."""
    return Ledger(concurrency=concurrency, costs={"write": cost, "read": 0.0}, **options)


def told(ledger, now=NOW, **facts):
    """One request that cost nothing and whose answer told the ledger something."""
    ledger.settle(ledger.take("read", 0, now), now, Heard(**facts))


def test_a_ledger_that_knows_nothing_holds_nothing_back():
    assert Ledger(concurrency=4).wait_for(1e9, NOW) == 0.0


def test_no_more_in_flight_than_allowed():
    ledger = ledger_of(concurrency=2)
    first = ledger.take("write", 1, NOW)
    ledger.take("write", 1, NOW)

    assert ledger.wait_for(1, NOW) == UNTIL_AN_ANSWER
    ledger.settle(first, NOW, Heard())
    assert ledger.wait_for(1, NOW) == 0.0


def test_the_servers_concurrency_counts_when_it_is_lower():
    ledger = ledger_of(concurrency=8)
    told(ledger, limits=(Limit("concurrency", quota=3, remaining=3),))

    assert ledger.allowed_in_flight == 3


def test_points_are_waited_for_until_the_server_refills():
    ledger = ledger_of()
    told(ledger, limits=points(1000, 100, 20.0))

    assert ledger.wait_for(100, NOW) == 0.0
    assert ledger.wait_for(101, NOW) == 20.0 + SPARE
    assert ledger.wait_for(101, NOW + 5) == 15.0 + SPARE
    assert ledger.wait_for(1000, NOW + 20 + SPARE) == 0.0


def test_the_earliest_end_the_server_names_is_the_truest():
    """Each word comes late by its way back; rounded seconds make it later still."""
    ledger = ledger_of()
    told(ledger, NOW, limits=points(1000, 100, 20.0))
    told(ledger, NOW + 0.9, limits=points(1000, 100, 20.0))

    assert ledger.wait_for(101, NOW + 1) == pytest.approx(19.0 + SPARE)


def test_a_word_about_a_window_that_has_ended_meanwhile_is_not_heard():
    ledger = ledger_of()
    told(ledger, NOW, limits=points(1000, 100, 5.0))
    told(ledger, NOW + 7, limits=points(1000, 900, 60.0))
    told(ledger, NOW + 8, limits=points(1000, 3, 2.0), took_s=10.0)

    assert ledger.wait_for(800, NOW + 8) == 0.0


def test_points_of_requests_in_flight_are_reserved():
    ledger = ledger_of()
    ledger.take("write", 300, NOW)
    second = ledger.take("write", 50, NOW)
    ledger.settle(second, NOW, Heard(limits=points(1000, 500, 20.0)))

    assert ledger.wait_for(200, NOW) == 0.0
    assert ledger.wait_for(201, NOW) == 20.0 + SPARE


def test_points_of_later_requests_are_reserved_although_they_were_answered_first():
    """The figures of a slow answer may stem from the moment it came in."""
    ledger = ledger_of()
    slow = ledger.take("write", 100, NOW)
    quick = ledger.take("write", 300, NOW)
    ledger.settle(quick, NOW + 1, Heard())
    ledger.settle(slow, NOW + 9, Heard(limits=points(1000, 900, 30.0), took_s=9.0))

    assert ledger.wait_for(600, NOW + 9) == 0.0
    assert ledger.wait_for(601, NOW + 9) > 0.0


def test_what_is_taken_is_gone():
    ledger = ledger_of()
    told(ledger, limits=points(1000, 500, 20.0))
    ledger.take("write", 400, NOW)

    assert ledger.wait_for(101, NOW) == 20.0 + SPARE


def test_a_request_above_the_whole_window_goes_when_the_window_is_full():
    ledger = ledger_of()
    told(ledger, limits=points(1000, 900, 20.0))

    assert ledger.wait_for(5000, NOW) == 20.0 + SPARE
    assert ledger.wait_for(5000, NOW + 20 + SPARE) == 0.0


def test_the_complexity_field_tells_the_same():
    ledger = ledger_of()
    told(ledger, complexity=Complexity(before=200, query=150, after=50, reset_s=9.0))

    assert ledger.wait_for(51, NOW) == 9.0 + SPARE
    assert ledger.wait_for(50, NOW) == 0.0


def test_requests_of_the_minute_are_counted_between_the_servers_words():
    ledger = ledger_of(concurrency=9)
    told(ledger, limits=requests(quota=5, remaining=2))
    ledger.take("write", 0, NOW)
    ledger.take("write", 0, NOW)

    assert ledger.wait_for(0, NOW) == 60.0 + SPARE
    assert ledger.wait_for(0, NOW + 60 + SPARE) == 0.0


def test_a_window_we_opened_ends_a_minute_after_the_first_answer():
    """The server's window opened some time between our sending and its answer."""
    ledger = ledger_of(concurrency=9)
    told(ledger, NOW - 100, limits=requests(quota=2, remaining=2))
    first = ledger.take("write", 0, NOW)
    ledger.take("write", 0, NOW)
    ledger.settle(first, NOW + 3, Heard())

    assert ledger.wait_for(0, NOW + 3) == 60.0 + SPARE


def test_more_requests_than_expected_mean_another_window():
    ledger = ledger_of(concurrency=9)
    told(ledger, NOW, limits=requests(quota=3, remaining=1))
    told(ledger, NOW + 50, limits=requests(quota=3, remaining=2))
    ledger.take("write", 0, NOW + 50)
    ledger.take("write", 0, NOW + 50)

    assert ledger.wait_for(0, NOW + 50) == 60.0 + SPARE


def test_windows_are_as_long_as_the_server_says():
    ledger = ledger_of(concurrency=9)
    told(ledger, limits=requests(quota=5, remaining=0, window=6.0))

    assert ledger.wait_for(0, NOW) == pytest.approx(6.1)


def test_a_hint_holds_everything_back():
    ledger = ledger_of()
    told(ledger, hold_s=30.0, refused=True)

    assert ledger.wait_for(0, NOW) == 30.0
    assert ledger.wait_for(0, NOW + 31) == 0.0


def test_a_crowded_board_gets_one_request_at_a_time_and_recovers():
    ledger = ledger_of()
    told(ledger, crowded=True)
    assert ledger.allowed_in_flight == 1

    for _ in range(10):
        told(ledger)
    assert ledger.allowed_in_flight == 2
    for _ in range(100):
        told(ledger)
    assert ledger.allowed_in_flight == 4


def test_a_share_of_every_limit_is_left_to_others():
    ledger = ledger_of(concurrency=9, reserve=0.2)
    told(ledger, limits=(*points(1000, 700, 20.0), *requests(10, 10)))
    told(ledger, limits=(Limit("concurrency", quota=5, remaining=5),))

    assert ledger.wait_for(500, NOW) == 0.0
    assert ledger.wait_for(501, NOW) == 20.0 + SPARE
    assert ledger.wait_for(5000, NOW + 20 + SPARE) == 0.0
    assert ledger.allowed_in_flight == 4


def test_the_day_ends_by_the_servers_word():
    ledger = ledger_of()
    told(ledger, day_over=True)

    with pytest.raises(PausedByBudget):
        ledger.wait_for(0, NOW)


def test_the_day_ends_by_count_before_the_server_has_to_refuse():
    ledger = ledger_of()
    ledger.knows_day(Day(total=1_000, spent=998))
    told(ledger)
    assert ledger.wait_for(0, NOW) == 0.0
    told(ledger)

    with pytest.raises(PausedByBudget):
        ledger.wait_for(0, NOW)


def test_a_day_that_was_over_in_an_earlier_run_is_asked_for_again():
    """More calls may have been bought; only the server knows."""
    ledger = ledger_of()
    ledger.knows_day(Day(total=1_000, spent=1_000))
    told(ledger)

    assert ledger.wait_for(0, NOW) == 0.0


def test_the_reserve_of_a_day_is_kept_by_the_next_run_too():
    ledger = ledger_of(reserve=0.1)
    ledger.knows_day(Day(total=1_000, spent=950))

    with pytest.raises(PausedByBudget):
        ledger.wait_for(0, NOW)


def test_a_refused_request_counts_a_tenth_of_a_call():
    ledger = ledger_of()
    ledger.knows_day(Day(total=2))
    for _ in range(9):
        told(ledger, refused=True)

    assert ledger.wait_for(0, NOW) == 0.0


def learn(ledger, kind, writes, query):
    cost = Complexity(before=9_000, query=query, after=9_000 - query, reset_s=60)
    ledger.settle(ledger.take(kind, writes, NOW), NOW, Heard(complexity=cost))


def test_the_cost_of_a_write_is_learned_per_kind():
    ledger = Ledger(concurrency=4)
    first_guess = ledger.estimate("create_items", 10)
    for _ in range(40):
        learn(ledger, "create_items", 10, 500)

    assert ledger.estimate("create_items", 10) == pytest.approx(500)
    assert ledger.estimate("create_items", 20) == pytest.approx(1000)
    assert ledger.estimate("move_items", 10) < first_guess  # the best guess there is


def test_dearer_writes_are_believed_at_once_and_cheaper_ones_by_and_by():
    ledger = ledger_of(cost=10.0)
    learn(ledger, "write", 1, 1_000)
    assert ledger.estimate("write", 1) == 1_000

    learn(ledger, "write", 1, 10)
    assert 500 < ledger.estimate("write", 1) < 1_000


def test_so_many_writes_fit_as_are_left():
    ledger = ledger_of(cost=30.0)
    told(ledger, limits=points(1000, 100, 20.0))

    assert ledger.writes_that_fit("write", NOW) == 3


def test_unknown_limits_are_ignored():
    ledger = ledger_of()
    told(ledger, limits=(Limit("moonPhase", quota=0, remaining=0, reset_s=99),))

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
    ledger, now = ledger_of(concurrency=3), NOW
    for pause, cost, remaining, reset in steps:
        now += pause
        wait = ledger.wait_for(cost, now)
        assert 0 <= wait < 61.001
        assert math.isclose(ledger.wait_for(cost, now + wait), 0.0, abs_tol=1e-6)
        ticket = ledger.take("write", cost, now + wait)
        ledger.settle(ticket, now + wait, Heard(limits=points(1000, remaining, reset)))
        now += wait
