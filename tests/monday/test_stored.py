"""Requests and answers on record: each row's own part, whatever the bytes are."""

from __future__ import annotations

import pytest

from order_sync.monday import documents, stored

BODY = documents.create_items(
    [("g", f"name {n}", {"text": f"value {n}"}) for n in range(12)], "4711"
).body()


def test_a_row_is_shown_its_own_variables_with_their_values_read():
    assert stored.asked(BODY, 1) == {
        "group": "g", "name": "name 1", "values": {"text": "value 1"},
    }  # fmt: skip
    assert stored.asked(BODY, 11)["name"] == "name 11"
    assert stored.asked(BODY, 12) == {}


def test_a_text_that_only_looks_like_json_stays_as_it_is():
    body = documents.create_groups(["{not json"], "4711").body()
    assert stored.asked(body, 0) == {"title": "{not json"}


@pytest.mark.parametrize("body", [None, b"", b"[]", b"{}", b"\xff<html>", b'{"variables": 1}'])
def test_what_is_no_request_asks_for_nothing(body):
    assert stored.asked(body, 0) == {}


def test_an_answer_is_told_row_by_row():
    answer = (
        b'{"data": {"complexity": {}, "r0": {"id": "1"}, "r1": null},'
        b' "errors": [{"message": "no", "path": ["r1"]}, {"message": "all"}]}'
    )
    assert stored.answered(answer, 0) == {"data": {"id": "1"}, "errors": [{"message": "all"}]}
    assert stored.answered(answer, 1) == {
        "errors": [{"message": "no", "path": ["r1"]}, {"message": "all"}]
    }
    assert stored.answered(b'{"data": {"r0": {"id": "1"}}}', 5) == {}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, None),
        (b"<html>bad gateway", "<html>bad gateway"),
        (b'{"error_code": "NotOk"}', {"error_code": "NotOk"}),
        (b"[1]", [1]),
        (b'{"errors": "odd", "data": {"r0": 1}}', {"data": 1}),
    ],
)
def test_other_answers_are_told_whole(answer, told):
    assert stored.answered(answer, 0) == told
