"""A sandbox in a process of its own, so that a benchmark does not share its processor time.

Prints one line, `API_URL BOARD_ID`, and serves until its input ends.
"""

from __future__ import annotations

import argparse
import sys

from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-ms", type=int, default=20)
    arguments = parser.parse_args()
    sandbox = Sandbox(SandboxOptions(latency_ms=arguments.latency_ms, limits=False))
    board = sandbox.add_board("customer-master-schedule", name="Benchmark")
    with SandboxServer(sandbox, port=0) as server:
        print(server.api_url, board.id, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
