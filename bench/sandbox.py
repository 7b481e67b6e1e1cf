"""How many mutations a second one core of the sandbox answers, and what it keeps in memory.

    .venv/bin/python bench/sandbox.py [--writes 6000] [--rounds 3]

The sandbox runs in a process of its own, without limits and faults; two callers keep it busy over
HTTP with documents of aliased mutations, whose bodies are made beforehand. Items are as full as a
board of the shipped profile lets them be. `CPU` is the processor time of the server for one
mutation, or for one item that is read. Exits 1 when documents of 25 or 50 mutations of some kind
stay below 3,000 mutations a second.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer

ENOUGH = 3_000  # mutations a second
SIZES = (1, 10, 25, 50)
JUDGED = frozenset({25, 50})
CALLERS = 2
PAGED = 1_200  # items on the board that is read

_HEADERS = {"Authorization": "benchmark", "Content-Type": "application/json"}
_DOCUMENTS = {
    "create_item": (
        "$b{0}: ID!, $g{0}: String, $n{0}: String!, $v{0}: JSON",
        "a{0}: create_item(board_id: $b{0}, group_id: $g{0}, item_name: $n{0},"
        " column_values: $v{0}, create_labels_if_missing: true) {{ id }}",
    ),
    "create_subitem": (
        "$i{0}: ID!, $n{0}: String!, $v{0}: JSON",
        "a{0}: create_subitem(parent_item_id: $i{0}, item_name: $n{0}, column_values: $v{0},"
        " create_labels_if_missing: true) {{ id }}",
    ),
    "change_multiple_column_values": (
        "$b{0}: ID!, $i{0}: ID!, $v{0}: JSON!",
        "a{0}: change_multiple_column_values(board_id: $b{0}, item_id: $i{0},"
        " column_values: $v{0}, create_labels_if_missing: true) {{ id }}",
    ),
}
_FIRST_PAGE = """query ($b: [ID!]!, $limit: Int!) { boards(ids: $b) { items_page(limit: $limit) {
    cursor items { id name group { id } column_values { id text } } } } }"""
_NEXT_PAGE = """query ($cursor: String!, $limit: Int!) { next_items_page(cursor: $cursor,
    limit: $limit) { cursor items { id name group { id } column_values { id text } } } }"""


# The server -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Served:
    """What a caller needs to know of the sandbox; columns are (id, type)."""

    url: str
    board: str
    group: str
    columns: list[tuple[str, str]]
    subcolumns: list[tuple[str, str]]


@dataclass(frozen=True)
class Usage:
    cpu_s: float
    memory_mb: float


def serve(pipe: Connection) -> None:
    """Tells where it is, then its usage for every line that comes, until the pipe closes."""
    sandbox = Sandbox(SandboxOptions(limits=False, items_limit=10_000_000))
    board = sandbox.add_board("customer-master-schedule", name="Benchmark")
    assert board.subitem_board is not None
    with SandboxServer(sandbox) as server:
        kinds = [[(one.id, one.type) for one in owner.columns.values()]
                 for owner in (board, board.subitem_board)]  # fmt: skip
        pipe.send(Served(server.api_url, board.id, board.groups[0].id, *kinds))
        try:
            while True:
                pipe.recv()
                pipe.send(Usage(time.process_time(), _memory_mb()))
        except EOFError:
            return


def _memory_mb() -> float:
    """What the process holds now, not at its peak."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def sandbox() -> Iterator[tuple[Served, Callable[[], Usage]]]:
    """A new sandbox in a process of its own, and how to ask what it used so far."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    process.start()
    there.close()

    def usage() -> Usage:
        here.send(None)
        used: Usage = here.recv()
        return used

    try:
        served: Served = here.recv()
        yield served, usage
    finally:
        here.close()
        process.join()


# Callers --------------------------------------------------------------------------------------


class Caller:
    """One connection that is kept open."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self._http = HTTPConnection(address.hostname, address.port)
        self._path = address.path

    def ask(self, body: bytes) -> dict[str, Any]:
        self._http.request("POST", self._path, body, _HEADERS)
        answer: dict[str, Any] = orjson.loads(self._http.getresponse().read())
        assert "errors" not in answer, answer["errors"][0]
        data: dict[str, Any] = answer["data"]
        return data


