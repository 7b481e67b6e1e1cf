"""What `sync` would do now: the same detection, with its price; nothing is written anywhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from order_sync.config import Settings
from order_sync.connection import calls_per_day, connected, open_board
from order_sync.costing import (
    CALLS_TO_LEARN_THE_DAY,
    Measured,
    Reads,
    cost_of,
    documents_of_actions,
    label_calls,
)
from order_sync.db import engine, known
from order_sync.db.engine import Database
from order_sync.db.history import mean_costs
from order_sync.db.schema import Tables, build_tables
from order_sync.db.upgrade import inspect_schema, require_current
from order_sync.delivery.adopting import (
    StrangeLine,
    Stranger,
    TakenIds,
    find_strange_lines,
    find_strangers,
)
from order_sync.delivery.groups import first_by_title
from order_sync.delivery.lookup import Looks
from order_sync.detection import Detection, Detector, Request
from order_sync.guards import Limits, is_strange_board, stopping_guards, strange_board
from order_sync.many_objects import many_objects
from order_sync.monday.board import BoardInfo
from order_sync.monday.client import MondayClient
from order_sync.monday.columns import BoardMap
from order_sync.monday.documents import Kind
from order_sync.outcome import CustomerPlan, Plan, PlanCost, PlannedOrder, RefusedOrder, WarnedOrder
from order_sync.plan_file import PlanBasis, write_plan
from order_sync.planned import planned_order
from order_sync.progress import Progress
from order_sync.rules.columns import missing_labels, missing_size_labels
from order_sync.rules.comparing import OrderAction, compare
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.rules.states import ChangeType, Operation
from order_sync.rules.values import key_part


@dataclass
class Survey:
    """One look at source, state and board: what a run would do, before it does any of it."""

    found: Detection
    strangers: Sequence[Stranger] = ()  # new orders that stand on the board
    strange_lines: Sequence[StrangeLine] = ()  # new sizes that stand below their item
    # What the strangers need once they are taken over, in the next round.
    follow_ups: list[OrderAction] = field(default_factory=list)

    @property
    def all_actions(self) -> list[OrderAction]:
        return [*self.found.actions, *self.follow_ups]

    def orders(self) -> tuple[PlannedOrder, ...]:
        """Every order something would be sent for, in words."""
        taken_over = {stranger.item.order_key for stranger in self.strangers}
        planned: dict[str, PlannedOrder] = {}
        for action in self.all_actions:
            key = action.order.order_key
            order = planned_order(action, taken_over=key in taken_over)
            before = planned.get(key)
            if before is not None:
                order = replace(before, lines=(*before.lines, *order.lines))
            planned[key] = order
        return tuple(planned.values())


async def survey_of(
    looks: Looks, found: Detection, taken: TakenIds, seen: Collection[str] = ()
) -> Survey:
    """Look up on the board what would be created, so that nothing that stands there is doubled.

    Args:
        taken: which item ids are known under whatever order key.
        seen: order keys whose subitems this run has read already.
    """
    strangers = await find_strangers(looks, found, taken)
    lines = await find_strange_lines(looks, found, seen)
    mapping = looks.mapping
    actions = [
        compare(s.action.order, s.action.source_hash, s.as_known(), mapping).action
        for s in strangers
    ]
    actions += [
        replace(line.action, operation=None, columns=(), lines=(line.follow_up(mapping),))
        for line in lines
    ]
    return Survey(found, strangers, lines, [action for action in actions if action is not None])


@dataclass(frozen=True)
class _Look:
    """What a look-up needs, without a run."""

    client: MondayClient
    board: BoardMap
    mapping: Mapping


def make_plan(
    settings: Settings, mapping: Mapping, filters: Filters, progress: Progress,
    limits: Limits | None = None, out: Path | None = None, full: bool = False,
) -> Plan:  # fmt: skip
    """Look at source, state and board; read-only everywhere.

    Args:
        out: where to write the plan for `sync --plan`.
        full: look at every row of the source, whatever its column of changes says.

    Raises:
        SyncError: what would stop `sync` before its first write stops the plan, too; guards are
            told in the plan instead.
    """
    planner = _Planner(settings, mapping, filters, limits or Limits(), out, full)
    with many_objects():
        return asyncio.run(planner.plan(progress))


@dataclass
class _Planner:
    settings: Settings
    mapping: Mapping
    filters: Filters
    limits: Limits
    out: Path | None
    full: bool

    async def plan(self, progress: Progress) -> Plan:
        tables = build_tables(self.mapping)
        reads = Reads()
        progress.step("reading the board")
        async with connected(self.settings, reads.saw) as client:
            info, board = await open_board(client, self.settings, self.mapping)
            with closing(Database(self.settings.database.url, read_only=True)) as state:
                with state.begin() as conn:
                    require_current(inspect_schema(conn, tables))
                progress.step("comparing source and board")
                detector = Detector(self.mapping, tables, state, self.settings.source, board)
                found = detector.detect(Request(self.filters, full=self.full))
                is_strange = is_strange_board(state, tables, board, info.items_count)
                survey = Survey(found)
                if info.items_count != 0 and not is_strange:
                    progress.step("looking new orders up")
                    taken = partial(_taken, state, tables, board.board_id)
                    survey = await survey_of(_Look(client, board, self.mapping), found, taken)
                history = self._history(state, tables, board)
            seen = Reads(list(reads.answers))
            per_day = await calls_per_day(client)
        monday = self.settings.monday
        documents, reading = calls_of_run(survey, detector, monday.batch_size)
        cost = cost_of(
            documents, seen, reading, history, concurrency=monday.concurrency,
            calls_per_day=per_day,
        )  # fmt: skip
        plan = self._plan_of(survey, detector, board, info, cost, is_strange=is_strange)
        if self.out is not None:
            write_plan(self.out, self.filters, basis_of(survey, detector))
        return plan

    def _history(self, state: Database, tables: Tables, board: BoardMap) -> dict[str, Measured]:
        with state.begin() as conn:
            if not engine.columns_of(conn, tables.requests.name):
                return {}
            means = mean_costs(conn, tables, board.board_id)
        return {kind: Measured(points, seconds) for kind, (points, seconds) in means.items()}

    def _plan_of(
        self, survey: Survey, detector: Detector, board: BoardMap, info: BoardInfo,
        cost: PlanCost, *, is_strange: bool,
    ) -> Plan:  # fmt: skip
        found = survey.found
        guards = [strange_board(board, info.items_count)] if is_strange else []
        guards += stopping_guards(found, cost.calls, self.limits)
        labels = wanted_labels(survey.all_actions, self.mapping, detector)
        return Plan(
            board_id=board.board_id,
            board_name=board.name,
            profile=self.mapping.name,
            customers=_by_customer(survey),
            orders=survey.orders(),
            refused=refused_orders(found),
            reported=tuple(found.reported),
            new_groups=new_groups(survey.all_actions, board),
            new_labels={title: tuple(sorted(texts)) for title, texts in labels.items()},
            guards=tuple(guards),
            notices=(*board.notices, *found.notices),
            rows_read=found.rows,
            blank_rows=found.blank_rows,
            warnings=found.warnings,
            warned=tuple(_warned(found)),
            unchanged=found.unchanged,
            cost=cost,
            limited_from=found.limited_from,
        )


def _warned(found: Detection) -> Iterator[WarnedOrder]:
    for action in found.actions:
        order = action.order
        for warning in order.warnings:
            yield WarnedOrder(
                order.order_key, order.customer, warning.code, warning.message, warning.field,
                warning.value,
            )  # fmt: skip


def basis_of(survey: Survey, detector: Detector) -> PlanBasis:
    """What has to stay as it is for a run to do what this survey says."""
    actions, mapping, board = survey.all_actions, detector.mapping, detector.board
    labels = wanted_labels(actions, mapping, detector)
    return PlanBasis.of(
        board, mapping, survey.orders(), new_groups(actions, board),
        {title: sorted(texts) for title, texts in labels.items()},
    )  # fmt: skip


async def _taken(state: Database, tables: Tables, board_id: str, ids: set[str]) -> set[str]:
    with state.begin() as conn:
        if not engine.columns_of(conn, tables.production.name):
            return set()
        return known.item_ids_taken(conn, tables, board_id, ids)


def calls_of_run(
    survey: Survey, detector: Detector, batch_size: int
) -> tuple[list[tuple[Kind, int]], int]:
    """What a run with this survey would send, repeats apart.

    Returns:
        (kind, rows) of every writing request; and how many reading requests come on top of
        those made so far.
    """
    actions, mapping = survey.all_actions, detector.mapping
    documents = list(documents_of_actions(survey.found.actions, batch_size))
    documents += documents_of_actions(survey.follow_ups, batch_size)
    groups = len(new_groups(actions, detector.board))
    documents += [
        (Kind.CREATE_GROUPS, min(batch_size, groups - start))
        for start in range(0, groups, batch_size)
    ]
    labels = wanted_labels(actions, mapping, detector)
    sizes = int(mapping.sizes.label_title in labels)
    reading, writing = label_calls((len(labels) - sizes, sizes))
    documents += [(Kind.SET_DROPDOWN_LABELS, 1)] * writing
    return documents, reading + (CALLS_TO_LEARN_THE_DAY if documents else 0)


def new_groups(actions: Iterable[OrderAction], board: BoardMap) -> tuple[str, ...]:
    """Titles of groups the board lacks, in the order they are needed."""
    there, _ = first_by_title(board.groups)
    wanted = {
        key_part(a.order.group_title): a.order.group_title
        for a in actions
        if a.operation in (Operation.CREATE, Operation.MOVE)
    }
    return tuple(title for key, title in wanted.items() if key not in there)


def wanted_labels(
    actions: Iterable[OrderAction], mapping: Mapping, detector: Detector
) -> dict[str, set[str]]:
    """Title -> labels to create before these actions are sent."""
    orders = [action.order for action in actions if action.change is not ChangeType.DELETED]
    labels = detector.labels_by_title()
    wanted = missing_labels(orders, mapping, labels)
    size_title = mapping.sizes.label_title
    if size_title in labels:
        sizes = missing_size_labels(orders, mapping, labels[size_title])
        if sizes:
            wanted[size_title] = sizes
    return wanted


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


_COUNTED_AS = {
    ChangeType.NEW: "new",
    ChangeType.UNCHANGED: "completed",
    ChangeType.CHANGED: "changed",
    ChangeType.CANCELLED: "cancelled",
    ChangeType.DELETED: "deleted",
}


def _by_customer(survey: Survey) -> tuple[CustomerPlan, ...]:
    found = survey.found
    counts: dict[str, Counter[str]] = {}

    def add(customer: str, name: str, more: int = 1) -> None:
        counts.setdefault(customer, Counter())[name] += more

    taken_over = {stranger.item.order_key for stranger in survey.strangers}
    changes = {a.order.order_key: a for a in reversed(survey.all_actions)}
    for key, action in changes.items():
        name = "taken_over" if key in taken_over else _COUNTED_AS[action.change]
        add(action.order.customer, name)
    for action in survey.all_actions:
        created = sum(line.operation is Operation.CREATE for line in action.lines)
        add(action.order.customer, "size_lines", created)
        add(action.order.customer, "size_lines_changed", len(action.lines) - created)
    for change in found.reported:
        add(change.customer, "reported")
    refused = {(row.order_key, row.customer) for row in found.refused}
    for _, customer in refused | {(e.order_key, e.customer) for e in found.held}:
        add(customer, "refused")
    for customer in found.in_doubt.values():
        add(customer, "in_doubt")
    plans = (CustomerPlan(customer, **dict(names)) for customer, names in counts.items())
    return tuple(sorted(plans, key=lambda plan: plan.customer.casefold()))
