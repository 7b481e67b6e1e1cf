"""The rows to stage are made one portion ahead of the database, and keep what was tried before."""

import gc
import sys
import weakref
from collections import Counter
from contextlib import suppress
from threading import Event
from types import SimpleNamespace

import pytest

from order_sync.db.batches import NewBatch
from order_sync.db.runs import RunRef
from order_sync.delivery.staged_rows import Ahead, RowMaker
from order_sync.rules.comparing import compare
from order_sync.rules.reading import read_order

from .runs.world import order

PATIENCE_S = 30


class Made:
    """Something that tells when it is gone."""


def test_the_next_portion_is_made_while_one_is_loaded():
    made = {n: Event() for n in range(4)}

    def work(number):
        made[number].set()
        return number * 10

    with Ahead(work, range(4)) as ahead:
        for number in range(3):
            assert ahead[number] == number * 10
            assert not any(made[later].is_set() for later in range(number + 1, 4))
            ahead.begin(number + 1)
            assert made[number + 1].wait(PATIENCE_S)
        assert ahead[3] == 30
        ahead.begin(4)  # there is none


def test_no_portion_is_made_twice_or_kept_after_the_next_is_used():
    counted: Counter[int] = Counter()

    def work(number):
        counted[number] += 1
        return Made()

    with Ahead(work, range(3)) as ahead:
        first = weakref.ref(ahead[0])
        ahead.begin(1)
        ahead.begin(1)
        second = ahead[1]
        gc.collect()
        assert first() is None
        assert ahead[1] is second
        assert counted == {0: 1, 1: 1}


def test_turns_of_the_threads_are_short_only_while_portions_are_made():
    before = sys.getswitchinterval()
    with suppress(ValueError), Ahead(str, range(1)):
        assert sys.getswitchinterval() < before
        raise ValueError
    assert sys.getswitchinterval() == before


def test_a_portion_can_be_had_again_after_a_transaction_was_rolled_back():
    with Ahead(str, range(3)) as ahead:
        assert [ahead[n] for n in (0, 1, 2, 0, 1, 1, 2)] == ["0", "1", "2", "0", "1", "1", "2"]


def test_an_error_is_raised_where_the_portion_is_used():
    def work(number):
        if number == 1:
            raise ValueError("no such portion")
        return number

    with Ahead(work, range(3)) as ahead:
        assert ahead[0] == 0
        with pytest.raises(ValueError, match="no such portion"):
            ahead[1]


@pytest.mark.parametrize(("now", "attempts", "travel_limit"), [("28.86", 3, 1), ("28.87", 0, None)])
def test_attempts_count_for_the_same_payload_only(shipped, now, attempts, travel_limit):
    before = read_order(order("GRE-1", CUSTOMER_PRICE="28.86"), shipped)
    line = before.sizes[0]
    tried = {"attempts": 3, "travel_limit": 1}
    carried = {
        (before.order_key, None): SimpleNamespace(payload_hash=before.payload_hash, **tried),
        (before.order_key, line.size_key): SimpleNamespace(payload_hash=line.payload_hash, **tried),
    }
    delivery = SimpleNamespace(
        mapping=shipped, board=SimpleNamespace(columns={}), run=RunRef("run", "4711", 1)
    )
    wanted = read_order(order("GRE-1", CUSTOMER_PRICE=now), shipped)
    action = compare(wanted, "hash", None, shipped).action
    portion = RowMaker(delivery, carried, [NewBatch(wanted.customer)]).portion([action])
    assert portion.items["stg_attempts"] == (attempts,)
    assert portion.items["stg_travel_limit"] == (travel_limit,)
    # The size line is the same in both cases, and only it was tried before.
    assert portion.lines["size_key"] == (line.size_key, wanted.sizes[1].size_key)
    assert portion.lines["stg_attempts"] == (3, 0)
