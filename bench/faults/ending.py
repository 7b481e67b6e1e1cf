"""How an episode has to end: board = source, nothing twice, nothing lost, nothing left open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.runs.comparing import differences
from tests.runs.wanted import COLUMNS
from tests.runs.world import World

from .people import ASIDE, TEAM, TEAM_BELOW, People
from .source import Row, Source, key_of, order_key_of

OF_TEAM = {*TEAM, *TEAM_BELOW}
OURS = {column.title for column in COLUMNS}
ITEMS, LINES = "ERR_MON_CustMasterSchedule", "ERR_MON_CustMasterSchedule_Subitems"


@dataclass
class Ending:
    """The last look at an episode."""

    world: World
    source: Source
    people: People
    policy: str

    def violations(self) -> list[str]:
        """Every one as a sentence."""
        return [
            *self._of_board(), *duplicates(self.world), *losses(self.world, self.source.good()),
            *self._of_unclear(), *self._of_team(), *self._orphans(), *self._of_errors(),
            *self._open_requests(),
        ]  # fmt: skip

    def _of_board(self) -> Iterator[str]:
        """What differs; of an order whose end is unclear only what concerns our own tables."""
        items = self.world.items()
        names = {item.name.casefold(): item.name for item in items}
        there = [
            row | {"CUSTOMER COLOUR DESCRIPTION": _colour_of(names[key_of(row)], row)}
            for row in self.source.unclear()
            if key_of(row) in names
        ]
        unclear = {key_of(row) for row in there}
        aside = {item.name.casefold() for item in items if item.group_title == ASIDE}
        for what in differences([*self.source.good(), *there], items, self.world.query):
            name, _, rest = what.partition(": ")
            key = name.casefold()
            # Nothing is written to these any more, so nobody notices where people have put them.
            was_moved = key in unclear & aside and rest.startswith("MON has it as ")
            if not was_moved and (key not in unclear or not _depends(rest)):
                yield what

    def _of_unclear(self) -> Iterator[str]:
        """What has left the source is treated as the profile says."""
        away = {key_of(row) for row in self.source.away.values()}
        for item in self.world.items():
            if item.name.casefold() not in away:
                continue
            if self.policy == "archive":
                yield f"{item.name}: has left the source and was not archived"
            if self.policy == "cancel" and (
                item.values.get("ORDER TYPE") != "CANCELLED"
                or any(line.values.get("Order Qty") != "0" for line in item.subitems)
            ):
                yield f"{item.name}: has left the source and was not cancelled"

    def _of_team(self) -> Iterator[str]:
        rows = {r.id: r for item in self.world.items() for r in (item, *item.subitems)}
        for (item_id, title), text in self.people.wrote.items():
            row = rows.get(item_id)
            if row is not None and (row.values.get(title) or None) != text:
                yield f"{row.name}: the team's {title} is {row.values.get(title)!r}, not {text!r}"
        board = self.world.board
        for board_id in (board.id, board.subitem_board.id):
            touched = self.world.sandbox.written_columns(board_id) & OF_TEAM
            if touched:
                yield f"columns of the team were written: {sorted(touched)}"

    def _orphans(self) -> Iterator[str]:
        for item in self.world.sandbox.account.items.values():
            if item.parent is not None and item.state == "active" != item.parent.state:
                yield f"{item.name} ({item.id}) stands below an item that is gone"

    def _of_errors(self) -> Iterator[str]:
        """Every refused row has its ERR row, and the other way round."""
        due = {
            (order_key_of(self.source.rows[number]), code)
            for number, code in self.source.bad.items()
        }
        found = set()
        for key, code, message, field, value in self.world.query(
            f"SELECT order_key, error_type, error_message, field, value FROM {ITEMS}"
            f" WHERE resolved_date IS NULL UNION ALL SELECT order_key || ' ' || size_key,"
            f" error_type, error_message, field, value FROM {LINES} WHERE resolved_date IS NULL"
        ):
            found.add((key, code))
            if not message or (code != "duplicate_key" and not (field and value)):
                yield f"ERR {key} {code} explains nothing: {message!r} {field!r} {value!r}"
        for key, code in sorted(due - found):
            yield f"{key} is refused as {code} and has no ERR row"
        for key, code in sorted(found - due):
            yield f"ERR {key} {code} is open without need"

    def _open_requests(self) -> Iterator[str]:
        for state, count in self.world.query(
            "SELECT state, count(*) FROM MON_ApiRequests"
            " WHERE state NOT IN ('SETTLED', 'NOT_EXECUTED') GROUP BY 1"
        ):
            yield f"{count} request(s) are left {state}"


_DEPENDS = ("shows ", "orders ", "stands in ", "MON has it as of customer", "MON has no hash")


def _depends(what: str) -> bool:
    """Whether a difference is one that an order may have whose end is unclear.

    A size that was found on the board and never written since has no hash.
    """
    unwritten = what.startswith("MON's size is") and ", None), the board's" in what
    return unwritten or what.startswith(_DEPENDS)


def _colour_of(name: str, row: Row) -> str:
    """The colour as the item's name spells it."""
    colour = row["CUSTOMER COLOUR DESCRIPTION"]
    at = key_of(row).find(colour.casefold())
    return name[at : at + len(colour)]


def duplicates(world: World) -> list[str]:
    """Items, sizes and groups that stood on the board twice at the same time, ever."""
    found = [
        f"{first.name} stood on the board twice: {first.id} and {second.id}"
        for first, second in doubles(world)
    ]
    titles = [group.title.casefold() for group in world.sandbox.groups(world.board.id)]
    return found + [
        f"the group {title} stands on the board {titles.count(title)} times"
        for title in sorted(set(titles))
        if titles.count(title) > 1
    ]


def doubles(world: World) -> list[tuple[Any, Any]]:
    """Items and sizes with the one that was made beside them."""
    lives: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for item in world.sandbox.account.items.values():
        lives[item.parent.id if item.parent else "", item.name.casefold()].append(item)
    return [
        (first, second)
        for items in lives.values()
        for first, second in pairwise(sorted(items, key=lambda one: one.created_at))
        if first.state == "active" or first.updated_at > second.created_at
    ]


def losses(world: World, rows: list[Row]) -> list[str]:
    """Order lines of these rows that are not on the board."""
    there = {item.name.casefold() for item in world.items()}
    return [f"{key_of(row)} is lost" for row in rows if key_of(row) not in there]


def created(world: World, groups_before: int) -> int:
    """Items, subitems and groups the API ever made."""
    account = world.sandbox.account
    return len(account.items) + len(account.board(world.board.id).groups) - groups_before
