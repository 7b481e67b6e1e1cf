"""The log of requests for people and for programs."""

import re
from contextlib import suppress

import pytest

TOKEN = "canary-token-4711"


def _get(world, path):
    return world.api.http("GET", path)


def _numbers(world, path):
    return [int(number) for number in re.findall(r'href="/requests/(\d+)"', _get(world, path).text)]


@pytest.fixture
def asked(world):
    """1 reads, 2 writes, 3 is struck, 4 is refused, 5 cannot be read."""
    world.api.ask("{ me { id } }")
    world.created("PO-1", Key="k-1")
    world.sandbox.add_fault("504-after-write")
    world.create("PO-2")
    world.create("PO-3", Status="Nowhere")
    world.api.post(b"{nonsense")
    return world


# One request ------------------------------------------------------------------------------------


def test_a_request_is_had_as_json_with_document_variables_and_answer(asked):
    told = _get(asked, "/sandbox/requests/2").json

    assert (told["number"], told["kind"], told["operations"]) == (2, "mutation", ["create_item"])
    assert told["document"].startswith("mutation ($b: ID!")
    assert told["variables"]["n"] == "PO-1"
    assert told["answer"]["status"] == told["status"] == 200
    assert told["answer"]["body"]["data"]["create_item"]["id"].isdecimal()
    assert told["answer"]["headers"]["x-request-id"] == told["request_id"]
    assert (told["fault"], told["answer"]["delivery"]) == (None, "whole")
    assert told["cost"] > 50
    assert told["ms"] > 0


def test_a_request_is_found_by_its_request_id_too(asked):
    by_number = _get(asked, "/sandbox/requests/2").json

    assert _get(asked, f"/sandbox/requests/{by_number['request_id']}").json == by_number


def test_an_answer_that_is_no_json_is_a_text(asked):
    answer = _get(asked, "/sandbox/requests/3").json["answer"]

    assert answer["status"] == 504
    assert "<html>" in answer["body"]


@pytest.mark.parametrize("name", ["0", "6", "99999999999999999999999", "²", "abc", "-1", "%00"])
def test_a_request_that_is_not_there_is_not_found(asked, name):
    assert _get(asked, f"/sandbox/requests/{name}").status == 404
    page = _get(asked, f"/requests/{name}")
    assert page.status == 404
    assert "No such request" in page.text


def test_a_page_shows_one_request_whole(asked):
    html = _get(asked, "/requests/2").text

    for shown in ("Request 2", "mutation ($b: ID!", "&#34;n&#34;: &#34;PO-1&#34;", "2026-10"):
        assert shown in html
    assert re.search(r"&#34;create_item&#34;: \{\n\s+&#34;id&#34;: &#34;\d+&#34;", html)
    assert {1, 3} <= set(_numbers(asked, "/requests/2"))


def test_a_page_says_which_fault_struck_and_what_it_does(asked):
    html = _get(asked, "/requests/3").text

    assert "504-after-write" in html
    assert "a gateway gives up; everything was executed" in html


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("lose-answer-after-write", "It was never sent"),
        ("cut-body", "Half of it was sent"),
        ("unreadable-body", "bytes nobody can read"),
    ],
)
def test_an_answer_that_did_not_arrive_is_shown_with_what_happened_to_it(world, fault, said):
    world.sandbox.add_fault(fault)
    with suppress(ConnectionError):
        world.create("PO-1")

    html = _get(world, "/requests/1").text

    assert said in html
    assert "&#34;create_item&#34;" in html


def test_a_request_that_could_not_be_read_has_a_page(asked):
    html = _get(asked, "/requests/5").text

    assert "could not be read as a document" in html
    assert "JsonParseException" in html


def test_long_texts_are_cut_until_they_are_asked_for(world):
    world.create("x" * 5_000 + "END")

    cut, whole = (_get(world, path).text for path in ("/requests/1", "/requests/1?whole=yes"))

    assert "END" not in cut
    assert re.search(r"4,000 of 5,\d{3} characters", cut)
    assert "?whole=yes#variables" in cut
    assert "END" in whole
    assert "Show all" not in whole


