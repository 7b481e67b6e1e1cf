"""Signed addresses: whoever has one may use it for a while, and nobody can make one."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from order_sync.sandbox.clock import Clock

UPLOADS = "/imports/uploads"
REPORTS = "/imports/reports"


class SignedLinks:
    """Addresses of uploads and reports, valid for `life_s` sandbox seconds."""

    def __init__(self, clock: Clock, life_s: float) -> None:
        self._clock = clock
        self._life_s = life_s
        self._secret = secrets.token_bytes(32)

    def upload(self, base_url: str, job_id: str) -> str:
        return self._signed(base_url, f"{UPLOADS}/{job_id}")

    def report(self, base_url: str, job_id: str) -> str:
        return self._signed(base_url, f"{REPORTS}/{job_id}")

    def _signed(self, base_url: str, path: str) -> str:
        until = f"{self._clock.now() + self._life_s:.3f}"
        query = urlencode({"until": until, "signature": self._signature(path, until)})
        return f"{base_url}{path}?{query}"

    def _signature(self, path: str, until: str) -> str:
        return hmac.new(self._secret, f"{path}\n{until}".encode(), hashlib.sha256).hexdigest()

    def refusal(self, path: str, query: Mapping[str, str]) -> str | None:
        """Why the address cannot be used; None: it can."""
        until = query.get("until", "")
        expected = self._signature(path, until)
        if not secrets.compare_digest(expected.encode(), query.get("signature", "").encode()):
            return "SignatureDoesNotMatch"
        return None if self._clock.now() < float(until) else "AccessDenied"
