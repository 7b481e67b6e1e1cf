"""The error table: every known spelling has its meaning, and what is unknown stays in doubt."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.rules.retry import (
    ERROR_TABLE,
    UNRECOGNISED,
    Outcome,
    Remedy,
    Scope,
    backoff,
    normalise,
    rule_for,
    severest,
)

# Code as monday.com and its clients spell it -> (HTTP status it comes with, our code, remedy).
SPELLINGS = [
    ("COMPLEXITY_BUDGET_EXHAUSTED", 429, "complexity_exhausted", Remedy.WAIT_AND_REPEAT),
    ("ComplexityException", 200, "complexity_exhausted", Remedy.WAIT_AND_REPEAT),
    ("maxConcurrencyExceeded", 429, "too_many_at_once", Remedy.WAIT_AND_REPEAT),
    ("MAX_CONCURRENCY_EXCEEDED", 429, "too_many_at_once", Remedy.WAIT_AND_REPEAT),
    ("Rate Limit Exceeded", 429, "rate_limited", Remedy.WAIT_AND_REPEAT),
    ("RATE_LIMIT_EXCEEDED", 429, "rate_limited", Remedy.WAIT_AND_REPEAT),
    ("Minute limit rate exceeded", 429, "rate_limited", Remedy.WAIT_AND_REPEAT),
    ("DAILY_LIMIT_EXCEEDED", 429, "daily_limit", Remedy.PAUSE_DAY),
    ("DAILY_LIMIT_EXCEEDED", 200, "daily_limit", Remedy.PAUSE_DAY),
    ("IP_RATE_LIMIT_EXCEEDED", 429, "ip_rate_limited", Remedy.WAIT_AND_REPEAT),
    ("FIELD_LIMIT_EXCEEDED", 200, "field_limited", Remedy.RETRY_ROW),
    ("FIELD_MINUTE_RATE_LIMIT_EXCEEDED", 200, "field_limited", Remedy.RETRY_ROW),
    ("", 423, "locked", Remedy.RETRY_ROW),
    ("SomethingNew", 423, "locked", Remedy.RETRY_ROW),
    ("API_TEMPORARILY_BLOCKED", 200, "api_blocked", Remedy.LOOK_UP_FIRST),
    ("IDEMPOTENCY_CONFLICT", 409, "being_processed", Remedy.LOOK_UP_FIRST),
    ("INTERNAL_SERVER_ERROR", 500, "server_error", Remedy.LOOK_UP_FIRST),
    ("Internal server error", 200, "server_error", Remedy.LOOK_UP_FIRST),
    ("", 502, "server_error", Remedy.LOOK_UP_FIRST),
    ("", 503, "server_error", Remedy.LOOK_UP_FIRST),
    ("", 504, "server_error", Remedy.LOOK_UP_FIRST),
    ("", 599, "server_error", Remedy.LOOK_UP_FIRST),
    ("ColumnValueException", 200, "column_value", Remedy.REFUSE_ROW),
    ("COLUMN_VALUE_EXCEPTION", 200, "column_value", Remedy.REFUSE_ROW),
    ("CorrectedValueException", 200, "column_value", Remedy.REFUSE_ROW),
    ("InvalidColumnIdException", 200, "invalid_column", Remedy.REFUSE_ROW),
    ("INVALID_COLUMN_ID", 200, "invalid_column", Remedy.REFUSE_ROW),
    ("InvalidColumnTypeException", 200, "invalid_column", Remedy.REFUSE_ROW),
    ("InvalidBoardIdException", 200, "invalid_board", Remedy.STOP_RUN_BOARD),
    ("InvalidItemIdException", 200, "invalid_item", Remedy.REFUSE_ROW),
    ("InvalidSubitemIdException", 200, "invalid_item", Remedy.REFUSE_ROW),
    ("InvalidGroupIdException", 200, "group_gone", Remedy.REFRESH_GROUP),
    ("Group not found", 200, "group_gone", Remedy.REFRESH_GROUP),
    ("ItemNameTooLongException", 200, "name_too_long", Remedy.REFUSE_ROW),
    ("ItemsLimitationException", 200, "board_full", Remedy.STOP_RUN_BOARD),
    ("InvalidArgumentException", 200, "invalid_argument", Remedy.REFUSE_ROW),
    ("InvalidInputError", 200, "invalid_argument", Remedy.REFUSE_ROW),
    ("InvalidUserIdException", 200, "invalid_argument", Remedy.REFUSE_ROW),
    ("InvalidWorkspaceIdException", 200, "invalid_argument", Remedy.REFUSE_ROW),
    ("CreateBoardException", 200, "invalid_argument", Remedy.REFUSE_ROW),
    ("DeleteLastGroupException", 409, "invalid_argument", Remedy.REFUSE_ROW),
    ("RecordInvalidException", 422, "record_invalid", Remedy.REFUSE_ROW),
    ("InvalidVersionException", 200, "invalid_version", Remedy.STOP_RUN_TOKEN),
    ("missingRequiredPermissions", 200, "not_permitted", Remedy.STOP_RUN_TOKEN),
    ("UserUnauthorizedException", 403, "not_permitted", Remedy.STOP_RUN_TOKEN),
    ("USER_UNAUTHORIZED", 200, "not_permitted", Remedy.STOP_RUN_TOKEN),
    ("USER_ACCESS_DENIED", 403, "not_permitted", Remedy.STOP_RUN_TOKEN),
    ("", 403, "not_permitted", Remedy.STOP_RUN_TOKEN),
    ("Unauthorized", 401, "token_refused", Remedy.STOP_RUN_TOKEN),
    ("USER_NOT_AUTHENTICATED", 401, "token_refused", Remedy.STOP_RUN_TOKEN),
    ("", 401, "token_refused", Remedy.STOP_RUN_TOKEN),
    ("ResourceNotFoundException", 200, "not_found", Remedy.REFUSE_ROW),
    ("", 404, "not_found", Remedy.REFUSE_ROW),
    ("JsonParseException", 400, "document_refused", Remedy.SPLIT_DOCUMENT),
    ("GRAPHQL_PARSE_FAILED", 400, "document_refused", Remedy.SPLIT_DOCUMENT),
    ("GRAPHQL_VALIDATION_FAILED", 200, "document_refused", Remedy.SPLIT_DOCUMENT),
    ("undefinedField", 200, "document_refused", Remedy.SPLIT_DOCUMENT),
    ("undefinedType", 200, "document_refused", Remedy.SPLIT_DOCUMENT),
    ("argumentLiteralsIncompatible", 200, "document_refused", Remedy.SPLIT_DOCUMENT),
    ("INVALID_GRAPHQL_REQUEST", 400, "document_refused", Remedy.SPLIT_DOCUMENT),
    ("", 400, "document_refused", Remedy.SPLIT_DOCUMENT),
    ("maxComplexityExceeded", 200, "document_too_big", Remedy.SPLIT_DOCUMENT),
    ("maxDepthExceeded", 200, "document_too_big", Remedy.SPLIT_DOCUMENT),
    ("CursorException", 200, "listing_expired", Remedy.RESTART_LISTING),
    ("CursorExpiredError", 200, "listing_expired", Remedy.RESTART_LISTING),
    ("", 200, "unrecognised", Remedy.LOOK_UP_FIRST),
    ("BrandNewException", 200, "unrecognised", Remedy.LOOK_UP_FIRST),
    ("", 408, "unrecognised", Remedy.LOOK_UP_FIRST),
]


@pytest.mark.parametrize(("spelling", "status", "code", "remedy"), SPELLINGS)
def test_every_known_spelling_has_its_meaning(spelling, status, code, remedy):
    rule = rule_for(spelling, status)

    assert (rule.code, rule.remedy) == (code, remedy)


@pytest.mark.parametrize("spelling", [s for s, *_ in SPELLINGS if s])
def test_style_and_case_of_a_code_do_not_matter(spelling):
    shouted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", spelling).upper()

    assert rule_for(shouted, 200) is rule_for(spelling, 200)
    assert rule_for(spelling.lower(), 200) is rule_for(spelling, 200)


def test_the_status_inside_an_error_counts_last():
    assert rule_for("New", 200, 429).code == "rate_limited"
    assert rule_for("New", 423, 429).code == "locked"
    assert rule_for("ColumnValueException", 429, 429).code == "column_value"


def test_codes_spellings_and_statuses_stand_in_one_line_only():
    codes = [rule.code for rule in ERROR_TABLE]
    spellings = [normalise(s) for rule in ERROR_TABLE for s in rule.spellings]
    statuses = [s for rule in ERROR_TABLE for s in rule.statuses]

    for listed in (codes, spellings, statuses):
        assert len(listed) == len(set(listed))


@pytest.mark.parametrize("rule", ERROR_TABLE, ids=lambda rule: rule.code)
def test_every_line_of_the_table_is_whole(rule):
    assert re.fullmatch(r"[a-z_]+", rule.code)
    assert rule.advice.endswith(".")
    assert rule.error_class in {"data", "label", "board", "api", "unknown"}
    # An unknown outcome is looked up, and nothing else is.
    assert (rule.outcome is Outcome.UNKNOWN) == (rule.remedy is Remedy.LOOK_UP_FIRST)


def test_every_remedy_is_used_and_has_a_rank():
    assert {rule.remedy for rule in ERROR_TABLE} == set(Remedy)
    for rule in ERROR_TABLE:
        assert severest([rule]) is rule


def test_doubt_outweighs_every_other_error():
    for rule in ERROR_TABLE:
        assert severest([rule, UNRECOGNISED]).outcome is Outcome.UNKNOWN


def test_codes_about_single_rows_never_speak_for_a_document():
    about_rows = {"column_value", "locked", "field_limited", "invalid_item", "board_full"}

    assert {r.scope for r in ERROR_TABLE if r.code in about_rows} == {Scope.FIELD}


@given(st.integers(-3, 10_000), st.integers(), st.floats(0, 86_400))
def test_the_servers_hint_is_a_minimum_and_no_wait_is_much_longer(attempt, seed, hint):
    wait = backoff(attempt, random.Random(seed), hint)

    assert hint <= wait <= max(60.0, hint + 1.0)


def test_waits_start_within_two_seconds_and_double():
    longest = [
        max(backoff(attempt, random.Random(seed)) for seed in range(300)) for attempt in range(1, 8)
    ]

    for measured, bound in zip(longest, [2, 4, 8, 16, 32, 60, 60], strict=True):
        assert bound * 0.9 < measured <= bound


def test_waits_are_spread():
    waits = {backoff(1, random.Random(seed), 15.0) for seed in range(20)}

    assert len(waits) == 20
