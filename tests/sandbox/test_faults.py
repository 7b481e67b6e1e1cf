"""Every fault: what it does to the answer, and whether the write happened."""

import time

import httpx2
import orjson
import pytest

from order_sync.sandbox import SandboxServer, available_faults, parse_fault

CREATE_TWO = (
    "mutation ($b: ID!) {"
    ' a: create_item(board_id: $b, item_name: "A") { id }'
    ' b: create_item(board_id: $b, item_name: "B") { id } }'
)

# name, HTTP status, what is on the board afterwards
WHOLE_ANSWERS = [
    ("504-before-write", 504, []),
    ("504-after-write", 504, ["A", "B"]),
    ("502-before-write", 502, []),
    ("502-after-write", 502, ["A", "B"]),
    ("503-before-write", 503, []),
    ("503-after-write", 503, ["A", "B"]),
    ("409", 409, []),
    ("409-after-write", 409, ["A", "B"]),
    ("429", 429, []),
    ("423", 423, []),
    ("500", 500, []),
    ("500-after-write", 500, ["A", "B"]),
    ("html-body", 200, ["A", "B"]),
    ("unreadable-body", 200, ["A", "B"]),
    ("error-without-path-before-write", 200, []),
    ("mid-document-timeout", 504, ["A"]),
]


def _create(world, **headers):
    return world.api.ask(CREATE_TWO, {"b": world.board.id}, **headers)


@pytest.fixture
def server(world):
    with SandboxServer(world.sandbox) as server:
        yield server


def _post(server, timeout=5.0, key=None):
    (board_id, *_) = server.sandbox.account.boards
    return httpx2.post(
        server.api_url,
        json={"query": CREATE_TWO, "variables": {"b": board_id}},
        headers={"Authorization": "token", **({"Idempotency-Key": key} if key else {})},
        timeout=timeout,
    )


# What each fault does ---------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "status", "written"), WHOLE_ANSWERS)
def test_a_fault_replaces_the_answer_once(world, name, status, written):
    world.sandbox.add_fault(name)

    reply = _create(world)

    assert reply.status == status
    assert world.names() == written
    assert _create(world).data  # only once
    assert len(world.names()) == len(written) + 2


@pytest.mark.parametrize(
    "name",
    [
        "504-before-write",
        "504-after-write",
        "503-before-write",
        "503-after-write",
        "502-before-write",
        "502-after-write",
        "html-body",
    ],
)
def test_a_gateway_answers_with_a_page(world, name):
    world.sandbox.add_fault(name)
    reply = _create(world)

    assert reply.headers["content-type"].startswith("text/html")
    assert reply.text.startswith("<html>")


def test_423_says_the_board_is_locked(world):
    world.sandbox.add_fault("423")

    assert "locked" in _create(world).errors[0]["message"]


@pytest.mark.parametrize(
    ("name", "code", "written"),
    [
        ("500-alias", "INTERNAL_SERVER_ERROR", ["A"]),
        ("423-alias", "RESOURCE_LOCKED", ["A"]),
        ("429-alias", "FIELD_LIMIT_EXCEEDED", ["A"]),
        ("500-alias-after-write", "INTERNAL_SERVER_ERROR", ["A", "B"]),
    ],
)
def test_one_field_can_fail(world, name, code, written):
    world.sandbox.add_fault(name, alias=1)

    reply = _create(world)

    assert reply.status == 200
    assert reply.json["data"]["a"]["id"]
    assert reply.json["data"]["b"] is None
    assert (reply.code, reply.errors[0]["path"]) == (code, ["b"])
    assert world.names() == written


def test_an_error_can_name_no_field(world):
    world.sandbox.add_fault("error-without-path")
    reply = _create(world)

    assert "path" not in reply.errors[0]
    assert reply.code == "INTERNAL_SERVER_ERROR"
    assert reply.json["data"]["a"]["id"]
    assert world.names() == ["A", "B"]


def test_an_error_without_path_can_come_although_nothing_was_executed(world):
    world.sandbox.add_fault("error-without-path-before-write")
    reply = _create(world)

    assert reply.status == 200
    assert reply.json["data"] == {"a": None, "b": None}
    assert "path" not in reply.errors[0]
    assert reply.code == "INTERNAL_SERVER_ERROR"
    assert world.names() == []


