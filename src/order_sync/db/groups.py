"""MON_Groups: a group's intent, like a staged row, and its id once the board has it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from order_sync.db import engine
from order_sync.db.runs import RequestRef, RunRef
from order_sync.db.schema import Tables
from order_sync.errors import InvalidTransition
from order_sync.rules.states import IN_DOUBT, Event, RowState, advance_group


@dataclass(frozen=True)
class GroupRow:
    """One group title of the board."""

    title_key: str
    title: str
    group_id: str | None
    state: RowState
    request_id: str | None
    request_pos: int | None
    attempts: int
    updated_date: datetime


def read_groups(
    conn: Connection, tables: Tables, board_id: str, title_keys: Sequence[str] | None = None
) -> dict[str, GroupRow]:
    """title_key -> group, all of the board's or the named ones."""
    g = tables.groups
    query = select(g).where(g.c.board_id == board_id)
    rows = conn.execute(query)
    wanted = None if title_keys is None else set(title_keys)
    return {
        row.title_key: GroupRow(
            row.title_key, row.title, row.group_id, RowState(row.state), row.request_id,
            row.request_pos, row.attempts,
            row.updated_date,
        )
        for row in rows
        if wanted is None or row.title_key in wanted
    }  # fmt: skip


def groups_of_request(
    conn: Connection, tables: Tables, board_id: str, request_id: str, state: RowState
) -> list[GroupRow]:
    """Groups of a request that are in `state`, by their position in the document."""
    rows = read_groups(conn, tables, board_id).values()
    mine = [g for g in rows if g.request_id == request_id and g.state is state]
    return sorted(mine, key=lambda g: g.request_pos or 0)


def see_groups(
    conn: Connection, tables: Tables, run: RunRef, seen: Iterable[tuple[str, str, str]]
) -> None:
    """Store groups that stand on the board: (title_key, title, group_id).

    A known title gets the id that stands on the board now; one whose creation is in doubt is
    left to its settling.
    """
    known = read_groups(conn, tables, run.board_id)
    for title_key, title, group_id in seen:
        row = known.get(title_key)
        if row is None:
            _insert(conn, tables, run, title_key, title, RowState.API_SUCCESS, group_id)
        elif row.state not in IN_DOUBT and row.group_id != group_id:
            move_group(
                conn, tables, run, row, Event.FOUND, group_id=group_id, title=title,
                error_type=None, error_message=None,
            )  # fmt: skip


def notice_vanished(
    conn: Connection, tables: Tables, run: RunRef, on_board: Collection[str], settled_s: float
) -> None:
    """Groups that the board no longer shows lose their id, so that they are made when wanted.

    Args:
        on_board: title keys the board shows now.
        settled_s: a group younger than this may only be hidden by the board's lag.
    """
    before = engine.now(conn) - timedelta(seconds=settled_s)
    for group in read_groups(conn, tables, run.board_id).values():
        gone = group.state is RowState.API_SUCCESS and group.title_key not in on_board
        if gone and group.updated_date < before:
            forget_group(conn, tables, run, group, Event.LEFT_BOARD)


def want_groups(
    conn: Connection, tables: Tables, run: RunRef, wanted: Iterable[tuple[str, str]]
) -> None:
    """Make sure every (title_key, title) has a row; new and once refused ones become PENDING."""
    known = read_groups(conn, tables, run.board_id)
    for title_key, title in wanted:
        row = known.get(title_key)
        if row is None:
            _insert(conn, tables, run, title_key, title, RowState.PENDING, None)
        elif row.state is RowState.API_FAILED:
            forget_group(conn, tables, run, row, Event.WANTED_AGAIN)


def forget_group(
    conn: Connection, tables: Tables, run: RunRef, group: GroupRow, event: Event
) -> None:
    """The group has to be made (again): its id and its last request no longer count."""
    move_group(
        conn, tables, run, group, event, group_id=None, request_id=None, request_pos=None,
        error_type=None, error_message=None,
    )  # fmt: skip


def _insert(
    conn: Connection, tables: Tables, run: RunRef, title_key: str, title: str, state: RowState,
    group_id: str | None,
) -> None:  # fmt: skip
    at = engine.now(conn)
    conn.execute(
        tables.groups.insert().values(
            board_id=run.board_id, title_key=title_key, title=title, group_id=group_id,
            state=state, attempts=0, created_date=at, updated_date=at,
        )
    )  # fmt: skip


def claim_groups(
    conn: Connection, tables: Tables, run: RunRef, groups: Sequence[GroupRow],
    request: RequestRef, event: Event = Event.CLAIMED,
) -> None:  # fmt: skip
    """Bind groups to a request, in document order, and mark them as being created."""
    for position, group in enumerate(groups):
        move_group(
            conn, tables, run, group, event, request_id=request.request_id,
            request_pos=position,
        )  # fmt: skip


def move_group(
    conn: Connection, tables: Tables, run: RunRef, group: GroupRow, event: Event, **values: object
) -> None:
    """Move a group to the state that follows `event`.

    Raises:
        InvalidTransition: it is no longer in the state it was read in.
    """
    g = tables.groups
    moved = conn.execute(
        update(g)
        .where(
            g.c.board_id == run.board_id,
            g.c.title_key == group.title_key,
            g.c.state == group.state,
        )
        .values(state=advance_group(group.state, event), updated_date=engine.now(conn), **values)
    ).rowcount
    if moved != 1:
        raise InvalidTransition(f"group {group.title} is no longer {group.state}")


def orphan_groups_to_unconfirmed(conn: Connection, tables: Tables, run: RunRef) -> int:
    """Groups an earlier run was creating when it died become UNCONFIRMED.

    The caller holds the lock, so whatever is SENDING before this run sent anything is orphaned.
    """
    g = tables.groups
    return conn.execute(
        update(g)
        .where(g.c.board_id == run.board_id, g.c.state == RowState.SENDING)
        .values(state=advance_group(RowState.SENDING, Event.RUN_DIED))
    ).rowcount
