"""The sandbox as a Python object: its state, its faults, and what a person would do on a board."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from order_sync.sandbox.board_files import (
    BoardSource,
    add_customers,
    add_described_board,
    read_board,
)
from order_sync.sandbox.boards import Account, Board, Column, Group, Item
from order_sync.sandbox.call import Service
from order_sync.sandbox.clock import Clock
from order_sync.sandbox.columns import labels_of, parse_value
from order_sync.sandbox.faults import Fault, make_fault
from order_sync.sandbox.graphql import Operations
from order_sync.sandbox.idempotency import IdempotencyMemory
from order_sync.sandbox.imports.jobs import ImportJobs
from order_sync.sandbox.imports.links import SignedLinks
from order_sync.sandbox.keeping import Keeper
from order_sync.sandbox.limits import Limits
from order_sync.sandbox.options import SandboxOptions
from order_sync.sandbox.readings import cell_text
from order_sync.sandbox.request_log import RequestLog, RequestRecord
from order_sync.sandbox.search import Cursors
from order_sync.sandbox.user import PERSON_ID

P = ParamSpec("P")
R = TypeVar("R")

# Shown for every item anyway, so they are not repeated among its values.
_NOT_VALUES = frozenset({"name", "subtasks", "item_id", "creation_log", "last_updated"})


@dataclass(frozen=True)
class ItemView:
    """An item as a test wants to see it; `values` are column title -> text, empty ones left out."""

    id: str
    name: str
    group_id: str
    group_title: str
    state: str
    values: dict[str, str]
    subitems: "list[ItemView]"


@dataclass(frozen=True)
class GroupView:
    """`items` counts the active ones."""

    id: str
    title: str
    state: str
    items: int


def _by_a_person(
    act: "Callable[Concatenate[Sandbox, P], R]",
) -> "Callable[Concatenate[Sandbox, P], R]":
    """The activity log names somebody else than the user of the token."""

    @wraps(act)
    def acting(self: "Sandbox", /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock, self.account.acting_as(PERSON_ID):
            return act(self, *args, **kwargs)

    return acting


class _PresentLock:
    """A lock whose holder sees the present: what imports were to write by now is written."""

    def __init__(self, imports: ImportJobs) -> None:
        self._lock = threading.RLock()
        self._imports = imports

    def __enter__(self) -> None:
        self._lock.acquire()
        try:
            self._imports.catch_up()
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, *_error: object) -> None:
        self._lock.release()


class Sandbox:
    """A pretended account in memory. May be used from any thread while it is being served.

    With a state file everything on the boards, the idempotency keys and the calls of the day are
    there again in the next sandbox on that file, whatever ended this one.
    """

    def __init__(
        self, options: SandboxOptions | None = None, *, state: str | Path | None = None
    ) -> None:
        """state: a file; it is made when there is none.

        Raises:
            StateInUse: another sandbox works with the file. StateError: it cannot be used.
        """
        self.options = options or SandboxOptions()
        self.clock = Clock(self.options.time_scale)
        self.account = Account(self.options, self.clock)
        self.limits = Limits(self.options, self.clock)
        self.memory = IdempotencyMemory(self.options, self.clock)
        self.operations = Operations(self.options.api_dialect)
        self.log = RequestLog(self.options.request_log_size, self.options.request_log_answer_bytes)
        self.faults: list[Fault] = []
        self._faults_armed = 0
        self.struck: Counter[str] = Counter()  # how often faults struck, also those taken away
        self.imports = ImportJobs(self.options, self.clock, self.account)
        # held for each document, and for each call from outside
        self.lock = _PresentLock(self.imports)
        self.service = Service(
            self.options,
            self.clock,
            self.account,
            Cursors(self.clock, self.options.cursor_life_s),
            self.limits,
            self.imports,
            SignedLinks(self.clock, self.options.imports.link_life_s),
        )
        self._changes = 0  # how many `changing` are inside one another
        self._keeper: Keeper | None = None
        if state is not None:
            self._keeper = Keeper.opened(state, self.service, self.memory)

    # Keeping ----------------------------------------------------------------------------------

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock while something changes; it is in the state file when this ends.

        Inside another one it is kept with that one, all or nothing.

        Raises:
            StateError: the state file could not be written.
        """
        with self.lock:
            self._changes += 1
            try:
                yield
            finally:
                self._changes -= 1
                if self._keeper is not None and not self._changes:
                    self._keeper.keep()

    def keep_counts(self) -> None:
        """Write down what a request was counted for. Raises StateError as `changing`."""
        if self._keeper is not None:
            with self.lock:
                self._keeper.keep_counts()

    def close(self) -> None:
        """Let another sandbox have the state file."""
        if self._keeper is not None:
            with self.lock:
                self._keeper.close()

    # Boards -----------------------------------------------------------------------------------

    def add_board(
        self,
        board: BoardSource,
        *,
        name: str | None = None,
        customers: Sequence[str] = (),
    ) -> Board:
        """Add a board, by the name of a template, from a JSON file or from a description.

        board_description.py says what may stand in a description.

        Raises:
            BoardFileError: with all mistakes of the file or description. OSError: there is no
                such template or file, or it cannot be read. ValueError: customers, and no column
                for them.
        """
        described = read_board(board, self.options, name)
        with self.changing():
            return add_described_board(self.account, self.options, self.clock, described, customers)

    def offer_customers(self, board_id: str, customers: Sequence[str]) -> None:
        """Add what is missing to the labels of the column CUSTOMER.

        Raises:
            ValueError: the board has no such column with labels, or a label does not fit in.
        """
        with self.changing():
            add_customers(self.account.board(board_id), customers)

    def items(self, board_id: str, *, with_gone: bool = False) -> list[ItemView]:
        """Active items of a board in board order; `with_gone` appends archived and deleted ones."""
        with self.lock:
            board = self.account.board(board_id)
            found = list(board.active_items())
            if with_gone:
                found += [
                    item
                    for item in self.account.items.values()
                    if item.board is board and item.state != "active"
                ]
            return [self._view(item) for item in found]

    def item(self, item_id: str) -> ItemView:
        """One item in any state. Raises KeyError: there never was such an item."""
        with self.lock:
            return self._view(self.account.items[item_id])

    def groups(self, board_id: str, *, with_gone: bool = False) -> list[GroupView]:
        with self.lock:
            groups = self.account.board(board_id).groups
            return [
                GroupView(group.id, group.title, group.state, len(group.items))
                for group in groups
                if with_gone or group.state == "active"
            ]

    def written_columns(self, board_id: str) -> set[str]:
        """Titles of the columns the API ever wrote, of a board or of a subitem board."""
        with self.lock:
            board = self.account.board(board_id)
            return {board.columns[column_id].title for column_id in board.written}

    def _view(self, item: Item) -> ItemView:
        values = {
            column.title: text
            for column in item.board.columns.values()
            if column.type not in _NOT_VALUES and (text := cell_text(item, column))
        }
        subitems = [self._view(subitem) for subitem in item.active_subitems]
        group = item.group
        return ItemView(item.id, item.name, group.id, group.title, item.state, values, subitems)

    # Requests, faults, memory -------------------------------------------------------------------

    @property
    def request_log(self) -> list[RequestRecord]:
        """Oldest first."""
        with self.lock:
            return self.log.records()

    @property
    def refusals(self) -> Counter[str]:
        """How often the account really met a limit, by code; faults do not count."""
        return self.limits.refusals.copy()

    def add_fault(self, fault: str | Fault, **settings: Any) -> Fault:
        """Raises ValueError: no such fault or setting."""
        made = fault if isinstance(fault, Fault) else make_fault(fault, **settings)
        with self.lock:
            self._faults_armed += 1
            made.number = self._faults_armed
            self.faults.append(made)
        return made

    def remove_fault(self, number: int) -> None:
        """Raises KeyError: no fault with this number is armed."""
        with self.lock:
            left = [fault for fault in self.faults if fault.number != number]
            if len(left) == len(self.faults):
                raise KeyError(number)
            self.faults[:] = left

    def clear_faults(self) -> None:
        with self.lock:
            self.faults.clear()

    def forget_idempotency(self) -> None:
        """Lose the answers of all keys, as a server may."""
        with self.changing():
            self.memory.forget()

    # What people do on the board ----------------------------------------------------------------

    @_by_a_person
    def person_sets(self, item_id: str, title: str, text: str | None) -> None:
        """Write a cell, by column title; "" or None clears it. A label is made if it is missing.

        Raises:
            KeyError: no such column. ApiError: no such item, or the value does not fit.
        """
        with self.changing():
            item = self.account.item(item_id)
            if title == item.board.columns["name"].title:
                self.account.rename(item, text or "")
            else:
                self._set(item, item.board.column_titled(title), text)
            self.account.touch(item)

    def _set(self, item: Item, column: Column, text: str | None) -> None:
        value: Any = text or None
        if text and column.type == "dropdown":
            value = {"labels": [text]}  # one label, whatever is in its name
        self.account.write(item, {column.id: parse_value(column, value, create_labels=True)})

    @_by_a_person
    def person_creates(
        self,
        board_id: str,
        group_title: str,
        name: str,
        values: Mapping[str, str] | None = None,
    ) -> str:
        """Add an item, and its group if there is none of that title; returns the item's id."""
        with self.changing():
            board = self.account.board(board_id)
            item = self.account.add_item(self._group_titled(board, group_title), name, {})
            for title, text in (values or {}).items():
                self._set(item, board.column_titled(title), text)
            return item.id

    def _group_titled(self, board: Board, title: str) -> Group:
        try:
            return board.group_titled(title)
        except KeyError:
            return self.account.add_group(board, title, None, 0)

    @_by_a_person
    def person_creates_subitem(
        self, item_id: str, name: str, values: Mapping[str, str] | None = None
    ) -> str:
        with self.changing():
            subitem = self.account.add_subitem(self.account.item(item_id), name, {})
            for title, text in (values or {}).items():
                self._set(subitem, subitem.board.column_titled(title), text)
            return subitem.id

    @_by_a_person
    def person_moves(self, item_id: str, group_title: str) -> None:
        with self.changing():
            item = self.account.item(item_id)
            self.account.move(item, self._group_titled(item.board, group_title))

    @_by_a_person
    def person_deletes(self, item_id: str) -> None:
        self._person_closes(item_id, "deleted")

    @_by_a_person
    def person_archives(self, item_id: str) -> None:
        self._person_closes(item_id, "archived")

    def _person_closes(self, item_id: str, state: Literal["archived", "deleted"]) -> None:
        with self.changing():
            self.account.close_item(self.account.item(item_id), state)

    @_by_a_person
    def person_renames_group(self, board_id: str, title: str, new_title: str) -> None:
        """Raises KeyError: no such group. ApiError: the new title is empty or too long."""
        with self.changing():
            group = self.account.board(board_id).group_titled(title)
            self.account.rename_group(group, new_title)

    @_by_a_person
    def person_deletes_group(self, board_id: str, title: str) -> None:
        """Its items go with it. Raises KeyError: no such group. ApiError: it is the last one."""
        self._person_closes_group(board_id, title, "deleted")

    @_by_a_person
    def person_archives_group(self, board_id: str, title: str) -> None:
        """Its items go with it. Raises KeyError: no such group. ApiError: it is the last one."""
        self._person_closes_group(board_id, title, "archived")

    def _person_closes_group(
        self, board_id: str, title: str, state: Literal["archived", "deleted"]
    ) -> None:
        with self.changing():
            self.account.close_group(self.account.board(board_id).group_titled(title), state)

    @_by_a_person
    def person_deactivates_label(self, board_id: str, column_title: str, label: str) -> None:
        """Cells keep the label, but it cannot be chosen any more.

        Raises:
            KeyError: no such column or label. ApiError: the column has no labels.
        """
        with self.changing():
            column = self.account.board(board_id).column_titled(column_title)
            labels_of(column).deactivate(label)
            column.revision += 1

    @_by_a_person
    def person_removes_label(self, board_id: str, column_title: str, label: str) -> None:
        """Cells that held the label read as empty; its id is never used again.

        Raises:
            KeyError: no such column or label. ApiError: the column has no labels.
        """
        with self.changing():
            column = self.account.board(board_id).column_titled(column_title)
            labels_of(column).remove(label)
            column.revision += 1