def test_a_next_page_can_be_refused_as_too_late(world):
    for name in "ABC":
        world.created(name)
    first = world.api.ask(
        f"{{ boards(ids: {world.board.id}) {{ items_page(limit: 2) {{ cursor }} }} }}"
    )
    cursor = first.data["boards"][0]["items_page"]["cursor"]
    next_page = f'{{ next_items_page(cursor: "{cursor}", limit: 2) {{ items {{ name }} }} }}'
    world.sandbox.add_fault("expired-cursor")

    refused = world.api.ask(next_page)

    assert (refused.status, refused.code) == (200, "CursorException")
    assert "expired" in refused.errors[0]["message"]
    assert world.api.ask(next_page).data["next_items_page"] == {"items": [{"name": "C"}]}


def test_nested_subitems_can_be_refused(world):
    item_id = world.created()
    world.sandbox.add_fault("subitems-limit")

    reply = world.api.ask(
        "query ($i: [ID!]) { items(ids: $i) { id subitems { id } } }", {"i": [item_id]}
    )

    assert reply.json["data"]["items"] == [{"id": item_id, "subitems": None}]
    assert reply.code == "FIELD_LIMIT_EXCEEDED"
    assert reply.errors[0]["path"] == ["items", 0, "subitems"]
    assert reply.errors[0]["extensions"]["retry_in_seconds"] == 15


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("lose-answer-before-write", []),
        ("lose-answer-after-write", ["A", "B"]),
        ("forgets-key", ["A", "B"]),
    ],
)
def test_an_answer_can_be_lost(world, server, name, written):
    world.sandbox.add_fault(name)

    with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
        _post(server)

    assert world.names() == written
    assert _post(server).status_code == 200


def test_an_answer_can_end_half_way(world, server):
    world.sandbox.add_fault("cut-body")

    with pytest.raises(httpx2.RemoteProtocolError, match=r"incomplete|without sending complete"):
        _post(server)

    assert world.names() == ["A", "B"]


def test_an_answer_can_be_no_json(world, server):
    world.sandbox.add_fault("unreadable-body")

    answer = _post(server)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    with pytest.raises(ValueError, match=r"."):
        answer.json()
    assert world.names() == ["A", "B"]


def test_an_answer_can_be_held_back(world, server):
    world.sandbox.add_fault("hang", seconds=0.5)

    with pytest.raises(httpx2.ReadTimeout):
        _post(server, timeout=0.2)

    assert world.names() == ["A", "B"]


def test_a_server_stops_although_an_answer_is_held_back(world):
    world.sandbox.add_fault("hang", seconds=60)
    server = SandboxServer(world.sandbox)
    server.start()
    with pytest.raises(httpx2.ReadTimeout):
        _post(server, timeout=0.1)

    started = time.monotonic()
    server.stop()

    assert time.monotonic() - started < 5
    with pytest.raises(httpx2.ConnectError):
        _post(server)


# Keys and faults --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("504-after-write", ["A", "B"]),
        ("503-after-write", ["A", "B"]),
        ("409-after-write", ["A", "B"]),
        ("409", ["A", "B"]),
        ("html-body", ["A", "B"]),
        ("unreadable-body", ["A", "B"]),
        ("error-without-path", ["A", "B"]),
        ("error-without-path-before-write", ["A", "B"]),
        ("500-after-write", ["A", "B", "A", "B"]),  # the server died and forgot
        ("mid-document-timeout", ["A", "A", "B"]),
        ("504-before-write", ["A", "B"]),
    ],
)
def test_a_repeat_with_the_same_key_meets_what_the_server_remembers(world, name, names):
    world.sandbox.add_fault(name)
    _create(world, Idempotency_Key="k")

    reply = _create(world, Idempotency_Key="k")

    assert reply.data["a"]["id"]
    assert world.names() == names


@pytest.mark.parametrize(("name", "copies"), [("lose-answer-after-write", 1), ("forgets-key", 2)])
def test_a_key_survives_a_lost_answer_unless_it_is_forgotten(world, server, name, copies):
    world.sandbox.add_fault(name)
    with pytest.raises(httpx2.RemoteProtocolError):
        _post(server, key="k")

    assert _post(server, key="k").status_code == 200
    assert world.names() == ["A", "B"] * copies


