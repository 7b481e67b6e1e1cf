"""The source of an episode: its rows, what happens to them, and what the board should show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.runs.changes import full_order

Row = dict[str, Any]

STYLES = ("M01Y09", "WR02117 P", "A0102X1, B2")
# Few values for each column, so that what was changed is often changed back.
VALUES: dict[str, tuple[Any, ...]] = {
    "CUSTOMER PRICE": ("28.86", "31.5", "$ 28.860", None, "1,031.50"),
    "EX FACTORY DATE": ("2025-09-26", "2025-10-03", None),
    "AAG SEASON": ("2025 FALL", "2026 SPRING", "2026 FALL"),
    "CUSTOMER SEASON": (None, "SS26"),
    "CUSTOMER NAME": ("GREYSON CLOTHIERS", "JOHNNIE O", "LORNA JANE", "RHYTHM (AU)"),
    "CUSTOMER COLOUR DESCRIPTION": ("DEAN BLUE", "Dean Blue"),
    "NOTES": ("first words", 'other "words"\nand a line', "", None, "50% \\ 50% 📦"),
    "DROP": ("DROP 1", "DROP 2", "n/a"),
    "UNIT OF MEASURE": ("PCE", "PCS", None),
    "DELIVERY TERMS": ("FOB", "DDP", None),
}
SIZES: dict[str, tuple[Any, ...]] = {
    "XS": (None, None, 2), "S": (5, 5, None, 0), "M": (3, 9, 9), "L": (4, 4, 0, "7"),
    "XL": (2, 8, None), "2XL": (None, 1),
}  # fmt: skip
# What stands for a row instead of it, and the code it is refused with.
SPOILT = ("duplicate_key", "negative_quantity", "too_long")


def spoilt(row: Row, code: str) -> tuple[Row, ...]:
    """What stands in the source for `row`, so that it is refused with `code`."""
    return {
        "duplicate_key": (row, row | {"PO NUMBER": "twin"}),
        "negative_quantity": (row | {"XL": -4},),
        "too_long": (row | {"NOTES": "n" * 2_001},),
    }[code]


@dataclass
class Source:
    """Rows by their number in the episode; `away` have left the source and may return."""

    chance: Random
    rows: dict[int, Row] = field(default_factory=dict)
    away: dict[int, Row] = field(default_factory=dict)
    bad: dict[int, str] = field(default_factory=dict)  # number -> code it is refused with
    fixed: set[int] = field(default_factory=set)  # stay good orders: people took their items away
    diary: list[str] = field(default_factory=list)
    made: int = 0

    # What happens

    def new(self) -> None:
        self.made += 1
        cells = VALUES | SIZES
        style = STYLES[self.made % len(STYLES)]
        row = full_order(f"GRE-{self.made // 2:05}", CUSTOMER_STYLE=style)
        self.rows[self.made] = row | {name: self.chance.choice(cells[name]) for name in cells}

    def edit(self) -> None:
        if number := self._some(self.rows):
            columns = sorted(VALUES | SIZES)
            for column in self.chance.sample(columns, self.chance.choice((1, 1, 2, 4))):
                value = self.chance.choice((VALUES | SIZES)[column])
                self.rows[number][column] = value
                self._note("edit", number, column, repr(value))

    def resize(self) -> None:
        if number := self._some(self.rows):
            for size in self.chance.sample(sorted(SIZES), 2):
                self.rows[number][size] = self.chance.choice(SIZES[size])
                self._note("resize", number, size, self.rows[number][size])

    def cancel(self) -> None:
        if number := self._some(self.rows.keys() - self.fixed):
            self.rows[number]["ORDER TYPE"] = "CANCELLED"
            self._note("cancel", number)

    def revive(self) -> None:
        cancelled = {n for n, row in self.rows.items() if row["ORDER TYPE"] == "CANCELLED"}
        if number := self._some(cancelled):
            self.rows[number]["ORDER TYPE"] = "ACTIVE"
            self._note("revive", number)

    def vanish(self) -> None:
        if number := self._some(self.rows.keys() - self.fixed - self.bad.keys()):
            self.away[number] = self.rows.pop(number)
            self._note("vanish", number)

    def come_back(self) -> None:
        if number := self._some(self.away):
            self.rows[number] = self.away.pop(number)
            self._note("come back", number)

    def spoil(self) -> None:
        """A row becomes one that is refused."""
        active = {n for n, row in self.rows.items() if row["ORDER TYPE"] == "ACTIVE"}
        if number := self._some(active - self.fixed - self.bad.keys()):
            self.bad[number] = self.chance.choice(SPOILT)
            self._note("spoil", number, self.bad[number])

    def repair(self) -> None:
        if number := self._some(self.bad):
            del self.bad[number]
            self._note("repair", number)

    def change(self, times: int) -> None:
        """So many things happen."""
        often = [
            *[self.edit] * 8, *[self.resize] * 5,
            *[self.cancel, self.revive, self.vanish, self.come_back, self.spoil] * 2,
            *[self.repair] * 3,
        ]  # fmt: skip
        for _ in range(times):
            self.chance.choice(often)()

    def calm_down(self) -> None:
        """Most of what is wrong or away comes right."""
        for number in sorted(self.bad):
            if self.chance.random() < 0.7:
                del self.bad[number]
        for number in sorted(self.away):
            if self.chance.random() < 0.6:
                self.rows[number] = self.away.pop(number)
        self._note("at the end away:", *sorted(self.away), "- bad:", *sorted(self.bad.items()))

    def touch(self, numbers: set[int], sizes: set[tuple[int, str]]) -> None:
        """Change these rows and sizes, so that something has to be written for each."""
        for number in sorted(numbers):
            self.rows[number]["NOTES"] = f"written after item {number} was taken away"
        for number, size in sorted(sizes):
            self.rows[number][size] = 11

    # What it looks like

    def published(self) -> Iterator[Row]:
        """The rows of the table."""
        for number, row in self.rows.items():
            yield from spoilt(row, self.bad[number]) if number in self.bad else (row,)

    def good(self) -> list[Row]:
        return [row for number, row in self.rows.items() if number not in self.bad]

    def unclear(self) -> list[Row]:
        """What the board shows of these depends on when a run failed; only that it is one thing."""
        return [*(self.rows[number] for number in sorted(self.bad)), *self.away.values()]

    def row_named(self, name: str) -> Row | None:
        """The good row an item of this name belongs to."""
        return next((row for row in self.good() if key_of(row) == name.casefold()), None)

    def good_orders(self) -> list[int]:
        """Numbers of the good rows that are not cancelled."""
        return sorted(
            number
            for number, row in self.rows.items()
            if number not in self.bad and row["ORDER TYPE"] == "ACTIVE"
        )

    def _some(self, numbers: Iterable[int]) -> int | None:
        found = sorted(numbers)
        return self.chance.choice(found) if found else None

    def _note(self, *what: object) -> None:
        self.diary.append(" ".join(map(str, what)))


def key_of(row: Row) -> str:
    """The name of a row's item, whatever its case."""
    parts = ("CUSTOMER STYLE", "CUSTOMER COLOUR DESCRIPTION", "AAG ORDER NUMBER")
    return " ".join(row[part] for part in parts).casefold()


def order_key_of(row: Row) -> str:
    """The key of a row in the tables."""
    parts = ("AAG ORDER NUMBER", "CUSTOMER STYLE", "CUSTOMER COLOUR DESCRIPTION")
    return "|".join(row[part] for part in parts).casefold()
