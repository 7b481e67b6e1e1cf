"""One use of the command line: its settings, its output, and how it ends."""

# ruff: noqa: PLC0415 - heavy modules load when a command needs them, so that help is quick

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import typer

from order_sync.cli.output import Problem, console, safe, write_json
from order_sync.errors import ExitCode, SyncError
from order_sync.rules.filters import Filters

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.console import Console, RenderableType
    from structlog.stdlib import BoundLogger

    from order_sync.adoption import AdoptReport
    from order_sync.config import Settings
    from order_sync.db.engine import Database
    from order_sync.logs import Style
    from order_sync.outcome import RunReport
    from order_sync.rules.mapping import Mapping as Profile


@dataclass
class Session:
    """What a command knows of its caller, and the only way it speaks to one."""

    name: str  # of the command, as it is typed
    yes: bool = False
    json: bool = False
    kestra: bool = False  # stdout holds Kestra's lines and nothing else
    env: str | None = None
    config: Path | None = None
    verbose: bool = False
    filters: Filters = field(default_factory=Filters)
    logs_json: bool = field(default=False, init=False)  # stderr is one JSON object a line
    _answered: bool = field(default=False, init=False)  # the JSON document is printed

    def run(self, body: Callable[[], int | None]) -> int:
        """The exit code of `body`; whatever it raises becomes a message and a code."""
        try:
            # A mistake in the settings is told in the form that the environment asks for.
            is_json = os.environ.get("ORDER_SYNC_LOG__FORMAT", "").strip() == "json"
            level = "info" if self.verbose else "warning"
            self._set_up_logs(level, "json" if is_json else "auto")
            return int(body() or ExitCode.DONE)
        except SyncError as error:
            return self._fail(
                error.code,
                error.message,
                error.hint,
                problems=getattr(error, "problems", ()),
                exit_code=error.exit_code,
            )
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            self._answer(ExitCode.INTERRUPTED, Problem("interrupted", "interrupted"))
            self.say("interrupted", style="bold")
            self._tell_kestra("interrupted", "interrupted", "", ExitCode.INTERRUPTED)
            return ExitCode.INTERRUPTED
        except Exception as error:
            if self.verbose:
                self._show_traceback()
            lines = self._without_secrets(str(error)).strip().splitlines() or [""]
            return self._fail(
                "unexpected",
                safe(f"unexpected {type(error).__name__}: {lines[0]}"),
                "" if self.verbose else "run again with -v for the traceback",
            )

    def _fail(
        self,
        code: str,
        message: str,
        hint: str,
        *,
        problems: tuple[str, ...] = (),
        exit_code: ExitCode = ExitCode.UNEXPECTED,
    ) -> int:
        self._answer(exit_code, Problem(code, message, hint, problems))
        self._tell_kestra(code, message, hint, exit_code)
        if self.logs_json:
            self._log.error(
                message, error_code=code, hint=hint, problems=problems, exit_code=int(exit_code)
            )
            return exit_code
        self.say(f"error: {message}", style="bold red")
        for problem in problems:
            if problem != message:
                self.say(f"  - {problem}")
        if hint:
            self.say(f"  do: {hint}", style="cyan")
        return exit_code

    def _show_traceback(self) -> None:
        told = self._without_secrets(traceback.format_exc())
        if self.logs_json:
            self._log.error("unexpected", exception=told)
        else:
            sys.stderr.write(told)

    def _tell_kestra(self, code: str, message: str, hint: str, exit_code: ExitCode) -> None:
        if self.kestra:
            from order_sync.cli.kestra import tell_error

            tell_error(self, code, message, hint, exit_code)

    def _without_secrets(self, text: str) -> str:
        """What an exception nobody expected says, without what no library should have told."""
        from order_sync.database_url import shown, without_secrets
        from order_sync.settings import database_url

        read: Settings | None = vars(self).get("settings")
        if read is None:
            return text
        for secret, instead in read.secrets().items():
            text = text.replace(secret, instead)
        for raw in (read.database.url, read.source.url):
            url = database_url(raw)
            text = text if url is None else without_secrets(text.replace(raw, shown(url)), url)
        return text

    # Settings ---------------------------------------------------------------------------------

    @cached_property
    def settings(self) -> Settings:
        """The settings of this command; reading them also sets up the logs they ask for."""
        from order_sync.config import load_settings

        settings = load_settings(
            config=self.config, env=self.env, environ=dict(os.environ), cwd=Path.cwd()
        )
        self._set_up_logs(self._level(settings), settings.log.format, settings)
        for notice in settings.notices:
            self.note(notice)
        return settings

    @cached_property
    def profile(self) -> Profile:
        from order_sync.profile import load_profile

        return load_profile(self.settings.profile)

    def _level(self, settings: Settings) -> str:
        """The level asked for; without one, people watch the progress and machines read info.

        Kestra takes every line on stderr for a warning.
        """
        chosen = "level" in settings.log.model_fields_set
        if self.verbose:
            return "debug" if chosen and settings.log.level == "debug" else "info"
        if chosen:
            return settings.log.level
        return "warning" if self.kestra or sys.stderr.isatty() else "info"

    def _set_up_logs(self, level: str, style: Style, settings: Settings | None = None) -> None:
        from order_sync.logs import setup_logs

        self.logs_json = style == "json"
        setup_logs(level, style, secrets=None if settings is None else settings.secrets())

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """The database of the state, for a command that creates and changes nothing."""
        from order_sync.db.engine import Database

        with closing(Database(self.settings.database.url, read_only=True)) as database:
            yield database

    # Output -----------------------------------------------------------------------------------

    @cached_property
    def out(self) -> Console:
        return console(sys.stdout)

    @cached_property
    def err(self) -> Console:
        return console(sys.stderr)

    def say(self, text: str, *, style: str | None = None) -> None:
        """A line beside the result, on stderr; one of the log where that is read by programs."""
        if self.logs_json:
            self._log.info(text)
            return
        self.err.print(safe(text), style=style, markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Something odd that is no error, on stderr."""
        if self.logs_json:
            self._log.warning(text)
        else:
            self.say(f"note: {text}", style="yellow")

    @property
    def _log(self) -> BoundLogger:
        import structlog

        logger: BoundLogger = structlog.get_logger()
        return logger

    def result(
        self, document: Mapping[str, Any] | DataclassInstance, *shown: RenderableType,
        exit_code: int = 0, error: Problem | None = None,
    ) -> None:  # fmt: skip
        """What the command found out: `document` for programs, `shown` for people.

        Args:
            document: as `cli/schemas.py` describes it, or a mapping of the same fields.
            exit_code: what the command ends with, unless the document says it.
            error: why it was stopped amid its work, if it was.
        """
        if self.json:
            if not isinstance(document, Mapping):
                document = {one.name: getattr(document, one.name) for one in fields(document)}
            self._answer(exit_code, error, document)
            return
        for part in shown:
            # What is to be copied comes without line breaks of ours.
            self.out.print(part, soft_wrap=bool(getattr(part, "no_wrap", False)))
            if hasattr(part, "add_row"):
                self.out.print()

    def _answer(
        self,
        exit_code: int,
        error: Problem | None,
        document: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Print the one document of this command; what happens after it only has an exit code."""
        if self.json and not self._answered:
            self._answered = True
            outer = {"command": self.name, "exit_code": int(exit_code), "error": error}
            write_json({**outer, **document})

    def declined(self, outcome: str) -> int:
        """The exit code after a person has said no; `outcome` is what became of it."""
        self._answer(ExitCode.UNEXPECTED, Problem("declined", outcome))
        self.say(outcome)
        return ExitCode.UNEXPECTED

    def confirm(self, question: str) -> bool:
        """Whether to go on; without a terminal, or with --yes, nobody is asked."""
        if self.yes or not sys.stdin.isatty():
            return True
        return typer.confirm(question, default=False, err=True)


def stop_of(report: RunReport | AdoptReport) -> Problem | None:
    """Why a run was stopped amid its work; None when it came to its end."""
    if not report.message:
        return None
    return Problem(report.error_code, report.message, report.hint)
