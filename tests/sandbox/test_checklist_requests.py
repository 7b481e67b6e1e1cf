"""The rules a stand-in has to enforce on requests, a class for each, asked over a connection.

Those on boards are in test_checklist_boards.py; bulk imports have modules of their own.
"""

import re

import orjson
import pytest

from order_sync.sandbox.options import PLANS

from .conftest import World, create_many

ME = "{ me { id } }"
VERSION = "{ version { value kind } }"
CREATE = "mutation ($b: ID!, $n: String!) { create_item(board_id: $b, item_name: $n) { id } }"
REQUEST_ID = re.compile(r"[0-9a-f-]{36}")


@pytest.fixture
def world(serve):
    return serve()


class TestTransportAndVersions:
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
    def test_only_post_is_allowed(self, world, method):
        assert world.api.http(method, "/v2").status == 405

    def test_a_document_in_the_address_is_not_read(self, world):
        reply = world.api.http("POST", "/v2?query=%7Bme%7Bid%7D%7D")

        assert reply.status == 401
        assert world.api.post({}).status == 400

    def test_a_body_of_another_type_is_refused(self, world):
        body = orjson.dumps({"query": ME})

        for kind, status in [
            ("application/json", 200),
            ("application/json; charset=utf-8", 200),
            ("application/graphql", 400),
            ("application/x-www-form-urlencoded", 400),
            ("text/plain", 400),
        ]:
            assert world.api.post(body, Content_Type=kind).status == status, kind

    def test_a_body_that_is_not_json_has_the_documented_code(self, world):
        reply = world.api.post(b"query")

        assert (reply.status, reply.code) == (400, "JsonParseException")

    @pytest.mark.parametrize("variables", ['{"a": 1}', [1], 5, True])
    def test_variables_are_an_object_and_no_text(self, world, variables):
        assert world.api.post({"query": ME, "variables": variables}).status == 400

    @pytest.mark.parametrize("json_text", ["variable", "literal"])
    def test_column_values_are_json_in_a_text_also_as_a_variable(self, world, json_text):
        values = {"variable": {"v": {}}, "literal": None}[json_text]
        declared = "($v: JSON)" if values else ""
        given = "$v" if values else "{}"
        document = (
            f"mutation {declared} {{ create_item(board_id: {world.board.id},"
            f' item_name: "x", column_values: {given}) {{ id }} }}'
        )

        assert world.api.ask(document, values).code == "InvalidArgumentException"

    @pytest.mark.parametrize("name", ["null", '"a\nb"'])
    def test_the_parser_is_strict(self, world, name):
        document = f"mutation {{ create_item(board_id: 1, item_name: {name}) {{ id }} }}"

        assert world.api.ask(document).status == 400

    @pytest.mark.parametrize("token", ["", "Bearer"])
    def test_a_request_without_a_token_is_a_401_without_data(self, world, token):
        reply = world.api.ask(ME, Authorization=token)

        assert (reply.status, reply.code) == (401, "USER_NOT_AUTHENTICATED")
        assert set(reply.json) == {"errors", "extensions"}

    @pytest.mark.parametrize(
        ("sent", "served", "kind"),
        [
            (None, "2026-10", "current"),
            ("default", "2026-10", "current"),
            ("2026-10", "2026-10", "current"),
            ("2026-07", "2026-07", "maintenance"),
            ("2027-01", "2027-01", "release_candidate"),
            ("2023-10", "2026-07", "maintenance"),
            ("2025-01", "2026-07", "maintenance"),
            ("2024-02", "2026-10", "current"),
        ],
    )
    def test_versions_are_rerouted_silently_and_the_header_tells(self, world, sent, served, kind):
        reply = world.api.ask(VERSION, **({"API_Version": sent} if sent else {}))

        assert reply.headers["API-Version"] == served
        assert reply.data["version"] == {"value": served, "kind": kind}

    def test_a_badly_formed_version_is_an_error_of_an_answer_with_status_200(self, world):
        reply = world.api.ask(ME, API_Version="2023")

        assert (reply.status, reply.code) == (200, "InvalidVersionException")
        assert reply.headers["API-Version"] == "2026-10"

    def test_the_account_tells_its_plan(self, serve):
        reply = serve(plan="pro").api.ask("{ account { id slug tier plan { tier period } } }")

        account = reply.data["account"]
        assert (account["tier"], account["plan"]["tier"]) == ("pro", "pro")
        assert account["id"].isdecimal()

    def test_the_schema_can_be_downloaded(self, world):
        text = world.api.http("GET", "/v2/get_schema?format=sdl&version=2026-10")

        assert "create_item(" in text.text
        assert "__schema" in world.api.http("GET", "/v2/get_schema?format=json").text
        assert world.api.http("GET", "/v2/get_schema?format=xml").status == 400

    def test_a_call_has_60_seconds_and_loses_what_begins_later(self, serve):
        world = serve(time_limit_s=0.15, alias_latency_ms=50)

        reply = create_many(world, ["A", "B", "C", "D", "E"])

        assert reply.status == 504
        assert reply.text.startswith("<html>")
        assert world.names() == ["A", "B", "C"]
        assert World().sandbox.options.time_limit_s == 60

    def test_a_key_is_forgotten_by_a_server_that_ran_out_of_time(self, serve):
        world = serve(time_limit_s=0.01, latency_ms=30)
        body = {"query": CREATE, "variables": {"b": world.board.id, "n": "A"}}

        replies = [world.api.post(body, Idempotency_Key="k") for _ in "12"]

        assert [reply.status for reply in replies] == [504, 504]
        assert world.names() == ["A", "A"]


