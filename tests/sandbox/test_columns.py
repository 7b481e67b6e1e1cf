"""What each column type takes, what it refuses, and how it reads."""

import orjson
import pytest

# title, what is written, text that is read, the part of `value` that matters
ACCEPTED = [
    ("Key", "abc", "abc", "abc"),
    ("Key", '  ¡ünïcødé! 😀 "quoted"\n{}', '  ¡ünïcødé! 😀 "quoted"\n{}', None),
    ("Notes", {"text": "long"}, "long", {"text": "long"}),
    ("Notes", "x" * 2000, "x" * 2000, None),
    ("Price", "3.1400", "3.14", "3.14"),
    ("Price", 12, "12", "12"),
    ("Price", "100", "100", "100"),
    ("Price", "-0.50", "-0.5", "-0.5"),
    ("Price", "0.00", "0", "0"),
    ("Price", "12345678901234567890123456789012.5", "12345678901234567890123456789012.5", None),
    ("Status", {"label": "Done"}, "Done", {"index": 1}),
    ("Status", {"index": 1}, "Done", {"index": 1}),
    ("Status", "Done", "Done", {"index": 1}),
    ("Status", "1", "Done", {"index": 1}),
    ("Customer", {"labels": ["Rhythm", "ACME"]}, "Rhythm, ACME", {"ids": [2, 1]}),
    ("Customer", {"labels": ["A, B"]}, "A, B", {"ids": [3]}),
    ("Customer", {"ids": [2]}, "Rhythm", {"ids": [2]}),
    ("Customer", "ACME, Rhythm", "ACME, Rhythm", {"ids": [1, 2]}),
    ("Customer", "1,2", "ACME, Rhythm", {"ids": [1, 2]}),
    ("Due", {"date": "2026-11-22"}, "2026-11-22", {"date": "2026-11-22", "time": None}),
    ("Due", {"date": "2026-11-22", "time": "14:05:00"}, "2026-11-22 14:05:00", None),
    ("Due", "2026-11-22 14:05:00", "2026-11-22 14:05:00", {"time": "14:05:00"}),
    ("Paid", {"checked": "true"}, "v", {"checked": True}),
    ("Site", {"url": "https://x.org", "text": "X"}, "X - https://x.org", {"text": "X"}),
    ("Site", "https://x.org X", "X - https://x.org", {"url": "https://x.org"}),
    ("Mail", {"email": "a@b.org", "text": "Ann"}, "Ann", {"email": "a@b.org"}),
    ("Mail", "a@b.org Ann", "Ann", {"email": "a@b.org"}),
    ("Call", {"phone": "+12025550169", "countryShortName": "US"}, "+12025550169", None),
    ("Call", "+12025550169 US", "+12025550169", {"countryShortName": "US"}),
    ("Land", {"countryCode": "US", "countryName": "United States"}, "United States", None),
    ("Owner", {"personsAndTeams": [{"id": 7, "kind": "person"}]}, "7", None),
    ("Owner", "7, 8", "7, 8", None),
    ("Span", {"from": "2026-11-01", "to": "2026-11-30"}, "2026-11-01 - 2026-11-30", None),
    ("Stars", {"rating": 4}, "4", {"rating": 4}),
    ("Clock", {"hour": 14, "minute": 5}, "02:05 PM", {"hour": 14, "minute": 5}),
    ("Tags", {"tag_ids": [3]}, "3", {"tag_ids": [3]}),
    ("Linked", {"item_ids": ["12"]}, None, None),
    ("Place", {"lat": "48.85", "lng": "2.35", "address": "Paris"}, "Paris", {"lat": "48.85"}),
    ("Place", "48.85 2.35 Rue de Rivoli, Paris", "Rue de Rivoli, Paris", {"lng": "2.35"}),
]

REFUSED = [
    ("Key", 5),
    ("Key", ["a"]),
    ("Notes", "x" * 2001),
    ("Price", "1,000.50"),
    ("Price", "$3"),
    ("Price", "nan"),
    ("Price", "1e5"),
    ("Price", " 3"),
    ("Price", True),
    ("Status", {"label": "done"}),
    ("Status", {"label": "Missing"}),
    ("Status", {"index": 17}),
    ("Customer", {"labels": ["acme"]}),
    ("Customer", {"labels": "ACME"}),
    ("Customer", {"labels": ["ACME"], "ids": [1]}),
    ("Customer", {"ids": [99]}),
    ("Due", {"date": "2026-02-30"}),
    ("Due", {"date": "22.11.2026"}),
    ("Due", "20261122"),
    ("Due", {"date": "2026-11-22", "time": "25:00:00"}),
    ("Paid", "yes"),
    ("Site", "ftp://x.org"),
    ("Mail", {"email": "a@b.org"}),
    ("Mail", "nobody"),
    ("Call", "call me"),
    ("Land", {"countryCode": "us", "countryName": "x"}),
    ("Owner", {"personsAndTeams": [{"id": "Ann", "kind": "person"}]}),
    ("Span", {"from": "2026-11-30", "to": "2026-11-01"}),
    ("Stars", {"rating": 6}),
    ("Stars", {"rating": "1" * 5000}),
    ("Clock", {"hour": 24, "minute": 0}),
    ("Stars", {"rating": 0}),
    ("Clock", {"hour": "09", "minute": 0}),
    ("Linked", {"item_ids": "12"}),
    ("Due", {"date": "2026-11-22", "time": "14:05"}),
    ("Paid", {"checked": 1}),
    ("Place", {"lat": "90", "lng": "2", "address": "Pole"}),
    ("Place", {"lat": "1", "lng": "-180", "address": "Date line"}),
    ("Place", {"lat": "1", "lng": "2"}),
    ("Place", "1.0 2.0"),
    ("Subitems", "x"),
    ("Sum", "1"),
    ("Mirror", "1"),
    ("Id", "1"),
    ("Changed", "2026-11-22"),
    ("Made", "2026-11-22"),
    ("Number", "1"),
    ("Progress", "50"),
    ("Button", "x"),
    ("Wired", "x"),
    ("Spent", "1"),
    ("Votes", "1"),
]

