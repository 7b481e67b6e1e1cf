"""The rows to stage are made one portion ahead of the database."""

from threading import Event

import pytest

from order_sync.delivery.staged_rows import Ahead

PATIENCE_S = 30


def test_the_next_portion_is_made_while_one_is_loaded():
    made = {n: Event() for n in range(4)}

    def work(number):
        made[number].set()
        return number * 10

    with Ahead(work, range(4)) as ahead:
        for number in range(3):
            assert ahead[number] == number * 10
            assert made[number + 1].wait(PATIENCE_S)
            assert not any(made[later].is_set() for later in range(number + 2, 4))
        assert ahead[3] == 30


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
