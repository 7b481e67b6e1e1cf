"""One attempt at a time: headers, timeout, answer or the reason why there is none.

Nothing is repeated behind the caller's back: a write's repeat is a new intent, recorded first.
Only `read` tries again, because reading twice does no harm.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import httpx2
from pydantic import SecretStr

from order_sync import __version__
from order_sync.errors import BoardMismatch, ConfigError, PausedByBudget, SyncError, Unreachable
from order_sync.monday.answers import Answer, lost, never_sent, read_answer
from order_sync.monday.documents import Document
from order_sync.monday.echoes import Echoes
from order_sync.monday.gate import Gate
from order_sync.rules.budget import Ledger
from order_sync.rules.retry import LATE, NO_CONNECTION, UNREADABLE, ErrorRule, Remedy, backoff
from order_sync.rules.sizing import Sizing

IDLE_S = 5.0  # an idle connection older than this may have been closed by the server meanwhile
SPARE_CONNECTIONS = 4  # for look-ups beside the writes
OPTIONAL_READ_S = 10.0  # how long information that is only nice to know may take

Sleep = Callable[[float], Awaitable[None]]

# Exceptions that prove that no byte of the request left this machine.
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_AGAIN = (Remedy.WAIT_AND_REPEAT, Remedy.LOOK_UP_FIRST, Remedy.RETRY_ROW)


class ReadRefusedError(SyncError):
    """monday.com refuses to answer a question, for good; `rule` says why."""

    code = "read_refused"

    def __init__(self, rule: ErrorRule, message: str) -> None:
        super().__init__(f"monday.com refuses a question: {message or rule.code}", hint=rule.advice)
        self.rule = rule


class _HeldBackError(Exception):
    """The request reached the wire later than its intent allows, and was stopped before it."""


class MondayClient:
    """Sends documents to monday.com; an async context manager, for one event loop.

    api_url: where to POST. timeout_s: longest time of one attempt; longer than the server's own
    limit plus the window, or each slow answer becomes an unknown outcome. concurrency: requests
    the caller will have in flight. gate: where reads wait for the account's limits; who sends a
    write waits there himself, before he stores his intent. send_window_s: a request not on the
    wire by then is held back. on_read: called with the kind and the answer of every read, so that
    it can be recorded.
    """

    def __init__(
        self,
        api_url: str,
        token: SecretStr,
        api_version: str,
        timeout_s: float,
        concurrency: int,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        gate: Gate | None = None,
        send_window_s: float = 5.0,
        sleep: Sleep | None = None,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_read: Callable[[str, Answer], None] | None = None,
    ) -> None:
        if not _can_be_a_header(token.get_secret_value()):
            # The library's own complaint would quote the token.
            raise ConfigError(
                "The monday.com token is empty or holds blanks, line breaks or odd characters.",
                hint="Set MONDAY_API_TOKEN to the token alone.",
            )
        self.api_version = api_version
        self._api_url = api_url
        self._token = token
        self._echoes = Echoes(token)
        self._timeout_s = timeout_s
        self._concurrency = concurrency
        self._transport = transport
        self._send_window_s = send_window_s
        self.gate = gate or Gate(Ledger(concurrency=concurrency), Sizing(1), clock=clock)
        self._sleep = sleep or self.gate.pause
        self._rng = rng or random.Random()  # noqa: S311 - spreads waits, guards no secret
        self._clock = clock
        self._on_read = on_read
        self._http: httpx2.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        for name in ("httpx2", "httpcore2"):
            # Their debug lines quote what servers send back.
            logging.getLogger(name).setLevel(logging.WARNING)
        self._http = httpx2.AsyncClient(
            headers={
                "Authorization": self._token.get_secret_value(),
                "API-Version": self.api_version,
                "Content-Type": "application/json",
                "User-Agent": f"order-sync/{__version__}",
            },
            transport=self._transport,
            # A proxy cannot reach the stand-in on this machine.
            trust_env=not _is_loopback(self._api_url),
            http2=False,
            follow_redirects=False,
            limits=httpx2.Limits(
                max_connections=self._concurrency + SPARE_CONNECTIONS,
                max_keepalive_connections=self._concurrency + SPARE_CONNECTIONS,
                keepalive_expiry=IDLE_S,
            ),
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def send(
        self,
        document_body: bytes,
        *,
        idempotency_key: str | None,
        is_mutation: bool,
        aliases: int,
        timeout_s: float | None = None,
        began: float | None = None,
    ) -> Answer:
        """One attempt; whatever goes wrong is in the answer.

        timeout_s: shorter than the client's own, for reads in a hurry. began: when the intent
        was stored, by the client's clock; the send window counts from there.
        """
        began = self._clock() if began is None else began
        rows = aliases if is_mutation else 0
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                response = await self._post(document_body, idempotency_key, timeout_s, began)
        except _HeldBackError:
            answer = never_sent(LATE, "the request was not on the wire in time")
        except _NOT_SENT as error:
            answer = never_sent(NO_CONNECTION, type(error).__name__)
        except Exception as error:
            # Whatever broke, the request may have arrived. Only the kind of error is told: its
            # text may quote what was sent.
            answer = lost(rows, type(error).__name__)
        else:
            content = self._echoes.out_of_body(response.content)
            headers = self._echoes.out_of_headers(response.headers)
            answer = read_answer(response.status_code, headers, content, aliases, is_mutation)
            answer = replace(answer, body=content)
        return replace(answer, duration_s=self._clock() - began)

    async def _post(
        self,
        body: bytes,
        idempotency_key: str | None,
        timeout_s: float | None,
        began: float,
    ) -> httpx2.Response:
        if self._http is None:
            raise RuntimeError("the client is used outside its `async with` block")

        async def on_progress(event: str, _: Mapping[str, Any]) -> None:
            late = self._clock() - began > self._send_window_s
            if late and event.endswith("send_request_headers.started"):
                raise _HeldBackError

        wait = timeout_s or self._timeout_s
        window = min(wait, self._send_window_s)
        return await self._http.post(
            self._api_url,
            content=body,
            headers={} if idempotency_key is None else {"Idempotency-Key": idempotency_key},
            timeout=httpx2.Timeout(wait, connect=window, pool=window),
            extensions={"trace": on_progress},
        )

    async def read(self, document: Document, *, give_up_after_s: float = 30.0) -> Mapping[str, Any]:
        """The data of a read-only document; tries again until the time is up.

        Raises:
            Unreachable: no usable answer in time, or the token is refused.
            PausedByBudget: the calls of the day are used up.
            BoardMismatch: the board asked for is not there.
            ReadRefusedError: the question itself is refused.
        """
        if document.is_mutation:
            raise ValueError("a write may not be repeated blindly")
        ends = self._clock() + give_up_after_s
        attempt = 0
        while True:
            attempt += 1
            asked = self._clock()
            answer = await self._ask(document, ends - self._clock())
            if self.gate.patient:
                ends += max(0.0, self._clock() - asked - answer.duration_s)
            self._check_version(answer)
            problem = answer.problem
            if problem is None and answer.data.get("r0") is not None:
                return answer.data
            problem = problem or UNREADABLE
            if problem.remedy not in _AGAIN:
                raise _hopeless(problem, answer)
            pause = backoff(attempt, self._rng, answer.retry_after_s)
            if self.gate.patient and problem.remedy is Remedy.WAIT_AND_REPEAT:
                ends += answer.retry_after_s
            if self._clock() + pause > ends:
                raise Unreachable(
                    f"monday.com gave no usable answer within {give_up_after_s:g} s"
                    f" ({problem.code}, HTTP {answer.http_status or 'none'}).",
                    hint=problem.advice,
                )
            await self._sleep(pause)

    async def read_optional(self, document: Document) -> Mapping[str, Any]:
        """Whatever part of the data could be read in one attempt; {} when none."""
        answer = await self._ask(document, OPTIONAL_READ_S)
        return answer.data

    async def _ask(self, document: Document, seconds_left: float) -> Answer:
        """One attempt of a read, in its place of the budget."""
        async with self.gate.slot(document.kind, 0, urgent=True) as slot:
            slot.answer = answer = await self.send(
                document.body(),
                idempotency_key=None,
                is_mutation=False,
                aliases=1,
                timeout_s=min(self._timeout_s, max(1.0, seconds_left)),
            )
        if self._on_read is not None:
            self._on_read(document.kind, answer)
        return answer

    def _check_version(self, answer: Answer) -> None:
        """Another version may give other values for the same question: stop before any write."""
        served = answer.served_version
        if served and served != self.api_version:
            raise BoardMismatch(
                f"monday.com serves API version {served}, not {self.api_version} as asked for.",
                hint="Install a newer order-sync, or set monday.api_version after a rehearsal.",
            )


def _is_loopback(url: str) -> bool:
    host = httpx2.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _can_be_a_header(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and token == token.strip()


def _hopeless(problem: ErrorRule, answer: Answer) -> SyncError:
    """What a read ends with when asking again cannot help."""
    said = next((error.message for error in answer.errors if error.rule is problem), "")
    if problem.remedy is Remedy.STOP_RUN_TOKEN:
        return Unreachable(f"monday.com refuses access ({problem.code}).", hint=problem.advice)
    if problem.remedy is Remedy.PAUSE_DAY:
        return PausedByBudget(
            "The account's monday.com calls of the day are used up.",
            hint=problem.advice,
            retry_after_s=answer.retry_after_s or None,
        )
    if problem.remedy is Remedy.STOP_RUN_BOARD:
        return BoardMismatch(
            f"The board cannot be read: {said or problem.code}", hint=problem.advice
        )
    return ReadRefusedError(problem, said)
