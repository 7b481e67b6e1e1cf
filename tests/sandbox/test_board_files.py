"""Boards described in JSON: what may be said, and every mistake at once with its place."""

import orjson
import pytest

from order_sync.sandbox import BoardFileError, Sandbox, SandboxOptions, read_board

from .conftest import Api

NAME = {"title": "Name", "type": "name"}
WHOLE = {
    "name": "Orders",
    "groups": ["First", {"title": "Old", "id": "group_mk1", "archived": True, "color": "#ff5ac4"}],
    "columns": [
        NAME,
        {"title": "Subitems", "type": "subtasks", "id": "subtasks_mk0"},
        {"title": "Customer ", "type": "dropdown", "id": "dropdown_mk2", "labels": [
            {"label": "ACME", "id": 12},
            {"label": "Gone", "id": 7, "is_deactivated": True},
            "Without an id",
        ]},
        {"title": "State", "type": "status", "labels": [
            {"label": "Done", "id": 1, "color": "done_green", "is_done": True},
            {"label": "Late", "id": 104, "color": "stuck_red"},
            "Open",
        ]},
        {"title": "Files", "type": "file"},
    ],
    "subitem_columns": [NAME, {"title": "Qty", "type": "numbers", "id": "numeric_mk5"}],
}  # fmt: skip


def _mistakes(content):
    with pytest.raises(BoardFileError) as refused:
        Sandbox().add_board(content)
    return set(refused.value.problems)


def test_a_described_board_is_as_the_api_shows_it():
    sandbox = Sandbox()
    board = sandbox.add_board(WHOLE)

    shown = (
        Api(sandbox)
        .ask(
            f"{{ boards(ids: {board.id}) {{ name columns {{ id title type settings }}"
            " groups { id title archived color } } }"
        )
        .data["boards"][0]
    )

    assert shown["name"] == "Orders"
    assert [group["title"] for group in shown["groups"]] == ["First"]
    (archived,) = (group for group in board.groups if group.state == "archived")
    assert (archived.id, archived.title, archived.color) == ("group_mk1", "Old", "#ff5ac4")
    columns = {column["title"]: column for column in shown["columns"]}
    assert columns["Customer "]["id"] == "dropdown_mk2"
    assert columns["Files"]["type"] == "file"
    assert columns["Customer "]["settings"]["labels"] == [
        {"id": 12, "label": "ACME", "is_deactivated": False},
        {"id": 7, "label": "Gone", "is_deactivated": True},
        {"id": 13, "label": "Without an id", "is_deactivated": False},
    ]
    states = columns["State"]["settings"]["labels"]
    assert [(s["id"], s["label"], s["is_done"]) for s in states] == [
        (1, "Done", True), (104, "Late", False), (105, "Open", False),
    ]  # fmt: skip
    assert [s["color"] for s in states[:2]] == ["done_green", "stuck_red"]
    assert len({s["color"] for s in states}) == 3
    assert list(board.subitem_board.columns) == ["name", "numeric_mk5"]


def test_a_deactivated_label_of_a_description_cannot_be_chosen():
    sandbox = Sandbox()
    board = sandbox.add_board(WHOLE)
    reply = Api(sandbox).ask(
        "mutation ($b: ID!, $v: JSON) {"
        ' create_item(board_id: $b, item_name: "PO", column_values: $v) { id } }',
        {"b": board.id, "v": orjson.dumps({"dropdown_mk2": {"labels": ["Gone"]}}).decode()},
    )
    assert reply.code == "ColumnValueException"


def test_a_label_may_be_there_again_when_the_first_is_deactivated():
    labels = [{"label": "ACME", "id": 3}, {"label": "ACME", "id": 1, "is_deactivated": True}]
    column = {"title": "C", "type": "dropdown", "labels": labels}
    board = Sandbox().add_board({"name": "B", "columns": [NAME, column]})
    assert board.column_titled("C").labels.find("ACME").id == 3


