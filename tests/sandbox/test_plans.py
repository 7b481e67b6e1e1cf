"""A prepared document is answered exactly as graphql-core would answer it."""

import re
from dataclasses import replace
from functools import cache
from typing import Any

import orjson
import pytest
from graphql import (
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_required_argument,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from order_sync.sandbox.graphql import load_schema
from tests.sandbox.conftest import Reply, World

NOW = 1_795_000_000.0  # both sandboxes live at this moment
LAST_CURSOR = "the cursor of the page before"
_CURSOR = re.compile(r'"cursor":"([^"]+)"')


class Twin:
    """One of two sandboxes that are the same."""

    def __init__(self, *, prepares: bool) -> None:
        self.world = World(limits=False)
        self.world.sandbox.clock.now = lambda: NOW  # type: ignore[method-assign]
        self._cursor = ""
        if not prepares:
            self._leave_all_to_graphql_core()

    def _leave_all_to_graphql_core(self) -> None:
        operations = self.world.sandbox.operations
        read = operations.get
        operations.get = lambda text, name: replace(read(text, name), plan=None)  # type: ignore[method-assign]

    def ask(self, query: str, variables: dict[str, Any]) -> Reply:
        mine = {k: self._cursor if v == LAST_CURSOR else v for k, v in variables.items()}
        reply = self.world.api.ask(query, mine)
        found = _CURSOR.search(reply.text)
        self._cursor = found[1] if found else ""
        return reply

    def told(self, reply: Reply) -> tuple[int, str, int]:
        """Everything but the request id and cursors, which are made by chance; and the cost."""
        content = {name: part for name, part in reply.json.items() if name != "extensions"}
        text = _CURSOR.sub('"cursor":"some"', orjson.dumps(content).decode())
        return reply.status, text, self.world.sandbox.request_log[-1].cost


class Twins:
    def __init__(self) -> None:
        self._both = (Twin(prepares=True), Twin(prepares=False))
        self.world = self._both[0].world

    def ask(self, query: str, **variables: Any) -> Reply:
        """The answer, which both have to give alike."""
        replies = [one.ask(query, variables) for one in self._both]
        first, second = (one.told(reply) for one, reply in zip(self._both, replies, strict=True))
        assert first == second
        return replies[0]

    def add_fault(self, name: str, **chosen: Any) -> None:
        for one in self._both:
            one.world.sandbox.add_fault(name, **chosen)

    def is_prepared(self, query: str) -> bool:
        return self.world.sandbox.operations.get(query, None).plan is not None

    def fill(self) -> tuple[str, str]:
        """Makes an item with a subitem; returns their ids."""
        world = self.world
        item = self.ask(
            CREATE,
            b=world.board.id,
            n="PO-1",
            v=world.values(Key="k", Price="2.50", Status="Done", Due="2026-11-22", Span=SPAN),
        ).data["create_item"]["id"]
        size = orjson.dumps({world.subcolumn("Qty"): "7"}).decode()
        return item, self.ask(SUBITEM, p=item, v=size).data["create_subitem"]["id"]


CREATE = """mutation ($b: ID!, $n: String!, $v: JSON) {
    create_item(board_id: $b, item_name: $n, column_values: $v) { id } }"""
SUBITEM = """mutation ($p: ID!, $v: JSON) {
    create_subitem(parent_item_id: $p, item_name: "M", column_values: $v) {
        id board { id type } parent_item { id } } }"""
SPAN = {"from": "2026-11-01", "to": "2026-11-30"}
EVERYTHING = """query ($i: [ID!]) { items(ids: $i) { __typename id name state created_at url
    board { name items_count } group { id title position } parent_item { name }
    subitems { id column_values { id text } }
    column_values { __typename id type text value column { title }
        ... on StatusValue { label index is_done }
        ... on NumbersValue { number }
        ... on DateValue { date time }
        ... on TimelineValue { from to }
        ... on DropdownValue { values { id label } } } } }"""


@pytest.fixture
def twins() -> Twins:
    return Twins()


def test_what_is_written_reads_alike(twins):
    item, subitem = twins.fill()

    read = twins.ask(EVERYTHING, i=[item, subitem]).data["items"]

    assert [one["name"] for one in read] == ["PO-1", "M"]
    assert {"id": twins.world.column("Price"), "number": 2.5}.items() <= next(
        cell for cell in read[0]["column_values"] if cell["__typename"] == "NumbersValue"
    ).items()


def test_aliases_succeed_and_fail_alone(twins):
    board = twins.world.board.id

    reply = twins.ask(
        """mutation ($b: ID!, $x: ID!, $long: String!) { complexity { query after }
            a: create_item(board_id: $b, item_name: "one") { id name }
            b: create_item(board_id: $x, item_name: "two") { id }
            c: create_item(board_id: $b, item_name: $long) { id }
            d: create_item(board_id: $b, item_name: "four") { id name } }""",
        b=board,
        x="17",
        long="x" * 256,
    )

    assert [reply.json["data"][alias] is None for alias in "abcd"] == [False, True, True, False]
    assert [error["path"] for error in reply.errors] == [["b"], ["c"]]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"b": None, "n": "x"},
        {"b": 5, "n": "x"},
        {"b": 5.5, "n": "x"},
        {"b": True, "n": "x"},
        {"b": ["1"], "n": "x"},
        {"b": "B", "n": 7},
        {"b": "B", "n": "x", "v": None},
        {"b": "B", "n": "x", "v": {"a": 1}},
        {"b": "B", "n": "x", "v": 5},
        {"b": "B", "n": "x", "v": "{}", "c": None},
        {"b": "B", "n": "x", "v": "{}", "c": False},
        {"b": "B", "n": "x", "v": "{}", "c": "true"},
        {"b": "B", "n": "x", "v": "{}", "c": 1},
        {"b": "B", "n": "x", "unknown": "y"},
    ],
)
def test_variables_are_taken_or_refused_alike(twins, variables):
    board = twins.world.board.id
    given = {name: board if value == "B" else value for name, value in variables.items()}

    twins.ask(
        "mutation ($b: ID!, $n: String!, $v: JSON, $c: Boolean) { create_item(board_id: $b,"
        " item_name: $n, column_values: $v, create_labels_if_missing: $c) { id name } }",
        **given,
    )