@pytest.mark.parametrize(
    ("settings", "replayed", "copies"), [({}, "true", 1), ({"remembers": 0}, None, 2)]
)
def test_a_document_can_be_executed_after_its_answer(world, server, settings, replayed, copies):
    world.sandbox.add_fault("still-executing", seconds=0.8, **settings)

    answers = [_post(server, key="k"), _post(server, key="k")]

    assert [answer.status_code for answer in answers] == [504, 409]
    assert answers[1].json()["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_CONFLICT"
    assert world.names() == []
    _wait_until(lambda: world.names() == ["A", "B"])
    again = _post(server, key="k")
    assert again.json()["data"]["a"]["id"]
    assert again.headers.get("Idempotency-Replayed") == replayed
    assert world.names() == ["A", "B"] * copies


def test_a_document_that_is_executed_late_needs_no_key(world, server):
    world.sandbox.add_fault("still-executing", seconds=0.05)

    assert _post(server).status_code == 504

    _wait_until(lambda: world.names() == ["A", "B"])


def _wait_until(holds):
    give_up = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


# When faults strike ------------------------------------------------------------------------------


def test_a_fault_leaves_queries_alone_unless_it_matches_them(world):
    world.sandbox.add_fault("500", times=0)
    assert world.api.ask("{ me { id } }").status == 200

    world.sandbox.clear_faults()
    world.sandbox.add_fault("500", times=0, match="me")
    assert world.api.ask("{ me { id } }").status == 500


def test_a_fault_only_meets_documents_that_match(world):
    world.sandbox.add_fault("500", times=0, match="create_subitem")

    assert _create(world).status == 200


def test_a_fault_strikes_as_often_as_it_is_told(world):
    fault = world.sandbox.add_fault("500", times=2, skip=1)

    assert [_create(world).status for _ in range(5)] == [200, 500, 500, 200, 200]
    assert (fault.fired, fault.times) == (2, 2)


def test_a_fault_by_chance_is_the_same_for_the_same_seed(make_world):
    def strikes(seed):
        world = make_world()
        world.sandbox.add_fault("500", times=0, probability=0.5, seed=seed)
        return [_create(world).status for _ in range(20)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert {200, 500} == set(strikes(1))


def test_times_none_means_always(world):
    world.sandbox.add_fault("500", times=None)

    assert {_create(world).status for _ in range(5)} == {500}


def test_a_fault_that_struck_is_in_the_log(world):
    world.sandbox.add_fault("423")
    _create(world)

    assert world.sandbox.request_log[0].fault == "423"


# How faults are made ---------------------------------------------------------------------------


def test_a_fault_is_written_as_a_name_with_settings():
    fault = parse_fault("429:times=0,skip=2,match=create_item,probability=0.5,seed=3,retry_s=9")

    described = fault.described()
    assert described.pop("says")
    assert described == {
        "name": "429",
        "times": 0,
        "skip": 2,
        "match": "create_item",
        "probability": 0.5,
        "seed": 3,
        "number": 0,
        "seen": 0,
        "fired": 0,
        "retry_s": 9,
        "code": "RATE_LIMIT_EXCEEDED",
        "hint": "all",
    }


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "429:times",
        "429:times=often",
        "429:colour=red",
        "429:hint=loud",
        "500:retry_s=1",
        "poisonous-row",
        "",
    ],
)
def test_a_fault_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_fault(text)


def test_every_fault_says_what_it_does():
    faults = available_faults()

    assert {
        "lose-answer-before-write",
        "lose-answer-after-write",
        "504-before-write",
        "504-after-write",
        "502-before-write",
        "502-after-write",
        "503-before-write",
        "503-after-write",
        "still-executing",
        "forgets-key",
        "409",
        "409-after-write",
        "429",
        "429-alias",
        "423",
        "500",
        "500-after-write",
        "500-alias",
        "poisonous-row",
        "expired-cursor",
        "error-without-path",
        "error-without-path-before-write",
        "html-body",
        "unreadable-body",
        "cut-body",
        "hang",
        "mid-document-timeout",
    } <= set(faults)
    assert all(faults.values())


def test_faults_are_switched_on_and_off_over_http(world):
    body = orjson.dumps({"name": "504-after-write", "times": 2, "match": "create_item"})
    assert world.api.http("POST", "/sandbox/faults", body).status == 201
    _create(world)

    shown = world.api.http("GET", "/sandbox/faults").json
    assert [(f["name"], f["times"], f["fired"]) for f in shown["active"]] == [
        ("504-after-write", 2, 1)
    ]
    assert shown["available"] == available_faults()

    assert world.api.http("DELETE", "/sandbox/faults").json == {"active": []}
    assert _create(world).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"name": "x"}',
        b'{"name": "429", "times": "a"}',
        b'{"name": "429", "x": 1}',
    ],
)
def test_a_fault_that_cannot_be_made_over_http_says_why(world, body):
    reply = world.api.http("POST", "/sandbox/faults", body)

    assert reply.status == 400
    assert reply.json["error"]
    assert world.sandbox.faults == []
