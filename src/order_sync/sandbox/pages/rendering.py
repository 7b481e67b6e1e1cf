"""From a template to a page: what every page shows, and the headers that keep it to itself."""

from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader
from starlette.responses import HTMLResponse, Response

from order_sync.sandbox.gauges import gauges_of
from order_sync.sandbox.sandbox import Sandbox

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
    # With no-referrer, browsers would not say where a form comes from.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_templates = Environment(
    loader=PackageLoader("order_sync.sandbox"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(sandbox: Sandbox, template: str, status: int = 200, **content: Any) -> Response:
    html = _templates.get_template(template).render(
        options=sandbox.options,
        gauges=gauges_of(sandbox),
        requests_total=sandbox.log.total,
        faults=sandbox.faults,
        **content,
    )
    return HTMLResponse(html, status, HEADERS)


def missing_page(sandbox: Sandbox, title: str, message: str) -> Response:
    return page(sandbox, "missing.html", 404, title=title, message=message)


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def _clock_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")


def _grouped(number: int) -> str:
    return f"{number:,}"


_templates.filters.update(counted=_counted, clock_time=_clock_time, grouped=_grouped)
