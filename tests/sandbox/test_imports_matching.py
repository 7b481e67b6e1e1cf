"""Imports with `on_match`: what is taken for the same item, and what then happens to it."""

from dataclasses import replace

import pytest

from order_sync.sandbox import ImportLimits
from tests.sandbox.importing import job, start, upsert

SLOW = replace(ImportLimits(), rows_per_s=0.1)
MATCHABLE = ["Key", "Notes", "Price", "Status", "Due", "Site", "Mail", "Call", "name"]


def _items(world):
    return [(item.name, item.values) for item in world.sandbox.items(world.board.id)]


def test_upsert_changes_what_matches_and_creates_the_rest(world):
    world.created("old", Key="K1")

    started = upsert(world).rows(["name", "Key"], ["new", "K1"], ["other", "K2"])

    assert started.counts() == {"submitted": 2, "created": 1, "updated": 1}
    assert _items(world) == [("new", {"Key": "K1"}), ("other", {"Key": "K2"})]


def test_skip_leaves_what_matches_and_creates_the_rest(world):
    world.created("old", Key="K1")

    started = upsert(world, behaviour="SKIP").rows(["name", "Key"], ["new", "K1"], ["x", "K2"])

    assert started.counts() == {"submitted": 2, "created": 1, "skipped": 1}
    assert _items(world) == [("old", {"Key": "K1"}), ("x", {"Key": "K2"})]


@pytest.mark.parametrize("field", ["ingest_items", "backfill_items"])
def test_without_a_match_every_row_is_created(world, field):
    world.created("PO-1", Key="K")

    assert job(world, field).rows(["name", "Key"], ["PO-1", "K"]).counts()["created"] == 1
    assert len(world.names()) == 2


def test_an_empty_cell_is_left_alone_and_null_clears_it(world):
    world.created("old", Key="K", Price="1", Notes="n", Status="Open")

    upsert(world).rows(
        ["name", "Key", "Price", "Notes", "Status"], ["", "K", "", "<NULL>", "<NULL>"]
    ).counts()

    assert _items(world) == [("old", {"Key": "K", "Price": "1"})]


def test_an_update_is_seen_as_a_change_of_the_item(world):
    item = world.sandbox.account.items[world.created("old", Key="K")]
    created, changed = item.created_at, item.updated_at
    world.sandbox.clock.advance(1000)

    upsert(world).rows(["name", "Key", "Price"], ["old", "K", "1"]).counts()

    assert item.created_at == created
    assert item.updated_at >= changed + 1000


def test_a_new_row_needs_a_name_also_when_it_could_have_matched(world):
    started = upsert(world).rows(["name", "Key"], ["", "K"])

    assert started.counts() == {"submitted": 1, "invalid": 1}


def test_a_match_in_another_group_is_changed_where_it_is(world):
    item_id = world.created("old", Key="K")
    world.sandbox.person_moves(item_id, "Second")

    upsert(world).rows(["name", "Key"], ["new", "K"]).counts()

    (item,) = world.sandbox.items(world.board.id)
    assert (item.name, item.group_title) == ("new", "Second")


def test_an_empty_match_cell_is_always_a_new_item(world):
    world.created("old")

    started = upsert(world).rows(["name", "Key"], ["a", ""], ["b", ""], ["c", "<NULL>"])

    assert started.counts() == {"submitted": 3, "created": 3}


def test_of_rows_with_one_key_only_the_last_counts(world):
    world.created("old", Key="K1")

    started = upsert(world).rows(
        ["name", "Key"], ["a", "K1"], ["b", "K2"], ["c", "K1"], ["d", "K2"]
    )

    assert started.counts() == {"submitted": 4, "skipped": 2, "created": 1, "updated": 1}
    assert world.names() == ["c", "d"]


def test_the_last_row_counts_even_if_it_is_refused(world):
    started = upsert(world).rows(["name", "Price", "Key"], ["a", "1", "K"], ["b", "x", "K"])

    assert started.counts() == {"submitted": 2, "skipped": 1, "invalid": 1}
    assert world.names() == []


def test_of_several_items_with_one_key_the_youngest_is_changed(world):
    old, young = (world.created(name, Key="K") for name in ("old", "young"))
    world.change(old, Price="1").succeeded()

    assert upsert(world).rows(["name", "Key"], ["new", "K"]).counts()["updated"] == 1

    assert world.sandbox.item(old).name == "old"
    assert world.sandbox.item(young).name == "new"


