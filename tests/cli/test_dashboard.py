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
