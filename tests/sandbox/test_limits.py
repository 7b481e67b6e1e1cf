"""What an account may use, what it is told, and how it is refused."""

import re
from dataclasses import replace

import pytest

from order_sync.sandbox.options import PLANS, Plan

ME = {"query": "{ me { id } }"}


def _plan(**figures):
    return replace(Plan(1000, 40, 1000, 10_000_000), **figures)


@pytest.mark.parametrize(
    ("plan", "per_minute", "at_once", "per_day", "complexity"),
    [
        ("free", 1_000, 40, 1_000, 1_000_000),
        ("basic", 1_000, 40, 1_000, 10_000_000),
        ("standard", 1_000, 40, 1_000, 10_000_000),
        ("pro", 2_500, 100, 10_000, 10_000_000),
        ("enterprise", 5_000, 250, 25_000, 10_000_000),
    ],
)
def test_the_plan_sets_the_limits(make_world, plan, per_minute, at_once, per_day, complexity):
    world = make_world(plan=plan)
    reply = world.api.ask("{ platform_api { daily_limit { base total addon { quantity } } } }")

    assert reply.headers["RateLimit-Policy"] == (
        f'"minuteRate";q={per_minute};w=60, '
        f'"concurrency";q={at_once};qu="concurrent-requests", '
        f'"complexityMinute";q={complexity};w=60;qu="content-bytes"'
    )
    assert reply.data["platform_api"]["daily_limit"]["total"] == per_day


def test_the_header_says_what_is_left(world):
    reply = world.api.ask("{ complexity { before query after reset_in_x_seconds } }")

    used = reply.data["complexity"]["query"]
    assert reply.headers["RateLimit"] == (
        f'"minuteRate";r=4999, "concurrency";r=249, "complexityMinute";r={10_000_000 - used};t=60'
    )


def test_enterprise_with_limits_is_the_default(world):
    assert world.sandbox.options.limits
    assert world.sandbox.limits.quota == PLANS["enterprise"]


def test_too_many_requests_in_a_minute_are_refused_until_it_is_over(make_world):
    world = make_world(plan_limits=_plan(requests_per_minute=2))
    world.api.post(ME)
    world.sandbox.clock.advance(20)
    world.api.post(ME)

    refused = world.api.post(ME)

    assert (refused.status, refused.code) == (429, "RATE_LIMIT_EXCEEDED")
    assert refused.headers["Retry-After"] == "40"
    assert refused.errors[0]["extensions"]["retry_in_seconds"] == 40
    assert '"minuteRate";r=0;t=40' in refused.headers["RateLimit"]
    assert "data" not in refused.json
    world.sandbox.clock.advance(40)
    assert world.api.post(ME).status == 200


def test_a_refused_mutation_writes_nothing(make_world):
    world = make_world(plan_limits=_plan(requests_per_minute=1))
    world.api.post(ME)

    assert world.create().status == 429
    assert world.names() == []


def test_too_many_requests_at_once_are_refused(make_world):
    world = make_world(plan_limits=_plan(requests_in_flight=2), latency_ms=100)

    replies = world.api.at_once([ME] * 5)

    assert sorted(reply.status for reply in replies) == [200, 200, 429, 429, 429]
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.json["errors"] == [
        {
            "message": "Concurrency limit exceeded",
            "extensions": {"code": "maxConcurrencyExceeded"},
        }
    ]
    assert refused.headers["Retry-After"] == "1"
    assert world.api.post(ME).status == 200


def test_the_daily_limit_lasts_until_midnight_utc(make_world):
    world = make_world(plan_limits=_plan(requests_per_day=2))
    world.api.post(ME)
    world.api.post(ME)

    refused = world.api.post(ME)

    assert (refused.status, refused.code) == (429, "DAILY_LIMIT_EXCEEDED")
    wait = int(refused.headers["Retry-After"])
    assert abs(wait - world.sandbox.clock.until_midnight()) < 2
    world.sandbox.clock.advance(wait)
    assert world.api.post(ME).status == 200


def test_refused_and_complexity_requests_take_a_tenth_of_a_daily_call(make_world):
    world = make_world(plan_limits=_plan(requests_per_minute=2))
    world.api.post({"query": "{ complexity { before } }"})
    world.api.post(ME)
    world.api.post(ME)

    assert world.sandbox.limits.used_today == pytest.approx(0.1 + 1 + 0.1)


def test_too_many_requests_from_one_address_are_refused_for_ten_seconds(make_world):
    world = make_world(plan_limits=_plan(requests_per_ip_in_10_s=1))
    world.api.post(ME)

    refused = world.api.post(ME)

    assert (refused.status, refused.code) == (429, "IP_RATE_LIMIT_EXCEEDED")
    assert int(refused.headers["Retry-After"]) <= 10
    world.sandbox.clock.advance(10)
    assert world.api.post(ME).status == 200


def test_a_document_of_many_fields_is_one_request(world):
    fields = " ".join(f"a{i}: me {{ id }}" for i in range(20))

    assert '"minuteRate";r=4999' in world.api.ask(f"{{ {fields} }}").headers["RateLimit"]


