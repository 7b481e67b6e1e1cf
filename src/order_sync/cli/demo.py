"""demo: everything once, without a monday.com account."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from order_sync.cli.command import command
from order_sync.cli.progress import watched
from order_sync.cli.session import Session
from order_sync.errors import ExitCode

if TYPE_CHECKING:
    from order_sync.cli.show_demo import DemoDocument
    from order_sync.demo import DemoReport, World

Port = Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535,
                                   help="Port of the sandbox; 0: any free one.")]  # fmt: skip


def add_to(app: typer.Typer) -> None:
    command(app, "demo")(demo)


def demo(
    session: Session,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave board and tables until Ctrl-C.")
    ] = False,
    port: Port = 0,
) -> int:
    """Show it all: sample orders to a board, without an account."""
    from order_sync.cli.show_demo import demo_parts
    from order_sync.demo import demo_world, run_demo

    with demo_world(port) as world:
        with watched(logged=session.logs_json) as progress:
            report = run_demo(world, progress)
        code = 0 if report.ok else 1
        session.result(
            _document(report, world), *demo_parts(report, world, kept=keep), exit_code=code
        )
        if keep:
            _wait_for_ctrl_c()
    if keep:
        session.say(f"the sandbox has ended, {world.folder} is removed")
    return code


def _wait_for_ctrl_c() -> None:
    # Leaving by an exception removes the folder; a plain SIGTERM would not.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.TERMINATED))
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


def _document(report: DemoReport, world: World) -> DemoDocument:
    from order_sync.cli.show_demo import DemoDocument

    return DemoDocument(
        ok=report.ok,
        differences=report.differences,
        on_board=report.on_board,
        loaded=report.loaded,
        plan=report.plan,
        first=report.first,
        second=report.second,
        repeated_mutations=report.repeated,
        folder=str(world.folder),
        board_url=world.board_url,
    )
