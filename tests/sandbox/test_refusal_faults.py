"""Faults that refuse: how long they ask to wait and where they say so, and poisonous rows."""

import orjson
import pytest

CREATE_TWO = (
    "mutation ($b: ID!, $n: String!, $m: String!, $v: JSON) {"
    " a: create_item(board_id: $b, item_name: $n) { id }"
    " b: create_item(board_id: $b, item_name: $m, column_values: $v) { id } }"
)


def _create(world, first="A", second="B", **values):
    variables = {"b": world.board.id, "n": first, "m": second, "v": world.values(**values)}
    return world.api.ask(CREATE_TWO, variables)


# How long to wait -------------------------------------------------------------------------------


def _told(reply):
    """Every place of an answer that tells the wait."""
    extensions = reply.errors[0]["extensions"]
    told = {
        key: extensions[key] for key in ("retry_in_seconds", "retryAfterMs") if key in extensions
    }
    if "Retry-After" in reply.headers:
        told["header"] = reply.headers["Retry-After"]
    if ";r=0;t=" in reply.headers["RateLimit"]:
        told["ratelimit"] = reply.headers["RateLimit"]
    return told


ALL_HINTS = {
    "retry_in_seconds": 7,
    "retryAfterMs": 7000,
    "header": "7",
    "ratelimit": '"minuteRate";r=0;t=7',
}


@pytest.mark.parametrize("hint", ALL_HINTS)
def test_429_tells_the_wait_where_it_is_asked_to(world, hint):
    world.sandbox.add_fault("429", retry_s=7, hint=hint)

    assert _told(_create(world)) == {hint: ALL_HINTS[hint]}
    assert world.names() == []


def test_429_tells_the_wait_everywhere_unless_it_is_told_otherwise(world):
    world.sandbox.add_fault("429", retry_s=7)

    assert _told(_create(world)) == ALL_HINTS


def test_429_can_leave_the_wait_to_the_caller(world):
    world.sandbox.add_fault("429", hint="none")

    assert _told(_create(world)) == {}


def test_429_can_ask_for_a_part_of_a_second(world):
    world.sandbox.add_fault("429", retry_s=0.25)

    assert _told(_create(world)) == {
        "retry_in_seconds": 0.25,
        "retryAfterMs": 250,
        "header": "0.25",
        "ratelimit": '"minuteRate";r=0;t=0.25',
    }


@pytest.mark.parametrize(
    ("code", "policy"),
    [
        ("COMPLEXITY_BUDGET_EXHAUSTED", "complexityMinute"),
        ("maxConcurrencyExceeded", "concurrency"),
        ("MAX_CONCURRENCY_EXCEEDED", "concurrency"),
        ("RATE_LIMIT_EXCEEDED", "minuteRate"),
        ("Rate Limit Exceeded", "minuteRate"),
        ("DAILY_LIMIT_EXCEEDED", "minuteRate"),
        ("IP_RATE_LIMIT_EXCEEDED", "minuteRate"),
        ("FIELD_LIMIT_EXCEEDED", "minuteRate"),
    ],
)
def test_429_speaks_with_every_code(world, code, policy):
    world.sandbox.add_fault("429", code=code)
    reply = _create(world)

    assert (reply.status, reply.code) == (429, code)
    assert reply.headers["RateLimit"] == f'"{policy}";r=0;t=1'
    assert world.names() == []


def test_a_limit_of_one_field_says_how_long_to_wait(world):
    world.sandbox.add_fault("429-alias", alias=1, retry_s=3)
    reply = _create(world)

    assert reply.status == 200
    assert reply.errors[0]["extensions"] == {
        "code": "FIELD_LIMIT_EXCEEDED",
        "status_code": 429,
        "error_data": {},
        "retry_in_seconds": 3,
    }
    assert world.names() == ["A"]


@pytest.mark.parametrize(("name", "written"), [("409", []), ("409-after-write", ["A", "B"])])
def test_a_conflict_says_how_long_to_wait(world, name, written):
    world.sandbox.add_fault(name, retry_s=2)
    reply = _create(world)

    assert (reply.status, reply.code) == (409, "IDEMPOTENCY_CONFLICT")
    assert reply.headers["Retry-After"] == "2"
    assert world.names() == written


# Poisonous rows ---------------------------------------------------------------------------------


def test_a_poisonous_row_spoils_every_document_it_is_in(world):
    world.sandbox.add_fault("poisonous-row", text="PO-13")

    replies = [_create(world, "PO-12", "PO-13") for _ in "123"]

    assert {(reply.status, reply.code) for reply in replies} == {(500, "INTERNAL_SERVER_ERROR")}
    assert world.names() == []
    assert _create(world, "PO-12", "PO-14").data
    assert world.names() == ["PO-12", "PO-14"]


def test_a_poisonous_row_can_spoil_itself_alone(world):
    world.sandbox.add_fault("poisonous-row", text="poison", whole=0)

    reply = _create(world, "A", "B", Key="some poison")

    assert reply.status == 200
    assert (reply.code, reply.errors[0]["path"]) == ("INTERNAL_SERVER_ERROR", ["b"])
    assert reply.errors[0]["extensions"]["status_code"] == 500
    assert world.names() == ["A"]


def test_a_poisonous_row_is_found_wherever_it_stands_in_the_variables(world):
    world.sandbox.add_fault("poisonous-row", text="Rhythm", match="items_page_by_column_values")
    columns = [{"column_id": world.column("Key"), "column_values": ["ACME", "Rhythm"]}]

    reply = world.api.ask(
        "query ($b: ID!, $c: [ItemsPageByColumnValuesQuery!]) {"
        " items_page_by_column_values(board_id: $b, columns: $c) { cursor } }",
        {"b": world.board.id, "c": columns},
    )

    assert reply.status == 500


def test_a_poisonous_row_without_a_text_is_refused(world):
    reply = world.api.http("POST", "/sandbox/faults", orjson.dumps({"name": "poisonous-row"}))

    assert reply.status == 400
    assert "text" in reply.json["error"]
