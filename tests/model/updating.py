"""The model of one known order's updates: its value changes in the source, and may flip back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from order_sync.rules.states import Event, RowState

from .protocol import SERVER, At, Faults, Nets, Step, Steps, Table

DUE = SERVER + 1  # ticks after which no copy of an update can arrive any more


@dataclass(frozen=True)
class Ghost:
    """A process that lost its lock alive, and the value it would write."""

    at: At
    value: str
    since: int


@dataclass(frozen=True)
class Copy:
    """A request on its way, or being executed."""

    value: str
    age: int = 0
    waited_for: bool = True  # the process that sent it still listens


@dataclass(frozen=True)
class Updating:
    """All there is to know of one order that the board holds."""

    source: str  # its value now, then those it will have
    board: str
    known: str | None  # acknowledged: what its hash in the production table stands for
    row: RowState | None = None  # None: not staged
    value: str = ""  # what the staged row carries
    at: At = At.IDLE
    since: int = DUE  # ticks since the last intent
    answered: bool = False  # the answer is there, not yet recorded
    copies: tuple[Copy, ...] = ()
    ghost: Ghost | None = None
    faults: Faults = field(default_factory=Faults)

    @classmethod
    def of(cls, source: str, faults: Faults) -> Updating:
        """The board shows the first of these values."""
        return cls(source, board=source[0], known=source[0], faults=faults)

    @property
    def is_settled(self) -> bool:
        busy = self.row is not None or self.at is not At.IDLE or self.copies or self.ghost
        return not busy and self.known == self.source[0]

    def wrong(self) -> str:
        content = self.row is None and self.at in (At.IDLE, At.DEAD)
        if not content or self.known != self.source[0]:
            return ""
        shown = {self.board, *(copy.value for copy in self.copies)}
        return "" if shown == {self.known} else "the last value does not win"


class Update:
    """What can happen to `Updating`, with these nets."""

    def __init__(self, nets: Nets, table: Table) -> None:
        self.nets = nets
        self.table = table

    def steps(self, s: Updating) -> Steps[Updating]:
        if s.at is At.DEAD:
            yield Step("a new run starts and recovers", self._recovered(s))
        else:
            yield from self._client(s)
            yield from self._attacked(s)
        yield from self._ghost(s)
        yield from self._server(s)
        if all(copy.age < SERVER for copy in s.copies):
            yield Step("time passes", self._later(s))
        if len(s.source) > 1:
            to = replace(s, source=s.source[1:])
            yield Step(f"the source wants {s.source[1]}", to, is_fault=True)

    # The client

    def _recovered(self, s: Updating) -> Updating:
        s = replace(s, at=At.IDLE)
        if s.row is RowState.SENDING and self.nets.recovery:
            return self._moved(s, Event.RUN_DIED)
        return replace(s, row=None) if s.row is RowState.PENDING else s  # to be staged anew

    def _moved(self, s: Updating, *events: Event, **changes: object) -> Updating:
        row = s.row
        assert row is not None
        for event in events:
            row = self.table.after(row, event)
        return replace(s, row=row, **changes)

    def _client(self, s: Updating) -> Steps[Updating]:
        wanted = s.source[0]
        if s.at is At.NEW:
            yield Step(f"stages {s.value}", replace(s, row=RowState.PENDING, at=At.IDLE))
        elif s.at is At.UNSENT:
            yield from self._puts_on_the_wire(s)
        elif s.at is At.WAITING:
            yield from self._hears(s)
        elif s.row is None and s.known != wanted:
            yield Step(f"compares: {wanted} is wanted", replace(s, at=At.NEW, value=wanted))
        elif s.row is RowState.PENDING:
            yield self._claims(s)
            if s.value != wanted:
                yield Step("drops what is not wanted any more", replace(s, row=None))
        elif s.row is RowState.UNCONFIRMED and (s.since >= DUE or not self.nets.update_wait):
            yield Step("takes it up again", self._moved(s, Event.SAFE_TO_REPEAT))
        elif s.row is RowState.API_SUCCESS:
            self.table.after(s.row, Event.RECORDED)
            yield Step(f"promotes {s.value}", replace(s, row=None, known=s.value))

    def _claims(self, s: Updating) -> Step[Updating]:
        s = replace(s, since=0)
        if not self.nets.intent:
            return Step(f"sends {s.value} without an intent", _sent(s))
        known = None if self.nets.withdraw else s.known
        to = self._moved(s, Event.CLAIMED, at=At.UNSENT, known=known)
        return Step(f"stores its intent to write {s.value}", to)

    def _puts_on_the_wire(self, s: Updating) -> Steps[Updating]:
        if s.since == 0 or not self.nets.send_window:
            yield Step(f"sends {s.value}", _sent(s))
        else:
            yield Step("holds it back", self._moved(s, Event.NOT_EXECUTED, at=At.IDLE))

    def _hears(self, s: Updating) -> Steps[Updating]:
        said = () if self.nets.intent else (Event.CLAIMED,)
        if s.answered:
            events = (*said, Event.ACCEPTED)
            yield Step("records success", self._moved(s, *events, at=At.IDLE, answered=False))
        elif s.faults.refusals:
            to = replace(
                s, at=At.IDLE, faults=replace(s.faults, refusals=s.faults.refusals - 1),
                copies=tuple(copy for copy in s.copies if not copy.waited_for),
            )  # fmt: skip
            events = (*said, Event.NOT_EXECUTED)
            yield Step("meets a limit", self._moved(to, *events), is_fault=True)
        if s.faults.losses:
            faults = replace(s.faults, losses=s.faults.losses - 1)
            to = _deaf(replace(s, at=At.IDLE, faults=faults))
            to = self._moved(to, *said, Event.ANSWER_LOST)
            yield Step("gets no answer", to, is_fault=True)

    # What goes wrong with it

    def _attacked(self, s: Updating) -> Steps[Updating]:
        dead = _deaf(replace(s, at=At.DEAD))
        if s.faults.crashes:
            to = replace(dead, faults=replace(s.faults, crashes=s.faults.crashes - 1))
            yield Step("is killed", to, is_fault=True)
        if s.faults.locks:
            ghost = Ghost(s.at, s.value, s.since) if s.at in (At.NEW, At.UNSENT) else None
            faults = replace(s.faults, locks=s.faults.locks - 1)
            yield Step("loses its lock", replace(dead, ghost=ghost, faults=faults), is_fault=True)

    def _ghost(self, s: Updating) -> Steps[Updating]:
        if s.ghost is None:
            return
        gone = replace(s, ghost=None)
        yield Step("the other run stops", gone)
        fenced = s.ghost.at is At.NEW and self.nets.fence
        late = s.ghost.at is At.UNSENT and s.ghost.since > 0 and self.nets.send_window
        if not fenced and not late:
            copy = Copy(s.ghost.value, waited_for=False)
            to = replace(gone, copies=(*s.copies, copy))
            yield Step(f"the other run sends {s.ghost.value}", to)

    # Server, network and time

    def _server(self, s: Updating) -> Steps[Updating]:
        for copy in dict.fromkeys(s.copies):
            copies = list(s.copies)
            copies.remove(copy)
            to = replace(s, copies=tuple(copies))
            if not copy.waited_for:
                yield Step("a copy never arrives", to, is_fault=True)
            to = replace(to, board=copy.value, answered=s.answered or copy.waited_for)
            yield Step(f"the server writes {copy.value}", to)

    def _later(self, s: Updating) -> Updating:
        ghost = s.ghost and replace(s.ghost, since=min(s.ghost.since + 1, DUE))
        copies = tuple(replace(copy, age=copy.age + 1) for copy in s.copies)
        return replace(s, since=min(s.since + 1, DUE), ghost=ghost, copies=copies)


def _sent(s: Updating) -> Updating:
    return replace(s, at=At.WAITING, copies=(*s.copies, Copy(s.value)))


def _deaf(s: Updating) -> Updating:
    """Nobody listens for an answer any more."""
    copies = tuple(replace(copy, waited_for=False) for copy in s.copies)
    return replace(s, answered=False, copies=copies)
