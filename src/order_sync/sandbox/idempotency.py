"""The memory behind the `Idempotency-Key` header."""

from dataclasses import dataclass

from order_sync.sandbox.answers import Answer
from order_sync.sandbox.clock import Clock
from order_sync.sandbox.errors import key_conflict
from order_sync.sandbox.options import SandboxOptions

CONFLICT_RETRY_S = 1


@dataclass(frozen=True, slots=True)
class Remembered:
    """until: sandbox seconds."""

    answer: Answer
    until: float


class IdempotencyMemory:
    """First answer of every key, for a while, within a budget of bytes.

    Beyond the budget, and for answers that are too long, requests are executed but not
    remembered: a repeat then executes again.
    """

    def __init__(self, options: SandboxOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._running: set[str] = set()
        self._answers: dict[str, Remembered] = {}
        self._bytes = 0
        self.touched: set[str] = set()  # keys learned or forgotten, while a state file listens
        self.is_watched = False

    def begin(self, key: str) -> Answer | None:
        """The remembered answer, or None if the request is to be executed.

        Raises:
            RequestError: 409, the first request with this key is still running.
        """
        if key in self._running:
            raise key_conflict(self._clock.told_seconds(CONFLICT_RETRY_S))
        self._drop_expired()
        remembered = self._answers.get(key)
        if remembered is not None:
            return remembered.answer
        self._running.add(key)
        return None

    def learn(self, key: str, answer: Answer) -> None:
        """What every repeat gets, once the request with this key is over."""
        if not self._options.idempotency:
            return
        size = len(answer.body)
        fits = self._bytes + size <= self._options.idempotency_budget_bytes
        if size <= self._options.idempotency_reply_bytes and fits:
            until = self._clock.now() + self._options.idempotency_life_s
            self.restore(key, Remembered(answer, until))
            self._touch(key)

    def finish(self, key: str) -> None:
        """The request with this key is over, whether there was something to learn or not."""
        self._running.discard(key)

    def remembered(self, key: str) -> Remembered | None:
        return self._answers.get(key)

    def restore(self, key: str, remembered: Remembered) -> None:
        """Keys come in the order in which they expire."""
        self._answers[key] = remembered
        self._bytes += len(remembered.answer.body)

    def forget(self) -> None:
        for key in self._answers:
            self._touch(key)
        self._answers.clear()
        self._bytes = 0

    def _drop_expired(self) -> None:
        # Keys are kept in the order they came, and all live equally long.
        now = self._clock.now()
        while self._answers:
            key, oldest = next(iter(self._answers.items()))
            if oldest.until > now:
                return
            del self._answers[key]
            self._bytes -= len(oldest.answer.body)
            self._touch(key)

    def _touch(self, key: str) -> None:
        if self.is_watched:
            self.touched.add(key)
