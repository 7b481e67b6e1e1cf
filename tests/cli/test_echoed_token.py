"""A server, or a proxy before it, that sends the token back: nobody gets to see it."""

from __future__ import annotations

import json
import sqlite3
import threading
import urllib.request
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer

from .conftest import GOOD, OTHER
from .test_secrets import TOKEN, shows

PASSED_ON = ("Authorization", "Content-Type", "API-Version", "Idempotency-Key")
WAYS = ("row", "request", "text", "version", "status")


class ProxyServer(ThreadingHTTPServer):
    """A command that gave up waiting has hung up: that is no news, and not for its stderr."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def echoing(api_url, way):
    """The address of a proxy that adds the token to headers, and answers writes with it."""

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            token = self.headers["Authorization"]
            passed = {k: self.headers[k] for k in PASSED_ON if self.headers[k]}
            request = urllib.request.Request(api_url, body, passed)
            with urllib.request.urlopen(request) as answer:
                status, content = answer.status, answer.read()
            if b"mutation" in body or way == "status":
                status, content = said(way, token)
            self.send_response(status)
            version = token if way == "version" else passed["API-Version"]
            headers = {"X-Request-Id": token, "API-Version": version, "Server": token}
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ProxyServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v2"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def said(way, token):
    """(HTTP status, body) of an answer that quotes the token."""
    if way == "text":
        return 502, f"<html>upstream refused {token}</html>".encode()
    if way == "status":
        return 401, json.dumps({"errors": [f"Not Authenticated: {token}"]}).encode()
    error = {
        "message": f"bad credentials {token}",
        "extensions": {
            "code": "ColumnValueException", "status_code": 200, "request_id": token,
            "error_data": {"column_value": token, "header": f"Authorization: {token}"},
        },
    }  # fmt: skip
    if way == "row":
        error["path"] = ["r0"]
    # Some servers write slashes in JSON with a backslash before them.
    content = {"data": {"r0": None}, "errors": [error], "extensions": {"request_id": token}}
    return 200, json.dumps(content).replace("/", "\\/").encode()


@pytest.fixture(params=WAYS)
def echoed(request, monkeypatch, folder):
    sandbox = Sandbox(SandboxOptions(token=TOKEN))
    board = sandbox.add_board(
        "customer-master-schedule", name="Schedule", customers=["JOHNNIE O", "RHYTHM"]
    )
    with SandboxServer(sandbox, port=0) as server, echoing(server.api_url, request.param) as url:
        for name, value in {
            "MONDAY_API_TOKEN": TOKEN, "ORDER_SYNC_LOG__LEVEL": "debug",
            "ORDER_SYNC_MONDAY__API_URL": url, "ORDER_SYNC_MONDAY__BOARD_ID": board.id,
            "ORDER_SYNC_MONDAY__SEND_WINDOW_S": "0.4", "ORDER_SYNC_MONDAY__SERVER_LIMIT_S": "0.6",
            "ORDER_SYNC_MONDAY__READ_LAG_S": "0", "ORDER_SYNC_MONDAY__MAX_ATTEMPTS": "1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield request.param


def test_a_token_that_is_sent_back_is_in_no_output_table_or_file(run, echoed, load, folder):
    load(GOOD, OTHER)
    shown = {}
    for line in (
        "check -v", "sync -v --no-wait", "sync --no-wait -o json -v",
        "sync --no-wait --kestra", "status -o json", "runs -o json", "runs", "errors list -o json",
        "errors show JOO-1", "explain JOO-1 --full -o json", "explain JOO-1 --full", "metrics",
    ):  # fmt: skip
        ended = run(*line.split())
        shown[line] = ended.out + ended.err
        assert "Traceback" not in ended.err
    with closing(sqlite3.connect(folder / "order-sync.db")) as db:
        dumped = "\n".join(db.iterdump())
        answers = db.execute("SELECT count(*) FROM MON_ApiRequests").fetchone()[0]
    assert [line for line, text in shown.items() if shows(text, TOKEN)] == []
    assert not shows(dumped, TOKEN)
    for path in folder.rglob("*"):
        assert path.is_dir() or not shows(path.read_bytes(), TOKEN), path
    # It came, and was noticed: without that the test would prove nothing.
    assert echoed in ("version", "status") or answers > 2
    assert echoed == "status" or "[token]" in dumped + "".join(shown.values())


def test_the_proxy_of_these_tests_sends_the_token():
    for way in ("row", "request", "text", "status"):
        assert shows(said(way, TOKEN)[1].replace(b"\\/", b"/"), TOKEN)
