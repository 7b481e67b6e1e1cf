"""A command in a process of its own that dies, as by kill -9, at a step and count of our choice.

Steps: `before-commit` and `after-write` count writing transactions of the state database,
`before-send` and `after-send` count requests to monday.com. A `Death` names its step instead of
counting. A fork server has everything imported, so that a process is there in some milliseconds.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from bench.forked import fork_server, nothing_of_the_main_program

KILLED = 137
SEND = "order_sync.monday.client.MondayClient.send"
FENCED = "order_sync.delivery.context.Delivery.write.<locals>.fenced"  # around another work
INTENT = "order_sync.delivery.sender.Sender._intend"
PATIENCE_S = 120
# By libraries, when they are first used.
IMPORTED_LATE = (
    "anyio._backends._asyncio", "httpcore2", "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.mssql",
)  # fmt: skip


@dataclass(frozen=True)
class Death:
    """Where a process dies, by the function that does the step.

    target: what a writing transaction does, as `step_of` names it, or `SEND`.
    when: `before` or `after` it; `before-commit`: a transaction's work is done and is lost;
    `before-call`: at the call of any other function, `package.module:Class.function`.
    on: only for this document, doubt or customer, see `subject_of`; "" is any.
    """

    target: str
    when: str
    on: str = ""


@dataclass(frozen=True)
class Dying:
    """A process that was started."""

    process: ForkServerProcess
    said: Path  # its stderr

    def ended(self) -> tuple[int, str]:
        """Wait for its exit code, and what it said on stderr."""
        self.process.join(PATIENCE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
            raise AssertionError(f"it hangs: {self.said.read_text()}")
        code = self.process.exitcode
        self.process.close()
        assert code is not None
        return code, self.said.read_text()


def run_and_die(
    environ: Mapping[str, str], folder: Path, step: str, number: int, arguments: Sequence[str]
) -> tuple[int, str]:
    """The exit code of `order-sync ARGUMENTS`, 137 when it died; and what it said on stderr."""
    return _start(environ, folder, arguments, partial(_die_at, step, number)).ended()


def start(
    environ: Mapping[str, str], folder: Path, arguments: Sequence[str], death: Death | None = None
) -> Dying:
    """Start `order-sync ARGUMENTS`; it dies the first time the death's step is reached."""
    doom = partial(_die_by_name, death) if death is not None else _live_on
    return _start(environ, folder, arguments, doom)


def _start(
    environ: Mapping[str, str], folder: Path, arguments: Sequence[str], doom: Callable[[], None]
) -> Dying:
    said = folder / "stderr.txt"
    process = _fork_server().Process(
        target=_live, args=(dict(environ), folder, said, doom, list(arguments))
    )
    with nothing_of_the_main_program():
        process.start()
    return Dying(process, said)


def _fork_server() -> ForkServerContext:
    modules = (
        "cli.runs", "cli.adopt", "cli.show_runs", "cli.show_adopt", "logs", "sync", "adoption",
    )  # fmt: skip
    return fork_server([__name__, *(f"order_sync.{name}" for name in modules), *IMPORTED_LATE])


def _live(
    environ: dict[str, str], folder: Path, said: Path, doom: Callable[[], None],
    arguments: list[str],
) -> None:  # fmt: skip
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    with said.open("wb") as err, Path(os.devnull).open("wb") as out:
        os.dup2(err.fileno(), 2)
        os.dup2(out.fileno(), 1)
    warnings.simplefilter("error")
    doom()
    from order_sync.cli import main

    sys.argv = ["order-sync", *arguments]
    main()


def _die_at(step: str, number: int) -> None:
    from order_sync.db.engine import Database
    from order_sync.monday.client import MondayClient

    run, send = Database.run, MondayClient.send
    counter = itertools.count(1)

    def die_if(reached: str) -> None:
        if reached == step and next(counter) == number:
            os._exit(KILLED)

    def dying_run(self: Any, work: Any) -> Any:
        def work_and_maybe_die(conn: Any) -> Any:
            result = work(conn)
            die_if("before-commit")
            return result

        result = run(self, work_and_maybe_die)
        die_if("after-write")
        return result

    async def dying_send(self: Any, *args: Any, **kwargs: Any) -> Any:
        die_if("before-send")
        answer = await send(self, *args, **kwargs)
        die_if("after-send")
        return answer

    Database.run, MondayClient.send = dying_run, dying_send


# By name ----------------------------------------------------------------------------------------


def step_of(work: Any) -> str:
    """The dotted path of a transaction's work; a lambda goes by the function it calls."""
    function = inspect.unwrap(work)
    name = function.__qualname__
    if name.endswith("<lambda>"):
        name = function.__code__.co_names[-1]
    return f"{function.__module__}.{name}"


def subject_of(args: Sequence[Any]) -> str:
    """What a step is about: the kind of a document or doubt, or a customer.

    The update of a size line is an `update_subitems`, any list of labels is `labels`, and a
    document that goes out under its first key once more ends in ` again`.
    """
    from order_sync.db.runs import Doubt
    from order_sync.db.staging import Unit
    from order_sync.rules.states import Event

    again = " again" if Event.SENT_AGAIN in args else ""
    for one in args:
        if hasattr(one, "document"):
            kind = str(one.document.kind)
            if kind.startswith("set_"):
                return "labels"
            if kind == "update_items" and one.unit is Unit.SUBITEM:
                return "update_subitems"
            return kind + again
        if isinstance(one, Doubt):
            return one.kind
    return next((one for one in args if type(one) is str), "")


def _live_on() -> None:
    """Nothing happens to this process."""


def _die_by_name(death: Death) -> None:
    """Watch every transaction and request; anything else is patched in its place."""
    from order_sync.db.engine import Database
    from order_sync.delivery.context import Delivery
    from order_sync.monday.client import MondayClient

    run, write, send = Database.run, Delivery.write, MondayClient.send
    committing: list[bool] = []  # in the one thread that writes: die when this is committed
    sent: dict[str, str] = {}  # idempotency key -> what it is about

    def die_if(target: str, when: str, subject: str) -> None:
        if (target, when) == (death.target, death.when) and death.on in ("", subject):
            os._exit(KILLED)

    def watched(work: Any, *args: Any) -> Any:
        step, subject = step_of(work), subject_of(args)

        def work_and_maybe_die(*arguments: Any, **more: Any) -> Any:
            result = work(*arguments, **more)
            if step == INTENT:
                sent[result.idempotency_key] = subject
            die_if(step, "before-commit", subject)
            if (step, "after") == (death.target, death.when) and death.on in ("", subject):
                committing.append(True)
            return result

        die_if(step, "before", subject)
        return work_and_maybe_die

    def dying_run(self: Any, work: Any) -> Any:
        result = run(self, work if step_of(work) == FENCED else watched(work))
        if committing:
            os._exit(KILLED)
        return result

    async def dying_write(self: Any, work: Any, *args: Any, **more: Any) -> Any:
        return await write(self, watched(work, *args), *args, **more)

    async def dying_send(self: Any, *args: Any, **more: Any) -> Any:
        subject = sent.get(more["idempotency_key"] or "", "read")
        die_if(SEND, "before", subject)
        answer = await send(self, *args, **more)
        die_if(SEND, "after", subject)
        return answer

    Database.run, Delivery.write, MondayClient.send = dying_run, dying_write, dying_send
    if death.when == "before-call":
        module, _, path = death.target.partition(":")
        *owners, name = path.split(".")
        owner = reduce(getattr, owners, importlib.import_module(module))
        setattr(owner, name, lambda *_args, **_more: os._exit(KILLED))
