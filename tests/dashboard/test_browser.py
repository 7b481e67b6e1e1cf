"""The monitoring pages in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from order_sync.dashboard import create_app
from order_sync.dashboard.access import Access
from order_sync.db.engine import Database
from tests.browser import running_browser
from tests.dashboard.conftest import GOOD, NEGATIVE, SESSION, UNKNOWN, served
from tests.runs.world import World, order

pytestmark = pytest.mark.browser

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
REST = "|m01y09|dean blue"

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@contextmanager
def opening(browser: Browser, world: World) -> Iterator[Open]:
    """Opens pages; at the end fails if one complained or asked somebody else."""
    asked: set[str] = set()
    complaints: list[str] = []
    access = Access(token=SESSION)
    with (
        closing(Database(world.settings.database.url, read_only=True)) as database,
        served(create_app(world.settings, world.mapping, database, access)) as address,
        closing(browser.new_context()) as context,
    ):
        context.on("request", lambda request: asked.add(urlsplit(request.url).netloc))

        def open_page(path: str, viewport: dict[str, int] | None = None) -> Page:
            page = context.new_page()
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.set_viewport_size(viewport or DESK)
            page.goto(address + path)
            return page

        yield open_page
        assert asked == {urlsplit(address).netloc}
        assert complaints == []


def paths(world: World) -> list[str]:
    ((run_id,),) = world.query("SELECT run_id FROM MON_SyncRuns")
    return ["/", "/runs", f"/runs/{run_id}", "/errors", f"/orders?key={quote(GOOD + REST)}",
            f"/orders?key={quote(UNKNOWN + REST)}", "/search?q=gre"]  # fmt: skip


def test_pages_fit_a_phone_and_hostile_values_do_nothing(browser, world):
    with opening(browser, world) as open_page:
        for path in paths(world):
            for viewport in (DESK, PHONE):
                page = open_page(path, viewport)
                assert "owned" not in page.title()
                width = page.evaluate("document.documentElement.scrollWidth")
                assert width <= viewport["width"], (path, width)
                for image in page.locator("img.chart").all():
                    expect(image).to_have_js_property("complete", True)
                    assert image.evaluate("image => image.naturalWidth") > 0
                page.close()


def test_the_keyboard_leads_to_the_search(browser, world):
    with opening(browser, world) as open_page:
        page = open_page("/")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("/")
        expect(page.locator("#find")).to_be_focused()
        page.keyboard.type("gre-1/")
        expect(page.locator("#find")).to_have_value("gre-1/")
        page.locator("#find").fill(GOOD)
        page.keyboard.press("Enter")
        page.get_by_role("link", name=GOOD.lower() + REST).click()
        expect(page.locator(".tree")).to_contain_text("on the board")


def test_a_person_decides_on_the_page(browser, own_world):
    with opening(browser, own_world) as open_page:
        page = open_page(f"/errors?token={SESSION}")
        assert SESSION not in page.url
        page.get_by_role("link", name=NEGATIVE.lower() + REST).first.click()
        page.get_by_role("link", name="ignore negative_quantity").click()
        page.get_by_label("Who decides").fill("Ann")
        page.get_by_label("Why").fill("a sample <b>order</b>")
        page.get_by_role("button", name="Ignore").click()
        expect(page.get_by_role("status").last).to_have_text("Decided as ignore: 1 refusal closed.")
        expect(page.locator(".refusals")).to_contain_text("a sample <b>order</b>")
        page.get_by_role("link", name="Errors").click()
        expect(page.locator("h1")).to_contain_text("1 open")


def test_figures_follow_a_run_that_is_at_work(browser, own_world):
    own_world.has_orders(*(order(f"GRE-{number}", style="M02") for number in range(100, 160)))
    with opening(browser, own_world) as open_page:
        page = open_page("/")
        held = page.locator(".figures .big").nth(1)
        expect(held).to_have_text("2")
        running = threading.Thread(target=own_world.sync)
        running.start()
        expect(held).to_have_text("62", timeout=60_000)
        expect(page.locator(".news")).to_contain_text(": ")
        running.join()
        expect(page.locator("tbody tr").filter(has_text="sync")).to_have_count(2, timeout=20_000)


def test_a_dashboard_that_ends_is_missed(browser, own_world):
    access = Access()
    with closing(Database(own_world.settings.database.url, read_only=True)) as database:
        app = create_app(own_world.settings, own_world.mapping, database, access)
        with served(app) as address, closing(browser.new_context()) as context:
            page = context.new_page()
            page.goto(address)
            context.set_offline(True)
            expect(page.locator(".lost")).to_contain_text("does not answer", timeout=20_000)
            context.set_offline(False)
            expect(page.locator(".lost")).to_have_text("", timeout=30_000)


CHANGED_BY = {
    "retry": {"errors"},
    "ignore": {"errors"},
    "recreate": {"errors", "orders"},
    "forget": {"errors", "orders"},
}


def standing(world: World) -> dict[str, list[tuple[object, ...]]]:
    """What a decision may change, by what it is about; the record of the decision apart."""
    return {
        "errors": world.query(
            "SELECT order_key, error_type, resolution FROM ERR_MON_CustMasterSchedule ORDER BY 1, 2"
        ),
        "orders": world.query("SELECT order_key FROM MON_CustMasterSchedule ORDER BY 1"),
        "lines": world.query(
            "SELECT order_key, size_key FROM MON_CustMasterSchedule_Subitems"
            " WHERE order_key NOT LIKE 'gre-1|%' ORDER BY 1, 2"
        ),
        "staged": world.query("SELECT stg_id, stg_status FROM STG_MON_CustMasterSchedule"),
    }


@pytest.mark.parametrize("resolution", CHANGED_BY)
def test_every_decision_changes_one_thing_and_is_told(browser, own_world, resolution):
    """An order whose item people have deleted waits for a person."""
    (item,) = [item for item in own_world.items() if item.name.endswith(GOOD)]
    own_world.sandbox.person_deletes(item.id)
    own_world.has_orders(order(GOOD, CUSTOMER_PRICE="99"))
    with ThreadPoolExecutor(1) as thread:
        thread.submit(own_world.sync).result()
    before, runs = standing(own_world), own_world.query("SELECT count(*) FROM MON_SyncRuns")
    with opening(browser, own_world) as open_page:
        page = open_page(f"/orders?key={quote(GOOD + REST)}&token={SESSION}")
        page.get_by_role("link", name=f"{resolution} gone_from_board").click()
        page.get_by_label("Who decides").fill("Ann")
        page.get_by_role("button", name=resolution.capitalize()).click()
        told = f"Decided as {resolution}: 1 refusal closed."
        expect(page.get_by_role("status").filter(has_text=told)).to_be_visible()
    after = standing(own_world)
    assert {name for name in before if before[name] != after[name]} == CHANGED_BY[resolution]
    assert len(set(after["errors"]) - set(before["errors"])) == 1
    assert own_world.query("SELECT count(*) FROM MON_SyncRuns") == [(runs[0][0] + 1,)]
