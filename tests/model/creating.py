"""The model of one order's creation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from order_sync.rules.states import Event, RowState

from .protocol import LAG, SERVER, At, Faults, Nets, Step, Steps, Table

VISIBLE = -1
DUE = SERVER + LAG + 1  # ticks after which whatever was sent is visible, or never will be
MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Ghost:
    """A process that lost its lock alive."""

    at: At
    key: int
    since: int


@dataclass(frozen=True)
class Copy:
    """A request on its way, or being executed."""

    key: int
    age: int = 0


@dataclass(frozen=True)
class Creating:
    """All there is to know of one order that the board does not hold at first."""

    row: RowState | None = None  # None: not staged
    known: bool = False  # the production table has it
    at: At = At.IDLE
    key: int = 0  # of the last request
    fresh: bool = True  # the next request takes a new key
    since: int = DUE  # ticks since the last intent
    replayed: bool = False
    attempts: int = 0
    answered: bool = False  # the answer is there, not yet recorded
    copies: tuple[Copy, ...] = ()
    items: tuple[int, ...] = ()  # ticks hidden, or VISIBLE
    remembered: frozenset[int] = frozenset()  # keys
    ghost: Ghost | None = None
    faults: Faults = field(default_factory=Faults)

    @property
    def is_settled(self) -> bool:
        ended = self.known or self.row is RowState.API_FAILED
        return ended and self.at is At.IDLE and not self.copies and self.ghost is None

    def wrong(self) -> str:
        if len(self.items) > 1:
            return "two items for one order"
        if not self.items and (self.known or self.row is RowState.API_SUCCESS):
            return "known without an item"
        if self.items and self.row is RowState.API_FAILED:
            return "given up although the board has it"
        return ""


class Creation:
    """What can happen to `Creating`, with these nets."""

    def __init__(self, nets: Nets, table: Table) -> None:
        self.nets = nets
        self.table = table

    def steps(self, s: Creating) -> Steps[Creating]:
        if s.at is At.DEAD:
            yield Step("a new run starts and recovers", self._recovered(s))
        else:
            yield from self._client(s)
            yield from self._attacked(s)
        yield from self._ghost(s)
        yield from self._server(s)
        yield from self._tick(s)

    # The client

    def _recovered(self, s: Creating) -> Creating:
        s = replace(s, at=At.IDLE, fresh=True)
        if s.row is RowState.SENDING and self.nets.recovery:
            return self._moved(s, Event.RUN_DIED, attempts=s.attempts + 1)
        return replace(s, row=None) if s.row is RowState.PENDING else s  # to be staged anew

    def _moved(self, s: Creating, *events: Event, **changes: object) -> Creating:
        row = s.row
        assert row is not None
        for event in events:
            row = self.table.after(row, event)
        return replace(s, row=row, **changes)

    def _client(self, s: Creating) -> Steps[Creating]:
        if s.at is At.NEW:
            yield Step("stages it", replace(s, row=RowState.PENDING, at=At.IDLE))
        elif s.at is At.UNSENT:
            yield from self._puts_on_the_wire(s)
        elif s.at is At.WAITING:
            yield from self._hears(s)
        elif s.row is None and not s.known:
            found = self.nets.new_look_up and VISIBLE in s.items
            if found:
                yield Step("looks the new order up and takes it over", replace(s, known=True))
            else:
                yield Step("finds it new", replace(s, at=At.NEW))
        elif s.row is RowState.PENDING:
            yield self._claims(s)
        elif s.row is RowState.UNCONFIRMED and (s.since >= DUE or not self.nets.create_wait):
            yield self._settles(s)
        elif s.row is RowState.API_SUCCESS:
            yield Step("promotes it", self._moved(s, Event.RECORDED, known=True))

    def _claims(self, s: Creating) -> Step[Creating]:
        if s.fresh:
            s = replace(s, key=s.key + 1, fresh=False, replayed=False)
        s = replace(s, since=0)
        if self.nets.intent:
            return Step("stores its intent", self._moved(s, Event.CLAIMED, at=At.UNSENT))
        return Step("sends without an intent", _sent(s))

    def _puts_on_the_wire(self, s: Creating) -> Steps[Creating]:
        if s.since == 0 or not self.nets.send_window:
            yield Step("sends it", _sent(s))
        else:
            yield Step("holds it back", self._moved(s, Event.NOT_EXECUTED, at=At.IDLE))

    def _hears(self, s: Creating) -> Steps[Creating]:
        said = _unsaid(s)
        if s.answered:
            events = (*said, Event.ACCEPTED)
            yield Step("records success", self._moved(s, *events, at=At.IDLE, answered=False))
        elif s.faults.refusals:
            to = replace(
                s, at=At.IDLE, faults=replace(s.faults, refusals=s.faults.refusals - 1),
                copies=_without(s, s.key),
            )  # fmt: skip
            events = (*said, Event.NOT_EXECUTED)
            yield Step("meets a limit", self._moved(to, *events), is_fault=True)
            locked = self._moved(to, *events, fresh=True)
            yield Step("meets a lock, will send anew", locked, is_fault=True)
            if s.key not in s.remembered:
                events = (*said, Event.REFUSED)
                yield Step("is refused", self._moved(to, *events), is_fault=True)
        if s.faults.losses:
            to = replace(
                s, at=At.IDLE, faults=replace(s.faults, losses=s.faults.losses - 1),
                attempts=s.attempts + 1, answered=False,
            )  # fmt: skip
            to = self._moved(to, *said, Event.ANSWER_LOST)
            yield Step("gets no answer", to, is_fault=True)

    def _settles(self, s: Creating) -> Step[Creating]:
        seen = s.items.count(VISIBLE) if self.nets.look_up else 0
        if seen == 1:
            return Step("looks up and finds it", self._moved(s, Event.FOUND))
        if seen > 1:
            return Step("looks up and finds two", self._moved(s, Event.GIVEN_UP))
        if self.nets.same_key and not s.replayed:
            to = self._moved(s, Event.SENT_AGAIN, at=At.UNSENT, since=0, replayed=True)
            return Step("finds nothing, stores the same request again", to)
        if s.attempts >= MAX_ATTEMPTS:
            return Step("finds nothing, gives up", self._moved(s, Event.GIVEN_UP))
        return Step("finds nothing, will send anew", self._moved(s, Event.NOT_FOUND, fresh=True))

    # What goes wrong with it

    def _attacked(self, s: Creating) -> Steps[Creating]:
        dead = replace(s, at=At.DEAD, answered=False)
        if s.faults.crashes:
            to = replace(dead, faults=replace(s.faults, crashes=s.faults.crashes - 1))
            yield Step("is killed", to, is_fault=True)
        if s.faults.locks:
            ghost = Ghost(s.at, s.key, s.since) if s.at in (At.NEW, At.UNSENT) else None
            faults = replace(s.faults, locks=s.faults.locks - 1)
            yield Step("loses its lock", replace(dead, ghost=ghost, faults=faults), is_fault=True)
        quiet = not s.copies and s.ghost is None and all(hidden == VISIBLE for hidden in s.items)
        if s.faults.restores and quiet:
            faults = replace(s.faults, restores=s.faults.restores - 1)
            to = replace(dead, row=None, known=False, faults=faults)
            yield Step("has its database restored", to, is_fault=True)

    def _ghost(self, s: Creating) -> Steps[Creating]:
        if s.ghost is None:
            return
        gone = replace(s, ghost=None)
        yield Step("the other run stops", gone)
        if s.ghost.at is At.NEW and not self.nets.fence:
            to = replace(gone, key=s.key + 1, copies=(*s.copies, Copy(s.key + 1)))
            yield Step("the other run stages and sends it", to)
        if s.ghost.at is At.UNSENT and (s.ghost.since == 0 or not self.nets.send_window):
            to = replace(gone, copies=(*s.copies, Copy(s.ghost.key)))
            yield Step("the other run sends it", to)

    # Server, network and time

    def _server(self, s: Creating) -> Steps[Creating]:
        for copy in dict.fromkeys(s.copies):
            waited_for = s.at is At.WAITING and copy.key == s.key
            to = replace(s, copies=_without(s, copy.key, copy.age))
            if not waited_for:
                yield Step("a copy never arrives", to, is_fault=True)
            elif s.faults.losses:
                lost = replace(
                    to, at=At.IDLE, attempts=s.attempts + 1,
                    faults=replace(s.faults, losses=s.faults.losses - 1),
                )  # fmt: skip
                lost = self._moved(lost, *_unsaid(s), Event.ANSWER_LOST)
                yield Step("the request never arrives", lost, is_fault=True)
            to = replace(to, answered=s.answered or waited_for)
            if copy.key in s.remembered:
                yield Step("the server answers from its memory", to)
            else:
                to = replace(to, items=(*s.items, 0), remembered=s.remembered | {copy.key})
                yield Step("the server creates the item", to)
        if s.remembered and s.faults.keys_forgotten:
            to = replace(s, remembered=frozenset())
            yield Step("the server forgets its keys", to, is_fault=True)
        for place, hidden in enumerate(s.items):
            if hidden != VISIBLE:
                items = (*s.items[:place], VISIBLE, *s.items[place + 1 :])
                yield Step("the board shows the item", replace(s, items=items))

    def _tick(self, s: Creating) -> Steps[Creating]:
        overdue = any(copy.age >= SERVER for copy in s.copies)
        overdue |= s.faults.lag_bounded and any(hidden >= LAG for hidden in s.items)
        if overdue:
            return
        ghost = s.ghost and replace(s.ghost, since=min(s.ghost.since + 1, DUE))
        to = replace(
            s, since=min(s.since + 1, DUE), ghost=ghost,
            copies=tuple(replace(copy, age=copy.age + 1) for copy in s.copies),
            items=tuple(h if h == VISIBLE else min(h + 1, LAG) for h in s.items),
        )  # fmt: skip
        yield Step("time passes", to)


def _sent(s: Creating) -> Creating:
    return replace(s, at=At.WAITING, copies=(*s.copies, Copy(s.key)))


def _unsaid(s: Creating) -> tuple[Event, ...]:
    """What was not written down before the request went out."""
    return (Event.CLAIMED,) if s.row is RowState.PENDING else ()


def _without(s: Creating, key: int, age: int | None = None) -> tuple[Copy, ...]:
    """All copies but the first of this key (and age)."""
    left = list(s.copies)
    for copy in s.copies:
        if copy.key == key and age in (None, copy.age):
            left.remove(copy)
            break
    return tuple(left)
