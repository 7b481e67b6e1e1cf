"""A process that dies inside the test's own: nothing it had not committed is ever committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from order_sync.db.engine import Database
from order_sync.monday.client import MondayClient


class KilledError(BaseException):
    """Not an `Exception`, so that no code of the product survives it."""


@contextmanager
def killed_after_sending(what: str) -> Iterator[None]:
    """The run in this block dies when the first mutation with `what` in its text was answered.

    Everything it would still do to its database or to monday.com fails, as after kill -9.
    """
    dead = False
    run, send = Database.run, MondayClient.send

    def run_while_alive(self: Database, work: Any) -> Any:
        if dead:
            raise KilledError
        return run(self, work)

    async def send_while_alive(self: MondayClient, body: bytes, **options: Any) -> Any:
        nonlocal dead
        if dead:
            raise KilledError
        answer = await send(self, body, **options)
        if options["is_mutation"] and what.encode() in body:
            dead = True
            raise KilledError
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "run", run_while_alive)
        patch.setattr(MondayClient, "send", send_while_alive)
        with pytest.raises(KilledError):
            yield
    assert dead, f"nothing with {what!r} was sent"
