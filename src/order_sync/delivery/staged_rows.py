"""Actions become the rows that are staged for them, one portion ahead of the database."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from order_sync.db.batches import NewBatch
from order_sync.db.columnar import Columns, named
from order_sync.db.events import OrderEvent
from order_sync.db.staging import StagedRow
from order_sync.delivery.context import Delivery
from order_sync.delivery.json_text import as_json
from order_sync.delivery.lookup import lookup_text
from order_sync.delivery.wire_json import WireJson
from order_sync.rules.comparing import LineAction, OrderAction
from order_sync.rules.differences import differences
from order_sync.rules.states import Biography, Operation, RowState
from order_sync.rules.values import key_part

A = TypeVar("A")
R = TypeVar("R")

Cells = tuple[Any, ...]
Carried = dict[tuple[str, str | None], StagedRow]

_CREATE = Operation.CREATE  # to look a member up takes long, until Python 3.12
_NO_ATTEMPTS: Cells = (0, None)
# While a portion is made, the thread that loads waits so long for its turn after each answer of the
# database: with the 5 ms that Python gives, the database would have nothing to do meanwhile.
_TURN_S = 0.001
_REMEMBERED = 4_096  # rows of new size lines that are made once: orders repeat quantities


# The cells that are made here, in their order; `_SHARED` are alike in a batch.
_SHARED = ("stg_batch_id", "stg_run_id", "stg_customer_batch", "stg_status", "board_id",
           "stg_retry_count")  # fmt: skip
_ATTEMPTS = ("stg_attempts", "stg_travel_limit")
_ITEM = (
    *_SHARED, *_ATTEMPTS, "order_key", "update_operation", "change_type", "update_fields",
    "payload_hash", "stg_api_payload", "stg_monday_item_id", "source_hash", "original_data",
    "Title", "Group", "group_key",
)  # fmt: skip
_LINE = (
    *_SHARED, "order_key", "change_type", "stg_monday_parent_item_id", *_ATTEMPTS, "size_key",
    "update_operation", "update_fields", "payload_hash", "stg_monday_subitem_id",
    "stg_size_label", "Title", "Size", "Order Qty", "stg_api_payload",
)  # fmt: skip


@dataclass(frozen=True)
class Portion:
    """What is staged for some actions; whatever is known only as it is loaded is not in it yet."""

    items: Columns
    lines: Columns
    notes: list[OrderEvent]


class RowMaker:
    """Makes the rows to stage."""

    def __init__(self, d: Delivery, carried: Carried, batches: Iterable[NewBatch]) -> None:
        self._d = d
        self._carried = carried
        board = d.board.columns
        self._titles = [column.title for column in d.mapping.columns]
        self._item_columns = (*_ITEM, *(column.field for column in d.mapping.columns))
        self._wire = WireJson(
            self._titles,
            {title: column.type for title, column in board.items()},
            {
                title: {label.text: label.id for label in column.labels}
                for title, column in board.items()
                if column.type == "status"
            },
        )
        self._batch_ids = {batch.customer: batch.batch_id for batch in batches}
        run, pending = d.run, RowState.PENDING.value
        self._shared: dict[str, Cells] = {
            customer: (batch_id, run.run_id, customer, pending, run.board_id, 0)
            for customer, batch_id in self._batch_ids.items()
        }
        self._new_lines: dict[tuple[str, str], tuple[Cells, str]] = {}

    def portion(self, actions: Sequence[OrderAction]) -> Portion:
        items = [self._item(action) for action in actions if action.operation is not None]
        lines = [line for action in actions if action.lines for line in self._lines(action)]
        return Portion(
            items=named(self._item_columns, items),
            lines=named(_LINE, lines),
            notes=self._notes(actions),
        )

    def _attempts(self, key: str, size_key: str | None, payload_hash: str) -> Cells:
        before = self._carried.get((key, size_key)) if self._carried else None
        if before is None or before.payload_hash != payload_hash:
            return _NO_ATTEMPTS
        return before.attempts, before.travel_limit

    def _item(self, action: OrderAction) -> Cells:
        order = action.order
        operation = action.operation or Operation.UPDATE
        values = order.values
        if operation is not Operation.CREATE:
            values = {title: values[title] for title in action.columns if title in values}
        payload = {
            "name": order.name,
            "group": order.group_title,
            "order_number": lookup_text(self._d, order),
        }
        written = self._wire.of(values, clear_blanks=operation is not Operation.CREATE)
        return (
            *self._shared[order.customer],
            *self._attempts(order.order_key, None, order.payload_hash),
            order.order_key,
            operation.value,
            action.change.value,
            _fields(action.columns),
            order.payload_hash,
            f'{_open(payload)},"values":{written}}}',
            action.item_id,
            action.source_hash,
            as_json(dict(order.original)),
            order.name,
            order.group_title,
            key_part(order.group_title),
            *map(order.values.get, self._titles),
        )

    def _lines(self, action: OrderAction) -> Iterator[Cells]:
        order = action.order
        key = order.order_key
        number = lookup_text(self._d, order)
        written, is_plain = as_json(number), number.isascii()
        shared = (*self._shared[order.customer], key, action.change.value, action.item_id)
        for line in action.lines:
            size = line.line
            attempts = self._attempts(key, size.size_key, size.payload_hash)
            if is_plain and line.operation is _CREATE:
                cells, payload = self._new_line(line)
                yield (*shared, *attempts, *cells, f"{payload}{written}}}")
            else:
                payload = as_json({**_payload(line), "order_number": number})
                yield (*shared, *attempts, *_line(line), payload)

    def _new_line(self, line: LineAction) -> tuple[Cells, str]:
        """What all creates of a size with so many pieces share; the payload lacks its end."""
        which = line.line.size_key, line.line.payload_hash
        made = self._new_lines.get(which)
        if made is None:
            if len(self._new_lines) >= _REMEMBERED:
                self._new_lines.clear()
            payload = f'{_open(_payload(line))},"order_number":'
            made = self._new_lines[which] = _line(line), payload
        return made

    def _notes(self, actions: Sequence[OrderAction]) -> list[OrderEvent]:
        """What goes into the orders' biographies: staged, and every warning."""
        notes: list[OrderEvent] = []
        for action in actions:
            key, batch_id = action.order.order_key, self._batch_ids[action.order.customer]
            what = action.operation.value if action.operation else "size lines"
            changed = f": {', '.join(action.columns)}" if action.columns else ""
            differing = differences(action, self._d.mapping)
            notes.append(
                OrderEvent(
                    key,
                    Biography.STAGED,
                    f"{action.change.value} {what}{changed}",
                    batch_id=batch_id,
                    changes=as_json([asdict(one) for one in differing]) if differing else None,
                )
            )
            notes += [
                OrderEvent(key, w.code, w.message, batch_id=batch_id, level="warning")
                for w in action.order.warnings
            ]
        return notes