class TestRequestIdAndHeaders:
    @pytest.mark.parametrize(
        ("content", "headers"),
        [
            ({"query": ME}, {}),
            ({"query": "{ nothing }"}, {}),
            ({"query": ME}, {"API_Version": "2023"}),
            ({"query": ME}, {"Authorization": ""}),
            (b"[", {}),
        ],
    )
    def test_every_answer_has_its_request_id_in_body_and_header(self, world, content, headers):
        reply = world.api.post(content, **headers)

        request_id = reply.json["extensions"]["request_id"]
        assert REQUEST_ID.fullmatch(request_id)
        assert reply.headers["x-request-id"] == request_id

    def test_the_rate_limit_headers_have_the_documented_form(self, world):
        reply = world.api.ask(ME)

        assert reply.headers["RateLimit-Policy"] == (
            '"minuteRate";q=5000;w=60, "concurrency";q=250;qu="concurrent-requests", '
            '"complexityMinute";q=10000000;w=60;qu="content-bytes"'
        )
        assert re.fullmatch(
            r'"minuteRate";r=4999, "concurrency";r=249, "complexityMinute";r=\d+;t=60',
            reply.headers["RateLimit"],
        )

    def test_a_limit_that_is_reached_tells_when_it_is_over(self, serve):
        world = serve(plan_requests_per_minute=1)
        world.api.ask(ME)
        world.sandbox.clock.advance(22)

        reply = world.api.ask(ME)

        assert reply.status == 429
        assert '"minuteRate";r=0;t=38' in reply.headers["RateLimit"]
        assert reply.headers["Retry-After"] == "38"

    def test_a_429_and_a_409_have_retry_after(self, serve):
        world = serve(latency_ms=1000)
        body = {"query": CREATE, "variables": {"b": world.board.id, "n": "A"}}

        conflict = max(
            world.api.at_once([body, body], Idempotency_Key="k"), key=lambda one: one.status
        )

        assert conflict.status == 409
        assert int(conflict.headers["Retry-After"]) >= 1


