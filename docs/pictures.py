"""Takes the pictures of the documentation: the demo's board, its output, and a plan of changes;
of the sandbox, what it was asked and the switches for faults; and of the monitoring pages.

Run it with scripts/pictures; it needs Chromium. Look at the pictures before you keep them.
"""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import uvicorn
from playwright.sync_api import Browser, Position, ViewportSize, sync_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType
from rich.terminal_theme import MONOKAI

from order_sync.cli.show_demo import demo_parts
from order_sync.cli.show_plan import plan_parts
from order_sync.dashboard import create_app
from order_sync.dashboard.access import Access, new_token
from order_sync.dashboard.server import bound_to
from order_sync.db.engine import Database
from order_sync.demo import SHOWN_GROUP, demo_world, run_demo
from order_sync.logs import setup_logs
from order_sync.planning import make_plan
from order_sync.profile import load_profile
from order_sync.progress import Silent
from order_sync.rules.filters import Filters
from order_sync.rules.mapping import Mapping
from order_sync.sandbox import Sandbox
from order_sync.settings import Settings
from order_sync.sync import run_sync

SHOWN_PO = "4755"
IMAGES = Path(__file__).parent / "images"
OPENED = 1  # items whose sizes are shown
ABOVE = 330  # pixels above the group that is shown open: other groups, folded
DESK = ViewportSize(width=1280, height=800)
TALL = ViewportSize(width=1280, height=1240)  # an order from its top to what has changed
CORNER = Position(x=30, y=10)
LARGEST = 300_000  # bytes


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    setup_logs("warning")
    with demo_world() as world:
        parts = list(demo_parts(run_demo(world, Silent()), world, kept=False))
        change_some_orders(world.database, price="31.50")
        profile = load_profile(world.settings.profile)
        plan = make_plan(world.settings, profile, Filters(po=SHOWN_PO), Silent())
        with open_browser(chromium) as browser:
            picture_of_board(browser, world.board_url)
            # Without the groups, which the board shows, and the address of a page that is gone.
            picture_of_terminal(browser, "demo", "order-sync demo", parts[2:-1])
            asked = f"order-sync plan --diff --po {SHOWN_PO}"
            picture_of_terminal(
                browser, "plan", asked, plan_parts(plan, diff=True, out=None, filtered=True)
            )
        arm_faults(world.sandbox)
        run_sync(world.settings, profile, Filters(), Silent())  # no browser: each has its own loop
        change_some_orders(world.database, price="32.75")
        with open_browser(chromium) as browser:
            pictures_of_sandbox(browser, world.board_url.partition("/boards/")[0])
            pictures_of_dashboard(browser, world.settings, profile)
    for picture in sorted(IMAGES.glob("*.png")):
        size = picture.stat().st_size
        print(f"{picture.name}: {size:,} bytes{' - too large' if size > LARGEST else ''}")


@contextmanager
def open_browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def picture_of_board(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport=DESK)
    page.goto(url)
    groups = page.locator("details.group")
    shown = groups.filter(has=page.get_by_text(SHOWN_GROUP, exact=True))
    others = groups.filter(has_not=page.get_by_text(SHOWN_GROUP, exact=True))
    for group in others.all():
        group.locator("> summary").click(position=CORNER)
    for number in range(OPENED):
        shown.locator(".more > summary").nth(number).click(position=CORNER)
    page.mouse.move(0, 0)
    shown.evaluate(f"""group => {{
        const board = group.closest("main");
        board.scrollLeft = 0;
        board.scrollTop += group.getBoundingClientRect().top - {ABOVE};
    }}""")
    page.screenshot(path=IMAGES / "board.png")


def arm_faults(sandbox: Sandbox) -> None:
    """Two that a run overcomes at once, and one that is left."""
    sandbox.add_fault("429", match="create_item", retry_s=1)
    sandbox.add_fault("423-alias", match="change_multiple_column_values", alias=0)
    sandbox.add_fault("lose-answer-after-write", times=0, skip=50, probability=0.1)


def pictures_of_sandbox(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport=DESK)
    for path, name in (("/requests", "sandbox-requests"), ("/faults", "sandbox-faults")):
        page.goto(address + path)
        if path == "/faults":
            page.locator(".switches summary").nth(1).click()
            page.mouse.move(0, 0)
        page.screenshot(path=IMAGES / f"{name}.png")


def pictures_of_dashboard(browser: Browser, settings: Settings, profile: Mapping) -> None:
    with (
        closing(Database(settings.database.url, read_only=True)) as database,
        bound_to("127.0.0.1", 0) as (bound, address),
    ):
        token = new_token()
        app = create_app(settings, profile, database, Access(token=token))
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical"))
        serving = Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        serving.start()
        page = browser.new_page(viewport=DESK)
        page.goto(f"{address}/?token={token}")
        for name, path in (("overview", "/"), ("runs", "/runs"), ("errors", "/errors")):
            page.goto(address + path)
            page.screenshot(path=IMAGES / f"dashboard-{name}.png")
        page.locator(".refusals a").first.click()
        page.locator(".offers a").first.click()
        page.screenshot(path=IMAGES / "dashboard-decide.png")
        page.goto(f"{address}/runs")
        page.locator("tbody a").last.click()
        page.screenshot(path=IMAGES / "dashboard-run.png")
        page.emulate_media(color_scheme="dark")
        page.goto(f"{address}/search?q={SHOWN_PO}")
        page.screenshot(path=IMAGES / "dashboard-search.png")
        page.locator("tbody a").first.click()
        page.get_by_text("Look at the source row").click()
        page.set_viewport_size(TALL)
        page.screenshot(path=IMAGES / "dashboard-order.png")
        server.should_exit = True
        serving.join()


def change_some_orders(database: Path, price: str) -> None:
    """What a week does to orders: a price, a date and sizes, a season, a cancellation."""
    with closing(sqlite3.connect(database)) as db, db:
        keys = db.execute(
            'SELECT rowid FROM ORDERS_UNIFIED WHERE "PO NUMBER" = ? AND "M" > 0 '
            "AND \"ORDER TYPE\" = 'ACTIVE' ORDER BY rowid LIMIT 4",
            (SHOWN_PO,),
        ).fetchall()
        changes = (
            f"\"CUSTOMER PRICE\" = '{price}', \"EX FACTORY DATE\" = '2025-10-17'",
            '"M" = "M" + 24, "XL" = 0',
            "\"AAG SEASON\" = '2026 SPRING'",
            "\"ORDER TYPE\" = 'CANCELLED'",
        )
        for (row,), change in zip(keys, changes, strict=True):
            db.execute(f"UPDATE ORDERS_UNIFIED SET {change} WHERE rowid = ?", (row,))  # noqa: S608


def picture_of_terminal(
    browser: Browser, name: str, asked: str, parts: Iterable[RenderableType]
) -> None:
    console = Console(
        record=True, width=112, file=io.StringIO(), force_terminal=True, highlight=False
    )
    console.print(f"$ {asked}", style="bold")
    if name == "demo":
        console.print("…")
    for part in parts:
        console.print(part)
        if hasattr(part, "add_row"):
            console.print()
    # Fonts of this machine only: nothing is fetched from anywhere.
    frame = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title="order-sync", theme=MONOKAI, code_format=frame)
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_content(f"<body style='margin:0'>{svg}")
    page.locator("svg").screenshot(path=IMAGES / f"{name}.png", omit_background=True)


if __name__ == "__main__":
    main()
