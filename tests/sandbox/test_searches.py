"""Pages, cursors, and which items a search finds."""

import pytest

PAGE = (
    "query ($b: [ID!], $l: Int! = 25, $c: String, $q: ItemsQuery) { boards(ids: $b) {"
    " items_page(limit: $l, cursor: $c, query_params: $q) { cursor items { id name } } } }"
)
NEXT = (
    "query ($c: String!, $l: Int! = 25) {"
    " next_items_page(cursor: $c, limit: $l) { cursor items { name } } }"
)
FIND = (
    "query ($b: ID!, $q: [ItemsPageByColumnValuesQuery!], $c: String) {"
    " items_page_by_column_values(board_id: $b, columns: $q, cursor: $c, limit: 500)"
    " { cursor items { name } } }"
)


def _page(world, **variables):
    reply = world.api.ask(PAGE, {"b": [world.board.id], **variables})
    return reply.data["boards"][0]["items_page"]


def _names(page):
    return [item["name"] for item in page["items"]]


def _find(world, **columns):
    wanted = [
        {"column_id": world.column(title), "column_values": values}
        for title, values in columns.items()
    ]
    return world.api.ask(FIND, {"b": world.board.id, "q": wanted})


def _found(world, **columns):
    return sorted(_names(_find(world, **columns).data["items_page_by_column_values"]))


def _rule(world, title, operator, *values):
    rule = {"column_id": world.column(title), "operator": operator, "compare_value": list(values)}
    return sorted(_names(_page(world, q={"rules": [rule]})))


@pytest.fixture
def orders(world):
    """Five orders that differ in all kinds of cells."""
    world.created("A", Key="PO-1", Price="1", Status="Open", Customer="ACME", Due="2026-01-05")
    world.created("B", Key="po-1", Price="20", Status="Done", Customer="Rhythm", Due="2026-02-05")
    world.created("C", Key="PO-10", Price="3.5", Customer="ACME, Rhythm")
    world.created("D", Key="PO-2", Status="Open")
    world.created("E")
    return world


# Pages ----------------------------------------------------------------------------------------


def test_a_page_has_25_items_unless_more_are_asked_for(world):
    for i in range(30):
        world.sandbox.person_creates(world.board.id, "First", f"PO-{i}")

    assert len(_page(world)["items"]) == 25
    assert len(_page(world, l=500)["items"]) == 30


@pytest.mark.parametrize("limit", [0, 501, -1])
def test_a_page_has_500_items_at_most(world, limit):
    for document, variables in (
        (PAGE, {"b": [world.board.id]}),
        (NEXT, {"c": "x"}),
    ):
        reply = world.api.ask(document, {**variables, "l": limit})
        assert reply.code in ("InvalidArgumentException", "CursorException")


def test_cursors_lead_through_all_items_once(world):
    names = [f"PO-{i}" for i in range(23)]
    for name in names:
        world.sandbox.person_creates(world.board.id, "First", name)

    page = _page(world, l=10)
    seen = _names(page)
    while page["cursor"]:
        page = world.api.ask(NEXT, {"c": page["cursor"], "l": 10}).data["next_items_page"]
        seen += _names(page)

    assert seen == names


def test_the_last_page_has_no_cursor(world):
    for name in "AB":
        world.created(name)

    assert _page(world, l=2)["cursor"] is None
    assert _page(world, l=1)["cursor"] is not None


def test_a_page_can_be_asked_for_again(world):
    for name in "ABC":
        world.created(name)
    cursor = _page(world, l=1)["cursor"]

    first, second = (_names(_page(world, l=1, c=cursor)) for _ in "12")

    assert first == second == ["B"]


def test_a_cursor_lives_an_hour_from_the_first_page(world):
    for name in "ABC":
        world.created(name)
    cursor = _page(world, l=1)["cursor"]
    world.sandbox.clock.advance(59 * 60)
    cursor = world.api.ask(NEXT, {"c": cursor, "l": 1}).data["next_items_page"]["cursor"]

    world.sandbox.clock.advance(2 * 60)

    assert world.api.ask(NEXT, {"c": cursor, "l": 1}).code == "CursorException"


