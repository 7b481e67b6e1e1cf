"""The rules a stand-in has to enforce on boards, a class for each, asked over a connection.

Those on requests are in test_checklist_requests.py. Every column type is in test_columns.py, more
of searches in test_searches.py, of faults in test_faults.py and test_refusal_faults.py.
"""

from typing import ClassVar

import orjson
import pytest

from order_sync.sandbox import ImportLimits, available_faults

from .conftest import World, create_many
from .importing import csv_bytes, job, start, upsert

CREATE = "mutation ($b: ID!, $n: String!) { create_item(board_id: $b, item_name: $n) { id } }"


@pytest.fixture
def world(serve):
    return serve()


READ_ONLY = [
    "Made",
    "Changed",
    "Sum",
    "Id",
    "Number",
    "Mirror",
    "Progress",
    "Subitems",
    "Wired",
    "Button",
    "Spent",
    "Votes",
]


class TestMutationsOneByOne:
    def test_aliases_are_executed_in_their_order(self, world):
        create_many(world, ["C", "A", "B"])

        assert world.names() == ["C", "A", "B"]

    def test_an_alias_that_fails_is_null_and_the_others_stand(self, world):
        board = world.board.id
        reply = world.api.ask(
            f'mutation {{ a: create_item(board_id: {board}, item_name: "A") {{ id }}'
            f' b: create_item(board_id: {board}, item_name: "B", group_id: "gone") {{ id }}'
            f' c: create_item(board_id: {board}, item_name: "C") {{ id }} }}'
        )

        assert reply.status == 200
        assert reply.json["data"]["b"] is None
        assert reply.json["data"]["c"]["id"]
        (error,) = reply.errors
        assert error["path"] == ["b"]
        assert error["locations"]
        assert error["extensions"]["status_code"] == 200
        assert world.names() == ["A", "C"]

    def test_one_wrong_variable_refuses_the_whole_document(self, world):
        document = (
            "mutation ($b: ID!, $x: String!, $y: String!) {"
            " a: create_item(board_id: $b, item_name: $x) { id }"
            " b: create_item(board_id: $b, item_name: $y) { id } }"
        )

        reply = world.api.ask(document, {"b": world.board.id, "x": "A", "y": 5})

        assert reply.status == 400
        assert "data" not in reply.json
        assert world.names() == []


class TestColumnValues:
    def test_a_wrong_value_names_its_column_and_spoils_its_alias(self, world):
        reply = world.create("A", Price="1,000")

        assert reply.code == "ColumnValueException"
        data = reply.errors[0]["extensions"]["error_data"]
        assert data == {"column_id": world.column("Price"), "column_type": "numeric"}
        assert world.names() == []

    def test_labels_are_exact_and_the_refusal_lists_them(self, world):
        reply = world.create("A", Customer="acme")

        assert reply.code == "ColumnValueException"
        assert "ACME" in reply.errors[0]["message"]

    def test_missing_labels_are_created_up_to_40(self, world):
        fields = "".join(
            f' a{i}: create_item(board_id: $b, item_name: "x", create_labels_if_missing: true,'
            f" column_values: $v{i}) {{ id }}"
            for i in range(39)
        )
        declared = "".join(f", $v{i}: JSON" for i in range(39))
        values = {f"v{i}": world.values(Status=f"Label {i}") for i in range(39)}

        reply = world.api.ask(
            f"mutation ($b: ID!{declared}) {{{fields} }}", {"b": world.board.id, **values}
        )

        assert len(world.board.column_titled("Status").labels) <= 40
        assert {error["extensions"]["code"] for error in reply.errors} == {"ColumnValueException"}
        ids = [label.id for label in world.board.column_titled("Status").labels]
        assert max(ids) <= 39

    @pytest.mark.parametrize("title", READ_ONLY)
    def test_types_that_cannot_be_written_refuse(self, world, title):
        assert world.create("A", **{title: "1"}).code == "ColumnValueException"