def test_numbers_are_taken_as_ids(twins):
    assert twins.ask(CREATE, b=int(twins.world.board.id), n="x").data["create_item"]


@pytest.mark.parametrize("given", [{}, {"limit": None}, {"limit": 1}, {"limit": 501}, {"limit": 0}])
def test_defaults_stand_in_for_what_is_not_given(twins, given):
    """An item that may not be null takes the whole board with it when its page is refused."""
    twins.fill()
    twins.ask(CREATE, b=twins.world.board.id, n="PO-2")

    twins.ask("query ($limit: Int = 1) { boards { id items_page(limit: $limit) {"
              " cursor items { name } } } }", **given)  # fmt: skip


def test_a_root_field_that_may_not_be_null_leaves_no_data(twins):
    reply = twins.ask(
        """query ($b: ID!) { me { id } items_page_by_column_values(board_id: $b, columns: [
            {column_id: "nowhere", column_values: ["k"]}]) { items { id } } }""",
        b=twins.world.board.id,
    )

    assert reply.json["data"] is None
    assert reply.errors[0]["path"] == ["items_page_by_column_values"]


def test_variables_inside_of_lists_and_objects_are_found(twins):
    twins.fill()

    page = twins.ask(
        """query ($b: ID!, $c: String!, $k: String) { items_page_by_column_values(board_id: $b,
            columns: [{column_id: $c, column_values: [$k, "other"]}]) { items { name } } }""",
        b=twins.world.board.id,
        c=twins.world.column("Key"),
        k="K",
    ).data["items_page_by_column_values"]

    assert page["items"] == [{"name": "PO-1"}]


