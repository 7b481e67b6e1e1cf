"""Many episodes on several processes."""

from __future__ import annotations

import queue
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from typing import Any

from .child import fork_server
from .episode import Terms, play
from .figures import Figures, Result

# An episode mostly waits, for doubts to be due and for limits to pass.
AT_ONCE = 3  # episodes at once for each worker
TELL_S = 5.0


@dataclass
class Campaign:
    """creates: episodes are begun until so many rows were made."""

    seed: int
    creates: int
    workers: int
    terms: Terms = field(default_factory=Terms)
    tell: Callable[[str], None] = print
    figures: Figures = field(default_factory=Figures)
    bad: list[Result] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _handed: int = 0  # episodes that were begun
    _open: int = 0  # of them under way

    def run(self) -> None:
        """Play until enough was created; violations do not stop it."""
        context = fork_server()
        tasks, results = context.Queue(), context.Queue()
        lanes = [
            context.Process(target=_lane, args=(self.seed, self.terms, tasks, results))
            for _ in range(self.workers * AT_ONCE)
        ]
        for lane in lanes:
            lane.start()
        try:
            self._hand_out(tasks, results, lanes)
        except KeyboardInterrupt:
            self.tell("interrupted: only what had ended is counted")
        finally:
            for lane in lanes:
                lane.kill()
                lane.join()

    def _hand_out(self, tasks: Any, results: Any, lanes: list[ForkServerProcess]) -> None:
        told = time.monotonic()
        while self._open or self.figures.creates < self.creates:
            while self._open < len(lanes) and self._wants_more():
                tasks.put(self._handed)
                self._handed += 1
                self._open += 1
            with suppress(queue.Empty):
                self._take(results.get(timeout=1.0))
            if not all(lane.is_alive() for lane in lanes):
                raise RuntimeError("a process of the campaign has died")
            if time.monotonic() - told > TELL_S:
                told = time.monotonic()
                self.tell(self._progress())

    def _wants_more(self) -> bool:
        """Whether those that are under way will not be enough."""
        done = self.figures.episodes
        each = self.figures.creates / done if done else 500
        return self.figures.creates + self._open * each < self.creates

    def _take(self, result: Result) -> None:
        self._open -= 1
        if result.void and not self.terms.beyond:
            self.figures.voids += 1
            wrong = len(result.wrong)
            self.tell(f"episode {result.number} is void ({wrong} violations): {result.diary[-1]}")
            return
        self.figures.add(result.figures)
        if result.wrong:
            self.bad.append(result)
            self.tell(f"episode {result.number}: {len(result.wrong)} violation(s)")

    def _progress(self) -> str:
        seconds = time.monotonic() - self.began
        figures = self.figures
        return (
            f"{seconds:6.0f} s  {figures.creates:>7,} creates ({figures.creates / seconds:4.0f}/s)"
            f"  {figures.episodes} of {self._handed} episodes  {figures.faults.total()} faults"
            f"  {figures.kills} kills  {len(self.bad)} bad"
        )


def _lane(seed: int, terms: Terms, tasks: Any, results: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        results.put(play(seed, tasks.get(), terms))
