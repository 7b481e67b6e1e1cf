"""The pages for people: all boards, and one board."""

import re
import threading
from contextlib import suppress

import httpx2
import pytest

from order_sync.sandbox import Plan, SandboxServer
from order_sync.sandbox.boards import GROUP_COLORS
from order_sync.sandbox.colors import HEX

HOSTILE = '"><script>alert(1)</script>'
PAGES = ("/", "/boards/BOARD", "/requests", "/requests/1", "/faults", "/requests/99")


@pytest.fixture
def page(world):
    item_id = world.sandbox.person_creates(
        world.board.id, "SPRING", "PO-1", {"Key": "k-1", "Status": "Done", "Customer": "ACME"}
    )
    world.sandbox.person_creates_subitem(item_id, "Size M", {"Size": "M", "Qty": "12"})
    return world


def _html(world, path=None):
    return world.api.http("GET", path or f"/boards/{world.board.id}").text


def _every_page(world):
    """Every kind of page, with one request and one fault to show."""
    world.sandbox.add_fault("423", times=0)
    world.create("PO-2")
    return [world.api.http("GET", path.replace("BOARD", world.board.id)) for path in PAGES]


def test_all_boards_are_listed(page):
    html = _html(page, "/")

    assert f'href="/boards/{page.board.id}"' in html
    assert "1 item · 3 groups · 1 subitem" in html
    assert page.board.subitem_board_id not in html


def test_a_board_shows_groups_items_and_subitems(page):
    html = _html(page)

    for shown in ("SPRING", "PO-1", "k-1", "Done", "ACME", "Size M", "12"):
        assert f">{shown}<" in html
    assert "1 item · 1 subitem · 3 groups" in html


def test_items_with_subitems_open_by_keyboard(page):
    assert re.search(r'<details class="more"[^>]*><summary', _html(page))


def test_a_board_is_a_table_for_screen_readers(page):
    html = _html(page)

    assert re.search(r'role="table" aria-label="SPRING"', html)
    assert re.search(r'role="table" aria-label="Subitems of PO-1"', html)
    assert html.count('role="rowheader"') == 2
    assert re.search(r'role="columnheader"[^>]*>Status<', html)


def test_labels_are_coloured(page):
    html, rules = _html(page), _html(page, "/static/colors.css")

    assert re.search(r'class="c status"><b dir="auto" class="color-00c875"[^>]*>Done', html)
    assert ".color-00c875{--fill:#00c875;--on-fill:#" in rules
    (hue,) = re.findall(r'class="c dropdown"><b dir="auto" class="(hue-\d+)"[^>]*>ACME', html)
    assert f".{hue}{{--hue:" in rules


def test_every_colour_has_its_rule(page):
    rules = _html(page, "/static/colors.css")

    assert all(f".color-{color[1:]}{{" in rules for color in (*GROUP_COLORS, *HEX.values()))


def test_a_colour_that_is_none_is_grey_and_no_style(world):
    world.board.groups[0].color = "red;background:url(//elsewhere)"

    html = _html(world)

    assert "elsewhere" not in html
    assert '<details class="group color-c4c4c4"' in html


def test_empty_columns_are_shown_when_asked_for(page):
    assert ">Price<" not in _html(page)
    assert ">Price<" in _html(page, f"/boards/{page.board.id}?columns=all")


def test_empty_groups_and_an_empty_account_say_so(world):
    world.sandbox.account.boards.clear()

    assert "There is no board." in _html(world, "/")


def test_an_empty_group_says_so(world):
    assert "This group is empty." in _html(world)


def test_recent_requests_are_shown(page):
    page.api.ask("{ me { id } }")
    page.sandbox.add_fault("423")
    page.create()

    html = _html(page, "/")

    assert re.search(r'<span class="kind query">query</span>\s*me', html)
    assert '<span class="tag warn">423</span>' in html


def test_what_people_wrote_cannot_become_markup(world):
    world.sandbox.person_creates(
        world.board.id,
        HOSTILE,
        HOSTILE,
        {"Key": HOSTILE, "Customer": HOSTILE, "Status": HOSTILE[:30]},
    )

    html = _html(world)

    assert "<script>" not in html
    assert html.count("&lt;script&gt;") >= 5


