"""One attempt: what was surely not sent, what nobody knows, and a token that is never shown."""

import asyncio
import contextlib
import json
import logging
import random
import socket
import traceback

import httpx2
import pytest
from pydantic import SecretStr

from order_sync.errors import (
    BoardMismatch,
    ConfigError,
    PausedByBudget,
    SyncError,
    Unreachable,
)
from order_sync.monday import documents
from order_sync.monday.answers import Done, Unknown
from order_sync.monday.client import MondayClient, ReadRefusedError
from order_sync.rules.retry import Remedy

CANARY = "canary-token-3141592653"
BODY = documents.create_groups(["a", "b"], "1").body()
OK = {"data": {"r0": {"id": "1"}, "r1": {"id": "2"}}}


class Clock:
    """A clock that only the injected sleep moves on."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def client_of(handler=None, *, url="http://api.test/v2", timeout_s=5.0, clock=None, **options):
    transport = None if handler is None else httpx2.MockTransport(handler)
    clock = clock or Clock()
    return MondayClient(
        url,
        SecretStr(CANARY),
        "2026-10",
        timeout_s,
        4,
        transport=transport,
        sleep=clock.sleep,
        rng=random.Random(1),
        clock=clock,
        **options,
    )


def send(client, *, key="k1", aliases=2, is_mutation=True):
    async def attempt():
        async with client:
            return await client.send(
                BODY, idempotency_key=key, is_mutation=is_mutation, aliases=aliases
            )

    return asyncio.run(attempt())


def read(client, **options):
    async def attempt():
        async with client:
            return await client.read(documents.board("1"), **options)

    return asyncio.run(attempt())


def answers(*replies):
    """A handler that gives one reply after the other, the last one for ever."""
    left = list(replies)

    def handler(request):
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Exception):
            raise reply
        status, payload, *headers = reply
        return httpx2.Response(status, json=payload, headers=headers[0] if headers else {})

    return handler


def failing(code, status=200, **extensions):
    return (status, {"errors": [{"message": "...", "extensions": {"code": code, **extensions}}]})


def test_the_request_is_what_monday_wants():
    seen = []

    def handler(request):
        seen.append(request)
        return httpx2.Response(200, json=OK, headers={"API-Version": "2026-07"})

    answer = send(client_of(handler))

    (request,) = seen
    assert request.method == "POST"
    assert request.content == BODY
    assert request.headers["authorization"] == CANARY
    assert request.headers["api-version"] == "2026-10"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == "k1"
    assert answer.served_version == "2026-07"
    assert [type(outcome) for outcome in answer.outcomes] == [Done, Done]


def test_a_key_is_sent_only_when_there_is_one():
    seen = []

    def handler(request):
        seen.append(request.headers)
        return httpx2.Response(200, json=OK)

    send(client_of(handler), key=None)

    assert "idempotency-key" not in seen[0]


@pytest.mark.parametrize("error", [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout])
def test_without_a_connection_nothing_was_executed(error):
    answer = send(client_of(answers(error(f"saw {CANARY}"))))

    assert answer.outcomes == ()
    assert answer.not_executed.code == "no_connection"
    assert answer.not_executed.remedy is Remedy.WAIT_AND_REPEAT
    assert CANARY not in repr(answer)


@pytest.mark.parametrize(
    "error",
    [
        httpx2.ReadTimeout,
        httpx2.WriteTimeout,
        httpx2.ReadError,
        httpx2.WriteError,
        httpx2.CloseError,
        httpx2.RemoteProtocolError,
        httpx2.LocalProtocolError,
        httpx2.DecodingError,
        httpx2.ProxyError,
        OSError,
        ValueError,
    ],
)
def test_every_other_failure_leaves_every_row_in_doubt(error):
    answer = send(client_of(answers(error(f"saw {CANARY}"))))

    assert answer.not_executed is None
    assert [type(outcome) for outcome in answer.outcomes] == [Unknown, Unknown]
    assert answer.outcomes[0].code == "no_answer"
    assert CANARY not in repr(answer)


def test_one_call_is_one_attempt_and_no_redirect_is_followed():
    seen = []

    def handler(request):
        seen.append(request.url)
        return httpx2.Response(307, headers={"Location": "http://elsewhere.test/"})

    answer = send(client_of(handler))

    assert len(seen) == 1
    assert [type(outcome) for outcome in answer.outcomes] == [Unknown, Unknown]


# --- a real socket ------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def server(behave):
    """A TCP server; `behave(reader, writer)` is called once the request has been read."""
    requests, serving = [], set()

    async def serve(reader, writer):
        serving.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                )
                requests.append(head + await reader.readexactly(length))
                if not await behave(reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v2", requests
    finally:
        listening.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)
        await listening.wait_closed()


def over_tcp(behave, *, timeout_s=5.0, times=1, **options):
    async def attempt():
        async with server(behave) as (url, requests):
            options.setdefault("clock", Clock())
            async with client_of(url=url, timeout_s=timeout_s, **options) as client:
                got = [
                    await client.send(BODY, idempotency_key="k", is_mutation=True, aliases=2)
                    for _ in range(times)
                ]
            return got, requests

    return asyncio.run(attempt())


def http(payload, *, length=None):
    body = json.dumps(payload).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length or len(body)}\r\n\r\n"
    return head.encode() + body


async def closes_without_answer(reader, writer):
    return False


async def cuts_in_the_middle(reader, writer):
    writer.write(http(OK, length=9_999))
    await writer.drain()
    return False


async def cuts_inside_the_headers(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    await writer.drain()
    return False


async def talks_nonsense(reader, writer):
    writer.write(b"220 mail.test ESMTP\r\n")
    await writer.drain()
    return False


async def never_answers(reader, writer):
    await asyncio.sleep(5)
    return False


async def drips(reader, writer):
    """Bytes often enough for every single read, but never an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
    for _ in range(100):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)
    return False


