"""The token and the passwords of databases: no command shows them, and nothing stores them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from sqlalchemy import make_url

from order_sync import cli
from order_sync.config import load_settings
from order_sync.dashboard import create_app
from order_sync.dashboard.access import Access
from order_sync.database_url import HIDDEN
from order_sync.db.dialects.base import unreachable
from order_sync.db.engine import Database
from order_sync.profile import load_profile
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer
from order_sync.settings import safe_url

from .conftest import GOOD, ORDER_HEADER, OTHER
from .receiver import receiving

# Signs that are written differently in URLs, JSON and base64: whatever form it takes is noticed.
TOKEN = "Zq7x+Kp/2w=Vh9~Tn4&Rb8'Lm3\"Gc6"
PASSWORD = "Wd5@k:Xs/8%Jf2?Yv#Bt1"
HOOK = "Ry6-Lz1_Qe8~Mu3.Tc9"  # a password in the address of a chat
BAD = "JOO-2,JOHNNIE O,M01,WHITE,4755,-3,,2025 FALL,,RECEIVED,PCE"
MORE = [GOOD.replace("JOO-1", f"JOO-{n}") for n in range(10, 40)]
LATER = (
    "metrics -v", "metrics --textfile order-sync.prom", "notify test -v -o json", "notify check -v",
    "runs -v", "runs --failed -o json", "batches -v", "schema", "schema --settings",
    "db upgrade -v", "adopt -v -o json", "errors resolve JOO-2 --as ignore -v",
)  # fmt: skip
WINDOWS = {"SEND_WINDOW_S": "0.4", "SERVER_LIMIT_S": "0.6", "READ_LAG_S": "0"}
LONGEST_PIECE = 7  # characters: of more no text may hold a piece, whole or coded


def pieces(secret: str) -> set[bytes]:
    """Every piece of a secret that would help to guess it, in each form a program may write."""
    forms = {secret.encode(), quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode()}
    found = {f[i : i + LONGEST_PIECE + 1] for f in forms for i in range(len(f) - LONGEST_PIECE)}
    coded = base64.b64encode(secret.encode())
    return found | {coded[:12], coded[4:16], secret.encode().hex().encode()[:16]}


def shows(content: bytes | str, secret: str) -> bool:
    content = content.encode() if isinstance(content, str) else content
    return any(piece in content for piece in pieces(secret))


@dataclass
class Ran:
    """What a sequence of commands said, and where they worked."""

    folder: Path
    said: dict[str, str] = field(default_factory=dict)  # command line -> stdout and stderr
    codes: list[int] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)  # path -> what the sandbox served
    shown: dict[str, str] = field(default_factory=dict)  # path -> what the dashboard served
    posts: list[dict[str, object]] = field(default_factory=list)  # notifications that arrived

    def run(self, line: str) -> None:
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        with (
            contextlib.redirect_stdout(out), contextlib.redirect_stderr(out),
            pytest.raises(SystemExit) as ended,
        ):  # fmt: skip
            cli.main(line.split())
        name = f"{line} ({len(self.said)})"
        self.said[name] = out.buffer.getvalue().decode()
        self.codes.append(int(ended.value.code or 0))

    def an_id(self, table: str, column: str) -> str:
        with closing(sqlite3.connect(self.folder / "order-sync.db")) as db:
            found: str = db.execute(f"SELECT max({column}) FROM {table}").fetchone()[0]
        return found

    async def look_at_the_dashboard(self) -> None:
        settings = load_settings(config=None, env=None, environ=dict(os.environ), cwd=self.folder)
        profile = load_profile(settings.profile)
        with closing(Database(settings.database.url, read_only=True)) as database:
            app = create_app(settings, profile, database, Access("127.0.0.1", "session"))
            async with httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1"
            ) as client:
                run_id = self.an_id("MON_SyncRuns", "run_id")
                for path in ("/", "/runs", f"/runs/{run_id}", "/errors", "/search?q=JOO-1",
                             "/orders?key=joo-1%7Cm01%7Cwhite", "/nowhere"):  # fmt: skip
                    answer = await client.get(path)
                    self.shown[path] = f"{answer.status_code} {answer.headers} {answer.text}"


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """Commands of every kind, through faults, refusals and errors, as talkative as they can be."""
    folder = tmp_path_factory.mktemp("secrets")
    ran = Ran(folder)
    sandbox = Sandbox(SandboxOptions(token=TOKEN), state=folder / "sandbox.state")
    board = sandbox.add_board(
        "customer-master-schedule", name="Schedule", customers=["JOHNNIE O", "RHYTHM"]
    )
    with (
        pytest.MonkeyPatch.context() as patch, SandboxServer(sandbox, port=0) as server,
        receiving() as heard,
    ):  # fmt: skip
        patch.chdir(folder)
        for name, value in {
            "MONDAY_API_TOKEN": TOKEN,
            "ORDER_SYNC_LOG__LEVEL": "debug",
            "ORDER_SYNC_MONDAY__API_URL": server.api_url,
            "ORDER_SYNC_MONDAY__BOARD_ID": board.id,
            "ORDER_SYNC_NOTIFY__URLS": heard.url.replace("json://", f"json://me:{HOOK}@") + HOOK,
            **{f"ORDER_SYNC_MONDAY__{key}": value for key, value in WINDOWS.items()},
        }.items():
            patch.setenv(name, value)

        def load(*rows):
            (folder / "orders.csv").write_text("\n".join([ORDER_HEADER, *rows]) + "\n")
            ran.run("load orders.csv -v --yes")

        load(GOOD, OTHER, BAD)
        ran.run("check -v")
        ran.run("check --export-board board.json")
        ran.run("plan -v --diff --out plan.json")
        for fault in ("lose-answer-after-write", "html-body", "429", "500"):
            sandbox.add_fault(fault, times=1, match="mutation")
        ran.run("sync -v")
        load(GOOD, OTHER, BAD, *MORE)
        sandbox.add_fault("unreadable-body", times=1, match="mutation")
        ran.run("sync -v --kestra")
        ran.run("sync -v --output json")
        ran.run("status -v --output json")
        ran.run("errors list -v")
        ran.run("errors show JOO-2 -v --output json")
        ran.run("explain JOO-1 -v")
        ran.run("explain JOO-1 -v --full --output json")
        for line in LATER:
            ran.run(line)
            assert ran.codes[-1] in (0, 3), line
        ran.run(f"runs show {ran.an_id('MON_SyncRuns', 'run_id')} -v")
        ran.run(f"batches show {ran.an_id('MON_BatchProcessing', 'batch_id')} -v -o json")
        heard.status = 500
        ran.run("notify test -v")
        heard.status = 200
        ran.posts = heard.posts
        asyncio.run(ran.look_at_the_dashboard())
        patch.setenv("MONDAY_API_TOKEN", TOKEN[::-1])
        ran.run("sync -v")
        patch.setenv("MONDAY_API_TOKEN", f"{TOKEN} {TOKEN}")
        ran.run("sync -v --output json")
        patch.delenv("MONDAY_API_TOKEN")
        (folder / "order-sync.toml").write_text(f"[monday]\ntoken = {json.dumps(TOKEN)}\n")
        ran.run("sync -v --kestra")
        (folder / "order-sync.toml").unlink()
        with httpx2.Client(base_url=server.url) as client:
            client.post("/v2", json={"query": "{ me { id } }"}, headers={"Authorization": TOKEN})
            one = sandbox.request_log[len(sandbox.request_log) // 2].request_id
            for path in ("", f"boards/{board.id}", "requests", "faults", "sandbox/requests",
                         f"sandbox/boards/{board.id}", "sandbox/gauges", "sandbox/faults",
                         f"requests/{one}?whole=yes", f"sandbox/requests/{one}"):  # fmt: skip
                answer = client.get(path)
                assert answer.status_code == 200, path
                ran.pages[path] = answer.text
        yield ran
    sandbox.close()


def test_the_check_itself_sees_a_secret_in_every_form():
    for text in (TOKEN, f"x{TOKEN[5:15]}", quote(TOKEN), json.dumps(TOKEN), TOKEN.encode().hex(),
                 base64.b64encode(TOKEN.encode()).decode()):  # fmt: skip
        assert shows(f"before {text} after", TOKEN)
    assert not shows("[token] ***", TOKEN)


@pytest.fixture(params=[TOKEN, TOKEN[::-1], HOOK], ids=["token", "wrong token", "address"])
def secret(request):
    return request.param


def test_no_command_shows_a_secret_however_it_ends(commands, secret):
    assert set(commands.codes) >= {0, 2, 3, 5}
    assert [line for line, text in commands.said.items() if shows(text, secret)] == []
    assert sum(len(text) for text in commands.said.values()) > 10_000


def test_no_file_holds_a_secret(commands, secret):
    files = [path for path in commands.folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {
        "order-sync.db", "plan.json", "board.json", "sandbox.state", "sandbox.state-wal",
        "order-sync.prom",
    }  # fmt: skip
    assert [path.name for path in files if shows(path.read_bytes(), secret)] == []


def test_no_table_holds_a_secret(commands, secret):
    with closing(sqlite3.connect(commands.folder / "order-sync.db")) as db:
        counts = {
            name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("MON_ApiRequests", "MON_Notifications", "MON_OrderEvents")
        }
        dumped = "\n".join(db.iterdump())
    assert min(counts.values()) > 0
    assert not shows(dumped, secret)


def test_no_page_of_the_sandbox_shows_a_secret(commands, secret):
    assert [path for path, text in commands.pages.items() if shows(text, secret)] == []


def test_no_page_of_the_dashboard_shows_a_secret(commands, secret):
    assert sorted({text[:3] for text in commands.shown.values()}) == ["200", "404"]
    assert [path for path, text in commands.shown.items() if shows(text, secret)] == []


def test_no_notification_shows_a_secret(commands, secret):
    assert commands.posts
    assert not shows(json.dumps(commands.posts), secret)


# What no library should have told ----------------------------------------------------------------


@pytest.mark.parametrize("line", ["plan -v", "plan", "plan -v --output json", "plan -v --kestra"])
def test_an_error_nobody_expected_is_told_without_its_secrets(run, monkeypatch, line):
    url = f"postgresql://me:{quote(PASSWORD, safe='')}@nowhere.invalid/orders?sslpassword=Ab7Qz9Lk2"
    monkeypatch.setenv("MONDAY_API_TOKEN", TOKEN)
    monkeypatch.setenv("ORDER_SYNC_DATABASE__URL", url)

    def broken(settings, *_, **__):
        token = settings.require_token().get_secret_value()
        raise RuntimeError(f"odd header {token} for {settings.database.url}, {PASSWORD} Ab7Qz9Lk2")

    monkeypatch.setattr("order_sync.planning.make_plan", broken)
    ended = run(*line.split())
    said = ended.out + ended.err
    assert ended.exit_code == 1
    assert f"odd header [token] for postgresql://me:{HIDDEN}@nowhere.invalid/orders" in said
    assert not any(shows(said, secret) for secret in (TOKEN, PASSWORD, "Ab7Qz9Lk2"))
    assert ("Traceback" in said) == ("-v" in line)


# Passwords of databases --------------------------------------------------------------------------

IN_URL = quote(PASSWORD, safe="")
NO_USE = [
    f"postgresql://me:{IN_URL}@127.0.0.1:1/orders",
    f"postgresql://me@127.0.0.1:1/orders?password={IN_URL}",
    f"postgresql://me:{IN_URL}@127.0.0.1:no-port/orders",
    f"postgresql://me:{IN_URL}@127.0.0.1:1/",
    f"postgresql+asyncpg://me:{IN_URL}@127.0.0.1:1/orders",
    f"mysql://me:{IN_URL}@127.0.0.1:1/orders",
    f"mssql://me:{IN_URL}@127.0.0.1:1/",
    f"://me:{IN_URL}@127.0.0.1",
    PASSWORD,
]


def test_a_database_that_is_used_is_told_without_its_password(
    run, board, load, monkeypatch, folder, postgres_url
):
    url = make_url(postgres_url).set(password=PASSWORD).render_as_string(False)
    monkeypatch.setenv("ORDER_SYNC_LOG__LEVEL", "debug")
    monkeypatch.setenv("ORDER_SYNC_DATABASE__URL", url)
    load(GOOD, BAD)
    assert run("sync", "-v", "--kestra").exit_code == 3
    said = [
        run(*line.split())
        for line in ("check -v", "db upgrade -v", "status -v -o json", "runs -v", "metrics -v",
                     "explain JOO-1 -v -o json", "errors list -v", "plan -v --diff --out p.json",
                     f"init --database-url {url} --path written.toml")
    ]  # fmt: skip
    assert [ended.exit_code for ended in said] == [0] * 8 + [2]
    assert [ended for ended in said if shows(ended.out + ended.err, PASSWORD)] == []
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if shows(path.read_bytes(), PASSWORD)] == []
    with closing(Database(postgres_url, read_only=True)) as database, database.begin() as conn:
        names = conn.exec_driver_sql(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).scalars()
        rows = [conn.exec_driver_sql(f'SELECT * FROM "{name}"').all() for name in names.all()]
    assert len(rows) > 10
    assert not shows(str(rows), PASSWORD)


def test_a_dashboard_whose_database_is_away_shows_no_password(folder):
    environ = {"ORDER_SYNC_DATABASE__URL": f"postgresql://me:{IN_URL}@127.0.0.1:1/orders"}

    async def look(path: str) -> httpx2.Response:
        settings = load_settings(config=None, env=None, environ=environ, cwd=folder)
        with closing(Database(settings.database.url, read_only=True)) as database:
            app = create_app(settings, load_profile(settings.profile), database, Access())
            transport = httpx2.ASGITransport(app=app)
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                return await client.get(path)

    for path in ("/", "/runs", "/errors"):
        answer = asyncio.run(look(path))
        assert answer.status_code == 503
        assert not shows(answer.text, PASSWORD)


@pytest.mark.parametrize("setting", ["DATABASE", "SOURCE"])
@pytest.mark.parametrize("url", NO_USE, ids=range(len(NO_USE)))
def test_a_database_that_cannot_be_used_is_told_without_its_password(
    run, board, monkeypatch, url, setting
):
    monkeypatch.setenv("ORDER_SYNC_LOG__LEVEL", "debug")
    monkeypatch.setenv(f"ORDER_SYNC_{setting}__URL", url)
    ended = run("plan", "-v", "--output", "json")
    assert ended.exit_code in (2, 5)
    assert not shows(ended.out + ended.err, PASSWORD)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        (
            f"mssql://me:{IN_URL}@there/orders?Pwd={IN_URL}",
            f"mssql://me:{HIDDEN}@there/orders?Pwd={HIDDEN}",
        ),
        ("postgresql://there/o?passfile=p", "postgresql://there/o?passfile=p"),
        ("postgresql://there/o?sslpassword=a", "postgresql://there/o?sslpassword=***"),
    ],
)
def test_a_database_url_is_shown_without_any_of_its_passwords(url, seen):
    assert safe_url(url) == seen
    told = unreachable(make_url(url), RuntimeError(f"no entry with {PASSWORD}"), "look").message
    assert told.startswith(f"the database {seen} cannot be used: no entry with ")
    assert shows(told, PASSWORD) == ("me:" not in url)
