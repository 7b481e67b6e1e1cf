"""The shipped profile has the facts right; a wrong profile is told every mistake at once."""

import csv
import os
from importlib import resources
from pathlib import Path

import pytest

from order_sync.errors import ConfigError
from order_sync.profile import (
    DEFAULT_PROFILE,
    load_profile,
    parse_profile,
    profile_schema,
    shipped_profiles,
)
from order_sync.rules.mapping import Kind, LabelPolicy

TEXT = (
    resources.files("order_sync.profiles")
    .joinpath(f"{DEFAULT_PROFILE}.toml")
    .read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def mapping():
    return load_profile(DEFAULT_PROFILE)


def problems_of(text):
    with pytest.raises(ConfigError) as caught:
        parse_profile(text, "mine.toml")
    return caught.value.problems


def changed(old, new):
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def line_of(text, part):
    return next(n for n, line in enumerate(text.splitlines(), start=1) if part in line)


def test_the_shipped_profile_has_44_required_and_2_optional_columns(mapping):
    optional = [column.title for column in mapping.columns if not column.required]
    assert optional == ["ORDER QTY", "CUSTOMER COLOR CODE"]
    assert len(mapping.columns) == 44 + 2


def test_the_shipped_profile_has_exactly_161_sizes(mapping):
    assert len(set(mapping.sizes.names)) == len(mapping.sizes.names) == 161
    assert "INFOR COLOUR CODE" not in mapping.sizes.names
    lookalikes = {"OS", "ONE SIZE", "XXL", "2XL", "30/30", "30X30", "30-30L", "M", "M/L"}
    assert lookalikes <= set(mapping.sizes.names)


def test_kinds_are_17_numbers_3_dates_and_texts(mapping):
    kinds = [column.kind for column in mapping.columns]
    assert kinds.count(Kind.NUMBER) == 17  # 16 prices and rates, and ORDER QTY
    assert kinds.count(Kind.DATE) == 3
    assert mapping.column_of("HANDLING").kind is Kind.TEXT


def test_labels_that_decide_how_people_work_are_never_created(mapping):
    created = {c.title for c in mapping.columns if c.labels is LabelPolicy.CREATE}
    assert created == {
        "AAG SEASON", "CUSTOMER SEASON", "CATEGORY", "DROP", "DELIVERY TERMS", "STYLE", "COLOR",
        "HS CODE",
    }  # fmt: skip
    assert mapping.sizes.labels is LabelPolicy.CREATE


def test_the_rules_of_an_order(mapping):
    assert mapping.key == ("AAG ORDER NUMBER", "CUSTOMER STYLE", "CUSTOMER COLOUR DESCRIPTION")
    assert mapping.item_name[-1] == mapping.lookup == "AAG ORDER NUMBER"
    assert mapping.group.seasons == ("CUSTOMER SEASON", "AAG SEASON")
    assert dict(mapping.column_of("ORDER TYPE").values)["active"] == "RECEIVED"
    assert dict(mapping.column_of("US TARIFF RATE").values) == {"true": "0"}
    assert dict(mapping.customer_aliases)["title 9"] == "TITLE NINE"
    assert (mapping.sizes.label_title, mapping.sizes.quantity_title) == ("Size", "Order Qty")


def test_tables_carry_the_suffix(mapping):
    assert mapping.tables.staging == "STG_MON_CustMasterSchedule"
    assert mapping.tables.production == "MON_CustMasterSchedule"
    assert mapping.tables.errors_subitems == "ERR_MON_CustMasterSchedule_Subitems"


def test_the_fingerprint_is_of_the_meaning_not_the_layout(mapping):
    assert parse_profile("# another comment\n" + TEXT, "x").fingerprint == mapping.fingerprint
    other = parse_profile(changed('"TITLE 9" = "TITLE NINE"', '"TITLE 9" = "TITLE 9"'), "x")
    assert other.fingerprint != mapping.fingerprint


def test_every_mistake_is_told_at_once_with_its_line():
    text = (
        changed('{ source = "PO NUMBER" }', '{ source = "PO NUMBER", lables = "known" }')
        .replace('kind = "date"', 'kind = "day"', 1)
        .replace('{ source = "PATTERN ID" }', '{ source = "PATTERN ID", title = "STYLE" }')
        .replace('lookup = "AAG ORDER NUMBER"', 'lookup = "PO NUMBER"')
    )
    problems = problems_of(text)
    assert len(problems) == 4
    unknown = next(p for p in problems if "lables" in p)
    assert unknown.startswith(f"mine.toml:{line_of(text, 'lables')}: columns[2].lables")
    assert 'did you mean "labels"?' in unknown
    wrong_kind = line_of(text, 'kind = "day"')
    assert any(f":{wrong_kind}: " in p for p in problems)
    assert any("STYLE" in p and "one rule only" in p for p in problems)
    assert any(
        p.startswith(f"mine.toml:{line_of(text, 'lookup =')}: order.lookup") for p in problems
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('{ source = "PO NUMBER" }', '{ source = "PO NUMBER", title = "customer" }', "one rule"),
        ('{ source = "DESTINATION" }', '{ source = "FREIGHT", title = "F" }', "one rule"),
        ('"OS",', '"OS", "os",', "the same size"),
        ('"OS",', '"OS", "PO NUMBER",', "so it is no size"),
        ('"TITLE 9" =', '"title  9" = "X"\n"TITLE 9" =', "the same name"),
        ('seasons = ["CUSTOMER SEASON"', 'seasons = ["CUSTOMER SAESON"', "did you mean"),
        ('source = "NOTES" }', 'source = "NOTES", field = "stg_notes" }', "of order-sync itself"),
        ('source = "NOTES" }', 'source = "NOTES", title = "Title" }', "of order-sync itself"),
        ('suffix = "Cust', 'suffix = "x; DROP', "match pattern"),
        ('name_format = "Size {size}"', 'name_format = "Size"', "match pattern"),
        ('quantity_title = "Order Qty"', 'quantity_title = "size"', "two columns"),
        ('{ source = "AAG ORDER NUMBER" }', '{ source = "AAG ORDER NUMBER", kind = "number" }',
         "must be text and required"),
        ("[tables]", "[tables", "not valid TOML"),
        ('suffix = "CustMasterSchedule"', "", "tables.suffix: is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(old, new, told):
    assert any(told in problem for problem in problems_of(changed(old, new)))


def test_an_unknown_profile_lists_the_shipped_ones():
    with pytest.raises(ConfigError) as caught:
        load_profile("customer-master-shedule")
    assert DEFAULT_PROFILE in caught.value.message
    assert DEFAULT_PROFILE in caught.value.hint
    assert shipped_profiles() == (DEFAULT_PROFILE,)


def test_a_profile_is_loaded_from_a_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace(f'name = "{DEFAULT_PROFILE}"', 'name = "mine"'), encoding="utf-8")
    assert load_profile(str(path)).name == "mine"
    with pytest.raises(ConfigError, match="No such file"):
        load_profile(str(tmp_path / "none.toml"))


def test_the_schema_names_every_section():
    assert set(profile_schema()["properties"]) == {
        "name", "columns", "tables", "order", "group", "customers", "sizes", "deleted",
    }  # fmt: skip


@pytest.mark.skipif("ORDER_SYNC_FACTS" not in os.environ, reason="needs the tables of facts")
def test_the_profile_agrees_with_the_documented_mapping(mapping):
    facts = Path(os.environ["ORDER_SYNC_FACTS"])
    with (facts / "mapping.csv").open(encoding="utf-8", newline="") as file:
        rules = [rule for rule in csv.DictReader(file) if 3 <= int(rule["seq"]) <= 48]
    expected = {
        (
            rule["source_field"],
            rule["board_title"],
            rule["staging_field"] or rule["board_title"],
            int(rule["seq"]) <= 46,
        )
        for rule in rules
    }
    assert {(c.source, c.title, c.field, c.required) for c in mapping.columns} == expected
    with (facts / "size_columns.csv").open(encoding="utf-8", newline="") as file:
        assert mapping.sizes.names == tuple(size["name"] for size in csv.DictReader(file))
