"""Who may change something: this sandbox's own pages, and programs, but no other web page.

Any page a person has open can post to 127.0.0.1. Browsers say where a request comes from, and
pages cannot change what is said; programs say nothing.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request


class ForeignRequest(Exception):
    """The request comes, or may come, from somebody else's page; the message says why."""


def require_own_page(request: Request) -> None:
    """Raises ForeignRequest: the browser does not say that a page of this sandbox sent it."""
    if not _says_something(request):
        raise ForeignRequest("the browser does not say which page this comes from")
    _refuse_foreign(request)


def require_own_page_or_program(request: Request) -> None:
    """Raises ForeignRequest: a browser sent it for a page from elsewhere."""
    if _says_something(request):
        _refuse_foreign(request)


def _says_something(request: Request) -> bool:
    return "sec-fetch-site" in request.headers or "origin" in request.headers


def _refuse_foreign(request: Request) -> None:
    site = request.headers.get("sec-fetch-site")
    if site is None:  # browsers leave it out where the address is neither secure nor local
        own = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
        is_own = request.headers["origin"] == own
    else:
        is_own = site == "same-origin"
    if not is_own:
        raise ForeignRequest("a page from elsewhere sent this")
    if not _is_local_name(_hostname(request)):
        # Its owner could have let a name of theirs lead here, which makes their page our own.
        raise ForeignRequest("open this page by the sandbox's address instead of a name")


def _hostname(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        raise ForeignRequest("the header Host cannot be read") from None


def _is_local_name(host: str) -> bool:
    """An address, or a name nobody can register: one without a dot, or below localhost."""
    if "." not in host or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
