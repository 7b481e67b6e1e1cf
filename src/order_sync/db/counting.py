"""What a run did, counted from the rows it left: never from what it believes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from order_sync.db import refused
from order_sync.db.refused import OpenError
from order_sync.db.runs import RunRef
from order_sync.db.schema import Tables
from order_sync.db.staging import Unit, table_of
from order_sync.rules.states import IN_DOUBT, ChangeType, Operation, RowState

_DONE = (RowState.PROMOTED, RowState.API_SUCCESS)


@dataclass(frozen=True)
class RunCounts:
    """Rows of one run by what became of them."""

    done: dict[tuple[Unit, Operation], int]
    changes: dict[ChangeType, int]  # order lines all of whose parts are done
    updated: int  # order lines written, moved or cancelled
    customers: dict[str, dict[str, int]]  # customer -> orders | size lines -> acknowledged rows
    in_doubt: int  # of the whole board
    pending: int  # of this run


def count_run(conn: Connection, tables: Tables, run: RunRef) -> RunCounts:
    """Count the staged rows of a run."""
    done: dict[tuple[Unit, Operation], int] = {}
    customers: dict[str, dict[str, int]] = {}
    in_doubt = pending = 0
    for unit, name in ((Unit.ITEM, "orders"), (Unit.SUBITEM, "size lines")):
        t = table_of(tables, unit)
        rows = conn.execute(
            select(t.c.update_operation, t.c.stg_status, func.count())
            .where(t.c.stg_run_id == run.run_id)
            .group_by(t.c.update_operation, t.c.stg_status)
        )
        for operation, state, count in rows:
            if state in _DONE:
                key = (unit, Operation(operation))
                done[key] = done.get(key, 0) + count
            elif state == RowState.PENDING:
                pending += count
        # An order that was taken over and then written is one order.
        identity = t.c.order_key if unit is Unit.ITEM else t.c.order_key + "|" + t.c.size_key
        for customer, count in conn.execute(
            select(t.c.stg_customer_batch, func.count(identity.distinct()))
            .where(t.c.stg_run_id == run.run_id, t.c.stg_status.in_(_DONE))
            .group_by(t.c.stg_customer_batch)
        ):
            customers.setdefault(customer, {})[name] = count
        in_doubt += conn.execute(
            select(func.count())
            .select_from(t)
            .where(t.c.board_id == run.board_id, t.c.stg_status.in_(IN_DOUBT))
        ).scalar_one()
    return RunCounts(
        done, _changes(conn, tables, run), _updated(conn, tables, run), customers, in_doubt, pending
    )


def _changes(conn: Connection, tables: Tables, run: RunRef) -> dict[ChangeType, int]:
    """Order lines by change; one that went through several steps counts once, as the first."""
    first: dict[str, ChangeType] = {}
    unfinished: set[str] = set()
    for unit in Unit:
        t = table_of(tables, unit)
        rows = conn.execute(
            select(t.c.order_key, t.c.change_type, t.c.stg_status)
            .where(t.c.stg_run_id == run.run_id)
            .order_by(t.c.stg_id)
        )
        for key, change, state in rows:
            first.setdefault(key, ChangeType(change))
            if state not in _DONE:
                unfinished.add(key)
    return dict(Counter(change for key, change in first.items() if key not in unfinished))


def _updated(conn: Connection, tables: Tables, run: RunRef) -> int:
    t = tables.staging
    return conn.execute(
        select(func.count(t.c.order_key.distinct())).where(
            t.c.stg_run_id == run.run_id,
            t.c.stg_status.in_(_DONE),
            t.c.update_operation.in_((Operation.UPDATE, Operation.MOVE, Operation.CANCEL)),
        )
    ).scalar_one()


def open_errors_of(
    conn: Connection, tables: Tables, board_id: str, keys: Collection[str] | None
) -> list[OpenError]:
    """Open ERR rows of the board; with `keys`, only theirs."""
    errors = refused.open_errors(conn, tables, board_id)
    return errors if keys is None else [e for e in errors if e.order_key in keys]
