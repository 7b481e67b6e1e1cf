"""Items and groups: what is created, changed, moved and taken away."""

import pytest


def _aliases(world, *names):
    fields = " ".join(
        f'a{i}: create_item(board_id: {world.board.id}, item_name: "{name}") {{ id }}'
        for i, name in enumerate(names)
    )
    return world.api.ask(f"mutation {{ {fields} }}")


def _ask_item(world, item_id, **arguments):
    extra = "".join(f", {name}: {value}" for name, value in arguments.items())
    document = (
        f"{{ items(ids: [{item_id}]{extra}) {{ id name state group {{ id title }}"
        " parent_item { id } board { id } created_at updated_at url } }"
    )
    return world.api.ask(document).data["items"]


def test_an_item_can_be_read_as_it_was_created(world):
    item_id = world.created("PO-1", Key="A-1")

    (found,) = _ask_item(world, item_id)

    assert found["name"] == "PO-1"
    assert found["state"] == "active"
    assert found["board"]["id"] == world.board.id
    assert world.cell(item_id, "Key")["text"] == "A-1"


def test_ids_are_long_digit_strings(world):
    first, second = int(world.created()), int(world.created())

    assert first > 2**32
    assert second > first


def test_two_sandboxes_with_one_seed_give_the_same_ids(make_world):
    assert make_world(seed=3).board.id == make_world(seed=3).board.id != make_world(seed=4).board.id


def test_without_a_group_the_top_group_is_taken(world):
    (item,) = _ask_item(world, world.created())

    assert item["group"]["title"] == "First"


def test_a_new_group_comes_to_the_top(world):
    document = 'mutation ($b: ID!) { create_group(board_id: $b, group_name: "New") { id title } }'
    group = world.api.ask(document, {"b": world.board.id}).data["create_group"]

    found = world.api.ask(
        "query ($b: [ID!]) { boards(ids: $b) { groups { id title } top_group { id } } }",
        {"b": [world.board.id]},
    ).data["boards"][0]
    assert [g["title"] for g in found["groups"]] == ["New", "First", "Second"]
    assert found["top_group"]["id"] == group["id"]


@pytest.mark.parametrize(("method", "place"), [("before_at", 1), ("after_at", 2)])
def test_a_group_can_be_placed_beside_another(world, method, place):
    second = world.board.groups[1].id
    document = (
        f'mutation {{ create_group(board_id: {world.board.id}, group_name: "New",'
        f' relative_to: "{second}", position_relative_method: {method}) {{ id }} }}'
    )
    world.api.ask(document).succeeded()

    assert world.sandbox.groups(world.board.id)[place].title == "New"


def test_two_groups_may_have_the_same_title(world):
    document = f'mutation {{ create_group(board_id: {world.board.id}, group_name: "G") {{ id }} }}'
    first, second = (world.api.ask(document).data["create_group"]["id"] for _ in "12")

    assert first != second


@pytest.mark.parametrize("ending", ["archive_group", "delete_group"])
def test_items_go_with_their_group_and_the_group_takes_none_any_more(world, ending):
    item_id = world.created()
    group = world.board.groups[0].id
    arguments = f'board_id: {world.board.id}, group_id: "{group}"'

    world.api.ask(f"mutation {{ {ending}({arguments}) {{ id archived deleted }} }}").succeeded()

    assert _ask_item(world, item_id)[0]["state"] == ending.removesuffix("_group") + "d"
    refused = world.api.ask(
        f'mutation {{ create_item(board_id: {world.board.id}, item_name: "x",'
        f' group_id: "{group}") {{ id }} }}'
    )
    assert refused.code == "InvalidGroupIdException"


def test_the_last_group_cannot_be_deleted(world):
    first, second = (group.id for group in world.board.groups)
    document = 'mutation {{ delete_group(board_id: {}, group_id: "{}") {{ id }} }}'
    world.api.ask(document.format(world.board.id, first)).succeeded()

    refused = world.api.ask(document.format(world.board.id, second))

    assert refused.code == "DeleteLastGroupException"
    assert len(world.sandbox.groups(world.board.id)) == 1


def test_an_unknown_group_is_refused(world):
    document = (
        f'mutation {{ create_item(board_id: {world.board.id}, item_name: "x",'
        ' group_id: "topics") { id } }'
    )

    assert world.api.ask(document).code == "InvalidGroupIdException"


def test_an_unknown_board_is_refused(world):
    document = 'mutation { create_item(board_id: 42, item_name: "x") { id } }'

    assert world.api.ask(document).code == "InvalidBoardIdException"


