"""The states of staged rows, batches, runs and requests, and what may follow what.

Nothing else assigns a state: code says what happened (`Event`), the table says what follows.
Database constraints are generated from these enums.
"""

from __future__ import annotations

from enum import StrEnum

from order_sync.errors import InvalidTransition


class RowState(StrEnum):
    """State of a staged order line, size line or group."""

    PENDING = "PENDING"  # staged, waiting to be sent
    SENDING = "SENDING"  # intent stored; a request may be on its way
    UNCONFIRMED = "UNCONFIRMED"  # the answer is unknown: the item may exist
    API_SUCCESS = "API_SUCCESS"  # the board has it and its id is known
    API_FAILED = "API_FAILED"  # refused; the reason stands in the error table
    PROMOTED = "PROMOTED"  # acknowledged in the production table


LIVE_STATES = (
    RowState.PENDING,
    RowState.SENDING,
    RowState.UNCONFIRMED,
    RowState.API_SUCCESS,
)
IN_DOUBT = (RowState.SENDING, RowState.UNCONFIRMED)


class Event(StrEnum):
    """What can happen to a staged row."""

    CLAIMED = "CLAIMED"  # intent committed, about to be sent
    ACCEPTED = "ACCEPTED"  # the answer names the row's id
    REFUSED = "REFUSED"  # the answer says it was not executed, for good
    NOT_EXECUTED = "NOT_EXECUTED"  # surely not executed: may be sent again, perhaps in halves
    ANSWER_LOST = "ANSWER_LOST"  # executed or not: nobody knows
    RUN_DIED = "RUN_DIED"  # its run ended without recording an answer
    FOUND = "FOUND"  # looked up: the board shows what was asked for, once
    NOT_FOUND = "NOT_FOUND"  # looked up after every lag: the board does not hold it
    SAFE_TO_REPEAT = "SAFE_TO_REPEAT"  # an update whose late copy can no longer arrive
    SENT_AGAIN = "SENT_AGAIN"  # identical bytes, identical key
    GIVEN_UP = "GIVEN_UP"  # found twice, or attempts used up: a person decides
    PARENT_FAILED = "PARENT_FAILED"  # its order line was refused or is gone
    RECORDED = "RECORDED"  # written to the production table
    LEFT_BOARD = "LEFT_BOARD"  # a group that somebody removed from the board
    WANTED_AGAIN = "WANTED_AGAIN"  # a group that was refused, and another order line needs it


class Biography(StrEnum):
    """What else an order's biography tells, beside events and the codes of warnings."""

    STAGED = "STAGED"  # an action on it is in hand
    STAGED_ANEW = "STAGED_ANEW"  # a waiting row was replaced by what a later run wants
    DROPPED = "DROPPED"  # a waiting row that nobody wants any more
    ADOPTED = "ADOPTED"  # found on the board and taken over
    RESOLVED = "RESOLVED"  # a person decided about a refusal
    FORGOTTEN = "FORGOTTEN"  # its item is not known any more, by a person's decision


TRANSITIONS: dict[tuple[RowState, Event], RowState] = {
    (RowState.PENDING, Event.CLAIMED): RowState.SENDING,
    (RowState.PENDING, Event.PARENT_FAILED): RowState.API_FAILED,
    (RowState.SENDING, Event.ACCEPTED): RowState.API_SUCCESS,
    (RowState.SENDING, Event.REFUSED): RowState.API_FAILED,
    (RowState.SENDING, Event.NOT_EXECUTED): RowState.PENDING,
    (RowState.SENDING, Event.ANSWER_LOST): RowState.UNCONFIRMED,
    (RowState.SENDING, Event.RUN_DIED): RowState.UNCONFIRMED,
    (RowState.UNCONFIRMED, Event.FOUND): RowState.API_SUCCESS,
    (RowState.UNCONFIRMED, Event.NOT_FOUND): RowState.PENDING,
    (RowState.UNCONFIRMED, Event.SAFE_TO_REPEAT): RowState.PENDING,
    (RowState.UNCONFIRMED, Event.SENT_AGAIN): RowState.SENDING,
    (RowState.UNCONFIRMED, Event.GIVEN_UP): RowState.API_FAILED,
    (RowState.API_SUCCESS, Event.RECORDED): RowState.PROMOTED,
}