def test_pages_follow_one_another_alike(twins):
    for number in range(5):
        twins.ask(CREATE, b=twins.world.board.id, n=f"PO-{number}")

    first = twins.ask("{ boards { items_page(limit: 2) { cursor items { name } } } }")
    second = twins.ask(
        "query ($c: String!) { next_items_page(cursor: $c, limit: 2) { cursor items { name } } }",
        c=LAST_CURSOR,
    )

    assert first.data["boards"][0]["items_page"]["items"][1] == {"name": "PO-1"}
    assert second.data["next_items_page"]["items"][0] == {"name": "PO-2"}


def test_a_field_below_the_root_fails_with_its_whole_path(twins):
    item, _ = twins.fill()
    twins.add_fault("subitems-limit", times=0, match="subitems")

    reply = twins.ask(
        "query ($i: [ID!]) { found: items(ids: $i) { id subitems { id } } }", i=[item]
    )

    assert reply.errors[0]["path"] == ["found", 0, "subitems"]


def test_fragments_and_fields_named_twice_are_joined(twins):
    item, _ = twins.fill()

    read = twins.ask(
        """query ($i: [ID!]) { items(ids: $i) { ...a board { id } ...a
                column_values { ... on ColumnValue { id } ...status ... { text } } } }
        fragment a on Item { id board { name } }
        fragment status on StatusValue { label: text kind: __typename }""",
        i=[item],
    ).data["items"][0]

    assert set(read["board"]) == {"name", "id"}
    assert {"id", "text", "label", "kind"} in [set(cell) for cell in read["column_values"]]


@pytest.mark.parametrize(
    "query",
    [
        "query ($no: Boolean!) { me { id name @skip(if: $no) } }",
        "query ($no: Boolean!) { me { id ... @include(if: $no) { name } } }",
        '{ __type(name: "Item") { name fields { name } } __typename }',
        "{ __schema { queryType { name } } }",
    ],
)
def test_what_cannot_be_prepared_is_left_to_graphql_core(twins, query):
    assert not twins.is_prepared(query)

    twins.ask(query, no=True)


@pytest.mark.parametrize("query", [CREATE, SUBITEM, EVERYTHING, "{ me { id } __typename }"])
def test_usual_documents_are_prepared(twins, query):
    assert twins.is_prepared(query)


# Chance ---------------------------------------------------------------------------------------


@st.composite
def selections(draw: st.DrawFn, kind: Any, depth: int) -> str:
    """Fields of a type that need no arguments, and of some of the types it may turn out to be."""
    fields = {
        name: field
        for name, field in getattr(kind, "fields", {}).items()
        if not any(is_required_argument(one) for one in field.args.values())
        and (depth > 0 or not is_composite_type(get_named_type(field.type)))
    }
    parts = ["__typename"]
    for name in draw(
        st.lists(st.sampled_from(sorted(fields)), max_size=4) if fields else st.just([])
    ):
        inner = get_named_type(fields[name].type)
        below = draw(selections(inner, depth - 1)) if is_composite_type(inner) else ""
        alias = draw(st.sampled_from(["", "", "x: ", "y: "]))
        parts.append(f"{alias}{name} {below}")
    if is_abstract_type(kind):
        possible = sorted(one.name for one in load_schema().get_possible_types(kind))
        for name in draw(st.lists(st.sampled_from(possible), max_size=3)):
            below = draw(selections(load_schema().type_map[name], depth))
            parts.append(f"... on {name} {below}")
    return "{ " + " ".join(parts) + " }"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(selections(load_schema().query_type, 4))
def test_any_selection_is_answered_alike(query):
    filled_twins().ask(query)


@cache
def filled_twins() -> Twins:
    twins = Twins()
    twins.fill()
    return twins