# What clears a cell, by title; null clears them all.
CLEARED_BY = {
    "Key": [""],
    "Notes": [""],
    "Price": [""],
    "Status": ["", {}],
    "Customer": ["", {"labels": []}],
    "Due": [""],
    "Paid": [],
    "Site": ["", {}],
    "Mail": ["", {}],
    "Call": ["", {}],
    "Land": [{}],
    "Owner": ["", {}],
    "Span": [{}],
    "Stars": [{}],
    "Clock": [{}],
    "Tags": [],
    "Linked": [{}],
    "Place": [],
}


@pytest.mark.parametrize(("title", "written", "text", "value"), ACCEPTED)
def test_a_value_reads_back(world, title, written, text, value):
    cell = world.cell(world.created("PO", **{title: written}), title)

    assert cell["text"] == text
    if isinstance(value, dict):
        assert value.items() <= orjson.loads(cell["value"]).items()
    elif value is not None:
        assert orjson.loads(cell["value"]) == value


@pytest.mark.parametrize(("title", "written"), REFUSED)
def test_a_wrong_value_is_refused_and_nothing_is_written(world, title, written):
    reply = (
        world.create("PO", Key="k", **{title: written})
        if title != "Key"
        else world.create("PO", **{title: written})
    )

    assert reply.code in ("ColumnValueException", "CorrectedValueException")
    assert reply.errors[0]["extensions"]["error_data"]["column_id"] == world.column(title)
    assert world.names() == []


def _filled(world, title):
    """An item with something in that column."""
    written = next(one[1] for one in ACCEPTED if one[0] == title)
    return world.created("PO", **{title: written})


@pytest.mark.parametrize("title", CLEARED_BY)
def test_a_cell_is_cleared_by_null_and_what_its_type_takes_for_it(world, title):
    for cleared in (None, *CLEARED_BY[title]):
        item_id = _filled(world, title)
        world.change(item_id, **{title: cleared}).succeeded()

        assert not world.cell(item_id, title)["text"]
        if (title, cleared) != ("Span", {}):
            assert world.cell(item_id, title)["value"] is None


@pytest.mark.parametrize("title", CLEARED_BY)
def test_what_clears_other_types_is_a_wrong_value_in_this_one(world, title):
    for wrong in ("", {}):
        if wrong not in CLEARED_BY[title]:
            item_id = _filled(world, title)
            before = world.cell(item_id, title)
            assert world.change(item_id, **{title: wrong}).errors
            assert world.cell(item_id, title) == before


def test_a_timeline_that_is_emptied_by_an_object_remembers_when(world):
    item_id = _filled(world, "Span")

    world.change(item_id, Span={}).succeeded()

    cell = world.cell(item_id, "Span", "text value ... on TimelineValue { from to }")
    assert (cell["text"], cell["from"], cell["to"]) == ("", None, None)
    assert list(orjson.loads(cell["value"])) == ["changed_at"]


@pytest.mark.parametrize(
    ("title", "text"),
    [("Key", ""), ("Price", ""), ("Due", ""), ("Status", None), ("Customer", None)],
)
def test_an_empty_cell_is_an_empty_text_but_null_for_labels(world, title, text):
    assert world.cell(world.created(), title) == {"text": text, "value": None}


def test_an_empty_list_of_labels_clears(world):
    item_id = world.created("PO", Customer="ACME")

    world.change(item_id, Customer={"labels": []}).succeeded()

    assert world.cell(item_id, "Customer")["text"] is None


def test_a_dropdown_is_replaced_as_a_whole(world):
    item_id = world.created("PO", Customer="ACME")

    world.change(item_id, Customer="Rhythm").succeeded()

    assert world.cell(item_id, "Customer")["text"] == "Rhythm"