def test_tokens_are_on_no_page_and_in_no_answer(world):
    world.api.ask("{ me { id } }", Authorization=TOKEN)
    world.api.ask("{", Authorization=f"Bearer {TOKEN}")

    paths = ("/requests", "/requests/1", "/requests/2", "/sandbox/requests/1", "/sandbox/gauges")
    assert all(TOKEN not in _get(world, path).text for path in paths)
    assert TOKEN not in repr(world.sandbox.request_log)


def test_what_a_program_sends_cannot_become_markup(world):
    hostile = "</pre><script>alert(1)</script>"
    world.api.ask(f"{{ a: me {{ id }} }} # {hostile}", {"x": hostile}, Idempotency_Key=hostile)

    for path in ("/requests/1", "/requests", "/"):
        html = _get(world, path).text
        assert "<script>" not in html
        assert "</pre><" not in html
    assert "&lt;/pre&gt;&lt;script&gt;" in _get(world, "/requests/1").text


def test_variables_nested_too_deeply_are_no_error(world):
    deep = b'{"query": "{ me { id } }", "variables": {"a": ' + b"[" * 600 + b"]" * 600 + b"}}"
    assert world.api.post(deep).status == 200

    for path in ("/requests/1", "/sandbox/requests/1"):
        reply = _get(world, path)
        assert reply.status == 200
        assert "nested too deeply" in reply.text


# The list ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "numbers"),
    [
        ("", [5, 4, 3, 2, 1]),
        ("writes", [4, 3, 2]),
        ("reads", [1]),
        ("errors", [5, 4, 3]),
        ("faults", [3]),
        ("nonsense", [5, 4, 3, 2, 1]),
    ],
)
def test_requests_are_listed_newest_first_and_chosen_by_kind(asked, only, numbers):
    assert _numbers(asked, f"/requests?only={only}") == numbers


def test_a_long_log_has_pages(world):
    for _ in range(120):
        world.api.ask("{ me { id } }")

    assert _numbers(world, "/requests") == list(range(120, 70, -1))
    assert 'href="/requests?only=reads&amp;before=71"' in _get(world, "/requests?only=reads").text
    assert _numbers(world, "/requests?before=71") == list(range(70, 20, -1))
    last = _get(world, "/requests?before=21").text
    assert "Older" not in last
    assert "Newest" in last


@pytest.mark.parametrize("before", ["0", "-5", "x", "9" * 30, "²"])
def test_a_page_that_cannot_be_is_no_error(asked, before):
    assert _get(asked, f"/requests?before={before}").status == 200


def test_an_empty_log_says_what_to_do(world):
    assert "Send a POST to <code>/v2</code>" in _get(world, "/requests").text


def test_a_choice_without_requests_says_so(world):
    world.api.ask("{ me { id } }")

    assert "None of the requests that are kept" in _get(world, "/requests?only=faults").text


# What is kept -----------------------------------------------------------------------------------


def test_old_answers_make_room_for_new_ones(make_world):
    world = make_world(request_log_answer_bytes=300)
    for _ in range(10):
        world.api.ask("{ me { id } }")

    kept = [record.answer is not None for record in world.sandbox.request_log]
    assert kept == sorted(kept)
    assert 0 < sum(kept) < 10
    assert "not kept any more" in _get(world, "/requests/1").text
    assert _get(world, "/sandbox/requests/1").json["answer"] is None
    assert _get(world, "/sandbox/requests/10").json["answer"]["status"] == 200


def test_answers_go_with_their_requests(make_world):
    world = make_world(request_log_size=2)
    for _ in range(5):
        world.api.ask("{ me { id } }")

    assert _get(world, "/requests/3").status == 404
    assert [record.number for record in world.sandbox.request_log] == [4, 5]
    assert all(record.answer for record in world.sandbox.request_log)
    assert world.sandbox.log._bytes_kept == sum(
        len(record.answer.body) for record in world.sandbox.request_log
    )


def test_a_log_of_size_0_has_an_empty_page(make_world):
    world = make_world(request_log_size=0)
    world.api.ask("{ me { id } }")

    assert _get(world, "/requests").status == 200
    assert _get(world, "/requests/1").status == 404
