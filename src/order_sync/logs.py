"""Logs: structlog and the standard library alike, on stderr, as lines for people or as JSON.

Run, batch and board are bound with structlog's contextvars where they are at work, so that every
line of them names them, whoever writes it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import Literal, TextIO

import structlog

Style = Literal["auto", "console", "text", "json"]

# Libraries that tell every request or connection; ours are counted in MON_ApiRequests.
_TALKATIVE = ("httpx2", "httpcore2", "httpx", "httpcore", "uvicorn", "asyncio", "filelock")
_FIRST = ("timestamp", "level", "event", "run_id", "batch_id", "board_id")  # of a JSON line
_WHOLE = ("exception", "stack")  # texts of several lines


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever stderr is now: a progress bar stands in for it while it shows."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        raise AttributeError("the stream is always stderr")


def setup_logs(
    level: str, style: Style = "auto", *, secrets: Mapping[str, str] | None = None
) -> None:
    """Send all logs of this process to stderr; a second call replaces the first.

    Args:
        level: debug, info, warning or error.
        style: console for people at a terminal, text for plain lines, json for one object a line;
            auto: console when stderr is a terminal, else text.
        secrets: texts such as the token, and what stands for each in every line.
    """
    if style == "auto":
        style = "console" if sys.stderr.isatty() else "text"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
        if style == "console"
        else structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _Hiding(secrets or {}),
                *_rendering(style),
            ],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _rendering(style: Style) -> list[structlog.typing.Processor]:
    if style == "json":
        return [_ordered, structlog.processors.JSONRenderer()]
    colors = style == "console" and sys.stderr.isatty() and "NO_COLOR" not in os.environ
    return [_printable, structlog.dev.ConsoleRenderer(colors=colors)]


class _Hiding:
    """Takes secrets out of the values of a line, whoever wrote it and however deep they stand."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        # The longest first: one may be part of another.
        self._secrets = sorted(secrets.items(), key=lambda pair: -len(pair[0]))

    def __call__(
        self, _: object, __: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        return {key: self._hidden(value) for key, value in event.items()}

    def _hidden(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, dict):
            return {str(key): self._hidden(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._hidden(inner) for inner in value]
        text = value if isinstance(value, str) else repr(value)
        for secret, instead in self._secrets:
            text = text.replace(secret, instead)
        return text


def _ordered(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What every line has comes first."""
    return {key: event[key] for key in _FIRST if key in event} | dict(event)


def _printable(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Data may neither steer a terminal nor begin a line of its own; the unknown is left out."""
    known = {key: value for key, value in event.items() if value is not None}
    return {key: _clean(value, whole=key in _WHOLE) for key, value in known.items()}


def _clean(value: object, *, whole: bool) -> object:
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c.isprintable() or (whole and c == "\n") else " " for c in value)
