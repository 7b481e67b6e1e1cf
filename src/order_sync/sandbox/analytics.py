"""The use of past days as `platform_api` shows it, which is later than what limits count."""

from order_sync.sandbox.clock import Clock

STEP_S = 60 * 60  # the figures are made anew this often
DAYS_KEPT = 30


class Analytics:
    """Calls by day, as they stood when the present hour began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_day: dict[str, float] = {}
        self._shown: dict[str, float] = {}
        self._updated = self._hour()

    def note(self, day: str, calls: float) -> None:
        """This is how many calls of the day are used by now."""
        self._renew()
        self._by_day[day] = calls

    def by_day(self) -> dict[str, int]:
        """Day -> whole calls, oldest first."""
        self._renew()
        return {day: round(calls) for day, calls in sorted(self._shown.items())[-DAYS_KEPT:]}

    @property
    def updated_at(self) -> float:
        """Sandbox seconds."""
        self._renew()
        return self._updated

    def _renew(self) -> None:
        hour = self._hour()
        if hour != self._updated:
            self._updated, self._shown = hour, dict(self._by_day)

    def _hour(self) -> float:
        return self._clock.now() // STEP_S * STEP_S
