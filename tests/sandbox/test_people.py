"""What a person does to groups and labels, and how the API shows it."""

import pytest

from order_sync.sandbox import ApiError


def _groups(world):
    reply = world.api.ask(f"{{ boards(ids: {world.board.id}) {{ groups {{ title }} }} }}")
    return [group["title"] for group in reply.data["boards"][0]["groups"]]


def _create_in(world, group_id):
    return world.api.ask(
        "mutation ($b: ID!, $g: String) {"
        ' create_item(board_id: $b, group_id: $g, item_name: "PO-2") { id } }',
        {"b": world.board.id, "g": group_id},
    )


@pytest.mark.parametrize(("act", "state"), [("deletes", "deleted"), ("archives", "archived")])
def test_a_group_goes_with_its_items(world, act, state):
    item_id = world.sandbox.person_creates(world.board.id, "Second", "PO-1")
    group_id = world.board.group_titled("Second").id

    getattr(world.sandbox, f"person_{act}_group")(world.board.id, "Second")

    assert _groups(world) == ["First"]
    assert world.sandbox.item(item_id).state == state
    assert _create_in(world, group_id).code == "InvalidGroupIdException"


def test_the_last_group_stays(world):
    world.sandbox.person_deletes_group(world.board.id, "Second")

    with pytest.raises(ApiError, match="last group"):
        world.sandbox.person_deletes_group(world.board.id, "First")


def test_a_renamed_group_keeps_its_id_and_items(world):
    group_id = world.board.group_titled("Second").id

    world.sandbox.person_renames_group(world.board.id, "Second", "Later")

    assert _groups(world) == ["First", "Later"]
    assert _create_in(world, group_id).data


def test_a_group_that_is_not_there_is_named(world):
    with pytest.raises(KeyError, match="Third"):
        world.sandbox.person_renames_group(world.board.id, "Third", "Later")


def test_a_deactivated_label_stays_in_cells_and_cannot_be_chosen(world):
    item_id = world.created(Customer="ACME")

    world.sandbox.person_deactivates_label(world.board.id, "Customer", "ACME")

    assert world.cell(item_id, "Customer")["text"] == "ACME"
    assert world.create("PO-2", Customer="ACME").code == "ColumnValueException"


@pytest.mark.parametrize(("title", "label"), [("Customer", "ACME"), ("Status", "Open")])
def test_a_removed_label_leaves_cells_empty_and_its_id_unused(world, title, label):
    item_id = world.created(**{title: label})

    world.sandbox.person_removes_label(world.board.id, title, label)

    assert world.cell(item_id, title)["text"] is None
    assert world.create("PO-2", **{title: label}).code == "ColumnValueException"
    world.sandbox.person_sets(item_id, title, label)  # made again
    ids = [entry.id for entry in world.board.column_titled(title).labels]
    assert ids[-1] == max(ids) > 1


def test_a_person_who_changes_labels_changes_the_revision(world):
    column = world.board.column_titled("Status")
    before = column.revision

    world.sandbox.person_removes_label(world.board.id, "Status", "Open")

    assert column.revision == before + 1
