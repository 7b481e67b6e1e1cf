"""Long and hostile values, and a database that goes away while somebody looks."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import update

from order_sync.db.engine import Database
from order_sync.db.schema import build_tables
from tests.browser import running_browser
from tests.dashboard.conftest import GOOD, Pages, new_world, pages_of
from tests.dashboard.test_browser import PHONE, opening
from tests.runs.world import order

HOSTILE = "<script>document.title='owned'</script>\"'\n; DROP TABLE x -- {__typename} \U0001f9f5"
LONG = (HOSTILE * 200)[:10_000]
KEY = "gre-1|m01y09|dean blue"
EVERYWHERE = (
    "/", "/runs", "/errors", "/errors?by=customer", "/errors?by=column", "/search?q=gre",
    f"/orders?key={quote(KEY)}", f"/orders?key={quote(KEY)}&source=now",
)  # fmt: skip


@pytest.fixture(scope="module")
def long_world(tmp_path_factory):
    """An order whose every text is as long as it is hostile, on record and in the source."""
    with new_world(tmp_path_factory.mktemp("long")) as world:
        world.has_orders(order(GOOD))
        world.sync()
        world.has_orders(order(GOOD, NOTES=LONG), order("GRE-2", NOTES=LONG, CUSTOMER_NAME=LONG))
        world.sync()
        with closing(Database(world.settings.database.url)) as database:
            database.run(lambda conn: fill_every_text(conn, build_tables(world.mapping)))
        yield world


def fill_every_text(conn, tables):
    """What people or servers write is long in every table, as far as nothing depends on it."""
    for table, names in (
        (tables.production, ("Title", "Group", "customer_name", "Notes", "NOTES")),
        (tables.production_subitems, ("Title", "Size")),
        (tables.errors, ("error_message", "field", "value", "api_payload", "original_data",
                         "customer_batch", "order_number", "resolution_note")),
        (tables.events, ("detail",)),
        (tables.runs, ("error_message", "board_name", "host")),
        (tables.batches, ("customer_name", "error_summary")),
    ):  # fmt: skip
        there = {name: LONG for name in names if name in table.c}
        assert there, table.name
        conn.execute(update(table).values(there))


@pytest.fixture(scope="module")
def long_pages(long_world):
    with pages_of(long_world) as pages:
        yield pages


def addresses(world):
    ((run_id,), *_) = world.query("SELECT run_id FROM MON_SyncRuns ORDER BY started_at DESC")
    return [*EVERYWHERE, f"/runs/{run_id}", f"/search?q={quote(LONG[:2_000])}"]


def test_ten_thousand_hostile_characters_are_text_on_every_page(long_world, long_pages):
    for address in addresses(long_world):
        assert "<script>document" not in long_pages.text(address), address


@pytest.mark.browser
def test_no_page_runs_them_or_becomes_wider_than_a_phone(long_world):
    paths = addresses(long_world)
    with running_browser() as browser, opening(browser, long_world) as open_page:
        for path in paths:
            page = open_page(path, PHONE)
            assert page.title().endswith("· order-sync"), path
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width == PHONE["width"], (path, width)
            page.close()


def test_a_database_that_goes_away_is_told_until_it_is_back(tmp_path):
    with new_world(tmp_path) as world:
        world.has_orders(order(GOOD))
        world.sync()
        path = world.settings.database.url.removeprefix("sqlite:///")
        with pages_of(world) as pages:
            before = pages.text("/runs")
            shutil.move(path, f"{path}.away")
            for address in EVERYWHERE:
                says_what_to_do(pages, address)
            shutil.move(f"{path}.away", path)
            assert pages.text("/runs") == before


def test_a_restored_database_is_read_instead_of_the_old_one(tmp_path):
    with new_world(tmp_path) as world:
        world.has_orders(order(GOOD))
        path = world.settings.database.url.removeprefix("sqlite:///")
        world.sync()
        shutil.copy(path, f"{path}.backup")
        world.has_orders(order(GOOD), order("GRE-2"))
        world.sync()
        with pages_of(world) as pages:
            assert "GRE-2" in pages.text("/search?q=gre-2").upper().replace("“GRE-2”", "")
            shutil.move(f"{path}.backup", path)
            for leftover in ("-wal", "-shm"):
                Path(path + leftover).unlink(missing_ok=True)
            assert "No run has seen such an order" in pages.text("/search?q=gre-2")


def says_what_to_do(pages: Pages, address: str) -> None:
    reply = pages.ask(address)
    assert reply.status_code == 503, address
    assert '<p class="note bad">' in reply.text


def test_an_older_schema_names_the_upgrade(tmp_path):
    with new_world(tmp_path) as world:
        world.has_orders(order(GOOD))
        world.sync()
        with closing(Database(world.settings.database.url)) as database:
            tables = build_tables(world.mapping)
            database.run(lambda conn: conn.execute(update(tables.schema_version).values(version=1)))
        with pages_of(world) as pages:
            reply = pages.ask("/")
    assert reply.status_code == 503
    assert "order-sync db upgrade" in reply.text
