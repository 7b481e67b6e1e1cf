"""A board is understood in every form its settings come in, and every difference is named."""

import asyncio
import json
import random
from dataclasses import replace

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from order_sync.errors import BoardMismatch
from order_sync.monday.board import (
    BoardInfo,
    Label,
    parse_board,
    parse_column,
    read_board,
    subitem_board_of,
)
from order_sync.monday.client import MondayClient
from order_sync.monday.columns import KEY_TITLE, match_columns
from order_sync.monday.documents import STATUS_COLORS, set_status_labels
from order_sync.monday.labels import (
    dropdown_labels_with,
    missing_labels,
    room_for_labels,
    status_labels_with,
)
from order_sync.rules.mapping import GroupRule, Kind, MappedColumn, Mapping, SizeRules, TableNames


def profile(**changes):
    columns = (
        MappedColumn("AAG ORDER NUMBER", "AAG ORDER NUMBER", "order_no", Kind.TEXT),
        MappedColumn("PRICE", "PRICE", "price", Kind.NUMBER),
        MappedColumn("DUE", "DUE DATE", "due", Kind.DATE),
        MappedColumn("QTY", "ORDER QTY", "qty", Kind.NUMBER, required=False),
    )
    return Mapping(
        **{
            "name": "p",
            "fingerprint": "f",
            "tables": TableNames("a", "b", "c", "d", "e", "f"),
            "key": ("AAG ORDER NUMBER",),
            "extra_keys": (),
            "item_name": ("AAG ORDER NUMBER",),
            "group": GroupRule("CUSTOMER", ("SEASON",)),
            "customer": "CUSTOMER",
            "customer_aliases": (),
            "display_names": (),
            "columns": columns,
            "sizes": SizeRules(("M", "L")),
            "order_type": "TYPE",
            "cancelled": "CANCELLED",
            "total_quantity": "",
            "purchase_order": "PO",
            "aag_season": "S",
            "customer_season": "CS",
            "blank_rows": (),
            "lookup": "AAG ORDER NUMBER",
            **changes,
        }
    )


def column(column_id, title, kind, settings=None, **more):
    return {"id": column_id, "title": title, "type": kind, "settings": settings, **more}


def main_board(*extra, without=(), settings=None):
    columns = [
        column("name", "Name", "name"),
        column("sub", "Subitems", "subtasks", {"boardIds": [77]} if settings is None else settings),
        column("t1", " AAG ORDER NUMBER ", "text"),
        column("n1", "PRICE", "numbers"),
        column("d1", "DUE DATE", "date"),
        column("n2", "ORDER QTY", "numbers"),
        *extra,
    ]
    return {
        "id": "1",
        "name": "Orders",
        "state": "active",
        "hierarchy_type": "classic",
        "items_count": 3,
        "items_limit": 10_000,
        "groups": [
            {"id": "g1", "title": "A", "archived": False, "deleted": False},
            {"id": "g2", "title": "B", "archived": True, "deleted": False},
            {"id": "g3", "title": "C", "archived": None, "deleted": True},
        ],
        "columns": [c for c in columns if c["id"] not in without],
    }


def sub_board(*extra, without=()):
    columns = [column("s1", "Size", "dropdown"), column("q1", "Order Qty", "numbers"), *extra]
    return {
        "id": "77",
        "name": "Subitems of Orders",
        "type": "sub_items_board",
        "columns": [c for c in columns if c["id"] not in without],
    }


def board_of(above=None, below=None) -> BoardInfo:
    return parse_board(above or main_board(), parse_board(below or sub_board()))


def read(*boards, **overrides):
    """What `read_board` makes of a server that has these boards."""
    known = {str(b["id"]): b for b in boards}
    asked = []

    def handler(request):
        (board_id,) = json.loads(request.content)["variables"]["boards"]
        asked.append(board_id)
        return httpx2.Response(
            200, json={"data": {"r0": [known[board_id]] if board_id in known else []}}
        )

    async def attempt():
        async with MondayClient(
            "http://api.test",
            SecretStr("t"),
            "2026-10",
            5,
            1,
            transport=httpx2.MockTransport(handler),
            rng=random.Random(0),
        ) as client:
            return await read_board(client, "1")

    return asyncio.run(attempt()), asked


def problems_of(mapping, board):
    with pytest.raises(BoardMismatch) as caught:
        match_columns(mapping, board)
    assert caught.value.hint
    return caught.value.problems


# --- reading ------------------------------------------------------------------------------------


def test_a_board_is_read_with_its_subitem_board():
    board, asked = read(main_board(), sub_board())

    assert asked == ["1", "77"]
    assert (board.name, board.items_count, board.items_limit) == ("Orders", 3, 10_000)
    assert board.subitem_board.name == "Subitems of Orders"
    assert [group.active for group in board.groups] == [True, False, False]


