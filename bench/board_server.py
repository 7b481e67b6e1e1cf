"""A sandbox in a process of its own, so that a benchmark does not share its processor time.

Prints one line, `API_URL BOARD_ID`, and serves until its input ends. With limits it then prints
one JSON line: what was accepted when, and what was refused.

A minute can be made shorter (`--minute-s`): windows and quotas shrink alike, so the rate an
account is allowed stays what it is.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer
from order_sync.sandbox.options import PLANS, WRITE_COSTS, Plan
from order_sync.sandbox.request_log import RequestRecord

MINUTE_S = 60.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-ms", type=float, default=20)
    parser.add_argument("--plan", choices=list(PLANS), help="with the limits of this plan")
    parser.add_argument("--costs", choices=list(WRITE_COSTS), default="modern")
    parser.add_argument("--minute-s", type=float, default=MINUTE_S)
    parser.add_argument("--board", default="customer-master-schedule", help="or a JSON file")
    arguments = parser.parse_args()
    limited = arguments.plan is not None
    options = SandboxOptions(latency_ms=arguments.latency_ms, limits=limited)
    if limited:
        options = replace(
            options,
            costs=arguments.costs,
            time_scale=MINUTE_S / arguments.minute_s,
            plan_limits=shortened(PLANS[arguments.plan], arguments.minute_s / MINUTE_S),
            items_limit=1_000_000,
            request_log_size=1_000_000,
        )
    sandbox = Sandbox(options)
    board = sandbox.add_board(arguments.board, name="Benchmark")
    with SandboxServer(sandbox, port=0) as server:
        print(server.api_url, board.id, flush=True)
        sys.stdin.read()
    if limited:
        print(json.dumps(what_happened(sandbox)), flush=True)


def shortened(plan: Plan, share: float) -> Plan:
    """The same account with shorter minutes; its day never ends, that is another limit."""
    return replace(
        plan,
        requests_per_minute=round(plan.requests_per_minute * share),
        personal_complexity_per_minute=round(plan.personal_complexity_per_minute * share),
        requests_per_day=10_000_000,
    )


def what_happened(sandbox: Sandbox) -> dict[str, object]:
    """`accepted`: [real seconds since the first request, points, writes] of each request."""
    scale, records = sandbox.options.time_scale, sandbox.request_log
    first = records[0].at  # it opens the first minute
    return {
        "accepted": [
            ((r.at - first) / scale, r.cost, _writes(r)) for r in records if r.http_status == 200
        ],
        "refusals": sum(sandbox.refusals.values()),
        "quota": {
            "points": sandbox.limits.quota.personal_complexity_per_minute,
            "requests": sandbox.limits.quota.requests_per_minute,
        },
    }


def _writes(record: RequestRecord) -> int:
    if record.kind != "mutation":
        return 0
    return sum(name != "complexity" for name in record.operations)


if __name__ == "__main__":
    main()
