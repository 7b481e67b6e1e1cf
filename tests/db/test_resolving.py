"""What a person decides about a refused order, and how long it stands."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from order_sync.db import counting, known, refused, reports, resolving, staging
from order_sync.db.known import FoundItem, FoundLine
from order_sync.db.refused import ErrorRow
from order_sync.db.resolving import Choice
from order_sync.db.staging import Unit
from order_sync.errors import ConfigError
from order_sync.rules.resolutions import Resolution
from order_sync.rules.values import parse_key

from .helpers import BOARD, line_row, plan_of, send, stage_items, stage_rows

KEY = "joo-1|m01|white"
OTHER = "joo-1|m02|black"
GONE = "gone_from_board"


@pytest.fixture
def refuse(conn, tables, run):
    """Store a refusal as a run would."""

    def refuse(key=KEY, code="column_value", unit=Unit.ITEM, **more):
        error = ErrorRow(
            unit=unit, order_key=key, customer="JOHNNIE O", order_number=key.split("|")[0],
            error_type=code, error_class="data", error_message="what, and what to do",
            **{"payload_hash": "p1", "request_id": "r1"} | more,
        )  # fmt: skip
        refused.store_errors(conn, tables, run, [error])

    return refuse


@pytest.fixture
def resolve(conn, tables, shipped):
    def resolve(resolution, key=KEY, **more):
        choice = Choice(Resolution(resolution), parse_key(key), by=more.pop("by", "anna"), **more)
        return resolving.resolve(conn, tables, shipped, BOARD, choice)

    return resolve


@pytest.fixture
def on_board(conn, tables, run):
    """Put an order line with two sizes into what the board is known to hold."""

    def on_board(key=KEY, item="77"):
        lines = tuple(FoundLine(size, f"{item}-{size}", f"Size {size}", size) for size in "ml")
        found = FoundItem(key, item, "NAME", "GROUP", "g1", "JOHNNIE O", lines)
        known.adopt(conn, tables, run, "99", [found])
        conn.execute(tables.production.update().values(source_hash="s", payload_hash="p"))

    return on_board


def open_rows(conn, tables):
    return sorted(
        (e.order_key, e.size_key, e.error_type) for e in refused.open_errors(conn, tables, BOARD)
    )


def standing(conn, tables):
    return sorted(
        (d.order_key, d.size_key, d.error_type, d.resolution.value)
        for d in refused.decisions(conn, tables, BOARD)
    )


def closed(conn, tables, unit=Unit.ITEM):
    t = refused.table_of(tables, unit)
    return [
        (row.resolution, row.resolved_by, row.resolution_note)
        for row in conn.execute(t.select().order_by(t.c.err_id))
        if row.resolved_date is not None
    ]


def events(conn, tables, *kinds):
    t = tables.events
    return [
        (row.event, row.order_key, row.size_key, row.detail)
        for row in conn.execute(t.select().order_by(t.c.event_id))
        if row.event in kinds
    ]


def held(conn, tables):
    """Item ids and subitem ids MON_* knows."""
    p, s = tables.production, tables.production_subitems
    items = [row["Item ID"] for row in conn.execute(p.select()).mappings()]
    return items, sorted(row.subitem_id for row in conn.execute(s.select()))


# Retry --------------------------------------------------------------------------------------------


def test_a_retried_order_is_free_whatever_attempts_are_used_up(conn, tables, refuse, resolve):
    for _ in range(3):
        refuse(retry_count=5)
    refuse(unit=Unit.SUBITEM, size_key="m")
    resolve("retry", note="label added")
    assert open_rows(conn, tables) == standing(conn, tables) == []
    assert closed(conn, tables) == [("retry", "anna", "label added")]
    refuse()
    assert [e.retry_count for e in refused.open_errors(conn, tables, BOARD)] == [0]


def test_a_decision_is_told_in_the_orders_biography_and_among_the_runs(
    conn, tables, refuse, resolve
):
    refuse()
    resolve("ignore", note="customer knows", by="anna")
    assert events(conn, tables, "RESOLVED") == [
        ("RESOLVED", KEY, None, "ignore by anna: customer knows")
    ]
    latest = reports.last_runs(conn, tables, limit=1)[0]
    assert (latest.command, latest.status, latest.exit_code) == ("errors resolve", "COMPLETED", 0)


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ({"code": "column_value"}, [(KEY, "", "too_long")]),
        ({"size_key": "m"}, [(KEY, "", "column_value"), (KEY, "", "too_long")]),
        ({}, []),
    ],
    ids=["code", "size", "all"],
)
def test_only_what_was_named_is_closed(conn, tables, refuse, resolve, more, left):
    refuse()
    refuse(code="too_long")
    refuse(unit=Unit.SUBITEM, size_key="m")
    resolve("retry", **more)
    assert open_rows(conn, tables) == left


def test_an_order_number_alone_means_every_order_line_of_it(conn, tables, refuse, resolve):
    for key in (KEY, OTHER, "joo-11|m01|white"):
        refuse(key)
    assert [order.order_key for order in resolve("retry", "JOO-1")] == [KEY, OTHER]
    assert open_rows(conn, tables) == [("joo-11|m01|white", "", "column_value")]


def test_only_orders_the_person_agreed_to_are_touched(conn, tables, shipped, refuse):
    refuse(KEY)
    refuse(OTHER)
    choice = Choice(Resolution.RETRY, "joo-1", by="anna")
    resolving.resolve(conn, tables, shipped, BOARD, choice, only={KEY})
    assert open_rows(conn, tables) == [(OTHER, "", "column_value")]


def test_another_boards_refusals_are_left_alone(conn, tables, shipped, refuse):
    refuse()
    with pytest.raises(ConfigError, match="nothing is refused"):
        resolving.find(conn, tables, "another", Choice(Resolution.RETRY, KEY, by="anna"))


# Ignore -------------------------------------------------------------------------------------------


def test_an_ignored_refusal_counts_nowhere_and_does_not_come_back(conn, tables, refuse, resolve):
    refuse()
    refuse(unit=Unit.SUBITEM, size_key="m")
    resolve("ignore")
    refuse()
    refuse(unit=Unit.SUBITEM, size_key="m")
    assert open_rows(conn, tables) == []
    assert counting.open_errors_of(conn, tables, BOARD, None) == []
    assert reports.open_errors(conn, tables) == []
    assert standing(conn, tables) == [
        (KEY, "", "column_value", "ignore"),
        (KEY, "m", "column_value", "ignore"),
    ]


@pytest.mark.parametrize(
    "other",
    [{"payload_hash": "p2"}, {"code": "too_long"}, {"key": OTHER}, {"payload_hash": None}],
    ids=["data", "code", "order", "no hash"],
)
def test_another_refusal_than_the_ignored_one_is_open(conn, tables, refuse, resolve, other):
    refuse()
    resolve("ignore")
    refuse(**other)
    assert len(open_rows(conn, tables)) == 1


@pytest.mark.parametrize("payload_hash", [None, "p1"])
@pytest.mark.parametrize("other", [{"value": "-4"}, {"field": "L"}])
def test_a_bad_cell_is_ignored_while_it_stands_as_it_was(
    conn, tables, refuse, resolve, payload_hash, other
):
    """Quantities are in no payload of the order line, so its fingerprint does not tell."""
    local = {"code": "negative_quantity", "payload_hash": payload_hash, "request_id": None}
    cell = {"field": "M", "value": "-3"}
    refuse(**local, **cell)
    resolve("ignore")
    refuse(**local, **cell)
    assert open_rows(conn, tables) == []
    refuse(**local, **(cell | other))
    assert open_rows(conn, tables) == [(KEY, "", "negative_quantity")]


def test_a_verdict_of_monday_is_the_same_while_the_payload_is(conn, tables, refuse, resolve):
    refuse(field="status_1")
    resolve("ignore")
    refuse(field="")
    assert open_rows(conn, tables) == []


def test_an_ignore_ends_when_the_same_code_was_refused_with_other_data(
    conn, tables, run, refuse, resolve
):
    refuse()
    resolve("ignore")
    refuse(payload_hash="p2")
    assert standing(conn, tables) == []
    refused.close_sent(conn, tables, run, Unit.ITEM, [(KEY, "")])
    refuse()
    assert open_rows(conn, tables) == [(KEY, "", "column_value")]


def test_an_ignored_refusal_can_be_retried(conn, tables, refuse, resolve):
    refuse()
    resolve("ignore")
    resolve("retry")
    assert standing(conn, tables) == []
    refuse()
    assert open_rows(conn, tables) == [(KEY, "", "column_value")]


def test_decisions_say_whose_verdict_it_was(conn, tables, refuse, resolve):
    refuse()
    refuse(code="too_long", request_id=None)
    resolve("ignore")
    found = {d.error_type: d.from_monday for d in refused.decisions(conn, tables, BOARD)}
    assert found == {"column_value": True, "too_long": False}


# Recreate and forget ------------------------------------------------------------------------------


def test_recreating_forgets_the_item_and_its_size_lines(conn, tables, refuse, resolve, on_board):
    on_board(KEY, "77")
    on_board(OTHER, "88")
    refuse(code=GONE)
    refuse(unit=Unit.SUBITEM, size_key="m")
    order = resolve("recreate")[0]
    assert (order.item_id, order.size_lines) == ("77", 2)
    assert held(conn, tables) == (["88"], ["88-l", "88-m"])
    assert open_rows(conn, tables) == standing(conn, tables) == []
    assert events(conn, tables, "FORGOTTEN") == [
        ("FORGOTTEN", KEY, None, "item 77"),
        ("FORGOTTEN", KEY, "l", "subitem 77-l"),
        ("FORGOTTEN", KEY, "m", "subitem 77-m"),
    ]


def test_recreating_a_size_line_leaves_the_item_and_looks_at_it_again(
    conn, tables, refuse, resolve, on_board
):
    on_board()
    refuse(code=GONE, unit=Unit.SUBITEM, size_key="m")
    order = resolve("recreate")[0]
    assert (order.sizes, order.item_id, order.size_lines) == (("m",), None, 1)
    assert held(conn, tables) == (["77"], ["77-l"])
    assert known.unacknowledged_keys(conn, tables, BOARD) == {KEY}
    assert events(conn, tables, "RESOLVED") == [("RESOLVED", KEY, "m", "recreate by anna")]


def test_a_named_size_is_recreated_alone_although_its_order_is_refused_too(
    conn, tables, refuse, resolve, on_board
):
    on_board()
    refuse(code=GONE)
    refuse(code=GONE, unit=Unit.SUBITEM, size_key="m")
    resolve("recreate", size_key="m")
    assert held(conn, tables) == (["77"], ["77-l"])
    assert open_rows(conn, tables) == [(KEY, "", GONE)]


@pytest.mark.parametrize(
    ("code", "request_id"),
    [("negative_quantity", None), ("unknown_label", None), ("group_failed", None),
     ("parent_failed", "r1")],
)  # fmt: skip
def test_a_row_that_is_bad_itself_is_not_healed_by_recreating(
    conn, tables, refuse, resolve, on_board, code, request_id
):
    on_board()
    refuse(code=code, request_id=request_id)
    with pytest.raises(ConfigError, match=code) as stop:
        resolve("recreate")
    assert "order-sync sync" in stop.value.hint
    assert held(conn, tables)[0] == ["77"]
    assert open_rows(conn, tables) == [(KEY, "", code)]


def test_recreating_leaves_refusals_open_that_it_does_not_heal(conn, tables, refuse, resolve):
    refuse(code=GONE)
    refuse(code="unknown_label", request_id=None)
    resolve("recreate")
    assert open_rows(conn, tables) == [(KEY, "", "unknown_label")]


def test_a_forgotten_order_opens_no_refusal_whatever_its_data(
    conn, tables, refuse, resolve, on_board
):
    on_board()
    refuse(code=GONE)
    refuse(code="unknown_label", request_id=None)
    resolve("forget")
    assert held(conn, tables) == ([], [])
    refuse(code=GONE, payload_hash="p9")
    refuse(code="too_long", payload_hash="p9", request_id=None)
    refuse(unit=Unit.SUBITEM, size_key="xl")
    assert open_rows(conn, tables) == []
    assert (KEY, "", GONE, "forget") in standing(conn, tables)


def test_a_forgotten_size_line_says_nothing_about_the_others(conn, tables, refuse, resolve):
    refuse(code=GONE, unit=Unit.SUBITEM, size_key="m")
    resolve("forget")
    refuse(code="column_value", unit=Unit.SUBITEM, size_key="m")
    refuse(code="column_value", unit=Unit.SUBITEM, size_key="l")
    refuse(code="too_long")
    assert open_rows(conn, tables) == [(KEY, "", "too_long"), (KEY, "l", "column_value")]


@pytest.mark.parametrize("resolution", ["retry", "recreate"])
def test_a_forgotten_order_comes_back_whole_when_a_person_says_so(
    conn, tables, refuse, resolve, resolution
):
    refuse(code=GONE)
    refuse(code="unknown_label", request_id=None)
    refuse(unit=Unit.SUBITEM, size_key="m")
    resolve("forget", by="anna", note="cancelled by phone")
    resolve(resolution, by="bert", code=GONE)
    assert standing(conn, tables) == []
    assert {row[:2] for row in closed(conn, tables)} == {(resolution, "bert")}
    assert [row[3] for row in events(conn, tables, "RESOLVED")] == [
        "forget by anna: cancelled by phone",
        f"{resolution} by bert",
    ]


@pytest.mark.parametrize("resolution", ["ignore", "forget"])
def test_a_forgotten_order_cannot_be_decided_the_same_way_again(refuse, resolve, resolution):
    refuse()
    resolve("forget")
    with pytest.raises(ConfigError) as stop:
        resolve(resolution)
    assert "closed as forget" in stop.value.hint


@pytest.mark.parametrize("resolution", ["recreate", "forget"])
def test_what_waits_to_be_sent_of_a_forgotten_item_is_dropped(
    conn, tables, run, refuse, resolve, resolution
):
    batch = stage_items(conn, tables, run, KEY, OTHER)
    parent = staging.staged_ids(conn, tables, [batch], 0)[KEY]
    lines = [line_row(conn, run, batch, KEY, "M", parent)]
    assert stage_rows(conn, tables.staging_subitems, lines) == []
    refuse(code=GONE)
    assert resolve(resolution)[0].dropped == 2
    assert [row.order_key for row in staging.pending_rows(conn, tables, BOARD)] == [OTHER]
    assert len(events(conn, tables, "DROPPED")) == 2


def test_a_retry_leaves_what_waits_to_be_sent(conn, tables, run, refuse, resolve):
    stage_items(conn, tables, run, KEY)
    refuse()
    resolve("retry")
    assert len(staging.pending_rows(conn, tables, BOARD)) == 1


# What stops it ------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [r.value for r in Resolution])
@pytest.mark.parametrize("unit", list(Unit))
def test_nothing_is_decided_while_a_part_is_in_doubt(
    conn, tables, run, refuse, resolve, resolution, unit
):
    batch = stage_items(conn, tables, run, OTHER if unit is Unit.SUBITEM else KEY)
    if unit is Unit.SUBITEM:
        rows = [line_row(conn, run, batch, KEY, "M", parent_item="77")]
        assert stage_rows(conn, tables.staging_subitems, rows) == []
    send(conn, tables, run, batch, unit)
    refuse(code=GONE)
    with pytest.raises(ConfigError, match="still missing") as stop:
        resolve(resolution)
    assert "order-sync sync" in stop.value.hint
    assert open_rows(conn, tables) == [(KEY, "", GONE)]


def test_an_unknown_key_is_told_with_what_is_refused_of_its_number(refuse, resolve):
    refuse(OTHER)
    with pytest.raises(ConfigError) as stop:
        resolve("retry", "JOO-1|M09|RED")
    assert f"{OTHER} column_value" in stop.value.hint
    with pytest.raises(ConfigError, match="nothing is refused of joo-2") as stop:
        resolve("retry", "JOO-2")
    assert "errors list" in stop.value.hint


def test_a_code_or_size_that_is_not_open_is_told_with_those_that_are(refuse, resolve):
    refuse()
    for more in ({"code": "too_long"}, {"size_key": "m"}):
        with pytest.raises(ConfigError) as stop:
            resolve("retry", **more)
        assert f"{KEY} column_value" in stop.value.hint


def test_nothing_is_found_in_a_database_without_tables(database, tables):
    with (
        database.begin() as conn,
        pytest.raises(ConfigError, match="nothing is refused"),
    ):
        resolving.find(conn, tables, BOARD, Choice(Resolution.RETRY, KEY, by="anna"))


def test_refusals_are_stored_with_one_look_at_the_decisions(state, conn, tables, run, refuse):
    looks = []

    @event.listens_for(state.engine, "before_cursor_execute")
    def _count(_conn, _cursor, statement, *_):
        looks.append("resolution IN" in statement)

    refused.store_errors(
        conn, tables, run,
        [ErrorRow(Unit.ITEM, f"k{n}", "C", "N", "too_long", "data", "m") for n in range(20)],
    )  # fmt: skip
    event.remove(state.engine, "before_cursor_execute", _count)
    assert sum(looks) == len(Unit)


def test_standing_decisions_are_found_by_an_index(conn, tables):
    for unit in Unit:
        query = refused.standing_rows(refused.table_of(tables, unit), BOARD)
        sql = query.compile(conn, compile_kwargs={"literal_binds": True})
        assert [step for step in plan_of(conn, str(sql)) if step.startswith("SCAN")] == []