def test_a_board_without_subitems_column_is_read_too():
    board, asked = read(main_board(without=("sub",)))

    assert asked == ["1"]
    assert board.subitem_board is None


@pytest.mark.parametrize(
    "boards",
    [
        [],
        [{**main_board(), "id": "2"}],
        [{**main_board(), "hierarchy_type": "multi_level"}],
        [{**main_board(), "state": "archived"}],
        [{**main_board(), "state": "deleted"}],
    ],
)
def test_a_board_that_cannot_be_used_is_named_with_a_hint(boards):
    with pytest.raises(BoardMismatch) as caught:
        read(*boards)

    assert caught.value.hint


@pytest.mark.parametrize(
    "settings",
    [
        {"boardIds": [77]},
        {"boardIds": ["77"]},
        {"board_ids": [77, 78]},
        {"boardId": "77"},
        '{"boardIds":[77]}',
        '"{\\"boardIds\\":[77]}"',
    ],
)
def test_the_subitem_board_is_found_in_every_form_of_the_settings(settings):
    assert subitem_board_of(parse_board(main_board(settings=settings))) == "77"


@pytest.mark.parametrize("settings", [{}, "", "{", None, [], {"boardIds": []}, {"boardIds": None}])
def test_settings_without_a_subitem_board(settings):
    raw = main_board(without=("sub",))
    raw["columns"].append(column("sub", "Subitems", "subtasks", settings))

    assert subitem_board_of(parse_board(raw)) is None


DROPDOWN_FORMS = [
    {"labels": [{"id": 1, "label": "A"}, {"id": 4, "label": "B", "is_deactivated": True}]},
    {"labels": [{"id": 1, "name": "A"}, {"id": "4", "name": "B", "is_deactivated": True}]},
    {"labels": {"1": "A", "4": "B"}, "deactivated_labels": [4]},
    '{"labels":[{"id":1,"name":"A"},{"id":4,"name":"B"}],"deactivated_labels":[4]}',
]


@pytest.mark.parametrize("settings", DROPDOWN_FORMS[:3])
def test_dropdown_labels_in_every_form(settings):
    for form in (settings, json.dumps(settings)):
        labels = parse_column(column("c", "C", "dropdown", form)).labels
        assert labels == (Label(1, "A"), Label(4, "B", active=False))


def test_dropdown_labels_with_a_list_of_deactivated_ids_beside():
    labels = parse_column(column("c", "C", "dropdown", DROPDOWN_FORMS[3])).labels

    assert labels == (Label(1, "A"), Label(4, "B", active=False))


@pytest.mark.parametrize(
    "settings",
    [
        {"labels": [{"id": 0, "label": "Open", "color": "purple", "index": 0, "is_done": False}]},
        {"labels": [{"index": 0, "label": "Open", "color": "purple"}]},
        {"labels": {"0": "Open"}, "labels_colors": {"0": {"var_name": "purple"}}},
        {"labels": {"0": {"label": "Open"}}, "labels_colors": {"0": {"var_name": "purple"}}},
    ],
)
def test_status_labels_in_every_form(settings):
    parsed = parse_column(column("c", "C", "status", settings))

    assert parsed.labels == (Label(0, "Open", color="purple"),)
    assert parsed.label("Open") is parsed.labels[0]
    assert parsed.label("open") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "label", "name", "labels", "boardIds", "index", "color"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
)


@given(
    st.sampled_from(["status", "dropdown", "subtasks", "text"]),
    JSON | st.fixed_dictionaries({"labels": JSON}),
)
def test_no_settings_whatsoever_break_the_reader(kind, settings):
    for form in (settings, json.dumps(settings)):
        parsed = parse_column(column("c", "C", kind, form))
        assert all(label.text for label in parsed.labels)
        subitem_board_of(parse_board({"id": "1", "columns": [column("c", "C", kind, form)]}))


# --- matching -----------------------------------------------------------------------------------


def test_titles_become_columns():
    found = match_columns(profile(), board_of())

    assert {title: c.id for title, c in found.columns.items()} == {
        "AAG ORDER NUMBER": "t1",
        "PRICE": "n1",
        "DUE DATE": "d1",
        "ORDER QTY": "n2",
    }
    assert (found.board_id, found.subitem_board_id) == ("1", "77")
    assert (found.subitem_label.id, found.subitem_quantity.id) == ("s1", "q1")
    assert [group.id for group in found.groups] == ["g1"]
    assert found.active_titles == set(found.columns)
    assert found.notices == ()
    assert found.sync_key is None


def test_all_differences_are_named_at_once():
    above = main_board(
        column("n9", "PRICE", "numbers"),
        column("x", "DUE DATE", "mirror"),
        without=("t1", "d1"),
    )
    below = sub_board(column("s1", "Size", "numbers"), without=("s1", "q1"))

    problems = problems_of(profile(), board_of(above, below))

    assert len(problems) == 5
    text = "\n".join(problems)
    for part in ("AAG ORDER NUMBER", "n1, n9", "mirror", "'Size'", "'Order Qty'"):
        assert part in text


