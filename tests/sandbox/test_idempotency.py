"""The memory behind `Idempotency-Key`: a repeat gets the first answer and writes nothing."""

import pytest

CREATE = "mutation ($b: ID!, $n: String!) { create_item(board_id: $b, item_name: $n) { id } }"


def _body(world, name="PO-1"):
    return {"query": CREATE, "variables": {"b": world.board.id, "n": name}}


def _create(world, key="key", name="PO-1"):
    return world.api.post(_body(world, name), Idempotency_Key=key)


def test_a_repeat_gets_the_first_answer_and_writes_nothing(world):
    first, second = _create(world), _create(world)

    assert second.text == first.text
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert world.names() == ["PO-1"]
    assert [record.replayed for record in world.sandbox.request_log] == [False, True]


def test_another_key_is_another_request(world):
    _create(world, "one")
    _create(world, "two")

    assert len(world.names()) == 2


def test_without_a_key_every_request_is_executed(world):
    _create(world, "")
    _create(world, "")

    assert len(world.names()) == 2


def test_a_partial_success_is_remembered_as_it_was(world):
    body = {
        "query": f'mutation {{ a: create_item(board_id: {world.board.id}, item_name: "A") {{ id }}'
        ' b: create_item(board_id: 1, item_name: "B") { id } }'
    }
    first, second = (world.api.post(body, Idempotency_Key="k") for _ in "12")

    assert second.text == first.text
    assert second.errors[0]["path"] == ["b"]
    assert world.names() == ["A"]


def test_queries_are_not_remembered(world):
    replies = [world.api.ask("{ me { id } }", Idempotency_Key="k") for _ in "12"]

    assert "Idempotency-Replayed" not in replies[1].headers


def test_a_repeat_while_the_first_runs_is_a_conflict(make_world):
    world = make_world(latency_ms=100)

    replies = world.api.at_once([_body(world), _body(world)], Idempotency_Key="k")

    refused = next(reply for reply in replies if reply.status != 200)
    assert refused.status == 409
    assert refused.json["errors"] == [
        {
            "message": "A request with this idempotency key is currently being processed",
            "extensions": {"code": "IDEMPOTENCY_CONFLICT"},
        }
    ]
    assert refused.headers["Retry-After"] == "1"
    assert world.names() == ["PO-1"]
    assert _create(world, "k").headers["Idempotency-Replayed"] == "true"


def test_a_key_lives_half_an_hour(world):
    _create(world)
    world.sandbox.clock.advance(29 * 60)
    assert _create(world).headers["Idempotency-Replayed"] == "true"

    world.sandbox.clock.advance(2 * 60)

    assert "Idempotency-Replayed" not in _create(world).headers
    assert len(world.names()) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"idempotency": False},
        {"idempotency_budget_bytes": 10},
        {"idempotency_reply_bytes": 10},
    ],
)
def test_a_server_that_does_not_remember_executes_again(make_world, options):
    world = make_world(**options)
    _create(world)

    assert "Idempotency-Replayed" not in _create(world).headers
    assert len(world.names()) == 2


def test_expired_keys_make_room_in_the_budget(make_world):
    world = make_world(idempotency_budget_bytes=150)
    _create(world, "one")
    _create(world, "two")
    assert "Idempotency-Replayed" not in _create(world, "two").headers

    world.sandbox.clock.advance(31 * 60)
    _create(world, "three")

    assert _create(world, "three").headers["Idempotency-Replayed"] == "true"


def test_the_memory_can_be_lost(world):
    _create(world)

    world.sandbox.forget_idempotency()

    assert "Idempotency-Replayed" not in _create(world).headers


def test_a_request_that_was_refused_as_a_whole_is_not_remembered(world):
    world.sandbox.add_fault("429")
    assert _create(world).status == 429

    assert _create(world).status == 200
    assert world.names() == ["PO-1"]
