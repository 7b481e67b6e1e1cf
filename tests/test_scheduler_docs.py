"""What the pages on cron, systemd and Airflow tell people to copy does what they say."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import stat
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from order_sync.config import _TOKEN_FILE_VARIABLES, _TOKEN_VARIABLES, _known_variables
from order_sync.errors import ExitCode

DOCS = Path(__file__).parents[1] / "docs"
VARIABLES = {*_known_variables(), *_TOKEN_FILE_VARIABLES, *_TOKEN_VARIABLES, "ORDER_SYNC_ENV"}
PLACE = "/srv/order-sync"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


@pytest.fixture
def stub(tmp_path):
    """Put an `order-sync` there that notes its arguments, speaks, and ends as told."""

    def stub(exit_code: int = 0) -> Path:
        program = tmp_path / ".venv" / "bin" / "order-sync"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            f"open({str(tmp_path / 'calls')!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
            f"print('told')\nsys.exit({exit_code})\n"
        )
        program.chmod(0o755)
        return program.parent

    return stub


def sh(command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command], env=os.environ | environ,
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


# cron --------------------------------------------------------------------------------------------


def test_cron_mails_what_a_run_said_only_when_something_is_to_be_done(stub, tmp_path):
    *settings, line = blocks("cron", "")[0].splitlines()
    assert {setting.partition("=")[0] for setting in settings} <= VARIABLES | {"MAILTO"}
    fields = line.split(" ", 5)
    assert all(re.fullmatch(r"[\d*/]+", field) for field in fields[:5])
    assert "%" not in fields[5]  # it would end the line there
    command = fields[5].replace(PLACE, shlex.quote(str(tmp_path)))

    for code in ExitCode:
        stub(int(code))
        ended = sh(command)
        assert ended.stdout == ("" if code == 0 else "told\n")
    assert stat.S_IMODE((tmp_path / "last.txt").stat().st_mode) == 0o600
    assert (tmp_path / "calls").read_text() == '["sync"]\n' * len(ExitCode)


# systemd -----------------------------------------------------------------------------------------


def units() -> list[dict[str, list[tuple[str, str]]]]:
    """Section -> its lines; a key may stand in several of them."""
    found = []
    for block in blocks("systemd", "ini"):
        numbered = "\n".join(
            f"{at}.{line}" if "=" in line else line for at, line in enumerate(block.splitlines())
        )
        unit = RawConfigParser(delimiters="=")
        unit.optionxform = str  # type: ignore[assignment, method-assign]
        unit.read_string(numbered)
        found.append(
            {
                name: [(key.partition(".")[2], value) for key, value in unit.items(name)]
                for name in unit.sections()
            }
        )
    return found


def test_the_service_gets_its_token_from_systemd_and_takes_another_run_for_no_failure():
    service = units()[0]
    assert set(service) == {"Unit", "Service"}
    lines = service["Service"]
    one = dict(lines)
    assert (one["Type"], one["UMask"]) == ("oneshot", "0077")
    assert one["SuccessExitStatus"] == str(int(ExitCode.LOCKED))
    assert one["ExecStart"].startswith(f"{one['WorkingDirectory']}/")
    assert one["ReadWritePaths"] == one["WorkingDirectory"] == PLACE
    environment = dict(pair.split("=") for pair in one["Environment"].split())
    assert set(environment) <= VARIABLES
    (credential,) = [value.partition(":")[0] for key, value in lines if key == "LoadCredential"]
    assert environment[_TOKEN_FILE_VARIABLES[1]] == f"%d/{credential}"


def test_the_timer_starts_the_service_of_its_name():
    timer = units()[1]
    assert set(timer) == {"Unit", "Timer", "Install"}
    assert dict(timer["Timer"])["OnCalendar"]
    text = (DOCS / "systemd.md").read_text(encoding="utf-8")
    assert re.findall(r"/etc/systemd/system/(\S+?)`", text) == [
        "order-sync.service", "order-sync.timer",
    ]  # fmt: skip


# Airflow -----------------------------------------------------------------------------------------


def task() -> dict[str, object]:
    """The arguments of the one task, as far as they are written out."""
    (code,) = blocks("airflow", "python")
    (call,) = [
        node for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "BashOperator"
    ]  # fmt: skip
    return {
        k.arg: ast.literal_eval(k.value)
        for k in call.keywords
        if k.arg and not isinstance(k.value, ast.Call)
    }


def test_the_task_skips_when_another_run_is_at_work_and_sets_what_there_is():
    told = task()
    assert told["skip_on_exit_code"] == ExitCode.LOCKED
    assert told["append_env"] is True
    assert isinstance(told["env"], dict)
    assert told["env"].keys() <= VARIABLES | {"CUSTOMER"}


@pytest.mark.parametrize("customer", ["", "JOHNNIE O", "A\"; touch owned; '$(touch owned)"])
def test_the_task_takes_its_parameter_as_it_is(stub, tmp_path, customer):
    path = f"{stub()}:{os.environ['PATH']}"
    ended = sh(f"cd {tmp_path} && {task()['bash_command']}", PATH=path, CUSTOMER=customer)
    assert (ended.returncode, ended.stdout) == (0, "told\n")
    argv = json.loads((tmp_path / "calls").read_text())
    assert argv == ["sync", *(["--customer", customer] if customer else [])]
    assert not (tmp_path / "owned").exists()
