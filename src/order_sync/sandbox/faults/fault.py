"""What every fault has: when it strikes, and the moments at which it may interfere.

instead        before anything is executed: an answer to give without executing
before_field   while a mutation runs: what somebody else does before a root field is executed
refuse_alias   while a mutation runs: a root field that fails instead of being executed
lose_alias     a root field that was executed and is answered with an error
keeps_cell     a cell that stays as it was although its change is answered as done
afterwards     when the document was executed: the answer the caller really gets
"""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from order_sync.sandbox.answers import Answer
from order_sync.sandbox.boards import Account, Board
from order_sync.sandbox.errors import ApiError


@dataclass(kw_only=True)
class Fault:
    """When a fault strikes.

    times: how often in all, 0 means always; skip: how many matching requests pass first;
    match: only requests whose document contains this text, instead of all mutations;
    probability: of striking, drawn from `seed`.
    """

    name: ClassVar[str]
    says: ClassVar[str]

    times: int = 1
    skip: int = 0
    match: str | None = None
    probability: float = 1.0
    seed: int = 0
    seen: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)
    number: int = field(default=0, init=False)  # among the faults a sandbox was ever given

    def __post_init__(self) -> None:
        if self.probability > 1:
            raise ValueError(f"probability is from 0 to 1, not {self.probability}")
        self._random = random.Random(self.seed)  # noqa: S311 - chance, not secrecy

    def strikes(self, kind: str, document: str, variables: Mapping[str, Any]) -> bool:
        """Whether this request is hit; counts it if so."""
        if not self.concerns(kind, document, variables):
            return False
        if self.times and self.fired >= self.times:
            return False
        self.seen += 1
        if self.seen <= self.skip or self._random.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def concerns(self, kind: str, document: str, variables: Mapping[str, Any]) -> bool:  # noqa: ARG002
        return self.match in document if self.match else kind == "mutation"

    def instead(self) -> Answer | None:
        return None

    def executes_after_s(self) -> float | None:
        """Real seconds after which a document that was answered `instead` is executed after all."""
        return None

    def refuse_alias(
        self,
        position: int,  # noqa: ARG002
        total: int,  # noqa: ARG002
        arguments: Mapping[str, Any],  # noqa: ARG002
    ) -> ApiError | None:
        """An error in place of the root field at `position`, which is not executed."""
        return None

    def lose_alias(self, position: int) -> ApiError | None:  # noqa: ARG002
        """An error in place of the answer of a root field that was executed."""
        return None

    def before_field(self, position: int, account: Account, arguments: Mapping[str, Any]) -> None:
        """Do what somebody else does to the account meanwhile."""

    def keeps_cell(self, board: Board, column_id: str) -> bool:  # noqa: ARG002
        """Whether a change of this cell is answered as done without being made."""
        return False

    def refuse_subitems(self) -> ApiError | None:
        return None

    def refuse_cursor(self) -> ApiError | None:
        return None

    def afterwards(self, answer: Answer) -> Answer:
        return answer

    def keeps_key(self) -> bool:
        """Whether the `Idempotency-Key` of a request that was executed learns its true answer."""
        return True

    def described(self) -> dict[str, Any]:
        return {"name": self.name, "says": self.says, **asdict(self)}


@dataclass(kw_only=True)
class AfterWrite(Fault):
    """A fault that strikes when the document was executed.

    remembers: 1 if the `Idempotency-Key` learns the true answer, 0 if the server forgets it.
    """

    remembers: int = 1

    def keeps_key(self) -> bool:
        return bool(self.remembers)
