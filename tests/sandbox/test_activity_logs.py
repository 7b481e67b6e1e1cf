"""The activity log of a board: what it keeps, in which form, and how it is asked for."""

from datetime import UTC, datetime

import orjson
import pytest

from order_sync.sandbox import activity

from .importing import job, upsert


def read(world, board_id=None, **arguments):
    """Entries of the log, newest first, with `data` decoded."""
    given = ", ".join(
        f"{name}: {orjson.dumps(value).decode()}" for name, value in arguments.items()
    )
    given = f"({given})" if given else ""
    reply = world.api.ask(
        f"{{ boards(ids: [{board_id or world.board.id}]) {{ activity_logs{given}"
        " { id event entity user_id account_id created_at data } } }"
    )
    entries = reply.data["boards"][0]["activity_logs"]
    return [{**entry, "data": orjson.loads(entry["data"])} for entry in entries]


def events(world, **arguments):
    return [entry["event"] for entry in read(world, **arguments)]


def iso(world):
    return datetime.fromtimestamp(world.sandbox.clock.now(), UTC).isoformat()


def test_an_entry_says_what_who_and_when(world):
    item_id = world.created("PO-1")
    (entry,) = read(world, limit=1)

    assert (entry["event"], entry["entity"]) == ("create_pulse", "pulse")
    assert entry["user_id"] == world.api.ask("{ me { id } }").data["me"]["id"]
    assert entry["data"]["pulse_name"] == "PO-1"
    assert entry["data"]["pulse_id"] == int(item_id)
    assert len(entry["created_at"]) == 17
    seconds = int(entry["created_at"]) / 10**7
    assert seconds == pytest.approx(world.sandbox.clock.now(), abs=60)


def test_the_newest_entry_comes_first_and_every_one_has_its_id(world):
    for name in "ABC":
        world.created(name)

    entries = read(world, limit=3)

    assert [entry["data"]["pulse_name"] for entry in entries] == ["C", "B", "A"]
    assert len({entry["id"] for entry in entries}) == 3


def test_create_change_rename_move_archive_and_delete_are_kept(world):
    item_id, other = world.created("PO-1"), world.created("PO-2")
    since = iso(world)
    world.change(item_id, Key="a").succeeded()
    board, second = world.board.id, world.board.groups[1].id
    for document in (
        f"change_simple_column_value(board_id: {board}, item_id: {item_id},"
        ' column_id: "name", value: "PO-1b")',
        f'move_item_to_group(item_id: {item_id}, group_id: "{second}")',
        f"archive_item(item_id: {item_id})",
        f"delete_item(item_id: {other})",
    ):
        world.api.ask(f"mutation {{ {document} {{ id }} }}").succeeded()

    assert events(world, **{"from": since}) == [
        "delete_pulse",
        "archive_pulse",
        "move_pulse_from_group",
        "update_name",
        "update_column_value",
    ]


def test_a_change_tells_the_value_before_and_after(world):
    item_id = world.created("PO-1", Key="old")
    world.change(item_id, Key="new", Price=None).succeeded()
    (entry,) = read(world, limit=1)

    assert entry["data"]["column_id"] == world.column("Key")
    assert (entry["data"]["previous_value"], entry["data"]["value"]) == ("old", "new")


def test_a_write_that_changes_nothing_leaves_no_entry(world):
    item_id = world.created("PO-1", Key="old")
    world.change(item_id, Key="old").succeeded()

    assert events(world, limit=1) == ["create_pulse"]


def test_groups_are_kept_as_the_board_s(world):
    document = 'mutation ($b: ID!) { create_group(board_id: $b, group_name: "New") { id } }'
    world.api.ask(document, {"b": world.board.id}).succeeded()
    (entry,) = read(world, limit=1)

    assert (entry["event"], entry["entity"]) == ("create_group", "board")


def test_subitems_are_kept_by_their_own_board(world):
    subitem = world.add_subitem(world.created()).data["create_subitem"]

    assert read(world, subitem["board"]["id"], limit=1)[0]["event"] == "create_pulse"


def test_what_people_do_has_another_user(world):
    item_id = world.created("PO-1")
    me = world.api.ask("{ me { id } }").data["me"]["id"]
    world.sandbox.person_sets(item_id, "Key", "by hand")
    world.change(item_id, Key="by us").succeeded()

    ours, theirs = read(world, limit=2)
    assert ours["user_id"] == me != theirs["user_id"]
    assert read(world, user_ids=[theirs["user_id"]]) == [theirs]


def test_entries_are_found_by_item_column_group_and_time(world):
    first, second = world.created("A"), world.created("B")
    world.sandbox.clock.advance(100)
    since = iso(world)
    world.change(first, Key="a").succeeded()
    world.change(second, Price="1").succeeded()
    world.sandbox.clock.advance(100)
    until = iso(world)
    world.change(second, Price="2").succeeded()

    assert events(world, item_ids=[first]) == ["update_column_value", "create_pulse"]
    assert len(events(world, column_ids=[world.column("Price")])) == 2
    assert len(events(world, **{"from": since})) == 3
    assert len(events(world, **{"from": since, "to": until})) == 2
    assert len(events(world, group_ids=[world.board.groups[0].id])) == 5
    assert events(world, group_ids=[world.board.groups[1].id]) == []


def test_a_page_has_25_entries_unless_more_are_asked_for(world):
    for number in range(30):
        world.created(f"PO-{number}")

    assert len(events(world)) == 25
    assert len(events(world, limit=40)) == 30
    assert len(events(world, page=2)) == 5


def test_an_ingest_is_kept_with_the_time_of_its_rows_and_a_backfill_is_not(world):
    world.created("old", Key="k")
    began = world.sandbox.clock.now()
    upsert(world).rows(["name", "Key", "Price"], ["old", "k", "5"], ["new", "n", ""]).ended()
    job(world, "backfill_items").rows(["name"], ["silent"]).ended()

    entries = read(world)

    assert [entry["event"] for entry in entries] == [
        "create_pulse",
        "update_column_value",
        "create_pulse",
    ]
    assert int(entries[0]["created_at"]) / 10**7 < began + 100
    assert sorted(world.names()) == ["new", "old", "silent"]


def test_a_time_that_is_none_is_refused(world):
    ask = f'{{ boards(ids: [{world.board.id}]) {{ activity_logs(from: "soon") {{ id }} }} }}'

    assert world.api.ask(ask).code == "InvalidArgumentException"


def test_a_board_keeps_its_newest_10_000_entries(world, monkeypatch):
    assert activity.ENTRIES_KEPT == 10_000
    monkeypatch.setattr(activity, "ENTRIES_KEPT", 3)
    log = activity.ActivityLog("1")
    for number in range(5):
        log.add(float(number), "create_pulse", "7")

    assert [entry.at for entry in log.newest_first()] == [4, 3, 2]
