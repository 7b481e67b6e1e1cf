"""Bulk import: starting a job, its states over time, and its report."""

import math
from dataclasses import replace

import httpx2
import pytest

from order_sync.sandbox import ImportLimits, SandboxServer
from tests.sandbox.importing import Job, csv_bytes, job, start, upsert

TWO = csv_bytes(["name"], [["PO-1"], ["PO-2"]])
BOTH = pytest.mark.parametrize("field", ["ingest_items", "backfill_items"])


def _limits(**figures):
    return replace(ImportLimits(), **figures)


# Starting ---------------------------------------------------------------------------------------


@BOTH
def test_a_started_job_waits_for_its_file(world, field):
    started = job(world, field)

    assert started.status() == {
        "status": "UPLOAD_PENDING",
        "progress_percentage": 0,
        "fully_imported": False,
        "failure_reason": None,
        "failure_message": None,
        "counts": None,
        "report_created": False,
        "report_url": None,
    }


def test_each_job_has_an_address_of_its_own(world):
    one, other = job(world), job(world)

    assert one.id != other.id
    assert one.upload_url != other.upload_url


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('board_id: 1, group_id: "x"', "InvalidBoardIdException"),
        ('board_id: BOARD, group_id: "x"', "InvalidGroupIdException"),
        ('board_id: SUBITEMS, group_id: "x"', "InvalidArgumentException"),
        (
            'board_id: BOARD, group_id: "GROUP", on_match: {match_column_id: "x", behaviour: SKIP}',
            "InvalidColumnIdException",
        ),
    ],
)
def test_a_job_needs_what_it_names(world, arguments, code):
    names = {
        "BOARD": world.board.id,
        "SUBITEMS": world.board.subitem_board.id,
        "GROUP": world.board.groups[0].id,
    }
    for name, real in names.items():
        arguments = arguments.replace(name, real)

    refused = world.api.ask(f"mutation {{ ingest_items({arguments}) {{ job_id }} }}")

    assert (refused.status, refused.code) == (200, code)
    assert refused.errors[0]["path"] == ["ingest_items"]


def test_backfill_matches_nothing(world):
    refused = start(world, "backfill_items", '{match_column_id: "name", behaviour: SKIP}')

    assert refused.code == "GRAPHQL_VALIDATION_FAILED"


def test_a_job_nobody_started_has_no_status(world):
    refused = world.api.ask('{ fetch_job_status(job_id: "x") { __typename } }')

    assert refused.code == "ResourceNotFoundException"


def test_a_repeat_with_the_same_key_starts_no_second_job(world):
    first, second = (start(world, Idempotency_Key="k") for _ in "12")

    assert second.text == first.text
    assert second.headers["Idempotency-Replayed"] == "true"


def test_a_start_costs_as_much_as_any_write(world):
    start(world)
    world.create()

    imported, created = (record.cost for record in world.sandbox.request_log)
    assert abs(imported - created) < 10


@pytest.mark.parametrize("asked", ["2026-04", "2026-07", "2026-10", "2027-01", "dev"])
def test_every_version_that_can_be_asked_for_imports(world, asked):
    assert start(world, API_Version=asked).data


@pytest.mark.parametrize(
    "document",
    [
        'mutation { backfill_items(board_id: 1, group_id: "x") { job_id } }',
        'mutation { ingest_items(board_id: 1, group_id: "x") { job_id } }',
        '{ fetch_job_status(job_id: "x") { __typename } }',
    ],
)
def test_a_version_before_2026_07_knows_no_imports(make_world, document):
    world = make_world(served_version="2026-04")

    refused = world.api.ask(document)

    assert (refused.status, refused.code) == (400, "GRAPHQL_VALIDATION_FAILED")
    assert world.api.ask("{ me { id } }").data


# Jobs an hour -----------------------------------------------------------------------------------


def test_a_hundred_jobs_an_hour_are_shared_by_both_kinds(world):
    for _ in range(50):
        start(world, "ingest_items").succeeded()
        start(world, "backfill_items").succeeded()
    world.sandbox.clock.advance(600)

    refused = start(world, "backfill_items")

    assert (refused.status, refused.code) == (429, "RATE_LIMIT_EXCEEDED")
    assert "data" not in refused.json
    assert round(world.sandbox.limits.used_today, 1) == 100.1
    wait_ms = refused.errors[0]["extensions"]["retryAfterMs"]
    assert 2_990_000 < wait_ms <= 3_000_000
    assert refused.headers["Retry-After"] == str(math.ceil(wait_ms / 1000))
    assert world.sandbox.refusals["RATE_LIMIT_EXCEEDED"] == 1
    world.sandbox.clock.advance(3000)
    assert start(world).data


def test_only_successful_starts_count(make_world):
    world = make_world(imports=_limits(starts_per_hour=1))
    for _ in range(3):
        world.api.ask('mutation { ingest_items(board_id: 1, group_id: "x") { job_id } }')

    assert start(world).data
    assert start(world).status == 429