async def answers_well(reader, writer):
    writer.write(http(OK))
    await writer.drain()
    return True


async def answers_and_hangs_up(reader, writer):
    """Promises to keep the connection, then closes it."""
    writer.write(http(OK))
    await writer.drain()
    return False


@pytest.mark.parametrize(
    "behave",
    [
        closes_without_answer,
        cuts_in_the_middle,
        cuts_inside_the_headers,
        talks_nonsense,
        never_answers,
        drips,
    ],
)
def test_a_request_that_arrived_without_a_whole_answer_is_in_doubt(behave):
    (answer,), requests = over_tcp(behave, timeout_s=0.4)

    assert len(requests) == 1, "one attempt, no repeat of the library"
    assert [type(outcome) for outcome in answer.outcomes] == [Unknown, Unknown]


def test_a_good_server_over_one_kept_connection():
    got, requests = over_tcp(answers_well, times=3)

    assert len(requests) == 3
    assert all(answer.outcomes[1].id == "2" for answer in got)


def test_a_connection_the_server_has_closed_never_sends_a_write_twice():
    got, requests = over_tcp(answers_and_hangs_up, times=3)

    for answer in got:
        assert answer.not_executed is None
    done = [answer for answer in got if isinstance(answer.outcomes[0], Done)]
    assert len(requests) == len(done)


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    answer = send(client_of(url=f"http://127.0.0.1:{port}/v2"))

    assert answer.not_executed.code == "no_connection"


def test_a_request_that_would_reach_the_wire_too_late_is_held_back():
    ticks = iter([0.0, *[9.0] * 20])

    (answer,), requests = over_tcp(answers_well, clock=LateClock(ticks), send_window_s=5.0)

    assert requests == []
    assert answer.not_executed.code == "late"


class LateClock(Clock):
    def __init__(self, ticks):
        super().__init__()
        self.ticks = ticks

    def __call__(self):
        return next(self.ticks)


# --- reads --------------------------------------------------------------------------------------

BOARD = (200, {"data": {"r0": [{"id": "1"}]}})


def test_a_read_is_repeated_until_it_works():
    clock = Clock()
    handler = answers(
        httpx2.ConnectError("x"), httpx2.ReadTimeout("x"), (502, "gateway"), (200, {}), BOARD
    )

    assert read(client_of(handler, clock=clock), give_up_after_s=300)["r0"] == [{"id": "1"}]
    assert len(clock.slept) == 4


def test_a_read_waits_as_long_as_the_server_says():
    clock = Clock()

    read(
        client_of(answers(failing("x", 429, retry_in_seconds=20), BOARD), clock=clock),
        give_up_after_s=30,
    )

    assert 20 <= clock.slept[0] <= 21


def test_a_read_gives_up_in_time():
    clock = Clock()
    with pytest.raises(Unreachable, match="30 s"):
        read(client_of(answers(httpx2.ConnectError("x")), clock=clock))

    assert sum(clock.slept) <= 30
    assert len(clock.slept) > 2


