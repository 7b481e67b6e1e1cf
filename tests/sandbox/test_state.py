"""A sandbox with a state file: what was answered is there again, whatever ended the one before."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from order_sync.sandbox import Sandbox, SandboxOptions, StateError, StateInUse
from order_sync.sandbox.graphql import load_schema
from order_sync.sandbox.state_file import StateFile

from .conftest import BOARD, Api, World
from .importing import STATUS, job

CELLS = {
    "Key": "PO-1",
    "Notes": {"text": "long"},
    "Price": "12.50",
    "Status": {"label": "Done"},
    "Customer": {"labels": ["ACME", "Rhythm"]},
    "Due": {"date": "2026-11-22", "time": "10:30:00"},
    "Paid": {"checked": "true"},
    "Site": {"url": "https://example.org", "text": "site"},
    "Mail": {"email": "a@example.org", "text": "A"},
    "Call": {"phone": "+4930123456", "countryShortName": "DE"},
    "Land": {"countryCode": "DE", "countryName": "Germany"},
    "Owner": {"personsAndTeams": [{"id": 7, "kind": "person"}]},
    "Span": {"from": "2026-11-01", "to": "2026-11-22"},
    "Stars": {"rating": 4},
    "Clock": {"hour": 9, "minute": 5},
    "Tags": {"tag_ids": [3, 4]},
    "Linked": {"item_ids": [5]},
    "Place": {"lat": "52.5", "lng": "13.4", "address": "Berlin"},
}


class Kept(World):
    """A world whose sandbox can be ended and begun again."""

    def __init__(self, file: Path, **options: Any) -> None:
        self.file = file
        self.options = options
        self.sandbox = Sandbox(SandboxOptions(**options), state=file)
        self.board = self.sandbox.add_board(BOARD)
        self.api = Api(self.sandbox)

    def begin_again(self) -> None:
        board_id = self.board.id
        self.sandbox.close()
        self.sandbox = Sandbox(SandboxOptions(**self.options), state=self.file)
        self.board = self.sandbox.account.board(board_id)
        self.api = Api(self.sandbox)

    def everything(self) -> Any:
        """All boards as the API and a person see them."""
        fields = "id title type description settings revision archived"
        boards = self.api.ask(
            f"{{ boards {{ id name type updated_at columns {{ {fields} }}"
            " groups { id title color archived deleted } } }"
        ).data
        account = self.sandbox.account
        return (
            boards,
            {key: sorted(board.written) for key, board in account.boards.items()},
            {key: self.sandbox.groups(key, with_gone=True) for key in account.boards},
            {key: self.sandbox.items(key, with_gone=True) for key in account.boards},
            {key: item.updated_at for key, item in account.items.items()},
            {key: board.items_count for key, board in account.boards.items()},
            [self.cell(key, title) for key in self._items() for title in CELLS],
            {key: list(board.activity.newest_first()) for key, board in account.boards.items()},
        )

    def items_named(self, name: str) -> list[str]:
        return [item.id for item in self.sandbox.items(self.board.id) if item.name == name]

    def _items(self) -> list[str]:
        return [i.id for i in self.sandbox.account.items.values() if i.board is self.board]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "state.db")


# What survives ----------------------------------------------------------------------------------


def test_cells_of_every_type_survive(kept):
    kept.created("PO-1", **CELLS)
    before = kept.everything()

    kept.begin_again()

    assert kept.everything() == before


def _field(name: str, **arguments: Any) -> str:
    """A root field with its arguments written out."""
    told = ", ".join(f"{key}: {_literal(value)}" for key, value in arguments.items())
    return f"mutation {{ {name}({told}) {{ id }} }}"


class Word(str):
    """A value of an enum."""


def _literal(value: Any) -> str:
    if isinstance(value, Word):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(one) for one in value) + "]"
    return orjson.dumps(value).decode()


def _labels(world: World, title: str, **more: Any) -> dict[str, Any]:
    """The arguments that add the label NEW to a column."""
    column = world.board.column_titled(title)
    labels = [{"id": label.id, "label": label.text} for label in column.labels]
    labels.append({"label": "NEW"})
    if title == "Status":
        for entry, label in zip(labels, column.labels, strict=False):
            entry |= {"index": label.id, "color": Word(label.color)}
        labels[-1] |= {"index": 9, "color": Word("purple")}
    revision = f"{column.revision:08x}"
    return {
        "board_id": world.board.id, "id": column.id, "revision": revision,
        "settings": {"labels": labels}, **more,
    }  # fmt: skip


MUTATIONS: dict[str, Callable[[World, str, str], dict[str, Any]]] = {
    "create_item": lambda w, _i, g: {
        "board_id": w.board.id, "group_id": g, "item_name": "PO-2",
        "column_values": w.values(Customer="MADE NOW"), "create_labels_if_missing": True,
    },
    "create_subitem": lambda _w, i, _g: {"parent_item_id": i, "item_name": "Size L"},
    "change_multiple_column_values": lambda w, i, _g: {
        "board_id": w.board.id, "item_id": i, "column_values": w.values(Key="new", Due=None),
    },
    "change_column_value": lambda w, i, _g: {
        "board_id": w.board.id, "item_id": i, "column_id": w.column("Key"), "value": '"x"',
    },
    "change_simple_column_value": lambda w, i, _g: {
        "board_id": w.board.id, "item_id": i, "column_id": "name", "value": "renamed",
    },
    "move_item_to_group": lambda _w, i, g: {"item_id": i, "group_id": g},
    "archive_item": lambda _w, i, _g: {"item_id": i},
    "delete_item": lambda _w, i, _g: {"item_id": i},
    "create_group": lambda w, _i, _g: {"board_id": w.board.id, "group_name": "Third"},
    "update_group": lambda w, _i, g: {
        "board_id": w.board.id, "group_id": g, "group_attribute": Word("title"),
        "new_value": "Later",
    },
    "archive_group": lambda w, _i, g: {"board_id": w.board.id, "group_id": g},
    "delete_group": lambda w, _i, g: {"board_id": w.board.id, "group_id": g},
    "create_column": lambda w, _i, _g: {
        "board_id": w.board.id, "title": "Extra", "column_type": Word("text"),
        "after_column_id": w.column("Key"),
    },
    "delete_column": lambda w, _i, _g: {"board_id": w.board.id, "column_id": w.column("Sum")},
    "change_item_position": lambda w, i, _g: {
        "item_id": w.items_named("PO-3")[0], "relative_to": i,
        "position_relative_method": Word("before_at"),
    },
    "update_dropdown_column": lambda w, _i, _g: _labels(w, "Customer"),
    "update_status_column": lambda w, _i, _g: _labels(w, "Status"),
}  # fmt: skip


# They change nothing yet; what an import wrote has a test of its own.
STARTS_OF_IMPORTS = {"ingest_items", "backfill_items"}


def test_a_number_longer_than_64_bits_survives(kept):
    item_id = kept.created("PO-1", Tags={"tag_ids": ["9" * 30]})

    kept.begin_again()

    assert kept.sandbox.item(item_id).values["Tags"] == "9" * 30


def test_every_mutation_has_its_turn_here():
    mutation = load_schema().mutation_type
    assert mutation is not None
    assert set(MUTATIONS) == set(mutation.fields) - {"complexity"} - STARTS_OF_IMPORTS


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_survives(kept, name):
    item_id = kept.created("PO-1", **CELLS)
    kept.add_subitem(item_id).succeeded()
    kept.created("PO-3")
    group_id = kept.board.group_titled("Second").id
    untouched = kept.everything()

    kept.api.ask(_field(name, **MUTATIONS[name](kept, item_id, group_id))).succeeded()
    before = kept.everything()
    kept.begin_again()

    assert before != untouched
    assert kept.everything() == before


def test_what_an_import_wrote_survives_and_the_import_itself_does_not(kept):
    started = job(kept).rows(["name"], ["A"], ["B"])
    assert started.counts() == {"submitted": 2, "created": 2}
    before = kept.everything()

    kept.begin_again()

    assert kept.everything() == before
    assert sorted(kept.names()) == ["A", "B"]
    assert kept.api.ask(STATUS, {"j": started.id}).code == "ResourceNotFoundException"


def test_a_full_activity_log_survives_without_its_oldest_entries(kept, monkeypatch):
    monkeypatch.setattr("order_sync.sandbox.activity.ENTRIES_KEPT", 3)
    kept.board = kept.sandbox.add_board(BOARD)
    for name in "ABCDE":
        kept.created(name)
    before = kept.everything()

    kept.begin_again()

    assert kept.everything() == before
    assert [entry.number for entry in kept.board.activity.newest_first()] == [5, 4, 3]
    kept.sandbox.close()
    assert sum(key.startswith("event/") for key in StateFile(kept.file).read()) == 3


def test_an_archived_item_that_is_deleted_stays_deleted(kept):
    item_id = kept.created()
    kept.api.ask(_field("archive_item", item_id=item_id)).succeeded()
    kept.api.ask(_field("delete_item", item_id=item_id)).succeeded()

    kept.begin_again()

    assert kept.sandbox.item(item_id).state == "deleted"


PEOPLE: dict[str, Callable[[World, str], object]] = {
    "person_sets": lambda w, i: w.sandbox.person_sets(i, "Customer", "BY HAND"),
    "person_creates": lambda w, _i: w.sandbox.person_creates(w.board.id, "New", "PO-9"),
    "person_creates_subitem": lambda w, i: w.sandbox.person_creates_subitem(i, "S", {"Qty": "3"}),
    "person_moves": lambda w, i: w.sandbox.person_moves(i, "Third"),
    "person_deletes": lambda w, i: w.sandbox.person_deletes(i),
    "person_archives": lambda w, i: w.sandbox.person_archives(i),
    "person_renames_group": lambda w, _i: w.sandbox.person_renames_group(
        w.board.id, "Second", "2nd"
    ),
    "person_deletes_group": lambda w, _i: w.sandbox.person_deletes_group(w.board.id, "First"),
    "person_archives_group": lambda w, _i: w.sandbox.person_archives_group(w.board.id, "First"),
    "person_deactivates_label": lambda w, _i: w.sandbox.person_deactivates_label(
        w.board.id, "Customer", "ACME"
    ),
    "person_removes_label": lambda w, _i: w.sandbox.person_removes_label(
        w.board.id, "Customer", "ACME"
    ),
}


def test_every_act_of_a_person_has_its_turn_here():
    assert set(PEOPLE) == {name for name in vars(Sandbox) if name.startswith("person_")}


@pytest.mark.parametrize("act", PEOPLE)
def test_what_a_person_did_survives(kept, act):
    item_id = kept.created("PO-1", **CELLS)
    untouched = kept.everything()

    PEOPLE[act](kept, item_id)
    before = kept.everything()
    kept.begin_again()

    assert before != untouched
    assert kept.everything() == before


def test_items_keep_their_places(kept):
    ids = [kept.created(f"PO-{n}") for n in range(5)]
    kept.sandbox.person_moves(ids[0], "Second")
    kept.sandbox.person_moves(ids[0], "First")
    names = kept.names()

    kept.begin_again()
    kept.created("PO-5")

    assert kept.names() == [*names, "PO-5"] == ["PO-1", "PO-2", "PO-3", "PO-4", "PO-0", "PO-5"]


def test_ids_are_given_out_once_whatever_ended_in_between(kept):
    seen: set[str] = set()
    for _ in range(4):
        kept.begin_again()
        # A text id alone: no number is given out with it.
        kept.api.ask(_field("create_group", board_id=kept.board.id, group_name="G")).succeeded()
        seen |= {group.id for group in kept.board.groups}
    assert len(seen) == 2 + 4

    items = []
    for _ in range(4):
        kept.begin_again()
        items.append(kept.created())
    assert len({*items, *kept.sandbox.account.boards}) == 4 + 2


def test_a_key_gets_its_answer_after_a_restart(kept):
    document = _field("create_group", board_id=kept.board.id, group_name="Once")
    first = kept.api.ask(document, Idempotency_Key="k-1")

    kept.begin_again()
    again = kept.api.ask(document, Idempotency_Key="k-1")

    assert again.headers["idempotency-replayed"] == "true"
    assert again.data == first.data
    assert [group.title for group in kept.board.groups].count("Once") == 1


def test_a_key_is_forgotten_in_time_and_on_demand(kept):
    document = _field("create_group", board_id=kept.board.id, group_name="Twice")
    kept.api.ask(document, Idempotency_Key="old").succeeded()
    kept.sandbox.clock.advance(29 * 60)
    kept.api.ask(document, Idempotency_Key="young").succeeded()

    kept.begin_again()  # time does not go back
    kept.sandbox.clock.advance(2 * 60)

    assert "idempotency-replayed" not in kept.api.ask(document, Idempotency_Key="old").headers
    assert "idempotency-replayed" in kept.api.ask(document, Idempotency_Key="young").headers
    kept.sandbox.forget_idempotency()
    kept.begin_again()
    assert "idempotency-replayed" not in kept.api.ask(document, Idempotency_Key="young").headers


def test_a_key_that_the_server_was_to_forget_is_not_kept(kept):
    kept.sandbox.add_fault("forgets-key")
    document = _field("create_group", board_id=kept.board.id, group_name="Lost")
    with pytest.raises(ConnectionError):
        kept.api.ask(document, Idempotency_Key="k-1")

    kept.begin_again()

    assert "idempotency-replayed" not in kept.api.ask(document, Idempotency_Key="k-1").headers


def test_calls_of_the_day_go_on_counting(kept):
    kept.created()
    kept.api.ask("{ me { id } }").succeeded()
    used = kept.sandbox.limits.used_today

    kept.begin_again()

    assert kept.sandbox.limits.used_today == used > 1
    kept.sandbox.clock.advance(24 * 3600)
    assert kept.sandbox.limits.used_today == 0


def test_a_new_day_begins_while_nothing_runs(kept):
    kept.created()
    kept.sandbox.close()
    later = Sandbox()
    later.clock.advance(24 * 3600)
    rows = _rows(kept.file)
    row = orjson.loads(rows["account"])
    _set_row(kept.file, "account", {**row, "now": row["now"] - 86400, "day": "2020-01-01"})

    kept.begin_again()

    assert kept.sandbox.limits.used_today == 0


def test_a_refused_mutation_leaves_what_it_did_before(kept):
    """A label made on the way stays, although the item was refused."""
    reply = kept.api.ask(
        "mutation ($b: ID!, $v: JSON) { create_item(board_id: $b, item_name: \"PO\","
        " column_values: $v, create_labels_if_missing: true) { id } }",
        {"b": kept.board.id, "v": kept.values(Customer="MADE", Price="no number")},
    )  # fmt: skip
    assert reply.code == "ColumnValueException"
    before = kept.everything()

    kept.begin_again()

    assert kept.everything() == before


# The file ---------------------------------------------------------------------------------------


def _rows(file: Path) -> dict[str, bytes]:
    db = sqlite3.connect(file)
    try:
        return dict(db.execute("SELECT key, content FROM kept"))
    finally:
        db.close()


def _set_row(file: Path, key: str, content: Any) -> None:
    db = sqlite3.connect(file)
    with db:
        db.execute("UPDATE kept SET content = ? WHERE key = ?", (orjson.dumps(content), key))
    db.close()


def test_the_token_is_never_in_the_file(kept, tmp_path):
    kept.api.ask(
        _field("create_group", board_id=kept.board.id, group_name="G"),
        Authorization="tok-CANARY-77",
        Idempotency_Key="k",
    ).succeeded()
    assert kept.api.ask("{ me { id } }", Authorization="Bearer tok-CANARY-77").data

    files = [path.read_bytes() for path in tmp_path.iterdir()]
    kept.sandbox.close()

    assert b"CANARY" not in b"".join([*files, kept.file.read_bytes()])


def test_a_file_has_one_sandbox_at_a_time(kept):
    with pytest.raises(StateInUse) as refused:
        Sandbox(state=kept.file)

    assert str(kept.file) in refused.value.message
    kept.sandbox.close()
    Sandbox(state=kept.file).close()


def test_a_closed_sandbox_leaves_one_file(kept, tmp_path):
    kept.created()
    kept.sandbox.close()

    assert [path.name for path in tmp_path.iterdir()] == ["state.db"]
    copy = shutil.copy(kept.file, tmp_path / "copy.db")
    assert len(Sandbox(state=copy).items(kept.board.id)) == 1


def _text(path: Path) -> None:
    path.write_text("name,price\n" * 500)


def _another_database(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE orders (id)")
    db.commit()
    db.close()


@pytest.mark.parametrize("make", [_text, _another_database])
def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path, make):
    file = tmp_path / "mine.db"
    make(file)
    before = file.read_bytes()

    with pytest.raises(StateError, match="no state file"):
        Sandbox(state=file)

    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["mine.db"]


def test_a_file_of_another_format_is_refused(kept):
    kept.sandbox.close()
    db = sqlite3.connect(kept.file)
    db.execute("PRAGMA user_version=99")
    db.close()

    with pytest.raises(StateError, match="format 99"):
        Sandbox(state=kept.file)


def test_a_file_that_is_cut_is_refused(kept):
    for number in range(40):
        kept.created(f"PO-{number}", Notes={"text": "x" * 1500})
    kept.sandbox.close()
    whole = kept.file.read_bytes()
    kept.file.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(StateError, match="damaged"):
        Sandbox(state=kept.file)


@pytest.mark.parametrize(
    ("key", "content"),
    [("account", {"now": "noon"}), ("account", None), ("item", {"id": "7"}), ("board", [])],
)
def test_rows_that_make_no_sense_are_refused(kept, key, content):
    kept.created()
    kept.sandbox.close()
    row = next(name for name in _rows(kept.file) if name.startswith(key))
    _set_row(kept.file, row, content)

    with pytest.raises(StateError, match="damaged"):
        Sandbox(state=kept.file)
    # The refused start has let the file go.
    with pytest.raises(StateError, match="damaged"):
        Sandbox(state=kept.file)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(StateError, match="nowhere does not exist"):
        Sandbox(state=tmp_path / "nowhere" / "state.db")


def test_a_folder_is_no_state_file(tmp_path):
    with pytest.raises(StateError, match="cannot be used"):
        Sandbox(state=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_refused(kept):
    kept.sandbox.close()
    kept.file.chmod(stat.S_IRUSR)

    with pytest.raises(StateError):
        Sandbox(state=kept.file)


# A full disk ------------------------------------------------------------------------------------


def _fill_the_disk(kept: Kept, pages: int | None) -> None:
    """No page more than there are; None: as many as SQLite can count."""
    db = kept.sandbox._keeper._file._db
    limit = db.execute("PRAGMA page_count").fetchone()[0] if pages == 0 else 1_000_000
    db.execute(f"PRAGMA max_page_count={limit}")


def test_nothing_is_answered_as_done_that_the_file_does_not_hold(kept, caplog):
    _fill_the_disk(kept, 0)
    document = _field("create_group", board_id=kept.board.id, group_name="G" * 200)

    replies = [kept.api.ask(document, Idempotency_Key=f"k-{n}") for n in range(60)]
    refused = [n for n, reply in enumerate(replies) if reply.status == 500]
    assert refused
    assert replies[refused[0]].code == "INTERNAL_SERVER_ERROR"
    # A repeat, and even a read, would show what is not in the file.
    assert kept.api.ask(document, Idempotency_Key=f"k-{refused[0]}").status == 500
    assert kept.api.ask("{ me { id } }").status == 500
    assert "full" in caplog.text

    _fill_the_disk(kept, None)
    again = kept.api.ask(document, Idempotency_Key=f"k-{refused[0]}")
    assert again.headers["idempotency-replayed"] == "true"
    before = kept.everything()
    kept.begin_again()
    assert kept.everything() == before
