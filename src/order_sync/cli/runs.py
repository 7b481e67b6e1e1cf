"""plan, sync and retry."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from order_sync.cli.command import command
from order_sync.cli.kestra import speak_kestra, tell_plan, tell_report
from order_sync.cli.notify import notified
from order_sync.cli.progress import watched
from order_sync.cli.session import Session, stop_of
from order_sync.errors import ConfigError
from order_sync.progress import Progress, Silent
from order_sync.rules.filters import Filters

if TYPE_CHECKING:
    from order_sync.guards import Limits
    from order_sync.plan_file import PlanFile

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
MaxRemovals = Annotated[
    str,
    typer.Option("--max-removals", metavar="N",
                 help="Stop before the first write if more orders that left the source would be"
                 " cancelled or archived: a number, or a share of the known ones such as 10%."),
]  # fmt: skip
DEFAULT_REMOVALS = "5%"
NoWait = Annotated[
    bool,
    typer.Option("--no-wait", help="Leave rows without a certain answer to the next run: exit 3"
                 " now instead of waiting until they may be looked up."),
]  # fmt: skip
Full = Annotated[
    bool,
    typer.Option("--full", help="Look at every row, also at those source.changed_column says"
                 " nobody has touched."),
]  # fmt: skip
Kestra = Annotated[
    bool,
    typer.Option("--kestra", help="Print outputs and metrics as Kestra reads them, and no more."),
]


def add_to(app: typer.Typer) -> None:
    command(app, "plan", filtered=True)(plan)
    command(app, "sync", filtered=True)(sync)
    command(app, "retry", filtered=True)(retry)


def plan(
    session: Session,
    diff: Annotated[
        bool, typer.Option("--diff", help="Every order with its old and new values.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the plan for: sync --plan FILE."),
    ] = None,
    max_creates: MaxCreates = None,
    max_calls: MaxCalls = None,
    max_removals: MaxRemovals = DEFAULT_REMOVALS,
    full: Full = False,
    kestra: Kestra = False,
) -> int:
    """Show what a sync would do and cost. Writes nothing anywhere."""
    from order_sync.guards import Limits

    speak_kestra(session, kestra)
    limits = Limits(max_creates, max_calls, max_removals)
    return _plan(session, limits, diff=diff, out=out, full=full)


def _plan(
    session: Session, limits: Limits, *, diff: bool = False, out: Path | None = None, full: bool
) -> int:
    from order_sync.cli.show_plan import plan_parts
    from order_sync.planning import make_plan

    with _watched(session) as progress:
        made = make_plan(
            session.settings, session.profile, session.filters, progress, limits, out, full=full
        )
    if session.kestra:
        tell_plan(made, out)
        return 0
    session.result(
        asdict(made),
        *plan_parts(
            made, diff=diff, out=out, filtered=session.filters != Filters(),
            web_url=session.settings.monday.web_url,
        ),
    )  # fmt: skip
    return 0


def sync(
    session: Session,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same as: plan.")] = False,
    plan_file: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE",
                     help="Do exactly what this plan says; exit 6 if anything has moved."),
    ] = None,
    max_creates: MaxCreates = None,
    max_calls: MaxCalls = None,
    max_removals: MaxRemovals = DEFAULT_REMOVALS,
    full: Full = False,
    no_wait: NoWait = False,
    kestra: Kestra = False,
) -> int:  # fmt: skip
    """Publish what is new or changed to the board, each order exactly once."""
    from order_sync.guards import Limits
    from order_sync.plan_file import read_plan

    speak_kestra(session, kestra)
    limits = Limits(max_creates, max_calls, max_removals)
    if plan_file is None:
        if dry_run:
            return _plan(session, limits, full=full)
        return _run(session, limits, waits=not no_wait, full=full)
    if dry_run or session.filters != Filters():
        raise ConfigError(
            "--plan takes the filters of the plan and does it: leave out filters and --dry-run",
            hint="to look at a plan again: order-sync plan --diff with the filters you need",
        )
    plan = read_plan(plan_file)
    return _run(session, limits, planned=plan, waits=not no_wait, full=full)


def retry(
    session: Session,
    max_creates: MaxCreates = None,
    max_calls: MaxCalls = None,
    max_removals: MaxRemovals = DEFAULT_REMOVALS,
    no_wait: NoWait = False,
    kestra: Kestra = False,
) -> int:
    """Try refused orders again, without waiting until they are due."""
    from order_sync.guards import Limits

    speak_kestra(session, kestra)
    limits = Limits(max_creates, max_calls, max_removals)
    return _run(session, limits, only_failed=True, waits=not no_wait)


def _run(
    session: Session, limits: Limits, *, only_failed: bool = False,
    planned: PlanFile | None = None, waits: bool, full: bool = False,
) -> int:  # fmt: skip
    from order_sync.cli.show_runs import report_parts
    from order_sync.sync import run_sync

    with notified(session) as tell:
        settings, profile = session.settings, session.profile
        with _watched(session) as progress:
            report = run_sync(
                settings,
                profile,
                session.filters,
                progress,
                command=session.name,
                only_failed=only_failed,
                limits=limits,
                plan=planned,
                waits=waits,
                full=full,
            )
        if session.kestra:
            tell_report(session, report)
        else:
            session.result(asdict(report), *report_parts(report), error=stop_of(report))
        tell(report)
    return int(report.exit_code)


def _watched(session: Session) -> AbstractContextManager[Progress]:
    return nullcontext(Silent()) if session.kestra else watched(logged=session.logs_json)
