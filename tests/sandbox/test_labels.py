"""Labels: made on the way, made beforehand, and guarded by the revision of their column."""

import pytest


def _create_with_labels(world, **values):
    return world.api.ask(
        'mutation ($b: ID!, $v: JSON) { create_item(board_id: $b, item_name: "PO",'
        " column_values: $v, create_labels_if_missing: true) { id } }",
        {"b": world.board.id, "v": world.values(**values)},
    )


def _read(world, title):
    found = world.api.ask(
        "query ($b: [ID!], $c: [String]) { boards(ids: $b) {"
        " columns(ids: $c) { id title type revision settings settings_str } } }",
        {"b": [world.board.id], "c": [world.column(title)]},
    )
    return found.data["boards"][0]["columns"][0]


def _update(world, title, labels, revision=None, **more):
    kind = "status" if title == "Status" else "dropdown"
    document = (
        f"mutation ($b: ID!, $c: String!, $r: String!, $s: Update{kind.title()}ColumnSettingsInput)"
        f" {{ update_{kind}_column(board_id: $b, id: $c, revision: $r, settings: $s)"
        " { id title revision settings } }"
    )
    column = _read(world, title)
    return world.api.ask(
        document,
        {
            "b": world.board.id,
            "c": column["id"],
            "r": revision or column["revision"],
            "s": {"labels": labels},
        },
    )


def _kept(world, title):
    """The present labels, as the update mutations take them."""
    return [
        {key: label[key] for key in ("id", "label", "color", "index") if key in label}
        for label in _read(world, title)["settings"]["labels"]
    ]


def test_settings_list_the_labels(world):
    assert _read(world, "Customer")["settings"] == {
        "labels": [
            {"id": 1, "label": "ACME", "is_deactivated": False},
            {"id": 2, "label": "Rhythm", "is_deactivated": False},
            {"id": 3, "label": "A, B", "is_deactivated": False},
        ]
    }
    status = _read(world, "Status")["settings"]["labels"]
    assert [(one["id"], one["index"], one["label"]) for one in status] == [
        (0, 0, "Open"),
        (1, 1, "Done"),
    ]
    assert len({one["color"] for one in status}) == 2


@pytest.mark.parametrize("title", ["Status", "Customer"])
def test_missing_labels_are_made_when_asked_for(world, title):
    before = _read(world, title)["revision"]

    _create_with_labels(world, **{title: "Brand new"}).succeeded()

    assert world.sandbox.items(world.board.id)[0].values[title] == "Brand new"
    assert _read(world, title)["revision"] != before


def test_a_label_differing_in_case_is_another_one(world):
    _create_with_labels(world, Customer="acme").succeeded()

    texts = [label["label"] for label in _read(world, "Customer")["settings"]["labels"]]
    assert texts == ["ACME", "Rhythm", "A, B", "acme"]


@pytest.mark.parametrize(
    ("title", "limit"), [("Status", "status_labels_limit"), ("Customer", "dropdown_labels_limit")]
)
def test_a_column_takes_so_many_labels_and_no_more(make_world, title, limit):
    world = make_world(**{limit: 4})
    for name in "Fgh":
        last = _create_with_labels(world, **{title: f"Label {name}"})

    assert last.code == "ColumnValueException"
    assert "4" in last.errors[0]["message"]


def test_the_caps_are_40_and_500(world):
    assert world.board.column_titled("Status").labels.cap == 40
    assert world.board.column_titled("Customer").labels.cap == 500


def test_a_status_label_has_30_characters_at_most(world):
    assert _create_with_labels(world, Status="x" * 30).data
    assert _create_with_labels(world, Status="x" * 31).code == "ColumnValueException"


def test_an_update_can_add_labels(world):
    _update(world, "Customer", [*_kept(world, "Customer"), {"label": "New"}]).succeeded()

    assert world.create("PO", Customer="New").data


def test_an_update_needs_the_present_revision(world):
    stale = _read(world, "Customer")["revision"]
    _update(world, "Customer", [*_kept(world, "Customer"), {"label": "One"}]).succeeded()

    labels = [*_kept(world, "Customer"), {"label": "Two"}]
    reply = _update(world, "Customer", labels, revision=stale)

    assert reply.code == "InvalidArgumentException"
    assert "One" in str(_read(world, "Customer")["settings"])
    assert "Two" not in str(_read(world, "Customer")["settings"])


def test_a_renamed_label_keeps_its_id_and_its_cells(world):
    item_id = world.created("PO", Customer="ACME")
    labels = _kept(world, "Customer")
    labels[0]["label"] = "ACME Ltd"

    _update(world, "Customer", labels).succeeded()

    assert world.cell(item_id, "Customer")["text"] == "ACME Ltd"


def test_one_label_may_go_in_one_update(world):
    assert _update(world, "Customer", _kept(world, "Customer")[1:]).data
    assert world.create("PO", Customer="ACME").code == "ColumnValueException"


