"""What Kestra reads of a run, and the flow that calls it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from order_sync.cli import app
from order_sync.config import _known_variables
from order_sync.errors import BoardMismatch, ExitCode, PausedByBudget
from order_sync.outcome import RunReport
from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer

from .conftest import HEADER

TOKEN = "canary-5e7b1f20"
HEADER = HEADER + ",AAG SEASON,CUSTOMER SEASON,ORDER TYPE,UNIT OF MEASURE"
GOOD = "JOO-1,JOHNNIE O,M01,WHITE,4755,12,7,2025 FALL,,RECEIVED,PCE"
OTHER = "RHY-1,RHYTHM,M01,BLACK,4756,1,,2025 FALL,,RECEIVED,PCE"
BAD = "JOO-2,JOHNNIE O,M01,WHITE,4755,-3,,2025 FALL,,RECEIVED,PCE"

# As Kestra finds a line of ours among all lines of a task, on stdout and stderr.
PROTOCOL = re.compile(r"^::(\{.*})::$")
COUNTED = ("orders_created", "orders_updated", "orders_archived", "orders_unchanged",
           "size_lines_created", "size_lines_updated", "refused", "in_doubt", "pending",
           "calls")  # fmt: skip

FLOW = Path(__file__).parents[2] / "kestra" / "order-sync.yaml"


@pytest.fixture
def sandbox():
    return Sandbox(SandboxOptions(token=TOKEN))


@pytest.fixture
def board(sandbox, monkeypatch):
    """An empty board, and settings that lead to it; returns its id."""
    board = sandbox.add_board(
        "customer-master-schedule", name="Schedule", customers=["JOHNNIE O", "RHYTHM"]
    )
    with SandboxServer(sandbox, port=0) as server:
        monkeypatch.setenv("ORDER_SYNC_MONDAY__API_URL", server.api_url)
        monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", board.id)
        monkeypatch.setenv("MONDAY_API_TOKEN", TOKEN)
        yield board.id


@pytest.fixture
def load(run, write_csv):
    def load(*rows):
        assert run("load", str(write_csv(*rows, header=HEADER))).exit_code == 0

    return load


def read(text):
    """(outputs, metrics) as Kestra would keep them; every line has to be one of ours."""
    outputs, metrics = {}, []
    for line in text.splitlines():
        content = json.loads(PROTOCOL.fullmatch(line)[1])
        assert content.keys() <= {"outputs", "metrics"}
        outputs |= content.get("outputs", {})
        metrics += content.get("metrics", [])
    return outputs, metrics


def require_protocol(text):
    outputs, metrics = read(text)
    assert len(text.splitlines()) == 2
    assert all(type(value) in (str, int, float) for value in outputs.values())
    for metric in metrics:
        assert metric.keys() == {"name", "type", "value", "tags"}
        assert metric["type"] in ("counter", "timer")
        assert type(metric["value"]) in (int, float)
        assert all(type(tag) is str for tag in metric["tags"].values())
    return outputs, metrics


# The lines ---------------------------------------------------------------------------------------


def test_a_good_sync_prints_two_lines_and_is_silent_beside_them(run, board, load):
    load(GOOD, OTHER)
    ended = run("sync", "--kestra")
    assert (ended.exit_code, ended.err) == (0, "")
    outputs, metrics = require_protocol(ended.out)
    made = (outputs["orders_created"], outputs["size_lines_created"], outputs["refused"])
    assert made == (2, 3, 0)
    assert (outputs["board_id"], outputs["exit_code"], outputs["message"]) == (board, 0, "")
    assert outputs["run_id"]
    counters = {m["name"]: m["value"] for m in metrics if m["type"] == "counter"}
    assert counters == {name: outputs[name] for name in COUNTED} | {"stopped": 0}
    (timer,) = [m for m in metrics if m["type"] == "timer"]
    assert (timer["name"], timer["value"]) == ("duration", outputs["seconds"])
    assert timer["tags"] == {"command": "sync", "board": board}


def test_a_plan_prints_what_would_change_and_cost(run, board, load, folder):
    load(GOOD, BAD)
    ended = run("plan", "--kestra", "--out", "approved.json", "--max-creates", "0")
    assert (ended.exit_code, ended.err) == (0, "")
    outputs, metrics = require_protocol(ended.out)
    plan = run("plan", "-o", "json").document
    assert (outputs["orders_new"], outputs["size_lines_created"], outputs["refused"]) == (1, 2, 1)
    assert (outputs["calls"], outputs["minutes"]) == (
        plan["cost"]["calls"], plan["cost"]["minutes"],
    )  # fmt: skip
    assert outputs["guards"] == 1
    assert "max-creates" in outputs["message"]
    assert (folder / outputs["plan_file"]).is_file()
    assert {m["tags"]["command"] for m in metrics} == {"plan"}
    assert "plan_file" not in read(run("sync", "--dry-run", "--kestra").out)[0]


def test_refused_rows_are_counted_and_retry_speaks_too(run, board, load):
    load(GOOD, BAD)
    outputs, _ = require_protocol(run("sync", "--kestra").out)
    assert (outputs["exit_code"], outputs["refused"], outputs["error_code"]) == (3, 1, "")
    ended = run("retry", "--kestra")
    outputs, metrics = require_protocol(ended.out)
    assert (ended.exit_code, outputs["exit_code"]) == (3, 3)
    assert {m["tags"]["command"] for m in metrics} == {"retry"}


def test_a_run_that_stops_at_a_check_prints_why(run, board, load, monkeypatch):
    load(GOOD)
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_NAME", "Another")
    ended = run("sync", "--kestra")
    outputs, metrics = require_protocol(ended.out)
    assert (ended.exit_code, outputs["exit_code"]) == (6, 6)
    assert outputs["error_code"] == BoardMismatch.code
    assert "Another" in outputs["message"]
    assert [(m["name"], m["value"]) for m in metrics] == [("stopped", 1)]
    assert ended.err.startswith("error: ")


def test_an_error_in_the_settings_is_printed_too(run):
    outputs, _ = require_protocol(run("sync", "--kestra").out)
    assert (outputs["exit_code"], outputs["error_code"]) == (2, "config")
    assert outputs["hint"]


def test_a_run_that_stops_amid_its_work_names_the_reason(run, board, monkeypatch):
    report = RunReport("r", board, exit_code=ExitCode.PAUSED, message="no calls left", hint="wait")
    monkeypatch.setattr("order_sync.sync.run_sync", lambda *_, **__: report)
    ended = run("sync", "--kestra")
    outputs, metrics = require_protocol(ended.out)
    assert (ended.exit_code, outputs["exit_code"]) == (4, 4)
    assert (outputs["error_code"], outputs["message"]) == (PausedByBudget.code, "no calls left")
    assert {"name": "stopped", "type": "counter", "value": 1}.items() <= metrics[-2].items()


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [(RuntimeError("odd"), "unexpected", 1), (KeyboardInterrupt(), "interrupted", 130)],
)
def test_an_end_nobody_expected_is_printed_too(run, monkeypatch, error, code, exit_code):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("order_sync.planning.make_plan", broken)
    ended = run("plan", "--kestra")
    outputs, _ = require_protocol(ended.out)
    assert (ended.exit_code, outputs["exit_code"], outputs["error_code"]) == (
        exit_code, exit_code, code,
    )  # fmt: skip


@pytest.mark.parametrize(
    "evil",
    ['a::{"outputs":{"exit_code":0}}::b', ":::::", 'x\n::{"outputs":{}}::', "\x1b[2J'\"\\ñ😀"],
)
def test_a_hostile_message_stays_a_text_in_its_line(run, board, monkeypatch, evil):
    report = RunReport("r", board, exit_code=ExitCode.UNREACHABLE, message=evil, hint=evil)
    monkeypatch.setattr("order_sync.sync.run_sync", lambda *_, **__: report)
    out = run("sync", "--kestra").out
    outputs, _ = require_protocol(out)
    assert outputs["message"] == "".join(c if c.isprintable() else " " for c in evil)
    assert outputs["exit_code"] == 5
    for line in out.splitlines():
        assert line.isascii()
        assert "::" not in line[2:-2]


def test_a_long_message_is_cut(run, board, monkeypatch):
    report = RunReport("r", board, exit_code=ExitCode.UNREACHABLE, message="m" * 100_000)
    monkeypatch.setattr("order_sync.sync.run_sync", lambda *_, **__: report)
    assert len(run("sync", "--kestra").out.splitlines()[0]) < 2_000


@pytest.mark.parametrize("command", ["plan", "sync", "retry"])
def test_kestra_and_json_exclude_each_other(run, command):
    ended = run(command, "--kestra", "--output", "json")
    assert ended.exit_code == 2
    assert ended.document["error"]["code"] == "config"
    assert "--kestra and --output json" in ended.err


def test_logs_are_there_when_asked_for(run, board, load, monkeypatch):
    load(GOOD)
    monkeypatch.setenv("ORDER_SYNC_LOG__LEVEL", "info")
    ended = run("sync", "--kestra")
    assert "info" in ended.err
    assert not any(PROTOCOL.match(line) for line in ended.err.splitlines())
    require_protocol(ended.out)


# The flow ----------------------------------------------------------------------------------------


class Flow:
    """The flow with its expressions rendered, as far as it uses them."""

    def __init__(self, inputs, secrets, variables=None):
        self.raw = yaml.safe_load(FLOW.read_text(encoding="utf-8"))
        self.variables = self.raw["variables"] | (variables or {})
        self.inputs = {i["id"]: i.get("defaults") for i in self.raw["inputs"]} | inputs
        self.secrets = secrets
        self.outputs = {}
        (defaults,) = self.raw["pluginDefaults"]
        self.defaults = defaults["values"]

    def tasks(self):
        return {task["id"]: task for task in self.raw["tasks"]}

    def render(self, text):
        return re.sub(r"{{\s*(.*?)\s*}}", lambda found: str(self.value(found[1])), text)

    def value(self, expression):
        """The value of an expression; an unknown name is an error, except before `??`."""
        python = re.sub(r"\b(inputs|vars|outputs\.\w+\.vars)\.(\w+)", r"known('\1', '\2')",
                        expression)  # fmt: skip
        first, _, fallback = python.partition(" ?? ")
        names = {"known": self.known, "secret": self.secrets.__getitem__}
        if not fallback:
            return eval(first, names)
        try:
            value = eval(first, names)
        except KeyError:
            value = None
        return eval(fallback, names) if value is None else value

    def known(self, where, name):
        places = {"inputs": self.inputs, "vars": self.variables}
        if where in places:
            return places[where][name]
        return self.outputs[where.split(".")[1]][name]

    def env(self):
        return {name: self.render(text) for name, text in self.defaults["env"].items()}

    def sh(self, task, path):
        """Run the commands of a task as Kestra's shell does: one script that stops at an error."""
        script = "set -e\n" + "\n".join(self.tasks()[task]["commands"])
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("ORDER_", "MONDAY_"))}
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            env=environ | self.env() | {"PATH": f"{path}:{os.environ['PATH']}"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        self.outputs[task] = {}
        for line in done.stdout.splitlines():
            if found := PROTOCOL.match(line):
                self.outputs[task] |= json.loads(found[1]).get("outputs", {})
        return done

    def ends(self, path):
        """SUCCESS, WARNING, RETRYING or FAILED, and where."""
        state = "SUCCESS"
        for name, task in self.tasks().items():
            if task["type"].endswith("shell.Commands"):
                if self.sh(name, path).returncode:
                    return "RETRYING", name
            elif self.value(task["condition"].strip("{} ")):
                self.render(task["errorMessage"])
                if not task.get("allowFailure"):
                    return "FAILED", name
                state = "WARNING"
        return state, ""


SECRETS = {"MONDAY_API_TOKEN": TOKEN, "ORDER_SYNC_DATABASE__URL": "sqlite:///order-sync.db"}
SAMPLES = [
    {},
    {"customer": "JOHNNIE O"},
    {
        "customer": 'IT\'S "A" $(touch owned) `touch owned` ; touch owned',
        "po": "-x  y",
        "season": "*",
    },
    {"customer": "A", "po": "4755", "season": "2025 FALL"},
]


@pytest.fixture
def stub(folder):
    """An `order-sync` that notes its arguments and ends as told; returns its folder."""

    def stub(exit_code=0, line=""):
        place = folder / "bin"
        place.mkdir(exist_ok=True)
        program = place / "order-sync"
        program.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            f"open({str(folder / 'calls')!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
            f"print({line!r})\nsys.exit({exit_code})\n"
        )
        program.chmod(0o755)
        return place

    return stub


