"""The flows for Kestra: what they name exists, and how a command ends becomes a state."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from order_sync.cli import app
from order_sync.config import _known_variables
from order_sync.errors import ExitCode

from .conftest import GOOD, OTHER, TOKEN

FOLDER = Path(__file__).parents[2] / "kestra"
FLOWS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
SYNCING = ["order-sync", "order-sync-approved"]
BAD = "JOO-2,JOHNNIE O,M01,WHITE,4755,-3,,2025 FALL,,RECEIVED,PCE"

# As Kestra finds a line of ours among all lines of a task, on stdout and stderr.
PROTOCOL = re.compile(r"^::(\{.*})::$")
EXPRESSION = re.compile(r"{{\s*(.*?)\s*}}", re.S)
COMMANDS = "io.kestra.plugin.scripts.shell.Commands"
DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"
# Of Kestra 1.3 and 2.0 alike, but for the way a trigger names the flows it depends on.
TYPES = {
    COMMANDS,
    DOCKER,
    "io.kestra.plugin.core.execution.Exit",
    "io.kestra.plugin.core.execution.Fail",
    "io.kestra.plugin.core.flow.If",
    "io.kestra.plugin.core.flow.Pause",
    "io.kestra.plugin.core.http.Request",
    "io.kestra.plugin.core.log.Log",
    "io.kestra.plugin.core.trigger.Flow",
    "io.kestra.plugin.core.trigger.Schedule",
}
REMOVED = {"pluginDefaults", "taskDefaults", "conditions", "preconditions", "runner", "listeners"}
TRIGGER = {"executionId": "6Xy", "namespace": "company.orders", "flowId": "order-sync",
           "state": "FAILED"}  # fmt: skip


class _Strict(yaml.SafeLoader):
    """Refuses a key that stands twice, as Kestra does."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return super().construct_mapping(node, deep)


def read_flow(name):
    return yaml.load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), _Strict)


def each_flow(names):
    return pytest.mark.parametrize("name", names)


