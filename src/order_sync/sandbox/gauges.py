"""How much of each limit is used, as the pages show it."""

from dataclasses import dataclass
from typing import Any

from order_sync.sandbox.limits import Kind
from order_sync.sandbox.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Gauge:
    """`used` and `limit` are requests or complexity points; `resets` says when it is 0 again."""

    name: str
    title: str
    used: float
    limit: int
    resets: str

    @property
    def text(self) -> str:
        """`12 of 5,000`; parts of a request, which refused ones cost, have one decimal."""
        used = f"{self.used:,.1f}".removesuffix(".0")
        return f"{used} of {self.limit:,}"

    def told(self) -> dict[str, Any]:
        return {"used": self.used, "limit": self.limit, "text": self.text, "resets": self.resets}


def gauges_of(sandbox: Sandbox) -> list[Gauge]:
    quota, usage = sandbox.limits.quota, sandbox.limits.usage()
    minute = quota.requests_per_minute
    return [
        Gauge(
            "minute",
            "Requests this minute",
            minute - usage["requests_left_this_minute"],
            minute,
            _in(sandbox.limits.minute_resets_in()),
        ),
        Gauge(
            "in-flight",
            "In flight",
            usage["requests_in_flight"],
            quota.requests_in_flight,
            "as answers come",
        ),
        Gauge(
            "day",
            "Requests today",
            usage["requests_today"],
            quota.requests_per_day,
            "at midnight UTC",
        ),
        *_complexity(sandbox, usage),
    ]


def _complexity(sandbox: Sandbox, usage: dict[str, float]) -> list[Gauge]:
    """A person has one budget, an app one for reads and one for writes."""
    limits = sandbox.limits

    def gauge(name: str, title: str, kind: Kind, limit: int, left: float) -> Gauge:
        return Gauge(name, title, limit - left, limit, _in(limits.complexity_resets_in(kind)))

    reads, writes = usage["complexity_left_for_reads"], usage["complexity_left_for_writes"]
    if sandbox.options.caller == "person":
        limit = limits.quota.personal_complexity_per_minute
        return [gauge("complexity", "Complexity points", "mutation", limit, writes)]
    limit = limits.quota.app_complexity_per_minute
    return [
        gauge("complexity-reads", "Points for reads", "query", limit, reads),
        gauge("complexity-writes", "Points for writes", "mutation", limit, writes),
    ]


def _in(seconds: int) -> str:
    return f"in {seconds} s"