def test_pages_ask_nothing_of_anybody_else(page):
    for reply in _every_page(page):
        assert not re.search(r'(src|href|action)="(https?:)?//', reply.text)
        assert "style=" not in reply.text
        assert "<style" not in reply.text
        assert len(re.findall(r"<script", reply.text)) == 1
        policy = dict(
            part.strip().split(" ", 1)
            for part in reply.headers["Content-Security-Policy"].split(";")
        )
        assert policy.pop("require-trusted-types-for") == "'script'"
        assert policy["default-src"] == "'none'"
        assert set(policy.values()) == {"'self'", "'none'"}


@pytest.mark.parametrize("file", ["style.css", "colors.css", "page.js", "icon.svg"])
def test_files_of_the_pages_lead_nowhere_else(world, file):
    reply = world.api.http("GET", f"/static/{file}")

    assert reply.status == 200
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "@import" not in reply.text
    assert "url(" not in reply.text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", reply.text)
    assert "innerHTML" not in reply.text


def test_pages_suit_dark_screens_and_phones(page):
    style = _html(page, "/static/style.css")

    assert 'name="viewport"' in _html(page)
    assert "prefers-color-scheme: dark" in style
    assert "max-width: 640px" in style


def test_an_unknown_board_is_not_found(world):
    reply = world.api.http("GET", "/boards/42")

    assert reply.status == 404
    assert "<html" in reply.text


def test_an_address_nothing_stands_at_has_a_page(world):
    reply = world.api.http("GET", "/nothing/here")

    assert reply.status == 404
    assert "Nothing stands at this address." in reply.text
    assert reply.headers["Content-Security-Policy"]


def test_a_subitem_board_has_a_page_too(page):
    assert ">Size M<" in _html(page, f"/boards/{page.board.subitem_board_id}")


# Gauges -----------------------------------------------------------------------------------------


def _gauges(world):
    return world.api.http("GET", "/sandbox/gauges").json["gauges"]


def test_gauges_show_what_is_used_of_what_is_allowed(make_world):
    world = make_world(plan="standard")
    for number in range(3):
        world.create(f"PO-{number}")

    gauges = _gauges(world)

    assert list(gauges) == ["minute", "in-flight", "day", "complexity"]
    assert (gauges["minute"]["used"], gauges["minute"]["text"]) == (3, "3 of 1,000")
    assert gauges["day"]["text"] == "3 of 1,000"
    assert gauges["in-flight"]["text"] == "0 of 40"
    assert gauges["complexity"]["limit"] == 10_000_000
    assert gauges["complexity"]["used"] > 100
    html = _html(world, "/")
    assert all(f">{gauge['text']}<" in html for gauge in gauges.values())


def test_gauges_start_anew_with_the_minute(world):
    world.create()
    assert _gauges(world)["minute"]["resets"] in ("in 60 s", "in 59 s")

    world.sandbox.clock.advance(61)

    assert _gauges(world)["minute"]["used"] == 0
    assert _gauges(world)["day"]["used"] == 1


def test_a_refused_request_is_a_tenth_of_a_daily_one(make_world):
    few = Plan(1, 40, 1_000, 1_000_000)
    world = make_world(plan_limits=few)
    for number in range(3):
        world.create(f"PO-{number}")

    assert _gauges(world)["day"]["text"] == "1.2 of 1,000"


def test_an_app_has_a_gauge_for_reads_and_one_for_writes(make_world):
    gauges = _gauges(make_world(caller="app"))

    assert {"complexity-reads", "complexity-writes"} <= set(gauges)
    assert gauges["complexity-reads"]["text"] == "0 of 5,000,000"


def test_requests_in_flight_are_seen(make_world):
    """The page is asked while an answer is being held back."""
    world = make_world(latency_ms=60_000)
    with SandboxServer(world.sandbox) as server:
        asking = threading.Thread(target=_ask_and_give_up, args=(server.api_url,), daemon=True)
        asking.start()
        gauge = {"used": 0}
        while gauge["used"] == 0 and asking.is_alive():
            gauge = httpx2.get(f"{server.url}/sandbox/gauges").json()["gauges"]["in-flight"]
        row = httpx2.get(f"{server.url}/requests").text
        details = httpx2.get(f"{server.url}/requests/1").text
    asking.join(20)

    assert gauge["text"] == "1 of 250"
    assert "in flight" in row
    assert "There is no answer yet." in details


def _ask_and_give_up(url):
    question = {"query": "{ me { id } }"}
    with suppress(httpx2.HTTPError):  # the server ends meanwhile
        httpx2.post(url, json=question, headers={"Authorization": "t"}, timeout=15)
