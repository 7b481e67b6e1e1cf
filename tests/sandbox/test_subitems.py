"""Subitems live on a board of their own, with columns of their own."""

import pytest

from .conftest import BOARD, Api


def _subitem_board_id(world):
    found = world.api.ask(
        "query ($b: [ID!]) { boards(ids: $b) { columns(types: [subtasks]) { settings } } }",
        {"b": [world.board.id]},
    )
    return found.data["boards"][0]["columns"][0]["settings"]["boardIds"][0]


def test_the_subitem_board_is_named_by_the_subitems_column(world):
    board_id = _subitem_board_id(world)

    document = "query ($b: [ID!]) { boards(ids: $b) { type columns { title } } }"
    assert world.api.ask(document, {"b": [board_id]}).data["boards"][0] == {
        "type": "sub_items_board",
        "columns": [{"title": "Name"}, {"title": "Size"}, {"title": "Qty"}],
    }


def test_column_ids_differ_between_the_two_boards(world):
    assert set(world.board.columns) & set(world.board.subitem_board.columns) == {"name"}


def test_a_subitem_is_read_below_its_parent_by_id_and_on_its_board(world):
    parent_id = world.created()
    subitem = world.add_subitem(parent_id, "Size M", Size="M", Qty="5").data["create_subitem"]
    assert subitem["board"]["id"] == _subitem_board_id(world)

    fields = "id name column_values { text } parent_item { id }"
    below = world.api.ask(
        f"query ($i: [ID!]) {{ items(ids: $i) {{ subitems {{ {fields} }} }} }}", {"i": [parent_id]}
    ).data["items"][0]["subitems"]
    by_id = world.api.ask(
        f"query ($i: [ID!]) {{ items(ids: $i) {{ {fields} }} }}", {"i": [subitem["id"]]}
    ).data["items"]
    on_board = world.api.ask(
        f"query ($b: [ID!]) {{ boards(ids: $b) {{ items_page {{ items {{ {fields} }} }} }} }}",
        {"b": [subitem["board"]["id"]]},
    ).data["boards"][0]["items_page"]["items"]

    assert below == by_id == on_board
    assert below[0]["parent_item"]["id"] == parent_id
    assert [cell["text"] for cell in below[0]["column_values"]] == ["M", "5"]


def test_subitems_are_not_among_the_items_of_the_main_board(world):
    parent_id = world.created()
    world.add_subitem(parent_id).succeeded()

    document = "query ($b: [ID!]) { boards(ids: $b) { items_count items_page { items { id } } } }"
    assert world.api.ask(document, {"b": [world.board.id]}).data["boards"][0] == {
        "items_count": 1,
        "items_page": {"items": [{"id": parent_id}]},
    }


def test_new_subitems_come_last(world):
    parent_id = world.created()
    for name in ("S", "M", "L"):
        world.add_subitem(parent_id, name).succeeded()

    assert [sub.name for sub in world.sandbox.item(parent_id).subitems] == ["S", "M", "L"]


def test_columns_of_the_main_board_are_refused_for_a_subitem(world):
    parent_id = world.created()
    reply = world.api.ask(
        'mutation ($p: ID!, $v: JSON) { create_subitem(parent_item_id: $p, item_name: "S",'
        " column_values: $v) { id } }",
        {"p": parent_id, "v": world.values(Key="x")},
    )

    assert reply.code == "InvalidColumnIdException"
    assert world.sandbox.item(parent_id).subitems == []


def _change_subitem(world, board_id, item_id, column_id):
    return world.api.ask(
        "mutation ($b: ID!, $i: ID, $v: JSON!) { change_multiple_column_values("
        "board_id: $b, item_id: $i, column_values: $v) { id } }",
        {"b": board_id, "i": item_id, "v": f'{{"{column_id}": "7"}}'},
    )


