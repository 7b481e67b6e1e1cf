"""Faults in which somebody else was there first, or in which nothing happens."""

import pytest

from order_sync.sandbox import parse_fault


def test_an_item_can_be_gone_when_it_is_to_be_changed(world):
    item_id = world.created("PO-1")
    world.sandbox.add_fault("item-deleted")

    assert world.change(item_id, Key="a").code == "InvalidItemIdException"
    assert world.sandbox.item(item_id).state == "deleted"


def test_a_parent_can_be_gone_when_it_is_to_get_a_subitem(world):
    parent = world.created("PO-1")
    world.sandbox.add_fault("item-deleted", match="create_subitem")

    assert world.add_subitem(parent).code == "InvalidItemIdException"


def test_the_item_of_one_alias_goes_and_the_others_stay(world):
    ids = [world.created(name) for name in "ABC"]
    world.sandbox.add_fault("item-deleted", alias=1)
    fields = " ".join(
        f"a{i}: change_simple_column_value(board_id: {world.board.id}, item_id: {item_id},"
        f' column_id: "name", value: "new") {{ id }}'
        for i, item_id in enumerate(ids)
    )

    reply = world.api.ask(f"mutation {{ {fields} }}")

    assert [error["path"] for error in reply.errors] == [["a1"]]
    assert world.names() == ["new", "new"]


def test_an_item_nobody_names_is_not_deleted(world):
    world.sandbox.add_fault("item-deleted")

    world.create("A").succeeded()

    assert world.names() == ["A"]


def test_a_label_can_be_gone_when_it_is_to_be_chosen(world):
    before = world.created("A", Customer="ACME")
    world.sandbox.add_fault("label-removed", label="ACME")

    assert world.create("B", Customer="ACME").code == "ColumnValueException"
    assert world.cell(before, "Customer")["text"] is None
    assert world.create("C", Customer="Rhythm").data


def test_a_removed_label_changes_the_revision_of_its_column(world):
    column = world.board.column_titled("Customer")
    revision = column.revision
    world.sandbox.add_fault("label-removed", label="ACME")
    world.create("A")

    assert column.revision == revision + 1


def test_label_removed_needs_a_label():
    with pytest.raises(ValueError, match="needs a label"):
        parse_fault("label-removed")


@pytest.mark.parametrize("column", ["", "Key"])
def test_a_write_can_be_ignored_silently(world, column):
    item_id = world.created("PO-1", Key="old")
    world.sandbox.add_fault("ignored-write", column=column)

    world.change(item_id, Key="new", Price="3").succeeded()

    assert world.cell(item_id, "Key")["text"] == "old"
    assert world.cell(item_id, "Price")["text"] == ("3" if column else "")
    changes = [one for one in world.board.activity.newest_first() if one.column_id]
    assert [one.column_id for one in changes] == ([world.column("Price")] if column else [])


def test_a_cell_that_is_to_be_cleared_can_keep_what_it_holds(world):
    item_id = world.created("PO-1", Key="old")
    world.sandbox.add_fault("ignored-write")

    world.change(item_id, Key=None).succeeded()

    assert world.cell(item_id, "Key")["text"] == "old"
    world.change(item_id, Key=None).succeeded()
    assert world.cell(item_id, "Key")["text"] == ""


def test_a_user_can_lack_the_right(world):
    world.sandbox.add_fault("403")

    reply = world.create()

    assert (reply.status, reply.code) == (403, "UserUnauthorizedException")
    assert reply.errors[0]["extensions"]["status_code"] == 403
    assert world.names() == []


def test_the_api_can_be_switched_off_with_status_200(world):
    world.sandbox.add_fault("blocked")

    reply = world.create()

    assert (reply.status, reply.code) == (200, "API_TEMPORARILY_BLOCKED")
    assert world.names() == []