# A group has the same life, but it can be wanted again: it serves many order lines.
GROUP_TRANSITIONS: dict[tuple[RowState, Event], RowState] = TRANSITIONS | {
    (RowState.API_SUCCESS, Event.LEFT_BOARD): RowState.PENDING,
    (RowState.API_FAILED, Event.WANTED_AGAIN): RowState.PENDING,
    (RowState.PENDING, Event.FOUND): RowState.API_SUCCESS,
    (RowState.API_FAILED, Event.FOUND): RowState.API_SUCCESS,
    (RowState.API_SUCCESS, Event.FOUND): RowState.API_SUCCESS,
}


def advance(state: RowState, event: Event) -> RowState:
    """The state of a staged row after `event`.

    Raises:
        InvalidTransition: the event cannot happen to a row in this state.
    """
    return _look_up(TRANSITIONS, state, event, "row")


def advance_group(state: RowState, event: Event) -> RowState:
    """The state of a group after `event`; raises as `advance`."""
    return _look_up(GROUP_TRANSITIONS, state, event, "group")


def _look_up(
    table: dict[tuple[RowState, Event], RowState], state: RowState, event: Event, what: str
) -> RowState:
    try:
        return table[state, event]
    except KeyError:
        raise InvalidTransition(f"{event} cannot happen to a {what} that is {state}") from None


class Operation(StrEnum):
    """What a staged row asks of the board."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    MOVE = "MOVE"
    CANCEL = "CANCEL"
    REMOVE = "REMOVE"


class ChangeType(StrEnum):
    """How an order line of the source compares with what the board is known to hold."""

    NEW = "NEW"
    CHANGED = "CHANGED"
    UNCHANGED = "UNCHANGED"
    CANCELLED = "CANCELLED"
    DELETED = "DELETED"


class BatchState(StrEnum):
    """How far the batch of one customer has come."""

    STARTED = "STARTED"  # its order lines are chosen
    STAGING_LOADED = "STAGING_LOADED"  # its actions are in hand
    ITEMS_CREATED = "ITEMS_CREATED"  # every item of it has its outcome
    SUBITEMS_CREATED = "SUBITEMS_CREATED"  # and every size line
    PROMOTED = "PROMOTED"  # what was acknowledged is known, what was refused is explained
    COMPLETED = "COMPLETED"  # all of it is done
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"  # rows of it were refused, in doubt, or left
    FAILED = "FAILED"  # it stopped amid its work, or its run died
    NO_RECORDS = "NO_RECORDS"  # nothing was left to send
    PAUSED = "PAUSED"  # the budget of the day ran out


BATCH_ENDED = (
    BatchState.COMPLETED,
    BatchState.COMPLETED_WITH_ERRORS,
    BatchState.FAILED,
    BatchState.NO_RECORDS,
    BatchState.PAUSED,
)
# The order of the milestones; a batch may end from any of them.
BATCH_MILESTONES = (
    BatchState.STARTED,
    BatchState.STAGING_LOADED,
    BatchState.ITEMS_CREATED,
    BatchState.SUBITEMS_CREATED,
    BatchState.PROMOTED,
)


def advance_batch(state: BatchState, to: BatchState) -> BatchState:
    """`to`, if a batch in `state` may go there: forward through milestones, or to an end.

    Raises:
        InvalidTransition: the batch has ended or would go backwards.
    """
    if state in BATCH_ENDED:
        raise InvalidTransition(f"a batch that is {state} cannot become {to}")
    backwards = to in BATCH_MILESTONES and (
        BATCH_MILESTONES.index(to) <= BATCH_MILESTONES.index(state)
    )
    if backwards:
        raise InvalidTransition(f"a batch that is {state} cannot go back to {to}")
    return to


class RunState(StrEnum):
    """A run, also one that stopped at its checks."""

    RUNNING = "RUNNING"  # at work, or killed and not yet found dead
    COMPLETED = "COMPLETED"  # nothing is left to do
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"  # rows were refused, are in doubt, or are left
    PAUSED = "PAUSED"  # the budget of the day ran out
    STOPPED = "STOPPED"  # at a check or guard, or by a signal
    FAILED = "FAILED"  # stopped amid its work
    DIED = "DIED"  # found dead by a later run


class RequestState(StrEnum):
    """An HTTP request that writes, from intent to settled."""

    SENDING = "SENDING"  # intent committed, no answer recorded yet
    NOT_EXECUTED = "NOT_EXECUTED"  # refused before execution; may go out again under its key
    UNKNOWN = "UNKNOWN"  # no usable answer: its rows are in doubt
    SETTLED = "SETTLED"  # every row of it has its outcome
