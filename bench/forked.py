"""Processes made by a fork server, which has loaded the program already.

There is one such server in a process; who starts it first decides what it has loaded.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext


def fork_server(modules: Iterable[str]) -> ForkServerContext:
    """Where processes are made, with `modules` loaded in them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    return context


@contextmanager
def nothing_of_the_main_program() -> Iterator[None]:
    """Around the start of a process: it would run the main script once more, such as pytest's."""
    main = vars(sys.modules["__main__"])
    hidden = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)
