"""Every state and what moves a row from one to the next."""

from __future__ import annotations

from enum import StrEnum

from docs.generator.words import code, comments, sentence, table
from order_sync.rules import states
from order_sync.rules.states import GROUP_TRANSITIONS, TRANSITIONS, Event, RowState


def _members(enum: type[StrEnum]) -> str:
    rows = [(code(name), sentence(why) if why else "") for name, why in comments(enum).items()]
    name = "event" if enum in (Event, states.Biography) else "state"
    return table((name, "what it means"), rows)


def states_rows() -> str:
    return _members(RowState)


def states_events() -> str:
    return _members(Event)


def states_transitions() -> str:
    return table(
        ("from", "event", "to"),
        (
            (code(was.value), code(event.value), code(then.value))
            for (was, event), then in TRANSITIONS.items()
        ),
    )


def states_groups() -> str:
    return table(
        ("from", "event", "to"),
        (
            (code(was.value), code(event.value), code(then.value))
            for (was, event), then in GROUP_TRANSITIONS.items()
            if (was, event) not in TRANSITIONS
        ),
    )


def states_diagram() -> str:
    edges: dict[tuple[str, str], list[str]] = {}
    for (was, event), then in TRANSITIONS.items():
        edges.setdefault((was.value, then.value), []).append(event.value)
    lines = [f"    {was} --> {then}: {', '.join(why)}" for (was, then), why in edges.items()]
    left = {was for was, _ in edges}
    ends = [state.value for state in RowState if state.value not in left]
    return "\n".join(
        (
            "```mermaid",
            "stateDiagram-v2",
            f"    [*] --> {RowState.PENDING.value}",
            *lines,
            *(f"    {state} --> [*]" for state in ends),
            "```",
        )
    )


def states_biography() -> str:
    return _members(states.Biography)


def states_batches() -> str:
    why = comments(states.BatchState)
    kinds = (("milestone", states.BATCH_MILESTONES), ("end", states.BATCH_ENDED))
    return table(
        ("state", "is", "what it means"),
        (
            (
                code(state.value),
                f"{kind} {number}" if kind == "milestone" else kind,
                sentence(why[state.name]),
            )
            for kind, members in kinds
            for number, state in enumerate(members, start=1)
        ),
    )


def states_runs() -> str:
    return _members(states.RunState)


def states_requests() -> str:
    return _members(states.RequestState)
