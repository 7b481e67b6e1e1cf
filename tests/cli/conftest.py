"""The real command line, run inside this process, in a folder of its own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from order_sync import cli

HEADER = "AAG ORDER NUMBER,CUSTOMER NAME,CUSTOMER STYLE,CUSTOMER COLOUR DESCRIPTION,PO NUMBER,S,M"
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


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working folder, and no setting from outside."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith(("ORDER_SYNC_", "MONDAY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def run(capsys):
    """Run a command; stdin is no terminal."""

    def run(*argv):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(list(argv))
        captured = capsys.readouterr()
        return Ended(ended.value.code or 0, captured.out, captured.err)

    return run


@pytest.fixture
def write_csv(folder):
    def write_csv(*rows, header=HEADER, name="orders.csv"):
        path = folder / name
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write_csv
