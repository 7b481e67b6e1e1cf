"""How a run tells a person where it stands, without knowing how that is shown."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called by a run; every call is cheap and none may raise."""

    def step(self, text: str) -> None:
        """A new step began: reading the board, detecting, staging, sending, settling."""

    def total(self, rows: int) -> None:
        """So many rows (order lines and size lines) are to be sent in all."""

    def done(self, rows: int) -> None:
        """So many rows more have reached an outcome."""

    def waiting(self, reason: str, seconds: float) -> None:
        """The run waits for a limit or for the settling of unknown outcomes."""

    def in_doubt(self, requests: int, seconds: float) -> None:
        """So many requests have no certain answer; the first is looked up in `seconds`.

        Told while other rows are sent.
        """

    def leave(self) -> None:
        """The process ends at once: leave the terminal as it was."""


class Silent:
    """No one is watching."""

    def step(self, text: str) -> None:
        pass

    def total(self, rows: int) -> None:
        pass

    def done(self, rows: int) -> None:
        pass

    def waiting(self, reason: str, seconds: float) -> None:
        pass

    def in_doubt(self, requests: int, seconds: float) -> None:
        pass

    def leave(self) -> None:
        pass