@pytest.mark.parametrize("way", ["deletes", "archives"])
def test_items_that_are_gone_do_not_match(world, way):
    getattr(world.sandbox, f"person_{way}")(world.created("old", Key="K"))

    assert upsert(world).rows(["name", "Key"], ["new", "K"]).counts()["created"] == 1


def test_a_match_that_goes_away_before_its_row_is_written_fails(make_world):
    world = make_world(imports=SLOW)
    item_id = world.created("old", Key="K")
    started = upsert(world).rows(["name", "Key"], ["new", "K"])
    world.sandbox.clock.advance(world.sandbox.options.imports.pickup_s)
    assert started.status()["status"] == "PROCESSING"
    world.sandbox.person_deletes(item_id)

    assert started.counts() == {"submitted": 1, "failed": 1}


@pytest.mark.parametrize("title", MATCHABLE)
def test_these_types_can_be_matched(world, title):
    cell = {
        "Price": "0", "Status": "Open", "Due": "2026-11-22", "Call": "+12025550169",
        "Site": "[a](https://x.org/1)", "Mail": "Ann <ann@x.org>",
    }.get(title, "K")  # fmt: skip
    titles = ["name"] if title == "name" else ["name", title]
    for expected in ("created", "updated"):
        row = [cell] if title == "name" else ["PO-1", cell]
        counts = upsert(world, title).rows(titles, row).counts()
        assert counts == {"submitted": 1, expected: 1}


@pytest.mark.parametrize(
    "title", ["Customer", "Paid", "Owner", "Span", "Land", "Linked", "Sum", "Subitems", "Id"]
)
def test_other_types_cannot_be_matched(world, title):
    column = world.column(title)

    refused = start(world, match=f'{{match_column_id: "{column}", behaviour: UPSERT}}')

    assert refused.code == "InvalidArgumentException"


def test_a_link_and_an_address_match_whatever_they_are_called(world):
    site, mail = {"url": "https://x.org/1", "text": "a"}, {"email": "ann@x.org", "text": "Ann"}
    world.created("old", Site=site, Mail=mail)

    assert upsert(world, "Site").rows(
        ["name", "Site"], ["new", "[b](https://x.org/1)"]
    ).counts() == {"submitted": 1, "updated": 1}
    assert upsert(world, "Mail").rows(["name", "Mail"], ["newer", "ann@x.org"]).counts() == {
        "submitted": 1,
        "updated": 1,
    }


def test_numbers_match_by_value_and_texts_exactly(world):
    world.created("old", Price="12.5", Key="K")

    assert upsert(world, "Price").rows(["name", "Price"], ["a", "12.50"]).counts()["updated"] == 1
    assert upsert(world, "Key").rows(["name", "Key"], ["b", "k"], ["c", "K "]).counts() == {
        "submitted": 2,
        "created": 2,
    }


def test_the_file_has_to_have_the_column_that_is_matched(world):
    assert upsert(world).rows(["name"], ["PO-1"]).refusal()[0] == "INVALID_UPLOAD"


def test_subitems_cannot_be_imported_with_a_match(world):
    started = upsert(world).rows(["name", "Key", "name.subitem"], ["PO-1", "K", ""])

    assert started.refusal()[0] == "INVALID_UPLOAD"


def test_the_same_file_twice_doubles_nothing(world):
    rows = [["PO-1", "K1"], ["PO-2", "K2"], ["PO-3", "K3"]]
    world.sandbox.add_fault("import-failed", rows=1)
    broken = upsert(world).rows(["name", "Key"], *rows)
    assert broken.ended()["status"] == "FAILED"
    assert world.names() == ["PO-1"]

    assert upsert(world).rows(["name", "Key"], *rows).counts() == {
        "submitted": 3,
        "created": 2,
        "updated": 1,
    }
    assert world.names() == ["PO-1", "PO-2", "PO-3"]


def test_two_jobs_at_once_do_not_see_each_others_rows(make_world):
    """Nothing is promised about them, so a caller has to keep them apart."""
    world = make_world(imports=SLOW)
    for _ in "12":
        upsert(world).rows(["name", "Key"], ["PO-1", "K"])
    world.sandbox.clock.advance(60)

    assert world.names() == ["PO-1", "PO-1"]


def test_items_that_searches_do_not_know_of_yet_do_not_match(make_world):
    world = make_world(read_lag_s=30)
    upsert(world).rows(["name", "Key"], ["PO-1", "K"])
    world.sandbox.clock.advance(10)
    upsert(world).rows(["name", "Key"], ["PO-1", "K"])
    world.sandbox.clock.advance(60)
    assert len(world.names()) == 2

    assert upsert(world).rows(["name", "Key"], ["PO-1", "K"]).counts()["updated"] == 1
