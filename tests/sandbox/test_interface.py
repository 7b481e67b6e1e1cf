"""The sandbox as a Python object and as a server: templates, people, looking inside."""

import threading
from collections import Counter

import httpx2
import pytest

from order_sync.sandbox import (
    ApiError,
    Sandbox,
    SandboxOptions,
    SandboxServer,
    serve,
    template_names,
)

LATER_TYPES = {
    "STYLE": "text",
    "COLOR": "long_text",
    "HS CODE": "long_text",
    "ORDER QTY": "numbers",
    "PACKED QTY": "numbers",
    "SHIPPED QTY": "numbers",
    "CUSTOMER COLOR CODE": "long_text",
}
FIRST_TYPES = {
    "STYLE": "dropdown",
    "COLOR": "dropdown",
    "HS CODE": "dropdown",
    "ORDER QTY": "formula",
    "PACKED QTY": "formula",
    "SHIPPED QTY": "formula",
}


def _labels(board, title):
    return [label.text for label in board.column_titled(title).labels]


# Templates --------------------------------------------------------------------------------------


def test_there_are_two_templates():
    assert template_names() == ["customer-master-schedule", "customer-master-schedule-2025"]


@pytest.mark.parametrize(
    ("template", "count", "types"),
    [
        ("customer-master-schedule", 85, LATER_TYPES),
        ("customer-master-schedule-2025", 84, FIRST_TYPES),
    ],
)
def test_a_template_has_the_columns_of_its_generation(template, count, types):
    board = Sandbox().add_board(template)

    titles = Counter(column.title for column in board.columns.values())
    assert titles.total() == count
    assert set(titles.values()) == {1}
    assert {t: board.column_titled(t).type for t in types} == types
    assert ("CUSTOMER COLOR CODE" in titles) == ("CUSTOMER COLOR CODE" in types)
    assert [column.title for column in board.subitem_board.columns.values()] == [
        "Name",
        "Size",
        "Order Qty",
        "Cut Qty",
        "Sew Qty",
        "Finishing Qty",
        "Received not Shipped Qty",
        "Packed Qty",
        "Shipped Qty",
        "ORDER LINE STATUS",
        "Item ID",
    ]


@pytest.mark.parametrize("template", ["customer-master-schedule", "customer-master-schedule-2025"])
def test_a_template_starts_with_its_labels(template):
    board = Sandbox().add_board(template, name="Test", customers=["ACME", "RHYTHM"])

    assert board.name == "Test"
    assert _labels(board, "ORDER TYPE") == ["RECEIVED", "FORECAST", "CANCELLED"]
    assert _labels(board, "UNIT OF MEASURE") == ["PCE", "PCS"]
    assert _labels(board, "CATEGORY") == ["WOMENS", "MENS", "TOPS"]
    assert _labels(board, "DELIVERY TERMS") == ["FOB", "DDP", "EX WORKS", "CIF"]
    assert _labels(board, "ORDER STATUS") == ["00 PLANNING"]
    assert _labels(board, "ADD TO PLANNING") == ["NEW ORDER"]
    assert _labels(board, "AAG SEASON") == _labels(board, "CUSTOMER SEASON") == []
    assert _labels(board, "CUSTOMER")[-2:] == ["UNE PIECE", "ACME"]
    assert _labels(board.subitem_board, "Size") == []


def test_a_board_can_come_from_a_file(tmp_path):
    file = tmp_path / "board.json"
    file.write_text('{"name": "Mine", "columns": [{"title": "Name", "type": "name"}]}')

    board = Sandbox().add_board(file)

    assert board.name == "Mine"
    assert board.subitem_board_id is None


def test_an_unknown_template_is_an_error():
    with pytest.raises(FileNotFoundError):
        Sandbox().add_board("nowhere")


def test_two_boards_share_no_column_ids():
    sandbox = Sandbox()
    one, two = (sandbox.add_board("customer-master-schedule") for _ in "12")

    assert set(one.columns) & set(two.columns) == {"name"}


# People, and what the API wrote -----------------------------------------------------------------


def test_a_person_can_do_what_people_do(world):
    sandbox = world.sandbox
    item_id = sandbox.person_creates(
        world.board.id, "Third", "PO-1", {"Key": "k", "Customer": "2025"}
    )
    sub_id = sandbox.person_creates_subitem(item_id, "Size S", {"Qty": "3"})
    sandbox.person_sets(item_id, "Status", "Done")
    sandbox.person_sets(item_id, "Key", None)
    sandbox.person_sets(item_id, "Name", "PO-2")

    (item,) = sandbox.items(world.board.id)
    assert (item.name, item.group_title, item.state) == ("PO-2", "Third", "active")
    assert item.values == {"Customer": "2025", "Status": "Done"}
    assert [(sub.name, sub.values) for sub in item.subitems] == [("Size S", {"Qty": "3"})]
    assert [group.title for group in sandbox.groups(world.board.id)] == ["Third", "First", "Second"]

    sandbox.person_moves(item_id, "Second")
    sandbox.person_deletes(sub_id)
    sandbox.person_archives(item_id)
    assert sandbox.items(world.board.id) == []
    (gone,) = sandbox.items(world.board.id, with_gone=True)
    assert (gone.state, gone.group_title, gone.subitems) == ("archived", "Second", [])


