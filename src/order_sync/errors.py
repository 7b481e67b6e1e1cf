"""Every error of order-sync that ends a command, and what helps.

SyncError                     unexpected, exit 1
├── ConfigError               usage, settings, profile or source table: exit 2
├── PausedByBudget            monday.com's daily calls are used up: exit 4
├── Unreachable               database or monday.com cannot be reached, or refuses the token: exit 5
├── BoardMismatch             the board differs from the profile or the settings: exit 6
├── LockHeld                  another run works on this board: exit 7
├── GuardStopped              a guard protects the board from this run: exit 8
├── StaleFence                a newer run took the board over: stop writing, exit 7
├── Interrupted               a signal asked the run to stop: exit 130 or 143
└── InvalidTransition         a bug of ours: never retried, exit 1

What happens to a single order (a refused row, an unknown outcome) is not an exception: it is a
row in ERR_* or a state of a staged row.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the process tells its caller."""

    DONE = 0
    UNEXPECTED = 1
    CONFIG = 2
    ROWS_LEFT = 3  # finished, but some rows were refused or are in doubt
    PAUSED = 4  # the budget of the day is used up: run again later
    UNREACHABLE = 5
    BOARD_DIFFERS = 6
    LOCKED = 7
    GUARD = 8
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.UNEXPECTED: "unexpected error",
    ExitCode.CONFIG: "usage or configuration",
    ExitCode.ROWS_LEFT: "finished, some rows refused, in doubt or left",
    ExitCode.PAUSED: "paused by monday.com's budget: run again later",
    ExitCode.UNREACHABLE: "database or monday.com unreachable, or token refused",
    ExitCode.BOARD_DIFFERS: "the board differs from profile or settings",
    ExitCode.LOCKED: "another run works on this board",
    ExitCode.GUARD: "a guard stopped the run",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C, requests in flight recorded",
    ExitCode.TERMINATED: "stopped by SIGTERM, requests in flight recorded",
}


class SyncError(Exception):
    """One line that says what is wrong, and one that says what to do."""

    code: ClassVar[str] = "unexpected"  # stored, counted and documented: never renamed
    exit_code: ExitCode = ExitCode.UNEXPECTED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(SyncError):
    """Settings, profile, arguments or source table cannot be used; carries every mistake found."""

    code = "config"
    exit_code = ExitCode.CONFIG

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems  # one line each, with its place in the file


class PausedByBudget(SyncError):
    """The account may make no more calls for now; `retry_after_s` is the server's word, if any."""

    code = "paused_by_budget"
    exit_code = ExitCode.PAUSED

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class Unreachable(SyncError):
    """The database or monday.com does not answer, or the token is refused."""

    code = "unreachable"
    exit_code = ExitCode.UNREACHABLE


class BoardMismatch(SyncError):
    """The board is not the one the profile describes; `problems` names every difference."""

    code = "board_differs"
    exit_code = ExitCode.BOARD_DIFFERS

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class LockHeld(SyncError):
    """Another run holds the board's lock."""

    code = "locked"
    exit_code = ExitCode.LOCKED


class StaleFence(SyncError):
    """A newer run holds the board: whatever this one still wanted to write is void."""

    code = "stale_fence"
    exit_code = ExitCode.LOCKED


class GuardStopped(SyncError):
    """Going on could double or remove orders: a person decides."""

    code = "guard"
    exit_code = ExitCode.GUARD


class Interrupted(SyncError):
    """SIGINT or SIGTERM: requests in flight were recorded, nothing new was sent."""

    code = "interrupted"

    def __init__(self, signal_exit: ExitCode) -> None:
        super().__init__("stopped by a signal", hint="run again: it goes on where it stopped")
        self.exit_code = signal_exit


class InvalidTransition(SyncError):
    """An event that cannot happen to a row in this state: a bug of ours."""

    code = "invalid_transition"
