"""plan, sync and retry."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from order_sync.cli.command import command
from order_sync.cli.progress import watched
from order_sync.cli.session import Session

MaxCreates = Annotated[
    int | None,
    typer.Option("--max-creates", metavar="N", min=0,
                 help="Stop before the first write if more order lines would be created."),
]  # fmt: skip
MaxCalls = Annotated[
    int | None,
    typer.Option("--max-calls", metavar="N", min=0,
                 help="Stop before the first write if more calls would be needed."),
]  # fmt: skip


def add_to(app: typer.Typer) -> None:
    command(app, "plan", filtered=True)(plan)
    command(app, "sync", filtered=True)(sync)
    command(app, "retry", filtered=True)(retry)


def plan(session: Session) -> int:
    """Show what a sync would do and cost. Writes nothing anywhere."""
    from order_sync.cli.show_runs import plan_parts
    from order_sync.planning import make_plan

    with watched() as progress:
        made = make_plan(session.settings, session.profile, session.filters, progress)
    session.result(asdict(made), *plan_parts(made))
    return 0


def sync(
    session: Session,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same as: plan.")] = False,
    max_creates: MaxCreates = None,
    max_calls: MaxCalls = None,
) -> int:
    """Publish new orders to the board, each exactly once."""
    if dry_run:
        return plan(session)
    return _run(session, only_failed=False, max_creates=max_creates, max_calls=max_calls)


def retry(session: Session, max_creates: MaxCreates = None, max_calls: MaxCalls = None) -> int:
    """Try refused orders again, without waiting until they are due."""
    return _run(session, only_failed=True, max_creates=max_creates, max_calls=max_calls)


def _run(
    session: Session, *, only_failed: bool, max_creates: int | None, max_calls: int | None
) -> int:
    from order_sync.cli.show_runs import report_parts
    from order_sync.sync import run_sync

    settings, profile = session.settings, session.profile
    with watched() as progress:
        report = run_sync(
            settings,
            profile,
            session.filters,
            progress,
            command=session.name,
            only_failed=only_failed,
            max_creates=max_creates,
            max_calls=max_calls,
        )
    session.result(asdict(report), *report_parts(report))
    return int(report.exit_code)
