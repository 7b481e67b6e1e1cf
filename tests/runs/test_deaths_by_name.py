"""Every step at which a process can die has a name here, and the next run puts it right.

A process dies exactly there, as by kill -9, because the function that does the step is watched.
A step that writes and has no name fails the last test.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from order_sync.db.engine import Database, board_lock
from order_sync.delivery.context import Delivery
from order_sync.errors import ExitCode, GuardStopped, LockHeld
from order_sync.guards import Limits
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer

from .changes import CHANGES, full_order
from .dying import FENCED, INTENT, KILLED, SEND, Death, Dying, start, step_of
from .world import TOKEN, World

Row = dict[str, Any]

ANY = Limits(max_removals="100%")
SYNC_COMMAND = ("sync", "--max-removals", "100%")
AT_ONCE = 4  # processes that are on their way to death

pytestmark = pytest.mark.timeout(600)  # the first of these tests waits for all the runs

# Scenes: what a run meets that dies --------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """What the board shows already, what the source says now, and what is in the way.

    fault: its answer to the first request with `match` is lost, before or after it was executed.
    by_hand: GRE-7 stands on the board, made by a person.
    died: where an earlier run of the same source was killed.
    """

    before: tuple[Row, ...]
    rows: tuple[Row, ...]
    fault: str = ""
    match: str = ""
    by_hand: bool = False
    locked: bool = False
    died: Death | None = None
    command: tuple[str, ...] = SYNC_COMMAND


NEW = (full_order("GRE-1"), full_order("GRE-2", CUSTOMER_NAME="JOHNNIE O"))
KNOWN = tuple(full_order(f"GRE-{number}") for number in range(1, 6))
CHANGED = (
    CHANGES["label"](KNOWN[0]), CHANGES["moved and changed"](KNOWN[1]),
    CHANGES["size changed"](KNOWN[2]), CHANGES["size new"](KNOWN[3]),
    full_order("GRE-9", M=1, L=None),
)  # fmt: skip  # the fifth has vanished and is archived

FIRST = Scene((), NEW)
LATER = Scene(KNOWN, CHANGED)
AFTER_A_DEATH = Scene((), NEW, died=Death(SEND, "after", "create_items"))
BY_HAND = Scene(NEW, (*NEW, full_order("GRE-7")), by_hand=True)
TOO_MUCH = Scene(KNOWN, KNOWN[:1], command=("sync",))
LOCKED = Scene((), NEW, locked=True)


def lost(match: str, scene: Scene = FIRST, *, executed: bool = True) -> Scene:
    fault = "lose-answer-after-write" if executed else "lose-answer-before-write"
    return Scene(scene.before, scene.rows, fault, match)


# Names ------------------------------------------------------------------------------------------

RUN, STAGE = "order_sync.board_run", "order_sync.delivery.stage"
SYNC, DB = "order_sync.sync", "order_sync.db"
SETTLER = "order_sync.delivery.settling.Settler"
DELIVERER = "order_sync.delivery.deliver.Deliverer"
RECORD = "order_sync.delivery.sender.Sender._record"

Cases = dict[str, tuple[Scene, Death]]


def around(what: str, scene: Scene, target: str, on: str = "", *, moments: str) -> Cases:
    """Before a writing step, before its commit, and after it; `moments` are their initials."""
    chosen = {
        "b": ("before {}", Death(target, "before", on)),
        "c": ("before the commit of {}", Death(target, "before-commit", on)),
        "a": ("after {}", Death(target, "after", on)),
    }
    return {chosen[one][0].format(what): (scene, chosen[one][1]) for one in moments}


def delivery_of(what: str, on: str, scene: Scene) -> Cases:
    """The life of a document."""
    return {
        f"after the intent of {what}": (scene, Death(INTENT, "after", on)),
        f"after {what} was sent": (scene, Death(SEND, "after", on)),
        f"after the answer to {what} was recorded": (scene, Death(RECORD, "after", on)),
    }


def look_up_of(what: str, function: str, scene: Scene) -> Cases:
    death = Death(f"order_sync.delivery.settling:{function}", "before-call")
    return {f"before {what} in doubt is looked up": (scene, death)}


NAMES: Cases = {
    # The beginning
    **around("the tables", FIRST, f"{RUN}.ensure_tables", moments="c"),
    **around("the run is on record", FIRST, f"{RUN}.start_run", moments="ba"),
    **around("the record of a run that finds the board locked", LOCKED,
             f"{RUN}.record_stopped_run", moments="c"),
    "before the board is read": (FIRST, Death(f"{SYNC}:open_board", "before-call")),
    **around("recovery", AFTER_A_DEATH, f"{RUN}.recover", moments="ba"),
    **around("the board's groups are learned", LATER,
             "order_sync.delivery.groups.GroupBook.learn.<locals>.take_over", moments="a"),
    **around("the close of a run that a guard stops", TOO_MUCH, f"{SYNC}._close_run_in",
             moments="c"),
    **around("an order made by hand is taken over", BY_HAND,
             "order_sync.delivery.adopting._store", moments="a"),
    # Staging
    "after detection, nothing staged": (FIRST, Death(f"{STAGE}._store_refusals", "before")),
    **around("what waited is staged anew", AFTER_A_DEATH, f"{STAGE}._take_over", moments="a"),
    **around("staging", FIRST, f"{STAGE}._stage_batches", moments="bc"),
    "after staging": (LATER, Death(f"{DB}.groups.want_groups", "before")),
    **around("groups are wanted", FIRST, f"{DB}.groups.want_groups", moments="a"),
    # Sending
    **delivery_of("a label", "labels", FIRST),
    **delivery_of("a group", "create_groups", FIRST),
    **delivery_of("an order line's create", "create_items", FIRST),
    **delivery_of("a size line's create", "create_subitems", FIRST),
    **delivery_of("an order line's update", "update_items", LATER),
    **delivery_of("a size line's update", "update_subitems", LATER),
    **delivery_of("a move", "move_items", LATER),
    **delivery_of("an archive", "archive_items", LATER),
    **around("the answer to an order line's create", FIRST, RECORD, "create_items", moments="c"),
    # Doubts: the first word is that nobody heard the answer
    **look_up_of("an order line", "Settler._find_items", lost("create_item")),
    **around("the decision about an order line", lost("create_item"), f"{SETTLER}._decide",
             "create_items", moments="bca"),
    **look_up_of("a size line", "Settler._find_lines", lost("create_subitem")),
    **around("the decision about a size line", lost("create_subitem"), f"{SETTLER}._decide",
             "create_subitems", moments="a"),
    **look_up_of("a group", "read_board", lost("create_group")),
    **around("the decision about a group", lost("create_group"), f"{SETTLER}._decide_groups",
             moments="a"),
    **look_up_of("an archive", "read_items", lost("archive_item", LATER)),
    **around("the decision about an archive", lost("archive_item", LATER),
             f"{SETTLER}._decide_archives", moments="a"),
    **around("an update in doubt is released", lost("change_multiple", LATER),
             f"{SETTLER}._release_updates", "update_items", moments="a"),
    **around("a move in doubt is released", lost("move_item", LATER),
             f"{SETTLER}._release_updates", "move_items", moments="a"),
    **delivery_of("the same key's order line", "create_items again",
                  lost("create_item", executed=False)),
    "after the same key's size line was sent": (
        lost("create_subitem", executed=False), Death(SEND, "after", "create_subitems again"),
    ),
    "after the same key's group was sent": (
        lost("create_group", executed=False), Death(SEND, "after", "create_groups again"),
    ),
    # The end
    **around("ids are handed down and order lines promoted", FIRST, f"{DELIVERER}._after_items",
             moments="ca"),
    **around("size lines are promoted", FIRST, f"{DELIVERER}._after_lines", moments="a"),
    **around("the last promotion", FIRST, f"{DELIVERER}._promote", moments="ba"),
    **around("reading calls are on record", FIRST, f"{DB}.runs.record_reads", moments="a"),
    **around("hashes advance", LATER, f"{SYNC}._Run._close_round", moments="ba"),
    **around("the report", FIRST, f"{SYNC}._Run._report", moments="ca"),
}  # fmt: skip

# After these the source goes back to what it said before the run that died.
FLIPPED = (
    "after staging",
    "after an order line's update was sent",
    "after a move was sent",
    "after the answer to an archive was recorded",
    "before hashes advance",
)

# Lives ------------------------------------------------------------------------------------------

End = tuple[int, str]  # exit code, and what was said on stderr


@dataclass
class Life:
    """A world, and what became of the runs in it."""

    world: World
    scene: Scene
    death: Death
    goes_back: bool  # the source, to what it said before the run that died
    lock: ExitStack = field(default_factory=ExitStack)  # somebody else's, of the board
    requests: int = 0  # until the board was put right
    died: End = (0, "")
    finished: End = (0, "")
    again: End = (0, "")

    @property
    def rows(self) -> tuple[Row, ...]:
        """What the source says in the end."""
        return self.scene.before if self.goes_back else self.scene.rows

    def runs(self, command: Sequence[str] = SYNC_COMMAND, death: Death | None = None) -> Dying:
        return start(self.world.environ, self.world.folder, command, death)

    # The runs, each in a process of its own

    def runs_before(self) -> Dying | None:
        if not self.scene.before:
            return None
        self.world.treats_vanished_orders("archive")
        self.world.has_orders(*self.scene.before)
        return self.runs()

    def runs_and_dies(self) -> Dying:
        world, scene = self.world, self.scene
        if scene.by_hand:
            make_by_hand(world)
        world.has_orders(*scene.rows)
        if scene.died is not None:
            self.runs(death=scene.died).ended()
        if scene.fault:
            world.sandbox.add_fault(scene.fault, match=scene.match)
        if scene.locked:
            held = self.lock.enter_context(closing(Database(world.settings.database.url)))
            self.lock.enter_context(board_lock(held, world.board.id))
        return self.runs(scene.command, self.death)

    def runs_to_the_end(self) -> Dying:
        self.lock.close()
        self.world.has_orders(*self.rows)
        return self.runs()

    def runs_again(self) -> Dying:
        self.requests = len(self.world.sandbox.request_log)
        return self.runs()


def make_by_hand(world: World) -> None:
    values = {"AAG ORDER NUMBER": "GRE-7", "STYLE": "M01Y09", "COLOR": "DEAN BLUE"}
    world.sandbox.person_creates(world.board.id, "By hand", "typed by a planner", values)


def ends(starts: Iterable[Callable[[], Dying | None]]) -> Iterator[End]:
    """Start them in turn, some at once; how each ended, in this order."""
    running: deque[Dying | None] = deque()
    for one in starts:
        running.append(one())
        if len(running) == AT_ONCE:
            yield _end(running.popleft())
    yield from map(_end, running)


def _end(process: Dying | None) -> End:
    return (0, "") if process is None else process.ended()


@pytest.fixture(scope="module")
def lives(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Life]]:
    """Node id -> life, for the chosen tests.

    All runs die before the first is put right: so their doubts are old enough to be settled.
    """
    found: dict[str, Life] = {}
    with ExitStack() as stack:
        stop = stack.enter_context(ThreadPoolExecutor(16))
        for item in request.session.items:
            if item.path == request.path and "life" in item.fixturenames:
                sandbox = Sandbox(SandboxOptions(token=TOKEN))
                board = sandbox.add_board("customer-master-schedule", name="Board")
                server = SandboxServer(sandbox)
                server.start()
                stack.callback(stop.submit, server.stop)
                world = World(tmp_path_factory.mktemp("world"), sandbox, server, board)
                found[item.nodeid] = Life(
                    world, *NAMES[item.callspec.params["name"]], "goes_back" in item.fixturenames
                )
        every = list(found.values())
        assert {code for code, _ in ends(life.runs_before for life in every)} == {0}
        for life, end in zip(every, ends(one.runs_and_dies for one in every), strict=True):
            life.died = end
        for life, end in zip(every, ends(one.runs_to_the_end for one in every), strict=True):
            life.finished = end
        for life, end in zip(every, ends(one.runs_again for one in every), strict=True):
            life.again = end
        yield found


@pytest.fixture
def life(request: pytest.FixtureRequest, lives: dict[str, Life]) -> Life:
    return lives[request.node.nodeid]


@pytest.fixture
def goes_back() -> None:
    """After the death the source says again what it said before."""


def assert_one_run_finished(life: Life) -> None:
    code, said = life.died
    assert code == KILLED, f"it did not die there, but ended with {code}\n{said}"
    code, said = life.finished
    assert code == ExitCode.DONE, said
    code, said = life.again
    assert code == ExitCode.DONE, said
    life.world.assert_board_shows(life.rows)
    assert life.world.writes(life.requests) == []
    assert len(life.world.sandbox.request_log) - life.requests <= 3


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_died_is_finished_by_the_next(life, name):
    assert_one_run_finished(life)


@pytest.mark.parametrize("name", FLIPPED)
@pytest.mark.usefixtures("goes_back")
def test_a_source_that_went_back_after_the_death_is_what_the_board_shows(life, name):
    assert_one_run_finished(life)


DOUBTS = (
    "create_group", "create_item", "create_subitem", "change_multiple", "move_item", "archive_item",
)  # fmt: skip


def test_every_step_that_writes_has_a_name(world, monkeypatch):
    """A new step is found here: name a death at it, which the next run has to survive."""
    seen: set[str] = set()
    run, write = Database.run, Delivery.write

    def seeing_run(self: Any, work: Any) -> Any:
        if (step := step_of(work)) != FENCED:
            seen.add(step)
        return run(self, work)

    async def seeing_write(self: Any, work: Any, *args: Any, **more: Any) -> Any:
        seen.add(step_of(work))
        return await write(self, work, *args, **more)

    monkeypatch.setattr(Database, "run", seeing_run)
    monkeypatch.setattr(Delivery, "write", seeing_write)

    # Everything at once: labels, groups, creates, updates, moves, an archive, each in doubt; an
    # order made by hand; a run that finds the board locked, and one that a guard stops.
    world.treats_vanished_orders("archive")
    world.has_orders(*KNOWN)
    world.sync()
    make_by_hand(world)
    world.has_orders(*CHANGED, full_order("GRE-7"))
    for match in DOUBTS:
        world.sandbox.add_fault("lose-answer-after-write", match=match)
    assert world.sync(limits=ANY).exit_code is ExitCode.DONE
    with (
        closing(Database(world.settings.database.url)) as held,
        board_lock(held, world.board.id),
        pytest.raises(LockHeld),
    ):
        world.sync()
    world.has_orders(CHANGED[0])
    with pytest.raises(GuardStopped):
        world.sync()

    named = {death.target for _, death in NAMES.values()}
    assert seen <= named, f"no death is named at {sorted(seen - named)}"
    assert named - seen == {one for one in named if one == SEND or ":" in one}