class TestCapacities:
    @pytest.mark.parametrize(("length", "code"), [(255, None), (256, "ItemNameTooLongException")])
    def test_a_name_has_255_characters(self, world, length, code):
        reply = world.create("x" * length)

        assert (reply.code if code else reply.data and None) == code

    def test_a_board_is_full_at_its_limit_which_can_be_asked_for(self, serve):
        world = serve(items_limit=2)
        create_many(world, "AB")

        assert world.create("C").code == "ItemsLimitationException"
        ask = f"{{ boards(ids: [{world.board.id}]) {{ items_limit items_count }} }}"
        assert world.api.ask(ask).data["boards"] == [{"items_limit": 2, "items_count": 2}]
        assert World().sandbox.options.items_limit == 10_000

    def test_a_parent_has_room_for_so_many_subitems(self, serve):
        world = serve(subitems_limit=1)
        parent = world.created()
        world.add_subitem(parent).succeeded()

        assert world.add_subitem(parent).errors

    def test_100_ids_are_the_most(self, world):
        assert world.api.ask("query ($i: [ID!]) { items(ids: $i) { id } }", {"i": ["1"] * 100}).data
        refused = world.api.ask(
            "query ($i: [ID!]) { items(ids: $i) { id } }", {"i": [str(i) for i in range(101)]}
        )
        assert refused.code == "InvalidArgumentException"

    @pytest.mark.parametrize(("limit", "found"), [(None, 25), (500, 30), (501, None)])
    def test_a_page_has_25_items_and_500_at_most(self, world, limit, found):
        for batch in range(2):
            create_many(world, [f"PO-{batch}-{i}" for i in range(15)])
        given = f"(limit: {limit})" if limit else ""
        ask = f"{{ boards(ids: [{world.board.id}]) {{ items_page{given} {{ items {{ id }} }} }} }}"

        reply = world.api.ask(ask)

        if found is None:
            assert reply.code == "InvalidArgumentException"
        else:
            assert len(reply.data["boards"][0]["items_page"]["items"]) == found

    def test_a_cursor_dies_60_minutes_after_the_first_page(self, world):
        create_many(world, "ABC")
        ask = f"{{ boards(ids: [{world.board.id}]) {{ items_page(limit: 1) {{ cursor }} }} }}"
        cursor = world.api.ask(ask).data["boards"][0]["items_page"]["cursor"]
        follow = f'{{ next_items_page(cursor: "{cursor}", limit: 1) {{ items {{ name }} }} }}'
        world.sandbox.clock.advance(59 * 60)
        assert world.api.ask(follow).data

        world.sandbox.clock.advance(2 * 60)

        assert world.api.ask(follow).code == "CursorException"

    def test_a_search_by_date_or_dropdown_takes_one_value(self, world):
        document = (
            "query ($b: ID!, $c: String!, $v: [String]!) { items_page_by_column_values("
            "board_id: $b, columns: [{column_id: $c, column_values: $v}]) { items { id } } }"
        )
        for title, values in [("Due", ["2026-11-22"]), ("Customer", ["ACME"])]:
            named = {"b": world.board.id, "c": world.column(title)}
            assert world.api.ask(document, {**named, "v": values}).data
            refused = world.api.ask(document, {**named, "v": values * 2})
            assert refused.code == "ColumnValueException"

    def test_a_column_id_is_never_free_again(self, world):
        create = (
            f'mutation {{ create_column(board_id: {world.board.id}, title: "T",'
            ' column_type: text, id: "mine") { id } }'
        )
        delete = f'mutation {{ delete_column(board_id: {world.board.id}, column_id: "mine")'
        world.api.ask(create).succeeded()
        world.api.ask(delete + " { id archived } }").succeeded()

        assert world.api.ask(create).code == "InvalidArgumentException"
        assert world.api.ask(delete + " { id } }").code == "InvalidColumnIdException"


class TestSubitems:
    def test_they_live_on_a_board_of_their_own(self, world):
        subitem = world.add_subitem(world.created()).data["create_subitem"]

        settings = world.api.ask(
            f"{{ boards(ids: [{world.board.id}]) {{ columns(types: [subtasks])"
            " { settings settings_str } } }"
        ).data["boards"][0]["columns"][0]
        (hidden,) = settings["settings"]["boardIds"]
        assert str(hidden) == subitem["board"]["id"] != world.board.id
        assert orjson.loads(settings["settings_str"])["boardIds"] == [hidden]

    def test_ids_of_the_main_board_are_wrong_for_them(self, world):
        parent = world.created()
        subitem = world.add_subitem(parent).data["create_subitem"]
        change = (
            "mutation ($b: ID!, $i: ID!, $v: JSON!) { change_multiple_column_values("
            "board_id: $b, item_id: $i, column_values: $v) { id } }"
        )
        values = world.values(Price="1")

        wrong_column = world.api.ask(
            change, {"b": subitem["board"]["id"], "i": subitem["id"], "v": values}
        )
        wrong_board = world.api.ask(change, {"b": world.board.id, "i": subitem["id"], "v": values})

        assert wrong_column.code == "InvalidColumnIdException"
        assert wrong_board.code == "InvalidArgumentException"


