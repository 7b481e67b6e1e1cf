"""Many who look while a run writes: each gets a page, and the run is not held up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

import pytest

from order_sync.errors import ExitCode
from tests.conftest import empty_database
from tests.dashboard.conftest import Pages, new_world, pages_of
from tests.runs.dying import start
from tests.runs.world import order

OLD = order("GRE-OLD")
NEW = [order(f"GRE-{number}") for number in range(90)]
READERS = 4


class Reader(threading.Thread):
    """Opens pages in turn until told to stop; counts what the answers were."""

    def __init__(self, pages: Pages, paths: Sequence[str], stop: threading.Event) -> None:
        super().__init__()
        self.pages, self.paths, self.stop = pages, paths, stop
        self.answers: Counter[tuple[str, int | str]] = Counter()

    def run(self) -> None:
        for path in cycle(self.paths):
            if self.stop.wait(0.05):
                return
            try:
                answer: int | str = self.pages.ask(path).status_code
            except Exception as error:  # told by the test
                answer = repr(error)
            self.answers[path, answer] += 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_reader_sees_an_error_while_a_run_writes(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with (
        empty_database(kind, tmp_path, request) as url,
        new_world(tmp_path, "" if kind == "sqlite" else url) as world,
    ):
        # Readers and sandbox share a process: nobody is hurried.
        world.extra |= {"ORDER_SYNC_MONDAY__SERVER_LIMIT_S": "30"}
        world.has_orders(OLD)
        assert world.sync().exit_code is ExitCode.DONE
        ((run_id,),) = world.query("SELECT run_id FROM MON_SyncRuns")
        paths = ("/", "/charts/throughput.svg", "/runs", f"/runs/{run_id}",
                 f"/charts/runs/{run_id}.svg", "/errors", "/search?q=gre",
                 f"/orders?key={quote('gre-old|m01y09|dean blue')}")  # fmt: skip
        world.has_orders(OLD, *NEW)
        stop = threading.Event()
        with pages_of(world) as pages:
            readers = [Reader(pages, paths[n:] + paths[:n], stop) for n in range(READERS)]
            for reader in readers:
                reader.start()
            try:
                code, said = start(world.environ, world.folder, ["sync"]).ended()
            finally:
                stop.set()
                for reader in readers:
                    reader.join()
        answers = sum((reader.answers for reader in readers), Counter())
        assert code == ExitCode.DONE, said
        assert set(answers) == {(path, 200) for path in paths}, answers
        world.assert_board_equals_source([OLD, *NEW])
