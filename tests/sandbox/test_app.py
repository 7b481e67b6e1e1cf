"""The sandbox as an ASGI app that others import: in process, and under a server of theirs."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from order_sync.sandbox import Sandbox, create_app

from .conftest import BOARD

PAGE = Path(__file__).parents[2] / "docs" / "own-client.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
HEADERS = {"Authorization": "any-token"}


def _ask(app, query):
    async def ask():
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            answer = await client.post("/v2", json={"query": query}, headers=HEADERS)
            return answer.json()["data"]

    return asyncio.run(ask())


def test_an_app_serves_the_sandbox_it_was_given():
    sandbox = Sandbox()
    board = sandbox.add_board(BOARD)
    app = create_app(sandbox)

    _ask(app, f'mutation {{ create_item(board_id: {board.id}, item_name: "PO-1") {{ id }} }}')

    assert [item.name for item in sandbox.items(board.id)] == ["PO-1"]
    assert app.state.sandbox is sandbox


def test_an_app_without_a_sandbox_has_a_board_of_its_own():
    one, two = create_app(), create_app()

    (board,) = [b for b in _ask(one, "{ boards { id type } }")["boards"] if b["type"] == "board"]

    _ask(one, f'mutation {{ create_item(board_id: {board["id"]}, item_name: "P") {{ id }} }}')
    assert len(one.state.sandbox.items(board["id"])) == 1
    assert two.state.sandbox.items(board["id"]) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_documentation_works(example, capsys):
    names = {}
    exec(compile(example, str(PAGE), "exec"), names)
    for name, test in names.items():
        if name.startswith("test_"):
            asyncio.run(test())
    assert len(EXAMPLES) == 2


def test_uvicorn_serves_it_by_its_name():
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--port=0", "--factory", "order_sync.sandbox:create_app"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = iter(process.stderr.readline, "")
        address = next(m[0] for line in lines if (m := re.search(r"http://127\.0\.0\.1:\d+", line)))
        health = httpx2.get(f"{address}/sandbox/health").json()
        asked = httpx2.post(f"{address}/v2", json={"query": "{ me { id } }"}, headers=HEADERS)
    finally:
        process.kill()
        process.communicate()
    assert health["status"] == "ok"
    assert health["boards"][0]["name"] == "Customer Master Schedule"
    assert asked.json()["data"]["me"]["id"]
