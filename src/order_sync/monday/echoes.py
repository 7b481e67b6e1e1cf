"""What a server or a proxy sends back of the token, taken out before anything reads the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

from pydantic import SecretStr

SECRET_LENGTH = 16  # characters from which a token cannot be part of an order by chance
INSTEAD = "[token]"


class Echoes:
    """Takes one token out of answers, in every form that JSON and addresses give it.

    A short one, as stand-ins have, is left in peace: it may be a word of an order.
    """

    def __init__(self, token: SecretStr) -> None:
        secret = token.get_secret_value()
        in_json = json.dumps(secret)[1:-1]
        forms = {secret, in_json, in_json.replace("/", "\\/"), quote(secret, safe="")}
        forms |= {quote(secret)}
        is_secret = len(secret) >= SECRET_LENGTH
        # The longest first: one may be part of another.
        self._forms = sorted(forms, key=len, reverse=True) if is_secret else []

    def out_of_body(self, body: bytes) -> bytes:
        for form in self._forms:
            body = body.replace(form.encode(), INSTEAD.encode())
        return body

    def out_of_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name: self._out_of(value) for name, value in headers.items()}

    def _out_of(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, INSTEAD)
        return text
