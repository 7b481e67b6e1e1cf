"""What of a database URL is for people to see, and what is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

# Drivers take a password after the question mark, too: password, sslpassword, PWD …
_SECRET = re.compile(r"pass(?!file)|pwd|secret|token", re.I)
HIDDEN = "***"


def shown(url: URL) -> str:
    """The URL without its passwords, wherever they stand in it."""
    hidden = {name: HIDDEN for name in url.query if _SECRET.search(name)}
    safe = url.update_query_dict(hidden) if hidden else url  # it sorts what it updates
    text = safe.render_as_string(hide_password=True)
    return text.replace("%2A%2A%2A", HIDDEN)


def without_secrets(text: str, url: URL) -> str:
    """`text` with every password of the URL taken out."""
    found = [str(url.password or "")]
    for name, value in url.query.items():
        if _SECRET.search(name):
            found += [value] if isinstance(value, str) else value
    for secret in filter(None, found):
        text = text.replace(secret, HIDDEN)
    return text
