"""A sandbox with one board, and a caller that asks it in process."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import orjson
import pytest

from order_sync.sandbox import Sandbox, SandboxOptions, SandboxServer, create_app
from order_sync.sandbox.options import PLANS

BOARD = {
    "name": "Orders",
    "groups": ["First", "Second"],
    "columns": [
        {"title": "Name", "type": "name"},
        {"title": "Subitems", "type": "subtasks"},
        {"title": "Key", "type": "text"},
        {"title": "Notes", "type": "long_text"},
        {"title": "Price", "type": "numbers"},
        {"title": "Status", "type": "status", "labels": ["Open", "Done"]},
        {"title": "Customer", "type": "dropdown", "labels": ["ACME", "Rhythm", "A, B"]},
        {"title": "Due", "type": "date"},
        {"title": "Paid", "type": "checkbox"},
        {"title": "Site", "type": "link"},
        {"title": "Mail", "type": "email"},
        {"title": "Call", "type": "phone"},
        {"title": "Land", "type": "country"},
        {"title": "Owner", "type": "people"},
        {"title": "Span", "type": "timeline"},
        {"title": "Stars", "type": "rating"},
        {"title": "Clock", "type": "hour"},
        {"title": "Tags", "type": "tags"},
        {"title": "Linked", "type": "board_relation"},
        {"title": "Sum", "type": "formula"},
        {"title": "Mirror", "type": "mirror"},
        {"title": "Id", "type": "item_id"},
        {"title": "Changed", "type": "last_updated"},
        {"title": "Place", "type": "location"},
        {"title": "Made", "type": "creation_log"},
        {"title": "Number", "type": "auto_number"},
        {"title": "Progress", "type": "progress"},
        {"title": "Button", "type": "button"},
        {"title": "Wired", "type": "integration"},
        {"title": "Spent", "type": "time_tracking"},
        {"title": "Votes", "type": "vote"},
    ],
    "subitem_columns": [
        {"title": "Name", "type": "name"},
        {"title": "Size", "type": "dropdown"},
        {"title": "Qty", "type": "numbers"},
    ],
}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        return orjson.loads(self.text)

    @property
    def data(self) -> dict[str, Any]:
        """Fails if the answer holds an error."""
        assert "errors" not in self.json, self.text
        return self.json["data"]

    def succeeded(self) -> None:
        """Fails if the answer holds an error."""
        assert self.data

    @property
    def errors(self) -> list[dict[str, Any]]:
        return self.json["errors"]

    @property
    def code(self) -> str:
        """Code of the only error."""
        (error,) = self.errors
        return error["extensions"]["code"]


class Api:
    """Asks one sandbox, without a network between."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._app = create_app(sandbox)

    def ask(self, query: str, variables: object = None, **headers: str) -> Reply:
        return self.post({"query": query, "variables": variables or {}}, **headers)

    def post(self, content: object, **headers: str) -> Reply:
        """Headers are written with `_` for `-`; the token can be replaced or left out ("")."""
        return self.at_once([content], **headers)[0]

    def at_once(self, contents: list[object], **headers: str) -> list[Reply]:
        """Several requests in flight together."""
        named = {"Authorization": "token", **_named(headers)}
        return asyncio.run(self._all(contents, {k: v for k, v in named.items() if v}))

    def http(self, method: str, path: str, content: bytes = b"", **headers: str) -> Reply:
        """Headers as in `post`, but without a token."""
        return asyncio.run(self._http(method, path, content, _named(headers)))

    async def _all(self, contents: list[object], headers: dict[str, str]) -> list[Reply]:
        async with self._client() as client:
            bodies = [c if isinstance(c, bytes) else orjson.dumps(c) for c in contents]
            calls = [client.post("/v2", content=body, headers=headers) for body in bodies]
            return [_reply(answer) for answer in await asyncio.gather(*calls)]

    async def _http(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> Reply:
        async with self._client() as client:
            return _reply(await client.request(method, path, content=content, headers=headers))

    def _client(self) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self._app)
        return httpx2.AsyncClient(transport=transport, base_url="http://sandbox")


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _reply(answer: httpx2.Response) -> Reply:
    return Reply(answer.status_code, answer.headers, answer.text)


