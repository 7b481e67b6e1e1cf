"""HTTP calls that are no part of the API: look into the sandbox, and make it fail."""

from dataclasses import asdict
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from order_sync.sandbox.errors import ApiError
from order_sync.sandbox.faults import available_faults
from order_sync.sandbox.gauges import gauges_of
from order_sync.sandbox.origin import ForeignRequest, require_own_page_or_program
from order_sync.sandbox.sandbox import Sandbox

LOG_PAGE = 100


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def control_routes(sandbox: Sandbox) -> list[BaseRoute]:
    control = _Control(sandbox)
    return [
        Route("/sandbox/health", control.health, methods=["GET"]),
        Route("/sandbox/boards/{board_id}", control.board, methods=["GET"]),
        Route("/sandbox/requests", control.requests, methods=["GET"]),
        Route("/sandbox/requests/{request}", control.request, methods=["GET"]),
        Route("/sandbox/gauges", control.gauges, methods=["GET"]),
        Route("/sandbox/faults", control.faults, methods=["GET"]),
        Route("/sandbox/faults", control.add_fault, methods=["POST"]),
        Route("/sandbox/faults", control.clear_faults, methods=["DELETE"]),
        Route("/sandbox/faults/{number:int}", control.remove_fault, methods=["DELETE"]),
    ]


class _Control:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def health(self, _request: Request) -> Response:
        boards = [
            {"id": board.id, "name": board.name, "items": board.items_count}
            for board in self._sandbox.account.boards.values()
        ]
        return _json(
            {
                "status": "ok",
                "plan": self._sandbox.options.plan,
                "requests": self._sandbox.log.total,
                "usage": self._sandbox.limits.usage(),
                "refusals": self._sandbox.refusals,
                "faults": self._sandbox.struck,
                "boards": boards,
            }
        )

    async def board(self, request: Request) -> Response:
        """Groups, items and subitems of a board; values by column title."""
        board_id = request.path_params["board_id"]
        try:
            board = self._sandbox.account.board(board_id)
        except ApiError as error:
            return _json({"error": error.message}, 404)
        by_group: dict[str, list[dict[str, Any]]] = {}
        for item in self._sandbox.items(board_id):
            by_group.setdefault(item.group_id, []).append(asdict(item))
        groups = [
            {**asdict(group), "items": by_group.get(group.id, [])}
            for group in self._sandbox.groups(board_id)
        ]
        return _json(
            {
                "id": board.id,
                "name": board.name,
                "subitem_board_id": board.subitem_board_id,
                "groups": groups,
            }
        )

    async def requests(self, request: Request) -> Response:
        """The latest requests, newest first; `?limit=` says how many."""
        asked = request.query_params.get("limit", "")
        limit = int(asked) if asked.isdecimal() else LOG_PAGE
        latest = [record.summary() for record in self._sandbox.log.latest(limit)]
        return _json({"total": self._sandbox.log.total, "requests": latest})

    async def request(self, request: Request) -> Response:
        """One request with its document, variables and answer, by its number or request id."""
        record = self._sandbox.log.find(request.path_params["request"])
        if record is None:
            return _json({"error": "there is no such request, or it is not kept any more"}, 404)
        return _json(record.whole())

    async def gauges(self, _request: Request) -> Response:
        """What the pages show of limits and faults, and refresh."""
        return _json(
            {
                "requests": self._sandbox.log.total,
                "gauges": {gauge.name: gauge.told() for gauge in gauges_of(self._sandbox)},
                "faults": {str(fault.number): fault.fired for fault in self._sandbox.faults},
            }
        )

    async def faults(self, _request: Request) -> Response:
        active = [fault.described() for fault in self._sandbox.faults]
        return _json({"active": active, "available": available_faults()})

    async def add_fault(self, request: Request) -> Response:
        try:
            require_own_page_or_program(request)
            settings = orjson.loads(await request.body())
            if not isinstance(settings, dict) or not isinstance(settings.get("name"), str):
                raise ValueError("expected a JSON object with a name")
            fault = self._sandbox.add_fault(settings.pop("name"), **settings)
        except ValueError as error:  # also what orjson raises
            return _json({"error": str(error)}, 400)
        except ForeignRequest as error:
            return _json({"error": str(error)}, 403)
        return _json(fault.described(), 201)

    async def clear_faults(self, request: Request) -> Response:
        try:
            require_own_page_or_program(request)
        except ForeignRequest as error:
            return _json({"error": str(error)}, 403)
        self._sandbox.clear_faults()
        return _json({"active": []})

    async def remove_fault(self, request: Request) -> Response:
        number = request.path_params["number"]
        try:
            require_own_page_or_program(request)
            self._sandbox.remove_fault(number)
        except ForeignRequest as error:
            return _json({"error": str(error)}, 403)
        except KeyError:
            return _json({"error": f"there is no fault {number}"}, 404)
        return _json({"active": [fault.described() for fault in self._sandbox.faults]})
