"""Logs: structlog and the standard library alike, on stderr, as text or JSON lines."""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO

import structlog

# Libraries that tell every request or connection; ours are counted in MON_ApiRequests.
_TALKATIVE = ("httpx2", "httpcore2", "httpx", "httpcore", "uvicorn", "asyncio", "filelock")


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever stderr is now: a progress bar stands in for it while it shows.

    `secret` is taken out of every line, whoever wrote it.
    """

    def __init__(self, secret: str | None) -> None:
        logging.Handler.__init__(self)
        self._secret = secret

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        raise AttributeError("the stream is always stderr")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return line.replace(self._secret, "[token]") if self._secret else line


def setup_logs(
    level: str, style: Literal["text", "json"] = "text", *, secret: str | None = None
) -> None:
    """Send all logs of this process to stderr; a second call replaces the first.

    Args:
        level: debug, info, warning or error.
        style: text for people, json for one object a line.
        secret: the token; it is replaced in every line.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = _Stderr(secret)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