def test_a_person_cannot_do_what_the_board_forbids(world):
    item_id = world.sandbox.person_creates(world.board.id, "First", "PO-1")

    with pytest.raises(ApiError):
        world.sandbox.person_sets(item_id, "Price", "much")
    with pytest.raises(KeyError):
        world.sandbox.person_sets(item_id, "Nowhere", "x")
    with pytest.raises(ApiError):
        world.sandbox.person_deletes("42")


def test_the_columns_the_api_ever_wrote_are_known(world):
    item_id = world.created("PO", Key="k", Price=None)
    world.change(item_id, Status="Done").succeeded()
    world.create("PO", Customer="Nobody")  # refused
    world.add_subitem(item_id, "S", Qty="1").succeeded()
    world.sandbox.person_sets(item_id, "Notes", "by a person")

    assert world.sandbox.written_columns(world.board.id) == {"Key", "Price", "Status"}
    assert world.sandbox.written_columns(world.board.subitem_board_id) == {"Qty"}


# Serving ----------------------------------------------------------------------------------------


def test_a_server_is_reached_over_http(world):
    with SandboxServer(world.sandbox) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert server.api_url == f"{server.url}/v2"
        answer = httpx2.post(
            server.api_url, json={"query": "{ me { id } }"}, headers={"Authorization": "t"}
        )
        page = httpx2.get(server.board_url(world.board.id))

    assert answer.status_code == page.status_code == 200


def test_a_taken_port_is_an_error_at_once(world):
    with SandboxServer(world.sandbox) as server:
        port = int(server.url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            SandboxServer(world.sandbox, port=port).start()


def test_serve_announces_its_address_first():
    announced = threading.Event()
    seen = {}

    def announce(address, sandbox):
        seen["address"], seen["boards"] = address, sandbox.account.boards
        announced.set()

    thread = threading.Thread(
        target=serve,
        args=(SandboxOptions(), 0),
        kwargs={"announce": announce, "faults": ["429:times=0"]},
        daemon=True,
    )
    thread.start()
    assert announced.wait(5)

    health = httpx2.get(f"{seen['address']}/sandbox/health").json()
    assert health["boards"][0]["name"] == "Customer Master Schedule"
    faults = httpx2.get(f"{seen['address']}/sandbox/faults").json()
    assert faults["active"][0]["name"] == "429"


def test_answers_can_be_slow_without_holding_up_others(make_world):
    world = make_world(latency_ms=150)

    world.api.at_once([{"query": "{ me { id } }"}] * 5)

    spans = [(record.at, record.ms) for record in world.sandbox.request_log]
    assert all(ms >= 140 for _, ms in spans)
    assert max(at for at, _ in spans) - min(at for at, _ in spans) < 0.14


# Looking inside -----------------------------------------------------------------------------------


def test_a_board_can_be_read_as_json(world):
    item_id = world.created("PO-1", Key="k")
    world.add_subitem(item_id, "S", Qty="1").succeeded()

    board = world.api.http("GET", f"/sandbox/boards/{world.board.id}").json

    assert (board["name"], board["subitem_board_id"]) == ("Orders", world.board.subitem_board_id)
    first, second = board["groups"]
    assert (first["title"], second["items"]) == ("First", [])
    assert first["items"][0]["values"] == {"Key": "k"}
    assert first["items"][0]["subitems"][0]["values"] == {"Qty": "1"}
    assert world.api.http("GET", "/sandbox/boards/42").status == 404


def test_requests_can_be_read_newest_first(world):
    world.created()
    world.api.ask("{ me { id } }")

    log = world.api.http("GET", "/sandbox/requests?limit=1").json

    assert log["total"] == 2
    (latest,) = log["requests"]
    assert (latest["kind"], latest["operations"], latest["aliases"]) == ("query", ["me"], 1)
    assert (latest["status"], latest["cost"]) == (200, 11)


def test_health_shows_what_is_used(world):
    world.created()

    health = world.api.http("GET", "/sandbox/health").json

    assert (health["status"], health["plan"]) == ("ok", "enterprise")
    assert health["usage"]["requests_today"] == 1
    assert health["boards"][0] == {"id": world.board.id, "name": "Orders", "items": 1}


def test_only_so_many_requests_are_kept(make_world):
    world = make_world(request_log_size=3)
    for _ in range(5):
        world.api.ask("{ me { id } }")

    assert [record.number for record in world.sandbox.request_log] == [3, 4, 5]
