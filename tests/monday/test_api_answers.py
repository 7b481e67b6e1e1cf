"""What an answer means for each row: done with an id, refused when proven, else unknown."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from order_sync.monday.answers import Done, NotExecuted, Refused, Unknown, read_answer
from order_sync.rules.budget import Complexity, Limit
from order_sync.rules.retry import ERROR_TABLE, Outcome, Remedy, Scope


def read(payload, *, status=200, aliases=3, headers=None, mutation=True):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return read_answer(status, headers or {}, body, aliases, mutation)


def error(code, *path, **extensions):
    entry = {"message": "words that change", "extensions": {"code": code, **extensions}}
    return entry | ({"path": list(path)} if path else {})


def kinds(answer):
    return [type(outcome) for outcome in answer.outcomes]


ITEMS = {"r0": {"id": "10"}, "r1": {"id": "11"}, "r2": {"id": "12"}}


def test_ids_belong_to_their_alias_whatever_the_order():
    shuffled = {"r2": {"id": "12"}, "r0": {"id": "10"}, "other": {"id": "99"}, "r1": {"id": "11"}}

    answer = read({"data": shuffled})

    assert [outcome.id for outcome in answer.outcomes] == ["10", "11", "12"]
    assert answer.not_executed is None


def test_numeric_ids_are_text():
    assert read({"data": {"r0": {"id": 10}}}, aliases=1).outcomes == (Done("10", {"id": 10}),)


def test_each_alias_has_its_own_outcome():
    answer = read(
        {
            "data": {"r0": {"id": "10"}, "r1": None, "r2": None},
            "errors": [
                error(
                    "ColumnValueException",
                    "r1",
                    status_code=200,
                    error_data={"column_id": "status", "column_type": "color"},
                ),
                error("INTERNAL_SERVER_ERROR", "r2", status_code=500),
            ],
        }
    )

    assert kinds(answer) == [Done, Refused, Unknown]
    refused = answer.outcomes[1]
    assert (refused.code, refused.remedy, refused.retryable) == (
        "column_value",
        Remedy.REFUSE_ROW,
        False,
    )
    assert refused.details["column_id"] == "status"


def test_an_alias_without_id_and_without_error_is_unknown():
    answer = read({"data": {"r0": {"id": "10"}, "r1": None}})

    assert kinds(answer) == [Done, Unknown, Unknown]


@pytest.mark.parametrize("nothing", [None, "", " ", True, 1.5, [], {}])
def test_only_a_real_id_is_an_id(nothing):
    answer = read({"data": {"r0": {"id": nothing}}}, aliases=1)

    assert kinds(answer) == [Unknown]


def test_an_error_without_path_spoils_the_trust_in_every_alias():
    answer = read({"data": ITEMS, "errors": [error("ColumnValueException")]})

    assert kinds(answer) == [Unknown] * 3


def test_an_error_with_a_foreign_path_counts_as_one_without():
    answer = read({"data": ITEMS, "errors": [error("ColumnValueException", "r7")]})

    assert kinds(answer) == [Unknown] * 3


def test_trouble_with_the_complexity_field_is_not_trouble_with_rows():
    data = {**ITEMS, "complexity": None}

    answer = read({"data": data, "errors": [error("INTERNAL_SERVER_ERROR", "complexity")]})

    assert kinds(answer) == [Done] * 3
    assert answer.problem is None


def test_an_error_below_an_alias_may_follow_its_write():
    answer = read(
        {"data": {"r0": None}, "errors": [error("ColumnValueException", "r0", "id")]}, aliases=1
    )

    assert kinds(answer) == [Unknown]


def test_a_field_limit_in_the_middle_of_a_document_is_for_one_row():
    limit = error("FIELD_LIMIT_EXCEEDED", "r1", status_code=429, retry_in_seconds=15)

    answer = read({"data": {**ITEMS, "r1": None}, "errors": [limit]})

    assert kinds(answer) == [Done, Refused, Done]
    assert answer.outcomes[1].remedy is Remedy.RETRY_ROW
    assert answer.outcomes[1].retry_after_s == 15
    assert answer.outcomes[1].retryable


def test_an_id_beside_an_error_for_the_same_row_is_in_doubt():
    answer = read({"data": ITEMS, "errors": [error("ColumnValueException", "r1")]})

    assert kinds(answer) == [Done, Unknown, Done]


def test_a_refusal_of_the_whole_beside_an_error_of_one_row_proves_nothing():
    errors = [error("RATE_LIMIT_EXCEEDED"), error("INTERNAL_SERVER_ERROR", "r0")]

    answer = read({"data": {"r0": None, "r1": None, "r2": None}, "errors": errors})

    assert answer.not_executed is None
    assert kinds(answer) == [Unknown] * 3


# --- the whole document -------------------------------------------------------------------------

THROTTLES = [
    (429, {"errors": [error("COMPLEXITY_BUDGET_EXHAUSTED", retry_in_seconds=60)]}),
    (200, {"errors": [error("COMPLEXITY_BUDGET_EXHAUSTED", retry_in_seconds=60)]}),
    (200, {"error_code": "ComplexityException", "status_code": 429, "error_message": "..."}),
    (429, {"errors": [error("maxConcurrencyExceeded")]}),
    (429, {"errors": [error("MAX_CONCURRENCY_EXCEEDED")]}),
    (429, {"errors": [error("RATE_LIMIT_EXCEEDED", retryAfterMs=60000)]}),
    (429, {"errors": [{"message": "Minute limit rate exceeded"}]}),
    (429, {"errors": [error("IP_RATE_LIMIT_EXCEEDED")]}),
    (429, {"errors": [error("API_GOT_TIRED")]}),
    (429, {"data": None, "errors": ["slow down"]}),
    (200, {"data": {"r0": None, "r1": None}, "errors": [error("RATE_LIMIT_EXCEEDED")]}),
    (429, b"<html>slow down</html>"),
    (429, b""),
]


@pytest.mark.parametrize(("status", "payload"), THROTTLES)
@pytest.mark.parametrize("aliases", [1, 3])
def test_every_spelling_of_too_fast_says_that_nothing_was_executed(status, payload, aliases):
    answer = read(payload, status=status, aliases=aliases)

    assert answer.outcomes == ()
    assert answer.not_executed.remedy is Remedy.WAIT_AND_REPEAT


@pytest.mark.parametrize("status", [429, 200])
def test_the_daily_limit_pauses(status):
    answer = read({"errors": [error("DAILY_LIMIT_EXCEEDED")]}, status=status)

    assert answer.not_executed.remedy is Remedy.PAUSE_DAY


def test_a_limit_that_strikes_after_some_rows_is_not_a_limit_before_all_rows():
    answer = read(
        {"data": {"r0": {"id": "10"}}, "errors": [error("RATE_LIMIT_EXCEEDED")]}, status=429
    )

    assert answer.not_executed is None
    assert kinds(answer) == [Unknown] * 3


WRONG_DOCUMENTS = [
    (200, {"errors": [error("undefinedField", "query", "boards", "new_field")]}),
    (200, {"errors": [error("GRAPHQL_VALIDATION_FAILED")]}),
    (400, {"errors": [error("GRAPHQL_PARSE_FAILED")]}),
    (400, {"errors": [{"message": "Variable $v got an invalid value"}]}),
    (400, b"Bad Request"),
    (413, b""),
    (200, {"error_code": "JsonParseException", "error_message": "..."}),
    (200, {"errors": [error("maxComplexityExceeded")]}),
]


@pytest.mark.parametrize(("status", "payload"), WRONG_DOCUMENTS)
def test_a_refused_document_is_halved_and_a_lone_row_refused(status, payload):
    several = read(payload, status=status, aliases=2).not_executed
    lone = read(payload, status=status, aliases=1).not_executed

    assert several.remedy is Remedy.SPLIT_DOCUMENT
    assert lone.remedy is Remedy.REFUSE_ROW


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        (401, {"errors": ["Not Authenticated"]}),
        (401, {"errors": [error("USER_NOT_AUTHENTICATED")]}),
        (403, {"data": [], "errors": [error("UserUnauthorizedException", "me")]}),
        (403, b"<html>your ip is restricted</html>"),
    ],
)
def test_auth_at_the_door_stops_the_run(status, payload):
    assert read(payload, status=status).not_executed.remedy is Remedy.STOP_RUN_TOKEN


def test_auth_inside_a_200_does_not_prove_that_no_row_was_written():
    payload = {"error_code": "UserUnauthorizedException", "status_code": 403}

    assert kinds(read(payload, aliases=3)) == [Unknown] * 3
    assert read(payload, aliases=1).not_executed.remedy is Remedy.STOP_RUN_TOKEN


def test_a_conflict_is_in_doubt_and_keeps_the_wait():
    answer = read(
        {"errors": [error("IDEMPOTENCY_CONFLICT")]}, status=409, headers={"Retry-After": "7"}
    )

    assert kinds(answer) == [Unknown] * 3
    assert answer.outcomes[0].code == "being_processed"
    assert answer.retry_after_s == 7


def test_locked_is_a_refusal_for_a_lone_row_and_a_doubt_for_several():
    lone = read({"errors": [error("x", "r0")]}, status=423, aliases=1)
    pathless = read({"errors": [{"message": "locked"}]}, status=423, aliases=1)
    several = read({"errors": [{"message": "locked"}]}, status=423, aliases=3)
    one_of_several = read(
        {"data": {**ITEMS, "r1": None}, "errors": [error("x", "r1", status_code=423)]}
    )

    for answer in (lone, pathless):
        assert kinds(answer) == [Refused]
        assert answer.outcomes[0].remedy is Remedy.RETRY_ROW
    assert kinds(several) == [Unknown] * 3
    assert kinds(one_of_several) == [Done, Refused, Done]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
@pytest.mark.parametrize(
    "payload",
    [
        b"<html>Bad gateway</html>",
        b"",
        {"errors": [error("INTERNAL_SERVER_ERROR")]},
        {"errors": [error("RATE_LIMIT_EXCEEDED")]},
        {"errors": [error("ColumnValueException")]},
        {"errors": [error("ColumnValueException", "r0")]},
        {"data": {"r0": None}, "errors": [error("ColumnValueException", "r0")]},
    ],
)
@pytest.mark.parametrize("aliases", [1, 2])
def test_after_a_server_error_nothing_is_certain(status, payload, aliases):
    assert kinds(read(payload, status=status, aliases=aliases)) == [Unknown] * aliases


def test_a_server_error_that_names_ids_leaves_them_done():
    payload = {"data": {"r0": {"id": "1"}, "r1": None}, "errors": [error("x", "r1")]}

    assert kinds(read(payload, status=500, aliases=2)) == [Done, Unknown]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"[]",
        b"null",
        b"7",
        b'{"data":{"r0":{"id":"10"},"r1":{"i',
        b'{"data":[]}',
        b'{"data":null}',
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("status", [200, 302, 409, 500])
def test_an_unreadable_answer_leaves_every_row_in_doubt(body, status):
    assert kinds(read(body, status=status)) == [Unknown] * 3


def test_a_redirect_is_no_answer():
    assert kinds(read({"errors": [error("RATE_LIMIT_EXCEEDED")]}, status=307)) == [Unknown] * 3


# --- every code of the table --------------------------------------------------------------------

SPELLED = [(rule, spelling) for rule in ERROR_TABLE for spelling in rule.spellings]


@pytest.mark.parametrize(("rule", "spelling"), SPELLED, ids=[s for _, s in SPELLED])
def test_a_code_on_an_alias_means_what_the_table_says(rule, spelling):
    answer = read({"data": {**ITEMS, "r1": None}, "errors": [error(spelling, "r1")]})

    expected = Unknown if rule.outcome is Outcome.UNKNOWN else Refused
    assert kinds(answer) == [Done, expected, Done]
    assert answer.outcomes[1].code == rule.code


@pytest.mark.parametrize(("rule", "spelling"), SPELLED, ids=[s for _, s in SPELLED])
@pytest.mark.parametrize("dialect", ["new", "old"])
def test_a_code_without_a_path_proves_only_what_its_scope_allows(rule, spelling, dialect):
    payload = (
        {"errors": [error(spelling)]}
        if dialect == "new"
        else {"error_code": spelling, "error_message": "...", "status_code": 200, "error_data": {}}
    )

    several = read(payload, aliases=3)
    lone = read(payload, aliases=1)

    if rule.outcome is Outcome.UNKNOWN:
        assert kinds(several) == [Unknown] * 3
        assert kinds(lone) == [Unknown]
    elif rule.scope is Scope.REQUEST:
        assert several.not_executed.code == lone.not_executed.code == rule.code
    else:
        assert kinds(several) == [Unknown] * 3
        assert lone.not_executed is not None or kinds(lone) == [Refused]


# --- hints, limits, the rest --------------------------------------------------------------------


def test_the_longest_hint_wins():
    payload = {
        "errors": [
            error("RATE_LIMIT_EXCEEDED", retry_in_seconds=10, retryAfterMs=12_500),
            error("RATE_LIMIT_EXCEEDED", errors=[{"extensions": {"retry_in_seconds": 31}}]),
        ]
    }

    assert read(payload, status=429, headers={"retry-after": "30"}).retry_after_s == 31
    assert read(payload, status=429, headers={"RETRY-AFTER": "45"}).retry_after_s == 45
    used_up = {"RateLimit": '"minuteRate";r=0;t=58'}
    assert read(payload, status=429, headers=used_up).retry_after_s == 58
    free = {"RateLimit": '"minuteRate";r=9;t=58'}
    assert read(payload, status=429, headers=free).retry_after_s == 31


def test_the_old_dialect_may_hint_too():
    payload = {"error_code": "ComplexityException", "error_data": {"retry_in_seconds": 4}}

    assert read(payload).not_executed.retry_after_s == 4


def test_points_left_do_not_help_a_document_that_needs_more():
    answer = read(
        {"errors": [error("COMPLEXITY_BUDGET_EXHAUSTED")]},
        status=429,
        headers={"RateLimit": '"complexityMinute";r=500;t=20'},
    )

    assert answer.retry_after_s == 20


@pytest.mark.parametrize("odd", ["soon", "-5", "nan", "", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_an_odd_hint_is_no_hint(odd):
    answer = read({"data": ITEMS}, headers={"Retry-After": odd})

    assert answer.retry_after_s == 0


def test_an_endless_hint_is_a_day_at_most():
    assert read({}, headers={"Retry-After": "inf"}).retry_after_s == 86_400
    assert read({}, headers={"Retry-After": "9" * 400}).retry_after_s == 86_400


def test_limits_of_the_headers_are_read():
    answer = read(
        {"data": ITEMS},
        headers={
            "RateLimit-Policy": '"minuteRate";q=5000;w=60, '
            '"concurrency";q=250;qu="concurrent-requests", '
            '"complexityMinute";q=5000000;w=60;qu="content-bytes"',
            "RateLimit": '"minuteRate";r=4999, "concurrency";r=249, '
            '"complexityMinute";r=4950000;t=45',
        },
    )

    assert answer.limits == (
        Limit("minuteRate", 5000, 4999, None, 60.0),
        Limit("concurrency", 250, 249, None),
        Limit("complexityMinute", 5_000_000, 4_950_000, 45.0, 60.0),
    )


def test_the_cost_is_read():
    cost = {"before": 100, "query": 30, "after": 70, "reset_in_x_seconds": 12}

    assert read({"data": {"complexity": cost, **ITEMS}}).complexity == Complexity(100, 30, 70, 12)
    assert read({"data": {"complexity": {"query": 30}, **ITEMS}}).complexity is None


def test_replay_version_and_request_id_are_read():
    answer = read(
        {"data": ITEMS, "extensions": {"request_id": "abc"}},
        headers={"Idempotency-Replayed": "true", "API-Version": "2026-10"},
    )

    assert (answer.replayed, answer.served_version, answer.request_id) == (True, "2026-10", "abc")
    assert read({"data": ITEMS}, headers={"x-request-id": "h"}).request_id == "h"
    assert not read({"data": ITEMS}).replayed


def test_a_read_has_data_or_a_problem():
    fine = read({"data": {"r0": []}}, mutation=False)
    partial = read(
        {
            "data": {"r0": [{"subitems": None}]},
            "errors": [error("FIELD_LIMIT_EXCEEDED", "r0", 0, "subitems", retry_in_seconds=15)],
        },
        mutation=False,
    )

    assert fine.problem is None
    assert fine.data == {"r0": []}
    assert fine.outcomes == ()
    assert partial.problem.remedy is Remedy.RETRY_ROW
    assert partial.retry_after_s == 15


# --- whatever comes -----------------------------------------------------------------------------

ALIASES = st.sampled_from(["r0", "r1", "r2", "r3", "complexity", "data"])
CODES = st.sampled_from([s for rule in ERROR_TABLE for s in rule.spellings]) | st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(ALIASES | st.text(max_size=5), inner)
    ),
    max_leaves=8,
)
RESULTS = st.none() | JSON | st.fixed_dictionaries({"id": st.text(max_size=3) | JSON})
ERRORS = JSON | st.fixed_dictionaries(
    {},
    optional={
        "message": JSON,
        "path": JSON | st.lists(ALIASES | st.integers(0, 3), max_size=3),
        "extensions": JSON
        | st.fixed_dictionaries(
            {}, optional={"code": CODES | JSON, "status_code": JSON, "retry_in_seconds": JSON}
        ),
    },
)
ANSWERS = JSON | st.fixed_dictionaries(
    {},
    optional={
        "data": JSON | st.dictionaries(ALIASES, RESULTS),
        "errors": JSON | st.lists(ERRORS, max_size=3),
        "error_code": CODES | JSON,
        "error_message": JSON,
        "extensions": JSON,
    },
)
BODIES = st.binary(max_size=30) | ANSWERS.map(lambda answer: json.dumps(answer).encode())
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "RateLimit", "RateLimit-Policy", "API-Version"]), st.text()
)
STATUSES = st.sampled_from([200, 400, 401, 403, 404, 409, 422, 423, 429, 500]) | st.integers(0, 999)


def ids_under(body, alias):
    try:
        found = json.loads(body)["data"][alias]["id"]
    except (ValueError, TypeError, KeyError, LookupError):
        return None
    return str(found)


@given(STATUSES, HEADERS, BODIES, st.integers(1, 3), st.booleans())
@example(200, {}, b'{"errors":{"path":"r0"}}', 1, True)
@example(200, {"RateLimit": '"a";r=' + "9" * 5000}, b"{}", 1, True)
def test_no_answer_whatsoever_breaks_the_reader_or_invents_a_done_row(
    status, headers, body, aliases, mutation
):
    answer = read_answer(status, headers, body, aliases, mutation)

    if not mutation:
        assert answer.outcomes == ()
    elif answer.not_executed is not None:
        assert isinstance(answer.not_executed, NotExecuted)
        assert not answer.outcomes
        assert all(not isinstance(ids_under(body, f"r{i}"), str) for i in range(aliases))
    else:
        assert len(answer.outcomes) == aliases
        for i, outcome in enumerate(answer.outcomes):
            if isinstance(outcome, Done):
                assert outcome.id.strip()
                assert outcome.id == ids_under(body, f"r{i}")
    assert 0 <= answer.retry_after_s <= 86_400