class Ahead(Generic[A, R]):
    """The results of `work` on each of `parts`; while one is used, the next can be made.

    Any part may be asked for again. An error of `work` is raised where its result is asked for.
    """

    def __init__(self, work: Callable[[A], R], parts: Sequence[A]) -> None:
        self._work = work
        self._parts = parts
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="staging")
        self._made: dict[int, Future[R]] = {}

    def __enter__(self) -> Ahead[A, R]:
        self._turn_before = sys.getswitchinterval()
        sys.setswitchinterval(_TURN_S)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        sys.setswitchinterval(self._turn_before)
        self._thread.shutdown(cancel_futures=True)

    def __getitem__(self, number: int) -> R:
        self.begin(number)
        self._made = {n: made for n, made in self._made.items() if n >= number}
        return self._made[number].result()

    def begin(self, number: int) -> None:
        """Let a part be made, if there is one; nobody waits for it yet."""
        if number not in self._made and number < len(self._parts):
            self._made[number] = self._thread.submit(self._work, self._parts[number])


def _open(document: dict[str, Any]) -> str:
    """JSON of a document of which something is still to come."""
    return as_json(document).removesuffix("}")


def _line(line: LineAction) -> Cells:
    size = line.line
    return (
        size.size_key,
        line.operation.value,
        _fields(line.columns),
        size.payload_hash,
        line.subitem_id,
        size.label,
        size.name,
        size.label,
        size.quantity,
    )


def _payload(line: LineAction) -> dict[str, Any]:
    """Without the order number."""
    size = line.line
    return {"name": size.name, "label": size.label, "quantity": size.quantity}


def _fields(columns: Sequence[str]) -> str | None:
    return json.dumps(columns, ensure_ascii=False) if columns else None
