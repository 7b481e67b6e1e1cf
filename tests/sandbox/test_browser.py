"""The sandbox's pages in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from order_sync.sandbox import SandboxServer
from tests.browser import running_browser

pytestmark = pytest.mark.browser

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
HOSTILE = (
    '<script>document.title = "owned"</script>',
    '"><img src=x onerror=\'document.title = "owned"\'>',
    "' onmouseover=alert(1) x='",
    "{{ 7 * 7 }}{% raw %}",
    "x" * 200,
    "\u202eevil gnp.exe \u05e9\u05dc\u05d5\u05dd",
    "</details></main><h1>gone",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@dataclass
class Place:
    """A served sandbox, and what its pages asked for and complained about."""

    world: object
    server: SandboxServer
    context: BrowserContext
    asked: list[str]
    complaints: list[str]

    def open(self, path: str = "") -> Page:
        """The board, or another page."""
        page = self.context.new_page()
        page.goto(self.url(path))
        return page

    def url(self, path: str = "") -> str:
        return self.server.url + (path or f"/boards/{self.world.board.id}")

    def write(self, name: str = "PO-9") -> int:
        """As a program does; returns the HTTP status."""
        answer = httpx2.post(
            self.server.api_url,
            json={
                "query": "mutation ($b: ID!, $n: String!) {"
                " create_item(board_id: $b, item_name: $n) { id } }",
                "variables": {"b": self.world.board.id, "n": name},
            },
            headers={"Authorization": "any"},
        )
        return answer.status_code

    def every_page(self) -> Iterator[Page]:
        """One page of each kind, when its script has refreshed it."""
        page = self.context.new_page()
        for path in ("", "/", "/requests", "/requests/1", "/faults", "/boards/7"):
            with page.expect_response(lambda answer: answer.url.endswith("/sandbox/gauges")):
                page.goto(self.url(path))
            yield page


@pytest.fixture
def make_place(browser, world):
    """Call it with options of the browser's context; may be called more than once."""
    contexts = []
    with SandboxServer(world.sandbox) as server:

        def make(**options) -> Place:
            context = browser.new_context(**{"viewport": DESK, **options})
            context.set_default_timeout(10_000)
            contexts.append(context)
            place = Place(world, server, context, [], [])
            context.on("request", lambda request: place.asked.append(request.url))
            context.on("console", lambda said: place.complaints.append(said.text))
            context.on("weberror", lambda error: place.complaints.append(str(error.error)))
            return place

        yield make
        for context in contexts:
            context.close()


@pytest.fixture
def place(make_place) -> Place:
    return make_place()


@pytest.fixture
def filled(world):
    """Two groups with items; the first item has subitems."""
    sandbox, board_id = world.sandbox, world.board.id
    first = sandbox.person_creates(board_id, "SPRING", "PO-1", {"Status": "Done", "Key": "k-1"})
    for size in ("S", "M"):
        sandbox.person_creates_subitem(first, f"Size {size}", {"Size": size, "Qty": "5"})
    sandbox.person_creates(board_id, "SPRING", "PO-2", {"Status": "Open", "Customer": "ACME"})
    sandbox.person_creates(board_id, "FALL", "PO-3", {"Notes": "n" * 300})
    return world


def _shown(page: Page, name: str):
    return page.get_by_role("rowheader", name=name, exact=True)


# The board --------------------------------------------------------------------------------------


def test_groups_fold_and_stay_folded(filled, place):
    page = place.open()
    expect(_shown(page, "PO-2")).to_be_visible()

    page.get_by_role("heading", name="SPRING").click()

    expect(_shown(page, "PO-2")).to_be_hidden()
    expect(_shown(page, "PO-3")).to_be_visible()
    page.wait_for_function("sessionStorage.length > 0")  # a fold is told after it is shown
    page.reload()
    expect(_shown(page, "PO-2")).to_be_hidden()


def test_all_groups_fold_at_once(filled, place):
    page = place.open()

    page.get_by_role("button", name="Fold all").click()
    expect(_shown(page, "PO-2")).to_be_hidden()
    expect(_shown(page, "PO-3")).to_be_hidden()

    page.get_by_role("button", name="Unfold all").click()
    expect(_shown(page, "PO-3")).to_be_visible()


def test_subitems_are_opened_by_keyboard(filled, place):
    page = place.open()
    opener = page.locator(".more > summary")
    expect(_shown(page, "Size M")).to_be_hidden()

    opener.focus()
    page.keyboard.press("Enter")
    expect(_shown(page, "Size M")).to_be_visible()

    page.keyboard.press("Space")
    expect(_shown(page, "Size M")).to_be_hidden()


