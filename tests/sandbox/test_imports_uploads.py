"""Uploading the file of an import: the address, what it takes, and what it refuses."""

import hashlib
import socket
from dataclasses import replace

import httpx2
import pytest

from order_sync.sandbox import ImportLimits, SandboxServer
from tests.sandbox.importing import csv_bytes, job

TWO = csv_bytes(["name"], [["PO-1"], ["PO-2"]])


def test_the_file_is_taken_with_an_etag(world):
    answer = job(world).put(TWO)

    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["ETag"] == f'"{hashlib.md5(TWO, usedforsecurity=False).hexdigest()}"'


def test_the_address_lives_ten_minutes(world):
    punctual, late = job(world), job(world)
    world.sandbox.clock.advance(599)
    assert punctual.put(TWO).status == 200
    world.sandbox.clock.advance(1)

    assert late.put(TWO).status == 403
    assert late.status()["status"] == "UPLOAD_PENDING"


def test_a_file_is_uploaded_once(world):
    started = job(world).upload(TWO)

    assert started.put(TWO).status == 403
    started.ended()
    assert world.names() == ["PO-1", "PO-2"]


def test_the_signature_of_one_job_does_not_fit_another(world):
    one, other = job(world), job(world)
    one.upload_url = one.upload_url.replace(one.id, other.id)

    answer = one.put(TWO)

    assert answer.status == 403
    assert "SignatureDoesNotMatch" in answer.text


def test_an_address_cannot_be_prolonged(world):
    started = job(world)
    started.upload_url = started.upload_url.replace("until=", "until=9")

    assert started.put(TWO).status == 403


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"x_amz_checksum_crc32": "AAAAAA=="}, 403, "HeadersNotSigned"),
        ({"Content_Type": "application/octet-stream"}, 403, "SignatureDoesNotMatch"),
        ({"Authorization": "token"}, 400, "InvalidArgument"),
    ],
)
def test_headers_that_are_not_part_of_the_signature_are_refused(world, headers, status, code):
    started = job(world)

    answer = started.put(TWO, **headers)

    assert answer.status == status
    assert f"<Code>{code}</Code>" in answer.text
    assert started.put(TWO).status == 200


def test_an_upload_has_to_say_how_long_it_is(world):
    with SandboxServer(world.sandbox) as server:
        started = job(world)
        url = started.upload_url.replace("http://sandbox", server.url)
        in_pieces = httpx2.put(url, content=iter([TWO]), headers={"Content-Type": "text/csv"})

    assert in_pieces.status_code == 411
    assert started.put(TWO).status == 200


def test_an_upload_that_breaks_off_can_be_sent_again(world):
    started = job(world)
    with SandboxServer(world.sandbox) as server:
        where = httpx2.URL(started.upload_url.replace("http://sandbox", server.url))
        head = f"PUT {where.raw_path.decode()} HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
        with socket.create_connection((where.host, where.port)) as connection:
            connection.sendall(f"{head}Content-Length: {len(TWO)}\r\n\r\n".encode() + TWO[:10])

    assert started.upload(TWO).counts() == {"submitted": 2, "created": 2}


def test_the_size_of_a_file_is_checked_after_the_upload(make_world):
    world = make_world(imports=replace(ImportLimits(), file_bytes=10))
    started = job(world)

    assert started.put(b"name\n" + b"x" * 6).status == 200
    assert started.refusal()[0] == "FILE_TOO_LARGE"
    assert job(world).upload(b"name\nPO-1\n").counts() == {"submitted": 1, "created": 1}


def test_a_file_may_have_150_mb():
    assert ImportLimits().file_bytes == 150_000_000


def test_uploads_are_no_requests_to_the_api(world):
    started = job(world)
    asked = world.sandbox.log.total

    started.upload(TWO)

    assert world.sandbox.log.total == asked