def test_a_subitem_is_changed_with_the_id_of_its_own_board(world):
    parent_id = world.created()
    item_id = world.add_subitem(parent_id).data["create_subitem"]["id"]

    _change_subitem(world, _subitem_board_id(world), item_id, world.subcolumn("Qty")).succeeded()

    assert world.sandbox.item(item_id).values == {"Qty": "7"}


def test_a_subitem_is_not_changed_with_the_id_of_the_main_board(world):
    item_id = world.add_subitem(world.created()).data["create_subitem"]["id"]

    wrong_column = _change_subitem(world, world.board.id, item_id, world.subcolumn("Qty"))
    wrong_item = _change_subitem(world, world.board.id, item_id, world.column("Price"))

    assert wrong_column.code == "InvalidColumnIdException"
    assert wrong_item.code == "InvalidArgumentException"


def test_subitems_are_not_made_with_create_item(world):
    document = 'mutation ($b: ID!) { create_item(board_id: $b, item_name: "S") { id } }'

    assert world.api.ask(document, {"b": _subitem_board_id(world)}).code == (
        "InvalidArgumentException"
    )


@pytest.mark.parametrize("ending", ["archive", "delete"])
def test_subitems_go_with_their_parent(world, ending):
    parent_id = world.created()
    item_id = world.add_subitem(parent_id).data["create_subitem"]["id"]

    world.api.ask(f"mutation {{ {ending}_item(item_id: {parent_id}) {{ id }} }}").succeeded()

    assert world.sandbox.item(item_id).state == f"{ending}d"


def test_a_subitem_can_be_deleted_alone(world):
    parent_id = world.created()
    item_id = world.add_subitem(parent_id).data["create_subitem"]["id"]

    world.api.ask(f"mutation {{ delete_item(item_id: {item_id}) {{ id }} }}").succeeded()

    assert world.sandbox.item(parent_id).subitems == []
    assert world.sandbox.item(parent_id).state == "active"


def test_a_parent_that_is_gone_takes_no_subitems(world):
    parent_id = world.created()
    world.sandbox.person_deletes(parent_id)

    assert world.add_subitem(parent_id).code == "InvalidItemIdException"


def test_a_subitem_has_no_subitems(world):
    item_id = world.add_subitem(world.created()).data["create_subitem"]["id"]

    assert world.add_subitem(item_id).code == "InvalidArgumentException"


def test_a_subitem_cannot_be_moved_to_a_group(world):
    item_id = world.add_subitem(world.created()).data["create_subitem"]["id"]
    group = world.board.subitem_board.groups[0].id

    document = (
        f'mutation {{ move_item_to_group(item_id: {item_id}, group_id: "{group}") {{ id }} }}'
    )
    assert world.api.ask(document).code == "InvalidArgumentException"


def test_a_board_without_subitems_column_has_no_subitems(world):
    columns = [column for column in BOARD["columns"] if column["type"] != "subtasks"]
    board = world.sandbox.add_board({"name": "Plain", "columns": columns})
    item_id = world.sandbox.person_creates(board.id, "New orders", "PO-1")

    reply = Api(world.sandbox).ask(
        f'mutation {{ create_subitem(parent_item_id: {item_id}, item_name: "S") {{ id }} }}'
    )

    assert reply.code == "InvalidArgumentException"


def test_an_item_may_have_so_many_subitems(make_world):
    world = make_world(subitems_limit=1)
    parent_id = world.created()
    world.add_subitem(parent_id).succeeded()

    assert world.add_subitem(parent_id).code == "ItemsLimitationException"


def test_the_subitems_cell_names_them(world):
    parent_id = world.created()
    item_id = world.add_subitem(parent_id).data["create_subitem"]["id"]

    typed = "... on SubtasksValue { display_value subitems_ids subitems { id } }"
    assert world.cell(parent_id, "Subitems", typed) == {
        "display_value": "Size M",
        "subitems_ids": [item_id],
        "subitems": [{"id": item_id}],
    }