class TestBudgets:
    @pytest.mark.parametrize(
        ("plan", "minute", "at_once", "day", "complexity"),
        [
            ("free", 1_000, 40, 1_000, 1_000_000),
            ("basic", 1_000, 40, 1_000, 10_000_000),
            ("standard", 1_000, 40, 1_000, 10_000_000),
            ("pro", 2_500, 100, 10_000, 10_000_000),
            ("enterprise", 5_000, 250, 25_000, 10_000_000),
        ],
    )
    def test_each_plan_has_its_figures(self, plan, minute, at_once, day, complexity):
        quota = PLANS[plan]

        assert (quota.requests_per_minute, quota.requests_in_flight) == (minute, at_once)
        assert (quota.requests_per_day, quota.requests_per_ip_in_10_s) == (day, 5_000)
        assert quota.personal_complexity_per_minute == complexity
        assert quota.app_complexity_per_minute == quota.complexity_per_document == 5_000_000

    @pytest.mark.parametrize(
        ("limit", "code"),
        [
            ({"plan_requests_per_minute": 1}, "RATE_LIMIT_EXCEEDED"),
            ({"plan_requests_per_day": 1}, "DAILY_LIMIT_EXCEEDED"),
            ({"plan_requests_per_ip_in_10_s": 1}, "IP_RATE_LIMIT_EXCEEDED"),
            ({"plan_personal_complexity_per_minute": 150}, "COMPLEXITY_BUDGET_EXHAUSTED"),
        ],
    )
    def test_each_budget_refuses_in_its_own_name_and_writes_nothing(self, serve, limit, code):
        world = serve(**limit)
        replies = [world.create() for _ in range(3)]

        assert (replies[2].status, replies[2].code) == (429, code)
        waits = {
            int(replies[2].headers["Retry-After"]),
            replies[2].errors[0]["extensions"]["retry_in_seconds"],
        }
        assert len(waits) == 1
        assert len(world.names()) < 3
        assert world.sandbox.refusals[code] >= 1

    def test_places_for_requests_in_flight_are_limited(self, serve):
        world = serve(plan_requests_in_flight=2, latency_ms=1000)

        replies = world.api.at_once([{"query": ME}] * 6)

        refused = [reply for reply in replies if reply.status == 429]
        assert len(refused) == 4
        assert refused[0].json["errors"] == [
            {
                "message": "Concurrency limit exceeded",
                "extensions": {"code": "maxConcurrencyExceeded"},
            }
        ]

    @pytest.mark.parametrize(
        ("costs", "points"), [("legacy", 30_000), ("2024", 10_000), ("modern", 50)]
    )
    def test_a_write_is_estimated_and_settled_in_the_next_minute(self, serve, costs, points):
        world = serve(costs=costs)
        before = world.sandbox.limits.usage()["complexity_left_for_writes"]
        unknown_board = 'mutation { create_item(board_id: 1, item_name: "x") { id } }'
        world.api.ask(unknown_board)
        charged = before - world.sandbox.limits.usage()["complexity_left_for_writes"]

        world.sandbox.clock.advance(60)
        refunded = world.sandbox.limits.usage()["complexity_left_for_writes"] - before

        assert charged >= points
        assert refunded >= points - 50  # a document that failed costs much less

    def test_one_document_has_a_limit_of_its_own(self, serve):
        reply = create_many(serve(plan_complexity_per_document=500), "ABCDEFGHIJ")

        assert (reply.status, reply.code) == (200, "maxComplexityExceeded")

    def test_the_complexity_field_is_one_figure_for_the_document(self, world):
        reply = world.api.ask(
            "mutation ($b: ID!) { complexity { before query after reset_in_x_seconds }"
            ' a: create_item(board_id: $b, item_name: "x") { id } }',
            {"b": world.board.id},
        )

        points = reply.data["complexity"]
        assert points["after"] == points["before"] - points["query"]
        assert points["reset_in_x_seconds"] == 60

    def test_refused_and_complexity_requests_cost_a_tenth_of_a_daily_call(self, serve):
        world = serve(plan_requests_per_minute=3)
        world.api.ask("{ complexity { query } }")
        world.api.ask("{ nothing }")  # fails, and counts
        world.api.ask(ME)
        world.api.ask(ME)

        assert world.sandbox.limits.used_today == pytest.approx(0.1 + 1 + 1 + 0.1)

    def test_a_document_of_many_aliases_is_one_call(self, world):
        create_many(world, [f"PO-{i}" for i in range(20)])

        assert world.sandbox.limits.used_today == 1

    def test_the_daily_limit_can_be_read_and_its_use_an_hour_later(self, world):
        ask = "{ platform_api { daily_limit { base total } daily_analytics { last_updated"
        ask += " by_day { day usage } by_user { usage user { id } } } } }"
        world.sandbox.clock.advance(world.sandbox.clock.until_midnight() + 1)
        first = world.api.ask(ask).data["platform_api"]
        world.sandbox.clock.advance(3600)
        second = world.api.ask(ask).data["platform_api"]

        assert first["daily_limit"] == {"base": 25_000, "total": 25_000}
        assert first["daily_analytics"]["by_day"] == []
        today = world.sandbox.clock.today()
        assert second["daily_analytics"]["by_day"] == [{"day": today, "usage": 1}]
        assert second["daily_analytics"]["by_user"][0]["usage"] == 1
        assert second["daily_analytics"]["last_updated"] > first["daily_analytics"]["last_updated"]

    def test_formula_values_have_a_minute_limit_and_five_columns(self, serve):
        world = serve(formula_values_per_minute=1)
        item_id = world.created()
        field = "... on FormulaValue { display_value }"
        assert world.cell(item_id, "Sum", field) == {"display_value": ""}

        refused = world.api.ask(f"{{ items(ids: [{item_id}]) {{ column_values {{ {field} }} }} }}")

        assert refused.status == 200
        extensions = refused.errors[0]["extensions"]
        assert set(extensions) == {"code", "field", "retry_in_seconds", "status_code"}
        assert extensions["code"] == "FIELD_MINUTE_RATE_LIMIT_EXCEEDED"
        options = World().sandbox.options
        assert (options.formula_values_per_minute, options.formula_columns_limit) == (10_000, 5)

    def test_a_minute_can_be_made_shorter(self, serve):
        world = serve(time_scale=600, plan_requests_per_minute=1)
        world.api.ask(ME)

        assert ";w=0.1," in world.api.ask(ME).headers["RateLimit-Policy"]


