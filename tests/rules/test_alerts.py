"""When people are told, how often, and that nothing from outside works in a message."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.rules.alerts import (
    LONGEST_TEXT,
    Alert,
    Memory,
    Observed,
    Policy,
    Repeat,
    Step,
    Threshold,
    harmless,
    next_step,
)

FIRST, EVERY = Policy(), Policy(Repeat.EVERY)
QUIET = Policy(recovered=False)


def seen(cause=""):
    return Observed(Alert.RUN_FAILED, cause, "title", "message")


def memory(cause="", *, told=True):
    return Memory(bool(cause), cause, told)


@pytest.mark.parametrize(
    ("before", "now", "policy", "step"),
    [
        (None, "exit 5", FIRST, Step.BEGIN),
        (None, "", FIRST, Step.NOTHING),
        (memory("exit 5"), "exit 5", FIRST, Step.NOTHING),
        (memory("exit 5"), "exit 5", EVERY, Step.AGAIN),
        (memory("exit 5", told=False), "exit 5", FIRST, Step.AGAIN),
        (memory("exit 5"), "exit 6", FIRST, Step.BEGIN),
        (memory("exit 5"), "", FIRST, Step.BEGIN),
        (memory("exit 5"), "", QUIET, Step.CLOSE),
        (memory("exit 5", told=False), "", QUIET, Step.BEGIN),
        (memory(), "", EVERY, Step.NOTHING),
        (memory(told=False), "", FIRST, Step.AGAIN),
        (memory(), "exit 5", FIRST, Step.BEGIN),
    ],
)
def test_each_trouble_and_its_end_is_told_as_the_policy_says(before, now, policy, step):
    assert next_step(before, seen(now), policy) is step


@given(st.lists(st.sampled_from(["", "exit 5", "exit 6"]), max_size=12))
def test_with_first_nothing_is_told_twice_in_a_row(causes):
    told, there = [], None
    for cause in causes:
        if next_step(there, seen(cause), FIRST) in (Step.BEGIN, Step.AGAIN):
            told.append(cause)
            there = memory(cause)
    assert all(one != other for one, other in pairwise(told))
    assert not told or told[0] != ""


@pytest.mark.parametrize(
    ("threshold", "rows", "of", "exceeded"),
    [("0", 0, 10, False), ("0", 1, 10, True), ("20", 20, 0, False), ("20", 21, 0, True),
     ("5%", 5, 100, False), ("5 %", 6, 100, True), ("5%", 1, 10, True)],
)  # fmt: skip
def test_a_threshold_is_a_number_or_a_share(threshold, rows, of, exceeded):
    assert Threshold.parse(threshold).is_exceeded(rows, of) is exceeded


@pytest.mark.parametrize("text", ["", "-1", "five", "5%%", "1e3"])
def test_another_threshold_is_refused(text):
    with pytest.raises(ValueError, match="must be a number of rows"):
        Threshold.parse(text)


@given(st.text(max_size=900))
def test_a_message_stays_one_short_line_without_tags_or_links(text):
    line = harmless(text)
    assert line.isprintable() or "\u200b" in line
    assert len(line.replace("\u200b", "").replace(" ", "")) <= LONGEST_TEXT
    assert not [sign for sign in ("<", ">", "://", "](", "`") if sign in line]


@pytest.mark.parametrize(
    "text", ["@everyone", "<!channel>", "[pay](http://evil.example)", "a\r\nSubject: x", "<b>`rm`"]
)
def test_mentions_links_and_lines_from_outside_do_not_work(text):
    line = harmless(text)
    assert "\n" not in line
    for working in ("@everyone", "<!", "](http", "http://", "<b>", "`"):
        assert working not in line
