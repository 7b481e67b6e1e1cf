"""The transition table is the only way from one state to another."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_sync.errors import InvalidTransition
from order_sync.rules.states import (
    BATCH_ENDED,
    BATCH_MILESTONES,
    TRANSITIONS,
    BatchState,
    Event,
    RowState,
    advance,
    advance_batch,
    advance_group,
)

histories = st.lists(st.sampled_from(Event), max_size=40)


@given(histories)
def test_an_unconfirmed_row_is_never_sent_before_it_is_settled(events):
    """Sending blindly would put the order on the board twice."""
    state, seen = RowState.UNCONFIRMED, set()
    for event in events:
        with suppress(InvalidTransition):
            state = advance(state, event)
            seen.add(event)
        settled = {Event.NOT_FOUND, Event.SENT_AGAIN, Event.SAFE_TO_REPEAT}
        assert state is not RowState.SENDING or settled & seen


@given(histories)
def test_a_row_is_promoted_only_after_the_board_was_known_to_have_it(events):
    state, seen = RowState.PENDING, set()
    for event in events:
        with suppress(InvalidTransition):
            state = advance(state, event)
            seen.add(event)
        assert state is not RowState.PROMOTED or {Event.ACCEPTED, Event.FOUND} & seen


@pytest.mark.parametrize("state", [RowState.PROMOTED, RowState.API_FAILED])
@pytest.mark.parametrize("event", Event)
def test_nothing_happens_to_a_row_that_has_ended(state, event):
    with pytest.raises(InvalidTransition):
        advance(state, event)


def test_every_state_but_the_first_can_be_reached():
    assert set(TRANSITIONS.values()) | {RowState.PENDING} == set(RowState)


def test_a_group_that_left_the_board_can_be_made_again():
    assert advance_group(RowState.API_SUCCESS, Event.LEFT_BOARD) is RowState.PENDING
    with pytest.raises(InvalidTransition):
        advance(RowState.API_SUCCESS, Event.LEFT_BOARD)


@given(st.lists(st.sampled_from(BatchState), max_size=12))
def test_a_batch_only_goes_forward_and_never_leaves_its_end(targets):
    state = BatchState.STARTED
    for to in targets:
        before = state
        with suppress(InvalidTransition):
            state = advance_batch(state, to)
        if before in BATCH_ENDED:
            assert state is before
        elif state in BATCH_MILESTONES:
            assert BATCH_MILESTONES.index(state) >= BATCH_MILESTONES.index(before)
