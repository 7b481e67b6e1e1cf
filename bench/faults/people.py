"""What people do on the board between two runs.

Only acts whose end is known: cells of the team's own columns; items moved aside and, at the end,
moved back; items, sizes and groups taken off the board, which wait for a decision as soon as
something is to be written to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.runs.wanted import wanted
from tests.runs.world import World

from order_sync.db import resolving
from order_sync.db.engine import Database
from order_sync.db.resolving import Choice
from order_sync.db.schema import build_tables
from order_sync.errors import ConfigError
from order_sync.rules.resolutions import Resolution

from .source import SIZES, Source, key_of

TEAM: dict[str, tuple[str | None, ...]] = {
    "FCST QTY": ("1", "17", None),
    "matchAlias": ("by hand", "looked at", None),
}
TEAM_BELOW: dict[str, tuple[str | None, ...]] = {"Cut Qty": ("2", "3", None)}
ASIDE = "Looked at by the team"
MOST_IN_GROUP = 8  # orders of a group that is deleted


@dataclass
class People:
    """The team of a board."""

    world: World
    source: Source
    chance: Random
    wrote: dict[tuple[str, str], str | None] = field(default_factory=dict)  # (id, title) -> text
    moved: set[str] = field(default_factory=set)  # ids of items somebody put into another group
    gone: set[int] = field(default_factory=set)  # numbers of rows whose item was taken away
    gone_sizes: set[tuple[int, str]] = field(default_factory=set)  # taken from their item
    acts: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)

    def work(self) -> None:
        """Some acts. Which ones, and for which rows, never depends on how the runs went."""
        often: list[Callable[[Random], None]] = [
            *[self.write] * 7, self.move, self.move_back,
            self.delete, self.delete_size, self.delete_group,
        ]  # fmt: skip
        for _ in range(self.chance.choice((0, 1, 2, 4))):
            act = self.chance.choice(often)
            act(Random(self.chance.random()))

    # Acts

    def write(self, chance: Random) -> None:
        """A cell of the team's own."""
        items = self.world.items()
        if items:
            item = chance.choice(items)
            self._write(chance, item.id, TEAM)
            if item.subitems:
                self._write(chance, chance.choice(item.subitems).id, TEAM_BELOW)

    def move(self, chance: Random) -> None:
        items = self.world.items()
        if items:
            item = chance.choice(items)
            self.world.sandbox.person_moves(item.id, ASIDE)
            self.moved.add(item.id)
            self._note("move aside", item.name)

    def delete(self, chance: Random) -> None:
        """An order that stays good."""
        number = self._good_order(chance)
        how = chance.choice((self.world.sandbox.person_deletes, self.world.sandbox.person_archives))
        if number is not None:
            self.gone.add(number)
            for item in self._items_of({number}):
                how(item.id)
                self._note("delete", item.name)

    def delete_size(self, chance: Random) -> None:
        """A subitem of an order that stays good."""
        number, size = self._good_order(chance), chance.choice(sorted(SIZES))
        if number is not None:
            self.gone_sizes.add((number, size))
            lines = [line for item in self._items_of({number}) for line in item.subitems]
            for line in lines:
                if line.name == f"Size {size}":
                    self.world.sandbox.person_deletes(line.id)
                    self._note("delete size", str(number), line.name)

    def delete_group(self, chance: Random) -> None:
        """One that holds nothing but a few orders that stay good."""
        number = self._good_order(chance)
        if number is None:
            return
        title = wanted(self.source.rows[number]).group
        inside = {n for n in self.source.good_orders() if self._group_of(n) == title}
        groups = [g for g in self.world.sandbox.groups(self.world.board.id) if g.title == title]
        if len(inside) > MOST_IN_GROUP:
            return
        self.source.fixed |= inside
        self.gone |= inside
        others = {item.id for item in self.world.items() if item.group_title == title}
        if groups and others <= {item.id for item in self._items_of(inside)}:
            self.world.sandbox.person_deletes_group(self.world.board.id, title)
            self._note("delete group", title, f"{len(others)} items")

    def move_back(self, _chance: Random | None = None) -> None:
        """Items that were moved aside, to where the source says they belong."""
        for item in self.world.items():
            row = self.source.row_named(item.name)
            if item.id in self.moved and row and item.group_title == ASIDE:
                self.world.sandbox.person_moves(item.id, wanted(row).group)
                self._note("move back", item.name)

    def _write(
        self, chance: Random, item_id: str, columns: dict[str, tuple[str | None, ...]]
    ) -> None:
        title = chance.choice(sorted(columns))
        self.wrote[item_id, title] = text = chance.choice(columns[title])
        self.world.sandbox.person_sets(item_id, title, text)
        self.acts["write"] += 1

    def _good_order(self, chance: Random) -> int | None:
        """The number of an order that is good and stays so from now on."""
        numbers = self.source.good_orders()
        if not numbers:
            return None
        number = chance.choice(numbers)
        self.source.fixed.add(number)
        return number

    def _group_of(self, number: int) -> str:
        return wanted(self.source.rows[number]).group

    def _items_of(self, numbers: set[int]) -> list[Any]:
        keys = {key_of(self.source.rows[number]) for number in numbers}
        return [item for item in self.world.items() if item.name.casefold() in keys]

    def _note(self, act: str, *what: str) -> None:
        self.acts[act] += 1
        self.source.diary.append(f"a person: {act} {', '.join(what)}")

    # Decisions

    def decide(self, errors: list[tuple[str, str]]) -> None:
        """About the refused rows (order key, code) that wait for a person."""
        tables = build_tables(self.world.mapping)
        for key, code in errors:
            resolution = _DECISIONS.get(code)
            if resolution is None:
                continue
            choice = Choice(resolution, key, by="campaign", code=code)
            with closing(Database(self.world.settings.database.url)) as database:
                try:
                    database.run(
                        lambda conn, choice=choice: resolving.resolve(
                            conn, tables, self.world.mapping, self.world.board.id, choice
                        )
                    )
                except ConfigError as error:  # closed along with another row of its order
                    self.source.diary.append(f"no decision about {key} {code}: {error.message}")
                    continue
            self.decisions[f"{code} {resolution}"] += 1
            self.source.diary.append(f"a person: {resolution} {key} {code}")


_DECISIONS = {
    "gone_from_board": Resolution.RECREATE,
    "outcome_unknown": Resolution.RETRY,
}
