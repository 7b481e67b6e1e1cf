"""Imports that go wrong on demand, and what a caller sees of it."""

from dataclasses import replace

import httpx2
import pytest

from order_sync.sandbox import ImportLimits, SandboxServer
from tests.sandbox.importing import Job, csv_bytes, job, start

THREE = csv_bytes(["name"], [["PO-1"], ["PO-2"], ["PO-3"]])


def _job(world, fault, **settings):
    world.sandbox.add_fault(fault, **settings)
    return job(world)


def test_a_job_can_stand_still_for_ever(world):
    started = _job(world, "import-stuck", rows=1).upload(THREE)
    world.sandbox.clock.advance(1_000_000)

    status = started.status()

    assert (status["status"], status["progress_percentage"]) == ("PROCESSING", 33)
    assert status["counts"]["created"] == 1
    assert world.names() == ["PO-1"]


def test_a_job_that_stood_still_can_go_on(world):
    started = _job(world, "import-stuck", rows=1, seconds=500).upload(THREE)
    world.sandbox.clock.advance(400)
    assert started.status()["status"] == "PROCESSING"

    assert started.counts() == {"submitted": 3, "created": 3}


def test_a_job_that_stands_still_holds_up_no_other(world):
    _job(world, "import-stuck").upload(THREE)

    assert job(world).upload(THREE).counts()["created"] == 3


@pytest.mark.parametrize("rows", [0, 2])
def test_a_job_can_break_off_and_what_it_wrote_stays(world, rows):
    started = _job(world, "import-failed", rows=rows).upload(THREE)

    status = started.ended()

    assert status["status"] == "FAILED"
    assert (status["failure_reason"], status["failure_message"]) == ("INTERNAL_ERROR", None)
    assert not status["fully_imported"]
    assert status["counts"]["created"] == rows == len(world.names())
    assert [row["status"] for row in started.report()] == ["created"] * rows + [""] * (3 - rows)


def test_budget_of_rows_that_were_not_tried_is_given_back(make_world):
    world = make_world(imports=replace(ImportLimits(), items_per_hour=4))
    _job(world, "import-failed", rows=1).upload(THREE).ended()

    assert job(world).upload(THREE).counts()["created"] == 3


@pytest.mark.parametrize("reason", ["AUTHORIZATION_FAILED", "PERMISSION_DENIED"])
def test_a_job_can_be_rejected_for_a_lack_of_rights(world, reason):
    started = _job(world, "import-rejected", reason=reason).upload(THREE)

    refused, message = started.refusal()

    assert refused == reason
    assert message


def test_a_completed_job_can_hide_rows_that_failed(world):
    started = _job(world, "import-partly-done", every=2).upload(THREE)

    status = started.ended()

    assert (status["status"], status["fully_imported"]) == ("COMPLETED", True)
    assert status["counts"]["failed"] == 1
    assert world.names() == ["PO-1", "PO-3"]


@pytest.mark.parametrize(("arrives", "again"), [(1, 403), (0, 200)])
def test_the_answer_to_an_upload_can_be_lost(world, arrives, again):
    with SandboxServer(world.sandbox) as server:
        started = _job(world, "import-upload-lost", arrives=arrives)
        url = started.upload_url.replace("http://sandbox", server.url)
        sent = {"content": THREE, "headers": {"Content-Type": "text/csv"}}
        with pytest.raises(httpx2.TransportError):
            httpx2.put(url, **sent)

        assert httpx2.put(url, **sent).status_code == again
    assert started.counts() == {"submitted": 3, "created": 3}


def test_a_fault_stays_with_the_job_it_struck(world):
    struck, spared = _job(world, "import-failed"), job(world)

    assert struck.upload(THREE).ended()["status"] == "FAILED"
    assert spared.upload(THREE).ended()["status"] == "COMPLETED"


def test_faults_of_imports_strike_starts_of_imports_alone(world):
    fault = world.sandbox.add_fault("import-failed", match="ingest_items")
    world.created()
    job(world, "backfill_items")
    assert fault.fired == 0

    job(world)

    assert fault.fired == 1


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("import-failed", {"reason": "NO_SUCH_REASON"}),
        ("import-partly-done", {"every": 0}),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(world, name, settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        world.sandbox.add_fault(name, **settings)


def test_a_start_whose_answer_is_lost_leaves_a_job_that_waits_for_ever(world):
    world.sandbox.add_fault("504-after-write")
    assert start(world, Idempotency_Key="k").status == 504
    world.sandbox.clock.advance(20 * 60)

    started = Job(world, start(world, Idempotency_Key="k").data["ingest_items"])

    assert started.status()["status"] == "UPLOAD_PENDING"
    assert started.put(THREE).status == 403  # its address is too old


def test_a_bug_in_one_job_does_not_spoil_the_rest(world, monkeypatch, caplog):
    started = job(world).upload(THREE)
    monkeypatch.setattr("order_sync.sandbox.imports.jobs.write_row", None)

    assert started.ended()["failure_reason"] == "INTERNAL_ERROR"
    assert "the sandbox failed" in caplog.text
    assert world.api.ask("{ me { id } }").data
