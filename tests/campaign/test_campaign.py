"""A short fault campaign, and that its judge sees what is wrong. The long one: bench/faults."""

from __future__ import annotations

import sqlite3
from random import Random

import pytest
from bench.faults.child import run_in_child
from bench.faults.ending import Ending, duplicates, losses
from bench.faults.episode import Terms, play
from bench.faults.people import People
from bench.faults.source import SPOILT, Source
from bench.faults.trouble import (
    BadCommits,
    Doom,
    Kill,
    draw_doom,
    draw_faults,
    require_known_faults,
)

from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer
from order_sync.sandbox.faults import make_fault
from tests.runs.world import TOKEN, World

SHORT = Terms(orders=(14, 24), rounds=(4, 6))


@pytest.mark.parametrize("seed", range(3))
def test_after_whatever_went_wrong_the_board_shows_the_source(seed):
    result = play(seed, 0, SHORT)
    if result.void:  # the tests' machine was busy; what it proves then is said in Result
        result = play(seed, 0, SHORT)

    assert not result.wrong, "\n".join([*result.diary, "WRONG:", *result.wrong])
    assert result.figures.creates > 50
    assert result.figures.runs > 5


def test_every_fault_of_the_sandbox_can_be_drawn():
    require_known_faults()
    chance = Random(0)
    drawn = [one for _ in range(500) for one in draw_faults(chance)]
    for one in drawn:
        make_fault(one.name, **one.settings)


def test_a_seed_always_brings_the_same():
    def story(seed: int) -> list[object]:
        source = Source(Random(seed))
        for _ in range(20):
            source.new()
        source.change(50)
        chance = Random(seed)
        troubles = [(draw_faults(chance), draw_doom(chance)) for _ in range(20)]
        return [source.diary, list(source.published()), troubles]

    assert story(7) == story(7)
    assert story(7) != story(8)


# The children


@pytest.fixture
def world(tmp_path):
    sandbox = Sandbox(SandboxOptions(token=TOKEN))
    board = sandbox.add_board("customer-master-schedule", name="Customer Master Schedule")
    with SandboxServer(sandbox) as server:
        yield World(tmp_path, sandbox, server, board)


@pytest.fixture
def source(world):
    source = Source(Random(1))
    for _ in range(4):
        source.new()
    world.has_orders(*source.published())
    return source


@pytest.mark.parametrize(
    ("doom", "code", "commits_failed"),
    [
        (Doom(), 0, 0),
        (Doom(Kill("KILL", "after-send", 3)), 137, 0),
        (Doom(Kill("TERM", "before-send", 5)), 143, 0),
        (Doom(Kill("KILL", after_s=0.0)), 137, 0),
        (Doom(commits=BadCommits(4, 1, "database is locked")), 0, 1),
        (Doom(commits=BadCommits(4, 5, "database or disk is full")), 5, 5),
    ],
    ids=str,
)
def test_a_run_in_a_child_meets_its_doom(world, source, doom, code, commits_failed):
    ended = run_in_child(world.environ, world.folder, doom)

    assert (ended.exit_code, ended.commits_failed) == (code, commits_failed), ended.story


# The judge


@pytest.fixture
def peace(world, source):
    """A board that shows its source; the judge has nothing to say."""
    world.sync()
    ending = Ending(world, source, People(world, source, Random(1)), "report")
    assert ending.violations() == []
    return ending


def test_the_judge_sees_an_item_that_stands_twice(peace, world):
    item = world.items()[0]
    world.sandbox.person_creates(world.board.id, item.group_title, item.name.swapcase())

    assert any("stood on the board twice" in what for what in peace.violations())


def test_the_judge_sees_a_double_that_was_archived_since(peace, world):
    item = world.items()[0]
    other = world.sandbox.person_creates(world.board.id, item.group_title, item.name)
    world.sandbox.person_archives(other)

    assert len(duplicates(world)) == 1


def test_an_item_made_anew_after_it_was_deleted_is_no_double(peace, world):
    item = world.items()[0]
    world.sandbox.person_deletes(item.id)
    world.sandbox.person_creates(world.board.id, item.group_title, item.name)

    assert duplicates(world) == []


def test_the_judge_sees_a_size_that_stands_twice(peace, world):
    item = next(item for item in world.items() if item.subitems)
    world.sandbox.person_creates_subitem(item.id, item.subitems[0].name)

    assert any("stood on the board twice" in what for what in peace.violations())


def test_the_judge_sees_a_lost_order(peace, world, source):
    world.sandbox.person_deletes(world.items()[0].id)

    assert len(losses(world, source.good())) == 1
    assert any("is lost" in what for what in peace.violations())


def test_the_judge_sees_a_changed_cell(peace, world):
    world.sandbox.person_sets(world.items()[0].id, "PO NUMBER", "other")

    assert any("PO NUMBER" in what for what in peace.violations())


def test_the_judge_sees_a_cell_of_the_team_that_was_overwritten(peace, world):
    peace.people.write(Random(1))
    (item_id, title), text = next(iter(peace.people.wrote.items()))
    world.sandbox.person_sets(item_id, title, None if text else "1")

    assert any("the team's" in what for what in peace.violations())


@pytest.mark.parametrize("code", SPOILT)
def test_the_judge_wants_every_refused_row_in_err(peace, world, source, code):
    source.bad[2] = code
    assert any("has no ERR row" in what for what in peace.violations())
    world.has_orders(*source.published())
    world.sync()
    assert peace.violations() == []

    source.bad.clear()
    assert any("is open without need" in what for what in peace.violations())


def test_the_judge_sees_what_is_left_in_staging(peace, world):
    with sqlite3.connect(world.path) as db:
        db.execute("UPDATE STG_MON_CustMasterSchedule SET stg_status = 'UNCONFIRMED'")
    db.close()

    assert any("left in staging" in what for what in peace.violations())
