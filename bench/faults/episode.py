"""One episode: rounds of changes and trouble, then peace, and a board that shows the source."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from random import Random

from tests.runs.world import World

from order_sync.errors import ExitCode, SyncError

from .child import ANY, CRASH, quiet, run_in_child
from .ending import Ending, created, doubles, duplicates, losses
from .evidence import slowest_execution_s, story_of
from .figures import Figures, Result
from .people import ASIDE, People
from .source import Source
from .trouble import (
    LONGEST_EXECUTION_S,
    TIMEOUT_S,
    Doom,
    draw_doom,
    draw_faults,
)
from .worlds import new_world

POLICIES = ("cancel", "archive", "report")
# The machine itself may leave the bounds within which order-sync promises to be exact: its clock
# is set forward, or a request is executed later after its intent than the windows allow.
CLOCK_MAY_JUMP_S = 0.1
SLOWEST_EXECUTION_S = TIMEOUT_S - LONGEST_EXECUTION_S
LAST_RUNS = 8  # without faults, at most
# What a run may end with while things go wrong; 137 and 143: it was killed.
MAY_END_WITH = {0, 3, 4, 5, 137, 143}


@dataclass(frozen=True)
class Terms:
    """How long an episode is, and whether monday.com keeps within the bounds.

    beyond: it does not: new rows stay hidden for longer than is configured, and no key is
    remembered. Nobody can be exact then; duplicates and losses are only counted.
    """

    orders: tuple[int, int] = (150, 300)
    rounds: tuple[int, int] = (6, 12)
    beyond: bool = False


@dataclass
class Episode:
    """One life of an account."""

    world: World
    chance: Random
    terms: Terms
    policy: str
    source: Source = field(init=False)
    people: People = field(init=False)
    figures: Figures = field(default_factory=Figures)
    wrong: list[str] = field(default_factory=list)
    diary: list[str] = field(default_factory=list)
    groups_before: int = 0

    def __post_init__(self) -> None:
        self.source = Source(Random(self.chance.random()), diary=self.diary)
        self.people = People(self.world, self.source, Random(self.chance.random()))
        self.groups_before = len(self.world.sandbox.groups(self.world.board.id))

    def live(self) -> None:
        """All rounds and the end; what went wrong is in `wrong`."""
        orders, rounds = (
            self.chance.randint(*both) for both in (self.terms.orders, self.terms.rounds)
        )
        for number in range(rounds):
            self.diary.append(f"-- round {number + 1} of {rounds}")
            # Half of what is left to come in each round, so that all of them create.
            share = (orders - self.source.made + 1) // 2
            for _ in range(share if number < rounds - 1 else orders - self.source.made):
                self.source.new()
            self.source.change(self.chance.randint(0, 12) if number else 0)
            self.people.work()
            self._round()
            if self.wrong and not self.terms.beyond:
                return
        self.end()

    def _round(self) -> None:
        """One run, with whatever goes wrong in it."""
        armed = draw_faults(self.chance)
        doom = draw_doom(self.chance)
        faults = [self.world.sandbox.add_fault(one.name, **one.settings) for one in armed]
        self.diary += [f"fault {one}" for one in armed]
        if self.chance.random() < 0.1:
            self.world.sandbox.forget_idempotency()
            self.diary.append("the server forgets all keys")
        self._publish()
        code = self._run_in_child(doom)
        self.world.sandbox.clear_faults()
        for fault in faults:
            if fault.fired:
                self.figures.faults[fault.name] += fault.fired
        if code is not None and code not in MAY_END_WITH:
            self.wrong.append(f"a run ended with exit code {code}")

    def _publish(self) -> None:
        self.world.has_orders(*self.source.published())

    def _run(self, command: str = "sync") -> int | None:
        """A run in this process; None when it was interrupted from outside."""
        self.figures.runs += 1
        began = time.monotonic()
        try:
            report = self.world.sync(limits=ANY, command=command, only_failed=command == "retry")
            code, message = int(report.exit_code), report.message
        except SyncError as error:
            code, message = int(error.exit_code), f"{error.code}: {error.message}"
        except Exception:
            self.wrong.append(f"a run crashed:\n{traceback.format_exc()}")
            code, message = CRASH, "crashed"
        if code == ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        self._ended(command, code, message, began)
        return code

    def _run_in_child(self, doom: Doom) -> int | None:
        self.figures.runs += 1
        began = time.monotonic()
        ended = run_in_child(self.world.environ, self.world.folder, doom)
        self.figures.commits_failed += ended.commits_failed
        code = ended.exit_code
        self.figures.kills += code == 137
        self.figures.terms += code == 143
        self._ended(f"sync ({doom})", code, ended.story.strip(), began)
        if code is None:
            self.wrong.append(f"a run hung: {doom}")
        elif code == CRASH:
            self.wrong.append(f"a run crashed:\n{ended.story}")
        return code

    def _ended(self, what: str, code: int | None, message: str, began: float) -> None:
        self.figures.exit_codes[str(code)] += 1
        seconds = time.monotonic() - began
        self.diary.append(f"{what} -> {code} after {seconds:.1f} s {message}".strip())

    # The end

    def end(self) -> None:
        """Peace: the source is put right, and runs go on until nothing is left to do."""
        self.diary.append("-- the end")
        self.source.calm_down()
        self.source.touch(self.people.gone, self.people.gone_sizes)
        self.people.move_back()
        self._publish()
        for _ in range(LAST_RUNS):
            code = self._run()
            self.people.move_back()
            errors = self._errors()
            self.people.decide(errors)
            if code == ExitCode.DONE or (code == ExitCode.ROWS_LEFT and self._explained(errors)):
                break
            if code == ExitCode.ROWS_LEFT:
                self._run("retry")
        else:
            self.wrong.append(f"{LAST_RUNS} runs without faults did not come to an end")
        self.check()

    def _errors(self) -> list[tuple[str, str]]:
        return self.world.query(
            "SELECT order_key, error_type FROM ERR_MON_CustMasterSchedule WHERE resolved_date"
            " IS NULL UNION SELECT order_key, error_type FROM ERR_MON_CustMasterSchedule_Subitems"
            " WHERE resolved_date IS NULL ORDER BY 1, 2"
        )

    def _explained(self, errors: list[tuple[str, str]]) -> bool:
        return {code for _, code in errors} <= set(self.source.bad.values())

    def check(self) -> None:
        """Everything that has to be true at the end, and that a further run writes nothing."""
        self.wrong += Ending(self.world, self.source, self.people, self.policy).violations()
        before = self.world.mutations()
        self._run()
        if self.world.mutations() != before:
            self.wrong.append(f"a further run sent {self.world.mutations() - before} mutation(s)")

    def count(self) -> None:
        figures = self.figures
        figures.episodes = 1
        figures.creates = created(self.world, self.groups_before)
        figures.creates -= any(g.title == ASIDE for g in self.world.sandbox.groups(
            self.world.board.id, with_gone=True))  # fmt: skip
        figures.duplicates = len(duplicates(self.world))
        figures.losses = len(losses(self.world, self.source.good()))
        figures.violations = len(self.wrong)
        if self.wrong:
            for pair in doubles(self.world)[:3]:
                for one in pair:
                    self.diary += story_of(self.world, one.id)
        figures.acts, figures.decisions = self.people.acts, self.people.decisions


def play(seed: int, number: int, terms: Terms) -> Result:
    """The episode `number` of the campaign `seed`."""
    quiet()
    chance = Random(f"{seed}/{number}")
    began, clock = time.monotonic(), time.time() - time.monotonic()
    policy = chance.choice(POLICIES)
    with new_world(chance, policy, beyond=terms.beyond) as world:
        episode = Episode(world, chance, terms, policy)
        try:
            episode.live()
        except Exception:
            episode.wrong.append(f"the campaign itself failed:\n{traceback.format_exc()}")
        episode.count()
        slowest_s = slowest_execution_s(world)
    jump_s = abs(time.time() - time.monotonic() - clock)
    episode.diary.append(f"slowest execution {slowest_s:.2f} s, the clock jumped {jump_s:.2f} s")
    seconds = time.monotonic() - began
    void = jump_s > CLOCK_MAY_JUMP_S or slowest_s > SLOWEST_EXECUTION_S
    return Result(number, episode.figures, seconds, episode.wrong, episode.diary, void)
