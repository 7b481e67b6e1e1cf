"""Everybody who sends waits at one gate: in order, doubts first, and nobody after it closed."""

import asyncio

import pytest

from order_sync.errors import ExitCode, Interrupted
from order_sync.monday.answers import read_answer
from order_sync.monday.gate import Gate
from order_sync.rules.budget import Ledger
from order_sync.rules.sizing import Sizing


def gate_of(concurrency=1, most=15, **costs):
    return Gate(Ledger(concurrency=concurrency, costs=costs), Sizing(most))


def answer(limits="", status=200, body=b'{"data":{"r0":{"id":"1"}}}'):
    policy = '"complexityMinute";q=1000;w=60, "minuteRate";q=100;w=60'
    headers = {"RateLimit-Policy": policy, "RateLimit": limits} if limits else {}
    return read_answer(status, headers, body, 1, True)


async def turns(gate, *askers):
    """The order in which askers get in, when they come one after another."""
    order = []

    async def ask(name, options):
        async with gate.slot("write", 1, **options):
            order.append(name)
            await asyncio.sleep(0)

    async with gate.slot("write", 1):
        tasks = []
        for name, options in askers:
            tasks.append(asyncio.create_task(ask(name, options)))
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return order


def test_requests_get_in_one_after_another():
    asked = [(number, {}) for number in range(5)]
    assert asyncio.run(turns(gate_of(), *asked)) == [0, 1, 2, 3, 4]


def test_what_settles_a_doubt_goes_first():
    order = asyncio.run(turns(gate_of(), ("a", {}), ("b", {}), ("doubt", {"urgent": True})))

    assert order == ["doubt", "a", "b"]


def test_a_document_shrinks_to_what_the_minute_still_pays_for():
    async def ask():
        gate = gate_of(write=30.0)
        async with gate.slot("write", 1) as slot:
            slot.answer = answer('"complexityMinute";r=100;t=30')
        async with gate.slot("write", 15, may_cut=True) as slot:
            return slot.writes

    assert asyncio.run(ask()) == 3


def test_a_document_shrinks_to_what_is_answered_in_good_time():
    async def ask():
        gate = gate_of(write=1.0)
        gate.sizing.learn("write", 1, 5.0)
        async with gate.slot("write", 15, may_cut=True) as slot:
            cut = slot.writes
        async with gate.slot("write", 15) as slot:
            return cut, slot.writes

    assert asyncio.run(ask()) == (4, 15)


def test_a_closed_gate_lets_nobody_in_and_wakes_who_waits():
    why = Interrupted(ExitCode.TERMINATED)

    async def ask():
        gate = gate_of()
        async with gate.slot("write", 1):
            waiting = [asyncio.create_task(turns(gate)) for _ in range(3)]
            pausing = asyncio.create_task(gate.pause(600))
            await asyncio.sleep(0.01)
            gate.close(why)
            return await asyncio.gather(*waiting, pausing, return_exceptions=True)

    assert asyncio.run(ask()) == [why] * 4


def test_a_read_that_was_turned_away_holds_back_the_writes():
    waits = []

    async def ask():
        gate = Gate(
            Ledger(concurrency=2), Sizing(15), lambda why, seconds: waits.append((why, seconds))
        )
        body = b'{"errors":[{"message":"x","extensions":{"code":"RATE_LIMIT_EXCEEDED",'
        body += b'"retry_in_seconds":0.2}}]}'
        async with gate.slot("board", 0) as slot:
            slot.answer = read_answer(429, {}, body, 1, False)
        async with gate.slot("write", 1):
            pass

    asyncio.run(ask())
    ((why, seconds),) = waits
    assert why == "monday.com's limits"
    assert 0 < seconds <= 0.2


def test_many_who_wait_do_not_wake_each_other():
    """Thousands of documents wait in a large run; each look at the ledger is made by one."""

    async def ask():
        gate = gate_of(concurrency=4)
        looks = 0
        wait_for = gate.ledger.wait_for

        def counted(cost, now):
            nonlocal looks
            looks += 1
            return wait_for(cost, now)

        gate.ledger.wait_for = counted

        async def one():
            async with gate.slot("write", 1):
                await asyncio.sleep(0)

        await asyncio.gather(*(one() for _ in range(2_000)))
        return looks

    assert asyncio.run(ask()) < 5 * 2_000


@pytest.mark.parametrize("writes", [0, 3])
def test_a_request_that_fails_gives_its_place_back(writes):
    async def ask():
        gate = gate_of()
        with pytest.raises(OSError, match="gone"):
            async with gate.slot("write", writes):
                raise OSError("gone")
        async with asyncio.timeout(1), gate.slot("write", writes):
            return gate.ledger.in_flight

    assert asyncio.run(ask()) == 1
