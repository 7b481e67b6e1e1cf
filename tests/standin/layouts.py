"""The two generations of the order board, as the team built them; every id is made up here."""

from __future__ import annotations

import random

from tests.standin.state import Board, Column, Group, World

TEXT = """AAG ORDER NUMBER|PO NUMBER|CUSTOMER ALT PO|PATTERN ID|ALIAS RELATED ITEM|DESTINATION
DESTINATION WAREHOUSE|PLANNED DELIVERY METHOD|HANDLING|FINAL PRICES Y/N"""
LONG_TEXT = "STYLE DESCRIPTION|NOTES|NOTES FOR PRICE|RANGE / COLLECTION"
NUMBERS = """CUSTOMER PRICE|USA ONLY LSTP 75% EX WORKS|EX WORKS (USD)|ADMINISTRATION FEE
DESIGN FEE|FX CHARGE|SURCHARGE FEE|DISCOUNT|FINAL FOB (USD)|US DUTY RATE|US DUTY|FREIGHT
US TARIFF RATE|US TARIFF|DDP US (USD)|SMS PRICE USD"""
DATES = "ORDER DATE PO RECEIVED|CUSTOMER REQ IN DC DATE|CUSTOMER EX FACTORY DATE"
DROPDOWNS = "AAG SEASON|CUSTOMER SEASON|DROP|CATEGORY|DELIVERY TERMS"
LATER = "STYLE|COLOR|HS CODE"  # dropdowns at first, until the labels ran out
MIRRORS = "QTY ORDERED|QTY PACKED|FACTORY|TRIM STATUS|MO NUMBER"
TEAM_TEXT = "matchAlias|SEASON NAME"
TEAM_NUMBERS = "FCST QTY|FCST CONSUMED QTY"
CUSTOMERS = ["GREYSON CLOTHIERS", "JOHNNIE O", "RHYTHM", "TITLE NINE", 'O\'DUNMORE "OUTFIT" CO.']
TEAM_SIZE_NUMBERS = "Cut Qty|Sew Qty|Finishing Qty|Received not Shipped Qty|Packed Qty|Shipped Qty"


def names(text: str) -> list[str]:
    return text.replace("\n", "|").split("|")


def order_board(world: World, *, generation: str = "first", shuffle: int = 11) -> Board:
    """A board of generation `first` (labels for style) or `later` (texts), empty of items."""
    lines = world.add_board(
        "Subitems of Customer Master Schedule",
        [
            Column("name", "Name", "name"),
            Column("", "Item ID", "item_id"),
            *(Column("", t, "numbers", owner="team") for t in names(TEAM_SIZE_NUMBERS)),
            Column("", "ORDER LINE STATUS", "status", {7: "OPEN", 2: "SHUT"}, owner="team"),
            Column("", "Order Qty ", "numbers"),
            Column("", "Size", "dropdown", {3: "XS", 9: "ONE SIZE"}),
        ],
        [Group("", "Subitems")],
        kind="sub_items_board",
    )
    later = generation == "later"
    columns = [
        Column("", "Subitems", "subtasks", child_board=lines.id),
        Column("", "ORDER TYPE", "dropdown", {1: "RECEIVED", 4: "FORECAST", 6: "CANCELLED"}),
        Column("", "CUSTOMER ", "dropdown", {12 + 3 * n: c for n, c in enumerate(CUSTOMERS)}),
        Column("", "UNIT OF MEASURE", "status", {0: "SET", 7: "PCE", 3: "PCS"}),
        *(Column("", t, "text") for t in names(TEXT)),
        *(Column("", t, "long_text") for t in names(LONG_TEXT)),
        *(Column("", t, "numbers") for t in names(NUMBERS)),
        *(Column("", t, "date") for t in names(DATES)),
        *(Column("", t, "dropdown", {5: "2025 FALL", 8: "FOB"}) for t in names(DROPDOWNS)),
        Column("", "STYLE", "text" if later else "dropdown"),
        Column("", "  COLOR", "long_text" if later else "dropdown"),
        Column("", "HS CODE", "long_text" if later else "dropdown"),
        Column("", "ORDER QTY", "numbers" if later else "formula"),
        *(Column("", t, "mirror", owner="team") for t in names(MIRRORS)),
        *(Column("", t, "text", owner="team") for t in names(TEAM_TEXT)),
        *(Column("", t, "numbers", owner="team") for t in names(TEAM_NUMBERS)),
        Column("", "ORDER STATUS", "status", {7: "00 PLANNING", 1: "DONE"}, owner="team"),
        Column("", "Net Demand", "formula", owner="team"),
        Column("", "PLANNING BOARD", "board_relation", owner="team"),
        Column("", "Item ID", "item_id"),
        Column("", "Last updated", "last_updated"),
    ]
    if later:
        columns.append(Column("", "CUSTOMER COLOR CODE", "long_text"))
    random.Random(shuffle).shuffle(columns)
    columns.insert(3, Column("name", "Name", "name"))
    groups = [
        Group("", "GREYSON CLOTHIERS 2025 FALL", archived=True),
        Group("", "OLD ORDERS", archived=True),
        Group("", "NEW ORDERS"),
    ]
    return world.add_board("Customer Master Schedule", columns, groups)


def size_board(world: World, board: Board) -> Board:
    return world.boards[str(board.column("Subitems").child_board)]
