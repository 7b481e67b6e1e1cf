"""Who may look, and who may act.

On this machine everybody may look: a page there is as open as the database file. From anywhere else
a token opens the pages. To act takes a token in any case. A token is in an address once, is kept in
a cookie that scripts cannot read, and never appears in a page.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import Request

COOKIE = "order_sync_session"


def new_token() -> str:
    return secrets.token_urlsafe(24)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address to listen on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ForeignHost(Exception):
    """The page was asked for by a name somebody else may own (DNS rebinding)."""


@dataclass(frozen=True)
class Access:
    """The rules of one dashboard.

    Args:
        host: the address it listens on.
        token: opens a session; None: there are no sessions, so nobody acts.
    """

    host: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)

    @property
    def needs_token(self) -> bool:
        """Whether reading takes a session."""
        return not is_loopback(self.host)

    def check_host(self, request: Request) -> None:
        """Raises ForeignHost: a page of somebody else may be asking."""
        if self.needs_token:
            return  # its users come by names nobody here knows; the token protects it
        try:
            name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        except ValueError:
            raise ForeignHost from None
        if not is_loopback(name) and not name.endswith(".localhost"):
            raise ForeignHost

    def opens(self, token: str) -> bool:
        """Whether a token is the one of this dashboard."""
        return self.token is not None and hmac.compare_digest(token.encode(), self.token.encode())

    def has_session(self, request: Request) -> bool:
        return self.opens(request.cookies.get(COOKIE, ""))

    def may_read(self, request: Request) -> bool:
        return not self.needs_token or self.has_session(request)
