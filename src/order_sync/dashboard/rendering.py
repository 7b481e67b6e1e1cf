"""From a template to a page: what every page shows, and the headers that keep it to itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from order_sync.board_links import item_url
from order_sync.dashboard.access import Access

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Renderer:
    """Makes pages; `environment` and `board` stand at the top of each.

    Args:
        web_url: where the account's boards are in a browser; None: items are no links.
    """

    def __init__(
        self, access: Access, *, environment: str, board: str, web_url: str | None
    ) -> None:
        self._access = access
        self._templates = Environment(
            loader=PackageLoader("order_sync.dashboard"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(
            environment=environment, board=board, item_url=partial(item_url, web_url)
        )
        self._templates.filters.update(
            counted=counted, grouped=grouped, utc=utc, duration=duration, since=since,
            as_text=as_text,
        )  # fmt: skip

    def page(self, request: Request, template: str, status: int = 200, **content: Any) -> Response:
        html = self._templates.get_template(template).render(
            path=request.url.path,
            acts=self._access.has_session(request),
            now=datetime.now(UTC),
            **content,
        )
        return HTMLResponse(html, status, HEADERS)

    def problem(
        self, request: Request, status: int, title: str, message: str, to_do: str = ""
    ) -> Response:
        """A page that says what is wrong, and what to do."""
        return self.page(request, "problem.html", status, title=title, message=message, to_do=to_do)


def picture(svg: bytes) -> Response:
    """A chart; the styles in it are its own, and it may hold nothing else."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return Response(
        svg, headers=HEADERS | {"Content-Security-Policy": policy}, media_type="image/svg+xml"
    )


def counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def grouped(number: float | None) -> str:
    return "" if number is None else f"{number:,}"


def as_text(value: object) -> str:
    """JSON, laid out for people."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def utc(at: datetime | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return "" if at is None else at.astimezone(UTC).strftime(form)


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`, `5 d 2 h`."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = int(seconds)
    for size, unit, smaller, name in (
        (86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"),
    ):  # fmt: skip
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{whole} s"


def since(at: datetime | None, now: datetime) -> str:
    """How long ago, as `duration` tells it."""
    return "" if at is None else duration((now - at).total_seconds())
