"""What the pages tell, and that hostile values on them do nothing."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from order_sync.sandbox.board_files import template_names
from tests.dashboard.conftest import GOOD, HOSTILE, NEGATIVE, UNKNOWN, new_world, pages_of
from tests.runs.world import order


def key_of(number: str) -> str:
    return f"{number.lower()}|m01y09|dean blue"


def order_page(pages, number, **more):
    return pages.text(f"/orders?key={quote(key_of(number))}", **more)


@pytest.fixture(scope="module")
def run_id(world):
    ((run_id,),) = world.query("SELECT run_id FROM MON_SyncRuns")
    return run_id


def addresses(run_id):
    return ["/", "/runs", f"/runs/{run_id}", "/errors", "/errors?by=customer", "/errors?by=column",
            f"/orders?key={quote(key_of(UNKNOWN))}", "/orders?key=gre-4", "/search?q=gre-4",
            "/orders?key=gre-4&source=now", f"/orders?key={quote(key_of(UNKNOWN))}&source=now",
            f"/search?q={quote(HOSTILE)}"]  # fmt: skip


def test_hostile_values_are_text_on_every_page(pages, run_id):
    for address in addresses(run_id):
        text = pages.text(address)
        assert "<img src=x" not in text, address
        assert "{{" not in re.sub(r"\{\{ 7 \* 7 \}\}", "", text), address
        assert "49" not in re.findall(r"OR 1=1 (\S+)", text), address


def test_every_page_keeps_to_itself(pages, run_id):
    for address in [*addresses(run_id), "/nothing", "/charts/throughput.svg"]:
        reply = pages.ask(address)
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert reply.headers["X-Frame-Options"] == "DENY"
        assert not re.search(r"(src|href|action)=\"(https?:)?//", reply.text), address


def test_the_overview_counts_what_the_tables_hold(pages):
    text = pages.text("/")
    figures = re.findall(r'<dd class="big[^>]*>([^<]+)</dd>', text)
    assert figures[:4] == ["never yet", "2", "2", "0"]
    assert "unknown_label" in text
    assert "negative_quantity" in text


def test_the_chart_of_calls_is_told_by_a_table_too(pages, world):
    text = pages.text("/")
    table = text[text.index("<caption>Calls in each part") :]
    parts = re.findall(r"<td>([\d,]+)</td><td>([\d,]+)</td>", table)
    assert len(parts) == 6
    ((writing, calls),) = world.query(
        "SELECT count(idempotency_key), count(*) FROM MON_ApiRequests"
    )
    assert sum(int(one) for one, _ in parts) == writing
    assert sum(int(one) for _, one in parts) == calls - writing


def test_a_complete_run_makes_the_board_equal(own_world):
    own_world.has_orders(order(GOOD))
    assert own_world.sync().exit_code == 0
    with pages_of(own_world) as pages:
        assert "never yet" not in pages.text("/")


def test_a_run_is_told_by_customer_and_call(pages, run_id):
    text = pages.text(f"/runs/{run_id}")
    assert "2 rows refused" in text
    assert "GREYSON CLOTHIERS" in text
    assert "create subitems" in text
    assert "finished, some rows refused" in text


def test_refusals_are_counted_and_filtered(pages):
    assert "2 open" in pages.text("/errors")
    assert "1 of 2 open" in pages.text("/errors?code=negative_quantity")
    assert "1 of 2 open" in pages.text(f"/errors?q={quote(NEGATIVE.lower())}")
    assert "No open refusal fits" in pages.text("/errors?customer=nobody")


def test_an_order_shows_where_each_part_stands(pages):
    text = order_page(pages, GOOD)
    assert re.findall(r'class="soft">size</span> (\S+) × (\d+)', text) == [("L", "4"), ("M", "3")]
    assert text.count("on the board") == 4
    refused = order_page(pages, NEGATIVE)
    assert "correct the quantity" in refused
    assert "order-sync errors resolve" in refused
    assert "/orders/decide" not in refused


def test_an_order_shows_what_changed_and_what_was_sent(own_world):
    own_world.has_orders(order(GOOD, CUSTOMER_PRICE="99", M=None))
    assert own_world.sync().exit_code == 0
    with pages_of(own_world) as pages:
        text = order_page(pages, GOOD)
    assert re.findall(r"<li>([^<]+) <del>([^<]+)</del> → <ins>([^<]+)</ins>", text) == [
        ("CUSTOMER PRICE", "28.86", "99"), ("M · Order Qty", "3", "0"),
    ]  # fmt: skip
    assert "&#34;name&#34;: &#34;M01Y09 DEAN BLUE GRE-1&#34;" in text
    assert re.search(r"&#34;data&#34;: {\s+&#34;id&#34;", text)


def test_the_source_row_is_looked_at_when_somebody_asks_for_it(own_world):
    address = f"/orders?key={quote(key_of(GOOD))}"
    own_world.has_orders(order(GOOD, CUSTOMER_PRICE="99"))
    with pages_of(own_world) as pages:
        unasked, asked = (pages.text(f"{address}{more}") for more in ("", "&source=now"))
        assert "source=now" in unasked
        assert "As the board" not in unasked
        assert re.search(r"CUSTOMER PRICE</th><td[^>]*>28.86</td><td[^>]*>99</td>", asked)
        own_world.has_orders(order("GRE-9"))
        assert "has no row with this key" in pages.text(f"{address}&source=now")
        own_world.execute("DROP TABLE ORDERS_UNIFIED")
        assert "The source cannot be asked" in pages.text(f"{address}&source=now")


@pytest.mark.parametrize(
    "asked", [GOOD, GOOD.lower(), f"{GOOD}|M01Y09|Dean Blue", "gre-", "PO-77", "m01y09"]
)
def test_a_search_finds_numbers_keys_orders_and_styles(pages, asked):
    assert "/orders?key=gre-" in pages.text(f"/search?q={quote(asked)}")


def test_items_are_links_where_the_address_of_the_account_is_set(own_world):
    ((item,),) = own_world.query(
        "SELECT \"Item ID\" FROM MON_CustMasterSchedule WHERE order_key LIKE 'gre-1|%'"
    )
    address = f"https://acme.monday.com/boards/{own_world.board.id}/pulses/{item}"
    own_world.extra["ORDER_SYNC_MONDAY__WEB_URL"] = "https://acme.monday.com"
    with pages_of(own_world) as pages:
        for page in (order_page(pages, GOOD), pages.text("/search?q=gre-1")):
            assert f'<a href="{address}" rel="noreferrer">' in page


def test_a_search_for_nothing_finds_nothing(pages):
    for asked in ("", "%20", "nobody", "%25", "_", "||"):
        assert "/orders?key=" not in pages.text(f"/search?q={asked}"), asked


@pytest.mark.parametrize(
    "path", ["/runs/nothing", "/orders", "/orders?key=nobody", "/orders/decide", "/elsewhere"]
)
def test_what_is_not_there_is_a_page_that_says_so(pages, path):
    reply = pages.ask(path)
    assert reply.status_code == 404
    assert '<p class="note bad">' in reply.text


@pytest.mark.parametrize("page", ["0", "-1", "x", "99", "9" * 50])
def test_a_page_number_may_be_anything(pages, page):
    pages.text(f"/errors?page={page}")


def test_an_empty_database_has_pages_too(tmp_path):
    assert template_names()
    with new_world(tmp_path) as world, pages_of(world) as pages:
        assert "No run yet" in pages.text("/")
        assert "No run yet" in pages.text("/runs")
        assert "No refusal is open" in pages.text("/errors")
        assert pages.ask("/charts/throughput.svg").status_code == 200
        assert not world.path.exists()


def test_older_tables_are_a_page_that_says_what_to_do(own_world):
    own_world.execute("UPDATE MON_SchemaVersion SET version = 1")
    with pages_of(own_world) as pages:
        reply = pages.ask("/")
    assert reply.status_code == 503
    assert "order-sync db upgrade" in reply.text


def test_charts_are_pictures_without_scripts(pages, run_id):
    for address in ("/charts/throughput.svg", f"/charts/runs/{run_id}.svg?dark=1"):
        reply = pages.ask(address)
        assert reply.headers["content-type"].startswith("image/svg+xml")
        assert "<script" not in reply.text
        drawn = re.sub(r"<!--.*?-->", "", reply.text)
        assert set(re.findall(r"https?://[^\"]+", drawn)) == {"http://www.w3.org/2000/svg"}
