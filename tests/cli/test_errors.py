"""errors list, show and resolve: what a person sees of refused orders, and decides."""

from __future__ import annotations

from contextlib import closing

import pytest

from order_sync.cli import errors
from order_sync.db import refused, runs, staging
from order_sync.db.engine import Database, board_lock
from order_sync.db.known import FoundItem, adopt
from order_sync.db.refused import ErrorRow
from order_sync.db.staging import Unit
from order_sync.db.upgrade import ensure_tables
from order_sync.rules.resolutions import Resolution

BOARD = "4711"
KEY = "joo-1|m01|white"
OTHER = "joo-1|m02|black"
LONG = "n" * 2_001


@pytest.fixture(autouse=True)
def board(monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_MONDAY__BOARD_ID", BOARD)


@pytest.fixture
def database(folder):
    with closing(Database(f"sqlite:///{folder / 'order-sync.db'}")) as database:
        yield database


@pytest.fixture
def write(database, tables, shipped):
    """Do something in a run of its own, as if it had ended."""

    def write(work):
        def within(conn):
            ensure_tables(conn, tables)
            return work(conn, runs.start_run(conn, tables, shipped, "sync", {}, BOARD))

        return database.run(within)

    return write


@pytest.fixture
def refuse(write, tables):
    def refuse(key=KEY, code="gone_from_board", unit=Unit.ITEM, **more):
        given = {
            "unit": unit, "order_key": key, "customer": "JOHNNIE O",
            "order_number": "JOO-1", "error_type": code, "error_class": "board",
            "error_message": f"{code}: what, and what to do",
        }  # fmt: skip
        row = ErrorRow(**given | more)
        write(lambda conn, run: refused.store_errors(conn, tables, run, [row]))

    return refuse


@pytest.fixture
def listed(run):
    def listed(*options):
        return run("errors", "list", *options, "-o", "json").document

    return listed


@pytest.fixture
def terminal(monkeypatch):
    """A person at a terminal; returns what they are asked, and takes their answers."""
    asked = []

    def at_a_terminal(answer):
        def confirm(question, **_):
            asked.append(question)
            return answer

        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("typer.confirm", confirm)
        return asked

    return at_a_terminal


# The list -----------------------------------------------------------------------------------------


def test_refusals_are_counted_by_code_with_an_example_and_what_to_do(run, refuse, listed):
    refuse(OTHER, "too_long", request_id=None)
    refuse(KEY, "too_long")
    refuse(KEY)
    groups = listed()["groups"]
    assert [(g["name"], g["rows"], g["example"]) for g in groups] == [
        ("too_long", 2, KEY),
        ("gone_from_board", 1, KEY),
    ]
    assert groups[0]["to_do"] == "Shorten the text."
    assert groups[0]["newest"]
    shown = run("errors", "list").out
    assert shown.index("Shorten the text.") < shown.index(f"{KEY}  too_long")


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("code", {"too_long": 2, "gone_from_board": 1}),
        ("customer", {"RHYTHM": 2, "JOHNNIE O": 1}),
        ("column", {"NOTES": 1, "PLANNER": 1, "": 1}),
    ],
)
def test_refusals_are_counted_by_what_a_person_names(run, refuse, listed, by, names):
    refuse("a|b|c", "too_long", customer="RHYTHM", field="NOTES")
    refuse("d|e|f", "too_long", customer="RHYTHM", field="PLANNER")
    refuse()
    found = listed("--group-by", by)
    assert {g["name"]: g["rows"] for g in found["groups"]} == names
    assert found["group_by"] == by
    assert by.capitalize() in run("errors", "list", "--group-by", by).out


def test_people_see_the_first_rows_and_how_to_see_all(run, refuse, listed, monkeypatch):
    monkeypatch.setattr(errors, "SHOWN_TO_PEOPLE", 2)
    for number in range(5):
        refuse(f"joo-{number}|m01|white")
    shown = run("errors", "list").out
    assert shown.count("what, and what to do") == 2
    assert "and 3 more; add --limit 5 to see all" in shown
    assert run("errors", "list", "--limit", "5").out.count("what, and what to do") == 5
    assert len(listed()["errors"]) == 5
    assert (len(listed("--limit", "3")["errors"]), listed("--limit", "3")["total"]) == (3, 5)


