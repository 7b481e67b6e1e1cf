"""How a request has to look, who may ask, and what stands on every answer."""

import pytest

from order_sync.sandbox.options import ApiVersions


def test_a_question_is_answered(world):
    reply = world.api.ask("{ me { id name } }")

    assert reply.status == 200
    assert reply.data["me"]["id"].isdecimal()


def test_only_post_is_allowed(world):
    assert world.api.http("GET", "/v2").status == 405


def test_a_body_that_is_not_json_is_refused(world):
    reply = world.api.post(b"{nonsense")

    assert (reply.status, reply.code) == (400, "JsonParseException")


@pytest.mark.parametrize("body", [{}, {"query": ""}, {"query": 5}, [], "query"])
def test_a_body_without_a_query_is_refused(world, body):
    assert world.api.post(body).status == 400


@pytest.mark.parametrize("variables", ['{"a": 1}', [1], 5])
def test_variables_have_to_be_an_object(world, variables):
    reply = world.api.post({"query": "{ me { id } }", "variables": variables})

    assert (reply.status, reply.code) == (400, "INVALID_GRAPHQL_REQUEST")


def test_null_variables_are_none(world):
    assert world.api.post({"query": "{ me { id } }", "variables": None}).status == 200


def test_a_request_without_token_is_not_answered(world):
    reply = world.api.ask("{ me { id } }", Authorization="")

    assert (reply.status, reply.code) == (401, "USER_NOT_AUTHENTICATED")
    assert "data" not in reply.json


@pytest.mark.parametrize(
    ("sent", "status"),
    [("right", 200), ("Bearer right", 200), ("wrong", 401), ("Bearer", 401), ("right2", 401)],
)
def test_a_configured_token_is_the_only_one(make_world, sent, status):
    world = make_world(token="right")

    assert world.api.ask("{ me { id } }", Authorization=sent).status == status


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("2026-10", "2026-10"),
        ("2026-07", "2026-07"),
        ("2027-01", "2027-01"),
        ("default", "2026-10"),
        ("", "2026-10"),
        ("2025-01", "2026-07"),  # deprecated: the maintenance version, silently
        ("2024-02", "2026-10"),  # never existed: the current version, silently
    ],
)
def test_the_served_version_is_named_in_the_answer(world, asked, served):
    reply = world.api.ask("{ version { value } }", API_Version=asked)

    assert reply.headers["API-Version"] == served
    assert reply.data["version"]["value"] == served


@pytest.mark.parametrize("asked", ["2023", "latest", "2026-1", "26-10"])
def test_a_badly_formed_version_is_an_error_of_an_answer_with_status_200(world, asked):
    reply = world.api.ask("{ me { id } }", API_Version=asked)

    assert (reply.status, reply.code) == (200, "InvalidVersionException")


def test_requests_can_be_rerouted_to_another_version(make_world):
    world = make_world(served_version="2026-07")

    assert world.api.ask("{ me { id } }", API_Version="2026-10").headers["API-Version"] == "2026-07"


def test_the_versions_of_today_can_be_read(world):
    found = world.api.ask("{ versions { kind value display_name } }").data["versions"]

    assert {v["kind"]: v["value"] for v in found} == {
        "release_candidate": ApiVersions().release_candidate,
        "current": ApiVersions().current,
        "maintenance": ApiVersions().maintenance,
    }


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        ({"query": "{ me { id } }"}, {}),
        ({"query": "{ nothing }"}, {}),
        (b"{", {}),
        ({"query": "{ me { id } }"}, {"Authorization": ""}),
    ],
)
def test_every_answer_has_a_request_id(world, content, headers):
    reply = world.api.post(content, **headers)

    request_id = reply.json["extensions"]["request_id"]
    assert request_id
    assert reply.headers["x-request-id"] == request_id


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ me { id }", "GRAPHQL_PARSE_FAILED"),
        ('mutation { create_item(board_id: 1, item_name: "a\nb") { id } }', "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("mutation { create_item(board_id: 1) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($a: ID!) { boards(ids: [$a]) { id } }", "INVALID_GRAPHQL_REQUEST"),
        ("query A { me { id } } query B { me { id } }", "INVALID_GRAPHQL_REQUEST"),
    ],
)
def test_a_wrong_document_is_refused_as_a_whole(world, document, code):
    reply = world.api.ask(document)

    assert (reply.status, reply.code) == (400, code)
    assert "data" not in reply.json


def test_one_wrong_variable_executes_nothing(world):
    document = (
        "mutation ($b: ID!, $x: String!, $y: String!) {"
        " a: create_item(board_id: $b, item_name: $x) { id }"
        " b: create_item(board_id: $b, item_name: $y) { id } }"
    )
    reply = world.api.ask(document, {"b": world.board.id, "x": "PO-1", "y": 5})

    assert reply.status == 400
    assert world.names() == []


def test_one_of_several_operations_can_be_named(world):
    query = "query A { me { id } } query B { account { name plan { tier } tier } }"
    reply = world.api.post({"query": query, "operationName": "B"})

    assert reply.data["account"]["plan"]["tier"] == "enterprise"


def test_an_old_error_stands_alone_at_the_top(make_world):
    world = make_world(api_dialect="legacy")

    reply = world.api.ask('mutation { create_item(board_id: 1, item_name: "a") { id } }')

    assert reply.status == 200
    assert reply.json["error_code"] == "InvalidBoardIdException"
    assert reply.json["status_code"] == 200
    assert reply.json["error_data"] == {"board_id": "1"}
    assert "errors" not in reply.json


def test_a_token_is_never_kept(world):
    world.api.ask("{ me { id } }", Authorization="canary-token")

    assert "canary-token" not in repr(world.sandbox.request_log)
    for path in ("/", "/sandbox/requests", "/sandbox/health", f"/boards/{world.board.id}"):
        assert "canary-token" not in world.api.http("GET", path).text


def test_requests_are_logged(world):
    world.created("PO-1")
    world.api.ask("{ me { id } }", Idempotency_Key="k")

    first, second = world.sandbox.request_log
    assert (first.kind, first.operations, first.http_status) == ("mutation", ["create_item"], 200)
    assert first.variables["n"] == "PO-1"
    assert "create_item" in first.document
    assert (second.kind, second.operations, second.aliases) == ("query", ["me"], 1)


def test_a_log_of_size_0_keeps_nothing_and_still_counts(make_world):
    world = make_world(request_log_size=0)
    world.created()

    assert world.sandbox.request_log == []
    assert world.api.http("GET", "/sandbox/requests").json == {"total": 1, "requests": []}
