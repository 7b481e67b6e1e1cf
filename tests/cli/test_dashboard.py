"""order-sync dashboard, as a person starts it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess

import httpx2
import pytest

from .test_sandbox import COMMAND


@pytest.fixture
def start(folder):
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [COMMAND, "dashboard", "--port", "0", "-o", "json", *arguments],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.append(process)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "}\n":
                break
        return process, json.loads("".join(lines))

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_it_shows_its_address_and_ends_with_ctrl_c(start):
    process, told = start()
    assert told["url"] == told["address"]
    assert httpx2.get(told["url"]).status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def test_actions_come_with_a_token(start):
    _process, told = start("--actions")
    assert told["url"].startswith(told["address"] + "/?token=")
    assert httpx2.get(told["address"]).status_code == 200
    with httpx2.Client(follow_redirects=True) as client:
        assert client.get(told["url"]).status_code == 200
        assert client.cookies


def test_any_other_address_asks_for_a_token(start):
    _process, told = start("--host", "0.0.0.0")
    port = told["address"].rpartition(":")[2]
    assert httpx2.get(f"http://127.0.0.1:{port}").status_code == 401


def test_a_port_that_is_taken_says_what_to_do(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run("dashboard", "--port", str(taken.getsockname()[1]))
    assert ended.exit_code == 2
    assert "choose another --port" in ended.err


TOKEN = "a-token-somebody-keeps-in-a-file"


def test_a_token_can_be_kept_in_a_file(start, folder):
    path = folder / "pages.token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    _process, told = start("--host", "0.0.0.0", "--access-file", str(path))
    assert told["url"] == told["address"]
    port = told["address"].rpartition(":")[2]
    with httpx2.Client(follow_redirects=True, base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/").status_code == 401
        assert client.get(f"/?token={TOKEN}x").status_code == 401
        assert client.get(f"/?token={TOKEN}").status_code == 200


@pytest.mark.parametrize(("mode", "told"), [(0o644, True), (0o600, False)])
def test_a_token_file_that_all_can_read_is_told(start, open_folder, mode, told):
    path = open_folder / "pages.token"
    path.write_text(TOKEN)
    path.chmod(mode)
    process, _ = start("--access-file", str(path))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (f"chmod 600 {path}" in err) is told
    assert TOKEN not in err


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"short", "holds no token"),
        (b"", "holds no token"),
        (b"with blanks in it and long enough", "holds no token"),
        (b"\xff\xfe" * 20, "cannot be read: it is no text"),
    ],
)
def test_a_token_file_without_a_token_is_a_clear_error(run, folder, content, wrong):
    path = folder / "pages.token"
    if content is not None:
        path.write_bytes(content)
    ended = run("dashboard", "--access-file", str(path))
    assert ended.exit_code == 2
    assert wrong in ended.err
    assert "do: " in ended.err
