"""Database, filters and security: what must not happen to people's data."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from order_sync.db.engine import Database
from order_sync.errors import BoardMismatch, ConfigError, ExitCode, SyncError
from order_sync.rules.filters import Filters
from tests.runs.world import MAPPING, TOKEN, order

lesson = pytest.mark.lesson
ROOT = Path(__file__).parents[2]
GREYSON = [order("GRE-1"), order("GRE-2")]
JOHNNIE = order("JOO-1") | {"CUSTOMER NAME": "JOHNNIE O"}


@lesson("F01")
def test_no_table_ever_has_a_trigger(world):
    world.has_orders(*GREYSON)
    world.sync()
    assert world.query("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'") == [(0,)]


@lesson("F02")
def test_a_size_line_never_outlives_its_order(world):
    world.treats_vanished_orders("archive")
    world.has_orders(*GREYSON)
    world.sync()
    database = Database(world.settings.database.url)
    with closing(database), database.begin() as conn, pytest.raises(IntegrityError):
        conn.exec_driver_sql("DELETE FROM MON_CustMasterSchedule")
    assert world.query(
        "SELECT count(*) FROM MON_CustMasterSchedule_Subitems s WHERE NOT EXISTS "
        "(SELECT 1 FROM MON_CustMasterSchedule m WHERE m.order_key = s.order_key)"
    ) == [(0,)]


@lesson("G01")
def test_a_short_customer_name_never_swallows_another(world):
    world.has_orders(*GREYSON, order("GRE-9") | {"CUSTOMER NAME": "GREYSON"}, JOHNNIE)
    plan = world.plan(Filters(customer="GREYSON"))
    assert [customer.customer for customer in plan.customers] == ["GREYSON"]
    world.has_orders(order("RHY-1", CUSTOMER_NAME="RHYTHM (AU) KIDS"))  # RHYTHM (AU) has an alias
    assert [(e.code, e.value) for e in world.plan().refused] == [
        ("unknown_label", "RHYTHM (AU) KIDS")
    ]


@lesson("G05")
def test_asking_for_one_customer_never_sends_all(world):
    world.has_orders(*GREYSON, JOHNNIE)
    world.sync(Filters(customer="johnnie o"))
    assert [item.name[-5:] for item in world.items()] == ["JOO-1"]


@lesson("G09")
def test_the_wrong_board_is_never_written(world):
    world.has_orders(*GREYSON)
    world.extra |= {
        "ORDER_SYNC_ENV": "prod",
        "ORDER_SYNC_MONDAY__BOARD_NAME": "Customer Master Schedule PROD",
    }
    with pytest.raises(BoardMismatch):
        world.sync()
    del world.extra["ORDER_SYNC_MONDAY__BOARD_NAME"]
    with pytest.raises(ConfigError):
        world.sync()
    assert world.mutations() == 0


SECRETS = re.compile(
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}"  # a token as monday.com gives it
    r"|BEGIN [A-Z ]*PRIVATE KEY"
    r"|\w+://[^\s:/@'\"{}]+:[^\s/@'\"{}]+@[\w.-]+"  # a password in an URL
    r"|[A-Za-z0-9+/]{160,}"  # a file in base64
)


BINARY = (".png", ".xls", ".pyc")


def project_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = listed.stdout.split("\0")[:-1] if listed.returncode == 0 else []
    found = [ROOT / name for name in names] or list((ROOT / "src").rglob("*"))
    return [path for path in found if path.is_file() and path.suffix not in BINARY]


@lesson("H01")
def test_the_token_never_stands_in_a_file(world):
    token = "eyJhbGciOiJI" + "UzI1NiJ9.eyJ0aWQiOjEyMzQ1Njc4OX0.c2lnbmF0dXJl"
    assert SECRETS.search(token)
    files = project_files()
    assert len(files) > 100
    assert [
        str(path) for path in files if SECRETS.search(path.read_bytes().decode("utf-8", "replace"))
    ] == []

    world.has_orders(*GREYSON)
    world.sync()
    world.plan(out=world.folder / "plan.json")
    for path in world.folder.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


@pytest.fixture
def stranger(tmp_path):
    """An https server on this machine whose certificate nobody vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with openssl")
    made = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key -out cert"
    subprocess.run(["openssl", *made.split()], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    heard: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as secure:
                    heard.append(secure.recv(65_536))
            except OSError:
                plain.close()

    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield f"https://localhost:{listening.getsockname()[1]}/v2", heard
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@lesson("H02")
def test_certificates_are_never_left_unchecked(world, stranger, monkeypatch):
    url, heard = stranger
    monkeypatch.setattr("order_sync.connection.CALLS_AT_START_S", 0.5)
    world.has_orders(GREYSON[0])
    world.extra["ORDER_SYNC_MONDAY__API_URL"] = url

    with pytest.raises(SyncError) as stop:
        world.sync()

    assert stop.value.exit_code is ExitCode.UNREACHABLE
    assert heard == []
    sources = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "src").rglob("*.py"))
    assert not re.search(r"verify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False", sources)


@lesson("H03")
@pytest.mark.parametrize("text", ["'; DROP TABLE MON_SyncRuns; --", '" OR 1=1 --', "%_%", "\\"])
def test_text_never_becomes_sql(world, text):
    row = order("GRE-1", NOTES=text) | {"PO NUMBER": text}
    world.has_orders(row, *GREYSON[1:])
    assert world.plan(Filters(po=text)).orders_to_send == 1
    world.sync()
    world.assert_board_shows([row, *GREYSON[1:]])
    assert MAPPING.tables.production in {
        name for (name,) in world.query("SELECT name FROM sqlite_master")
    }