@pytest.mark.parametrize("option", [("--limit", "0"), ("--group-by", "size"), ("--code", " ")])
def test_a_list_that_cannot_be_is_a_usage_error(run, option):
    assert run("errors", "list", *option).exit_code == 2


def test_what_was_ignored_is_listed_when_all_are_asked_for(run, refuse, listed):
    refuse()
    refuse(OTHER)
    run("errors", "resolve", KEY, "--as", "ignore", "--by", "Anna", "--note", "seen by 日本")
    assert [e["order_key"] for e in listed()["errors"]] == [OTHER]
    closed = listed("--all")["errors"][0]
    assert (closed["resolution"], closed["resolved_by"], closed["resolution_note"]) == (
        "ignore", "Anna", "seen by 日本",
    )  # fmt: skip
    group = listed("--all")["groups"][0]
    assert (group["rows"], group["open_rows"]) == (2, 1)
    assert (
        f"{KEY}  gone_from_board (ignore by Anna: seen by 日本)"
        in run("errors", "list", "--all").out
    )


# One order ----------------------------------------------------------------------------------------


def test_an_open_refusal_is_shown_with_the_commands_that_fit_it(run, refuse):
    refuse()
    refuse(code="column_value", unit=Unit.SUBITEM, size_key="3/4 m", request_id="r")
    refuse(OTHER, "negative_quantity")
    shown = run("errors", "show", "JOO-1").out
    for resolution in Resolution:
        assert f"resolve '{KEY}' --code gone_from_board --as {resolution}" in shown
    for resolution in ("retry", "ignore"):
        assert f"resolve '{KEY}' --code column_value --size '3/4 m' --as {resolution}" in shown
    assert f"resolve '{OTHER}' --code negative_quantity --as ignore" in shown
    assert shown.count("order-sync errors resolve") == 7


def test_a_command_that_is_shown_works_as_it_is(run, refuse):
    import shlex

    odd = 'joo-1|o\'neil \\| co|"white" $(x)'
    refuse(odd)
    shown = run("errors", "show", odd).out
    call = next(row for row in shown.splitlines() if "--as retry" in row)
    words = shlex.split(call, comments=True)
    assert words[0] == "order-sync"
    assert run(*words[1:]).exit_code == 0
    assert "No refused orders" in run("errors", "list").out


def test_a_decision_is_shown_with_how_to_take_it_back(run, refuse):
    refuse()
    run("errors", "resolve", KEY, "--as", "forget", "--by", "Anna", "--note", "by phone")
    shown = run("errors", "show", KEY).out
    assert "(forget by Anna: by phone)" in shown
    assert "--as retry  # take the decision back" in shown
    assert shown.count("order-sync errors resolve") == 1


def test_a_long_value_is_shown_whole_once(run, refuse):
    original = f'{{"NOTES": "{LONG}", "AAG ORDER NUMBER": "JOO-1"}}'
    payload = f'{{"name": "N", "values": {{"NOTES": "{LONG}"}}}}'
    for code in ("too_long", "column_value"):
        refuse(code=code, value=LONG, field="NOTES", original_data=original, api_payload=payload)
    ended = run("errors", "show", KEY)
    assert "".join(ended.out.split()).count(LONG) == 1
    assert ended.out.count("source row") == 1
    assert "2,001 characters" in ended.out
    found = run("errors", "show", KEY, "-o", "json").document["errors"]
    assert [e["summary"]["value"] for e in found] == [LONG, LONG]
    assert found[0]["payload"]["values"]["NOTES"] == LONG


def test_rows_that_are_refused_together_are_each_shown(run, refuse):
    refuse(code="duplicate_key", original_data='[{"PO NUMBER": "1"}, {"PO NUMBER": "2"}]')
    shown = run("errors", "show", KEY).out
    assert "PO NUMBER: 1" in shown
    assert "PO NUMBER: 2" in shown


