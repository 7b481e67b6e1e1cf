"""A run in a process of its own: it kills itself at a step, or its commits fail.

Preloaded by a fork server, so that a process is there in some milliseconds. Steps are counted as
in tests/runs/dying.py: `before-commit` and `after-write` at writing transactions of the state
database, `before-send` and `after-send` at requests to monday.com.
"""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from bench import forked
from order_sync.config import load_settings
from order_sync.db.engine import Database
from order_sync.errors import SyncError
from order_sync.guards import Limits
from order_sync.monday.client import MondayClient
from order_sync.profile import load_profile
from order_sync.progress import Silent
from order_sync.rules.filters import Filters
from order_sync.sync import run_sync

from .trouble import BadCommits, Doom, Kill

PATIENCE_S = 90.0
CRASH = 70  # exit code of a run that ended with an exception that is none of ours
ANY = Limits(max_removals="100%")
_ERROR_NAMES = {
    "database or disk is full": "SQLITE_FULL",
    "database is locked": "SQLITE_BUSY",
    "disk I/O error": "SQLITE_IOERR",
}


def quiet() -> None:
    """No log lines: a run that is meant to fail has much to say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def fork_server() -> ForkServerContext:
    return forked.fork_server([__name__])


@dataclass(frozen=True)
class Ended:
    """exit_code as a shell would tell it: 137 and 143 for signals; None: it hung."""

    exit_code: int | None
    commits_failed: int
    story: str  # of a crash


def run_in_child(environ: Mapping[str, str], folder: Path, doom: Doom) -> Ended:
    """One run that meets `doom`; returns when its process has ended."""
    notes = folder / "child.txt"
    notes.write_text("")
    process = fork_server().Process(
        target=_live, args=(dict(environ), folder, doom), name="order-sync run"
    )
    with forked.nothing_of_the_main_program():
        process.start()
    kill = doom.kill
    if kill is not None and kill.step is None:
        process.join(kill.after_s)
        if process.is_alive():
            os.kill(process.pid or 0, _number(kill))
    process.join(PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
        return Ended(None, 0, notes.read_text())
    code = process.exitcode or 0
    story = notes.read_text()
    failed = story.count("commit failed\n")
    process.close()
    return Ended(code if code >= 0 else 128 - code, failed, story.replace("commit failed\n", ""))


def _live(environ: dict[str, str], folder: Path, doom: Doom) -> None:
    quiet()
    notes = folder / "child.txt"
    if doom.kill is not None and doom.kill.step is not None:
        _die_at(doom.kill)
    if doom.commits is not None:
        _fail_commits(doom.commits, notes)
    try:
        settings = load_settings(config=None, env=None, environ=environ, cwd=folder)
        profile = load_profile(settings.profile)
        code = int(run_sync(settings, profile, Filters(), Silent(), limits=ANY).exit_code)
    except SyncError as error:
        code = int(error.exit_code)
        with notes.open("a") as file:
            file.write(f"{error.message}\n")
    except Exception:
        code = CRASH
        with notes.open("a") as file:
            file.write(traceback.format_exc())
    sys.stdout.flush()
    os._exit(code)


def _number(kill: Kill) -> signal.Signals:
    return signal.SIGKILL if kill.signal == "KILL" else signal.SIGTERM


def _die_at(kill: Kill) -> None:
    run, send = Database.run, MondayClient.send
    count = 0

    def die_if(step: str) -> None:
        nonlocal count
        if step == kill.step:
            count += 1
            if count == kill.number:
                os.kill(os.getpid(), _number(kill))

    def dying_run(self: Database, work: Any) -> Any:
        def work_and_maybe_die(conn: Connection) -> Any:
            result = work(conn)
            die_if("before-commit")
            return result

        result = run(self, work_and_maybe_die)
        die_if("after-write")
        return result

    async def dying_send(self: MondayClient, *args: Any, **kwargs: Any) -> Any:
        die_if("before-send")
        answer = await send(self, *args, **kwargs)
        die_if("after-send")
        return answer

    Database.run, MondayClient.send = dying_run, dying_send  # type: ignore[method-assign]


def _fail_commits(bad: BadCommits, notes: Path) -> None:
    count = 0

    @event.listens_for(Engine, "commit")
    def maybe_fail(conn: Connection) -> None:
        nonlocal count
        if conn.get_execution_options().get("order_sync_reads"):
            return
        count += 1
        if bad.number <= count < bad.number + bad.times:
            with notes.open("a") as file:
                file.write("commit failed\n")
            cause = sqlite3.OperationalError(bad.what)
            cause.sqlite_errorname = _ERROR_NAMES[bad.what]
            raise OperationalError("COMMIT", {}, cause)