@pytest.mark.parametrize(("costs", "write"), [("legacy", 30_000), ("2024", 10_000), ("modern", 50)])
def test_a_write_costs_what_the_preset_says(make_world, costs, write):
    world = make_world(costs=costs)
    reply = world.api.ask(
        "mutation ($b: ID!) { complexity { before query after }"
        ' a: create_item(board_id: $b, item_name: "x") { id }'
        ' b: create_item(board_id: $b, item_name: "y") { id } }',
        {"b": world.board.id},
    )

    points = reply.data["complexity"]
    assert points["query"] == 2 * (write + 11) + 13
    assert points["after"] == points["before"] - points["query"]


def test_an_exhausted_complexity_budget_refuses_the_document(make_world):
    world = make_world(costs="legacy", plan_limits=_plan(personal_complexity_per_minute=70_000))
    world.created()
    world.created()

    refused = world.create()

    assert refused.status == 429
    assert refused.json["errors"] == [
        {
            "message": "Complexity budget exhausted",
            "extensions": {"code": "COMPLEXITY_BUDGET_EXHAUSTED", "retry_in_seconds": 60},
        }
    ]
    assert refused.headers["Retry-After"] == "60"
    assert len(world.names()) == 2
    world.sandbox.clock.advance(60)
    assert world.create().status == 200


def test_an_app_has_separate_budgets_for_reads_and_writes(make_world):
    world = make_world(
        caller="app", costs="legacy", plan_limits=_plan(app_complexity_per_minute=40_000)
    )
    world.created()

    assert world.create().status == 429
    assert world.api.post(ME).status == 200


def test_a_document_can_be_too_complex_for_any_budget(world):
    query = "query ($b: [ID!]) { boards(ids: $b, limit: 100) { groups { items_page(limit: 500) {"
    query += " items { id subitems { id column_values { text value } } } } } } }"

    reply = world.api.ask(query, {"b": [str(i) for i in range(100)]})

    assert (reply.status, reply.code) == (200, "maxComplexityExceeded")


def test_an_overestimate_is_given_back_in_the_next_minute(make_world):
    world = make_world()
    page = {
        "query": f"{{ boards(ids: {world.board.id}) {{"
        " items_page(limit: 500) { items { id } } } }",
    }
    ask = "{ complexity { before } }"
    world.api.post(page)
    assert world.api.ask(ask).data["complexity"]["before"] < 10_000_000 - 5_000

    world.sandbox.clock.advance(60)

    assert world.api.ask(ask).data["complexity"]["before"] > 10_000_000 + 5_000


def test_limits_can_be_switched_off(make_world):
    world = make_world(limits=False, plan_limits=_plan(requests_per_minute=1, requests_per_day=1))

    replies = [world.api.post(ME) for _ in range(5)]

    assert {reply.status for reply in replies} == {200}
    assert "RateLimit" not in replies[0].headers


def test_scaled_time_shortens_the_minute_and_keeps_its_proportions(make_world):
    world = make_world(time_scale=8, plan_limits=_plan(requests_per_minute=1))
    first = world.api.post(ME)
    world.sandbox.clock.advance(20)

    refused = world.api.post(ME)

    assert first.headers["RateLimit-Policy"].count(";w=7.5") == 2
    wait = float(refused.headers["Retry-After"])
    assert 4 < wait <= 5
    assert refused.errors[0]["extensions"]["retry_in_seconds"] == wait
    (reset,) = re.findall(r'"minuteRate";r=0;t=([\d.]+)', refused.headers["RateLimit"])
    assert wait - 1 < float(reset) <= wait


def test_scaled_time_leaves_whole_seconds_where_the_schema_wants_them(make_world):
    reply = make_world(time_scale=100).api.ask("{ complexity { reset_in_x_seconds } }")

    assert reply.data["complexity"]["reset_in_x_seconds"] == 1


# What was refused -------------------------------------------------------------------------------


def test_refusals_are_counted_by_code(make_world):
    world = make_world(costs="legacy", plan_limits=_plan(personal_complexity_per_minute=70_000))
    for _ in range(4):
        world.create()

    assert world.sandbox.refusals == {"COMPLEXITY_BUDGET_EXHAUSTED": 2}
    assert world.api.http("GET", "/sandbox/health").json["refusals"] == world.sandbox.refusals


def test_a_refusal_that_a_fault_plays_is_not_counted(world):
    world.sandbox.add_fault("429")
    assert world.create().status == 429

    assert not world.sandbox.refusals


CREATE = """
    mutation ($board: ID!) {
      complexity { query }
      a: create_group(board_id: $board, group_name: "a") { id }
      b: create_group(board_id: $board, group_name: "b") { id }
    }
"""


def test_only_the_writes_of_a_document_cost_as_much_as_writes(make_world):
    world = make_world(plan_limits=_plan(personal_complexity_per_minute=100_000), costs="2024")
    world.api.ask(CREATE, board=world.board.id)
    world.sandbox.clock.advance(61)  # now the difference to what it really took is charged

    left = world.sandbox.limits.usage()["complexity_left_for_writes"]
    assert abs(100_000 - left) < 100


def test_what_is_owed_from_before_never_keeps_a_window_shut(make_world):
    world = make_world(plan_limits=_plan(personal_complexity_per_minute=30_000), costs="2024")
    world.api.ask(CREATE, board=world.board.id)
    world.sandbox.limits.settle("mutation", 0, 20_000)
    world.sandbox.clock.advance(61)

    refused = world.api.post({"query": CREATE, "variables": {"board": world.board.id}})
    assert refused.status == 429
    world.sandbox.clock.advance(61)
    assert world.api.post({"query": CREATE, "variables": {"board": world.board.id}}).status == 200
