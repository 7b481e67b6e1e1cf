"""Groups on the board: found by title, created once, never by default."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from order_sync.db import groups as table
from order_sync.db.groups import GroupRow
from order_sync.delivery.cargo import GroupCargo
from order_sync.delivery.context import Delivery
from order_sync.delivery.sender import Sender
from order_sync.monday import documents
from order_sync.monday.board import BoardGroup
from order_sync.rules.retry import backoff
from order_sync.rules.states import RowState
from order_sync.rules.values import key_part


def first_by_title(groups: Iterable[BoardGroup]) -> tuple[dict[str, BoardGroup], list[str]]:
    """title_key -> first active group with that title, and a notice per title that stands twice."""
    first: dict[str, BoardGroup] = {}
    notices: list[str] = []
    for group in groups:
        if not group.active:
            continue
        key = key_part(group.title)
        if key in first:
            notices.append(
                f'the board has the group "{group.title}" more than once: '
                f"{first[key].id} is used, {group.id} is not"
            )
        else:
            first[key] = group
    return first, notices


class GroupBook:
    """Which groups the board has, and the making of those it lacks."""

    def __init__(self, delivery: Delivery, sender: Sender) -> None:
        self._d = delivery
        self._sender = sender
        self._wanted: set[str] = set()  # a group some dead run wanted may be wanted no longer

    async def learn(self, groups: Sequence[BoardGroup]) -> list[str]:
        """Take over what stands on the board; returns notices about titles that stand twice."""
        d = self._d
        first, notices = first_by_title(groups)
        seen = [(key, group.title, group.id) for key, group in first.items()]
        monday = d.settings.monday
        lag = monday.send_window_s + monday.server_limit_s + monday.read_lag_s

        def take_over(conn: Connection) -> None:
            table.see_groups(conn, d.tables, d.run, seen)
            table.notice_vanished(conn, d.tables, d.run, first.keys(), lag)

        await d.write(take_over)
        return notices

    async def want(self, titles: Iterable[str]) -> None:
        """Note that these groups are needed; nothing is sent yet."""
        d = self._d
        wanted = {key_part(title): title for title in titles}
        self._wanted |= wanted.keys()
        await d.write(table.want_groups, d.tables, d.run, wanted.items())

    async def make_missing(self) -> None:
        """Create the groups that wait for it, a few per request, one request at a time."""
        d = self._d
        for _ in range(d.settings.monday.max_attempts):
            waiting = [
                g
                for g in (await self.all()).values()
                if g.state is RowState.PENDING and g.title_key in self._wanted
            ]
            if not waiting or d.stopping is not None:
                return
            tries = max(group.attempts for group in waiting)
            if tries:
                await asyncio.sleep(backoff(tries, d.rng))
            size = 1 if tries else d.settings.monday.batch_size
            for start in range(0, len(waiting), size):
                some = waiting[start : start + size]
                document = documents.create_groups([g.title for g in some], d.board.board_id)
                await self._sender.send(GroupCargo(document, some))
            made = await self.all()
            created = {key for key, group in made.items() if group.state is RowState.API_SUCCESS}
            d.tally.groups_created += len(created.intersection(g.title_key for g in waiting))

    async def all(self) -> dict[str, GroupRow]:
        """title_key -> group, as stored."""
        d = self._d
        return await d.read(table.read_groups, d.tables, d.run.board_id)
