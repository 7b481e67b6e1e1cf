"""Database, filters and security: what must not happen to people's data."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from pathlib import Path

import httpx2
import pytest

from order_sync.errors import BoardMismatch, ConfigError
from order_sync.rules.filters import Filters
from tests.runs.world import MAPPING, TOKEN, order

lesson = pytest.mark.lesson
ROOT = Path(__file__).parents[2]
GREYSON = [order("GRE-1"), order("GRE-2")]
JOHNNIE = order("JOO-1") | {"CUSTOMER NAME": "JOHNNIE O"}


@lesson("F01")
def test_no_table_ever_has_a_trigger(world):
    world.has_orders(*GREYSON)
    world.sync()
    assert world.query("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'") == [(0,)]


@lesson("F02")
def test_a_size_line_never_outlives_its_order(world):
    world.treats_vanished_orders("archive")
    world.has_orders(*GREYSON)
    world.sync()
    with sqlite3.connect(world.path) as db:
        db.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("DELETE FROM MON_CustMasterSchedule")
    db.close()
    assert world.query(
        "SELECT count(*) FROM MON_CustMasterSchedule_Subitems s WHERE NOT EXISTS "
        "(SELECT 1 FROM MON_CustMasterSchedule m WHERE m.order_key = s.order_key)"
    ) == [(0,)]


@lesson("G01")
def test_a_short_customer_name_never_swallows_another(world):
    world.has_orders(*GREYSON, order("GRE-9") | {"CUSTOMER NAME": "GREYSON"}, JOHNNIE)
    plan = world.plan(Filters(customer="GREYSON"))
    assert [customer.customer for customer in plan.customers] == ["GREYSON"]


@lesson("G05")
def test_asking_for_one_customer_never_sends_all(world):
    world.has_orders(*GREYSON, JOHNNIE)
    world.sync(Filters(customer="johnnie o"))
    assert [item.name[-5:] for item in world.items()] == ["JOO-1"]


@lesson("G09")
def test_the_wrong_board_is_never_written(world):
    world.has_orders(*GREYSON)
    world.extra |= {
        "ORDER_SYNC_ENV": "prod",
        "ORDER_SYNC_MONDAY__BOARD_NAME": "Customer Master Schedule PROD",
    }
    with pytest.raises(BoardMismatch):
        world.sync()
    del world.extra["ORDER_SYNC_MONDAY__BOARD_NAME"]
    with pytest.raises(ConfigError):
        world.sync()
    assert world.mutations() == 0


@lesson("H01")
def test_the_token_never_stands_in_a_file(world):
    world.has_orders(*GREYSON)
    world.sync()
    world.plan(out=world.folder / "plan.json")
    for path in world.folder.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert not [name for name in tracked if name.endswith((".env", ".pem", ".key"))]


@lesson("H02")
def test_certificates_are_never_left_unchecked(world, monkeypatch):
    asked: list[dict[str, object]] = []
    create = httpx2.AsyncClient.__init__

    def watched(self, *arguments, **options):
        asked.append(options)
        create(self, *arguments, **options)

    monkeypatch.setattr(httpx2.AsyncClient, "__init__", watched)
    world.has_orders(*GREYSON)
    world.sync()

    assert asked
    assert all(options.get("verify", True) is True for options in asked)
    sources = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "src").rglob("*.py"))
    assert not re.search(r"verify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False", sources)


@lesson("H03")
@pytest.mark.parametrize("text", ["'; DROP TABLE MON_SyncRuns; --", '" OR 1=1 --', "%_%", "\\"])
def test_text_never_becomes_sql(world, text):
    row = order("GRE-1", NOTES=text) | {"PO NUMBER": text}
    world.has_orders(row, *GREYSON[1:])
    assert world.plan(Filters(po=text)).orders_to_send == 1
    world.sync()
    world.assert_board_shows([row, *GREYSON[1:]])
    assert MAPPING.tables.production in {
        name for (name,) in world.query("SELECT name FROM sqlite_master")
    }