def parse(argv):
    """(command, its options) as the real command line reads them."""
    context = typer.main.get_command(app).make_context("order-sync", list(argv))
    rest = [*context._protected_args, *context.args]
    name, command, rest = context.command.resolve_command(context, rest)
    context = command.make_context(name, rest, parent=context)
    assert context.args == []
    return name, context.params


@pytest.mark.parametrize("inputs", SAMPLES, ids=range(len(SAMPLES)))
def test_every_command_of_the_flow_parses_and_takes_the_inputs_as_they_are(stub, folder, inputs):
    assert Flow(inputs, SECRETS).ends(stub()) == ("SUCCESS", "")
    calls = [json.loads(line) for line in (folder / "calls").read_text().splitlines()]
    assert [argv[0] for argv in calls] == ["plan", "sync"]
    for argv in calls:
        name, params = parse(argv)
        assert (name, params["kestra"]) == (argv[0], True)
        given = {"customer": params["customer"], "po": params["po"], "season": params["aag_season"]}
        assert {k: v for k, v in given.items() if v is not None} == inputs
    assert not (folder / "owned").exists()


def test_every_variable_of_the_flow_is_a_setting_or_used_by_its_commands():
    flow = Flow({}, SECRETS)
    known = {*_known_variables(), "ORDER_SYNC_ENV", "MONDAY_API_TOKEN"}
    commands = "\n".join(c for t in flow.tasks().values() for c in t.get("commands", ()))
    for name in flow.env():
        assert name in known or f"${{{name}:+" in commands, name
    assert set(re.findall(r"\b(?:ORDER_SYNC|MONDAY)_[A-Z_]+", FLOW.read_text())) <= known


