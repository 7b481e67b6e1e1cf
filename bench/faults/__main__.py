"""python -m bench.faults: see the package."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from . import __doc__ as about
from .campaign import Campaign
from .episode import Terms, play
from .figures import Result, table
from .trouble import require_known_faults


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.faults", description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--creates", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--episode", type=int, help="play exactly this one, and tell its diary")
    parser.add_argument(
        "--beyond", action="store_true",
        help="let monday.com leave the bounds, and count what comes of it; never fails",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    arguments = parser.parse_args()
    require_known_faults()
    terms = Terms(beyond=arguments.beyond)
    if arguments.episode is not None:
        return _one(arguments.seed, arguments.episode, terms)
    campaign = Campaign(arguments.seed, arguments.creates, arguments.workers, terms)
    campaign.run()
    seconds = time.monotonic() - campaign.began
    for result in campaign.bad if not arguments.beyond else ():
        _tell(arguments.seed, result)
    print(table(campaign.figures, seconds))
    if arguments.json:
        document = campaign.figures.as_dict() | {
            "seed": arguments.seed,
            "beyond": arguments.beyond,
            "seconds": round(seconds, 1),
            "bad_episodes": [result.number for result in campaign.bad],
        }
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    return 1 if campaign.bad and not arguments.beyond else 0


def _one(seed: int, number: int, terms: Terms) -> int:
    result = play(seed, number, terms)
    _tell(seed, result)
    print(table(result.figures, result.seconds))
    return 1 if result.wrong and not terms.beyond else 0


def _tell(seed: int, result: Result) -> None:
    print(f"\n=== seed {seed}, episode {result.number} ({result.seconds:.1f} s)")
    print(*result.diary, sep="\n")
    for what in result.wrong:
        print(f"WRONG: {what}")
    print(f"again: python -m bench.faults --seed {seed} --episode {result.number}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
