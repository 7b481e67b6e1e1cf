"""The real command line, run inside this process, in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest

from order_sync import cli
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer
from tests.documents import check_document, wants_json

HEADER = "AAG ORDER NUMBER,CUSTOMER NAME,CUSTOMER STYLE,CUSTOMER COLOUR DESCRIPTION,PO NUMBER,S,M"
ORDER_HEADER = HEADER + ",AAG SEASON,CUSTOMER SEASON,ORDER TYPE,UNIT OF MEASURE"
GOOD = "JOO-1,JOHNNIE O,M01,WHITE,4755,12,7,2025 FALL,,RECEIVED,PCE"
OTHER = "RHY-1,RHYTHM,M01,BLACK,4756,1,,2025 FALL,,RECEIVED,PCE"
TOKEN = "canary-7f3a9c51"
SAMPLE = Path(cli.__file__).parents[1] / "samples" / "greyson-and-friends.csv"


@dataclass
class Ended:
    """What one command left behind."""

    exit_code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)


@dataclass
class OnBoard:
    """The board as a person sees it."""

    sandbox: Sandbox
    id: str

    def items(self):
        return self.sandbox.items(self.id)

    def mutations(self):
        return sum(entry.kind == "mutation" for entry in self.sandbox.request_log)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working folder, and no setting from outside."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith(("ORDER_SYNC_", "MONDAY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def open_folder():
    """A folder every user of this machine may enter; those of pytest are closed."""
    made = Path(mkdtemp(prefix="order-sync-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def run(capsys):
    """Run a command; stdin is no terminal, and every document is what its schema says."""

    def run(*argv):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(list(argv))
        captured = capsys.readouterr()
        code = ended.value.code or 0
        if captured.out and wants_json(argv) and argv[0] != "schema":
            check_document(captured.out, code)
        return Ended(code, captured.out, captured.err)

    return run


@pytest.fixture
def write_csv(folder):
    def write_csv(*rows, header=HEADER, name="orders.csv"):
        path = folder / name
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write_csv


@pytest.fixture
def sandbox():
    return Sandbox(SandboxOptions(token=TOKEN))


@pytest.fixture
def board(sandbox, monkeypatch):
    """An empty board, and settings that lead to it."""
    board = sandbox.add_board(
        "customer-master-schedule", name="Schedule", customers=["JOHNNIE O", "RHYTHM"]
    )
    with SandboxServer(sandbox, port=0) as server:
        monkeypatch.setenv("ORDER_SYNC_MONDAY__API_URL", server.api_url)
        monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", board.id)
        monkeypatch.setenv("MONDAY_API_TOKEN", TOKEN)
        yield OnBoard(sandbox, board.id)


@pytest.fixture
def load(run, write_csv):
    """Put rows with these cells into the source table."""

    def load(*rows):
        assert run("load", str(write_csv(*rows, header=ORDER_HEADER))).exit_code == 0

    return load
