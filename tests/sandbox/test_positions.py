"""Where an item stands in its group."""

import pytest


@pytest.fixture
def rows(world):
    return {name: world.created(name) for name in "ABC"}


def act(world, field):
    return world.api.ask(f"mutation {{ {field} {{ id group {{ id }} }} }}")


@pytest.mark.parametrize(
    ("method", "order"), [("before_at", "AXBC"), ("after_at", "ABXC"), (None, "ABXC")]
)
def test_an_item_is_created_beside_another(world, rows, method, order):
    placed = f", position_relative_method: {method}" if method else ""
    act(
        world,
        f'create_item(board_id: {world.board.id}, item_name: "X",'
        f" relative_to: {rows['B']}{placed})",
    ).succeeded()

    assert "".join(world.names()) == order


def test_an_item_takes_the_group_of_the_one_beside_it(world, rows):
    second = world.board.groups[1].id
    act(world, f'move_item_to_group(item_id: {rows["B"]}, group_id: "{second}")').succeeded()
    create = f'create_item(board_id: {world.board.id}, item_name: "X", relative_to: {rows["B"]}'

    assert act(world, create + ")").data["create_item"]["group"]["id"] == second
    first = world.board.groups[0].id
    assert act(world, f'{create}, group_id: "{first}")').code == "InvalidArgumentException"


@pytest.mark.parametrize(
    ("moved", "where", "order"),
    [
        ("C", "relative_to: {A}, position_relative_method: before_at", "CAB"),
        ("C", "relative_to: {A}, position_relative_method: after_at", "ACB"),
        ("A", "relative_to: {C}", "BCA"),
        ("C", 'group_id: "{first}", group_top: true', "CAB"),
        ("A", 'group_id: "{first}", group_top: false', "BCA"),
        ("A", 'group_id: "{second}"', "BCA"),
    ],
)
def test_an_item_changes_its_place(world, rows, moved, where, order):
    groups = {"first": world.board.groups[0].id, "second": world.board.groups[1].id}
    place = where.format(**rows, **groups)

    act(world, f"change_item_position(item_id: {rows[moved]}, {place})").succeeded()

    assert "".join(world.names()) == order


@pytest.mark.parametrize(
    "place",
    [
        'group_id: "{first}", relative_to: {A}',
        "group_top: true",
        "relative_to: {A}, group_top: true",
        'group_id: "{first}", position_relative_method: after_at',
        "relative_to: {B}",
    ],
)
def test_a_place_that_contradicts_itself_is_refused(world, rows, place):
    place = place.format(**rows, first=world.board.groups[0].id)

    reply = act(world, f"change_item_position(item_id: {rows['B']}, {place})")

    assert reply.code == "InvalidArgumentException"
    assert "".join(world.names()) == "ABC"


def test_a_subitem_keeps_its_place(world, rows):
    subitem = world.add_subitem(rows["A"]).data["create_subitem"]["id"]
    group = world.board.subitem_board.groups[0].id

    refused = act(world, f'change_item_position(item_id: {subitem}, group_id: "{group}")')

    assert refused.code == "InvalidArgumentException"
