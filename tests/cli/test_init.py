"""`init` writes settings that explain themselves and work as they are."""

from __future__ import annotations

import re
import tomllib

import pytest
from pydantic import BaseModel

from order_sync.config import load_settings
from order_sync.profile import DEFAULT_PROFILE, load_profile
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer
from order_sync.settings import FileSettings
from order_sync.starter_settings import Known, settings_text

TOKEN = "canary-3b9ac9ff"


@pytest.fixture
def sandbox_board(monkeypatch):
    """The id of an empty board; how to reach it is set, which board is not."""
    sandbox = Sandbox(SandboxOptions(token=TOKEN))
    board = sandbox.add_board("customer-master-schedule", name="Schedule", customers=["JOHNNIE O"])
    with SandboxServer(sandbox, port=0) as server:
        monkeypatch.setenv("ORDER_SYNC_MONDAY__API_URL", server.api_url)
        monkeypatch.setenv("MONDAY_API_TOKEN", TOKEN)
        yield board.id


def uncommented(text):
    return re.sub(r"^#(?=[\[a-z])", "", text, flags=re.M)


def described(model=FileSettings, prefix=""):
    """(place, description, default) of every setting."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from described(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.description, field.default


def test_check_accepts_the_file_once_token_and_board_are_given(
    run, folder, write_csv, sandbox_board
):
    assert run("init", "--board-id", sandbox_board).exit_code == 0
    assert run("load", str(write_csv("JOO-1,JOHNNIE O,M01,WHITE,4755,12,7"))).exit_code == 0
    ended = run("check", "-o", "json")
    assert ended.exit_code == 0
    config = ended.document["checks"][0]
    assert str(folder / "order-sync.toml") in config["what"]


def test_the_file_says_every_setting_with_its_meaning_and_default(folder):
    text = settings_text(Known())
    examples = tomllib.loads(uncommented(text))
    for place, description, default in described():
        assert f"# {description}\n" in text or f": {description}\n" in text
        value = examples
        for part in place.split("."):
            value = value.get(part, {})
        if place in ("monday.token", "notify.urls"):
            assert value == {}
        elif default is None:
            assert value
        else:
            assert value == (list(default) if isinstance(default, tuple) else default)


def test_nothing_is_set_but_what_was_given(run, folder):
    run("init")
    text = (folder / "order-sync.toml").read_text()
    sections = ("database", "source", "monday", "log", "notify")
    assert tomllib.loads(text) == {section: {} for section in sections}
    run("init", "--force", "--board-id", " 42 ", "--database-url", "sqlite:///x.db",
        "--source-table", 'odd "name"')  # fmt: skip
    text = (folder / "order-sync.toml").read_text()
    assert tomllib.loads(text) == {
        "database": {"url": "sqlite:///x.db"},
        "source": {"table": 'odd "name"'},
        "monday": {"board_id": "42"},
        "log": {},
        "notify": {},
    }


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_the_file_loads_with_every_comment_taken_away(run, folder, env):
    run("init")
    file = folder / "order-sync.toml"
    text = file.read_text()
    assert uncommented(text).count("\n") == text.count("\n")
    file.write_text(uncommented(text))
    (folder / "token.txt").write_text(TOKEN)
    (folder / "notify-urls.txt").write_text("json://127.0.0.1/hook")
    settings = load_settings(config=None, env=env, environ={}, cwd=folder)
    assert settings.monday.board_id == {"dev": "1234567890", "prod": "9876543210"}[env]
    assert settings.require_token().get_secret_value() == TOKEN
    assert settings.notify.addresses == ["json://127.0.0.1/hook"]


def test_an_existing_file_is_never_overwritten_unless_asked(run, folder):
    file = folder / "order-sync.toml"
    file.write_text("# mine\n")
    ended = run("init")
    assert ended.exit_code == 2
    assert "exists already" in ended.err
    assert "--force" in ended.err
    assert file.read_text() == "# mine\n"
    assert run("init", "--force").exit_code == 0
    assert "# mine" not in file.read_text()


@pytest.mark.parametrize("option", ["--path", "--config"])
def test_another_place_is_named_in_the_next_commands(run, folder, option):
    (folder / "conf").mkdir()
    ended = run("init", option, "conf/mine.toml", "-o", "json")
    file = folder / "conf" / "mine.toml"
    assert ended.document["path"] == str(file)
    assert ended.document["next"] == [
        f"order-sync {name} --config {file}" for name in ("check", "load FILE", "plan")
    ]
    assert [path.name for path in folder.iterdir()] == ["conf"]


def test_it_ends_with_the_next_three_commands_and_where_the_token_goes(run, folder):
    shown = run("init").out
    told = [shown.index(f"order-sync {name} ") for name in ("check", "load FILE", "plan")]
    assert told == sorted(told)
    assert "MONDAY_API_TOKEN" in shown
    assert "monday.board_id" in shown


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--path", "nowhere/x.toml"], "No such file or directory"),
        (["--path", "."], "exists already"),
        (["--path", ".", "--force"], "Is a directory"),
        (["--board-id", "mine"], "monday.board_id"),
        (["--board-id", ""], "monday.board_id"),
        (["--source-table", " "], "source.table"),
        (["--database-url", "orders.db"], "must be a database URL"),
        (["--database-url", ""], "must be a database URL"),
        (["--database-url", f"postgresql://me:{TOKEN}@host/db"], "a password does not belong"),
    ],
)
def test_what_cannot_be_written_exits_2_and_writes_nothing(run, folder, argv, told):
    ended = run("init", *argv)
    assert ended.exit_code == 2
    assert told in ended.err
    assert "  do: " in ended.err
    assert TOKEN not in ended.err
    assert list(folder.iterdir()) == []


def test_a_broken_file_above_does_not_matter(run, folder, monkeypatch):
    (folder / "order-sync.toml").write_text("[monday\n")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert run("init").exit_code == 0


def test_no_token_is_written(run, folder, monkeypatch):
    monkeypatch.setenv("MONDAY_API_TOKEN", TOKEN)
    run("init")
    text = (folder / "order-sync.toml").read_text()
    assert TOKEN not in text
    assert "MONDAY_API_TOKEN" in text


def test_a_profile_of_ones_own_is_written_and_named_in_the_settings(run, folder):
    (folder / "conf").mkdir()
    ended = run("init", "--path", "conf/order-sync.toml", "--profile", "my-profile.toml")
    assert ended.exit_code == 0
    assert "my-profile.toml is written" in ended.out
    settings = load_settings(
        config=folder / "conf" / "order-sync.toml", env=None, environ={}, cwd=folder
    )
    assert load_profile(settings.profile) == load_profile(DEFAULT_PROFILE)
    assert settings.profile.endswith("my-profile.toml")


def test_beside_settings_that_are_there_only_the_profile_is_written(run, folder):
    assert run("init", "--board-id", "7").exit_code == 0
    before = (folder / "order-sync.toml").read_text()
    ended = run("init", "--profile", "my-profile.toml")
    assert ended.exit_code == 0
    assert "stays as it is" in ended.out
    said = next(row for row in ended.out.splitlines() if "profile =" in row)
    assert (folder / "order-sync.toml").read_text() == before
    (folder / "order-sync.toml").write_text(f"{said.strip()}\n{before}")
    settings = load_settings(config=None, env=None, environ={}, cwd=folder)
    assert load_profile(settings.profile) == load_profile(DEFAULT_PROFILE)
    told = run("init", "--profile", "another.toml", "-o", "json").document
    assert (told["is_written"], told["profile"]) == (False, str(folder / "another.toml"))


@pytest.mark.parametrize(
    ("there", "options"),
    [("order-sync.toml", ["--board-id", "7"]), ("my-profile.toml", []),
     ("my-profile.toml", ["--board-id", "7"])],
)  # fmt: skip
def test_with_a_profile_both_files_are_written_or_none(run, folder, there, options):
    (folder / there).write_text("# mine\n")
    ended = run("init", "--profile", "my-profile.toml", *options)
    assert ended.exit_code == 2
    assert f"{there} exists already" in ended.err
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [(there, "# mine\n")]
    assert run("init", "--profile", "my-profile.toml", "--force").exit_code == 0


def test_a_profile_whose_name_would_not_be_read_as_a_path_is_refused(run, folder):
    ended = run("init", "--profile", "mine")
    assert ended.exit_code == 2
    assert "let it end in .toml" in ended.err
    assert list(folder.iterdir()) == []
