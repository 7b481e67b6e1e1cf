"""What programs may rely on: one envelope around every document, and schemas that tell the fields.

`UPDATE_SNAPSHOTS=1` writes the snapshots anew: look at the difference before you commit it.
"""

from __future__ import annotations

import json
import os
import tomllib
from importlib import resources
from pathlib import Path

import pytest
from docs.generator.commands import leaf_commands
from jsonschema import Draft202012Validator

from order_sync.cli.schemas import DOCUMENTS, ENVELOPE, WITHOUT_DOCUMENT, schema_of
from order_sync.cli.session import Session
from order_sync.profile import DEFAULT_PROFILE
from tests.documents import check_document

SNAPSHOTS = Path(__file__).parent / "snapshots"


def snapshot(name):
    return SNAPSHOTS / f"{name.replace(' ', '-')}.json"


def test_every_command_has_a_document_or_says_what_it_prints_instead():
    commands = set(leaf_commands())
    assert DOCUMENTS.keys() | WITHOUT_DOCUMENT.keys() == commands
    assert not DOCUMENTS.keys() & WITHOUT_DOCUMENT.keys()


@pytest.mark.parametrize("command", DOCUMENTS)
def test_the_schema_of_a_document_changes_only_on_purpose(run, command):
    ended = run("schema", *command.split())
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot(command).write_text(ended.out, encoding="utf-8")
    assert ended.out == snapshot(command).read_text(encoding="utf-8")


def test_there_is_no_snapshot_of_a_command_that_is_none():
    assert {path.name for path in SNAPSHOTS.iterdir()} == {snapshot(c).name for c in DOCUMENTS}


@pytest.fixture(scope="module")
def every_schema():
    return schema_of(DOCUMENTS)


def test_every_schema_is_one_and_every_document_begins_alike(every_schema):
    Draft202012Validator.check_schema(every_schema)
    *documents, _ = every_schema["anyOf"]
    for document in documents:
        assert tuple(document["properties"])[: len(ENVELOPE)] == ENVELOPE
        assert document["required"] == list(document["properties"])


def test_without_a_command_one_schema_holds_all_documents(run, every_schema):
    printed = json.loads(run("schema").out)
    assert printed == every_schema
    told = {variant["properties"]["command"].get("const") for variant in printed["anyOf"]}
    assert told == {*DOCUMENTS, None}


def test_a_document_may_grow_but_not_lose_a_field(run):
    """Readers with the schema of today read tomorrow's documents."""
    check = Draft202012Validator(json.loads(run("schema", "batches").out))
    document = run("batches", "--output", "json").document
    assert check.is_valid(document | {"new": 1})
    assert not check.is_valid({k: v for k, v in document.items() if k != "batches"})


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_schema_of_nothing_is_refused_and_the_commands_are_named(run, output):
    for words, why in (
        (["publish"], 'no command "publish"'),
        (["errors"], 'no command "errors"'),
        (["schema"], "it has no document"),
        (["sync", "--profile"], "exclude each other"),
    ):
        ended = run("schema", *words, "--output", output)
        assert ended.exit_code == 2
        assert why in ended.err
        if output == "json":
            assert check_document(ended.out, 2)["error"]["code"] == "config"


def test_the_shipped_profile_is_what_the_schema_of_profiles_says(run):
    schema = json.loads(run("schema", "--profile").out)
    Draft202012Validator.check_schema(schema)
    text = resources.files("order_sync.profiles").joinpath(f"{DEFAULT_PROFILE}.toml").read_text()
    Draft202012Validator(schema).validate(tomllib.loads(text))


def test_written_settings_are_what_the_schema_of_settings_says(run, folder):
    schema = json.loads(run("schema", "--settings").out)
    Draft202012Validator.check_schema(schema)
    assert run("init", "--board-id", "123").exit_code == 0
    settings = tomllib.loads((folder / "order-sync.toml").read_text())
    Draft202012Validator(schema).validate(settings)
    wrong = {"environments": {"prod": {"monday": {"bord_id": "1"}}}}
    assert not Draft202012Validator(schema).is_valid(settings | wrong)


# How a command ends ------------------------------------------------------------------------------


def test_ctrl_c_ends_with_a_document_too(run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("order_sync.planning.make_plan", interrupted)
    ended = run("plan", "--output", "json")
    assert ended.exit_code == ended.document["exit_code"] == 130
    assert ended.document["error"]["code"] == "interrupted"


def test_an_error_nobody_expected_is_a_document_too(run, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("odd")

    monkeypatch.setattr("order_sync.planning.make_plan", broken)
    ended = run("plan", "--output", "json")
    assert ended.exit_code == 1
    assert ended.document["error"]["message"] == "unexpected RuntimeError: odd"


def test_a_person_who_says_no_ends_with_a_document_too(run, write_csv, monkeypatch):
    orders = str(write_csv("JOO-1,JOHNNIE O,M01,WHITE,4755,12,7"))
    assert run("load", orders).exit_code == 0
    monkeypatch.setattr("order_sync.cli.session.Session.confirm", lambda *_: False)
    ended = run("load", orders, "--output", "json")
    assert ended.exit_code == 1
    error = ended.document["error"]
    assert (error["code"], error["message"]) == ("declined", "nothing was loaded")


def test_a_command_prints_one_document_whatever_happens_after_it(capsys):
    session = Session("batches", json=True)

    def told_and_broken():
        session.result({"batches": []})
        raise RuntimeError("after the document")

    assert session.run(told_and_broken) == 1
    shown = capsys.readouterr()
    assert check_document(shown.out)["batches"] == []
    assert "after the document" in shown.err
