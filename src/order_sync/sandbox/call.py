"""One document being executed: what resolvers may ask for, and what happens between fields."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from order_sync.sandbox.boards import Account, Item
from order_sync.sandbox.clock import Clock
from order_sync.sandbox.faults import Fault
from order_sync.sandbox.imports.jobs import ImportJobs
from order_sync.sandbox.imports.links import SignedLinks
from order_sync.sandbox.limits import Kind, Limits
from order_sync.sandbox.options import SandboxOptions
from order_sync.sandbox.search import Cursors


@dataclass(frozen=True)
class Service:
    """The parts every call shares."""

    options: SandboxOptions
    clock: Clock
    account: Account
    cursors: Cursors
    limits: Limits
    imports: ImportJobs
    links: SignedLinks


@dataclass(slots=True)
class Call:
    service: Service
    kind: Kind
    writes: int  # root fields of a mutation that change something
    base_url: str
    version: str
    fault: Fault | None
    points_before: int  # complexity left when the document arrived
    points: int  # its estimated complexity
    position: int = 0  # how many of them have begun
    formula_columns: set[str] = field(default_factory=set)  # those it has read so far

    def step(self, resolve: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """Run one root field of a mutation, or let the fault of this request spoil it."""
        position = self.position
        self.position += 1
        if self.fault is None:
            return resolve(self, **arguments)
        refused = self.fault.refuse_alias(position, self.writes, arguments)
        if refused is not None:
            raise refused
        self.fault.before_field(position, self.service.account, arguments)
        with self.service.account.keeping(self.fault.keeps_cell):
            outcome = resolve(self, **arguments)
        lost = self.fault.lose_alias(position)
        if lost is not None:
            raise lost
        return outcome

    def has_settled(self, item: Item) -> bool:
        """Whether searches and pages know of this item yet."""
        lag = self.service.options.read_lag_s
        return not lag or self.service.clock.now() - item.created_at >= lag
