"""Every document is valid by the official SDL, few in shape, and repeats byte for byte."""

import os
from pathlib import Path

import orjson
import pytest
from graphql import GraphQLSchema, build_schema, parse, validate
from graphql.execution.values import get_variable_values
from hypothesis import given
from hypothesis import strategies as st

from order_sync.monday import documents as d
from order_sync.monday.documents import Document, Kind

HOSTILE = 'Bob\'s "best" \\ \n {id} $x } mutation { delete_board } \U0001f9e2 ' + "ü" * 300

DOCUMENTS: dict[Kind, Document] = {
    Kind.CREATE_GROUPS: d.create_groups([HOSTILE, "b"], "1"),
    Kind.CREATE_ITEMS: d.create_items([("g", HOSTILE, {"t": HOSTILE}), ("g", "n", {})], "1", True),
    Kind.CREATE_SUBITEMS: d.create_subitems([("7", "Size M", {"n": "3"}), ("8", "Size L", {})]),
    Kind.UPDATE_ITEMS: d.update_items([("7", {"name": "x", "t": None}), ("8", {"t": "y"})], "1"),
    Kind.MOVE_ITEMS: d.move_items([("7", "g"), ("8", "h")]),
    Kind.ARCHIVE_ITEMS: d.archive_items(["7", "8"]),
    Kind.CREATE_COLUMN: d.create_text_column("1", "ORDER SYNC KEY", "ours"),
    Kind.SET_DROPDOWN_LABELS: d.set_dropdown_labels(
        "1", "c", "r1", [{"id": 1, "label": "A", "is_deactivated": True}, {"label": "B"}]
    ),
    Kind.SET_STATUS_LABELS: d.set_status_labels(
        "1", "c", "r1", [{"id": 0, "label": "A", "color": "done_green", "index": 0}]
    ),
    Kind.BOARD: d.board("1"),
    Kind.REVISIONS: d.revisions("1", ["c"]),
    Kind.FIND_ITEMS: d.find_items("1", "c", ["JOO-1", HOSTILE], ["c"]),
    Kind.NEXT_PAGE: d.next_page("abc", ["c"]),
    Kind.LIST_ITEMS: d.list_items("1", ["c"]),
    Kind.ITEMS: d.items(["7"], ["c"]),
    Kind.SUBITEMS_OF: d.subitems_of(["7"], ["c"]),
    Kind.IDENTITY: d.identity(),
    Kind.ACCOUNT: d.account(),
}


@pytest.fixture(scope="module")
def official() -> GraphQLSchema:
    path = os.environ.get("ORDER_SYNC_OFFICIAL_SDL")
    if not path:
        pytest.skip("ORDER_SYNC_OFFICIAL_SDL names no schema")
    return build_schema(Path(path).read_text(encoding="utf-8"), assume_valid=True)


def test_every_kind_is_tried_here():
    assert set(DOCUMENTS) == set(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_documents_and_their_variables_are_valid_by_the_official_schema(official, kind):
    document = DOCUMENTS[kind]
    tree = parse(document.query)

    assert validate(official, tree) == []
    operation = tree.definitions[0]
    sent = orjson.loads(document.body())["variables"]
    coerced = get_variable_values(official, operation.variable_definitions or (), sent)
    assert not isinstance(coerced, list), coerced
    assert set(sent) == {v.variable.name.value for v in operation.variable_definitions or ()}


def test_colors_of_status_labels_are_those_of_the_official_schema(official):
    assert list(d.STATUS_COLORS) == list(official.type_map["StatusColumnColors"].values)


@pytest.mark.parametrize("kind", Kind)
def test_complexity_comes_first_and_rows_follow_as_aliases(kind):
    document = DOCUMENTS[kind]
    fields = parse(document.query).definitions[0].selection_set.selections

    assert fields[0].name.value == "complexity"
    aliases = [f.alias.value for f in fields if f.alias]
    assert aliases == [f"r{i}" for i in range(document.aliases)]
    assert document.is_mutation == document.query.startswith("mutation")


def test_the_text_depends_on_kind_and_number_of_rows_alone():
    one = d.create_items([("g", "n", {"a": "1"})], "1")
    other = d.create_items([("h", HOSTILE, {"b": HOSTILE})], "2", create_labels=True)

    assert one.query is other.query
    assert "delete_board" not in other.query


def test_column_values_travel_as_text_that_holds_json():
    document = d.create_items([("g", "n", {"b": HOSTILE, "a": {"labels": ["x"]}})], "1")

    values = orjson.loads(document.body())["variables"]["values0"]

    assert isinstance(values, str)
    assert orjson.loads(values) == {"b": HOSTILE, "a": {"labels": ["x"]}}


@given(st.dictionaries(st.text(), st.text() | st.integers(0, 9) | st.none(), max_size=6))
def test_equal_documents_give_equal_bytes(values):
    backwards = dict(reversed(values.items()))

    one = d.update_items([("7", values)], "1").body()
    assert one == d.update_items([("7", backwards)], "1").body()


@pytest.mark.parametrize("blank", [[], [""], ["a", " "]])
def test_a_search_for_blank_values_is_not_possible(blank):
    with pytest.raises(ValueError, match="blank"):
        d.find_items("1", "c", blank, [])


@pytest.mark.parametrize("ids", [[], ["1"] * 101])
def test_no_more_ids_than_the_api_takes(ids):
    with pytest.raises(ValueError, match="100"):
        d.items(ids, [])


def test_ids_are_asked_for_with_a_limit_and_inactive_ones_too():
    document = d.items([str(i) for i in range(100)], [])

    assert document.variables["limit"] == 100
    assert "exclude_nonactive: false" in document.query


def test_the_state_of_nested_subitems_is_not_asked_for():
    below = d.subitems_of(["1"], []).query.split("subitems")[1]

    assert "state" not in below


GREEN = {"label": "A", "color": "done_green", "index": 0}


@pytest.mark.parametrize(
    "other",
    [
        {"label": "B", "color": "done_green", "index": 1},
        {"label": "B", "color": "purple", "index": 0},
        {"label": "B", "color": "pink", "index": 1},
        {"label": "B", "color": "purple", "index": 40},
        {"label": "B", "color": "purple", "index": -1},
    ],
)
def test_status_labels_need_a_color_and_an_index_of_their_own(other):
    with pytest.raises(ValueError, match="of its own"):
        d.set_status_labels("1", "c", "r", [GREEN, other])


def test_an_empty_document_is_not_possible():
    with pytest.raises(ValueError, match="at least one"):
        d.create_items([], "1")
