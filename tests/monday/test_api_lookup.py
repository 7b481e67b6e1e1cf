"""Reading back: all pages, each row once, and never an empty list where there was no answer."""

import asyncio
import json
import random

import httpx2
import pytest
from pydantic import SecretStr

from order_sync.errors import SyncError, Unreachable
from order_sync.monday.client import MondayClient, ReadRefusedError
from order_sync.monday.lookup import find_items, find_subitems, list_items, read_items

TITLES = {"t1": "ORDER", "c1": "COLOR"}


def row(row_id, text="x", **more):
    cells = [{"id": "c1", "text": None}, {"id": "t1", "text": text}, {"id": "zz", "text": "no"}]
    return {
        "id": row_id,
        "name": f"n{row_id}",
        "group": {"id": "g"},
        "column_values": cells,
        **more,
    }


def page(*rows, cursor=None):
    return {"data": {"r0": {"cursor": cursor, "items": list(rows)}}}


def expired():
    return {"errors": [{"message": "...", "extensions": {"code": "CursorExpiredError"}}]}


def collect(lookup, *replies):
    """The rows of a look-up against a server with these replies, and the variables it was asked."""
    left, asked = list(replies), []

    def handler(request):
        asked.append(json.loads(request.content)["variables"])
        return httpx2.Response(200, json=left.pop(0))

    async def nap(seconds):
        pass

    async def attempt():
        async with MondayClient(
            "http://api.test",
            SecretStr("t"),
            "2026-10",
            5,
            1,
            transport=httpx2.MockTransport(handler),
            sleep=nap,
            rng=random.Random(0),
        ) as client:
            return [found async for found in lookup(client)]

    return asyncio.run(attempt()), asked


def by_order(values):
    return lambda client: find_items(client, "1", "t1", values, TITLES)


def test_rows_come_with_values_by_title():
    (found,), _ = collect(by_order(["JOO-1"]), page(row("5", "JOO-1")))

    assert (found.id, found.name, found.group_id) == ("5", "n5", "g")
    assert found.values == {"ORDER": "JOO-1", "COLOR": ""}


def test_all_pages_are_read_and_a_row_comes_once():
    rows, asked = collect(
        by_order(["a"]), page(row("1"), row("2"), cursor="c1"), page(row("2"), row("3"))
    )

    assert [r.id for r in rows] == ["1", "2", "3"]
    assert asked[0]["search"] == [{"column_id": "t1", "column_values": ["a"]}]
    assert asked[1]["cursor"] == "c1"


def test_values_go_in_hundreds_each_once_and_never_blank():
    rows, asked = collect(
        by_order(["", " ", *(str(i) for i in range(150)), "7"]), page(), page(row("1"))
    )

    sent = [call["search"][0]["column_values"] for call in asked]
    assert [len(values) for values in sent] == [100, 50]
    assert len(rows) == 1


def test_a_search_for_nothing_asks_nothing():
    assert collect(by_order(["", "  "])) == ([], [])


def test_a_dead_cursor_begins_the_listing_anew():
    rows, asked = collect(
        by_order(["a"]),
        page(row("1"), cursor="c1"),
        expired(),
        page(row("1"), cursor="c2"),
        page(row("2")),
    )

    assert [r.id for r in rows] == ["1", "2"]
    assert "search" in asked[2]


def test_a_cursor_that_always_dies_is_given_up():
    with pytest.raises(ReadRefusedError):
        collect(by_order(["a"]), *[expired()] * 9)


def test_a_whole_board_is_listed():
    first = {"data": {"r0": [{"items_page": {"cursor": "c", "items": [row("1")]}}]}}

    rows, asked = collect(lambda c: list_items(c, "9", TITLES), first, page(row("2")))

    assert [r.id for r in rows] == ["1", "2"]
    assert asked[0]["boards"] == ["9"]


def test_items_by_id_come_with_their_state():
    first = {"data": {"r0": [row("1", state="archived"), None]}}
    ids = [str(i) for i in range(101)]

    rows, asked = collect(lambda c: read_items(c, ids, TITLES), first, {"data": {"r0": []}})

    assert [(r.id, r.state) for r in rows] == [("1", "archived")]
    assert [len(call["items"]) for call in asked] == [100, 1]
    assert all(call["limit"] == 100 for call in asked)


def test_subitems_know_their_parent():
    reply = {
        "data": {
            "r0": [
                {"id": "1", "subitems": [row("11"), row("12")]},
                {"id": "2", "subitems": None},
                {"id": "3", "subitems": []},
            ]
        }
    }

    rows, asked = collect(lambda c: find_subitems(c, ["1", "2", "3"], TITLES), reply)

    assert [(r.parent_id, r.id) for r in rows] == [("1", "11"), ("1", "12")]
    assert len(asked) == 1


def test_few_parents_per_read():
    empty = {"data": {"r0": []}}
    ids = [str(i) for i in range(60)]

    _, asked = collect(lambda c: find_subitems(c, ids, TITLES), empty, empty, empty)

    assert [len(call["items"]) for call in asked] == [25, 25, 10]


@pytest.mark.parametrize(
    "reply",
    [
        {"data": {"r0": {}}},
        {"data": {"r0": {"items": None}}},
        {"data": {"r0": {"items": "x"}}},
        {"data": {"r0": []}},
        {"data": {"r0": [{"items_page": None}]}},
        {"data": {"r0": {"items": [{"id": None, "column_values": []}]}}},
        {"data": {"r0": {"items": [{"id": "1"}]}}},
    ],
)
def test_an_answer_of_another_form_decides_nothing(reply):
    with pytest.raises(Unreachable, match="unexpected form"):
        collect(by_order(["a"]), reply)


def test_an_error_beside_data_decides_nothing():
    half = page() | {"errors": [{"path": ["r0"], "extensions": {"code": "Unauthorized"}}]}

    with pytest.raises(SyncError):
        collect(by_order(["a"]), half)
