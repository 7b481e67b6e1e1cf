"""The switches for faults: forms that arm one, and take one or all away."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from order_sync.sandbox.faults import Setting, available_faults, fault_families, fault_from_texts
from order_sync.sandbox.origin import ForeignRequest, require_own_page
from order_sync.sandbox.pages.rendering import HEADERS, page
from order_sync.sandbox.sandbox import Sandbox

FORM_FIELDS = 50
HINTS = {
    "times": "how often in all; 0 is always",
    "skip": "matching requests that pass first",
    "match": "only documents with this text; without it, all mutations",
    "probability": "of striking, from 0 to 1",
    "seed": "of the chance",
    "remembers": "1: the idempotency key learns the true answer; 0: it is forgotten",
    "retry_s": "seconds the caller is asked to wait",
    "code": "error code",
    "hint": "where the wait is told",
    "alias": "position of the root field, from 0",
    "seconds": "real seconds",
    "text": "a text among the variables",
    "whole": "1: the whole document fails; 0: only its fields with the text",
}


def fault_routes(sandbox: Sandbox) -> list[BaseRoute]:
    switches = _Switches(sandbox)
    return [
        Route("/faults", switches.show, methods=["GET"]),
        Route("/faults", switches.arm, methods=["POST"]),
        Route("/faults/remove", switches.remove_all, methods=["POST"]),
        Route("/faults/{number:int}/remove", switches.remove, methods=["POST"]),
    ]


class _Switches:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def show(self, request: Request) -> Response:
        """`?armed=` names the fault that was armed just now, by its number."""
        armed = request.query_params.get("armed", "")
        new = next((fault for fault in self._sandbox.faults if str(fault.number) == armed), None)
        return self._page(new=new)

    async def arm(self, request: Request) -> Response:
        try:
            form = await _form(request)
        except ForeignRequest as error:
            return self._page(403, message=f"Nothing was changed: {error}.")
        except ValueError as error:
            return self._page(400, message=f"The form cannot be read: {error}.")
        name = form.pop("name", "")
        try:
            fault = fault_from_texts(name, {key: text for key, text in form.items() if text})
        except ValueError as error:
            tried = name if name in available_faults() else ""
            return self._page(400, message=f"{error}.", tried=tried, form=form)
        self._sandbox.add_fault(fault)
        return _to(f"/faults?armed={fault.number}#armed")

    async def remove(self, request: Request) -> Response:
        try:
            require_own_page(request)
            self._sandbox.remove_fault(request.path_params["number"])
        except ForeignRequest as error:
            return self._page(403, message=f"Nothing was changed: {error}.")
        except KeyError:
            return self._page(404, message="This fault is not armed any more.")
        return _to("/faults#armed")

    async def remove_all(self, request: Request) -> Response:
        try:
            require_own_page(request)
        except ForeignRequest as error:
            return self._page(403, message=f"Nothing was changed: {error}.")
        self._sandbox.clear_faults()
        return _to("/faults#armed")

    def _page(
        self, status: int = 200, tried: str = "", form: Mapping[str, str] | None = None, **more: Any
    ) -> Response:
        """`tried` and `form` are what could not be armed; it is shown again, to be corrected."""

        def value(fault: str, setting: Setting) -> Any:
            given = (form or {}).get(setting.name) if fault == tried else None
            return setting.default if given is None else given

        families = fault_families()
        return page(
            self._sandbox,
            "faults.html",
            status,
            families=families,
            hints=HINTS,
            value=value,
            tried=tried,
            **more,
        )


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form.

    Raises:
        ForeignRequest: it was not sent by a page of this sandbox. ValueError: it is not a form.
    """
    require_own_page(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise ValueError("it was not sent as a form")
    body = (await request.body()).decode("utf-8", "replace")
    fields = parse_qsl(body, keep_blank_values=True, max_num_fields=FORM_FIELDS)
    return {name: text.strip() for name, text in fields}


def _to(address: str) -> Response:
    return RedirectResponse(address, 303, HEADERS)
