"""What `sync` would do now: the same detection, with its price; nothing is written anywhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace

from order_sync.config import Settings
from order_sync.connection import connected, open_board
from order_sync.db import engine, known, staging
from order_sync.db.engine import Database
from order_sync.db.schema import Tables, build_tables
from order_sync.db.upgrade import inspect_schema, require_current
from order_sync.delivery.groups import first_by_title
from order_sync.detection import Detection, Detector, Request
from order_sync.monday.columns import BoardMap
from order_sync.monday.documents import MAX_VALUES
from order_sync.outcome import CustomerPlan, Plan, RefusedOrder
from order_sync.progress import Progress
from order_sync.rules.columns import missing_labels, missing_size_labels
from order_sync.rules.comparing import OrderAction
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.states import ChangeType
from order_sync.rules.values import key_part

CALLS_TO_READ_THE_BOARD = 2  # the board, and its subitem board


def make_plan(settings: Settings, mapping: Mapping, filters: Filters, progress: Progress) -> Plan:
    """Look at source, state and board; read-only everywhere.

    Raises:
        SyncError: what would stop `sync` before its first write stops the plan, too.
    """
    return asyncio.run(_plan(settings, mapping, filters, progress))


async def _plan(settings: Settings, mapping: Mapping, filters: Filters, progress: Progress) -> Plan:
    progress.step("reading the board")
    async with connected(settings) as client:
        info, board = await open_board(client, settings, mapping)
    tables = build_tables(mapping)
    with closing(Database(settings.database.url, read_only=True)) as state:
        with state.begin() as conn:
            require_current(inspect_schema(conn, tables))
        progress.step("comparing source and board")
        detector = Detector(
            mapping, tables, state, settings.source.url, settings.source.table, board
        )
        found = detector.detect(Request(filters))
        stranger = is_strange_board(state, tables, board, info.items_count)
    notices = [*board.notices, *found.notices]
    if stranger:
        notices.append(f"sync would stop: {strange_board_message(board, info.items_count)}")
    return Plan(
        board_id=board.board_id,
        board_name=board.name,
        profile=mapping.name,
        customers=_by_customer(found),
        refused=refused_orders(found),
        reported=tuple(found.reported),
        new_groups=new_groups(found.actions, board),
        new_labels={
            title: tuple(sorted(labels))
            for title, labels in wanted_labels(found.actions, mapping, detector).items()
        },
        notices=tuple(notices),
        rows_read=found.rows,
        blank_rows=found.blank_rows,
        warnings=found.warnings,
        unchanged=found.unchanged,
        calls_estimated=estimated_calls(
            found, detector, settings.monday.batch_size, info.items_count
        ),
        limited_from=found.limited_from,
    )


def is_strange_board(
    state: Database, tables: Tables, board: BoardMap, items_count: int | None
) -> bool:
    """Whether the board has items while we know none of it: creating could double them."""
    if items_count == 0:
        return False
    with state.begin() as conn:
        if not engine.columns_of(conn, tables.production.name):
            return True
        live = staging.live_keys(conn, tables, board.board_id)
        return not (
            known.known_count(conn, tables, board.board_id) or live.in_doubt or live.pending
        )


def strange_board_message(board: BoardMap, items_count: int | None) -> str:
    count = "items" if items_count is None else f"{items_count} items"
    return f'board "{board.name}" has {count}, and none of them is known here'


def new_groups(actions: Iterable[OrderAction], board: BoardMap) -> tuple[str, ...]:
    """Titles of groups the board lacks, in the order they are needed."""
    there, _ = first_by_title(board.groups)
    wanted = {
        key_part(a.order.group_title): a.order.group_title
        for a in actions
        if a.operation is not None
    }
    return tuple(title for key, title in wanted.items() if key not in there)


def wanted_labels(
    actions: Iterable[OrderAction], mapping: Mapping, detector: Detector
) -> dict[str, set[str]]:
    """Title -> labels to create before these actions are sent."""
    orders = [action.order for action in actions]
    labels = detector.labels_by_title()
    wanted = missing_labels(orders, mapping, labels)
    size_title = mapping.sizes.label_title
    if size_title in labels:
        sizes = missing_size_labels(orders, mapping, labels[size_title])
        if sizes:
            wanted[size_title] = sizes
    return wanted


def estimated_calls(
    found: Detection, detector: Detector, batch_size: int, items_count: int | None
) -> int:
    """HTTP requests a run would make, retries apart."""

    def documents(rows: int) -> int:
        return -(-rows // batch_size)

    per_batch: Counter[tuple[str, str]] = Counter()
    for action in found.actions:
        customer = action.order.customer
        if action.operation is not None:
            per_batch[customer, action.operation] += 1
        for line in action.lines:
            per_batch[customer, f"line {line.operation}"] += 1
    calls = CALLS_TO_READ_THE_BOARD + sum(documents(rows) for rows in per_batch.values())
    calls += documents(len(new_groups(found.actions, detector.board)))
    labels = wanted_labels(found.actions, detector.mapping, detector)
    if labels:
        boards = {title == detector.mapping.sizes.label_title for title in labels}
        calls += len(labels) + len(boards) + CALLS_TO_READ_THE_BOARD
    if items_count != 0:
        numbers = {a.order.order_key.split("|")[0] for a in found.actions if a.is_new}
        calls += -(-len(numbers) // MAX_VALUES)
    return calls


def refused_orders(found: Detection) -> tuple[RefusedOrder, ...]:
    """Refusals of this look, and earlier ones that still hold orders back."""
    by_key_and_code = {
        (row.order_key, r.code): RefusedOrder(
            row.order_key, row.customer, r.code, r.message, r.field, r.value
        )
        for row in reversed(found.refused)
        for r in reversed(row.refusals)
    }
    local = reversed(by_key_and_code.values())
    held = [
        RefusedOrder(
            e.order_key, e.customer, e.error_type, e.error_message, e.field, e.value, e.size_key
        )
        for e in found.held
    ]
    return (*local, *held)


def _by_customer(found: Detection) -> tuple[CustomerPlan, ...]:
    counts: dict[str, CustomerPlan] = {}

    def add(customer: str, name: str, more: int = 1) -> None:
        plan = counts.setdefault(customer, CustomerPlan(customer))
        counts[customer] = replace(plan, **{name: getattr(plan, name) + more})

    for action in found.actions:
        add(action.order.customer, "new" if action.is_new else "completed")
        add(action.order.customer, "size_lines", len(action.lines))
    names = {
        ChangeType.CHANGED: "changed",
        ChangeType.CANCELLED: "cancelled",
        ChangeType.DELETED: "deleted",
    }
    for change in found.reported:
        add(change.customer, names[change.change])
    refused = {(row.order_key, row.customer) for row in found.refused}
    for _, customer in refused | {(e.order_key, e.customer) for e in found.held}:
        add(customer, "refused")
    for customer in found.in_doubt.values():
        add(customer, "in_doubt")
    return tuple(sorted(counts.values(), key=lambda plan: plan.customer.casefold()))
