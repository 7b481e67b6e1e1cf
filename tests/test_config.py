"""Settings: which source wins, what is refused, and what is never shown."""

import pytest

from order_sync.config import load_settings
from order_sync.errors import ConfigError

CANARY = "canary-token-5f2a"


@pytest.fixture
def load(tmp_path):
    def load(text=None, *, env=None, cwd=None, config=None, **environ):
        if text is not None:
            (tmp_path / "order-sync.toml").write_text(text, encoding="utf-8")
        return load_settings(config=config, env=env, environ=environ, cwd=cwd or tmp_path)

    return load


def mistakes(load, *args, **kwargs):
    with pytest.raises(ConfigError) as caught:
        load(*args, **kwargs)
    assert caught.value.problems
    return caught.value.problems


def test_defaults(load, tmp_path):
    settings = load()
    assert settings.environment == "dev"
    assert settings.profile == "customer-master-schedule"
    assert settings.database.url == f"sqlite:///{tmp_path}/order-sync.db"
    assert settings.source.url == settings.database.url
    assert settings.source.table == "ORDERS_UNIFIED"
    monday = settings.monday
    assert monday.api_url == "https://api.monday.com/v2"
    assert monday.api_version == "2026-10"
    assert (monday.send_window_s, monday.server_limit_s, monday.read_lag_s) == (5, 60, 30)
    assert (monday.concurrency, monday.batch_size, monday.max_attempts) == (4, 15, 4)
    assert (settings.log.level, settings.log.format) == ("info", "auto")
    assert settings.notices == ()


def test_file_then_environment_section_then_variable(load):
    text = """
        [monday]
        board_id = 1
        concurrency = 2
        batch_size = 10
        [environments.dev.monday]
        board_id = 2
        concurrency = 3
    """
    monday = load(text, ORDER_SYNC_MONDAY__BOARD_ID="3").monday
    assert (monday.board_id, monday.concurrency, monday.batch_size) == ("3", 3, 10)


def test_variables_alone_are_enough(load, tmp_path):
    settings = load(
        ORDER_SYNC_DATABASE__URL=f"sqlite:///{tmp_path}/x.db",
        ORDER_SYNC_MONDAY__API_URL="http://127.0.0.1:8080/v2",
        ORDER_SYNC_MONDAY__BOARD_ID="42",
        ORDER_SYNC_MONDAY__SEND_WINDOW_S="0.5",
        ORDER_SYNC_LOG__LEVEL="DEBUG",
        MONDAY_API_TOKEN=CANARY,
    )
    assert settings.require_board() == "42"
    assert settings.require_token().get_secret_value() == CANARY
    assert settings.monday.send_window_s == 0.5
    assert settings.log.level == "debug"