def test_two_labels_may_not_go_in_one_update(world):
    reply = _update(world, "Customer", _kept(world, "Customer")[2:])

    assert reply.code == "InvalidArgumentException"
    assert len(_kept(world, "Customer")) == 3


def test_an_update_may_not_add_and_remove(world):
    labels = [*_kept(world, "Customer")[1:], {"label": "New"}]

    assert _update(world, "Customer", labels).code == "InvalidArgumentException"


def test_a_label_may_not_stand_twice(world):
    labels = [*_kept(world, "Customer"), {"label": "ACME"}]

    assert _update(world, "Customer", labels).code == "InvalidArgumentException"


def test_a_deactivated_label_cannot_be_chosen(world):
    labels = _kept(world, "Customer")
    labels[0]["is_deactivated"] = True
    _update(world, "Customer", labels).succeeded()

    assert world.create("PO", Customer="ACME").code == "ColumnValueException"
    assert world.create("PO", Customer={"ids": [1]}).code == "ColumnValueException"


def test_ids_of_removed_labels_are_not_used_again(world):
    _update(world, "Customer", _kept(world, "Customer")[:2]).succeeded()
    _update(world, "Customer", [*_kept(world, "Customer"), {"label": "New"}]).succeeded()

    assert [label["id"] for label in _kept(world, "Customer")] == [1, 2, 4]


def test_a_status_column_can_be_updated(world):
    labels = [*_kept(world, "Status"), {"label": "Late", "color": "stuck_red", "index": 2}]

    _update(world, "Status", labels).succeeded()

    assert world.create("PO", Status="Late").data


def test_the_index_of_a_status_label_is_its_id(world):
    item_id = world.created("PO", Status="Done")
    labels = [{k: v for k, v in label.items() if k != "id"} for label in _kept(world, "Status")]
    labels[1]["label"] = "Finished"

    _update(world, "Status", [*labels, {"label": "X", "color": "peach", "index": 9}]).succeeded()

    assert world.cell(item_id, "Status")["text"] == "Finished"
    assert world.create("PO", Status={"index": 9}).data


@pytest.mark.parametrize(
    "label",
    [
        {"label": "X", "color": "peach", "index": 40},
        {"label": "X", "color": "working_orange", "index": 2},
        {"label": "Open", "color": "peach", "index": 2},
        {"label": "X", "color": "peach", "index": 2, "id": 77},
    ],
)
def test_a_status_label_has_an_index_a_color_and_a_text_of_its_own(world, label):
    reply = _update(world, "Status", [*_kept(world, "Status"), label])

    assert reply.code == "InvalidArgumentException"


def test_no_label_gets_the_id_of_the_empty_status(world):
    for name in "abcde":
        _create_with_labels(world, Status=name).succeeded()

    assert [label["id"] for label in _kept(world, "Status")] == [0, 1, 2, 3, 4, 6, 7]


def test_a_dropdown_is_not_updated_as_a_status(world):
    document = (
        "mutation ($b: ID!, $c: String!) {"
        ' update_status_column(board_id: $b, id: $c, revision: "00000001") { id } }'
    )
    named = {"b": world.board.id, "c": world.column("Customer")}

    assert world.api.ask(document, named).code == "InvalidArgumentException"


# Columns --------------------------------------------------------------------------------------


def _create_column(world, arguments):
    return world.api.ask(
        f"mutation {{ create_column(board_id: {world.board.id}, {arguments})"
        " { id title type settings } }"
    )


def test_a_column_can_be_created_and_used(world):
    column = _create_column(world, 'title: "ORDER SYNC KEY", column_type: text').data
    assert column["create_column"]["type"] == "text"

    item_id = world.created("PO", **{"ORDER SYNC KEY": "k"})

    assert world.cell(item_id, "ORDER SYNC KEY")["text"] == "k"


def test_a_column_can_be_created_with_labels(world):
    arguments = 'title: "Drop", column_type: dropdown, defaults: {labels: [{label: "D1"}]}'
    column = _create_column(world, arguments).data["create_column"]

    assert column["settings"]["labels"][0]["label"] == "D1"


@pytest.mark.parametrize("column_id", ["Upper", "with1", "x" * 21, ""])
def test_a_chosen_column_id_is_small_letters(world, column_id):
    reply = _create_column(world, f'title: "T", column_type: text, id: "{column_id}"')

    assert reply.code == "InvalidArgumentException"


def test_a_column_id_is_used_once(world):
    arguments = 'title: "T", column_type: text, id: "sync_key"'
    assert _create_column(world, arguments).data
    assert _create_column(world, arguments).code == "InvalidArgumentException"


def test_a_column_can_come_after_another(world):
    _create_column(
        world, f'title: "T", column_type: text, after_column_id: "{world.column("Key")}"'
    ).succeeded()

    titles = [column.title for column in world.board.columns.values()]
    assert titles.index("T") == titles.index("Key") + 1


def test_a_subitems_column_cannot_be_created(world):
    reply = _create_column(world, 'title: "Subitems", column_type: subtasks')

    assert reply.code == "InvalidColumnTypeException"
