"""The command in a process of its own, from a server of processes that has loaded it already.

Starting Python and loading everything costs ten times what most commands do. A process made here
has its own environment, folder, streams and signals, and can be killed like any other.
"""

from __future__ import annotations

import os
import pkgutil
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import TextIO

from bench.forked import fork_server, nothing_of_the_main_program


class Command:
    """A started `order-sync`."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        context = _fork_server()
        self._out, out_end = context.Pipe(duplex=False)
        self._err, err_end = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_run,
            args=(out_end, err_end, list(arguments), str(folder), dict(environment)),
            name=f"order-sync {' '.join(arguments)}",
        )
        with nothing_of_the_main_program(), out_end, err_end:
            self._process.start()

    @property
    def returncode(self) -> int | None:
        """As `subprocess` tells it: minus the number of the signal that ended it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        assert self._process.pid is not None
        if self.poll() is None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """As the machine would: no farewell, nothing is written any more."""
        self.send_signal(signal.SIGKILL)
        self._process.join()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """All it printed; a command that has not ended in time is killed, and an error."""
        with ThreadPoolExecutor(2) as readers:
            texts = [readers.submit(_read, end) for end in (self._out, self._err)]
            self._process.join(timeout)
            late = self.poll() is None
            self.kill()
            out, err = (text.result() for text in texts)
        if late:
            raise TimeoutError(f"not ended after {timeout} s\n{out}\n{err}")
        return out, err

    def close(self) -> None:
        self.kill()
        self._process.close()
        self._out.close()
        self._err.close()


def _read(end: Connection) -> str:
    with open(os.dup(end.fileno()), encoding="utf-8") as stream:  # noqa: PTH123 - no path
        return stream.read()


@cache
def _fork_server() -> ForkServerContext:
    import order_sync

    unwanted = ("order_sync.sandbox", "order_sync.dashboard", "order_sync.db.migrations")
    found = pkgutil.walk_packages(order_sync.__path__, "order_sync.", onerror=lambda _: None)
    names = [one.name for one in found if not one.name.startswith(unwanted)]
    return fork_server([*names, "psycopg", "rich.table", "rich.progress"])


def _run(
    out: Connection, err: Connection, arguments: list[str], folder: str,
    environment: dict[str, str],
) -> None:  # fmt: skip
    """In the new process: become the command, as a shell would have started it."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.stdout, sys.stderr = _stream(1, out), _stream(2, err)
    sys.argv = ["order-sync", *arguments]
    from order_sync.cli import main

    main()


def _stream(number: int, end: Connection) -> TextIO:
    os.dup2(end.fileno(), number)
    end.close()
    return open(number, "w", encoding="utf-8", closefd=False)