def test_a_document_that_starts_one_job_too_many_keeps_the_others(make_world):
    world = make_world(imports=_limits(starts_per_hour=1))
    one = 'ingest_items(board_id: "B", group_id: "G") { job_id }'
    one = one.replace("B", world.board.id).replace("G", world.board.groups[0].id)

    reply = world.api.ask(f"mutation {{ a: {one} b: {one} }}")

    assert reply.status == 200
    assert reply.json["data"]["a"]["job_id"]
    assert reply.json["data"]["b"] is None
    assert reply.code == "RATE_LIMIT_EXCEEDED"


def test_a_start_that_met_the_limit_is_not_remembered_by_its_key(make_world):
    world = make_world(imports=_limits(starts_per_hour=1))
    start(world)
    assert start(world, Idempotency_Key="k").status == 429
    world.sandbox.clock.advance(3600)

    assert start(world, Idempotency_Key="k").data


def test_without_limits_nothing_is_refused(make_world):
    world = make_world(limits=False, imports=_limits(starts_per_hour=0, items_per_hour=0))

    assert job(world).upload(TWO).counts() == {"submitted": 2, "created": 2}


# States over time -------------------------------------------------------------------------------


def test_rows_are_written_as_time_passes(make_world):
    world = make_world(imports=_limits(pickup_s=100, rows_per_s=0.1, report_s=50))
    started = job(world).upload(TWO)
    assert started.status()["status"] == "UPLOAD_PENDING"
    assert world.names() == []

    world.sandbox.clock.advance(105)
    status = started.status()
    assert (status["status"], status["progress_percentage"]) == ("PROCESSING", 0)
    assert status["counts"] == {
        "submitted": 2, "invalid": 0, "skipped": 0, "created": 0, "updated": 0, "failed": 0,
    }  # fmt: skip

    world.sandbox.clock.advance(8)
    status = started.status()
    assert (status["status"], status["progress_percentage"]) == ("PROCESSING", 50)
    assert not status["fully_imported"]
    assert world.names() == ["PO-1"]

    world.sandbox.clock.advance(20)
    status = started.status()
    assert (status["status"], status["progress_percentage"]) == ("COMPLETED", 100)
    assert status["fully_imported"]
    assert not status["report_created"]
    assert world.names() == ["PO-1", "PO-2"]

    world.sandbox.clock.advance(50)
    assert started.status()["report_created"]


def test_items_bear_the_time_at_which_they_were_written(make_world):
    world = make_world(imports=_limits(pickup_s=0, rows_per_s=0.01))
    before = world.sandbox.clock.now()
    job(world).upload(TWO)
    world.sandbox.clock.advance(10_000)

    items = [world.sandbox.account.items[item.id] for item in world.sandbox.items(world.board.id)]

    assert [round((item.created_at - before) / 100) for item in items] == [1, 2]


def test_jobs_on_one_board_go_on_side_by_side(make_world):
    world = make_world(imports=_limits(rows_per_s=0.1))
    for name in "AB":
        job(world).upload(csv_bytes(["name"], [[f"{name}{n}"] for n in range(3)]))
    world.sandbox.clock.advance(100)

    assert world.names() == ["A0", "B0", "A1", "B1", "A2", "B2"]


def test_new_items_come_to_the_end_of_the_group_that_was_named(world):
    world.created("old")
    job(world).upload(TWO).ended()

    assert world.names() == ["old", "PO-1", "PO-2"]
    assert {item.group_title for item in world.sandbox.items(world.board.id)} == {"First"}


def test_rows_for_a_group_that_went_away_fail(world):
    started = job(world).upload(TWO)
    world.sandbox.person_deletes_group(world.board.id, "First")

    assert started.counts() == {"submitted": 2, "failed": 2}
    assert started.errors() == ["Group not found"] * 2


@BOTH
def test_a_job_runs_through_a_real_server(world, field):
    def ask(server, query, **variables):
        body = {"query": query, "variables": variables}
        answer = httpx2.post(server.api_url, json=body, headers={"Authorization": "t"})
        return answer.json()["data"]

    with SandboxServer(world.sandbox) as server:
        document = f"mutation ($b: ID!, $g: ID!) {{ {field}(board_id: $b, group_id: $g)"
        started = ask(
            server,
            document + " { job_id upload_url } }",
            b=world.board.id,
            g=world.board.groups[0].id,
        )[field]
        assert started["upload_url"].startswith(server.url)
        answer = httpx2.put(
            started["upload_url"], content=TWO, headers={"Content-Type": "text/csv"}
        )
        assert answer.status_code == 200
        ended = Job(world, started).ended()
        report = httpx2.get(ended["report_url"].replace("http://sandbox", server.url))

    assert ended["counts"]["created"] == 2
    assert report.status_code == 200


