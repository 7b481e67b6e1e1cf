"""Every code of a refusal or warning, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from docs.generator.words import code, table
from order_sync.db.refused import MAX_TRIES
from order_sync.delivery.cargo import RETRY_LATER_S
from order_sync.delivery.sender import REPEATS
from order_sync.rules.refusals import RUN_CODES, SOURCE_CODES, WARNING_CODES, Again, OwnCode
from order_sync.rules.retry import ERROR_TABLE, ErrorRule, Remedy

_AGAIN = {
    Again.EVERY_RUN: "yes, judged anew by every run",
    Again.WITH_ITS_ORDER: "yes, together with its order line",
    Again.LABEL_IS_THERE: "as soon as the board offers the label, or by `order-sync retry`",
    Again.PERSON: "no: a person decides ([how](runbook.md#refusals-that-wait-for-a-person))",
}
_BY_HAND = "when the row changes, or by `order-sync retry`"
_REMEDIES = {
    Remedy.WAIT_AND_REPEAT: f"yes, the same request after a wait; after {REPEATS} times the run "
    "pauses (exit 4)",
    Remedy.LOOK_UP_FIRST: "yes, after a look-up; the rows are in doubt until then",
    Remedy.REFUSE_ROW: _BY_HAND,
    Remedy.SPLIT_DOCUMENT: f"yes, in halves; a row that is refused alone: {_BY_HAND}",
    Remedy.REFRESH_GROUP: "yes, after the group was looked up or made",
    Remedy.RETRY_ROW: f"yes, within the run and again {RETRY_LATER_S // 60} minutes later, "
    f"{MAX_TRIES} times in all",
    Remedy.STOP_RUN_TOKEN: "the run stops (exit 5); run again when it is repaired",
    Remedy.STOP_RUN_BOARD: "the run stops (exit 6); run again when it is repaired",
    Remedy.PAUSE_DAY: "the run pauses (exit 4); run again",
    Remedy.RESTART_LISTING: "yes, at once",
}


def errors_source() -> str:
    return _own_codes(SOURCE_CODES)


def errors_run() -> str:
    return _own_codes(RUN_CODES)


def _own_codes(codes: Iterable[OwnCode]) -> str:
    return table(
        ("code", "what it means", "what to do", "tried again by itself"),
        ((code(c.code), c.meaning, c.to_do, _AGAIN[c.again]) for c in codes),
    )


def errors_monday() -> str:
    return table(
        ("code", "what it means and what to do", "tried again by itself", "monday.com says"),
        (
            (code(rule.code), rule.advice, _REMEDIES[rule.remedy], ", ".join(_says(rule)))
            for rule in ERROR_TABLE
        ),
    )


def _says(rule: ErrorRule) -> Iterator[str]:
    yield from (code(spelling) for spelling in rule.spellings)
    yield from (f"HTTP {status}" for status in rule.statuses)


def errors_warnings() -> str:
    return table(("code", "what it means"), ((code(c.code), c.meaning) for c in WARNING_CODES))
