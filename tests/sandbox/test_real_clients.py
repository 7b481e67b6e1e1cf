"""Published clients of the API get along with the sandbox as they are.

Only the address is replaced. What they ask of updates (comments) is left out, the sandbox has none;
so `fetch_items_by_column_value` of both packages is not called.
"""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from order_sync.sandbox import SandboxServer
from tests.sandbox.conftest import World

MANY = 1_200  # more than two pages of the largest size


@pytest.fixture
def world() -> World:
    return World(limits=False)


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with SandboxServer(world.sandbox) as server:
        yield server.api_url


def fill(world: World) -> list[str]:
    """Puts `MANY` items on the board; returns their names in board order."""
    names = [f"PO-{number:04}" for number in range(MANY)]
    for name in names:
        world.sandbox.person_creates(world.board.id, "First", name, {"Key": name})
    return names


def cells(read: list[dict[str, Any]]) -> dict[str, str | None]:
    """Column id -> text."""
    return {cell["id"]: cell["text"] for cell in read}


# monday ---------------------------------------------------------------------------------------


@pytest.fixture
def monday_client(url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package `monday`."""
    monday = pytest.importorskip("monday")
    monkeypatch.setitem(monday.resources.base._URLS, "prod", url)
    return monday.MondayClient("token")


def test_monday_writes_items_and_subitems_and_reads_them_back(monday_client, world):
    board, group = world.board.id, world.board.groups[1].id
    items = monday_client.items

    item = items.create_item(
        board,
        group,
        'PO "1" \\ ü',
        {world.column("Key"): 'a "key"', world.column("Status"): {"label": "Done"}},
    )["data"]["create_item"]["id"]
    subitem = items.create_subitem(
        item,
        "Size M",
        {world.subcolumn("Size"): {"labels": ["M"]}, world.subcolumn("Qty"): "7"},
        create_labels_if_missing=True,
    )["data"]["create_subitem"]
    items.change_multiple_column_values(board, item, {world.column("Price"): "2.50"})
    items.change_item_value(board, item, world.column("Due"), {"date": "2026-11-22"})

    (read,) = items.fetch_items_by_id(item)["data"]["items"]
    assert (read["name"], read["group"]["title"]) == ('PO "1" \\ ü', "Second")
    assert cells(read["column_values"]).items() >= {
        (world.column("Key"), 'a "key"'),
        (world.column("Status"), "Done"),
        (world.column("Price"), "2.5"),
        (world.column("Due"), "2026-11-22"),
    }
    assert cells(subitem["column_values"])[world.subcolumn("Qty")] == "7"
    assert [one.name for one in world.sandbox.item(item).subitems] == ["Size M"]


def test_monday_writes_several_items_in_one_document(monday_client, world):
    made = monday_client.items.mutate_multiple_items(
        [
            {"method": "create_item", "board_id": int(world.board.id), "item_name": name}
            for name in ("PO-1", "PO-2")
        ]
    )

    assert [one["name"] for one in made["data"].values()] == world.names() == ["PO-1", "PO-2"]


def test_monday_moves_archives_and_deletes(monday_client, world):
    items = monday_client.items
    moved, archived, deleted = (world.created(name) for name in ("moved", "archived", "deleted"))

    items.move_item_to_group(moved, world.board.groups[1].id)
    items.archive_item_by_id(archived)
    items.delete_item_by_id(deleted)

    states = [world.sandbox.item(one).state for one in (moved, archived, deleted)]
    assert states == ["active", "archived", "deleted"]
    assert world.sandbox.item(moved).group_title == "Second"


def test_monday_pages_through_all_items(monday_client, world):
    names = fill(world)

    read = monday_client.boards.fetch_all_items_by_board_id(world.board.id)

    assert [one["name"] for one in read] == names
    assert cells(read[-1]["column_values"])[world.column("Key")] == names[-1]


def test_monday_learns_the_columns_and_their_labels(monday_client, world):
    (board,) = monday_client.boards.fetch_columns_by_board_id(world.board.id)["data"]["boards"]

    settings = {one["title"]: orjson.loads(one["settings_str"]) for one in board["columns"]}
    assert settings["Status"] == {"labels": {"0": "Open", "1": "Done"}}
    assert [one["title"] for one in board["groups"]] == ["First", "Second"]


def test_monday_understands_a_refusal(monday_client, world):
    exceptions = pytest.importorskip("monday.exceptions")

    with pytest.raises(exceptions.MondayQueryError) as caught:
        monday_client.items.create_item(
            world.board.id, world.board.groups[0].id, "PO-1", {world.column("Status"): "None"}
        )

    (error,) = caught.value.original_errors
    assert error["extensions"]["code"] == "ColumnValueException"
    assert error["path"] == ["create_item"]


# monday-api-python-sdk --------------------------------------------------------------------------


@pytest.fixture
def sdk_client(url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package `monday-api-python-sdk`, which sleeps off the complexity of every page."""
    monday_sdk = pytest.importorskip("monday_sdk")
    monkeypatch.setattr("monday_sdk.graphql_handler.API_URL", url)
    monkeypatch.setattr(
        "monday_sdk.modules.boards.sleep_according_to_complexity", lambda _cost: None
    )
    return monday_sdk.MondayClient("token", max_retry_attempts=1)


def test_the_sdk_writes_items_and_subitems_and_reads_them_back(sdk_client, world):
    board, items = world.board.id, sdk_client.items

    created = items.create_item(
        board, world.board.groups[1].id, "PO-1 ü", {world.column("Customer"): {"labels": ["ACME"]}}
    )
    item = created.data.create_item.id
    items.create_subitem(item, "Size M", {world.subcolumn("Qty"): "7"})
    items.change_multiple_column_values(board, item, {world.column("Price"): "2.50"})
    items.change_simple_column_value(board, item, world.column("Key"), "key")
    items.change_status_column_value(board, item, world.column("Status"), "Done")

    (read,) = items.fetch_items_by_id([item])
    texts = {cell.column.title: cell.text for cell in read.column_values}
    assert (read.name, read.state, read.group.title) == ("PO-1 ü", "active", "Second")
    assert texts.items() >= {
        ("Customer", "ACME"), ("Price", "2.5"), ("Key", "key"), ("Status", "Done"),
    }  # fmt: skip
    (subitem,) = read.subitems
    assert (subitem.name, subitem.parent_item.id) == ("Size M", item)
    assert "7" in [cell.text for cell in subitem.column_values]


def test_the_sdk_pages_through_all_items(sdk_client, world):
    names = fill(world)

    read = sdk_client.boards.fetch_all_items_by_board_id(world.board.id)

    assert [one.name for one in read] == names


def test_the_sdk_understands_a_refusal(sdk_client, world):
    """It tells the message and the request id."""
    with pytest.raises(Exception, match=r"InvalidColumnId|doesn't exist") as caught:
        sdk_client.items.change_simple_column_value(
            world.board.id, world.created(), "nowhere", "key"
        )

    assert world.sandbox.request_log[-1].request_id in str(caught.value)
