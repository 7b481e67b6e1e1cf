"""`check --create-key-columns`: the columns are added once, and only when asked."""

from __future__ import annotations

import pytest

from order_sync.monday.columns import KEY_TITLE
from order_sync.sandbox.answers import Answer, refusal
from order_sync.sandbox.boards import Column
from order_sync.sandbox.errors import RequestError
from order_sync.sandbox.faults import Fault

from .conftest import GOOD


class NoRight(Fault):
    """The token's user may read the board and not change its structure."""

    name = "no-right"
    says = "the user may not do this; nothing was executed"

    def instead(self) -> Answer:
        error = RequestError("UserUnauthorizedException", "You may not do this", status_code=403)
        return refusal(error)


def key_columns(board) -> list[str]:
    """Where the boards have the column, once for each."""
    account = board.sandbox.account
    places = {"board": account.board(board.id), "subitems": account.board(board.id).subitem_board}
    return [
        place
        for place, found in places.items()
        for column in found.columns.values()
        if column.title == KEY_TITLE and not column.archived
    ]


@pytest.fixture(autouse=True)
def source(board, load):
    load(GOOD)


def test_both_columns_are_added_once(run, board):
    first = run("check", "--create-key-columns")
    assert (first.exit_code, key_columns(board)) == (0, ["board", "subitems"])
    assert f"{KEY_TITLE} was added to the board" in first.out
    seen = board.mutations()

    again = run("check", "--create-key-columns")

    assert (again.exit_code, key_columns(board)) == (0, ["board", "subitems"])
    assert board.mutations() == seen
    assert f"board and subitem board have {KEY_TITLE}" in again.out


def test_a_check_adds_nothing_by_itself(run, board):
    assert run("check").exit_code == 0
    assert (key_columns(board), board.mutations()) == ([], 0)


@pytest.mark.parametrize("fault", ["lose-answer-before-write", "lose-answer-after-write"])
def test_a_lost_answer_never_leads_to_a_second_column(run, board, fault):
    board.sandbox.add_fault(fault, match="create_column")

    first = run("check", "--create-key-columns")
    again = run("check", "--create-key-columns")

    assert (first.exit_code, again.exit_code) == ((5 if "before" in fault else 0), 0)
    assert key_columns(board) == ["board", "subitems"]


def test_a_lost_answer_says_that_the_same_command_may_be_run_again(run, board):
    board.sandbox.add_fault("lose-answer-before-write", match="create_column")
    ended = run("check", "--create-key-columns")
    assert "run the same command again" in ended.out


def test_after_half_a_success_only_the_other_column_is_added(run, board):
    board.sandbox.add_fault("500", match="create_column", skip=1)

    first = run("check", "--create-key-columns")
    assert (first.exit_code, key_columns(board)) == (5, ["board"])
    assert f"{KEY_TITLE} was added to the board" in first.out

    again = run("check", "--create-key-columns")
    assert (again.exit_code, key_columns(board)) == (0, ["board", "subitems"])
    assert "was added to the board" not in again.out


def test_without_the_right_it_says_so_and_adds_nothing(run, board):
    board.sandbox.add_fault(NoRight(match="create_column"))

    ended = run("check", "--create-key-columns")

    assert (ended.exit_code, key_columns(board)) == (5, [])
    assert "the right to change the board's structure" in ended.out
    assert f"add a text column named {KEY_TITLE} by hand" in ended.out


@pytest.mark.parametrize(
    ("fault", "code", "exit_code"),
    [
        ("429", "RATE_LIMIT_EXCEEDED", 5),
        ("429", "DAILY_LIMIT_EXCEEDED", 4),
        ("423-alias", None, 5),
    ],
)
def test_a_limit_is_not_taken_for_a_missing_right(run, board, fault, code, exit_code):
    settings = {} if code is None else {"code": code}
    board.sandbox.add_fault(fault, match="create_column", **settings)

    ended = run("check", "--create-key-columns")

    assert (ended.exit_code, key_columns(board)) == (exit_code, [])
    assert "structure" not in ended.out
    assert "again" in ended.out


def test_a_column_somebody_removed_is_not_told_as_added(run, board):
    """monday.com answers the same request from its memory, whatever became of the column."""
    run("check", "--create-key-columns")
    above = board.sandbox.account.board(board.id)
    for place in (above, above.subitem_board):
        (own,) = [column.id for column in place.columns.values() if column.title == KEY_TITLE]
        del place.columns[own]

    ended = run("check", "--create-key-columns")

    assert (ended.exit_code, key_columns(board)) == (5, [])
    assert "was added" not in ended.out


def test_a_person_who_says_no_gets_no_column(run, board, monkeypatch):
    asked = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda question, **_: bool(asked.append(question)))

    assert run("check", "--create-key-columns").exit_code == 0

    assert (key_columns(board), board.mutations()) == ([], 0)
    (question,) = asked
    assert f'{KEY_TITLE} to the board and its subitem board of "Schedule"' in question


def test_yes_adds_without_a_question(run, board, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: pytest.fail("asked"))

    assert run("check", "--create-key-columns", "--yes").exit_code == 0

    assert key_columns(board) == ["board", "subitems"]


def test_a_title_of_another_type_is_named_and_nothing_is_added(run, board):
    column = Column("key", KEY_TITLE, "numbers")
    board.sandbox.account.board(board.id).columns[column.id] = column

    ended = run("check", "--create-key-columns")

    assert ended.exit_code == 6
    assert KEY_TITLE in ended.out
    assert board.mutations() == 0


def test_the_columns_stand_in_the_json(run, board):
    checks = run("check", "--create-key-columns", "-o", "json").document["checks"]
    assert [c["what"] for c in checks if c["name"] == "keys"] == [
        f"{KEY_TITLE} was added to the board",
        f"{KEY_TITLE} was added to its subitem board",
        f"board and subitem board have {KEY_TITLE}",
    ]
