"""Schema, mapping and sizes: what must not happen to a value on its way to the board."""

from __future__ import annotations

from importlib import resources

import pytest

from order_sync.db.schema import build_tables
from order_sync.errors import BoardMismatch, ConfigError, ExitCode
from order_sync.profile import DEFAULT_PROFILE, parse_profile
from order_sync.rules.mapping import Kind
from order_sync.rules.reading import read_order
from tests.runs.changes import full_order
from tests.runs.world import MAPPING, World, order

lesson = pytest.mark.lesson
TEXT = (
    resources.files("order_sync.profiles")
    .joinpath(f"{DEFAULT_PROFILE}.toml")
    .read_text(encoding="utf-8")
)
ROW = order("GRE-1")
CELL = {Kind.TEXT: "TEXT {}", Kind.NUMBER: "{}.5", Kind.DATE: "2031-02-{:02}"}
# A value of its own in every column that is neither a key nor a list of known labels.
ALL_DIFFERENT = {
    column.source: CELL[column.kind].format(number % 28 + 1)
    for number, column in enumerate(MAPPING.columns)
    if column.source not in {*MAPPING.key, MAPPING.customer, MAPPING.order_type, "UNIT OF MEASURE"}
}


def with_column(line: str) -> str:
    """The shipped profile with one column more."""
    return TEXT.replace("columns = [\n", f"columns = [\n  {line},\n", 1)


def source_without(world: World, column: str) -> None:
    world.has_orders(ROW)
    world.query(f'ALTER TABLE ORDERS_UNIFIED RENAME COLUMN "{column}" TO "SOMETHING ELSE"')


@lesson("A01")
def test_a_run_never_starts_on_a_board_that_calls_a_column_otherwise(world):
    world.has_orders(ROW)
    column = world.sandbox.account.board(world.board.id).column_titled("STYLE")
    column.title = "CUSTOMER_STYLE"

    with pytest.raises(BoardMismatch) as stop:
        world.sync()

    assert any("STYLE" in problem for problem in stop.value.problems)
    assert world.mutations() == 0


@lesson("A02")
def test_a_mapped_column_the_source_lacks_is_never_left_out_in_silence(world):
    source_without(world, "CUSTOMER PRICE")

    with pytest.raises(ConfigError) as stop:
        world.sync()

    assert any("CUSTOMER PRICE" in problem for problem in stop.value.problems)
    assert world.mutations() == 0


@lesson("A03")
def test_an_item_never_arrives_with_its_name_alone(world):
    row = full_order("GRE-1")
    world.has_orders(row)
    world.sync()

    world.assert_board_shows([row])
    (item,) = world.items()
    assert sum(bool(text) for text in item.values.values()) > 15