def test_a_cursor_of_another_board_is_refused(world):
    world.created("A")
    world.created("B")
    cursor = _page(world, l=1)["cursor"]

    other = {"b": [world.board.subitem_board_id], "c": cursor}

    assert world.api.ask(PAGE, other).code == "CursorException"
    assert world.api.ask(NEXT, {"c": "made up"}).code == "CursorException"


def test_a_cursor_excludes_a_query(world):
    world.created("A")
    world.created("B")
    cursor = _page(world, l=1)["cursor"]

    reply = world.api.ask(PAGE, {"b": [world.board.id], "c": cursor, "q": {"ids": []}})

    assert reply.code == "InvalidArgumentException"


def test_an_item_that_went_away_is_not_on_a_later_page(world):
    ids = [world.created(name) for name in "ABC"]
    cursor = _page(world, l=1)["cursor"]

    world.sandbox.person_deletes(ids[1])

    assert _names(_page(world, c=cursor)) == ["C"]


def test_a_group_has_pages_of_its_own(world):
    world.created("A")
    world.sandbox.person_creates(world.board.id, "Second", "B")

    groups = world.api.ask(
        "query ($b: [ID!]) { boards(ids: $b) { groups { title items_page { items { name } } } } }",
        {"b": [world.board.id]},
    ).data["boards"][0]["groups"]

    assert [_names(group["items_page"]) for group in groups] == [["A"], ["B"]]


# Values of columns ----------------------------------------------------------------------------


def test_text_is_compared_whole_and_without_regard_to_case(orders):
    assert _found(orders, Key=["po-1"]) == ["A", "B"]


def test_several_values_mean_any(orders):
    assert _found(orders, Key=["PO-10", "PO-2", "PO-99"]) == ["C", "D"]


def test_several_columns_mean_all(orders):
    assert _found(orders, Key=["PO-1", "PO-2"], Status=["Open"]) == ["A", "D"]


def test_an_empty_value_finds_empty_cells(orders):
    assert _found(orders, Key=[""]) == ["E"]
    assert _found(orders, Key=[None]) == ["E"]


def test_a_dropdown_is_found_by_one_of_its_labels(orders):
    assert _found(orders, Customer=["ACME"]) == ["A", "C"]


def test_a_name_can_be_searched(orders):
    assert _found(orders, Name=["c"]) == ["C"]


@pytest.mark.parametrize("title", ["Sum", "Mirror", "Linked", "Id", "Changed", "Tags", "Stars"])
def test_some_types_cannot_be_searched(world, title):
    assert _find(world, **{title: ["x"]}).code == "ColumnValueException"


def test_only_active_items_are_found(orders):
    gone = next(i for i in orders.sandbox.items(orders.board.id) if i.name == "A")
    orders.sandbox.person_archives(gone.id)

    assert _found(orders, Key=["PO-1"]) == ["B"]


def test_an_unknown_column_cannot_be_searched(world):
    query = [{"column_id": "nowhere", "column_values": ["x"]}]

    assert world.api.ask(FIND, {"b": world.board.id, "q": query}).code == (
        "InvalidColumnIdException"
    )


@pytest.mark.parametrize("variables", [{}, {"c": "x", "q": []}])
def test_a_search_needs_either_columns_or_a_cursor(world, variables):
    reply = world.api.ask(FIND, {"b": world.board.id, **variables})

    assert reply.code == "InvalidArgumentException"


def test_a_search_goes_on_with_its_cursor(world):
    for _ in range(3):
        world.created("A", Key="k")
    document = FIND.replace("limit: 500", "limit: 2")
    query = [{"column_id": world.column("Key"), "column_values": ["k"]}]
    first = world.api.ask(document, {"b": world.board.id, "q": query}).data

    cursor = first["items_page_by_column_values"]["cursor"]
    rest = world.api.ask(document, {"b": world.board.id, "c": cursor}).data

    assert len(rest["items_page_by_column_values"]["items"]) == 1
    assert rest["items_page_by_column_values"]["cursor"] is None


