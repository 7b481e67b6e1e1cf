"""`check --create-key-columns`: the columns are added once, and only when asked."""

from __future__ import annotations

import pytest

from order_sync.monday.columns import KEY_TITLE
from order_sync.sandbox.boards import Column

from .conftest import GOOD


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