def ask_all(url: str, bodies: Sequence[bytes]) -> list[str]:
    """Send bodies over some connections at once; returns the ids of all that was written."""
    ids: list[list[str]] = [[] for _ in range(CALLERS)]

    def ask_some(place: int) -> None:
        caller = Caller(url)
        for body in bodies[place::CALLERS]:
            ids[place] += [row["id"] for row in caller.ask(body).values()]

    threads = [threading.Thread(target=ask_some, args=(place,)) for place in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [one for some in ids for one in some]


def bodies(kind: str, size: int, rows: Sequence[dict[str, str]]) -> list[bytes]:
    """Requests of `size` aliased mutations each; a row holds the variables of one of them."""
    declared, field = _DOCUMENTS[kind]
    query = "mutation ({}) {{ {} }}".format(
        ", ".join(declared.format(place) for place in range(size)),
        " ".join(field.format(place) for place in range(size)),
    )
    return [
        orjson.dumps(
            {
                "query": query,
                "variables": {
                    f"{name}{place}": value
                    for place, row in enumerate(rows[start : start + size])
                    for name, value in row.items()
                },
            }
        )
        for start in range(0, len(rows) - size + 1, size)
    ]


def cells(columns: Sequence[tuple[str, str]], number: int) -> str:
    """A value for every column that can be written, as the JSON text the API wants."""
    by_type: dict[str, Any] = {
        "text": f"PO-{number:06}",
        "long_text": {"text": f"NALLA POLO {number % 97}"},
        "numbers": f"{number % 1000}.25",
        "date": {"date": f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}"},
        "dropdown": {"labels": [f"LABEL {number % 20}"]},
        "status": {"label": f"STATE {number % 5}"},
    }
    return orjson.dumps({id_: by_type[kind] for id_, kind in columns if kind in by_type}).decode()


# What is measured -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Rate:
    """`each_us`: microseconds of the server's processor time for one."""

    per_s: float
    each_us: float


def median(rates: Sequence[Rate]) -> Rate:
    return Rate(
        statistics.median(one.per_s for one in rates),
        statistics.median(one.each_us for one in rates),
    )


def timed(count: int, usage: Callable[[], Usage], work: Callable[[], object]) -> Rate:
    cpu_s, began = usage().cpu_s, time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return Rate(count / seconds, (usage().cpu_s - cpu_s) / count * 1e6)


def new_items(served: Served, count: int) -> list[dict[str, str]]:
    return [
        {
            "b": served.board,
            "g": served.group,
            "n": f"PO-{number:06}",
            "v": cells(served.columns, number),
        }
        for number in range(count)
    ]


def written(size: int, writes: int) -> dict[str, Rate]:
    """Kind of mutation -> its rate, on a new sandbox. Each item gets five subitems and a change."""
    with sandbox() as (served, usage):
        ids: list[str] = []

        def rate(kind: str, rows: Sequence[dict[str, str]]) -> Rate:
            requests = bodies(kind, size, rows)
            found: list[str] = []
            rate = timed(
                len(requests) * size, usage, lambda: found.extend(ask_all(served.url, requests))
            )
            ids.extend(found)
            return rate

        items = rate("create_item", new_items(served, writes))
        parents = ids[: writes // 5]
        sizes = [
            {"i": parent, "n": f"Size {number}", "v": cells(served.subcolumns[:3], number)}
            for parent in parents
            for number in range(5)
        ]
        changes = [
            {"b": served.board, "i": parent, "v": cells(served.columns[:15], number)}
            for number in range(5)
            for parent in parents
        ]
        return {
            "create_item": items,
            "create_subitem": rate("create_subitem", sizes),
            "change_multiple_column_values": rate("change_multiple_column_values", changes),
        }


def read(limit: int) -> Rate:
    """Items with all their columns, in pages of `limit`."""
    with sandbox() as (served, usage):
        ask_all(served.url, bodies("create_item", 25, new_items(served, PAGED)))
        caller = Caller(served.url)

        def page(query: str, **variables: Any) -> dict[str, Any]:
            body = orjson.dumps({"query": query, "variables": {**variables, "limit": limit}})
            return caller.ask(body)

        def all_pages() -> None:
            found = page(_FIRST_PAGE, b=[served.board])["boards"][0]["items_page"]
            count = len(found["items"])
            while found["cursor"] is not None:
                found = page(_NEXT_PAGE, cursor=found["cursor"])["next_items_page"]
                count += len(found["items"])
            assert count == PAGED

        return timed(PAGED, usage, all_pages)


def memory_mb(items: int) -> float:
    """What the process grows by, the log of its requests included."""
    with sandbox() as (served, usage):
        before = usage().memory_mb
        ask_all(served.url, bodies("create_item", 25, new_items(served, items)))
        return usage().memory_mb - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writes", type=int, default=6_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"median of {arguments.rounds} rounds, {arguments.writes:,} mutations of each kind")
    print(f"{'':<31}{'a request':>9}{'per second':>13}{'CPU':>10}")
    rates: dict[tuple[str, int], list[Rate]] = {}
    for _ in range(arguments.rounds):
        for size in SIZES:
            for kind, rate in written(size, arguments.writes).items():
                rates.setdefault((kind, size), []).append(rate)
    enough = True
    for (kind, size), measured in sorted(rates.items()):
        rate = median(measured)
        print(f"{kind:<31}{size:>9}{rate.per_s:>13,.0f}{rate.each_us:>7.0f} us")
        enough = enough and (size not in JUDGED or rate.per_s >= ENOUGH)
    for limit in (100, 500):
        rate = median([read(limit) for _ in range(arguments.rounds)])
        print(f"{'items read in pages':<31}{limit:>9}{rate.per_s:>13,.0f}{rate.each_us:>7.0f} us")
    grown = memory_mb(10_000)
    print(f"10,000 full items and the requests that made them take {grown:.0f} MB")
    sys.exit(0 if enough else 1)


if __name__ == "__main__":
    main()