def test_columns_that_are_not_named_keep_their_values(world):
    item_id = world.created("PO", Key="k", Price="5")

    world.change(item_id, Price="6").succeeded()

    assert world.cell(item_id, "Key")["text"] == "k"
    assert world.cell(item_id, "Price")["text"] == "6"


def test_a_missing_label_is_refused_with_the_labels_there_are(world):
    message = world.create("PO", Customer="Nobody").errors[0]["message"]

    assert "Nobody" in message
    assert "ACME" in message
    assert "Rhythm" in message


def test_status_is_called_color_in_errors(world):
    error = world.create("PO", Status="Missing").errors[0]

    assert error["extensions"]["error_data"]["column_type"] == "color"


def test_the_grey_status_reads_as_empty(world):
    item_id = world.created("PO", Status={"index": 5})

    assert world.cell(item_id, "Status") == {"text": None, "value": None}


def test_typed_fields_can_be_read(world):
    item_id = world.created(
        "PO", Price="3.50", Status="Done", Customer="ACME", Paid={"checked": "true"}
    )
    typed = (
        "... on NumbersValue { number } ... on StatusValue { label index }"
        " ... on DropdownValue { values { id label } } ... on CheckboxValue { checked }"
    )

    assert world.cell(item_id, "Price", typed) == {"number": 3.5}
    assert world.cell(item_id, "Status", typed) == {"label": "Done", "index": 1}
    assert world.cell(item_id, "Customer", typed) == {"values": [{"id": "1", "label": "ACME"}]}
    assert world.cell(item_id, "Paid", typed) == {"checked": True}


def test_read_only_types_show_what_they_stand_for(world):
    item_id = world.created()

    assert world.cell(item_id, "Id")["text"] == item_id
    assert world.cell(item_id, "Changed")["text"].endswith("Z")
    assert world.cell(item_id, "Mirror") == {"text": None, "value": None}
    assert world.cell(item_id, "Mirror", "... on MirrorValue { display_value }") == {
        "display_value": ""
    }


def test_types_nobody_writes_have_their_own_fields(world):
    item_id = world.created("PO", Place="48.85 2.35 Paris")

    place = world.cell(item_id, "Place", "text ... on LocationValue { lat lng address }")
    assert place == {"text": "Paris", "lat": 48.85, "lng": 2.35, "address": "Paris"}
    made = world.cell(item_id, "Made", "... on CreationLogValue { created_at creator_id }")
    me = world.api.ask("{ me { id } }").data["me"]
    assert made["creator_id"] == me["id"]
    assert world.cell(item_id, "Votes", "... on VoteValue { vote_count }") == {"vote_count": 0}
    assert world.cell(item_id, "Number") == {"text": None, "value": None}


def test_an_unknown_column_is_refused(world):
    reply = world.api.ask(
        'mutation ($b: ID!) { create_item(board_id: $b, item_name: "x",'
        ' column_values: "{\\"nowhere\\": 1}") { id } }',
        {"b": world.board.id},
    )

    assert reply.code == "InvalidColumnIdException"
    assert reply.errors[0]["extensions"]["error_data"]["column_id"] == "nowhere"


@pytest.mark.parametrize("given", [{"a": "b"}, "not json", "[1]", '"text"'])
def test_column_values_have_to_be_an_object_in_a_string(world, given):
    reply = world.api.ask(
        'mutation ($b: ID!, $v: JSON) { create_item(board_id: $b, item_name: "x",'
        " column_values: $v) { id } }",
        {"b": world.board.id, "v": given},
    )

    assert reply.code == "InvalidArgumentException"
    assert world.names() == []


def test_column_values_have_a_size(make_world):
    world = make_world(column_values_bytes=100)

    assert world.create("PO", Key="x" * 200).code == "InvalidArgumentException"


def test_one_value_can_be_written_as_a_simple_string(world):
    item_id = world.created()
    document = (
        "mutation ($b: ID!, $i: ID, $c: String!, $v: String) { change_simple_column_value("
        "board_id: $b, item_id: $i, column_id: $c, value: $v) { id } }"
    )
    named = {"b": world.board.id, "i": item_id}

    world.api.ask(document, {**named, "c": world.column("Price"), "v": "7"}).succeeded()
    assert world.cell(item_id, "Price")["text"] == "7"

    world.api.ask(document, {**named, "c": world.column("Price"), "v": None}).succeeded()
    assert world.cell(item_id, "Price")["text"] == ""

    refused = world.api.ask(document, {**named, "c": world.column("Span"), "v": "2026-11-01"})
    assert refused.code == "ColumnValueException"


def test_one_value_can_be_written_as_json(world):
    item_id = world.created()

    world.api.ask(
        "mutation ($b: ID!, $i: ID, $c: String!) { change_column_value("
        'board_id: $b, item_id: $i, column_id: $c, value: "{\\"label\\": \\"Done\\"}") { id } }',
        {"b": world.board.id, "i": item_id, "c": world.column("Status")},
    ).succeeded()

    assert world.cell(item_id, "Status")["text"] == "Done"
