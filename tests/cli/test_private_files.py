"""Files with orders or the token in them: who may read them, and who is told when others can."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from order_sync.demo import demo_world
from order_sync.sandbox.state_file import StateFile

from .conftest import GOOD, TOKEN

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")


@pytest.fixture
def open_umask(monkeypatch):
    """A umask that takes nothing away, and nobody who closes a file once it is there."""

    def close(file, mode):
        assert stat.S_IMODE(os.fstat(file).st_mode) == mode, "it was open until now"

    monkeypatch.setattr(os, "fchmod", close)
    monkeypatch.setattr(os, "chmod", lambda path, *_, **__: pytest.fail(f"{path} was open"))
    before = os.umask(0)
    yield
    os.umask(before)


def permissions(folder: Path) -> dict[str, str]:
    """What stands in a folder, without the files a test put there."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".csv"]
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in files}


def test_what_commands_write_is_for_their_user_alone_from_its_first_moment(
    run, board, load, folder, open_umask
):
    load(GOOD)
    with closing(sqlite3.connect(folder / "order-sync.db")) as reader:
        reader.execute("SELECT * FROM ORDERS_UNIFIED").fetchone()  # the log stays while it reads
        assert run("plan", "--out", "plan.json").exit_code == 0
        assert run("sync", "--plan", "plan.json").exit_code == 0
        assert run("check", "--export-board", "board.json").exit_code == 0
        found = permissions(folder)

    assert set(found) == {
        "order-sync.db",
        "order-sync.db-wal",
        "order-sync.db-shm",
        f"order-sync.db.board-{board.id}.lock",
        "plan.json",
        "board.json",
    }
    assert set(found.values()) == {"0o600"}, found


def test_the_state_of_a_sandbox_is_for_its_user_alone(tmp_path, open_umask):
    state = StateFile(tmp_path / "state")
    state.write({"a": b"1"})
    found = permissions(tmp_path)
    state.close()
    assert {"state", "state-wal"} <= set(found)
    assert set(found.values()) == {"0o600"}, found


def test_what_the_demo_keeps_is_for_its_user_alone():
    with demo_world() as world:
        assert stat.S_IMODE(world.folder.stat().st_mode) == 0o700
        assert permissions(world.folder)["token.txt"] == "0o600"


def test_a_file_that_is_there_keeps_the_permissions_it_was_given(run, board, load, folder):
    path = folder / "order-sync.db"
    path.touch()
    path.chmod(0o640)  # a group reads it with tools of its own
    load(GOOD)
    assert run("sync").exit_code == 0
    assert permissions(folder)["order-sync.db"] == "0o640"


# The file of the token ---------------------------------------------------------------------------


@pytest.fixture
def told(run, board, monkeypatch):
    """Put the token into a file with these permissions; what a command says of it on stderr."""

    def told(path, mode):
        path.write_text(TOKEN)
        path.chmod(mode)
        monkeypatch.delenv("MONDAY_API_TOKEN", raising=False)
        monkeypatch.setenv("MONDAY_API_TOKEN_FILE", str(path))
        ended = run("status", "--output", "json")
        assert ended.exit_code == 0
        assert TOKEN not in ended.out + ended.err
        return [line for line in ended.err.splitlines() if "token" in line]

    return told


def test_a_token_file_everybody_can_read_is_told_with_what_to_do(told, open_folder):
    path = open_folder / "my token"
    (line,) = told(path, 0o644)
    assert line.startswith("note: ")
    assert f"chmod 600 '{path}'" in line


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_a_token_file_others_cannot_read_is_no_matter(told, open_folder, mode):
    assert told(open_folder / "token", mode) == []


def test_a_token_file_behind_a_closed_folder_is_no_matter(told, open_folder):
    closed = open_folder / "closed"
    closed.mkdir(0o700)
    assert told(closed / "token", 0o644) == []


def test_a_password_in_settings_everybody_can_read_is_told(run, monkeypatch, open_folder):
    settings = open_folder / "order-sync.toml"
    url = f"postgresql://me:{'Wq3-hidden'}@127.0.0.1:1/orders"
    settings.write_text(f'[source]\nurl = "{url}"\n')
    settings.chmod(0o644)
    (line,) = run("status", "--config", str(settings)).err.splitlines()
    assert line.startswith("note: ")
    assert f"chmod 600 {settings}" in line
    assert "Wq3" not in line
    settings.chmod(0o600)
    assert run("status", "--config", str(settings)).err == ""
    settings.chmod(0o644)
    monkeypatch.setenv("ORDER_SYNC_SOURCE__URL", url)
    assert run("status", "--config", str(settings)).err == ""
