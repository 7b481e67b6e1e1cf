"""Values written as JSON say what `wire_values` says, however often a cell was written before."""

import json
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from order_sync.delivery.wire_json import REMEMBERED, WireJson
from order_sync.rules.columns import wire_values

TYPES = {"STYLE": "text", "PRICE": "numbers", "WIDTH": "text", "EX-FACTORY": "date",
         "STATUS": "status", "KIND": "dropdown", "NOTES": "long_text"}  # fmt: skip
LABEL_IDS = {"STATUS": {"12": 7, "NEW": 1}}
TEXTS = (
    st.none() | st.text(max_size=80) | st.sampled_from(["12", "NEW", '"', "\\", "\ud800", "ß\n"])
)
NUMBERS = st.none() | st.decimals(-(10**9), 10**9, places=2) | st.sampled_from(
    [Decimal("1"), Decimal("1.0"), Decimal("-0"), Decimal("1E+3")]
)  # fmt: skip
DATES = st.none() | st.dates() | st.just(date(2025, 1, 1))
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "STYLE": TEXTS, "PRICE": NUMBERS, "WIDTH": TEXTS | NUMBERS, "EX-FACTORY": DATES,
        "STATUS": TEXTS, "KIND": TEXTS, "NOTES": TEXTS, "NOT ON THE BOARD": TEXTS,
    },
)  # fmt: skip


@given(st.lists(st.tuples(VALUES, st.booleans()), max_size=6))
def test_it_is_what_the_rule_says(orders):
    wire = WireJson([*TYPES, "NOT ON THE BOARD"], TYPES, LABEL_IDS)
    for values, clear_blanks in orders * 2:
        expected = wire_values(values, TYPES, clear_blanks=clear_blanks, label_ids=LABEL_IDS)
        written = json.loads(wire.of(values, clear_blanks=clear_blanks))
        assert written == expected
        assert [*written] == [*expected]


def test_more_cells_than_are_remembered():
    wire = WireJson(TYPES, TYPES, LABEL_IDS)
    for number in [*range(REMEMBERED + 2), 0]:
        values = {"PRICE": Decimal(number)}
        assert wire.of(values, clear_blanks=False) == f'{{"PRICE":"{number}"}}'
