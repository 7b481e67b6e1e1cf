"""Reading rows back from the board: by key, by id, by parent, or all of them.

Generators give whole pages' rows or raise: a look-up that failed has decided nothing. The board
compares text without regard to case, so the caller checks each hit against its own key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from order_sync.errors import Unreachable
from order_sync.monday import documents
from order_sync.monday.client import MondayClient, ReadRefusedError
from order_sync.monday.documents import MAX_IDS, MAX_VALUES, PARENTS_PER_READ, Document
from order_sync.rules.retry import Remedy

RESTARTS = 3  # how often a listing begins anew before it is given up

T = TypeVar("T")

Titles = Mapping[str, str]  # column id -> title, for the columns to be read


@dataclass(frozen=True)
class FoundRow:
    """An item or subitem as the board shows it."""

    id: str
    name: str
    values: Mapping[str, str]  # by title, as text; "" for an empty cell
    group_id: str = ""  # "" for subitems
    parent_id: str = ""  # "" for items
    state: str = "active"  # active | archived | deleted; told only by `read_items`


async def find_items(
    client: MondayClient,
    board_id: str,
    column_id: str,
    values: Iterable[str],
    titles: Titles,
    *,
    give_up_after_s: float = 30.0,
) -> AsyncIterator[FoundRow]:
    """Every active item whose column equals one of the values, each once.

    Blank values are left out: they would find every item with an empty cell. `give_up_after_s`
    holds for each page. Raises as `MondayClient.read`.
    """
    wanted = list(dict.fromkeys(value for value in values if value.strip()))

    async def found_for(some: Sequence[str]) -> list[FoundRow]:
        first = documents.find_items(board_id, column_id, some, list(titles))
        return [row async for row in _pages(client, first, titles, give_up_after_s)]

    rows: dict[str, FoundRow] = {}
    for found in await _at_once(found_for(some) for some in _chunks(wanted, MAX_VALUES)):
        rows.update((row.id, row) for row in found)
    for row in rows.values():
        yield row


async def list_items(
    client: MondayClient, board_id: str, titles: Titles, *, give_up_after_s: float = 30.0
) -> AsyncIterator[FoundRow]:
    """Every active item of a board, each once; a subitem board lists its subitems."""
    seen: set[str] = set()
    first = documents.list_items(board_id, list(titles))
    async for row in _pages(client, first, titles, give_up_after_s):
        if row.id not in seen:
            seen.add(row.id)
            yield row


async def read_items(
    client: MondayClient, ids: Iterable[str], titles: Titles, *, give_up_after_s: float = 30.0
) -> AsyncIterator[FoundRow]:
    """Items by id with their state, archived and deleted ones too; an unknown id gives no row."""
    for some in _chunks(list(dict.fromkeys(ids)), MAX_IDS):
        document = documents.items(some, list(titles))
        data = await client.read(document, give_up_after_s=give_up_after_s)
        for raw in _rows(data["r0"]):
            yield _row(raw, titles)


async def find_subitems(
    client: MondayClient,
    parent_ids: Iterable[str],
    titles: Titles,
    *,
    give_up_after_s: float = 30.0,
    parents_per_read: int = PARENTS_PER_READ,
) -> AsyncIterator[FoundRow]:
    """Every subitem below the given items; `titles` names columns of the subitem board."""

    async def found_below(some: Sequence[str]) -> list[FoundRow]:
        document = documents.subitems_of(some, list(titles))
        data = await client.read(document, give_up_after_s=give_up_after_s)
        return [
            _row(raw, titles, parent_id=str(parent.get("id")))
            for parent in _rows(data["r0"])
            for raw in _rows(parent.get("subitems") or [])
        ]

    chunks = _chunks(list(dict.fromkeys(parent_ids)), parents_per_read)
    for found in await _at_once(found_below(some) for some in chunks):
        for row in found:
            yield row


async def _at_once(readings: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Read as much at the same time as the client's gate lets through; one failure ends all."""
    tasks = [asyncio.ensure_future(reading) for reading in readings]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pages(
    client: MondayClient, first: Document, titles: Titles, give_up_after_s: float
) -> AsyncIterator[FoundRow]:
    """Rows of all pages. Begins anew when the cursor has died, so rows may come twice."""
    restarts = 0
    document = first
    while True:
        try:
            data = await client.read(document, give_up_after_s=give_up_after_s)
        except ReadRefusedError as error:
            if error.rule.remedy is not Remedy.RESTART_LISTING or restarts >= RESTARTS:
                raise
            restarts += 1
            document = first
            continue
        page = _page(data["r0"])
        for raw in _rows(page.get("items")):
            yield _row(raw, titles)
        cursor = page.get("cursor")
        if not isinstance(cursor, str) or not cursor:
            return
        document = documents.next_page(cursor, list(titles))


def _page(raw: object) -> Mapping[str, Any]:
    """A page of items, at the root or inside the one board asked for."""
    if isinstance(raw, list):
        boards = _rows(raw)
        raw = boards[0].get("items_page") if boards else None
    if not isinstance(raw, dict):
        raise _unreadable()
    return raw


def _rows(raw: object) -> list[dict[str, Any]]:
    """The objects of a list; anything but a list is no answer, and never an empty one."""
    if not isinstance(raw, list):
        raise _unreadable()
    return [entry for entry in raw if isinstance(entry, dict)]


def _row(raw: Mapping[str, Any], titles: Titles, parent_id: str = "") -> FoundRow:
    group = raw.get("group")
    cells = {str(c.get("id")): c.get("text") for c in _rows(raw.get("column_values"))}
    if not raw.get("id"):
        raise _unreadable()
    return FoundRow(
        id=str(raw["id"]),
        name=str(raw.get("name") or ""),
        values={title: str(cells.get(column) or "") for column, title in titles.items()},
        group_id=str(group.get("id") or "") if isinstance(group, dict) else "",
        parent_id=parent_id,
        state=str(raw.get("state") or "active"),
    )


def _unreadable() -> Unreachable:
    return Unreachable(
        "monday.com's answer to a look-up has an unexpected form.",
        hint="Nothing was decided by it; run again. If it stays, a proxy may change answers.",
    )


def _chunks(values: Sequence[str], size: int) -> Iterable[list[str]]:
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some