class TestIdempotency:
    @staticmethod
    def create(world, key="k", name="A"):
        body = {"query": CREATE, "variables": {"b": world.board.id, "n": name}}
        return world.api.post(body, Idempotency_Key=key)

    def test_a_repeat_is_answered_from_memory_and_says_so(self, world):
        first, second = self.create(world), self.create(world)

        assert second.text == first.text
        assert second.headers["Idempotency-Replayed"] == "true"
        assert world.names() == ["A"]

    def test_a_repeat_of_what_still_runs_is_a_409(self, serve):
        world = serve(latency_ms=1000)
        body = {"query": CREATE, "variables": {"b": world.board.id, "n": "A"}}

        replies = world.api.at_once([body, body], Idempotency_Key="k")

        refused = max(replies, key=lambda one: one.status)
        assert (refused.status, refused.code) == (409, "IDEMPOTENCY_CONFLICT")
        assert world.names() == ["A"]

    def test_it_remembers_for_30_minutes(self, world):
        self.create(world)
        world.sandbox.clock.advance(29 * 60)
        assert "Idempotency-Replayed" in self.create(world).headers
        world.sandbox.clock.advance(2 * 60)

        assert "Idempotency-Replayed" not in self.create(world).headers

    def test_it_remembers_answers_of_1_mb_within_a_budget(self, serve):
        options = World().sandbox.options
        assert options.idempotency_reply_bytes == 1_000_000
        for options in ({"idempotency_reply_bytes": 50}, {"idempotency_budget_bytes": 50}):
            world = serve(**options)
            self.create(world)

            assert "Idempotency-Replayed" not in self.create(world).headers
            assert world.names() == ["A", "A"]


class TestDialects:
    """Errors as they look today and as they looked before 2025."""

    WRONG_BOARD = 'mutation { create_item(board_id: 1, item_name: "a") { id } }'

    def test_today_they_are_a_list_beside_the_data(self, world):
        reply = world.api.ask(self.WRONG_BOARD)

        assert reply.status == 200
        assert set(reply.json) == {"data", "errors", "extensions"}
        assert reply.code == "InvalidBoardIdException"

    def test_before_2025_one_stood_alone_at_the_top(self, serve):
        reply = serve(api_dialect="legacy").api.ask(self.WRONG_BOARD)

        assert reply.status == 200
        assert set(reply.json) == {"error_code", "error_message", "status_code", "error_data"}

    def test_the_old_complexity_error_has_its_figures_in_the_message(self, serve):
        world = serve(api_dialect="legacy", costs="legacy", plan_personal_complexity_per_minute=1)

        reply = world.create()

        assert reply.status == 429
        assert set(reply.json) == {"error_code", "error_message", "status_code"}
        assert (reply.json["error_code"], reply.json["status_code"]) == ("ComplexityException", 429)
        assert re.fullmatch(
            r"Complexity budget exhausted, query cost 300\d\d budget remaining 1 out of 1 "
            r"reset in \d+ seconds",
            reply.json["error_message"],
        )

    def test_unknown_fields_are_told_in_two_styles(self, serve):
        ask = "{ boards { new_field } }"
        today = serve().api.ask(ask)
        before = serve(api_dialect="legacy").api.ask(ask)

        assert today.code == "GRAPHQL_VALIDATION_FAILED"
        assert before.json["errors"] == [
            {
                "message": "Field 'new_field' doesn't exist on type 'Board'",
                "path": ["query", "boards", "new_field"],
                "extensions": {
                    "code": "undefinedField",
                    "typeName": "Board",
                    "fieldName": "new_field",
                },
            }
        ]

    def test_old_answers_name_the_account_and_no_request(self, serve):
        reply = serve(api_dialect="legacy").api.ask(ME)

        assert set(reply.json) == {"data", "account_id"}