def test_the_file_is_found_in_a_folder_above_and_paths_start_there(load, tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    settings = load('profile = "mine.toml"\n[database]\nurl = "sqlite:///x.db"', cwd=below)
    assert settings.database.url == f"sqlite:///{tmp_path}/x.db"
    assert settings.profile == str(tmp_path / "mine.toml")
    assert settings.config_file == tmp_path / "order-sync.toml"


def test_blank_variables_count_as_not_set(load):
    assert load(ORDER_SYNC_MONDAY__BOARD_ID="", ORDER_SYNC_ENV=" ").monday.board_id is None


def test_every_mistake_is_told_at_once_with_its_place(load):
    text = '[monday]\nbord_id = 1\nconcurrency = 0\n[environments.dev.log]\nlevel = "loud"\n[odd]\n'
    problems = mistakes(load, text, ORDER_SYNC_MONDAY__BATCH_SIZE="many")
    assert len(problems) == 5
    assert any(
        p.startswith("order-sync.toml:2: monday.bord_id") and '"board_id"?' in p for p in problems
    )
    assert any(p.startswith("order-sync.toml:3: monday.concurrency") for p in problems)
    assert any(p.startswith("order-sync.toml:5: environments.dev.log.level") for p in problems)
    assert any(p.startswith("order-sync.toml:6: odd: unknown key") for p in problems)
    assert any(p.startswith("ORDER_SYNC_MONDAY__BATCH_SIZE: ") for p in problems)


def test_mistakes_of_an_environment_show_before_it_is_used(load):
    problems = mistakes(load, "[environments.prod.monday]\nboard_nam = 1\n", env="dev")
    assert 'did you mean "board_name"?' in problems[0]


def test_an_unknown_variable_is_a_notice(load):
    (notice,) = load(ORDER_SYNC_MONDAY__BORD_ID="1").notices
    assert "ORDER_SYNC_MONDAY__BORD_ID" in notice
    assert 'did you mean "ORDER_SYNC_MONDAY__BOARD_ID"?' in notice


def test_only_dev_and_prod_need_no_section(load):
    assert load(env="dev").environment == "dev"
    assert load("[environments.test]\n", ORDER_SYNC_ENV="test").environment == "test"
    assert load("[environments.test]\n", env="dev", ORDER_SYNC_ENV="test").environment == "dev"
    assert "staging" in mistakes(load, env="staging")[0]


def test_prod_needs_the_name_of_its_board(load):
    assert "monday.board_name" in mistakes(load, env="prod")[0]
    assert load('[monday]\nboard_name = "Schedule"', env="prod").is_production


def test_a_token_in_the_file_is_refused_and_not_repeated(load):
    for text in (f'[monday]\ntoken = "{CANARY}"', f'[environments.prod.monday]\ntoken="{CANARY}"'):
        problems = mistakes(load, text)
        assert "does not belong in a file" in problems[0]
        assert CANARY not in str(problems)


def test_a_token_comes_from_a_file(load, tmp_path):
    (tmp_path / "secret").write_text(f"{CANARY}\n", encoding="utf-8")
    by_file = load('[monday]\ntoken_file = "secret"')
    by_variable = load("", ORDER_SYNC_MONDAY__TOKEN_FILE="secret", MONDAY_API_TOKEN="other")
    for settings in (by_file, by_variable):
        assert settings.require_token().get_secret_value() == CANARY
    assert load('[monday]\ntoken_file = "secret"', MONDAY_API_TOKEN="other").require_token() \
        .get_secret_value() == "other"  # fmt: skip


def test_a_token_file_that_is_missing_or_empty_is_a_mistake(load, tmp_path):
    (tmp_path / "empty").write_text(" \n", encoding="utf-8")
    assert "No such file" in mistakes(load, ORDER_SYNC_MONDAY__TOKEN_FILE="none")[0]
    assert "is empty" in mistakes(load, ORDER_SYNC_MONDAY__TOKEN_FILE="empty")[0]


def test_a_token_is_never_shown(load):
    settings = load(MONDAY_API_TOKEN=CANARY)
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert CANARY not in shown
    problems = mistakes(load, MONDAY_API_TOKEN=f"{CANARY} \x07x", ORDER_SYNC_LOG__LEVEL=CANARY)
    assert len(problems) == 2
    assert CANARY not in str(problems)


def test_a_password_in_a_database_url_is_never_shown(load):
    url = f"mssql+pyodbc://me:{CANARY}@host/db"
    with pytest.raises(ConfigError) as caught:
        load(ORDER_SYNC_DATABASE__URL=url, ORDER_SYNC_SOURCE__URL=f"not a url {CANARY}")
    assert "SQL Server is reached through mssql-python" in caught.value.problems[0]
    assert CANARY not in f"{caught.value} {caught.value.problems} {caught.value.hint}"
    assert load().database.safe_url.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:///nowhere/x.db", "does not exist"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("mssql+pyodbc://host/db", "through mssql-python"),
        ("mssql://host", "must name a host and a database"),
        ("mssql:///orders", "must name a host and a database"),
        ("oracle://host/db", "oracle is not supported"),
        ("postgresql+asyncpg://host/db", "through psycopg"),
        ("postgresql://host", "must name a database"),
        ("orders.db", "must be a database URL"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_mistake(load, tmp_path, url, told):
    (problem,) = mistakes(load, ORDER_SYNC_DATABASE__URL=url)
    assert problem.startswith("ORDER_SYNC_DATABASE__URL: ")
    assert told in problem
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_named_by_its_usual_urls(load, scheme):
    url = f"{scheme}://me:{CANARY}@host:5433/orders?sslmode=require"
    settings = load(ORDER_SYNC_DATABASE__URL=url)
    assert settings.database.url == settings.source.url == url
    assert CANARY not in f"{settings!r} {settings.database.safe_url}"


@pytest.mark.parametrize("scheme", ["mssql", "mssql+mssqlpython"])
def test_sql_server_is_named_by_its_usual_urls(load, scheme):
    url = f"{scheme}://me:{CANARY}@host:1433/orders?TrustServerCertificate=yes"
    settings = load(ORDER_SYNC_DATABASE__URL=url)
    assert settings.database.url == settings.source.url == url
    assert CANARY not in f"{settings!r} {settings.database.safe_url}"


@pytest.mark.parametrize("url", ["http://localhost:1/v2", "http://127.0.0.1/v2", "http://[::1]/v2"])
def test_plain_http_is_for_this_machine_only(load, url):
    assert load(ORDER_SYNC_MONDAY__API_URL=url).monday.api_url == url
    for other in ("http://api.monday.com/v2", "http://localhost.example/v2", "ftp://x", "x",
                  f"https://me:{CANARY}@host/v2"):  # fmt: skip
        (problem,) = mistakes(load, ORDER_SYNC_MONDAY__API_URL=other)
        assert "must" in problem
        assert CANARY not in problem


def test_what_is_missing_is_said_with_what_to_do(load):
    for require in (load().require_board, load().require_token):
        with pytest.raises(ConfigError) as caught:
            require()
        assert "order-sync.toml" in caught.value.hint


def test_a_file_that_cannot_be_read_is_a_mistake(load, tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load(config=tmp_path / "none.toml")
    assert "order-sync.toml: not valid TOML" in mistakes(load, "[monday")[0]
