"""Deciding about refusals: a page that asks once, and the decision itself."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from order_sync.dashboard.decisions import Offer, offers
from order_sync.dashboard.pages.orders import OrderPage, page_of, show_order
from order_sync.dashboard.site import Site
from order_sync.db import order_briefs
from order_sync.db.resolving import Choice
from order_sync.db.schema import Tables
from order_sync.errors import SyncError
from order_sync.rules.resolutions import Resolution
from order_sync.rules.values import one_line

ACTOR_COOKIE = "order_sync_actor"
LONGEST_NAME = 200
LONGEST_NOTE = 2_000
_YEAR_S = 365 * 86_400


@dataclass(frozen=True)
class Asked:
    """What an address or a form is about."""

    key: str
    board: str
    code: str
    resolution: str

    @property
    def order_address(self) -> str:
        return "/orders?" + urlencode({"key": self.key, "board": self.board})


def ask(site: Site, request: Request) -> Response:
    """What a decision means, before it is made."""
    asked = _asked(request.query_params)
    shown = _read(site, asked)
    offer = _offer(shown, asked)
    if shown is None or offer is None:
        return _gone(site, request)
    return site.renderer.page(
        request, "decide.html", offer=offer, shown=shown, asked=asked, form_key=site.form_key,
        actor=request.cookies.get(ACTOR_COOKIE, ""),
    )  # fmt: skip


def decided(site: Site, request: Request) -> Response:
    """Make a decision, once, of a session's own form; then the order's page tells what changed."""
    form: FormData = request.state.form
    if not _is_own_form(site, request, form):
        return site.renderer.problem(
            request, 403, "Not from here", "Only a page of this dashboard may decide.",
            "open the address that order-sync dashboard --actions printed, and decide there",
        )  # fmt: skip
    asked = _asked(form)
    by = one_line(str(form.get("by", "")))[:LONGEST_NAME].strip()
    note = one_line(str(form.get("note", "")))[:LONGEST_NOTE].strip()
    shown = _read(site, asked)
    if shown is None:
        return _gone(site, request)
    if not by:
        return show_order(site, request, shown, problem="Nothing was decided: say who you are.")
    if asked.resolution not in list(Resolution):
        return show_order(site, request, shown, problem="Nothing was decided: no such decision.")
    choice = Choice(Resolution(asked.resolution), asked.key, by, note, asked.code)
    try:
        done = site.decide(asked.board, choice, str(form.get("seen", "")).split("\n"))
    except SyncError as error:
        said = f"Nothing was decided: {error.message}. {error.hint}".strip()
        return show_order(site, request, _read(site, asked) or shown, problem=said)
    did = urlencode({"done": choice.resolution, "rows": sum(len(order.rows) for order in done)})
    answer: Response = RedirectResponse(f"{asked.order_address}&{did}", 303)
    answer.set_cookie(ACTOR_COOKIE, by, max_age=_YEAR_S, httponly=True, samesite="strict")
    return answer


def _is_own_form(site: Site, request: Request, form: FormData) -> bool:
    """A session, a form this dashboard made for it, and a browser that says it comes from here."""
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return (
        site.access.has_session(request)
        and hmac.compare_digest(str(form.get("form_key", "")).encode(), site.form_key.encode())
        and request.headers.get("origin", own) == own
        and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    )


def _asked(given: object) -> Asked:
    get = given.get  # type: ignore[attr-defined]
    return Asked(*(str(get(name) or "") for name in ("key", "board", "code", "as")))


def _read(site: Site, asked: Asked) -> OrderPage | None:
    def look(conn: Connection, tables: Tables, _board: str | None) -> OrderPage | None:
        found = order_briefs.briefs(conn, tables, asked.board, asked.key)
        exact = [brief for brief in found if brief.order_key == asked.key]
        return page_of(conn, tables, exact[0], site.mapping) if exact else None

    return site.reader.read(look)


def _offer(shown: OrderPage | None, asked: Asked) -> Offer | None:
    if shown is None:
        return None
    for offer in offers(shown.story):
        if (offer.code, offer.resolution.value) == (asked.code, asked.resolution):
            return offer
    return None


def _gone(site: Site, request: Request) -> Response:
    return site.renderer.problem(
        request, 404, "Nothing to decide", "This refusal is not open any more.",
        "look at the order again",
    )  # fmt: skip
