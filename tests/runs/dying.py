"""Runs `sync` and dies, as by kill -9, at the step and count the environment names.

Steps: `before-commit` and `after-write` count writing transactions of the state database,
`before-send` and `after-send` count requests to monday.com.
"""

from __future__ import annotations

import itertools
import os
import sys

from order_sync.db.engine import Database
from order_sync.monday.client import MondayClient

STEP, ON = os.environ["DIE_AT"], int(os.environ["DIE_ON"])
counter = itertools.count(1)


def die_if(step: str) -> None:
    if step == STEP and next(counter) == ON:
        os._exit(137)


def install() -> None:
    run, send = Database.run, MondayClient.send

    def dying_run(self, work):
        def work_and_maybe_die(conn):
            result = work(conn)
            die_if("before-commit")
            return result

        result = run(self, work_and_maybe_die)
        die_if("after-write")
        return result

    async def dying_send(self, *args, **kwargs):
        die_if("before-send")
        answer = await send(self, *args, **kwargs)
        die_if("after-send")
        return answer

    Database.run, MondayClient.send = dying_run, dying_send


if __name__ == "__main__":
    install()
    from order_sync.cli import main

    sys.argv = ["order-sync", "sync", *sys.argv[1:]]
    main()
