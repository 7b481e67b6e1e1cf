"""A profile that gains a column: the tables follow, and the board gets that column and no more."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from order_sync.db.engine import Database
from order_sync.db.schema import build_tables
from order_sync.db.upgrade import upgrade
from order_sync.errors import ConfigError, ExitCode
from order_sync.profile import load_profile
from order_sync.profiles import __path__ as profile_folders

from .world import MAPPING, World, order

pytestmark = pytest.mark.databases


def goes_on_with(world: World, path: str) -> None:
    world.extra["ORDER_SYNC_PROFILE"] = path
    world.mapping = load_profile(path)


def test_a_column_the_profile_gains_is_added_and_sent_alone(world):
    text = Path(profile_folders[0], "customer-master-schedule.toml").read_text("utf-8")
    line = '  { source = "NOTES" },\n'
    assert line in text
    smaller = world.folder / "smaller.toml"
    smaller.write_text(text.replace(line, ""), "utf-8")
    rows = [order(f"GRE-{n}", NOTES=f"note {n}") for n in range(3)]
    world.has_orders(*rows)
    goes_on_with(world, str(smaller))
    assert world.sync().exit_code is ExitCode.DONE
    before = world.query('SELECT order_key, "Item ID" FROM MON_CustMasterSchedule ORDER BY 1')

    goes_on_with(world, MAPPING.name)
    with pytest.raises(ConfigError) as stop:
        world.sync()
    assert "db upgrade" in stop.value.hint
    with closing(Database(world.store.url)) as database:
        database.run(lambda conn: upgrade(conn, build_tables(MAPPING)))
    began = len(world.sandbox.request_log)
    assert world.sync().exit_code is ExitCode.DONE

    assert {tuple(write.values) for write in world.writes(began)} == {("NOTES",)}
    world.assert_board_shows(rows)
    after = world.query('SELECT order_key, "Item ID" FROM MON_CustMasterSchedule ORDER BY 1')
    assert after == before