# Capacity ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "most"), [("ingest_items", 10_000), ("backfill_items", 20_000)])
def test_a_job_has_a_limit_of_rows(make_world, field, most):
    world = make_world(items_limit=50_000)
    rows = [[f"PO-{number}"] for number in range(most)]
    assert job(world, field).upload(csv_bytes(["name"], rows)).counts() == {
        "submitted": most,
        "created": most,
    }

    refused = job(make_world(items_limit=50_000), field)
    refused.upload(csv_bytes(["name"], [*rows, ["one more"]]))

    assert refused.refusal()[0] == "INVALID_UPLOAD"


def test_a_board_that_would_overflow_takes_nothing(make_world):
    world = make_world(items_limit=1)
    started = job(world).upload(TWO)

    assert started.refusal()[0] == "BOARD_CAPACITY_EXCEEDED"


def test_updates_need_no_room_on_the_board(make_world):
    world = make_world(items_limit=1)
    world.created("old", Key="K")
    started = upsert(world).rows(["name", "Key"], ["new", "K"])

    assert started.counts() == {"submitted": 1, "updated": 1}


def test_a_board_that_fills_up_meanwhile_fails_the_rest(make_world):
    world = make_world(items_limit=2, imports=_limits(rows_per_s=0.1))
    started = job(world).upload(TWO)
    world.sandbox.clock.advance(15)
    world.created("by somebody else")

    assert started.counts() == {"submitted": 2, "created": 1, "failed": 1}


def test_19000_items_an_hour_can_be_ingested(make_world):
    assert ImportLimits().items_per_hour == 19_000
    world = make_world(imports=_limits(items_per_hour=3))
    job(world).upload(TWO).ended()
    refused = job(world).upload(TWO)

    assert refused.ended()["status"] == "REJECTED"
    assert refused.status()["failure_reason"] == "ACCOUNT_CAPACITY_EXCEEDED"
    assert len(world.names()) == 2
    assert job(world, "backfill_items").upload(TWO).counts()["created"] == 2
    world.sandbox.clock.advance(3600)
    assert job(world).upload(TWO).counts()["created"] == 2


def test_the_budget_is_reserved_when_processing_begins(make_world):
    world = make_world(imports=_limits(items_per_hour=3, rows_per_s=0.001))
    first, second = (job(world).upload(TWO) for _ in "12")
    world.sandbox.clock.advance(10)

    assert first.status()["status"] == "PROCESSING"
    assert second.status()["failure_reason"] == "ACCOUNT_CAPACITY_EXCEEDED"


@pytest.mark.parametrize(
    "rows", [[["PO-1", "x"], ["PO-2", "1"]], [["PO-1", "7"], ["PO-2", "1"]]], ids=["bad", "known"]
)
def test_budget_of_rows_that_are_not_written_is_given_back(make_world, rows):
    world = make_world(imports=_limits(items_per_hour=3))
    world.created("old", Price="7")
    upsert(world, "Price", "SKIP").rows(["name", "Price"], *rows).counts()

    assert job(world).upload(TWO).counts()["created"] == 2


def test_budget_of_rows_that_failed_is_given_back(make_world):
    world = make_world(imports=_limits(items_per_hour=2))
    world.sandbox.add_fault("import-partly-done", every=1)
    assert job(world).upload(TWO).counts() == {"submitted": 2, "failed": 2}

    assert job(world).upload(TWO).counts()["created"] == 2


# The report -------------------------------------------------------------------------------------


def test_the_report_says_what_became_of_each_row(world):
    world.created("old", Key="K1")
    started = upsert(world).rows(
        ["name", "Key", "Price"],
        ["A", "K1", "1"], ["B, and more", "K2", "2"], ["C", "K3", "x"], ["D", "K2", "4"],
    )  # fmt: skip
    started.ended()

    report = started.report()

    assert [(row["row"], row["name"], row["status"]) for row in report] == [
        ("1", "A", "updated"),
        ("2", "B, and more", "skipped"),
        ("3", "C", "invalid"),
        ("4", "D", "created"),
    ]
    assert [bool(row["error"]) for row in report] == [False, True, True, False]
    assert [row[world.column("Key")] for row in report] == ["K1", "K2", "K3", "K2"]


def test_the_address_of_a_report_lives_ten_minutes_and_a_fresh_one_can_be_had(world):
    started = job(world).upload(TWO)
    old = started.ended()["report_url"]
    assert world.api.http("GET", old).status == 200
    world.sandbox.clock.advance(600)

    assert world.api.http("GET", old).status == 403
    assert world.api.http("GET", started.status()["report_url"]).status == 200


def test_a_rejected_job_has_no_report(world):
    started = job(world).upload(b"")

    assert started.refusal()[0] == "INVALID_UPLOAD"
    assert not started.status()["report_created"]
    assert started.status()["counts"] is None
