"""A command in a process of its own that dies, as by kill -9, at a step and count of our choice.

Steps: `before-commit` and `after-write` count writing transactions of the state database,
`before-send` and `after-send` count requests to monday.com. A fork server has everything
imported, so that a process is there in some milliseconds.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

KILLED = 137
PATIENCE_S = 120


def run_and_die(
    environ: Mapping[str, str], folder: Path, step: str, number: int, arguments: Sequence[str]
) -> tuple[int, str]:
    """The exit code of `order-sync ARGUMENTS`, 137 when it died; and what it said on stderr."""
    said = folder / "stderr.txt"
    process = _fork_server().Process(
        target=_live, args=(dict(environ), folder, said, step, number, list(arguments))
    )
    with _nothing_of_the_main_program():
        process.start()
    process.join(PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"it hangs: {said.read_text()}")
    code = process.exitcode
    process.close()
    assert code is not None
    return code, said.read_text()


def _fork_server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    modules = ("cli.runs", "cli.adopt", "cli.show_runs", "cli.show_adopt", "sync", "adoption")
    context.set_forkserver_preload([__name__, *(f"order_sync.{name}" for name in modules)])
    return context


@contextmanager
def _nothing_of_the_main_program() -> Iterator[None]:
    """A new process would otherwise run pytest's main script once more."""
    main = vars(sys.modules["__main__"])
    hidden = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)


def _live(
    environ: dict[str, str], folder: Path, said: Path, step: str, number: int,
    arguments: list[str],
) -> None:  # fmt: skip
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    with said.open("wb") as err, Path(os.devnull).open("wb") as out:
        os.dup2(err.fileno(), 2)
        os.dup2(out.fileno(), 1)
    warnings.simplefilter("error")
    _die_at(step, number)
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
