"""Every order of events the model knows: no double, no loss, the last value wins, nothing stuck.

The printed schedule of a net that was taken away says what it is good for:
`pytest tests/model -s -k without`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise

import pytest

from order_sync.rules.states import TRANSITIONS, Event, RowState

from .creating import Creating, Creation
from .protocol import ALL, Faults, Nets, Search, Table, explore
from .updating import Update, Updating

CREATING = {
    "anything once, two lost answers": Faults(),
    "two kills": Faults(crashes=2, losses=1, locks=0),
    "a restored database": Faults(restores=1, losses=1, locks=0, refusals=0),
    # Beyond the configured lag only the server's memory helps, and one lost answer is all it bears.
    "a lag without bound": Faults(
        crashes=0, locks=0, losses=1, refusals=0, keys_forgotten=False, lag_bounded=False
    ),
}
UPDATING = {"anything once, two lost answers": Faults(), "two kills": Faults(crashes=2, losses=1)}
FLIPS_BACK, GOES_ON = "aba", "abc"


def creating(nets: Nets, faults: Faults, table: Table | None = None) -> Search[Creating]:
    return explore(Creating(faults=faults), Creation(nets, table or Table()).steps)


def updating(
    nets: Nets, faults: Faults, source: str, table: Table | None = None
) -> Search[Updating]:
    return explore(Updating.of(source, faults), Update(nets, table or Table()).steps)


@pytest.mark.parametrize("faults", CREATING.values(), ids=CREATING.keys())
def test_an_order_is_created_once_whatever_happens(faults):
    search = creating(ALL, faults)
    assert search.finding is None, str(search.finding)


@pytest.mark.parametrize("source", [FLIPS_BACK, GOES_ON])
@pytest.mark.parametrize("faults", UPDATING.values(), ids=UPDATING.keys())
def test_the_last_value_wins_whatever_happens(faults, source):
    search = updating(ALL, faults, source)
    assert search.finding is None, str(search.finding)


# Without a net ----------------------------------------------------------------------------------

NO_REFUSALS = Faults(refusals=0)


@dataclass(frozen=True)
class Loss:
    """What a net that is taken away leads to: the promise broken, and steps on the way to it."""

    net: str
    promise: str
    steps: tuple[str, ...]
    faults: Faults = NO_REFUSALS
    source: str = ""  # empty: a create


TWO, STUCK, LAST = "two items for one order", "stuck", "the last value does not win"
LOSSES = [
    Loss("intent", TWO, ("sends without an intent", "is killed", "finds it new")),
    Loss("recovery", STUCK, ("stores its intent", "is killed")),
    Loss("fence", TWO, ("finds it new", "loses its lock", "the other run stages and sends it")),
    Loss("send_window", TWO, ("stores its intent", "time passes", "sends it")),
    Loss("look_up", TWO, ("gets no answer", "the server forgets its keys", "sends it")),
    Loss("create_wait", TWO, ("gets no answer", "finds nothing, stores the same request again")),
    Loss(
        "same_key", TWO, ("gets no answer", "finds nothing, will send anew"),
        CREATING["a lag without bound"],
    ),
    Loss(
        "new_look_up", TWO, ("has its database restored", "finds it new", "sends it"),
        CREATING["a restored database"],
    ),
    Loss("intent", LAST, ("sends b without an intent", "is killed"), source=FLIPS_BACK),
    Loss("recovery", STUCK, ("stores its intent to write b", "is killed"), source=GOES_ON),
    Loss("fence", LAST, ("loses its lock", "the other run sends b"), source=GOES_ON),
    Loss("send_window", LAST, ("time passes", "sends b", "promotes c"), source=GOES_ON),
    Loss("update_wait", LAST, ("sends b", "takes it up again", "promotes c"), source=GOES_ON),
    Loss(
        "withdraw", LAST, ("the server writes b", "drops what is not wanted any more"),
        source=FLIPS_BACK,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    "loss", LOSSES, ids=[f"{loss.net}-{'update' if loss.source else 'create'}" for loss in LOSSES]
)
def test_without_a_net_there_is_a_schedule_that_breaks_a_promise(loss):
    nets = replace(ALL, **{loss.net: False})
    search = (
        updating(nets, loss.faults, loss.source) if loss.source else creating(nets, loss.faults)
    )
    print(f"\nwithout {loss.net}: {search.finding}")

    assert search.finding is not None
    assert search.finding.promise == loss.promise
    assert in_this_order(loss.steps, search.finding.schedule), str(search.finding)


def in_this_order(some: tuple[str, ...], schedule: tuple[str, ...]) -> bool:
    rest = iter(schedule)
    return all(step in rest for step in some)


def test_every_net_of_the_model_is_taken_away_once():
    assert {loss.net for loss in LOSSES} == {net.name for net in fields(Nets)}


# The model and the product ----------------------------------------------------------------------


def test_the_model_uses_every_line_of_the_transition_table_of_rows():
    """A line the model does not know is a behaviour nobody has explored."""
    table = Table()
    creating(ALL, Faults(), table)
    updating(ALL, Faults(), FLIPS_BACK, table)

    not_modelled = {(RowState.PENDING, Event.PARENT_FAILED)}  # there is one order line, no parent
    assert table.used == TRANSITIONS.keys() - not_modelled


# The search -------------------------------------------------------------------------------------


def test_a_schedule_is_one_that_the_model_allows():
    """Each step of a printed schedule can be taken from where the one before it led."""
    steps = Creation(replace(ALL, look_up=False), Table()).steps
    start = Creating(faults=NO_REFUSALS)
    finding = explore(start, steps).finding
    assert finding is not None

    reached = [{start}]
    for name in finding.schedule:
        reached.append({step.to for state in reached[-1] for step in steps(state)
                        if step.name == name})  # fmt: skip

    assert all(states for states in reached)
    assert any(state.wrong() == finding.promise for state in reached[-1])
    assert all(before != after for before, after in pairwise(reached))
