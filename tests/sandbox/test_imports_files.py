"""The CSV file of an import: its form, its header, and what each type of column takes."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_sync.sandbox import ImportLimits
from order_sync.sandbox.boards import Column
from tests.sandbox.conftest import World
from tests.sandbox.importing import csv_bytes, job

# type by title, cell, text on the board
GOOD_CELLS = [
    ("Key", " as it is ", " as it is "),
    ("Notes", "two\nlines", "two\nlines"),
    ("Price", "12.50", "12.5"),
    ("Price", "-3", "-3"),
    ("Status", "Open", "Open"),
    ("Customer", "ACME", "ACME"),
    ("Customer", "ACME, Rhythm", "ACME, Rhythm"),
    ("Due", "2026-11-22", "2026-11-22"),
    ("Paid", "true", "v"),
    ("Paid", "FALSE", ""),
    ("Site", "[Order](https://x.org/1)", "Order - https://x.org/1"),
    ("Site", "[Order](http://x.org/1)", "Order - http://x.org/1"),
    ("Mail", "Ann <ann@x.org>", "Ann"),
    ("Mail", "ann@x.org", "ann@x.org"),
    ("Call", "+12025550169", "+12025550169"),
    ("Owner", "sandbox@example.com", "71234567"),
    ("Owner", "Sandbox User", "71234567"),
    ("Owner", "user:123, team:45", "123, 45"),
    ("Span", "2026-11-01/2026-11-30", "2026-11-01 - 2026-11-30"),
    ("Span", "2026-11-01", "2026-11-01 - 2026-11-01"),
]
BAD_CELLS = [
    ("Notes", "x" * 2001),
    ("Price", "1,000"),
    ("Price", "12 kg"),
    ("Status", "open"),
    ("Status", "1"),
    ("Status", "Missing"),
    ("Customer", "acme"),
    ("Customer", "1"),
    ("Customer", "ACME, Missing"),
    ("Due", "22.11.2026"),
    ("Due", "2026-11-22 14:05"),
    ("Due", "2026-02-30"),
    ("Paid", "perhaps"),
    ("Site", "https://x.org/1"),
    ("Site", "[Order](ftp://x.org/1)"),
    ("Mail", "Ann"),
    ("Mail", "Ann <ann>"),
    ("Call", "202 555 0169"),
    ("Call", "+call me"),
    ("Owner", "nobody@example.com"),
    ("Owner", "Nobody"),
    ("Span", "2026-11-30/2026-11-01"),
    ("Span", "2026-11-01/"),
    ("Owner", "user:" + "1" * 5000),
    ("Linked", "x"),
    ("Linked", "1" * 5000),
    ("Linked", ",".join(map(str, range(51)))),
]


# The file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"name\n",
        b"\n\n",
        b"name\nM\xfcller\n",
        b"\xef\xbb\xbfname\nPO-1\n",
        b"\xff\xfen\x00a\x00m\x00e\x00",
        b'name\n"PO-1\n',
        b'name\n"PO"-1\n',
        b"name;KEY\nPO-1;K\n",
        b"name\tKEY\nPO-1\tK\n",
        b"name,KEY\nPO-1\n",
        b"name,KEY\nPO-1,K,more\n",
        b"name\n\nPO-1\n",
    ],
    ids=[
        "empty", "no-rows", "empty-lines", "latin-1", "byte-order-mark", "utf-16",
        "open-quote", "stray-quote", "semicolons", "tabs", "short-row", "long-row", "empty-line",
    ],
)  # fmt: skip
def test_a_file_of_the_wrong_form_is_refused_as_a_whole(world, content):
    reason, message = job(world).upload(content.replace(b"KEY", _key(world))).refusal()

    assert reason == "INVALID_UPLOAD"
    assert message


def _key(world):
    return world.column("Key").encode()


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_may_end_in_the_way_of_any_system(world, end, last):
    content = end.join([b"name", b"PO-1", b"PO-2"]) + (end if last else b"")

    assert job(world).upload(content).counts() == {"submitted": 2, "created": 2}


def test_quotes_commas_and_line_breaks_survive(world):
    name = 'He said: "one, two"\nand more \N{HONEYBEE}'
    job(world).rows(["name"], [name]).ended()

    assert world.names() == [name]


# The header -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "titles",
    [
        ["Key", "name"],
        ["NAME", "Key"],
        ["Item", "Key"],
        ["name", "name"],
        ["name", "Key", "Key"],
        ["name", "KEY TITLE"],
        ["name", ""],
        ["name.l1", "name.l2"],
        ["name", "name.l2"],
        ["name", "Land"],
        ["name", "Stars"],
        ["name", "Clock"],
        ["name", "Tags"],
        ["name", "Sum"],
        ["name", "Mirror"],
        ["name", "Id"],
        ["name", "Changed"],
        ["name", "Subitems"],
    ],
    ids=",".join,
)
def test_a_header_that_cannot_be_imported_is_refused(world, titles):
    started = job(world).rows(titles, ["x"] * len(titles))

    assert started.refusal()[0] == "INVALID_UPLOAD"


def test_levels_need_a_board_of_several_levels(world):
    reason, message = job(world).rows(["name", "name.L2"], ["PO-1", ""]).refusal()

    assert (reason, "multi-level" in (message or "")) == ("INVALID_UPLOAD", True)


def test_columns_are_named_by_id_and_not_by_title(world):
    started = job(world).upload(csv_bytes(["name", "Key"], [["PO-1", "K"]]))

    assert started.refusal() == ("INVALID_UPLOAD", "The board has no column 'Key'")


def test_the_case_of_column_ids_matters(world):
    header = ["name", world.column("Key").upper()]

    assert job(world).upload(csv_bytes(header, [["PO-1", "K"]])).refusal()[0] == "INVALID_UPLOAD"


def test_at_most_five_columns_connect_boards(world):
    columns = [world.column("Linked")]
    for number in range(5):
        created = world.api.ask(
            "mutation ($b: ID!, $t: String!) { create_column(board_id: $b, title: $t,"
            " column_type: board_relation) { id } }",
            {"b": world.board.id, "t": f"Linked {number}"},
        )
        columns.append(created.data["create_column"]["id"])

    row = ["PO-1", *["1"] * 6]
    refused = job(world).upload(csv_bytes(["name", *columns], [row]))
    assert refused.refusal()[0] == "INVALID_UPLOAD"

    done = job(world).upload(csv_bytes(["name", *columns[:5]], [row[:6]]))
    assert done.counts() == {"submitted": 1, "created": 1}


# Cells ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("title", "cell", "text"), GOOD_CELLS)
def test_a_cell_of_the_right_form_is_written(world, title, cell, text):
    assert job(world).rows(["name", title], ["PO-1", cell]).counts()["created"] == 1

    (item,) = world.sandbox.items(world.board.id)
    assert item.values.get(title, "") == text


def test_connected_items_are_given_by_id(world):
    job(world).rows(["name", "Linked"], ["PO-1", ",".join(map(str, range(1, 51)))]).ended()

    (item,) = world.sandbox.items(world.board.id)
    linked = world.cell(item.id, "Linked", "... on BoardRelationValue { linked_item_ids }")
    assert linked["linked_item_ids"] == [str(number) for number in range(1, 51)]


@pytest.mark.parametrize(("title", "cell"), BAD_CELLS, ids=range(len(BAD_CELLS)))
def test_a_cell_of_the_wrong_form_spoils_its_row_alone(world, title, cell):
    started = job(world).rows(["name", title], ["PO-1", cell], ["PO-2", ""])

    assert started.counts() == {"submitted": 2, "invalid": 1, "created": 1}
    assert world.names() == ["PO-2"]
    assert [bool(error) for error in started.errors()] == [True, False]


@pytest.mark.parametrize("cell", ["1.0", "1.0|2.0", "1.0, 2.0, here"])
def test_a_location_has_three_parts(world, cell):
    world.board.columns["place"] = Column("place", "Place", "location")

    started = job(world).upload(csv_bytes(["name", "place"], [["PO-1", cell]]))

    assert started.counts() == {"submitted": 1, "invalid": 1}
    assert "lat|lng|address" in started.errors()[0]


def test_labels_are_never_created(world):
    job(world).rows(["name", "Status", "Customer"], ["PO-1", "New", "New"]).ended()

    for title in ("Status", "Customer"):
        assert world.board.column_titled(title).labels.find("New") is None


def test_a_label_that_was_deactivated_cannot_be_imported(world):
    world.sandbox.person_deactivates_label(world.board.id, "Customer", "ACME")

    assert job(world).rows(["name", "Customer"], ["PO-1", "ACME"]).counts()["invalid"] == 1


def test_a_label_with_a_comma_cannot_be_imported(world):
    assert job(world).rows(["name", "Customer"], ["PO-1", "A, B"]).counts()["invalid"] == 1


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("x" * 255, {"submitted": 1, "created": 1}),
        ("x" * 256, {"submitted": 1, "invalid": 1}),
        ("", {"submitted": 1, "invalid": 1}),
        ("  ", {"submitted": 1, "invalid": 1}),
        ("<NULL>", {"submitted": 1, "invalid": 1}),
    ],
)
def test_a_name_has_1_to_255_characters(world, name, counts):
    assert job(world).rows(["name", "Key"], [name, "K"]).counts() == counts


@pytest.mark.parametrize("cell", ["", "<NULL>"])
def test_a_new_item_has_nothing_in_an_empty_cell(world, cell):
    job(world).rows(["name", "Key", "Price"], ["PO-1", cell, "1"]).ended()

    (item,) = world.sandbox.items(world.board.id)
    assert item.values == {"Price": "1"}


def test_the_cells_of_one_item_have_a_limit(make_world):
    world = make_world(column_values_bytes=10)
    started = job(world).rows(["name", "Key"], ["PO-1", "x" * 10], ["PO-2", "x" * 11])

    assert started.counts() == {"submitted": 2, "created": 1, "invalid": 1}


# Subitems ---------------------------------------------------------------------------------------


def _subitems(world):
    return [
        (item.name, [(subitem.name, subitem.values) for subitem in item.subitems])
        for item in world.sandbox.items(world.board.id)
    ]


def _titles(world, case=str):
    return [
        "name", "Price", case("name.subitem"), case(f"{world.subcolumn('Qty')}.subitem"),
    ]  # fmt: skip


@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_subitems_belong_to_the_nearest_item_above(world, case):
    started = job(world).rows(
        _titles(world, case),
        ["PO-1", "1", "", ""], ["", "", "S", "5"], ["", "", "M", ""],
        ["PO-2", "", "", ""], ["", "", "L", "7"],
    )  # fmt: skip

    assert started.counts() == {"submitted": 5, "created": 5}
    assert _subitems(world) == [
        ("PO-1", [("S", {"Qty": "5"}), ("M", {})]),
        ("PO-2", [("L", {"Qty": "7"})]),
    ]


def test_a_row_with_both_names_is_refused_and_one_with_none_is_skipped(world):
    started = job(world).rows(
        _titles(world), ["PO-1", "", "S", ""], ["", "", "", ""], ["PO-2", "", "", ""]
    )

    assert started.counts() == {"submitted": 3, "invalid": 1, "skipped": 1, "created": 1}
    assert _subitems(world) == [("PO-2", [])]


def test_subitems_of_an_item_that_was_refused_are_not_created(world):
    started = job(world).rows(
        _titles(world), ["PO-1", "", "", ""], ["PO-2", "x", "", ""], ["", "", "S", "5"]
    )

    assert started.counts() == {"submitted": 3, "created": 1, "invalid": 1, "failed": 1}
    assert _subitems(world) == [("PO-1", [])]
    assert "row 2" in started.errors()[2]


def test_subitems_of_an_item_that_failed_are_not_created(world):
    world.sandbox.add_fault("import-partly-done", every=2)
    started = job(world).rows(
        _titles(world),
        ["PO-1", "", "", ""], ["PO-2", "", "", ""], ["", "", "S", "5"],
    )  # fmt: skip

    assert started.counts() == {"submitted": 3, "created": 1, "failed": 2}
    assert "row 2" in started.errors()[2]


def test_a_subitem_needs_an_item_above(world):
    assert job(world).rows(_titles(world), ["", "", "S", "5"]).counts()["invalid"] == 1


@pytest.mark.parametrize("row", [["PO-1", "", "", "5"], ["", "1", "S", ""]])
def test_a_row_has_cells_of_an_item_or_of_a_subitem(world, row):
    started = job(world).rows(_titles(world), ["PO-0", "", "", ""], row)

    assert started.counts() == {"submitted": 2, "created": 1, "invalid": 1}


def test_a_bad_cell_of_a_subitem_spoils_that_subitem_alone(world):
    started = job(world).rows(
        _titles(world), ["PO-1", "", "", ""], ["", "", "S", "x"], ["", "", "M", "1"]
    )

    assert started.counts() == {"submitted": 3, "created": 2, "invalid": 1}
    assert _subitems(world) == [("PO-1", [("M", {"Qty": "1"})])]


def test_subitems_and_items_count_together(make_world):
    world = make_world(imports=replace(ImportLimits(), ingest_rows=2))
    rows = [["PO-1", "", "", ""], ["", "", "S", "5"], ["", "", "M", "5"]]

    assert job(world).rows(_titles(world), *rows).refusal()[0] == "INVALID_UPLOAD"


@pytest.mark.parametrize(
    "titles", [["name", "name.subitem"], ["name", "name.subitem", "name.SUBITEM"]]
)
def test_the_header_of_subitems_has_to_fit(make_world, titles):
    world = make_world()
    if len(titles) == 2:
        world.board.subitem_board = None  # a board that has no subitems

    assert job(world).rows(titles, ["x"] * len(titles)).refusal()[0] == "INVALID_UPLOAD"


def test_columns_of_subitems_need_the_name_of_subitems(world):
    titles = ["name", f"{world.subcolumn('Qty')}.subitem"]

    assert job(world).rows(titles, ["PO-1", ""]).refusal()[0] == "INVALID_UPLOAD"


def test_a_column_of_items_is_none_of_subitems(world):
    titles = ["name", "name.subitem", f"{world.column('Price')}.subitem"]

    assert job(world).rows(titles, ["PO-1", "", ""]).refusal()[0] == "INVALID_UPLOAD"


# Any file ---------------------------------------------------------------------------------------

CELLS = st.sampled_from(
    ["", "PO-1", "PO-2", "<NULL>", "x", "7", " ", "\N{HONEYBEE}", '"', "a\r\nb"]
)


@given(rows=st.lists(st.lists(CELLS, min_size=5, max_size=5), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_counts_add_up_to_what_was_submitted(rows):
    world = World()
    started = job(world).rows([*_titles(world), "Key"], *rows)

    counts = started.ended()["counts"]

    assert sum(counts.values()) == 2 * counts["submitted"] == 2 * len(rows)
    subitems = sum(len(found) for _, found in _subitems(world))
    assert len(world.names()) + subitems == counts["created"]
    assert [row["status"] for row in started.report()].count("created") == counts["created"]


@given(
    content=st.binary(max_size=60) | st.text(max_size=60).map(lambda rows: f"name\n{rows}".encode())
)
@settings(max_examples=60, deadline=None)
def test_no_file_breaks_the_sandbox(content):
    status = job(World()).upload(content).ended()

    assert (status["status"], status["failure_reason"]) in [
        ("COMPLETED", None),
        ("REJECTED", "INVALID_UPLOAD"),
    ]
