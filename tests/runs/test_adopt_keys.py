"""Keys of our own for the rows of an existing board."""

from __future__ import annotations

import pytest

from order_sync.errors import ConfigError, ExitCode
from order_sync.monday.columns import KEY_TITLE

from .adopting import KEYS, adopt, fill, item_of
from .test_sync_key import add_columns
from .world import TOKEN, World


@pytest.fixture
def filled(world: World) -> World:
    return fill(world)


def key_cells(world: World) -> tuple[list[str], list[str]]:
    """The keys of all items, and of all their subitems."""
    items = world.items()
    lines = [line for item in items for line in item.subitems]
    return (
        sorted(item.values.get(KEY_TITLE, "") for item in items),
        sorted(line.values.get(KEY_TITLE, "") for line in lines),
    )


LINE_KEYS = sorted(f"{key}|{size}" for key in KEYS for size in ("m", "l"))


def test_keys_cannot_be_filled_where_there_is_no_column_for_them(filled):
    with pytest.raises(ConfigError) as refusal:
        adopt(filled, fill_keys=True)

    assert "--create-key-columns" in refusal.value.hint
    assert refusal.value.exit_code == 2


def test_keys_are_filled_in_once_and_nothing_else_is_written(filled):
    add_columns(filled)
    own = filled.sandbox.person_creates_subitem(
        item_of(filled, "GRE-1").id, "sample", {"Size": "SAMPLE"}
    )
    began = len(filled.sandbox.request_log)

    report = adopt(filled, fill_keys=True)

    assert (report.exit_code, report.keys_written) == (ExitCode.DONE, 12)
    assert all(list(write.values) == [KEY_TITLE] for write in filled.writes(began))
    assert key_cells(filled) == (KEYS, ["", *LINE_KEYS])
    assert KEY_TITLE not in filled.sandbox.item(own).values
    assert adopt(filled, fill_keys=True).keys_written == 0
    filled.assert_nothing_left_to_do()


def test_without_being_asked_no_key_is_written(filled):
    add_columns(filled)
    before = filled.mutations()

    assert adopt(filled).keys_written == 0

    assert filled.mutations() == before


def test_a_wrong_key_of_a_known_item_is_put_right(filled):
    add_columns(filled)
    adopt(filled, fill_keys=True)
    filled.sandbox.person_sets(item_of(filled, "GRE-1").id, KEY_TITLE, "typed over")

    assert adopt(filled, fill_keys=True).keys_written == 1

    assert key_cells(filled) == (KEYS, LINE_KEYS)


def test_an_item_with_the_key_of_another_order_is_not_matched_by_its_columns(filled):
    add_columns(filled)
    filled.sandbox.person_sets(item_of(filled, "GRE-1").id, KEY_TITLE, "gre-99|m01y09|dean blue")

    report = adopt(filled)

    assert [row.name for row in report.unmatched] == [item_of(filled, "GRE-1").name]
    assert (report.adopted, report.to_create) == (3, 1)


@pytest.mark.parametrize("fault", ["lose-answer-after-write", "lose-answer-before-write"])
def test_a_lost_answer_leaves_keys_to_the_next_time(filled, fault):
    add_columns(filled)
    filled.sandbox.add_fault(fault, times=1, match="change_multiple_column_values")

    adopt(filled, fill_keys=True)
    adopt(filled, fill_keys=True)

    assert key_cells(filled) == (KEYS, LINE_KEYS)
    filled.assert_nothing_left_to_do()


def test_no_token_is_left_behind(filled):
    add_columns(filled)
    adopt(filled, fill_keys=True)
    content = b"".join(path.read_bytes() for path in filled.folder.glob("orders.db*"))
    assert TOKEN.encode() not in content
