"""`order-sync sandbox` serves a board, says where, and ends with Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.documents import check_document

from .conftest import SAMPLE

COMMAND = Path(sys.executable).parent / "order-sync"


@contextmanager
def serving(*options):
    """A sandbox in a process of its own, and what it printed until it served."""
    process = subprocess.Popen(
        [COMMAND, "sandbox", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_document(process):
    lines = ""
    while True:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        lines += line
        if line == "}\n":
            return check_document(lines)


def order_sync(settings, *argv):
    done = subprocess.run(
        [COMMAND, *argv, "-o", "json"], env=os.environ | settings, check=False, timeout=120,
        capture_output=True, text=True,
    )  # fmt: skip
    check_document(done.stdout, done.returncode)
    return done


def test_the_first_line_is_the_address():
    with serving() as process:
        assert process.stdout.readline().startswith("http://127.0.0.1:")


def test_the_sample_syncs_with_the_settings_it_prints(folder):
    with serving("--output", "json") as process:
        settings = read_document(process)["settings"]
        order_sync(settings, "load", str(SAMPLE))
        done = order_sync(settings, "sync", "--customer", "GREYSON CLOTHIERS")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["orders_created"] == 69


def test_a_fault_on_the_command_line_strikes_and_the_run_recovers(folder):
    with serving("--output", "json", "--fault", "429:times=2") as process:
        settings = read_document(process)["settings"]
        order_sync(settings, "load", str(SAMPLE))
        done = order_sync(settings, "sync", "--customer", "GREYSON CLOTHIERS", "--limit", "3")
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["retries"] == 2
        assert report["orders_created"] == 3


def test_ctrl_c_ends_it_with_0():
    with serving() as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert err == "the sandbox has ended\n"


def test_customers_of_ones_own_are_labels_of_the_board(folder):
    with serving("--output", "json", "--customer", "OUR OWN SHOP") as process:
        settings = read_document(process)["settings"]
        path = folder / "own.csv"
        path.write_text(SAMPLE.read_text().replace("ALDERWICK ACTIVE", "OUR OWN SHOP"))
        order_sync(settings, "load", str(path))
        done = order_sync(settings, "plan", "--output", "json", "--customer", "our own shop")
    plan = json.loads(done.stdout)
    assert done.returncode == 0
    assert "unknown_label" not in done.stdout
    assert sum(customer["new"] for customer in plan["customers"]) > 0


def test_a_taken_port_exits_2():
    with serving("--output", "json") as process:
        port = read_document(process)["address"].rpartition(":")[2]
        done = subprocess.run(
            [COMMAND, "sandbox", "--port", port], capture_output=True, text=True, check=False,
            timeout=30,
        )  # fmt: skip
    assert done.returncode == 2
    assert "choose another --port" in done.stderr


def test_faults_are_listed(run):
    ended = run("sandbox", "--list-faults", "-o", "json")
    assert ended.exit_code == 0
    assert "429" in ended.document["faults"]


@pytest.mark.parametrize("fault", ["nonsense", "429:x=1", "429:times=many"])
def test_an_unknown_fault_exits_2(run, fault):
    ended = run("sandbox", "--fault", fault)
    assert ended.exit_code == 2
    assert "--list-faults" in ended.err


def test_its_rules_are_set_on_the_command_line():
    options = "--plan standard --costs legacy --dialect legacy --items-limit 0 --time-scale 60"
    settings = ["--set", "requests_per_minute=7", "--set", "subitems_limit=3"]
    with serving("--output", "json", *options.split(), *settings) as process:
        place = read_document(process)["settings"]
        board = place["ORDER_SYNC_MONDAY__BOARD_ID"]
        document = f'mutation {{ create_item(board_id: {board}, item_name: "x") {{ id }} }}'
        answer = httpx2.post(
            place["ORDER_SYNC_MONDAY__API_URL"],
            json={"query": document},
            headers={"Authorization": "token"},
        )
    assert answer.json()["error_code"] == "ItemsLimitationException"
    assert answer.headers["RateLimit-Policy"].startswith('"minuteRate";q=7;w=1,')
    left = answer.headers["RateLimit"].rpartition('"complexityMinute";r=')[2].partition(";")[0]
    assert int(left) < 10_000_000 - 30_000


@pytest.mark.parametrize("setting", ["nonsense=1", "items_limit", "items_limit=many"])
def test_an_unknown_setting_exits_2(run, setting):
    ended = run("sandbox", "--set", setting)
    assert ended.exit_code == 2
    assert "--set" in ended.err


def test_faults_from_a_file_strike_and_are_counted(folder):
    (folder / "faults.toml").write_text('[[fault]]\nname = "429"\ntimes = 2\nretry_s = 1\n')
    with serving("--output", "json", "--faults", "faults.toml") as process:
        document = read_document(process)
        order_sync(document["settings"], "load", str(SAMPLE))
        done = order_sync(
            document["settings"], "sync", "--customer", "GREYSON CLOTHIERS", "--limit", "3"
        )
        health = httpx2.get(f"{document['address']}/sandbox/health").json()
    assert done.returncode == 0, done.stderr
    assert health["faults"] == {"429": 2}


def test_every_mistake_of_a_file_of_faults_is_told(run, folder):
    (folder / "faults.toml").write_text('[[fault]]\nname = "x"\n[[fault]]\ntimes = 1\n')
    ended = run("sandbox", "--faults", "faults.toml", "-o", "json")
    assert ended.exit_code == 2
    assert [problem[:23] for problem in ended.document["error"]["problems"]] == [
        "faults.toml:1: fault 1:", "faults.toml:3: fault 2:",
    ]  # fmt: skip
    assert run("sandbox", "--faults", "nowhere.toml").exit_code == 2


def test_boards_from_files_are_served_instead_of_the_usual_one(folder):
    for name in ("A", "B"):
        columns = [{"title": "Name", "type": "name"}]
        if name == "B":
            columns.append({"title": "CUSTOMER", "type": "dropdown"})
        (folder / f"{name}.json").write_text(json.dumps({"name": name, "columns": columns}))
    with serving(
        "-o", "json", "--board", "A.json", "--board", "B.json", "--customer", "ACME"
    ) as process:
        document = read_document(process)
        health = httpx2.get(f"{document['address']}/sandbox/health").json()
    assert [board["name"] for board in document["boards"]] == ["A", "B"]
    assert [board["name"] for board in health["boards"]] == ["A", "B"]
    assert document["settings"]["ORDER_SYNC_MONDAY__BOARD_ID"] == document["boards"][0]["id"]


def test_every_mistake_of_a_board_is_told(run, folder):
    (folder / "board.json").write_text('{"columns": [{"title": "Name", "type": "nmae"}]}')
    ended = run("sandbox", "--board", "board.json", "-o", "json")
    assert ended.exit_code == 2
    assert ended.document["error"]["problems"] == [
        "board.json: name is missing",
        "board.json: columns[0].type: there is no type 'nmae', did you mean 'name'?",
        "board.json: columns: one column of type name is needed, there are 0",
    ]
    missing = run("sandbox", "--board", "nowhere.json")
    assert missing.exit_code == 2
    assert "nowhere.json: No such file" in missing.err


def test_a_customer_no_board_has_a_place_for_exits_2(run, folder):
    columns = [{"title": "Name", "type": "name"}]
    (folder / "board.json").write_text(json.dumps({"name": "A", "columns": columns}))
    ended = run("sandbox", "--board", "board.json", "--customer", "ACME")
    assert ended.exit_code == 2
    assert "A has no column CUSTOMER" in ended.err
