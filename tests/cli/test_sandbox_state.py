"""`order-sync sandbox --state FILE`: killed at any moment, it holds all that it had answered."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from order_sync.sandbox import Sandbox

from .test_sandbox import COMMAND, read_document, serving

PER_DOCUMENT = 8
NAMES = [f"n{i}" for i in range(PER_DOCUMENT)]
DECLARED = ", ".join(f"${name}: String!" for name in NAMES)
FIELDS = " ".join(f"{n}: create_item(board_id: $b, item_name: ${n}) {{ id }}" for n in NAMES)
DOCUMENT = f"mutation ($b: ID!, {DECLARED}) {{ {FIELDS} }}"


class Writer:
    """Creates items in documents of its own, each under its own key, until the server is gone."""

    def __init__(self, address, board_id):
        self.client = httpx2.Client(base_url=address, timeout=30)
        self.board_id = board_id

    def send(self, key):
        """Ids by name; None: no answer came."""
        names = {name: f"{key}-{name}" for name in NAMES}
        variables = {"b": self.board_id, **names}
        try:
            answer = self.client.post(
                "/v2",
                json={"query": DOCUMENT, "variables": variables},
                headers={"Authorization": "tok-CANARY-5521", "Idempotency-Key": key},
            )
        except httpx2.TransportError:
            return None
        data = answer.json()["data"]
        return {names[alias]: data[alias]["id"] for alias in NAMES}


def write_until_killed(process, document, prefix, answers):
    """Four writers at once; the sandbox is killed after so many answers, with others under way."""
    writer = Writer(document["address"], document["boards"][0]["id"])
    answered, unanswered, enough = {}, [], threading.Lock()

    def write(thread):
        number = 0
        while True:
            key = f"{prefix}{thread}.{number}"
            ids = writer.send(key)
            if ids is None:
                unanswered.append(key)
                return
            with enough:
                answered.update(ids)
                if len(answered) >= answers * PER_DOCUMENT:
                    process.kill()
            number += 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    process.wait()
    writer.client.close()
    return answered, unanswered


def test_an_answered_write_is_never_lost_and_a_repeated_one_never_doubled(tmp_path):
    file = tmp_path / "state.db"
    answered: dict[str, str] = {}
    unanswered: list[str] = []
    for round_, answers in enumerate((1, 17, 60)):
        with serving("--state", str(file), "--no-limits", "-o", "json") as process:
            document = read_document(process)
            writer = Writer(document["address"], document["boards"][0]["id"])
            # Whoever got no answer asks again with the same key, as the service would have it.
            for key in unanswered:
                answered |= writer.send(key)
            writer.client.close()
            done, unanswered = write_until_killed(process, document, f"r{round_}.", answers)
            answered |= done

    sandbox = Sandbox(state=file)
    on_board = {item.name: item.id for item in sandbox.items(document["boards"][0]["id"])}
    names = Counter(item.name for item in sandbox.items(document["boards"][0]["id"]))
    sandbox.close()
    assert answered.items() <= on_board.items()
    assert set(names.values()) == {1}
    # A document is there as a whole or not at all.
    documents = Counter(name.rpartition("-")[0] for name in on_board)
    assert set(documents.values()) == {PER_DOCUMENT}
    assert set(on_board) - set(answered) <= {
        f"{key}-{name}" for key in unanswered for name in NAMES
    }
    assert b"CANARY" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_the_same_board_is_there_again_and_offers_new_customers(tmp_path):
    options = ("--state", str(tmp_path / "s.db"), "-o", "json")
    with serving(*options) as process:
        first = read_document(process)
    with serving(*options, "--customer", "LATER") as process:
        second = read_document(process)

    assert second["boards"][0]["id"] == first["boards"][0]["id"]
    assert len(second["boards"]) == 1
    sandbox = Sandbox(state=tmp_path / "s.db")
    labels = sandbox.account.board(first["boards"][0]["id"]).column_titled("CUSTOMER").labels
    assert labels.find("LATER")
    sandbox.close()


def test_a_second_sandbox_on_the_file_exits_7_and_says_what_to_do(tmp_path):
    file = tmp_path / "s.db"
    with serving("--state", str(file), "-o", "json") as process:
        read_document(process)
        second = subprocess.run(
            [COMMAND, "sandbox", "--state", str(file)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert second.returncode == 7
    assert second.stderr.splitlines() == [
        f"error: another sandbox works with {file}",
        "  do: end that one, or name another file",
    ]


@pytest.mark.parametrize("content", [b"{}", b"no database\n" * 200])
def test_a_file_that_is_no_state_exits_2_and_stays(tmp_path, run, content):
    file = tmp_path / "mine"
    file.write_bytes(content)
    before = file.read_bytes()

    ended = run("sandbox", "--state", str(file))

    assert ended.exit_code == 2
    assert "--state" in ended.err
    assert "name another file" in ended.err
    assert file.read_bytes() == before


def test_it_says_where_the_board_stays(tmp_path):
    with serving("--state", str(tmp_path / "s.db")) as process:
        lines = [process.stdout.readline() for _ in range(9)]
    assert f"the board stays in {tmp_path / 's.db'}" in "".join(lines)
    assert (tmp_path / "s.db").stat().st_size
