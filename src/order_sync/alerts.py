"""What there is to tell of a board, judged from how a run ended and what the database holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from order_sync.config import Settings
from order_sync.db.figures import Figures
from order_sync.errors import ExitCode
from order_sync.rules.alerts import Alert, Observed, Threshold, harmless

FAILURES = (ExitCode.UNEXPECTED, ExitCode.CONFIG, ExitCode.UNREACHABLE, ExitCode.BOARD_DIFFERS)
_FINISHED = (ExitCode.DONE, ExitCode.ROWS_LEFT)
# Codes besides those with an alert of their own that show a run was able to work.
_WORKED = (*_FINISHED, ExitCode.PAUSED, ExitCode.GUARD)
# Where a person looks next.
_LOOK = {
    Alert.RUN_FAILED: "check",
    Alert.REFUSED_OVER: "errors list",
    Alert.PAUSED: "status",
    Alert.GUARD: "plan",
    Alert.STALE: "status",
    Alert.DOUBT: "status",
}


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    command: str
    exit_code: int
    message: str = ""  # why it stopped, if it did
    hint: str = ""


class Reporter:
    """Words for what is seen of one board."""

    def __init__(self, settings: Settings, figures: Figures | None) -> None:
        self._settings = settings
        self._figures = figures  # None: the database cannot be read

    def of_run(self, ended: Ended) -> Iterator[Observed]:
        """What the end of a run says; signals and a busy board say nothing."""
        code = ended.exit_code
        why = harmless(f"{ended.message}. {ended.hint}" if ended.hint else ended.message)
        if code in FAILURES:
            headline = f"{ended.command} failed with exit code {code}"
            yield self._trouble(Alert.RUN_FAILED, f"exit {code}", headline, why)
        elif code in _WORKED:
            yield self._well(Alert.RUN_FAILED, f"{ended.command} works again")
        if code == ExitCode.PAUSED:
            headline = f"{ended.command} paused: monday.com's calls are used up for now"
            yield self._trouble(Alert.PAUSED, "paused", headline, why)
        if code == ExitCode.GUARD:
            headline = f"a guard stopped {ended.command} before it wrote anything"
            yield self._trouble(Alert.GUARD, "guard", headline, why)
        if code in _FINISHED:
            yield self._well(Alert.PAUSED, f"{ended.command} came to its end after a pause")
            yield self._well(Alert.GUARD, f"{ended.command} was not stopped by a guard any more")

    def of_state(self) -> Iterator[Observed]:
        """What the tables say, whoever looks."""
        if self._figures is None:
            return
        yield self._refused(self._figures)
        yield from self._stale(self._figures)
        yield self._doubt(self._figures)

    def _refused(self, f: Figures) -> Observed:
        allowed = self._settings.notify.refused_over
        if Threshold.parse(allowed).is_exceeded(f.open_refusals, f.orders + f.open_refusals):
            headline = f"{f.open_refusals:,} refused rows are open, more than {allowed}"
            codes = ", ".join(f"{e.code} {e.rows:,}" for e in f.errors[:5])
            return self._trouble(Alert.REFUSED_OVER, "over", headline, codes)
        headline = f"refused rows are back within the limit: {f.open_refusals:,} are open"
        return self._well(Alert.REFUSED_OVER, headline)

    def _stale(self, f: Figures) -> Iterator[Observed]:
        """A board no sync ever ran for cannot be late."""
        began = f.last_good_at or f.first_run_at
        if began is None:
            return
        hours = _seconds(began, f.at) / 3600
        if hours > self._settings.notify.stale_hours:
            headline = f"no sync came to its end for {hours:,.1f} hours"
            yield self._trouble(Alert.STALE, "stale", headline, "")
        elif f.last_good_at is not None:
            yield self._well(Alert.STALE, "sync came to its end again")

    def _doubt(self, f: Figures) -> Observed:
        minutes = 0.0 if f.oldest_doubt_at is None else _seconds(f.oldest_doubt_at, f.at) / 60
        if minutes > self._settings.notify.doubt_minutes:
            headline = f"{f.in_doubt:,} rows in doubt, the oldest for {minutes:,.0f} minutes"
            why = "The next sync looks them up on the board."
            return self._trouble(Alert.DOUBT, "doubt", headline, why)
        return self._well(Alert.DOUBT, "no row has been in doubt for long any more")

    def _trouble(self, alert: Alert, cause: str, headline: str, why: str) -> Observed:
        env = self._settings.environment
        option = "" if env == "dev" else f" --env {env}"
        look = f"look at it: order-sync {_LOOK[alert]}{option}"
        return self._news(alert, cause, headline, why, look)

    def _well(self, alert: Alert, headline: str) -> Observed:
        return self._news(alert, "", headline, "", "")

    def _news(self, alert: Alert, cause: str, headline: str, *parts: str) -> Observed:
        settings = self._settings
        place = f"board {settings.monday.board_id or 'not set'}, {settings.environment}"
        state = "" if cause else "over: "
        lines = (f"{state}{headline}", *parts, self._counts())
        message = "\n".join(line for line in lines if line)
        return Observed(alert, cause, f"order-sync ({place}): {state}{alert}", message)

    def _counts(self) -> str:
        f = self._figures
        if f is None:
            return ""
        return (
            f"on the board: {f.orders:,} order lines, {f.size_lines:,} size lines; "
            f"refused: {f.open_refusals:,}; in doubt: {f.in_doubt:,}"
        )


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()