class TestBulkImports:
    """In short; the rows, types of columns, matching and files are in the modules of imports."""

    def test_their_figures_are_the_documented_ones(self):
        limits = World().sandbox.options.imports

        assert (limits.starts_per_hour, limits.items_per_hour) == (100, 19_000)
        assert (limits.ingest_rows, limits.backfill_rows) == (10_000, 20_000)
        assert (limits.file_bytes, limits.link_life_s) == (150_000_000, 600)

    def test_a_file_is_put_to_a_signed_address_and_its_job_is_followed(self, world):
        started = job(world)
        pending = started.status()
        answer = started.put(csv_bytes(["name"], [["A"], [""]]))
        status = started.ended()

        assert (pending["status"], pending["counts"]) == ("UPLOAD_PENDING", None)
        assert (answer.status, bool(answer.headers["ETag"])) == (200, True)
        assert (status["status"], status["fully_imported"]) == ("COMPLETED", True)
        counts = status["counts"]
        assert counts.pop("submitted") == sum(counts.values()) == 2
        assert world.names() == ["A"]
        assert started.report()[0]["status"] == "created"

    def test_the_address_dies_after_10_minutes(self, world):
        started = job(world)
        world.sandbox.clock.advance(601)

        assert started.put(csv_bytes(["name"], [["A"]])).status == 403

    @pytest.mark.parametrize(("behaviour", "price"), [("UPSERT", "2"), ("SKIP", "1")])
    def test_a_match_is_changed_or_left_alone(self, world, behaviour, price):
        world.created("A", Key="k", Price="1")

        upsert(world, "Key", behaviour).rows(["name", "Key", "Price"], ["A", "k", "2"]).ended()

        (item,) = world.sandbox.items(world.board.id)
        assert item.values["Price"] == price

    @pytest.mark.parametrize(
        ("limit", "reason"),
        [("items_per_hour", "ACCOUNT_CAPACITY_EXCEEDED"), ("ingest_rows", "INVALID_UPLOAD")],
    )
    def test_too_many_rows_reject_the_file(self, serve, limit, reason):
        world = serve(imports=ImportLimits(**{limit: 1}))

        assert job(world).rows(["name"], ["A"], ["B"]).refusal()[0] == reason

    def test_too_many_starts_are_a_429(self, serve):
        world = serve(imports=ImportLimits(starts_per_hour=1))
        start(world, "backfill_items").succeeded()
        refused = start(world)

        assert (refused.status, refused.code) == (429, "RATE_LIMIT_EXCEEDED")
        assert refused.errors[0]["extensions"]["retryAfterMs"] > 3_000_000


class TestFaultsOnDemand:
    # What a stand-in has to play, and the faults that do it.
    PLAYED: ClassVar = {
        "429 of each kind": ["429", "429-alias"],
        "423": ["423", "423-alias"],
        "500": ["500", "500-alias", "500-after-write", "500-alias-after-write"],
        "502 and 504 before the write": ["502-before-write", "504-before-write"],
        "502 and 504 after the write": ["502-after-write", "504-after-write"],
        "a time-out in the middle of a document": ["mid-document-timeout"],
        "a connection cut while answering": ["cut-body", "lose-answer-after-write"],
        "the limit of nested subitems": ["subitems-limit"],
        "a write that is ignored silently": ["ignored-write"],
        "a page instead of JSON": ["html-body"],
        "a label removed meanwhile": ["label-removed"],
        "an item deleted meanwhile": ["item-deleted"],
        "a cursor that expired": ["expired-cursor"],
        "no rights, and an API switched off": ["403", "blocked"],
        "an import that is stuck": ["import-stuck"],
        "an import that fails": ["import-failed", "import-rejected"],
        "an import that is partly done": ["import-partly-done"],
    }

    @pytest.mark.parametrize("wanted", PLAYED)
    def test_there_is_a_fault_for(self, wanted):
        assert set(self.PLAYED[wanted]) <= set(available_faults())

    @pytest.mark.parametrize(
        "code",
        [
            "COMPLEXITY_BUDGET_EXHAUSTED",
            "maxConcurrencyExceeded",
            "RATE_LIMIT_EXCEEDED",
            "DAILY_LIMIT_EXCEEDED",
            "IP_RATE_LIMIT_EXCEEDED",
        ],
    )
    def test_a_429_of_each_kind_comes_when_it_is_armed_over_http(self, world, code):
        body = orjson.dumps({"name": "429", "code": code})
        assert world.api.http("POST", "/sandbox/faults", body).status == 201

        assert (world.create("A").status, world.create("B").status) == (429, 200)
        assert world.names() == ["B"]

    @pytest.mark.parametrize("lag", [0, 60])
    def test_reads_lag_behind_as_long_as_they_are_told(self, serve, lag):
        world = serve(read_lag_s=lag)
        world.created("A")
        ask = f"{{ boards(ids: [{world.board.id}]) {{ items_page {{ items {{ name }} }} }} }}"

        at_once = world.api.ask(ask).data["boards"][0]["items_page"]["items"]
        world.sandbox.clock.advance(lag)
        later = world.api.ask(ask).data["boards"][0]["items_page"]["items"]

        assert at_once == ([] if lag else [{"name": "A"}])
        assert later == [{"name": "A"}]
