"""Refused orders: grouped by what they have in common, filtered, one by one with what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from order_sync.dashboard.site import Site
from order_sync.db import reports
from order_sync.db.reports import ErrorSummary
from order_sync.db.schema import Tables
from order_sync.rules.resolutions import GroupBy, what_to_do

ON_A_PAGE = 50
_FIELDS = {"code": "code", "customer": "customer", "column": "field"}  # parameter -> attribute


def errors(site: Site, request: Request) -> Response:
    asked = {name: request.query_params.get(name, "") for name in (*_FIELDS, "q")}
    by = _group_by(request.query_params.get("by", ""))
    page = _page_number(request.query_params.get("page", ""))

    def look(conn: Connection, tables: Tables, board_id: str | None) -> list[ErrorSummary]:
        return reports.errors(conn, tables, board_id=board_id)

    every = site.reader.read(look)
    found = [error for error in every if _fits(error, asked)]
    first = (page - 1) * ON_A_PAGE
    return site.renderer.page(
        request,
        "errors.html",
        groups=reports.group_errors(found, by),
        shown=found[first : first + ON_A_PAGE],
        found=len(found),
        total=len(every),
        first=first,
        by=by,
        ways=list(GroupBy),
        asked={name: value for name, value in asked.items() if value},
        what_to_do=what_to_do,
        link=lambda **more: _link(asked, by, more),
        page_number=page,
        pages=max(1, -(-len(found) // ON_A_PAGE)),
    )


def _fits(error: ErrorSummary, asked: dict[str, str]) -> bool:
    for name, attribute in _FIELDS.items():
        if asked[name] and getattr(error, attribute) != asked[name]:
            return False
    wanted = asked["q"].strip().casefold()
    return not wanted or any(wanted in text.casefold() for text in _texts(error))


def _texts(error: ErrorSummary) -> Sequence[str]:
    return (error.order_key, error.size_key, error.customer, error.code, error.field, error.value,
            error.message)  # fmt: skip


def _group_by(text: str) -> GroupBy:
    return GroupBy(text) if text in list(GroupBy) else GroupBy.CODE


def _page_number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1


def _link(asked: dict[str, str], by: GroupBy, more: dict[str, Any]) -> str:
    """The address of this page with something else asked for; "" takes it away."""
    every = {**asked, "by": by.value, **more}
    return "/errors?" + urlencode({name: value for name, value in every.items() if value})