class World:
    """A sandbox, its board, a caller, and short ways to say what tests say often."""

    def __init__(self, **options: Any) -> None:
        self.sandbox = Sandbox(SandboxOptions(**options))
        self.board = self.sandbox.add_board(BOARD)
        self.api = Api(self.sandbox)

    def column(self, title: str) -> str:
        """Id of a column of the board."""
        return self.board.column_titled(title).id

    def subcolumn(self, title: str) -> str:
        assert self.board.subitem_board is not None
        return self.board.subitem_board.column_titled(title).id

    def create(self, name: str = "PO-1", /, **values: Any) -> Reply:
        """create_item with values by column title."""
        return self.api.ask(
            "mutation ($b: ID!, $n: String!, $v: JSON) {"
            " create_item(board_id: $b, item_name: $n, column_values: $v) { id } }",
            {"b": self.board.id, "n": name, "v": self.values(**values)},
        )

    def created(self, name: str = "PO-1", /, **values: Any) -> str:
        return self.create(name, **values).data["create_item"]["id"]

    def values(self, **values: Any) -> str:
        by_id = {self.column(title): value for title, value in values.items()}
        return orjson.dumps(by_id).decode()

    def add_subitem(self, parent_id: str, name: str = "Size M", /, **values: Any) -> Reply:
        by_id = {self.subcolumn(title): value for title, value in values.items()}
        return self.api.ask(
            "mutation ($p: ID!, $n: String!, $v: JSON) {"
            " create_subitem(parent_item_id: $p, item_name: $n, column_values: $v,"
            " create_labels_if_missing: true) { id board { id } } }",
            {"p": parent_id, "n": name, "v": orjson.dumps(by_id).decode()},
        )

    def change(self, item_id: str, **values: Any) -> Reply:
        return self.api.ask(
            "mutation ($b: ID!, $i: ID!, $v: JSON!) {"
            " change_multiple_column_values(board_id: $b, item_id: $i, column_values: $v) { id } }",
            {"b": self.board.id, "i": item_id, "v": self.values(**values)},
        )

    def names(self) -> list[str]:
        return [item.name for item in self.sandbox.items(self.board.id)]

    def cell(self, item_id: str, title: str, fields: str = "text value") -> dict[str, Any]:
        """One cell as the API shows it."""
        found = self.api.ask(
            "query ($i: [ID!], $c: [String!]) {"
            f" items(ids: $i) {{ column_values(ids: $c) {{ {fields} }} }} }}",
            {"i": [item_id], "c": [self.column(title)]},
        ).data["items"]
        return found[0]["column_values"][0]


@pytest.fixture
def make_world():
    return World


@pytest.fixture
def world() -> World:
    return World()


# Over a real connection ------------------------------------------------------------------------


class ServedApi(Api):
    """Asks a sandbox that is served, each time on a new connection."""

    def __init__(self, world: World, url: str) -> None:
        super().__init__(world.sandbox)
        self._url = url

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self._url, timeout=20, trust_env=False)


def create_many(world, names):
    fields = "".join(
        f' a{place}: create_item(board_id: {world.board.id}, item_name: "{name}") {{ id }}'
        for place, name in enumerate(names)
    )
    return world.api.ask(f"mutation {{{fields} }}")


@pytest.fixture
def serve():
    """Makes worlds that are served; `plan_` before a name sets a figure of the standard plan."""
    servers: list[SandboxServer] = []

    def make(**options):
        figures = {name[5:]: options.pop(name) for name in list(options) if name[:5] == "plan_"}
        if figures:
            options["plan_limits"] = replace(PLANS["standard"], **figures)
        world = World(**options)
        servers.append(SandboxServer(world.sandbox))
        servers[-1].start()
        world.api = ServedApi(world, servers[-1].url)
        return world

    yield make
    for server in servers:
        server.stop()