# Rules ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "operator", "values", "found"),
    [
        ("Key", "any_of", ["PO-1"], "AB"),
        ("Key", "not_any_of", ["PO-1"], "CDE"),
        ("Key", "is_empty", [], "E"),
        ("Key", "is_not_empty", [], "ABCD"),
        ("Key", "contains_text", ["o-1"], "ABC"),
        ("Key", "not_contains_text", ["o-1"], "DE"),
        ("Key", "starts_with", ["po-1"], "ABC"),
        ("Key", "ends_with", ["-2"], "D"),
        ("Key", "contains_terms", ["PO"], "ABCD"),
        ("Price", "greater_than", [3], "BC"),
        ("Price", "greater_than_or_equals", [3.5], "BC"),
        ("Price", "lower_than", [3.5], "A"),
        ("Price", "lower_than_or_equal", ["3.5"], "AC"),
        ("Price", "between", [1, 4], "AC"),
        ("Due", "between", ["2026-01-01", "2026-01-31"], "A"),
        ("Status", "any_of", [0], "AD"),
        ("Status", "any_of", ["Done"], "B"),
        ("Status", "not_any_of", [0], "BCE"),
        ("Customer", "any_of", [2], "BC"),
        ("Status", "is_empty", [], "CE"),
        ("Name", "any_of", ["A"], "A"),
    ],
)
def test_a_rule_finds(orders, title, operator, values, found):
    assert _rule(orders, title, operator, *values) == list(found)


def test_rules_are_joined_by_and_or_or(orders):
    rules = [
        {"column_id": orders.column("Key"), "compare_value": ["PO-1"]},
        {"column_id": orders.column("Status"), "compare_value": [0]},
    ]

    assert sorted(_names(_page(orders, q={"rules": rules}))) == ["A"]
    assert sorted(_names(_page(orders, q={"rules": rules, "operator": "or"}))) == ["A", "B", "D"]
    nested = {"groups": [{"rules": rules, "operator": "or"}], "rules": rules[1:]}
    assert sorted(_names(_page(orders, q=nested))) == ["A", "D"]


def test_items_can_be_asked_for_by_id_and_rule(orders):
    by_name = {item.name: item.id for item in orders.sandbox.items(orders.board.id)}
    rule = {"column_id": orders.column("Status"), "compare_value": [0]}

    page = _page(orders, q={"ids": [by_name["A"], by_name["B"]], "rules": [rule]})

    assert _names(page) == ["A"]


def test_items_can_be_asked_for_by_group(orders):
    rule = {"column_id": "group", "compare_value": [orders.board.groups[1].id]}

    assert _page(orders, q={"rules": [rule]})["items"] == []


def test_a_query_takes_100_ids_at_most(world):
    reply = world.api.ask(PAGE, {"b": [world.board.id], "q": {"ids": ["1"] * 101}})

    assert reply.code == "InvalidArgumentException"


@pytest.mark.parametrize(("operator", "values"), [("between", [1]), ("within_the_next", [1])])
def test_a_rule_that_cannot_be_followed_is_refused(world, operator, values):
    rule = {"column_id": world.column("Price"), "operator": operator, "compare_value": values}

    reply = world.api.ask(PAGE, {"b": [world.board.id], "q": {"rules": [rule]}})

    assert reply.code == "InvalidArgumentException"


# Lag --------------------------------------------------------------------------------------------


def test_new_items_are_late_in_searches_and_pages_but_not_by_id(make_world):
    world = make_world(read_lag_s=30)
    item_id = world.created("A", Key="k")
    world.add_subitem(item_id).succeeded()
    by_id = "query ($i: [ID!]) { items(ids: $i) { name subitems { name } } }"

    assert _names(_page(world)) == []
    assert _found(world, Key=["k"]) == []
    assert world.api.ask(by_id, {"i": [item_id]}).data["items"] == [{"name": "A", "subitems": []}]

    world.sandbox.clock.advance(31)

    assert _names(_page(world)) == ["A"]
    assert _found(world, Key=["k"]) == ["A"]
    assert len(world.api.ask(by_id, {"i": [item_id]}).data["items"][0]["subitems"]) == 1


def test_the_lag_can_reach_items_by_id(make_world):
    world = make_world(read_lag_s=30, read_lag_on_ids=True)
    item_id = world.created("A")

    found = world.api.ask("query ($i: [ID!]) { items(ids: $i) { id } }", {"i": [item_id]})

    assert found.data["items"] == []
