"""`check --export-board FILE`: the structure of a board, to rehearse on a copy of it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer

from .conftest import GOOD, TOKEN, OnBoard
from .test_sandbox import read_document, serving


def structure(sandbox, board_id):
    """What a board is, in plain values; without its own id."""
    board = sandbox.account.board(board_id)
    return {
        "name": board.name,
        "groups": [(g.id, g.title, g.state) for g in board.groups if g.state != "deleted"],
        "boards": [
            [
                (c.id, c.title, c.type, c.labels and c.labels.settings())
                for c in one.columns.values()
            ]
            for one in (board, board.subitem_board)
        ],
    }


@pytest.fixture
def lived_in(sandbox, board, load, run):
    """A board that somebody has used: made labels, a deactivated one, an archived group, items."""
    load(GOOD)
    assert run("sync").exit_code == 0
    item_id = sandbox.person_creates(board.id, "OLD", "PO-SECRET", {"NOTES": "value-SECRET"})
    sandbox.person_archives_group(board.id, "OLD")
    sandbox.person_sets(sandbox.items(board.id)[0].id, "ORDER STATUS", "SEEN")
    sandbox.person_deactivates_label(board.id, "CUSTOMER", "RHYTHM")
    sandbox.person_creates(board.id, "GONE", "PO-X")
    sandbox.person_deletes_group(board.id, "GONE")
    assert sandbox.item(item_id).state == "archived"
    return board


def test_a_copy_is_the_board_without_its_items(run, folder, sandbox, lived_in):
    seen = lived_in.mutations()

    ended = run("check", "--export-board", "board.json")

    assert ended.exit_code == 0, ended.err
    assert "board.json" in ended.out
    assert lived_in.mutations() == seen
    text = (folder / "board.json").read_text()
    assert "SECRET" not in text
    assert lived_in.id not in text
    assert TOKEN not in text
    copy = Sandbox()
    made = copy.add_board(folder / "board.json")
    assert structure(copy, made.id) == structure(sandbox, lived_in.id)
    assert copy.items(made.id) == []
    assert made.id != lived_in.id


def test_a_copy_can_be_checked_and_synced_to(run, folder, lived_in, monkeypatch):
    assert run("check", "--export-board", "board.json").exit_code == 0
    with serving("--board", "board.json", "-o", "json") as process:
        document = read_document(process)
        for name, value in document["settings"].items():
            monkeypatch.setenv(name, value)
        assert document["boards"][0]["name"] == "Schedule"
        checked = run("check", "--export-board", "again.json")
        assert checked.exit_code == 0, checked.out + checked.err
        synced = run("sync", "-o", "json")
    assert synced.exit_code == 0, synced.err
    assert synced.document["orders_created"] == 1
    # The rehearsal is known as one of another board.
    with closing(sqlite3.connect(folder / "order-sync.db")) as db:
        known = db.execute("SELECT board_id FROM MON_CustMasterSchedule ORDER BY 1").fetchall()
    assert len(set(known)) == 2
    first, second = (
        json.loads((folder / name).read_text()) for name in ("board.json", "again.json")
    )
    assert first == second


def test_a_file_that_is_there_stays_without_force(run, folder, board, load):
    load(GOOD)
    file = folder / "board.json"
    file.write_text("mine")
    requests = board.sandbox.log.total

    ended = run("check", "--export-board", "board.json")

    assert (ended.exit_code, file.read_text()) == (2, "mine")
    assert "--force" in ended.err
    assert board.sandbox.log.total == requests
    assert run("check", "--export-board", "board.json", "--force").exit_code == 0
    assert json.loads(file.read_text())["name"] == "Schedule"


def test_a_folder_that_is_missing_is_told(run, board, load):
    load(GOOD)
    ended = run("check", "--export-board", "nowhere/board.json", "-o", "json")
    assert ended.exit_code == 2
    (row,) = [row for row in ended.document["checks"] if row["verdict"] == "fail"]
    assert (row["name"], row["to_do"]) == (
        "export", "name a file in a folder that is there, with --export-board",
    )  # fmt: skip


def test_a_board_that_does_not_fit_can_be_copied_too(run, folder, load, monkeypatch):
    sandbox = Sandbox(SandboxOptions(token=TOKEN))
    board = sandbox.add_board({"name": "Small", "columns": [{"title": "Name", "type": "name"}]})
    with SandboxServer(sandbox) as server:
        monkeypatch.setenv("ORDER_SYNC_MONDAY__API_URL", server.api_url)
        monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", OnBoard(sandbox, board.id).id)
        monkeypatch.setenv("MONDAY_API_TOKEN", TOKEN)
        load(GOOD)
        ended = run("check", "--export-board", "board.json")
    assert ended.exit_code == 6
    content = json.loads((folder / "board.json").read_text())
    assert [column["title"] for column in content["columns"]] == ["Name"]
    assert "subitem_columns" not in content


def test_a_board_of_another_name_is_not_copied(run, folder, board, load, monkeypatch):
    load(GOOD)
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_NAME", "Another")
    assert run("check", "--export-board", "board.json").exit_code == 6
    assert not (folder / "board.json").exists()