def test_the_whole_board_is_reached_by_keyboard(filled, place):
    page = place.open()
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.className || document.activeElement.tagName")
        )
        reached.add(page.evaluate("document.activeElement.parentElement?.className"))

    assert {"skip", "brand", "group-title", "more", "board"} <= reached


def test_a_screen_reader_meets_tables_with_headers(filled, place):
    page = place.open()
    page.locator(".more > summary").click()

    said = page.get_by_role("main").aria_snapshot()

    assert 'table "SPRING"' in said
    assert 'table "Subitems of PO-1"' in said
    assert 'columnheader "Status"' in said
    assert 'cell "Done"' in said
    assert "PO-1" in said


def test_status_cells_have_the_colour_of_their_label(filled, place):
    cell = place.open().locator(".c.status b", has_text="Done")

    assert cell.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(0, 200, 117)"


# Figures ----------------------------------------------------------------------------------------


def test_gauges_move_while_a_program_writes(filled, place):
    page = place.open()
    minute = page.locator('[data-gauge="minute"]')
    expect(minute).to_contain_text("0 of 5,000")

    for number in range(3):
        place.write(f"PO-{number}")

    expect(minute).to_contain_text("3 of 5,000")
    assert minute.locator("meter").evaluate("e => e.value") == 3
    expect(page.get_by_role("link", name="Show 3 newer requests")).to_be_visible()


def test_newer_requests_come_when_asked_for(filled, place):
    page = place.open("/requests")
    expect(page.get_by_text("Nobody has asked for anything yet.")).to_be_visible()
    place.write()

    page.get_by_role("link", name="Show 1 newer request").click()
    page.get_by_role("link", name="Request 1").click()

    expect(page.get_by_role("heading", name="Request 1")).to_be_visible()
    expect(page.get_by_role("region", name="Variables").locator("pre")).to_contain_text("PO-9")


def test_a_page_says_when_the_sandbox_is_gone(filled, place):
    page = place.open()
    expect(page.get_by_role("status")).to_be_empty()

    place.server.stop()

    expect(page.get_by_role("status")).to_contain_text("does not answer")


# Faults -----------------------------------------------------------------------------------------


def test_a_fault_is_armed_in_the_page_and_seen_to_strike(place):
    page = place.open("/faults")
    switch = page.locator("form", has=page.locator('input[value="423"]'))
    switch.locator("summary").click()
    switch.get_by_label("times").fill("2")
    switch.get_by_label("match").fill("create_item")
    switch.get_by_role("button", name="Arm").click()
    expect(page.get_by_role("status").filter(has_text="423")).to_have_text("423 is armed.")

    assert place.write() == 423

    struck = page.locator(".struck")
    expect(struck).to_contain_text("struck 1 of 2")
    expect(struck.locator(".spent")).to_be_hidden()
    assert place.write() == 423
    expect(struck.locator(".spent")).to_be_visible()
    page.get_by_role("button", name="Take away 423").click()
    expect(page.get_by_text("No fault is armed")).to_be_visible()
    assert place.write() == 200


def test_all_faults_are_taken_away_at_once(world, place):
    for name in ("423", "429"):
        world.sandbox.add_fault(name)
    page = place.open("/faults")

    page.get_by_role("button", name="Take all away").click()

    expect(page.get_by_text("No fault is armed")).to_be_visible()
    assert place.write() == 200


def test_a_mistake_in_a_setting_is_shown_beside_it(world, place):
    page = place.open("/faults")
    switch = page.locator("form", has=page.locator('input[value="429"]'))
    switch.locator("summary").click()
    switch.get_by_label("times").fill("often")
    switch.get_by_role("button", name="Arm").click()

    expect(page.get_by_role("alert")).to_have_text("times has to be a number, not 'often'.")
    expect(switch.get_by_label("times")).to_have_value("often")
    assert world.sandbox.faults == []


@pytest.mark.parametrize(
    ("action", "kind", "body"),
    [
        ("/faults", "application/x-www-form-urlencoded", ("name", "429")),
        ("/sandbox/faults", "text/plain", ('{"name": "429", "match": "', '"}')),
    ],
)
def test_another_page_in_the_same_browser_cannot_arm_a_fault(world, place, action, kind, body):
    name, value = (text.replace('"', "&quot;") for text in body)
    form = (
        f'<form method="post" action="{place.url(action)}" enctype="{kind}">'
        f'<input name="{name}" value="{value}"></form><script>document.forms[0].submit()</script>'
    )
    place.context.route(
        "http://elsewhere.example/",
        lambda route: route.fulfill(content_type="text/html", body=form),
    )
    page = place.context.new_page()

    with page.expect_response(lambda answer: answer.url == place.url(action)) as answered:
        page.goto("http://elsewhere.example/")

    assert answered.value.status == 403
    assert world.sandbox.faults == []


