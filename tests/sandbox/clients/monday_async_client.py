"""Uses the package `monday-async` on the sandbox told in JSON, and tells in JSON what it saw.

Runs in an environment of its own, see test_real_clients_apart.py.
"""

import asyncio
import json
import sys
from typing import Any

from aiohttp import ClientSession
from monday_async import AsyncMondayClient
from monday_async.exceptions import MondayAPIError
from monday_async.resources import base_resource


async def use(told: dict[str, Any]) -> dict[str, Any]:
    base_resource._URLS["prod"] = told["url"]
    board, columns = told["board"], told["columns"]
    async with ClientSession() as session:
        items = AsyncMondayClient("token", session=session).items
        names = await all_names(items, board)
        made = await items.create_item("PO ü", board, told["group"], {columns["Key"]: 'a "key"'})
        item = made["data"]["create_item"]["id"]
        await items.create_subitem(item, "Size M", {told["subcolumns"]["Qty"]: "7"})
        await items.change_multiple_item_column_values(
            item, board, {columns["Price"]: "2.50", columns["Status"]: {"label": "Done"}}
        )
        await asyncio.gather(
            *(items.create_item(f"at once {number}", board) for number in range(10))
        )
        read = await items.get_items_by_id(item, with_subitems=True, with_complexity=True)
        try:
            await items.create_item("PO", board, None, {columns["Status"]: {"label": "None"}})
            refusal = ""
        except MondayAPIError as error:
            refusal = f"{type(error).__name__} {error.error_code}"
    return {"names": names, "item": item, "read": read["data"]["items"], "refusal": refusal}


async def all_names(items: Any, board: str) -> list[str]:
    answer = await items.get_items_by_board(board, limit=500)
    page = answer["data"]["boards"][0]["items_page"]
    names = [one["name"] for one in page["items"]]
    while page["cursor"] is not None:
        page = (await items.next_items_page(page["cursor"]))["data"]["next_items_page"]
        names += [one["name"] for one in page["items"]]
    return names


print(json.dumps(asyncio.run(use(json.loads(sys.argv[1])))))