@lesson("A06")
def test_created_tables_never_lack_a_key_a_check_or_an_index(world):
    world.has_orders(ROW)
    world.sync()
    made = dict(world.query("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    for table in build_tables(MAPPING).metadata.sorted_tables:
        assert "PRIMARY KEY" in made[table.name], table.name
        for index in table.indexes:
            if str(index.name).endswith("_of_batch"):
                continue  # PostgreSQL alone needs it
            assert index.name in made or str(index.name) in made[table.name], index.name
        for constraint in table.constraints:
            if constraint.name and not constraint.name.startswith("ix_"):
                assert str(constraint.name) in made[table.name], constraint.name
        keys = world.query(f'PRAGMA foreign_key_list("{table.name}")')
        assert {(there, column, its) for _, _, there, column, its, *_ in keys} == {
            (key.column.table.name, key.parent.name, key.column.name) for key in table.foreign_keys
        }, table.name


@lesson("A09")
def test_a_source_column_never_has_two_rules():
    twice = with_column('{ source = "ORDER TYPE", title = "KIND OF ORDER" }')
    with pytest.raises(ConfigError) as stop:
        parse_profile(twice, "mine.toml")
    assert any('"ORDER TYPE"' in problem for problem in stop.value.problems)
    assert parse_profile(TEXT, "mine.toml") == MAPPING


@lesson("A10")
def test_two_source_columns_never_fill_one_board_column():
    twice = with_column('{ source = "UK FREIGHT", title = "FREIGHT", kind = "number" }')
    with pytest.raises(ConfigError) as stop:
        parse_profile(twice, "mine.toml")
    assert any("FREIGHT" in problem for problem in stop.value.problems)


@lesson("A11")
def test_a_date_never_goes_to_a_column_of_labels(world):
    world.has_orders(ROW)
    column = world.sandbox.account.board(world.board.id).column_titled("CUSTOMER EX FACTORY DATE")
    column.type = "dropdown"

    with pytest.raises(BoardMismatch) as stop:
        world.sync()

    assert any("it must be date" in problem for problem in stop.value.problems)
    assert world.mutations() == 0


@lesson("A21")
def test_what_is_promoted_never_follows_another_mapping_than_what_was_sent(world):
    row = order("GRE-1", **ALL_DIFFERENT)
    world.has_orders(row)
    world.sync()

    world.assert_board_shows([row])  # every mapped column, on the board and in MON_*
    (item,) = world.items()
    assert len(set(item.values.values())) > 30


@lesson("B01")
def test_a_text_between_the_sizes_is_never_taken_for_a_size():
    assert "INFOR COLOUR CODE" not in MAPPING.sizes.names
    made = read_order(ROW | {"INFOR COLOUR CODE": "1024"}, MAPPING)
    assert {line.label for line in made.sizes} == {"M", "L"}


@lesson("B02")
def test_no_size_of_the_source_is_ever_forgotten(world):
    sizes = {name: place + 1 for place, name in enumerate(MAPPING.sizes.names)}
    world.has_orders(ROW | sizes | {"TOTAL QTY": sum(sizes.values())})
    world.sync()
    (item,) = world.items()
    shown = {line.values["Size"]: int(line.values["Order Qty"]) for line in item.subitems}
    assert shown == sizes
    assert len(shown) == 161


@lesson("B03")
def test_a_size_is_never_mistaken_for_one_whose_label_contains_it():
    made = read_order(ROW | {"M": 1, "L": None, "M/L": 2, "XXL": 3, "2XL": 4, "XL": 5}, MAPPING)
    assert {line.label: line.quantity for line in made.sizes} == {
        "M": 1, "M/L": 2, "XXL": 3, "2XL": 4, "XL": 5,
    }  # fmt: skip


@lesson("B06")
def test_an_order_whose_size_line_fails_is_never_done(world):
    world.extra["ORDER_SYNC_MONDAY__BATCH_SIZE"] = "1"
    world.has_orders(ROW)
    world.sandbox.add_fault("500-alias", alias=0, match="create_subitem", times=0)

    report = world.sync()

    assert report.exit_code is ExitCode.ROWS_LEFT
    assert world.query("SELECT source_hash FROM MON_CustMasterSchedule") == [(None,)]


@lesson("B07")
def test_a_run_without_its_size_lines_never_reports_success(world):
    world.has_orders(ROW)
    report = world.sync()
    (item,) = world.items()
    assert report.size_lines_created == len(item.subitems) == 2
    assert sum(int(line.values["Order Qty"]) for line in item.subitems) == 7


@lesson("B09")
def test_a_changed_quantity_never_stays_off_the_board(world):
    world.has_orders(ROW)
    world.sync()
    changed = ROW | {"M": None, "L": 9, "XL": 2, "TOTAL QTY": 11}
    world.has_orders(changed)

    world.sync()

    assert [line[1:] for line in world.lines_on_board()] == [("L", "9"), ("M", "0"), ("XL", "2")]


@lesson("B14")
def test_size_lines_that_come_late_never_stay_in_staging(world):
    world.has_orders(ROW)
    world.sandbox.add_fault("lose-answer-before-write", match="create_subitem")
    world.sync()

    world.assert_board_shows([ROW])
    states = world.query("SELECT DISTINCT stg_status FROM STG_MON_CustMasterSchedule_Subitems")
    assert states == [("PROMOTED",)]
