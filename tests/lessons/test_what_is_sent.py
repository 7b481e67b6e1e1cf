"""Detection: what must not happen between the source and the list of what is sent."""

from __future__ import annotations

import sqlite3
from importlib import resources

import pytest

from order_sync.errors import ConfigError, ExitCode, GuardStopped
from order_sync.profile import load_profile
from order_sync.rules.filters import Filters
from tests.runs.changes import full_order
from tests.runs.world import MAPPING, World, order

lesson = pytest.mark.lesson
ROWS = [order(f"GRE-{number}") for number in range(1, 4)]


def forget_the_state(world: World) -> None:
    """Lose what is known of the board, and keep the source."""
    with sqlite3.connect(world.path) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if name not in ("ORDERS_UNIFIED", "MON_SchemaVersion"):
                db.execute(f'DELETE FROM "{name}"')
    db.close()


@lesson("C01")
def test_a_reload_with_new_row_ids_never_makes_new_orders(world):
    world.has_orders(*ROWS)
    world.sync()
    seen = world.mutations()
    with sqlite3.connect(world.path) as db:
        db.execute("ALTER TABLE ORDERS_UNIFIED ADD COLUMN record_uuid TEXT")
        db.execute("UPDATE ORDERS_UNIFIED SET record_uuid = hex(randomblob(16))")
    db.close()

    world.sync()

    assert world.mutations() == seen


@lesson("C02")
def test_what_an_order_went_through_is_never_overwritten(world):
    world.has_orders(ROWS[0])
    world.sync()
    world.has_orders(ROWS[0] | {"CUSTOMER PRICE": "30"})
    world.sync()
    story = world.query("SELECT event, run_id FROM MON_OrderEvents WHERE size_key IS NULL")
    assert [event for event, _ in story].count("RECORDED") == 2
    assert len({run for _, run in story}) == 2


@lesson("C03")
def test_a_lost_state_never_turns_every_order_into_a_new_one(world):
    world.has_orders(*ROWS)
    world.sync()
    seen = world.mutations()
    forget_the_state(world)

    with pytest.raises(GuardStopped) as stop:
        world.sync()

    assert "adopt" in stop.value.hint
    assert world.mutations() == seen


@lesson("C04")
def test_an_error_in_detection_is_never_read_as_nothing_known(world, monkeypatch):
    world.has_orders(*ROWS)
    world.sync()
    seen = world.mutations()

    def broken(*_):
        raise ConfigError("the state cannot be read")

    monkeypatch.setattr("order_sync.db.known.known_orders", broken)
    world.has_orders(*ROWS, order("GRE-9"))
    with pytest.raises(ConfigError):
        world.sync()
    assert world.mutations() == seen


@lesson("C05")
def test_detection_never_asks_for_columns_that_do_not_exist(world):
    world.has_orders(*ROWS)
    with sqlite3.connect(world.path) as db:
        db.execute('ALTER TABLE ORDERS_UNIFIED RENAME COLUMN "CUSTOMER STYLE" TO "STYLE NO"')
    db.close()

    with pytest.raises(ConfigError) as stop:
        world.sync()

    assert stop.value.problems == ('column "CUSTOMER STYLE" is missing',)


@lesson("C07")
def test_a_limit_never_makes_the_rest_look_vanished(world):
    world.treats_vanished_orders("archive")
    world.has_orders(*ROWS)
    world.sync()
    world.has_orders(*ROWS, order("GRE-8"), order("GRE-9"))

    report = world.sync(Filters(limit=1))

    assert (report.orders_created, report.orders_archived) == (1, 0)
    assert len(world.items()) == 4


@lesson("C08")
def test_a_filtered_run_never_takes_all_others_for_vanished(world):
    world.treats_vanished_orders("archive")
    world.has_orders(*ROWS, order("JOO-1") | {"CUSTOMER NAME": "JOHNNIE O"})
    world.sync()

    report = world.sync(Filters(customer="JOHNNIE O"))

    assert (report.orders_archived, report.reported) == (0, ())
    assert len(world.items()) == 4


@lesson("C10")
def test_two_colours_of_a_style_are_never_one_order(world):
    rows = [order("GRE-1", colour="WHITE"), order("GRE-1", colour="BLACK")]
    world.has_orders(*rows)
    world.sync()
    world.assert_board_shows(rows)


@lesson("C12")
def test_fingerprints_of_different_profiles_are_never_compared(world):
    world.has_orders(*ROWS)
    world.sync()
    mine = world.folder / "mine.toml"
    mine.write_text(
        profile_text().replace('"ACTIVE" = "RECEIVED"', '"ACTIVE" = "FORECAST"'), encoding="utf-8"
    )
    world.extra["ORDER_SYNC_PROFILE"] = str(mine)
    world.mapping = load_profile(str(mine))
    assert world.mapping.fingerprint != MAPPING.fingerprint

    assert world.sync().orders_done == {"CHANGED": 3}

    assert {item.values["ORDER TYPE"] for item in world.items()} == {"FORECAST"}
    assert world.sync().write_calls == 0


def profile_text() -> str:
    return (
        resources.files("order_sync.profiles")
        .joinpath("customer-master-schedule.toml")
        .read_text(encoding="utf-8")
    )


NEW_VALUES = {"text": "anything else", "number": "77.5", "date": "2031-02-03"}
LABELS = {"CUSTOMER NAME": "JOHNNIE O", "ORDER TYPE": "FORECAST", "UNIT OF MEASURE": "PCS"}


@lesson("C14")
def test_a_change_in_a_mapped_column_never_goes_unseen(world):
    columns = [c for c in MAPPING.columns if c.source not in MAPPING.key]
    edits = [{c.source: LABELS.get(c.source, NEW_VALUES[c.kind.value])} for c in columns]
    edits += [{"M": 4, "L": 3}, {"M": None, "L": 7}]  # the same total, another split
    before = [full_order(f"GRE-{number}") for number in range(len(edits))]
    world.has_orders(*before)
    assert world.sync().exit_code is ExitCode.DONE
    after = [row | edit for row, edit in zip(before, edits, strict=True)]
    world.has_orders(*after)

    report = world.sync()

    assert report.exit_code is ExitCode.DONE, report.refused
    assert report.orders_done == {"CHANGED": len(edits)}
    world.assert_board_shows(after)
