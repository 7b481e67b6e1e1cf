"""A year of an account: the source changes, people work on the board, and runs go wrong.

ORDER_SYNC_YEARS says how many years to live through, one seed each.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from order_sync.errors import ExitCode
from order_sync.guards import Limits

from .changes import full_order
from .comparing import differences
from .world import World

Row = dict[str, Any]

WEEKS = 52
ORDERS = 40  # on average
ANY = Limits(max_removals="100%")
POLICIES = ("cancel", "archive", "report")
FAULTS = (
    "lose-answer-before-write", "lose-answer-after-write", "502-after-write", "429", "423",
    "mid-document-timeout", "500-alias", "500-alias-after-write", "500-after-write", "cut-body",
)  # fmt: skip
# Few values for each column, so that what was changed is often changed back.
VALUES: dict[str, tuple[Any, ...]] = {
    "CUSTOMER PRICE": ("28.86", "31.5", "$ 28.860", None, "1,031.50"),
    "EX FACTORY DATE": ("2025-09-26", "2025-10-03", None),
    "AAG SEASON": ("2025 FALL", "2026 SPRING", "2026 FALL"),
    "CUSTOMER SEASON": (None, "SS26"),
    "CUSTOMER NAME": ("GREYSON CLOTHIERS", "JOHNNIE O", "LORNA JANE"),
    "CUSTOMER COLOUR DESCRIPTION": ("DEAN BLUE", "Dean Blue"),
    "NOTES": ("first words", "other words", "", None),
    "DROP": ("DROP 1", "DROP 2", "n/a"),
    "UNIT OF MEASURE": ("PCE", "PCS", None),
    "S": (None, 5, 0), "M": (3, 9, None), "L": (4, 0, "7"), "XL": (None, 2),
}  # fmt: skip
TEAM = {"FCST QTY": ("1", "17", None), "matchAlias": ("by hand", "looked at", None)}
TEAM_BELOW = {"Cut Qty": ("2", "3", None)}


@dataclass
class Year:
    """The source as it changes, and what the board has to show for it."""

    world: World
    seed: int
    chance: random.Random
    policy: str
    rows: dict[str, Row] = field(default_factory=dict)  # order number -> row of the source
    away: dict[str, Row] = field(default_factory=dict)  # have left the source, and may return
    bad: dict[str, tuple[Row, ...]] = field(default_factory=dict)  # what stands for a row instead
    shown: dict[str, Row] = field(default_factory=dict)
    team: dict[tuple[str, str], str | None] = field(default_factory=dict)  # (id, title) -> text
    diary: list[str] = field(default_factory=list)
    made: int = 0

    # What happens in a week

    def new(self) -> None:
        self.made += 1
        number = f"GRE-{self.made}"
        row = full_order(number)
        self.rows[number] = row | {n: self.chance.choice(v) for n, v in VALUES.items()}
        self.note("new", number)

    def edit(self) -> None:
        if number := self.some(self.rows):
            for column in self.chance.sample(sorted(VALUES), self.chance.choice((1, 1, 2, 4))):
                self.rows[number][column] = self.chance.choice(VALUES[column])
                self.note("edit", number, column, self.rows[number][column])

    def cancel(self) -> None:
        if number := self.some(self.rows):
            self.rows[number]["ORDER TYPE"] = "CANCELLED"
            self.note("cancel", number)

    def revive(self) -> None:
        cancelled = [n for n, row in self.rows.items() if row["ORDER TYPE"] == "CANCELLED"]
        if number := self.some(cancelled):
            self.rows[number]["ORDER TYPE"] = "ACTIVE"
            self.note("revive", number)

    def vanish(self) -> None:
        if (number := self.some(self.rows)) and number not in self.bad:
            self.away[number] = self.rows.pop(number)
            self.note("vanish", number)

    def come_back(self) -> None:
        if number := self.some(self.away):
            self.rows[number] = self.away.pop(number)
            self.note("come back", number)

    def spoil(self) -> None:
        """A row becomes one that is refused."""
        if (number := self.some(self.rows)) and self.rows[number]["ORDER TYPE"] == "ACTIVE":
            row = self.rows[number]
            self.bad[number] = self.chance.choice(
                (
                    (row, row | {"PO NUMBER": "twin"}),
                    (row | {"XL": -4},),
                    (row | {"NOTES": "n" * 2_001},),
                )
            )
            self.note("spoil", number)

    def repair(self) -> None:
        if number := self.some(self.bad):
            del self.bad[number]
            self.note("repair", number)

    def person_works(self) -> None:
        items = self.world.items()
        if not items:
            return
        item = self.chance.choice(items)
        self.person_writes(item.id, TEAM)
        if item.subitems:
            self.person_writes(self.chance.choice(item.subitems).id, TEAM_BELOW)

    def person_writes(self, item_id: str, columns: dict[str, tuple[str | None, ...]]) -> None:
        title = self.chance.choice(sorted(columns))
        text = self.chance.choice(columns[title])
        self.world.sandbox.person_sets(item_id, title, text)
        self.team[item_id, title] = text

    def some(self, numbers: Any) -> str | None:
        return self.chance.choice(sorted(numbers)) if numbers else None

    def note(self, *what: object) -> None:
        self.diary.append(" ".join(map(str, what)))

    # A week

    def live(self, week: int) -> None:
        self.note(f"-- week {week}")
        few = [self.new] * (5 if len(self.rows) < ORDERS else 1)
        often: list[Callable[[], None]] = [
            *few, *[self.edit] * 8, *[self.cancel, self.revive, self.vanish, self.come_back] * 2,
            self.spoil, *[self.repair] * 2, *[self.person_works] * 3,
        ]  # fmt: skip
        for _ in range(self.chance.randint(3, 8)):
            self.chance.choice(often)()
        luck = self.chance.random()
        if luck < 0.1:
            self.die(often)
        elif luck < 0.3:
            self.fail()
        self.run()

    def die(self, often: list[Callable[[], None]]) -> None:
        """A run is killed; the source may go on before the next one."""
        self.publish()
        step = self.chance.choice(("before-send", "after-send", "before-commit", "after-write"))
        number = self.chance.randint(1, 15 if step.endswith("send") else 45)
        code = self.world.sync_that_dies(step, number, "--max-removals", "100%")
        self.note("died" if code == 137 else "survived", step, number)
        # What the board shows of an order that is refused, or only reported, while nobody knows
        # what was written of it, depends on when the run died.
        unclear = (self.spoil, *([self.vanish] if self.policy == "report" else []))
        for _ in range(self.chance.choice((0, 0, 1, 3))):
            self.chance.choice([one for one in often if one not in unclear])()

    def fail(self) -> None:
        for _ in range(self.chance.choice((1, 1, 2))):
            name, skip = self.chance.choice(FAULTS), self.chance.randint(0, 3)
            self.world.sandbox.add_fault(name, times=1, skip=skip)
            self.note("fault", name, skip)

    def publish(self) -> None:
        rows = [row for number, row in self.rows.items() if number not in self.bad]
        self.world.has_orders(*rows, *(row for some in self.bad.values() for row in some))

    def run(self) -> None:
        self.publish()
        report = self.world.sync(limits=ANY)
        self.world.sandbox.clear_faults()
        self.expect()
        found = differences(self.shown.values(), self.world.items(), self.world.query)
        found += self.differences_of_the_team()
        refused = {key.split("|")[0] for key, _ in self.world.errors()}
        if refused != {number.casefold() for number in self.bad}:
            found.append(f"refused are {refused} instead of {set(self.bad)}")
        code = ExitCode.ROWS_LEFT if self.bad else ExitCode.DONE
        if report.exit_code is not code:
            found.append(f"exit code {report.exit_code} instead of {code}: {report.message}")
        assert not found, "\n".join([f"seed {self.seed}", *self.diary, "DIFFERENT:", *found])

    def expect(self) -> None:
        """What the board shows after a run; a refused order stays as it was."""
        self.shown |= {n: dict(row) for n, row in self.rows.items() if n not in self.bad}
        for number in self.shown.keys() & self.away.keys():
            if self.policy == "archive":
                del self.shown[number]
            elif self.policy == "cancel":
                self.shown[number]["ORDER TYPE"] = "CANCELLED"

    def differences_of_the_team(self) -> list[str]:
        rows = [row for item in self.world.items() for row in (item, *item.subitems)]
        return [
            f"{row.name}: the team's {title} is {row.values.get(title)!r} instead of {text!r}"
            for row in rows
            for (item_id, title), text in self.team.items()
            if item_id == row.id and (row.values.get(title) or None) != text
        ]


@pytest.mark.parametrize("seed", range(int(os.environ.get("ORDER_SYNC_YEARS", "1"))))
def test_after_every_week_of_a_year_the_board_shows_the_source(world, seed):
    world.extra |= {
        "ORDER_SYNC_MONDAY__SEND_WINDOW_S": "0.2", "ORDER_SYNC_MONDAY__SERVER_LIMIT_S": "0.3",
    }  # fmt: skip
    policy = POLICIES[seed % len(POLICIES)]
    world.treats_vanished_orders(policy)
    year = Year(world, seed, random.Random(seed), policy)
    for _ in range(ORDERS):
        year.new()

    for week in range(WEEKS):
        year.live(week)

    year.bad.clear()
    year.run()
    world.assert_nothing_left_to_do(limits=ANY)