# Whatever is written ----------------------------------------------------------------------------


@pytest.fixture
def hostile(world, place):
    """Every hostile text as group, item, subitem, value and label, in a request and in a fault."""
    sandbox, board_id = world.sandbox, world.board.id
    for text in HOSTILE:
        values = {"Key": text, "Notes": text, "Customer": text, "Status": text[:30]}
        item_id = sandbox.person_creates(board_id, text, text, values)
        sandbox.person_creates_subitem(item_id, text, {"Size": text})
        place.write(text)
    sandbox.add_fault("429", match=HOSTILE[0], code=HOSTILE[1])
    return place


def test_hostile_texts_do_nothing_on_any_page(hostile):
    for page in hostile.every_page():
        for opener in page.locator(".more > summary").all():
            opener.click()
        assert "owned" not in page.title()
        assert page.locator("body > main").count() == 1
        assert page.locator("img").count() == 1  # our own
    assert not [said for said in hostile.complaints if "404" not in said]


def test_hostile_texts_leave_every_cell_in_its_place(hostile):
    page = hostile.open()

    widths = page.evaluate("""() => [...document.querySelectorAll(".item > .row")].map(
        row => [...row.children].map(cell => cell.getBoundingClientRect().width).join())""")

    assert len(widths) >= len(HOSTILE)
    assert len(set(widths)) == 1
    assert page.get_by_text("49", exact=True).count() == 0


# What pages keep to -----------------------------------------------------------------------------


def test_no_request_leaves_the_sandbox(filled, place):
    place.write()
    for _page in place.every_page():
        pass

    places = {
        urlsplit(url)._replace(path="", query="", fragment="").geturl() for url in place.asked
    }
    assert places == {place.server.url}
    assert any(url.endswith("/static/page.js") for url in place.asked)
    assert not [said for said in place.complaints if "Content Security Policy" in said]


CONTRAST = """selectors => {
  const channels = color => color.match(/[\\d.]+/g).map(Number);
  const opaque = element => {
    for (let e = element; e; e = e.parentElement) {
      const [r, g, b, a = 1] = channels(getComputedStyle(e).backgroundColor);
      if (a > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const poor = [];
  for (const selector of selectors) for (const element of document.querySelectorAll(selector)) {
    const pair = [light(channels(getComputedStyle(element).color)), light(opaque(element))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) poor.push(`${selector}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""
TEXTS = [
    *(".name", ".c", ".count", ".sub", ".tag", ".kind", ".badge", ".note", ".nothing", "small"),
    *("a", "button", "dt", "dd", "th", "td", "code", "pre", "summary:not(.group-title)", "input"),
    ".c.dropdown b",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_the_light_and_in_the_dark(filled, make_place, scheme):
    place = make_place(color_scheme=scheme)
    filled.sandbox.add_fault("423")
    place.write()
    backgrounds = set()

    for page in place.every_page():
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert page.evaluate(CONTRAST, TEXTS) == [], page.url

    (background,) = backgrounds
    levels = [int(level) for level in background[4:-1].split(",")]
    assert (min(levels) > 200) if scheme == "light" else (max(levels) < 60)


def test_pages_fit_a_phone(filled, make_place):
    place = make_place(viewport=PHONE)
    filled.sandbox.add_fault("lose-answer-after-write", match="x" * 300)
    place.write("x" * 250)

    for page in place.every_page():
        for opener in page.locator(".switches summary").all()[:2]:
            opener.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], page.url


def test_pages_work_without_scripts(filled, make_place):
    place = make_place(java_script_enabled=False)
    place.write()
    page = place.open()
    expect(page.locator('[data-gauge="minute"]')).to_contain_text("1 of 5,000")
    page.locator(".more > summary").click()
    expect(_shown(page, "Size M")).to_be_visible()
    page.get_by_role("heading", name="FALL").click()
    expect(_shown(page, "PO-3")).to_be_hidden()

    page.goto(place.url("/faults"))
    page.get_by_role("button", name="Arm 423", exact=True).click()

    assert place.write() == 423
    page.reload()
    expect(page.locator(".struck")).to_contain_text("struck 1 of 1")