def test_all_mistakes_are_named_with_their_places():
    assert _mistakes(
        {
            "name": " ",
            "colums": [],
            "groups": [{"titel": "A"}, {"title": "A", "id": "g"}, {"title": "B", "id": "g"}, 7],
            "columns": [
                {"title": "Name", "type": "name", "id": "first"},
                {"title": "T", "type": "txet"},
                {"type": "text", "id": "same", "labels": ["x"]},
                {"title": "T", "type": "text", "id": "same"},
                {"title": "S", "type": "status", "labels": [
                    {"label": "x" * 31, "color": "gren"},
                    {"label": "A", "id": 1, "color": "purple"},
                    {"label": "A", "id": 1, "color": "purple"},
                    {"label": "B", "id": "2", "is_done": "yes"},
                    {"label": ""},
                ]},
                {"title": "D", "type": "dropdown", "labels": [{"label": "A", "color": "purple"}]},
                {"title": "E", "type": ["text"], "labels": "ab"},
                "Key",
            ],
            "subitem_columns": {},
        }
    ) == {
        "name: has to be a text that is not blank",
        "unknown key 'colums', did you mean 'columns'?",
        "groups[0]: unknown key 'titel', did you mean 'title'?",
        "groups[0]: title is missing",
        "groups[2]: has the id 'g', as groups[1] does",
        "groups[3]: has to be an object",
        "columns[0].id: the column of type name has the id \"name\"",
        "columns[1].type: there is no type 'txet', did you mean 'text'?",
        "columns[2]: title is missing",
        "columns[2].labels: a column of type text has no labels",
        "columns[3]: has the id 'same', as columns[2] does",
        "columns[4].labels[0].label: 31 characters, 30 at most",
        "columns[4].labels[0].color: there is no colour 'gren'",
        "columns[4].labels[2]: has the label 'A', as columns[4].labels[1] does",
        "columns[4].labels[2]: has the id 1, as columns[4].labels[1] does",
        "columns[4].labels[2]: has the color 'purple', as columns[4].labels[1] does",
        "columns[4].labels[3].id: has to be a whole number from 0",
        "columns[4].labels[3].is_done: has to be true or false",
        "columns[4].labels[4].label: has to be a text that is not blank",
        "columns[5].labels[0]: unknown key 'color'",
        "columns[6].type: has to be a text",
        "columns[6].labels: has to be a list",
        "columns[7]: has to be an object",
        "subitem_columns: has to be a list",
        "columns: subitem_columns need a column of type subtasks here",
    }  # fmt: skip


@pytest.mark.parametrize("content", [[], "text", 7, None])
def test_a_description_is_an_object(tmp_path, content):
    file = tmp_path / "board.json"
    file.write_bytes(orjson.dumps(content))
    assert "the whole: has to be an object" in _mistakes(file)


def test_the_least_a_description_needs():
    assert _mistakes({}) == {"name is missing", "columns is missing"}
    assert _mistakes({"name": "B", "columns": []}) == {
        "columns: one column of type name is needed, there are 0"
    }


def test_too_many_labels_are_a_mistake():
    column = {"title": "S", "type": "status", "labels": [f"label {n}" for n in range(41)]}
    assert _mistakes({"name": "B", "columns": [NAME, column]}) == {
        "columns[1].labels: 41 labels, 40 at most"
    }
    more = SandboxOptions(status_labels_limit=41)
    assert read_board({"name": "B", "columns": [NAME, column]}, more).name == "B"


def test_a_board_without_an_active_group_is_a_mistake():
    groups = [{"title": "Old", "archived": True}]
    assert _mistakes({"name": "B", "columns": [NAME], "groups": groups}) == {
        "groups: one group at least has to be active"
    }


def test_json_that_cannot_be_read_is_told_with_its_line(tmp_path):
    file = tmp_path / "board.json"
    file.write_text('{\n  "name": "B",\n  "columns": [,]\n}')
    (problem,) = _mistakes(file)
    assert problem.startswith("line 3, column 15: not valid JSON")


def test_customers_go_to_the_column_whatever_blanks_its_title_has():
    columns = [NAME, {"title": "CUSTOMER ", "type": "dropdown"}]
    sandbox = Sandbox()
    board = sandbox.add_board({"name": "B", "columns": columns}, customers=["ACME"])
    sandbox.offer_customers(board.id, ["ACME", "LATER"])
    assert [label.text for label in board.column_titled("CUSTOMER ").labels] == ["ACME", "LATER"]
    with pytest.raises(ValueError, match="no column CUSTOMER"):
        sandbox.offer_customers(sandbox.add_board(WHOLE).id, ["ACME"])
    with pytest.raises(ValueError, match="empty"):
        sandbox.offer_customers(board.id, [" "])