@pytest.mark.parametrize(
    ("title", "kind"), [("AAG ORDER NUMBER", "date"), ("PRICE", "dropdown"), ("DUE DATE", "text")]
)
def test_a_type_the_profile_cannot_fill_is_a_difference(title, kind):
    raw = main_board()
    for c in raw["columns"]:
        if c["title"].strip() == title:
            c["type"] = kind

    (problem,) = problems_of(profile(), board_of(raw))

    assert title in problem
    assert kind in problem


def test_titles_are_compared_exactly_after_trimming():
    (problem,) = problems_of(
        profile(), board_of(main_board(column("n3", "Price", "numbers"), without=("n1",)))
    )

    assert "'PRICE'" in problem


@pytest.mark.parametrize(
    "above",
    [
        main_board(without=("n2",)),
        main_board(column("m", "ORDER QTY", "formula"), without=("n2",)),
        main_board(column("n8", "ORDER QTY", "numbers", archived=True), without=("n2",)),
    ],
)
def test_an_optional_column_is_left_out_with_one_notice(above):
    found = match_columns(profile(), board_of(above))

    assert "ORDER QTY" not in found.active_titles
    assert len(found.notices) == 1
    assert "ORDER QTY" in found.notices[0]


def test_an_archived_column_is_no_second_one():
    above = main_board(column("old", "PRICE", "numbers", archived=True))

    assert match_columns(profile(), board_of(above)).columns["PRICE"].id == "n1"


def test_a_board_without_subitems_column_is_a_difference():
    board = parse_board(main_board(without=("sub",)))

    (problem,) = problems_of(profile(), board)

    assert "no subitems column" in problem


def test_a_hidden_subitem_board_is_a_difference():
    (problem,) = problems_of(profile(), replace(board_of(), subitem_board=None))

    assert "cannot be read" in problem


def test_our_key_columns_are_found_and_must_be_text():
    found = match_columns(
        profile(),
        board_of(
            main_board(column("k1", KEY_TITLE, "text")), sub_board(column("k2", KEY_TITLE, "text"))
        ),
    )
    (problem,) = problems_of(profile(), board_of(main_board(column("k1", KEY_TITLE, "numbers"))))

    assert (found.sync_key.id, found.subitem_sync_key.id) == ("k1", "k2")
    assert KEY_TITLE in problem


# --- labels -------------------------------------------------------------------------------------


def dropdown(*labels):
    return parse_column(column("c", "C", "dropdown", {"labels": list(labels)}))


def status(*labels):
    return parse_column(column("c", "C", "status", {"labels": list(labels)}))


A = {"id": 1, "label": "A", "is_deactivated": False}
OLD = {"id": 4, "label": "OLD", "is_deactivated": True}


def test_only_labels_that_do_not_stand_there_exactly_are_missing():
    assert missing_labels(dropdown(A, OLD), ["A", "a", "OLD", "a", " ", "B"]) == ("a", "OLD", "B")


def test_a_dropdown_list_keeps_ids_wakes_old_labels_and_adds_new_ones():
    assert dropdown_labels_with(dropdown(A, OLD), ["B", "OLD"]) == [
        A,
        {**OLD, "is_deactivated": False},
        {"label": "B"},
    ]
    assert dropdown_labels_with(dropdown(A, OLD), []) == [A, OLD]


def test_a_full_dropdown_takes_no_more():
    full = dropdown(*({"id": i, "label": f"L{i}"} for i in range(500)))

    assert room_for_labels(full) == 0
    with pytest.raises(ValueError, match="room for 0"):
        dropdown_labels_with(full, ["new"])


@given(st.sets(st.integers(0, 39).filter(lambda i: i != 5), max_size=39), st.integers(0, 39))
def test_a_status_list_is_always_one_the_api_takes(present, more):
    there = status(
        *({"id": i, "index": i, "label": f"L{i}", "color": STATUS_COLORS[i]} for i in present)
    )
    new = [f"N{i}" for i in range(more)]
    if more > room_for_labels(there):
        with pytest.raises(ValueError, match="room"):
            status_labels_with(there, new)
        return

    labels = status_labels_with(there, new)

    set_status_labels("1", "c", "r", labels)
    assert {label["label"] for label in labels} == {*new, *(f"L{i}" for i in present)}
    assert all(label["index"] != 5 for label in labels)
    assert {label["id"]: label["index"] for label in labels if "id" in label} == {
        i: i for i in present
    }


def test_a_status_list_with_an_unknown_color_is_not_touched():
    assert status_labels_with(status({"id": 1, "label": "A", "color": "#fdab3d"}), ["B"]) is None
