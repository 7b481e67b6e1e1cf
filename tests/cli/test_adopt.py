"""`adopt` as people and programs see it."""

from __future__ import annotations

import pytest


@pytest.fixture
def filled(run, board, load):
    """A board that shows one order, and items of people beside it."""
    load("JOO-1,JOHNNIE O,M01,WHITE,4755,12,7,2025 FALL,,RECEIVED,PCE")
    assert run("sync", "--yes").exit_code == 0
    for number in range(25):
        board.sandbox.person_creates(board.id, "Ideas", f"idea {number} [bold]")
    return board


def test_the_table_says_what_was_learned_and_what_to_do_next(run, filled):
    ended = run("adopt")

    assert ended.exit_code == 0
    assert "order lines known before, read again" in ended.out
    assert "idea 3 [bold]" in ended.out
    assert "… and 5 more (all of them: --output json)" in ended.out
    assert "next: order-sync plan --diff" in ended.out


def test_the_document_carries_every_row(run, filled):
    ended = run("adopt", "--output", "json")

    told = ended.document
    assert ended.exit_code == told["exit_code"] == 0
    assert (told["items_read"], told["refreshed"], told["as_wanted"]) == (26, 1, 1)
    assert len(told["unmatched"]) == 25
    assert {row["url"] for row in told["unmatched"]} == {None}


def test_items_are_links_where_the_account_is_known(run, filled, monkeypatch):
    monkeypatch.setenv("ORDER_SYNC_MONDAY__WEB_URL", "https://company.monday.com")
    row = run("adopt", "--output", "json").document["unmatched"][0]
    address = f"https://company.monday.com/boards/{filled.id}/pulses/{row['item_id']}"
    assert row["url"] == address
    assert "\x1b" not in run("adopt").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert f";{address}\x1b\\{row['item_id']}\x1b]8;;\x1b\\" in run("adopt").out


def test_items_a_person_has_to_look_at_end_with_exit_3(run, filled):
    copy = {"AAG ORDER NUMBER": "JOO-1", "STYLE": "M01", "COLOR": "WHITE"}
    filled.sandbox.person_creates(filled.id, "Ideas", "a copy", copy)

    ended = run("adopt")

    assert ended.exit_code == 3
    assert "the board holds this order more than once" in ended.out


def test_keys_without_a_column_for_them_are_a_mistake_of_the_command(run, filled):
    ended = run("adopt", "--write-keys")

    assert ended.exit_code == 2
    assert "order-sync check --create-key-columns" in ended.err
    assert "Traceback" not in ended.err