def test_each_field_of_a_mutation_fails_alone(world):
    reply = _aliases(world, "PO-1", "x" * 256, "PO-3")

    assert reply.status == 200
    assert reply.json["data"]["a1"] is None
    (error,) = reply.errors
    assert error["path"] == ["a1"]
    assert error["extensions"]["code"] == "ItemNameTooLongException"
    assert error["extensions"]["status_code"] == 200
    assert error["locations"]
    assert world.names() == ["PO-1", "PO-3"]


def test_fields_of_a_mutation_run_in_order(world):
    names = [f"PO-{i}" for i in range(20)]

    data = _aliases(world, *names).data

    assert world.names() == names
    assert list(data) == [f"a{i}" for i in range(20)]


def test_a_name_has_255_characters_at_most(world):
    assert world.create("x" * 255).data
    assert world.create("x" * 256).code == "ItemNameTooLongException"


def test_a_name_cannot_be_empty(world):
    assert world.create("  ").code == "InvalidArgumentException"


def test_a_full_board_takes_no_more_items(make_world):
    world = make_world(items_limit=2)
    world.created()
    item_id = world.created()

    assert world.create().code == "ItemsLimitationException"

    world.sandbox.person_deletes(item_id)
    world.created()


def test_the_board_tells_its_limit_and_its_count(make_world):
    world = make_world(items_limit=7)
    world.created()

    document = (
        "query ($b: [ID!]) { boards(ids: $b) { items_count items_limit hierarchy_type type } }"
    )
    assert world.api.ask(document, {"b": [world.board.id]}).data["boards"] == [
        {"items_count": 1, "items_limit": 7, "hierarchy_type": "classic", "type": "board"}
    ]


def test_an_item_can_be_renamed(world):
    item_id = world.created("PO-1")

    world.api.ask(
        "mutation ($b: ID!, $i: ID) { change_multiple_column_values(board_id: $b, item_id: $i,"
        ' column_values: "{\\"name\\": \\"PO-2\\"}") { id name } }',
        {"b": world.board.id, "i": item_id},
    ).succeeded()

    assert world.names() == ["PO-2"]


def test_an_item_can_be_moved_to_another_group(world):
    item_id = world.created()
    group = world.board.groups[1].id

    document = (
        f'mutation {{ move_item_to_group(item_id: {item_id}, group_id: "{group}") {{ id }} }}'
    )
    world.api.ask(document).succeeded()

    assert world.sandbox.item(item_id).group_title == "Second"


@pytest.mark.parametrize(
    ("mutation", "state"), [("archive_item", "archived"), ("delete_item", "deleted")]
)
def test_an_item_that_went_away_is_only_found_by_its_id(world, mutation, state):
    item_id = world.created()

    world.api.ask(f"mutation {{ {mutation}(item_id: {item_id}) {{ id state }} }}").succeeded()

    assert _ask_item(world, item_id)[0]["state"] == state
    assert _ask_item(world, item_id, exclude_nonactive="true") == []
    assert world.names() == []
    assert world.change(item_id, Key="x").code == "InvalidItemIdException"


def test_nonactive_items_are_excluded_from_ids_only(world):
    refused = world.api.ask("{ items(exclude_nonactive: true) { id } }")

    assert refused.code == "InvalidArgumentException"


def test_unknown_ids_are_left_out(world):
    item_id = world.created()

    found = world.api.ask("query ($i: [ID!]) { items(ids: $i) { id } }", {"i": [item_id, "42"]})

    assert found.data["items"] == [{"id": item_id}]


def test_items_by_id_stop_at_25_unless_more_are_asked_for(world):
    ids = [world.created() for _ in range(30)]
    document = "query ($i: [ID!], $l: Int = 25) { items(ids: $i, limit: $l) { id } }"

    assert len(world.api.ask(document, {"i": ids}).data["items"]) == 25
    assert len(world.api.ask(document, {"i": ids, "l": 100}).data["items"]) == 30


def test_more_than_100_ids_are_refused(world):
    ids = [str(i) for i in range(101)]

    reply = world.api.ask("query ($i: [ID!]) { items(ids: $i) { id } }", {"i": ids})

    assert reply.code == "InvalidArgumentException"


def test_a_group_can_be_renamed(world):
    group = world.board.groups[0].id
    document = (
        f'mutation {{ update_group(board_id: {world.board.id}, group_id: "{group}",'
        ' group_attribute: title, new_value: "Better") { id title } }'
    )

    assert world.api.ask(document).data["update_group"] == {"id": group, "title": "Better"}
