"""Published clients that need an environment of their own get along with the sandbox as they are.

`monday-async` wants an older graphql-core than the sandbox; `@mondaydotcomorg/api`, the one that
monday.com publishes, runs on Node. Both are installed into a temporary folder, at the versions
locked beside their scripts. Where that is impossible the test is skipped; with CI set only the one
that needs npm.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from order_sync.sandbox import SandboxServer
from tests.sandbox.conftest import World

CLIENTS = Path(__file__).with_name("clients")
MANY = 1_200  # more than two pages of the largest size
INSTALL_TIMEOUT_S = 150
RUN_TIMEOUT_S = 60

pytestmark = pytest.mark.timeout(INSTALL_TIMEOUT_S + RUN_TIMEOUT_S + 60)


@pytest.fixture
def filled() -> World:
    world = World(limits=False)
    for number in range(MANY):
        world.sandbox.person_creates(world.board.id, "First", f"PO-{number:04}")
    return world


@pytest.fixture
def told(filled: World) -> Iterator[dict[str, Any]]:
    """What a script needs to know."""
    with SandboxServer(filled.sandbox) as server:
        yield {
            "url": server.api_url,
            "board": filled.board.id,
            "group": filled.board.groups[1].id,
            "columns": {title: filled.column(title) for title in ("Key", "Price", "Status")},
            "subcolumns": {"Qty": filled.subcolumn("Qty")},
        }


def install(command: Sequence[str], folder: Path) -> None:
    """Skips the test when the command fails, for there may be no registry to be reached."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S
        )
        why = "" if done.returncode == 0 else (done.stderr.strip() or done.stdout)[-500:]
    except subprocess.TimeoutExpired:
        why = f"it took more than {INSTALL_TIMEOUT_S} s"
    if why and os.environ.get("CI") and command[0] == sys.executable:
        pytest.fail(f"{command[0]} could not install the client: {why}")
    if why:
        pytest.skip(f"{command[0]} could not install the client: {why}")


def run(command: Sequence[str], told: dict[str, Any], folder: Path, **variables: str) -> Any:
    done = subprocess.run(
        [*command, json.dumps(told)],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def has_read_what_it_wrote(seen: dict[str, Any], told: dict[str, Any]) -> None:
    (read,) = seen["read"]
    assert (read["name"], read["group"]["title"]) == ("PO ü", "Second")
    assert {cell["id"]: cell["text"] for cell in read["column_values"]}.items() >= {
        (told["columns"]["Key"], 'a "key"'),
        (told["columns"]["Price"], "2.5"),
        (told["columns"]["Status"], "Done"),
    }
    assert [one["name"] for one in read["subitems"]] == ["Size M"]


def test_monday_async_writes_reads_and_pages(filled, told, tmp_path):
    install(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--require-hashes", "--target", str(tmp_path / "packages"),
         "--requirement", str(CLIENTS / "monday-async.txt")],
        tmp_path,
    )  # fmt: skip

    seen = run(
        [sys.executable, str(CLIENTS / "monday_async_client.py")],
        told,
        tmp_path,
        PYTHONPATH=str(tmp_path / "packages"),
    )

    assert seen["names"] == [f"PO-{number:04}" for number in range(MANY)]
    has_read_what_it_wrote(seen, told)
    assert seen["refusal"] == "ColumnValueError ColumnValueException"
    at_once = [name for name in filled.names() if name.startswith("at once")]
    assert sorted(at_once) == [f"at once {number}" for number in range(10)]
    assert filled.sandbox.item(seen["item"]).subitems[0].values == {"Qty": "7"}


@pytest.mark.skipif(
    not (shutil.which("npm") and shutil.which("node")), reason="needs Node.js and npm"
)
def test_the_client_monday_publishes_writes_reads_and_pages(filled, told, tmp_path):
    for name in ("package.json", "package-lock.json", "api_client.mjs"):
        shutil.copy(CLIENTS / name, tmp_path)
    install(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], tmp_path)

    seen = run(["node", "api_client.mjs"], told, tmp_path)

    assert seen["names"] == [f"PO-{number:04}" for number in range(MANY)]
    has_read_what_it_wrote(seen, told)
    assert (seen["me"], seen["groups"]) == ("Sandbox User", ["First", "Second"])
    assert (seen["first_page"], seen["refusal"]) == (25, "ColumnValueException")
    assert filled.sandbox.item(seen["item"]).subitems[0].values == {"Qty": "7"}
