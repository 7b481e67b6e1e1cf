"""The pages for people."""

import re

import pytest

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def page(world):
    item_id = world.sandbox.person_creates(
        world.board.id, "SPRING", "PO-1", {"Key": "k-1", "Status": "Done", "Customer": "ACME"}
    )
    world.sandbox.person_creates_subitem(item_id, "Size M", {"Size": "M", "Qty": "12"})
    return world


def _html(world, path=None):
    return world.api.http("GET", path or f"/boards/{world.board.id}").text


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
    assert re.search(r'<details class="item"[^>]*><summary', _html(page))


def test_labels_are_coloured(page):
    html = _html(page)

    assert re.search(r'class="c status"><b style="background:#[0-9a-f]{6};color:#\w+">Done', html)
    assert re.search(r'class="c dropdown"><b style="--h:\d+">ACME', html)


def test_empty_columns_are_shown_when_asked_for(page):
    assert ">Price<" not in _html(page)
    assert ">Price<" in _html(page, f"/boards/{page.board.id}?columns=all")


def test_recent_requests_are_shown(page):
    page.api.ask("{ me { id } }")
    page.sandbox.add_fault("423")
    page.create()

    for path in ("/", f"/boards/{page.board.id}"):
        html = _html(page, path)
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

    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5


def test_a_page_asks_nothing_of_anybody_else(page):
    for path in ("/", f"/boards/{page.board.id}"):
        reply = page.api.http("GET", path)
        assert not re.search(r'(src|href)="(https?:)?//', reply.text)
        assert "@import" not in reply.text
        assert "url(" not in reply.text
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_page_suits_dark_screens_and_phones(page):
    html = _html(page)

    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport"' in html
    assert "max-width: 640px" in html


def test_an_unknown_board_is_not_found(world):
    reply = world.api.http("GET", "/boards/42")

    assert reply.status == 404
    assert "<html" in reply.text


def test_a_subitem_board_has_a_page_too(page):
    assert ">Size M<" in _html(page, f"/boards/{page.board.subitem_board_id}")