def parts_of(value) -> Iterator[dict]:
    """Every mapping inside a flow, the flow first."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list)):
            yield from parts_of(inner)


class Flow:
    """A flow with its expressions rendered, as far as it uses them."""

    def __init__(self, name, inputs, secrets, folder, variables=None):
        self.raw = read_flow(name)
        self.variables = self.raw.get("variables", {}) | (variables or {})
        self.inputs = {i["id"]: i.get("defaults") for i in self.raw["inputs"]} | inputs
        self.secrets = secrets
        self.folder = folder
        self.outputs = {}
        self.files = {}
        self.overrides = {}  # environment of the machine
        self.while_paused = lambda: None

    @property
    def tasks(self):
        return {task["id"]: task for task in self.raw["tasks"]}

    def render(self, text):
        return EXPRESSION.sub(lambda found: str(self.value(found[1])), text)

    def value(self, expression):
        """The value of an expression; an unknown name is an error, except before `??`."""
        python = re.sub(r"\boutputs\.(\w+)\.outputFiles\['([^']+)'\]", r"file('\1', '\2')",
                        expression)  # fmt: skip
        python = re.sub(r"\b(inputs|vars|outputs\.\w+\.vars)\.(\w+)", r"known('\1', '\2')", python)
        first, _, fallback = python.partition(" ?? ")
        names = {"known": self.known, "secret": self.secrets.__getitem__, "file": self.file}
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

    def file(self, task, name):
        return self.files[task][name]

    def sh(self, task, path):
        """Run the commands of a task as Kestra does: one script in a folder of its own."""
        about = self.tasks[task]
        place = self.folder / f"task-{task}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name, source in about.get("inputFiles", {}).items():
            shutil.copy(self.render(source), place / name)
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("ORDER_", "MONDAY_"))}
        own = {name: self.render(text) for name, text in about["env"].items()} | self.overrides
        done = subprocess.run(
            ["/bin/sh", "-c", "set -e\n" + "\n".join(about["commands"])],
            env=environ | own | {"PATH": f"{path}:{os.environ['PATH']}"}, cwd=place,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        self.outputs[task] = {}
        for line in done.stdout.splitlines():
            if found := PROTOCOL.match(line):
                self.outputs[task] |= json.loads(found[1]).get("outputs", {})
        wanted = [place / name for name in about.get("outputFiles", ())]
        self.files[task] = {file.name: file for file in wanted if file.exists()}
        return done

    def ends(self, path):
        """SUCCESS, WARNING, RETRYING or FAILED, and where."""
        state = "SUCCESS"
        for name, task in self.tasks.items():
            kind = task["type"].rpartition(".")[2]
            if kind == "Commands":
                if self.sh(name, path).returncode:
                    return "RETRYING", name
            elif kind == "Pause":
                self.while_paused()
            elif kind == "Log":
                self.render(task["message"])
            elif kind == "If":
                if self.value(task["condition"].strip("{} ")):
                    return task["then"][0]["state"], name
            elif self.value(task["condition"].strip("{} ")):
                self.render(task["errorMessage"])
                if not task.get("allowFailure"):
                    return "FAILED", name
                state = "WARNING"
        return state, ""


# What is written in them -------------------------------------------------------------------------


@each_flow(FLOWS)
def test_a_flow_is_named_as_its_file_and_uses_an_id_once(name):
    flow = read_flow(name)
    assert (flow["id"], flow["namespace"]) == (name, "company.orders")
    for section in (parts_of(flow["tasks"]), flow.get("inputs", []), flow.get("triggers", [])):
        ids = [part["id"] for part in section if "id" in part]
        assert len(ids) == len(set(ids))
        assert all(re.fullmatch(r"\w[\w-]*", one) for one in ids)


@each_flow(FLOWS)
def test_a_flow_names_types_that_exist_and_nothing_kestra_has_removed(name):
    flow = read_flow(name)
    named = {part["type"] for part in parts_of([flow["tasks"], flow.get("triggers", [])])
             if str(part.get("type", "")).startswith("io.")}  # fmt: skip
    assert named <= TYPES
    assert all(not REMOVED & part.keys() for part in parts_of(flow))
    assert all(part["type"] in ("constant", "exponential")
               for part in parts_of(flow) if "maxAttempts" in part)  # fmt: skip


@each_flow(FLOWS)
def test_every_input_variable_and_task_a_flow_refers_to_is_there_and_used(name):
    flow = read_flow(name)
    known = {
        "inputs": {one["id"] for one in flow.get("inputs", ())},
        "vars": set(flow.get("variables", ())),
        "outputs": set(),
        "trigger": set(TRIGGER),
    }
    used = {where: set() for where in known}
    for task in flow["tasks"]:
        for expression in EXPRESSION.findall(json.dumps(task)):
            for where, what in re.findall(
                r"(?<!\.)\b(inputs|vars|outputs|trigger)\.(\w+)", expression
            ):
                assert what in known[where], expression
                used[where].add(what)
        known["outputs"].add(task["id"])
    assert (used["inputs"], used["vars"]) == (known["inputs"], known["vars"])


@each_flow(SYNCING)
def test_every_variable_of_a_task_is_a_setting_or_used_by_its_commands(name):
    known = {*_known_variables(), "ORDER_SYNC_ENV", "MONDAY_API_TOKEN"}
    tasks = [task for task in read_flow(name)["tasks"] if task["type"] == COMMANDS]
    assert len(tasks) == 2
    for task in tasks:
        for variable in task["env"]:
            used = f"${{{variable}:+" in "\n".join(task["commands"])
            assert variable in known or used, variable
        assert task["containerImage"] == "{{ inputs.image }}"
        assert task["retry"] == tasks[0]["retry"]
        shared = task["env"].keys() & known
        assert {n: task["env"][n] for n in shared} == {n: tasks[0]["env"][n] for n in shared}
        assert task["taskRunner"] == tasks[0]["taskRunner"]
    text = (FOLDER / f"{name}.yaml").read_text()
    assert set(re.findall(r"\b(?:ORDER_SYNC|MONDAY)_[A-Z_]+", text)) <= known
    assert "/" not in next(i for i in read_flow(name)["inputs"] if i["id"] == "image")["defaults"]


def test_the_scheduled_flow_runs_alone_and_the_one_with_approval_never_by_itself():
    scheduled, approved = map(read_flow, SYNCING)
    assert scheduled["concurrency"] == {"limit": 1, "behavior": "QUEUE"}
    assert [t["type"].rpartition(".")[2] for t in scheduled["triggers"]] == ["Schedule"]
    assert "triggers" not in approved
    pause = next(t for t in approved["tasks"] if t["type"].endswith(".Pause"))
    assert pause["behavior"] == "CANCEL"
    given = [{k: v for k, v in flow.items() if k in ("inputs", "variables")}
             for flow in (scheduled, approved)]  # fmt: skip
    assert given[0] == given[1]


def test_the_alert_follows_every_flow_that_syncs_and_posts_json():
    flow = read_flow("order-sync-alert")
    followed = []
    for trigger in flow["triggers"]:
        (one,) = trigger["dependsOn"]
        assert one["states"] == ["FAILED", "WARNING"]
        assert one["namespace"] == read_flow(one["flowId"])["namespace"]
        followed.append(one["flowId"])
    assert sorted(followed) == SYNCING
    (task,) = flow["tasks"]
    body = EXPRESSION.sub(lambda found: TRIGGER[found[1].removeprefix("trigger.")], task["body"])
    assert json.loads(body) == {
        "text": "company.orders.order-sync ended with FAILED: execution 6Xy"
    }
    assert task["uri"] == "{{ secret('ORDER_SYNC_ALERT_URL') }}"


# What comes of an execution ----------------------------------------------------------------------

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
COUNTS = """orders_to_send orders_new orders_changed orders_cancelled refused calls minutes in_doubt
pending"""
SAID = dict.fromkeys(COUNTS.split(), 1) | {"message": ""}


@pytest.fixture
def stub(folder):
    """An `order-sync` that notes its arguments and ends as told; returns its folder.

    codes: exit code by command; 0 when it is not named.
    """

    def stub(codes=None, **said):
        place = folder / "bin"
        place.mkdir(exist_ok=True)
        program = place / "order-sync"
        line = f"::{json.dumps({'outputs': SAID | said})}::"
        program.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            f"open({str(folder / 'calls')!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
            "if '--out' in sys.argv: open(sys.argv[sys.argv.index('--out') + 1], 'w').close()\n"
            f"print({line!r})\nsys.exit({codes or {}!r}.get(sys.argv[1], 0))\n"
        )
        program.chmod(0o755)
        return place

    return stub


@pytest.fixture
def calls(folder):
    """The arguments of each call of the stub so far."""
    return lambda: [json.loads(line) for line in (folder / "calls").read_text().splitlines()]


def parse(argv):
    """(command, its options) as the real command line reads them."""
    context = typer.main.get_command(app).make_context("order-sync", list(argv))
    rest = [*context._protected_args, *context.args]
    name, command, rest = context.command.resolve_command(context, rest)
    context = command.make_context(name, rest, parent=context)
    assert context.args == []
    return name, context.params


@each_flow(SYNCING)
@pytest.mark.parametrize("inputs", SAMPLES, ids=range(len(SAMPLES)))
def test_every_command_parses_and_takes_the_inputs_as_they_are(stub, calls, folder, name, inputs):
    assert Flow(name, inputs, SECRETS, folder).ends(stub()) == ("SUCCESS", "")
    assert [argv[0] for argv in calls()] == ["plan", "sync"]
    for argv in calls():
        command, params = parse(argv)
        assert (command, params["kestra"]) == (argv[0], True)
        given = {"customer": params["customer"], "po": params["po"], "season": params["aag_season"]}
        given = {k: v for k, v in given.items() if v is not None}
        approved = command == "sync" and name == "order-sync-approved"
        assert given == ({} if approved else inputs)
        assert str(params.get("plan_file")) == ("plan.json" if approved else "None")
    assert not list(folder.rglob("owned"))


@each_flow(SYNCING)
@pytest.mark.parametrize("code", [*ExitCode, 137])
def test_exit_codes_become_states_of_the_execution(stub, folder, name, code):
    """3 is a warning; 4 and 7 are tried again later; everything else that is not 0 fails."""
    states = {0: ("SUCCESS", ""), 4: ("RETRYING", "plan"), 7: ("RETRYING", "plan")}
    flow = Flow(name, {}, SECRETS, folder)
    expected = states.get(code, ("FAILED", "plan_failed"))
    assert flow.ends(stub({"plan": int(code)})) == expected
    states = {0: ("SUCCESS", ""), 3: ("WARNING", ""), 4: ("RETRYING", "sync"),
              7: ("RETRYING", "sync")}  # fmt: skip
    expected = states.get(code, ("FAILED", "sync_failed"))
    assert flow.ends(stub({"sync": int(code)})) == expected


def test_nobody_is_asked_to_approve_nothing(stub, calls, folder):
    flow = Flow("order-sync-approved", {}, SECRETS, folder)
    flow.while_paused = lambda: pytest.fail("asked")
    assert flow.ends(stub(orders_to_send=0)) == ("SUCCESS", "nothing_to_send")
    assert [argv[0] for argv in calls()] == ["plan"]


@pytest.fixture
def real(board, folder):
    """A flow by name with the real command, and what it needs to reach the board."""

    def real(name, inputs):
        where = {"environment": "prod", "board_id": board.id, "board_name": "Schedule"}
        url = f"sqlite:///{folder / 'order-sync.db'}"
        flow = Flow(name, inputs, SECRETS | {"ORDER_SYNC_DATABASE__URL": url}, folder, where)
        api_url = "ORDER_SYNC_MONDAY__API_URL"
        flow.overrides[api_url] = os.environ[api_url]
        return flow

    return real


HERE = Path(sys.executable).parent


def test_the_scheduled_flow_publishes_to_a_board(real, board, load):
    load(GOOD, OTHER)
    flow = real("order-sync", {"customer": "rhythm"})
    assert flow.ends(HERE) == ("SUCCESS", ""), flow.outputs
    assert flow.outputs["sync"]["orders_created"] == 1
    assert [item.group_title for item in board.items()] == ["RHYTHM 2025 FALL"]

    load(GOOD, OTHER, BAD)
    flow.inputs["customer"] = None
    assert flow.ends(HERE) == ("WARNING", "")
    assert (flow.outputs["sync"]["orders_created"], flow.outputs["sync"]["refused"]) == (1, 1)

    flow.inputs["customer"] = " "
    assert flow.ends(HERE) == ("FAILED", "plan_failed")


def test_what_was_approved_is_done_or_nothing(real, board, load):
    load(GOOD)
    flow = real("order-sync-approved", {})
    flow.while_paused = lambda: load(GOOD, OTHER)
    assert flow.ends(HERE) == ("FAILED", "sync_failed"), flow.outputs
    assert flow.outputs["sync"]["exit_code"] == ExitCode.BOARD_DIFFERS
    assert "no longer holds" in flow.outputs["sync"]["message"]
    assert board.items() == []

    flow.while_paused = lambda: None
    assert flow.ends(HERE) == ("SUCCESS", ""), flow.outputs
    assert len(board.items()) == 2
