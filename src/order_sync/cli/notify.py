"""notify: try the addresses, look for troubles no run tells of; and what follows a run."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from order_sync.cli.command import command
from order_sync.cli.session import Session
from order_sync.errors import ConfigError, ExitCode, SyncError

if TYPE_CHECKING:
    from order_sync.notifying import Told
    from order_sync.outcome import RunReport
    from order_sync.rules.mapping import Mapping


def add_to(app: typer.Typer) -> None:
    notify = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Tell people what went wrong."
    )
    command(notify, "notify test")(notify_test)
    command(notify, "notify check")(notify_check)
    app.add_typer(notify, name="notify")


def notify_test(session: Session) -> int:
    """Send a test message to every address."""
    from order_sync.notifying import send_test

    return _show(session, send_test(session.settings))


def notify_check(session: Session) -> int:
    """Look for late syncs, old doubts and refusals, and tell what is new."""
    from order_sync.notifying import require_apprise, tell

    settings = session.settings
    settings.require_board()
    if not settings.notify.addresses:
        raise ConfigError(
            "no address is set to notify",
            hint="set ORDER_SYNC_NOTIFY__URLS, and try it with: order-sync notify test",
        )
    require_apprise(settings)
    return _show(session, tell(settings, session.profile))


def _show(session: Session, told: Sequence[Told]) -> int:
    from order_sync.cli.show_state import line

    lost = [one for one in told if not one.delivered]
    document = {"sent": [asdict(one) for one in told], "not_delivered": len(lost)}
    shown = [
        line(f"{one.alert}: address {one.address} {'took it' if one.delivered else 'refused it'}")
        for one in told
    ]
    session.result(document, *(shown or [line("Nothing new to tell.")]))
    return ExitCode.UNREACHABLE if lost else ExitCode.DONE


@contextmanager
def notified(session: Session) -> Iterator[Callable[[RunReport], None]]:
    """Tell people how the run in this block ended; the function inside takes its report.

    Raises:
        ConfigError: notifications are configured, and Apprise is not installed.
    """
    settings = session.settings
    if not settings.notify.addresses:
        yield lambda _: None
        return
    from order_sync.alerts import Ended
    from order_sync.notifying import require_apprise, tell_after_run

    require_apprise(settings)
    reports: list[Ended] = []
    name = session.name
    try:
        yield lambda report: reports.append(
            Ended(name, int(report.exit_code), report.message, report.hint)
        )
    except SyncError as error:
        reports.append(Ended(name, int(error.exit_code), error.message, error.hint))
        raise
    except Exception as error:
        reports.append(Ended(name, int(ExitCode.UNEXPECTED), type(error).__name__))
        raise
    finally:
        for ended in reports[-1:]:
            tell_after_run(settings, _profile(session), ended)


def _profile(session: Session) -> Mapping | None:
    try:
        return session.profile
    except SyncError:
        return None