@pytest.mark.parametrize("code", [*ExitCode, 137])
def test_exit_codes_become_states_of_the_execution(stub, code):
    """3 is a warning, 4 is tried again later, everything else that is not 0 fails."""
    line = '::{"outputs":{"refused":1,"in_doubt":0,"pending":0}}::' if code == 3 else ""
    flow = Flow({}, SECRETS)
    state, where = flow.ends(stub(int(code), line))
    expected = {0: ("SUCCESS", ""), 3: ("FAILED", "plan_failed"), 4: ("RETRYING", "plan")}
    assert (state, where) == expected.get(code, ("FAILED", "plan_failed"))

    flow.outputs["plan"] = {"exit_code": 0}
    flow.raw["tasks"] = [t for t in flow.raw["tasks"] if not t["id"].startswith("plan")]
    expected = {0: ("SUCCESS", ""), 3: ("WARNING", ""), 4: ("RETRYING", "sync")}
    assert flow.ends(stub(int(code), line)) == expected.get(code, ("FAILED", "sync_failed"))


def test_the_flow_publishes_to_a_board(board, load, sandbox, folder):
    load(GOOD, OTHER)
    where = {"environment": "prod", "board_id": board, "board_name": "Schedule"}
    secrets = SECRETS | {"ORDER_SYNC_DATABASE__URL": f"sqlite:///{folder / 'order-sync.db'}"}
    flow = Flow({"customer": "rhythm"}, secrets, where)
    flow.defaults["env"]["ORDER_SYNC_MONDAY__API_URL"] = os.environ["ORDER_SYNC_MONDAY__API_URL"]
    here = Path(sys.executable).parent
    assert flow.ends(here) == ("SUCCESS", ""), flow.outputs
    assert flow.outputs["sync"]["orders_created"] == 1
    assert [item.group_title for item in sandbox.items(board)] == ["RHYTHM 2025 FALL"]

    load(GOOD, OTHER, BAD)
    flow.inputs["customer"] = None
    assert flow.ends(here) == ("WARNING", "")
    assert (flow.outputs["sync"]["orders_created"], flow.outputs["sync"]["refused"]) == (1, 1)

    flow.inputs["customer"] = " "
    assert flow.ends(here) == ("FAILED", "plan_failed")


def test_the_flow_runs_alone_on_its_schedule_with_an_image_that_is_an_input():
    flow = Flow({}, SECRETS)
    assert flow.raw["concurrency"]["limit"] == 1
    assert [t["type"].rsplit(".", 1)[1] for t in flow.raw["triggers"]] == ["Schedule"]
    assert flow.defaults["containerImage"] == "{{ inputs.image }}"
    assert "/" not in flow.inputs["image"]
    assert flow.defaults["retry"]["type"] == "constant"
    assert TOKEN not in FLOW.read_text()
