"""How the account gets into a state file and back: which rows there are, and what is in them.

account            the moment, the last id given out, the calls of the day
board/ID           a board with the ids of its columns and groups, in order
column/ID/COLUMN   with all its labels
group/ID/GROUP
item/ID            an item or subitem
event/ID/NUMBER    an entry of the activity log of a board
key/KEY            the answer an idempotency key gets
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson

from order_sync.sandbox.activity import Event
from order_sync.sandbox.answers import Answer
from order_sync.sandbox.boards import Account, Board, Column, Group, Item
from order_sync.sandbox.call import Service
from order_sync.sandbox.idempotency import IdempotencyMemory, Remembered
from order_sync.sandbox.labels import Labels
from order_sync.sandbox.options import SandboxOptions
from order_sync.sandbox.state_file import StateError, StateFile

_STRUCTURE = ("board/", "column/", "group/")
_TUPLE, _SET = "$tuple", "$set"  # JSON has lists only
_REBUILT = frozenset({"items", "subitems", "activity"})  # from rows of their own
_ANSWER = ("status", "headers", "content_type", "identified")


class Keeper:
    """Writes down what has changed since it last did, and can tell it all again."""

    @classmethod
    def opened(cls, path: str | Path, service: Service, memory: IdempotencyMemory) -> "Keeper":
        """Fill the account and the memory with what the file holds; a missing file is made.

        Raises:
            StateInUse: another process has it open. StateError: it cannot be read or written.
        """
        file = StateFile(path)
        try:
            return cls(file, service, memory)
        except StateError:
            file.close()
            raise

    def __init__(self, file: StateFile, service: Service, memory: IdempotencyMemory) -> None:
        self._file = file
        self._service = service
        self._memory = memory
        self._written: dict[str, bytes] = {}  # rows of boards as they stand in the file
        self._logged: dict[str, tuple[int, int]] = {}  # spans of activity logs in the file
        self._is_behind = False  # the last write failed
        self._counted: tuple[str, float] | None = (
            None  # the calls of the day as they stand in the file
        )
        rows = file.read()
        try:
            self._starts = self._restore({key: json.loads(row) for key, row in rows.items()})
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # It is JSON or not, and holds anything: what does not fit together is one mistake.
            raise file.damaged() from None
        self._written = {key: row for key, row in rows.items() if key.startswith(_STRUCTURE)}
        self._logged = self._spans()
        memory.is_watched = True
        self.keep()

    # Writing ----------------------------------------------------------------------------------

    def keep(self) -> None:
        """Write all that is new; when this returns, it outlives a kill and a loss of power.

        Raises:
            StateError: it could not be written. The next call tries again.
        """
        account, memory = self._service.account, self._memory
        structure = dict(self._structure())
        changed: dict[str, bytes | None] = {
            key: row for key, row in structure.items() if self._written.get(key) != row
        }
        changed |= dict.fromkeys(self._written.keys() - structure.keys())
        changed |= {f"item/{key}": _row(item) for key, item in account.touched.items()}
        changed |= dict(self._activity())
        changed |= {f"key/{key}": _key_row(memory.remembered(key)) for key in memory.touched}
        self._is_behind = True
        self._write(changed, durable=True)
        self._is_behind = False
        self._written = structure
        self._logged = self._spans()
        account.touched.clear()
        memory.touched.clear()

    def keep_counts(self) -> None:
        """The same for a request that has changed nothing but what is counted.

        A kill takes nothing of it, a loss of power may. Raises StateError as `keep`.
        """
        if self._is_behind or self._service.account.touched or self._memory.touched:
            self.keep()
        elif self._counted != self._calls_of_the_day():
            self._write({}, durable=False)

    def _write(self, changed: dict[str, bytes | None], *, durable: bool) -> None:
        calls = self._calls_of_the_day()
        self._file.write({**changed, **self._account_row()}, durable=durable)
        self._counted = calls

    def _calls_of_the_day(self) -> tuple[str, float]:
        used = self._service.limits.used_today  # also begins a new day
        return self._service.clock.today(), used

    def close(self) -> None:
        self._file.close()

    def _account_row(self) -> dict[str, bytes]:
        day, used = self._calls_of_the_day()
        row = {
            "now": self._service.clock.now(),
            "starts": self._starts,
            "last_number": self._service.account.last_number,
            "day": day,
            "used_today": used,
        }
        return {"account": orjson.dumps(row)}

    def _structure(self) -> Iterator[tuple[str, bytes]]:
        """Boards, columns and groups: all of them, so that nobody has to tell what he changes."""
        for board in self._boards():
            yield f"board/{board.id}", _row(board)
            for column in board.columns.values():
                yield f"column/{board.id}/{column.id}", _row(column)
            for group in board.groups:
                yield f"group/{board.id}/{group.id}", _row(group)

    def _activity(self) -> Iterator[tuple[str, bytes | None]]:
        """New entries of activity logs, and those that had to go for them."""
        for board in self._boards():
            gone_before, last = self._logged.get(board.id, (0, 0))
            gone, _ = board.activity.span
            for number in range(gone_before + 1, min(gone, last) + 1):
                yield f"event/{board.id}/{number}", None
            for entry in board.activity.after(last):
                yield f"event/{board.id}/{entry.number}", _row(entry)

    def _spans(self) -> dict[str, tuple[int, int]]:
        return {board.id: board.activity.span for board in self._boards()}

    def _boards(self) -> Iterable[Board]:
        return self._service.account.boards.values()

    # Reading ----------------------------------------------------------------------------------

    def _restore(self, rows: Mapping[str, Any]) -> int:
        """Returns which start of this account it is, from 1."""
        service = self._service
        account_row = rows.get("account")
        if account_row is None:
            if rows:
                raise ValueError("rows without an account")
            return 1
        service.clock.catch_up(account_row["now"])
        if account_row["day"] == service.clock.today():
            service.limits.go_on_from(account_row["day"], account_row["used_today"])
        _restore_boards(service.account, service.options, rows)
        _restore_items(service.account, rows)
        _restore_activity(service.account, rows)
        self._restore_keys(rows)
        starts = int(account_row["starts"]) + 1
        service.account.go_on_after(int(account_row["last_number"]), starts)
        return starts

    def _restore_keys(self, rows: Mapping[str, Any]) -> None:
        found = [(row["until"], key, row) for key, row in rows.items() if key.startswith("key/")]
        for until, key, row in sorted(found, key=lambda entry: entry[:2]):
            told = {name: row[name] for name in _ANSWER}
            answer = Answer(body=row["body"].encode(), **told)
            self._memory.restore(key.removeprefix("key/"), Remembered(answer, until))


# Objects as rows --------------------------------------------------------------------------------


def _row(thing: Board | Column | Event | Group | Item) -> bytes:
    names = (field.name for field in fields(thing) if field.name not in _REBUILT)
    row = {name: _plain(getattr(thing, name)) for name in names}
    try:
        return orjson.dumps(row)
    except TypeError:  # a number longer than 64 bits, which a cell may hold
        return json.dumps(row).encode()


def _plain(value: Any) -> Any:
    """As JSON can hold it: boards, groups, columns and items become their ids."""
    if isinstance(value, Board | Column | Group | Item):
        return value.id
    if isinstance(value, Labels):
        return value.stored()
    if isinstance(value, Mapping):
        # Of columns, only the order and the ids: each has a row of its own.
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return {_TUPLE: [_plain(one) for one in value]}
    if isinstance(value, set):
        return {_SET: sorted(value)}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value


def _told(value: Any) -> Any:
    """The opposite of `_plain`, but for ids."""
    if isinstance(value, list):
        return [_told(one) for one in value]
    if not isinstance(value, dict):
        return value
    if _TUPLE in value:
        return tuple(_told(one) for one in value[_TUPLE])
    if _SET in value:
        return set(value[_SET])
    return {key: _told(one) for key, one in value.items()}


def _key_row(remembered: Remembered | None) -> bytes | None:
    if remembered is None:
        return None
    answer = remembered.answer
    told = {name: getattr(answer, name) for name in _ANSWER}
    return orjson.dumps({"until": remembered.until, "body": answer.body.decode(), **told})


def _restore_boards(account: Account, options: SandboxOptions, rows: Mapping[str, Any]) -> None:
    stored = {key: _told(row) for key, row in rows.items() if key.startswith(_STRUCTURE)}
    boards = {row["id"]: row for key, row in stored.items() if key.startswith("board/")}
    # Younger boards have the higher ids; the list of boards stands in the order of their birth.
    for board_id in sorted(boards, key=int):
        row = boards[board_id]
        columns = {
            column_id: _column(stored[f"column/{board_id}/{column_id}"], options)
            for column_id in row["columns"]
        }
        alone: dict[str, Any] = {
            "columns": columns,
            "groups": [],
            "subitem_board": None,
            "parent_board": None,
        }
        board = Board(**{**row, **alone})
        board.groups += (
            Group(**{**stored[f"group/{board_id}/{group_id}"], "board": board})
            for group_id in row["groups"]
        )
        account.add_board(board)
    for board_id, row in boards.items():
        if row["subitem_board"] is not None:
            board, below = account.boards[board_id], account.boards[row["subitem_board"]]
            board.subitem_board, below.parent_board = below, board


def _column(row: Mapping[str, Any], options: SandboxOptions) -> Column:
    labels = row["labels"]
    if labels is not None:
        is_status = labels["kind"] == "status"
        cap = options.status_labels_limit if is_status else options.dropdown_labels_limit
        labels = Labels.restored(labels, cap)
    return Column(**{**row, "labels": labels})


def _restore_items(account: Account, rows: Mapping[str, Any]) -> None:
    groups = {
        (board.id, group.id): group for board in account.boards.values() for group in board.groups
    }
    parents: dict[str, str] = {}
    stored = [_told(row) for key, row in rows.items() if key.startswith("item/")]
    # In the order of their birth, as `items(ids:)` answers.
    for row in sorted(stored, key=lambda row: int(row["id"])):
        if row["parent"] is not None:
            parents[row["id"]] = row["parent"]
        group = groups[row["board"], row["group"]]
        item = Item(**{**row, "board": group.board, "group": group, "parent": None})
        account.items[item.id] = item
    for item in sorted(account.items.values(), key=lambda item: item.place):
        if item.state == "active":
            item.group.items[item.id] = item
        if item.id in parents:
            item.parent = account.items[parents[item.id]]
            item.parent.subitems.append(item)


def _restore_activity(account: Account, rows: Mapping[str, Any]) -> None:
    stored = (Event(**_told(row)) for key, row in rows.items() if key.startswith("event/"))
    for entry in sorted(stored, key=lambda entry: entry.number):
        account.boards[entry.board_id].activity.restore(entry)