def test_a_read_does_not_wait_for_what_comes_too_late():
    clock = Clock()
    with pytest.raises(Unreachable):
        read(client_of(answers(failing("RATE_LIMIT_EXCEEDED", retry_in_seconds=60)), clock=clock))

    assert clock.slept == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ((401, {"errors": ["Not Authenticated"]}), Unreachable),
        (failing("USER_UNAUTHORIZED"), Unreachable),
        (failing("DAILY_LIMIT_EXCEEDED"), PausedByBudget),
        (failing("InvalidBoardIdException"), BoardMismatch),
        (failing("CursorException"), ReadRefusedError),
        (failing("undefinedField"), ReadRefusedError),
    ],
)
def test_a_read_that_cannot_help_is_not_repeated(reply, error):
    clock = Clock()
    with pytest.raises(error) as caught:
        read(client_of(answers(reply, BOARD), clock=clock))

    assert clock.slept == []
    assert caught.value.hint


def test_partial_data_is_no_answer_to_a_read():
    clock = Clock()
    half = (
        200,
        {
            "data": {"r0": [{"subitems": None}]},
            "errors": [{"path": ["r0"], "extensions": {"code": "FIELD_LIMIT_EXCEEDED"}}],
        },
    )

    read(client_of(answers(half, BOARD), clock=clock))

    assert len(clock.slept) == 1


@pytest.mark.parametrize(
    "reply", [httpx2.ReadError("x"), (500, {}), failing("x"), (401, {}), (200, {"data": None})]
)
def test_optional_information_never_fails(reply):
    async def attempt():
        async with client_of(answers(reply)) as client:
            return await client.read_optional(documents.account())

    assert asyncio.run(attempt()) == {}


def test_optional_information_may_be_partial():
    async def attempt():
        reply = (200, {"data": {"r0": None, "version": {"value": "v"}}, "errors": [{}]})
        async with client_of(answers(reply)) as client:
            return await client.read_optional(documents.account())

    assert asyncio.run(attempt())["version"] == {"value": "v"}


def test_a_write_is_no_read():
    async def attempt():
        async with client_of(answers(BOARD)) as client:
            await client.read(documents.archive_items(["1"]))

    with pytest.raises(ValueError, match="repeated"):
        asyncio.run(attempt())


def test_every_answer_to_a_read_is_told_and_a_write_is_the_callers_own():
    seen = []

    def told(kind, answer):
        seen.append((kind, answer.http_status))

    read(client_of(answers((502, ""), BOARD), on_read=told))
    send(client_of(answers((200, OK)), on_read=told))

    assert seen == [("board", 502), ("board", 200)]


# --- the token ----------------------------------------------------------------------------------


def test_the_token_appears_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.DEBUG)

    def echo(request):
        token = request.headers["authorization"]
        error = {"message": f"bad token {token}", "extensions": {"code": "Unauthorized"}}
        return httpx2.Response(401, json={"errors": [error]}, headers={"x-echo": token})

    client = client_of(echo)
    answer = send(client)
    with pytest.raises(SyncError) as caught:
        read(client_of(echo))

    shown = [
        repr(client),
        str(vars(client)),
        repr(answer),
        "".join(traceback.format_exception(caught.value)),
        caught.value.hint,
        caplog.text,
    ]
    assert not any(CANARY in text for text in shown)


def test_the_token_is_not_logged_over_a_real_socket(caplog):
    caplog.set_level(logging.DEBUG)

    over_tcp(answers_well)
    over_tcp(closes_without_answer)

    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "bad", ["", f"{CANARY}\n", f" {CANARY}", f"{CANARY}\r\nX: y", "ü" + CANARY]
)
def test_a_token_that_cannot_be_a_header_is_refused_without_being_quoted(bad):
    with pytest.raises(ConfigError) as caught:
        MondayClient("http://api.test", SecretStr(bad), "2026-10", 65, 4)

    assert CANARY not in str(caught.value)


def test_a_short_token_of_a_stand_in_does_not_change_what_is_read():
    async def attempt():
        transport = httpx2.MockTransport(answers((200, {"data": {"r0": ["demo order"]}})))
        async with MondayClient(
            "http://api.test", SecretStr("demo"), "2026-10", 5, 1, transport=transport
        ) as client:
            return await client.read(documents.board("1"))

    assert asyncio.run(attempt())["r0"] == ["demo order"]


def test_the_whole_attempt_has_a_limit_not_only_each_read():
    (answer,), _ = over_tcp(drips, timeout_s=0.4)

    assert answer.outcomes[0].reason == "TimeoutError"
