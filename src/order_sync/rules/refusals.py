"""Every code of our own that an ERR row or an order's biography can carry, and what it means.

Codes of monday.com's errors stand in `rules/retry.py`. A code is stored, counted and documented:
it is never renamed. The rows themselves say more, with field, value and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Again(StrEnum):
    """Whether a refused row is tried again by itself."""

    EVERY_RUN = "EVERY_RUN"  # judged anew by every run: a repaired row goes through
    WITH_ITS_ORDER = "WITH_ITS_ORDER"  # staged anew together with what it waits for
    LABEL_IS_THERE = "LABEL_IS_THERE"  # as soon as the board offers the label, or by `retry`
    PERSON = "PERSON"  # held back until a person has decided


@dataclass(frozen=True)
class OwnCode:
    """One line of the table."""

    code: str
    meaning: str
    to_do: str
    again: Again


@dataclass(frozen=True)
class WarningCode:
    """Something odd about an order that was sent all the same."""

    code: str
    meaning: str


# Found in the source row, before anything is sent.
SOURCE_CODES = (
    OwnCode(
        "missing_key", "A column of the key is blank, so the order cannot be told apart.",
        "Fill it in.", Again.EVERY_RUN,
    ),
    OwnCode(
        "missing_customer", "The customer is blank: the order has no batch and no group.",
        "Fill it in.", Again.EVERY_RUN,
    ),
    OwnCode(
        "duplicate_key", "Several rows have the same key and differ; none of them is sent.",
        "Keep one of them, or name more key columns for the customer in the profile.",
        Again.EVERY_RUN,
    ),
    OwnCode(
        "negative_quantity", "A size has a negative quantity.",
        "Correct the quantity.", Again.EVERY_RUN,
    ),
    OwnCode(
        "invalid_quantity", "A size holds no whole number of pieces, or far too many.",
        "Correct the quantity.", Again.EVERY_RUN,
    ),
    OwnCode(
        "ambiguous_date", "A date may mean day/month or month/day.",
        "Write it as YYYY-MM-DD, or load the file with --dates.", Again.EVERY_RUN,
    ),
    OwnCode(
        "unreadable_date", "A date is none.",
        "Write it as YYYY-MM-DD.", Again.EVERY_RUN,
    ),
    OwnCode(
        "name_too_long", "The item's name would be longer than 255 characters.",
        "Shorten style, colour or order number.", Again.EVERY_RUN,
    ),
    OwnCode(
        "too_long", "A text is longer than its column takes; it is never cut.",
        "Shorten the text.", Again.EVERY_RUN,
    ),
    OwnCode(
        "unknown_label",
        "The board's column does not offer this label, and the profile does not make it.",
        "Add the label on the board, correct the source, or map the value in the profile.",
        Again.EVERY_RUN,
    ),
    OwnCode(
        "label_limit", "The board's column has no room for one more label.",
        "Remove labels nobody uses, or make the column a text column.", Again.EVERY_RUN,
    ),
)  # fmt: skip

# Decided while a run works.
RUN_CODES = (
    OwnCode(
        "not_stored", "The staging table refuses the row.",
        "Correct the source; the message says what the database did not take.", Again.EVERY_RUN,
    ),
    OwnCode(
        "group_failed", "The order's group could not be made; there is no default group.",
        "See the message for monday.com's reason.", Again.EVERY_RUN,
    ),
    OwnCode(
        "parent_failed", "A size line whose order line was refused or is gone.",
        "Repair the order line.", Again.WITH_ITS_ORDER,
    ),
    OwnCode(
        "label_refused", "The board lacks a label, and the token's user may not create it.",
        "Add the label on the board, or let the user change the board's structure.",
        Again.LABEL_IS_THERE,
    ),
    OwnCode(
        "duplicate_on_board", "The board holds the order line, or one of its sizes, twice.",
        "Remove all but one on the board, then close the refusal.", Again.PERSON,
    ),
    OwnCode(
        "gone_from_board", "The item was on the board and has left it.",
        "Decide whether it should be there; if so, restore it on the board.", Again.PERSON,
    ),
    OwnCode(
        "outcome_unknown", "monday.com never gave a usable answer, and the board does not show it.",
        "Look at the board and at monday.com's status page, then close the refusal.", Again.PERSON,
    ),
)  # fmt: skip

OWN_CODES = (*SOURCE_CODES, *RUN_CODES)

WARNING_CODES = (
    WarningCode("total_differs", "The sizes do not add up to the row's total; the sizes are sent."),
    WarningCode("unknown_season", "No season is filled in; the group says UNKNOWN_SEASON."),
    WarningCode("unreadable_number", "A number is none; the cell stays empty."),
    WarningCode("number_out_of_range", "A number has too many places; the cell stays empty."),
    WarningCode("placeholder_date", "1900-01-01 stands for no date; the cell stays empty."),
)

_WARNED = {warning.code: warning.meaning for warning in WARNING_CODES}


def what_it_means(code: str) -> str:
    """One sentence about the code of a warning; "" for a code nobody knows."""
    return _WARNED.get(code, "")