# Decisions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [r.value for r in Resolution])
def test_every_decision_closes_the_refusal_and_names_who_decided(run, refuse, listed, resolution):
    refuse()
    ended = run("errors", "resolve", "JOO-1", "--as", resolution, "--by", "Anna", "-o", "json")
    assert ended.exit_code == 0
    assert ended.document["resolution"] == resolution
    assert [o["order_key"] for o in ended.document["orders"]] == [KEY]
    assert listed()["errors"] == []
    assert listed("--all")["errors"][0]["resolved_by"] == "Anna"


def test_the_user_of_the_computer_decides_unless_another_is_named(run, refuse, listed, monkeypatch):
    refuse()
    monkeypatch.setattr("getpass.getuser", lambda: "planner-7")
    run("errors", "resolve", KEY, "--as", "retry")
    assert listed("--all")["errors"][0]["resolved_by"] == "planner-7"


@pytest.mark.parametrize("why", [OSError, KeyError])
def test_a_user_without_a_name_may_decide(run, refuse, listed, monkeypatch, why):
    def nameless():
        raise why("no such user")

    refuse()
    monkeypatch.setattr("getpass.getuser", nameless)
    assert run("errors", "resolve", KEY, "--as", "retry").exit_code == 0
    assert listed("--all")["errors"][0]["resolved_by"] == "unknown"


def test_what_is_forgotten_is_told(run, refuse, write, tables):
    write(lambda conn, run: adopt(conn, tables, run, "9", [
        FoundItem(KEY, "77", "N", "G", "g", "JOHNNIE O"),
    ]))  # fmt: skip
    refuse()
    shown = run("errors", "resolve", KEY, "--as", "recreate").out
    assert "item 77 is forgotten" in shown
    assert "next: order-sync sync" in shown


def test_refused_orders_lead_to_their_items_where_the_account_is_known(
    run, refuse, write, tables, listed, monkeypatch
):
    item = FoundItem(KEY, "77", "N", "G", "g", "JOHNNIE O")
    write(lambda conn, run: adopt(conn, tables, run, "9", [item]))
    refuse(item_name="N")
    refuse(OTHER)
    assert [(e["item_id"], e["url"]) for e in listed()["errors"]] == [("77", None), (None, None)]
    monkeypatch.setenv("ORDER_SYNC_MONDAY__WEB_URL", "https://company.monday.com")
    address = f"https://company.monday.com/boards/{BOARD}/pulses/77"
    assert [e["url"] for e in listed()["errors"]] == [address, None]
    (told,) = run("errors", "show", KEY, "-o", "json").document["errors"]
    assert (told["item_id"], told["url"]) == ("77", address)
    monkeypatch.setenv("FORCE_COLOR", "1")
    for words in (["list"], ["show", KEY]):
        shown = run("errors", *words).out
        assert shown.count(address) == 1
    assert address in run("errors", "resolve", KEY, "--as", "recreate").out


def test_a_decision_is_among_the_last_runs(run, refuse):
    refuse()
    run("errors", "resolve", KEY, "--as", "retry")
    latest = run("status", "-o", "json").document["runs"][0]
    assert (latest["command"], latest["exit_code"]) == ("errors resolve", 0)


@pytest.mark.parametrize("resolution", ["recreate", "forget"])
def test_forgetting_is_asked_and_can_be_declined(run, refuse, listed, terminal, resolution):
    refuse()
    asked = terminal(answer=False)
    ended = run("errors", "resolve", KEY, "--as", resolution)
    assert (ended.exit_code, len(asked)) == (1, 1)
    assert "nothing was resolved" in ended.err
    assert len(listed()["errors"]) == 1


def test_several_orders_are_listed_and_asked(run, refuse, listed, terminal):
    refuse()
    refuse(OTHER)
    asked = terminal(answer=True)
    ended = run("errors", "resolve", "JOO-1", "--as", "retry")
    assert (ended.exit_code, len(asked)) == (0, 1)
    assert KEY in ended.err
    assert OTHER in ended.err
    assert listed()["errors"] == []


