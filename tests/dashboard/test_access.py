"""Who may look and who may act, and that a decision is made once, by a page of our own."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from urllib.parse import quote, urlsplit

import pytest

from order_sync.dashboard.access import COOKIE, Access
from order_sync.dashboard.decisions import form_key
from tests.dashboard.conftest import NEGATIVE, SESSION, pages_of

ACTING = Access(token=SESSION)
KEY = f"{NEGATIVE.lower()}|m01y09|dean blue"


def form(world, **more):
    seen = "item//negative_quantity"
    return {
        "form_key": form_key(SESSION), "key": KEY, "board": world.board.id,
        "code": "negative_quantity", "as": "ignore", "by": "Ann", "note": "sample", "seen": seen,
    } | more  # fmt: skip


def whole_database(world):
    with closing(sqlite3.connect(world.path)) as db:
        return list(db.iterdump())


def decide(pages, world, *, session=True, headers=None, **more):
    return pages.ask("/orders/decide", method="POST", session=session, data=form(world, **more),
                     headers=headers or {})  # fmt: skip


def test_only_this_machine_looks_without_a_token(world):
    with pages_of(world, Access("0.0.0.0", SESSION)) as pages:
        for path in ("/", "/errors", "/charts/throughput.svg", "/nothing"):
            reply = pages.ask(path)
            assert reply.status_code == 401
            assert "GREYSON" not in reply.text
        assert pages.ask("/?token=wrong").status_code == 401
        opened = pages.ask(f"/errors?token={SESSION}&by=customer")
        assert opened.status_code == 303
        assert SESSION not in opened.headers["location"]
        assert urlsplit(opened.headers["location"]).query == "by=customer"
        cookie = opened.headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}={SESSION};")
        assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
        assert pages.ask("/", session=True).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1"])
def test_another_name_for_this_machine_is_refused(pages, host):
    assert pages.ask("/", headers={"host": host}).status_code == 403


def test_a_page_for_a_session_offers_what_fits(own_world):
    with pages_of(own_world, ACTING) as pages:
        address = f"/orders?key={quote(KEY)}"
        assert "/orders/decide" not in pages.text(address)
        offered = re.findall(r'href="(/orders/decide[^"]+)"', pages.text(address, session=True))
        assert len(offered) == 1
        asked = pages.text(offered[0].replace("&amp;", "&"), session=True)
        assert "order-sync errors resolve" in asked
        assert form_key(SESSION) in asked
        assert form_key(SESSION) not in pages.text(offered[0].replace("&amp;", "&"))


def test_a_decision_is_recorded_once_with_who_and_why(own_world):
    with pages_of(own_world, ACTING) as pages:
        reply = decide(pages, own_world)
        assert reply.status_code == 303, reply.text
        told = pages.text(reply.headers["location"], session=True)
        assert "Decided as ignore: 1 refusal closed." in told
        after = whole_database(own_world)
        again = decide(pages, own_world)
        assert again.status_code == 409
        assert "Nothing was decided" in again.text
        assert whole_database(own_world) == after
    rows = own_world.query(
        "SELECT resolution, resolved_by, resolution_note FROM ERR_MON_CustMasterSchedule"
        " WHERE resolved_date IS NOT NULL"
    )
    assert rows == [("ignore", "Ann", "sample")]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"session": False}, 403),
        ({"form_key": "wrong"}, 403),
        ({"form_key": ""}, 403),
        ({"headers": {"origin": "http://evil.example"}}, 403),
        ({"headers": {"sec-fetch-site": "cross-site"}}, 403),
        ({"by": " "}, 409),
        ({"as": "delete"}, 409),
        ({"as": "recreate"}, 409),
        ({"code": "unknown_label"}, 409),
        ({"seen": "item//another"}, 409),
        ({"key": "nobody"}, 404),
    ],
)
def test_what_is_not_a_decision_changes_nothing(own_world, more, status):
    before = whole_database(own_world)
    with pages_of(own_world, ACTING) as pages:
        assert decide(pages, own_world, **more).status_code == status
    assert whole_database(own_world) == before


def test_nobody_decides_by_an_address(own_world):
    before = whole_database(own_world)
    with pages_of(own_world, ACTING) as pages:
        query = "&".join(f"{name}={quote(value)}" for name, value in form(own_world).items())
        pages.ask(f"/orders/decide?{query}", session=True)
    assert whole_database(own_world) == before


def test_a_run_at_work_is_not_decided_into(own_world):
    from order_sync.db.engine import Database, board_lock

    with (
        closing(Database(own_world.settings.database.url)) as database,
        board_lock(database, own_world.board.id),
        pages_of(own_world, ACTING) as pages,
    ):
        reply = decide(pages, own_world)
    assert reply.status_code == 409
    assert "another run" in reply.text