@pytest.mark.parametrize("options", [["JOO-1", "--as", "forget", "--yes"], [KEY, "--as", "retry"]])
def test_yes_and_a_single_retry_ask_nothing(run, refuse, terminal, options):
    refuse()
    asked = terminal(answer=False)
    assert run("errors", "resolve", *options).exit_code == 0
    assert asked == []


# What stops it ------------------------------------------------------------------------------------


def test_a_working_run_holds_decisions_up(run, refuse, listed, database):
    refuse()
    with board_lock(database, BOARD):
        ended = run("errors", "resolve", KEY, "--as", "retry")
    assert ended.exit_code == 7
    assert len(listed()["errors"]) == 1


def test_an_order_in_doubt_waits_until_it_is_settled(run, refuse, write, tables):
    from tests.db.helpers import send, stage_items

    def leave_in_doubt(conn, run):
        send(conn, tables, run, stage_items(conn, tables, run, KEY))
        assert staging.live_keys(conn, tables, BOARD).in_doubt == {KEY}

    write(leave_in_doubt)
    refuse()
    ended = run("errors", "resolve", KEY, "--as", "forget")
    assert ended.exit_code == 2
    assert "order-sync sync" in ended.err


def test_an_unknown_order_is_a_usage_error_that_names_what_is_open(run, refuse):
    refuse(OTHER)
    ended = run("errors", "resolve", KEY, "--as", "retry", "-o", "json")
    assert ended.exit_code == 2
    assert OTHER in ended.document["error"]["hint"]


def test_recreating_a_bad_row_is_refused_with_what_helps(run, refuse):
    refuse(code="negative_quantity")
    ended = run("errors", "resolve", KEY, "--as", "recreate")
    assert ended.exit_code == 2
    assert "negative_quantity" in ended.err
    assert "Correct the quantity." in ended.err


@pytest.mark.parametrize(
    "options",
    [[], ["--as", "close"], ["--as", "retry", "--code", " "], ["--as", "retry", "--size", " "],
     ["--as", "retry", "--by", ""]],
)  # fmt: skip
def test_a_decision_that_is_none_is_a_usage_error(run, refuse, listed, options):
    refuse()
    assert run("errors", "resolve", KEY, *options).exit_code == 2
    assert len(listed()["errors"]) == 1


def test_without_a_board_nothing_can_be_decided(run, monkeypatch):
    monkeypatch.delenv("ORDER_SYNC_MONDAY__BOARD_ID")
    ended = run("errors", "resolve", KEY, "--as", "retry")
    assert ended.exit_code == 2
    assert "board" in ended.err


def test_deciding_about_nothing_creates_no_database(run, folder):
    assert run("errors", "resolve", KEY, "--as", "retry").exit_code == 2
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "command", [["list"], ["show", KEY], ["resolve", KEY, "--as", "retry"]], ids=lambda c: c[0]
)
def test_older_tables_name_the_upgrade_which_makes_it_work(run, refuse, database, tables, command):
    refuse()

    def age(conn):
        conn.exec_driver_sql(f'ALTER TABLE "{tables.errors.name}" DROP COLUMN resolution_note')
        conn.execute(tables.schema_version.update().values(version=1))

    database.run(age)
    ended = run("errors", *command)
    assert ended.exit_code == 2
    assert "order-sync db upgrade" in ended.err
    assert run("db", "upgrade").exit_code == 0
    assert run("errors", *command).exit_code == 0


def test_data_and_notes_cannot_steer_the_terminal(run, refuse):
    refuse("joo-1|\x1b[2J|white", customer="EVIL \x1b[2J[bold]", value="\x1b[31m")
    refuse(OTHER)
    for command in (
        ["list"], ["list", "--group-by", "customer"], ["show", "JOO-1"],
        ["resolve", "JOO-1", "--as", "ignore", "--by", "E\x1b[2J", "--note", "\x1b[2J[red]x"],
        ["list", "--all"], ["show", "JOO-1"],
    ):  # fmt: skip
        ended = run("errors", *command)
        assert ended.exit_code == 0
        assert "\x1b" not in ended.out + ended.err
